//! The native half of `JWTVerifier`.

use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::convert::Passed;
use super::current_policy::CurrentPolicy;
use super::decision::Decision;
use super::remote_keys::RemoteKeys;
use super::{convert, explanation, now};
use crate::cache::ProofCache;
use crate::config::Algorithms;
use crate::explain;
use crate::jose::jwt::Claims;
use crate::keys::{self, FixedKeys, KeySource, Patience};
use crate::policy::{CustomCheckFailed, Overrides, Policy};
use crate::rejection::Rejection;
use crate::verifier::Verifier;

/// The most tokens that a cache may be for.
const MOST_CACHED_TOKENS: usize = 10_000_000;

/// Verifies JWTs under keys that were given at construction, or that are fetched.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct JwtVerifier {
    verifier: Arc<Verifier>,
    policy: Arc<CurrentPolicy>,
    short_secret: Option<keys::ShortSecret>,
}

impl JwtVerifier {
    /// What verifies, and by which policy, for somebody who also asks others about tokens.
    pub(super) fn parts(&self) -> (Arc<Verifier>, Arc<CurrentPolicy>) {
        (Arc::clone(&self.verifier), Arc::clone(&self.policy))
    }
}

#[pymethods]
impl JwtVerifier {
    /// `argument` is what the operator calls the key.
    #[new]
    #[pyo3(signature = (
        key, algorithms, *, leeway=None, typ=None, allow_bound_tokens=Passed(None), cache_size=Passed(None), argument="key"
    ))]
    fn new(
        key: &Bound<'_, PyAny>,
        algorithms: &Bound<'_, PyAny>,
        leeway: Option<&Bound<'_, PyAny>>,
        typ: Option<&Bound<'_, PyAny>>,
        allow_bound_tokens: Passed<'_>,
        cache_size: Passed<'_>,
        argument: &str,
    ) -> PyResult<Self> {
        let names = convert::texts(Some(algorithms), "algorithms")?.unwrap_or_default();
        let algorithms = Algorithms::parse(names.iter().map(|name| &**name))?;
        let (source, short_secret): (Arc<dyn KeySource>, _) = if let Ok(remote) = key.cast::<RemoteKeys>() {
            if algorithms.are_symmetric() {
                return Err(PyValueError::new_err(
                    "HS* algorithms need a shared secret, which no URL publishes: give a JWTVerifier the secret, or name the algorithm \
                     of the published keys",
                ));
            }
            (remote.get().source(), None)
        } else {
            let loaded = keys::from_text(convert::key_bytes(key, argument)?, &algorithms)
                .map_err(|error| PyValueError::new_err(format!("{argument}: {error}")))?;
            (Arc::new(FixedKeys::new(loaded.keys)), loaded.short_secret)
        };
        let bound_too = |given| convert::flag(&given, "allow_bound_tokens");
        let policy = policy(leeway, typ, allow_bound_tokens.0.map_or(Ok(false), bound_too)?)?;
        let remembered = |given| convert::whole_number(&given, "cache_size", MOST_CACHED_TOKENS);
        let remembered = cache_size.0.map_or(Ok(0), remembered)?;
        let mut verifier = Verifier::new(algorithms, source);
        if !verifier.algorithms().are_symmetric() {
            verifier = verifier.with_heavy(detached);
        }
        if remembered > 0 {
            verifier = verifier.with_cache(ProofCache::new(remembered));
        }
        Ok(Self { verifier: Arc::new(verifier), policy: Arc::new(CurrentPolicy::new(policy)), short_secret })
    }

    /// How the cache of verified tokens is doing; `None` where there is none.
    fn cache<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(cache) = self.verifier.cache() else { return Ok(None) };
        let counts = cache.counts();
        let dict = PyDict::new(py);
        dict.set_item("entries", counts.entries)?;
        dict.set_item("bytes", counts.bytes)?;
        dict.set_item("hits", counts.hits)?;
        dict.set_item("misses", counts.misses)?;
        Ok(Some(dict))
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

    /// The expected issuers: a str, a list of them, or None for any.
    fn set_issuer(&self, issuer: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.policy.set_issuer(issuer)
    }

    /// The expected audiences: a str, a list of them, or None for any.
    fn set_audience(&self, audience: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.policy.set_audience(audience)
    }

    /// The scopes that a token must grant; `argument` is what the operator calls them.
    #[pyo3(signature = (required_scopes, argument="required_scopes"))]
    fn set_required_scopes(&self, required_scopes: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<()> {
        self.policy.set_required_scopes(required_scopes, argument)
    }

    /// The scopes that a token must grant, as they were parsed.
    #[getter]
    fn required_scopes(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        self.policy.required_scopes(py)
    }

    /// Whether a token's issuer is an expected one.
    fn accepts_issuer(&self, issuer: Option<&str>) -> bool {
        self.policy.get().accepts_issuer(issuer)
    }

    /// Decides about a token. The callables are a subclass's `_validate_issuer` and `_extract_scopes`.
    /// With `waited`, a key that is still not there is unknown, and keys that are still not there are unavailable.
    #[pyo3(signature = (token, validate_issuer=None, extract_scopes=None, *, waited=false))]
    fn decide(
        &self,
        token: &Bound<'_, PyAny>,
        validate_issuer: Option<&Bound<'_, PyAny>>,
        extract_scopes: Option<&Bound<'_, PyAny>>,
        waited: bool,
    ) -> Decision {
        Decision::about(token, |token, text| {
            let policy = self.policy.get();
            let patience = if waited { Patience::None } else { Patience::MayWait };
            let overrides = Subclass { py: token.py(), validate_issuer, extract_scopes };
            Decision::of(self.verifier.verify(text.as_bytes(), &policy, &overrides, now(), patience), token, &policy)
        })
    }

    /// Explains what `decide` says, or `None` while the keys are on their way.
    #[pyo3(signature = (token, validate_issuer=None, extract_scopes=None, *, waited=false))]
    fn explain<'py>(
        &self,
        token: &Bound<'py, PyAny>,
        validate_issuer: Option<&Bound<'_, PyAny>>,
        extract_scopes: Option<&Bound<'_, PyAny>>,
        waited: bool,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let py = token.py();
        let patience = if waited { Patience::None } else { Patience::MayWait };
        let subclass = Subclass { py, validate_issuer, extract_scopes };
        let overrides: Option<&dyn Overrides> =
            if validate_issuer.is_some() || extract_scopes.is_some() { Some(&subclass) } else { None };
        let policy = self.policy.get();
        let text = explanation::token_text(token);
        let explained = explain::explain(&self.verifier, text.as_bytes(), &policy, overrides, now(), patience);
        explained.map(|explanation| explanation::to_dict(py, &explanation)).transpose()
    }
}

/// What both a verifier and an explanation without keys take of a policy.
pub(super) fn policy(
    leeway: Option<&Bound<'_, PyAny>>,
    typ: Option<&Bound<'_, PyAny>>,
    allow_bound_tokens: bool,
) -> PyResult<Policy> {
    let policy = Policy::default()
        .with_leeway(convert::seconds(leeway, "leeway")?)?
        .with_typ(convert::optional_text(typ, "typ")?)?
        .with_bound_tokens(allow_bound_tokens);
    Ok(policy)
}

/// Lets other threads have Python while a public-key signature is checked: for that long it is worth the way there and
/// back. A MAC takes less than that.
fn detached(work: &mut (dyn FnMut() + Send)) {
    Python::attach(|py| py.detach(work));
}

/// The scopes of a claims set in JSON that holds at most `scope` and `scp`.
#[pyfunction]
pub(super) fn scopes_of(claims: &[u8]) -> PyResult<Vec<String>> {
    let claims =
        Claims::parse(claims).map_err(|malformed| PyValueError::new_err(Rejection::from(malformed).to_string()))?;
    Ok(claims.scopes().into_iter().map(str::to_owned).collect())
}

/// The methods that a Python subclass overrides. An exception in one refuses the token, and is shown to nobody but
/// Python's hook for unraisable exceptions: a token must not be able to raise.
struct Subclass<'a, 'py> {
    py: Python<'py>,
    validate_issuer: Option<&'a Bound<'py, PyAny>>,
    extract_scopes: Option<&'a Bound<'py, PyAny>>,
}

impl Subclass<'_, '_> {
    fn asked<T>(&self, method: &Bound<'_, PyAny>, answer: PyResult<T>) -> Result<T, CustomCheckFailed> {
        answer.map_err(|error| {
            error.write_unraisable(self.py, Some(method));
            CustomCheckFailed
        })
    }
}

/// Whether an answer means yes. A coroutine is no answer, and it is true.
fn is_yes(answer: &Bound<'_, PyAny>) -> PyResult<bool> {
    if answer.hasattr("__await__")? {
        return Err(PyTypeError::new_err("it is asynchronous, and must not be: its answer is needed at once"));
    }
    answer.is_truthy()
}

impl Overrides for Subclass<'_, '_> {
    fn accepts_issuer(&self, claims: &Claims) -> Option<Result<bool, CustomCheckFailed>> {
        let method = self.validate_issuer?;
        Some(self.asked(method, method.call1((claims.issuer(),)).and_then(|answer| is_yes(&answer))))
    }

    fn scopes(&self, claims: &Claims) -> Option<Result<Vec<Box<str>>, CustomCheckFailed>> {
        let method = self.extract_scopes?;
        let answer = convert::object_to_dict(self.py, claims.object())
            .and_then(|claims| method.call1((claims,)))
            .and_then(|scopes| convert::texts(Some(&scopes), "the scopes"));
        Some(self.asked(method, answer).map(Option::unwrap_or_default))
    }
}
