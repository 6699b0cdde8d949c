//! The native half of `JWTVerifier`.

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::claim_rules::ClaimRules;
use super::claim_templates::ClaimTemplates;
use super::claims_dict::claims_to_dict;
use super::convert::ArgumentOrDefault;
use super::decision::Decision;
use super::decision_counters::DecisionCounters;
use super::policy::{self, CurrentPolicy, SharedPolicy};
use super::remote_keys::RemoteKeys;
use super::request::with_token_of;
use super::token_fields::TokenFields;
use super::wall_clock::now;
use super::{convert, explanation};
use crate::explain::{self, SettingNames};
use crate::jose::jwt::Claims;
use crate::keys::Algorithms;
use crate::keys::{self, FixedKeys, KeySet, KeySource, KeyWait, LoadedKeys, ReplaceableKeys};
use crate::outcome::rejection::Rejection;
use crate::policy::{CustomCheckFailed, NoOverrides, Overrides};
use crate::untrusted::secrets::Secrets;
use crate::verify::TokenCache;
use crate::verify::Verifier;

/// The most tokens that a cache may be for.
const MOST_CACHED_TOKENS: usize = 10_000_000;

/// Verifies JWTs under keys that were given at construction, or that are fetched.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct JwtVerifier {
    verifier: Arc<Verifier>,
    policy: Arc<CurrentPolicy>,
    short_secret: Option<keys::ShortSecret>,
    /// The verifier's keys.
    keys: Arc<ReplaceableKeys>,
    keys_are_fetched: bool,
    key_use: Option<Box<str>>,
    templates: Option<Arc<ClaimTemplates>>,
}

impl JwtVerifier {
    /// The verifier and its policy, for a provider that also introspects tokens.
    pub(super) fn parts(&self) -> (Arc<Verifier>, Arc<CurrentPolicy>) {
        (Arc::clone(&self.verifier), Arc::clone(&self.policy))
    }
}

#[pymethods]
impl JwtVerifier {
    /// `argument` is the name of the parameter of the key.
    #[new]
    #[pyo3(signature = (
        key, algorithms, *, leeway=None, typ=None, allow_bound_tokens=ArgumentOrDefault(None), allow_id_tokens=None,
        rules=None, tenants=None, cache_size=ArgumentOrDefault(None), key_use=None, argument="key"
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are those of a verifier")]
    fn new(
        key: &Bound<'_, PyAny>,
        algorithms: &Bound<'_, PyAny>,
        leeway: Option<&Bound<'_, PyAny>>,
        typ: Option<&Bound<'_, PyAny>>,
        allow_bound_tokens: ArgumentOrDefault<'_>,
        allow_id_tokens: Option<&Bound<'_, PyAny>>,
        rules: Option<&Bound<'_, ClaimRules>>,
        tenants: Option<&Bound<'_, PyAny>>,
        cache_size: ArgumentOrDefault<'_>,
        key_use: Option<&str>,
        argument: &str,
    ) -> PyResult<Self> {
        let names = convert::texts(Some(algorithms), "algorithms")?.unwrap_or_default();
        let algorithms = Algorithms::parse(names.iter().map(|name| &**name))?;
        let mut keys_are_fetched = false;
        let (source, short_secret): (Arc<dyn KeySource>, _) = if key.is_none() {
            // `OAuthProvider` without keys asks a server about every token.
            (Arc::new(FixedKeys::new(KeySet::default())), None)
        } else if let Ok(remote) = key.cast::<RemoteKeys>() {
            if algorithms.are_symmetric() {
                return Err(PyValueError::new_err(
                    "HS* algorithms cannot be used with jwks_uri, or any other URL, since a shared secret is not published: give \
                     a JWTVerifier the secret, or name the algorithm of the published keys",
                ));
            }
            keys_are_fetched = true;
            (remote.get().source(), None)
        } else {
            let loaded = loaded_keys(key, argument, &algorithms, key_use)?;
            (Arc::new(FixedKeys::new(loaded.keys)), loaded.short_secret)
        };
        let keys = Arc::new(ReplaceableKeys::new(source));
        let bound_too = |given| convert::flag(&given, "allow_bound_tokens");
        let policy = policy::policy(leeway, typ)?
            .with_bound_tokens(allow_bound_tokens.0.map_or(Ok(false), bound_too)?)
            .with_id_tokens(convert::optional_flag(allow_id_tokens, "allow_id_tokens")?)
            .with_tenants(policy::tenants(tenants)?)
            .with_rules(rules.map(|rules| rules.get().rules()).unwrap_or_default());
        let mut verifier = Verifier::new(algorithms, Arc::clone(&keys) as Arc<dyn KeySource>);
        if !verifier.algorithms().are_symmetric() {
            verifier = verifier.with_signature_runner(detached);
        }
        if let Some(cache) = token_cache(cache_size)? {
            verifier = verifier.with_cache(cache);
        }
        Ok(Self {
            templates: ClaimTemplates::beside(verifier.cache()),
            verifier: Arc::new(verifier),
            policy: Arc::new(CurrentPolicy::new(policy)),
            short_secret,
            keys,
            keys_are_fetched,
            key_use: key_use.map(Into::into),
        })
    }

    /// Uses this key from now on; `None` goes back to the fetched keys. Returns what `short_secret` is for the key.
    fn replace_key(&self, key: &Bound<'_, PyAny>, argument: &str) -> PyResult<Option<(usize, usize)>> {
        if key.is_none() {
            if !self.keys_are_fetched {
                return Err(PyValueError::new_err(format!(
                    "{argument}: without a key no token can be verified: give one"
                )));
            }
            self.keys.replace(None);
            return Ok(None);
        }
        let loaded = loaded_keys(key, argument, self.verifier.algorithms(), self.key_use.as_deref())?;
        self.keys.replace(Some(loaded.keys));
        Ok(loaded.short_secret.map(|short| (short.bytes, short.wanted)))
    }

    /// The counters of the cache of verified tokens; `None` if there is no cache.
    fn cache<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        cache_counts(py, self.verifier.cache())
    }

    /// The accepted algorithms, in the order given.
    #[getter]
    fn algorithms(&self) -> Vec<&'static str> {
        self.verifier.algorithms().iter().map(crate::jose::jwa::Algorithm::name).collect()
    }

    /// Whether the key is a shared secret.
    #[getter]
    fn is_symmetric(&self) -> bool {
        self.verifier.algorithms().are_symmetric()
    }

    /// The length of a secret that is too short, and the length wanted, in bytes.
    #[getter]
    fn short_secret(&self) -> Option<(usize, usize)> {
        self.short_secret.map(|short| (short.bytes, short.wanted))
    }

    /// The policy for its tokens.
    #[getter]
    fn policy(&self) -> SharedPolicy {
        SharedPolicy::of(&self.policy)
    }

    /// Decides about a token. The callables are a subclass's `_validate_issuer` and `_extract_scopes`.
    /// `waited` is how many times the caller waited for keys: after the second, what is not there is not there.
    #[pyo3(signature = (token, validate_issuer=None, extract_scopes=None, *, waited=0))]
    fn decide(
        &self,
        token: &Bound<'_, PyAny>,
        validate_issuer: Option<&Bound<'_, PyAny>>,
        extract_scopes: Option<&Bound<'_, PyAny>>,
        waited: u8,
    ) -> Decision {
        Decision::about(token, |token, text| {
            let policy = self.policy.get(token.py());
            let key_wait = KeyWait::after(waited);
            let raised = RefCell::new(None);
            let overrides = Subclass { py: token.py(), validate_issuer, extract_scopes, raised };
            let decided = self.verifier.verify(text.as_bytes(), &policy, &overrides, now(), key_wait);
            // No server was sent a secret, and a token cannot contain itself.
            Decision::of(decided, token, &policy, self.templates.as_ref(), Secrets::none)
                .with_cause(overrides.raised.take())
        })
    }

    /// Decides about a token without a subclass's checks. If the token is accepted, it is counted, and the result is a dict of the
    /// fields of FastMCP's access token; else the result is the decision.
    fn accept<'py>(
        &self,
        token: &Bound<'py, PyAny>,
        fields: &TokenFields,
        counters: &DecisionCounters,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policy = self.policy.get(token.py());
        let decide = |token: &Bound<'py, PyString>, text: &str| {
            let decided = self.verifier.verify(text.as_bytes(), &policy, &NoOverrides, now(), KeyWait::MayWait);
            Decision::of(decided, token, &policy, self.templates.as_ref(), Secrets::none)
        };
        fields.accept(token, &policy, counters, decide, |text, authentic| {
            self.verifier.update_size(text.as_bytes(), authentic);
            true
        })
    }

    /// The same for the bearer token of a request.
    fn accept_request<'py>(
        &self,
        request: &Bound<'py, PyAny>,
        fields: &TokenFields,
        counters: &DecisionCounters,
    ) -> PyResult<Bound<'py, PyAny>> {
        with_token_of(request, |token| self.accept(token, fields, counters))
    }

    /// Explains what `decide` says, or `None` while the keys are on their way. Settings have the names that the `reader`
    /// knows: a class, or the command.
    #[pyo3(signature = (token, validate_issuer=None, extract_scopes=None, *, waited=0, reader=""))]
    fn explain<'py>(
        &self,
        token: &Bound<'py, PyAny>,
        validate_issuer: Option<&Bound<'_, PyAny>>,
        extract_scopes: Option<&Bound<'_, PyAny>>,
        waited: u8,
        reader: &str,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let py = token.py();
        let key_wait = KeyWait::after(waited);
        let subclass = Subclass { py, validate_issuer, extract_scopes, raised: RefCell::new(None) };
        let overrides: Option<&dyn Overrides> =
            if validate_issuer.is_some() || extract_scopes.is_some() { Some(&subclass) } else { None };
        let policy = self.policy.get(py);
        let text = explanation::token_text(token);
        let names = SettingNames::of_reader(reader);
        let explained = explain::explain(&self.verifier, text.as_bytes(), &policy, overrides, now(), key_wait, names);
        // Explanations are for the operators of the server.
        if let Some(error) = subclass.raised.take() {
            error.write_unraisable(py, None);
        }
        explained.map(|explanation| explanation::to_dict(py, &explanation)).transpose()
    }
}

/// The keys that an operator gave as text.
fn loaded_keys(
    key: &Bound<'_, PyAny>,
    argument: &str,
    algorithms: &Algorithms,
    key_use: Option<&str>,
) -> PyResult<LoadedKeys> {
    keys::from_text_for_use(convert::key_bytes(key, argument)?, algorithms, key_use)
        .map_err(|error| PyValueError::new_err(format!("{argument}: {error}")))
}

/// A cache for this many verified tokens; `None` for 0.
pub(super) fn token_cache(cache_size: ArgumentOrDefault<'_>) -> PyResult<Option<TokenCache>> {
    let tokens = |given| convert::whole_number(&given, "cache_size", MOST_CACHED_TOKENS);
    let tokens = cache_size.0.map_or(Ok(0), tokens)?;
    Ok((tokens > 0).then(|| TokenCache::new(tokens)))
}

/// The counters of a cache of verified tokens.
pub(super) fn cache_counts<'py>(py: Python<'py>, cache: Option<&TokenCache>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(cache) = cache else { return Ok(None) };
    let counts = cache.counts();
    let dict = PyDict::new(py);
    dict.set_item("entries", counts.entries)?;
    dict.set_item("bytes", counts.bytes)?;
    dict.set_item("hits", counts.hits)?;
    dict.set_item("misses", counts.misses)?;
    Ok(Some(dict))
}

/// Detaches from Python while a public-key signature is checked, so that other threads can run. Checking a MAC takes less time
/// than detaching.
pub(super) fn detached(work: &mut (dyn FnMut() + Send)) {
    Python::attach(|py| py.detach(work));
}

/// The scopes of a claims set in JSON that holds at most `scope` and `scp`.
#[pyfunction]
pub(super) fn scopes_of(claims: &[u8]) -> PyResult<Vec<String>> {
    let claims =
        Claims::parse(claims).map_err(|malformed| PyValueError::new_err(Rejection::from(malformed).to_string()))?;
    Ok(claims.scopes().into_iter().map(str::to_owned).collect())
}

/// The methods that a Python subclass overrides. An exception in one refuses the token and is kept for the log, because a token
/// must not be able to raise.
struct Subclass<'a, 'py> {
    py: Python<'py>,
    validate_issuer: Option<&'a Bound<'py, PyAny>>,
    extract_scopes: Option<&'a Bound<'py, PyAny>>,
    /// The exception that one of them raised.
    raised: RefCell<Option<PyErr>>,
}

impl Subclass<'_, '_> {
    fn asked<T>(&self, answer: PyResult<T>) -> Result<T, CustomCheckFailed> {
        answer.map_err(|error| {
            self.raised.replace(Some(error));
            CustomCheckFailed
        })
    }
}

/// Whether an answer means yes. A coroutine is truthy, but not an answer.
fn is_yes(answer: &Bound<'_, PyAny>) -> PyResult<bool> {
    if answer.hasattr("__await__")? {
        return Err(PyTypeError::new_err("it is asynchronous, and must not be: its answer is needed at once"));
    }
    answer.is_truthy()
}

impl Overrides for Subclass<'_, '_> {
    fn accepts_issuer(&self, claims: &Claims) -> Option<Result<bool, CustomCheckFailed>> {
        let method = self.validate_issuer?;
        Some(self.asked(method.call1((claims.issuer(),)).and_then(|answer| is_yes(&answer))))
    }

    fn scopes(&self, claims: &Claims) -> Option<Result<Vec<Box<str>>, CustomCheckFailed>> {
        let method = self.extract_scopes?;
        let answer = claims_to_dict(self.py, claims)
            .and_then(|claims| method.call1((claims,)))
            .and_then(|scopes| convert::texts(Some(&scopes), "the scopes"));
        Some(self.asked(answer).map(Option::unwrap_or_default))
    }
}
