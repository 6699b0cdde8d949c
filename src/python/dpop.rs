//! Proofs of possession (RFC 9449) for Python: what a request presents, and the decision about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zeroize::Zeroizing;

use super::convert;
use super::decision::Decision;
use super::jwt_verifier::detached;
use super::request::{each_header, octets, query};
use super::request_url::{KnownUrl, method_and_url};
use super::wall_clock::now;
use crate::jose::confirmation::Confirmation;
use crate::jose::json::{self, Object};
use crate::jose::jws;
use crate::oauth::server::challenge::DpopOffer;
use crate::oauth::server::dpop::{
    AuthScheme, DpopMode, DpopNonces, DpopSettings, DpopVerifier, PossessionRefusal, PresentedRequest, Proven,
    credentials,
};
use crate::outcome::rejection::Rejection;
use crate::runtime::clock;

/// The settings of a provider for proofs, and the proofs that it accepted.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct Dpop {
    verifier: Arc<DpopVerifier>,
    trusts_forwarded: bool,
}

/// What a request presents: a token, under a scheme, and proofs.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct DpopRequest {
    token: Py<PyString>,
    request: PresentedRequest,
    /// The address of the verifier that accepted the proof; 0 for none. A proof is checked once, even if the token of its request is
    /// verified several times.
    accepted_by: AtomicUsize,
}

#[pymethods]
impl Dpop {
    /// Proofs by these settings: `"allowed"` or `"required"`, the names of algorithms, seconds, and the secret of nonces.
    #[new]
    #[pyo3(signature = (mode, algorithms, max_age, nonce, trust_forwarded))]
    fn new(
        mode: &Bound<'_, PyAny>,
        algorithms: Option<&Bound<'_, PyAny>>,
        max_age: &Bound<'_, PyAny>,
        nonce: Option<&Bound<'_, PyAny>>,
        trust_forwarded: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let is_trusted = convert::flag(trust_forwarded, "dpop_trust_forwarded")?;
        let settings = settings(mode, algorithms, max_age, nonce)?;
        let verifier = Arc::new(DpopVerifier::new(settings)?.with_signature_runner(detached));
        Ok(Self { verifier, trusts_forwarded: is_trusted })
    }

    /// Whether the headers of a proxy about the URL of a request are trusted.
    #[getter]
    fn trusts_forwarded(&self) -> bool {
        self.trusts_forwarded
    }

    /// Whether only bound tokens are accepted.
    #[getter]
    fn is_required(&self) -> bool {
        self.verifier.settings().mode() == DpopMode::Required
    }

    /// The names of the accepted algorithms.
    #[getter]
    fn algorithms(&self) -> Vec<&'static str> {
        self.verifier.settings().algorithms().collect()
    }

    /// How many proofs are remembered.
    #[getter]
    fn remembered(&self) -> usize {
        self.verifier.remembered()
    }

    /// The newest nonce, where there are some.
    #[getter]
    fn nonce(&self) -> Option<String> {
        self.verifier.settings().nonces().map(|nonces| nonces.newest(now()))
    }

    /// Decides whether the presenter of a good token may use it. Without a request, the token counts as a bearer token.
    #[pyo3(signature = (decision, request))]
    fn prove<'py>(
        &self,
        decision: &Bound<'py, Decision>,
        request: Option<&Bound<'py, DpopRequest>>,
    ) -> PyResult<Bound<'py, Decision>> {
        let py = decision.py();
        let Some(principal) = decision.get().unproven() else { return Ok(decision.clone()) };
        let Some(claims) = principal.claims() else { return Ok(decision.clone()) };
        let outcome = match self.outcome(principal.token.bind(py), Confirmation::of(claims), request)? {
            Ok(proven) => {
                if proven == Proven::ByKey {
                    principal.showed_key();
                }
                Decision::proven(principal)
            }
            Err(PossessionRefusal::Rejected(rejection, comparison)) => {
                Decision::not_proven(Some(principal), rejection, comparison)
            }
            Err(PossessionRefusal::Unavailable(why)) => Decision::unavailable(why),
        };
        outcome.into_pyobject(py)
    }

    /// Why the presenter must not use a token that another verifier accepted; `None` if it may. `returned` is the JSON text of the claims
    /// `cnf` and `token_type` that the verifier returned; those in a JWT count as well.
    #[pyo3(signature = (token, returned, request))]
    fn refusal(
        &self,
        token: &Bound<'_, PyString>,
        returned: &str,
        request: Option<&Bound<'_, DpopRequest>>,
    ) -> PyResult<Option<Decision>> {
        let text = token.to_str()?;
        let (returned, own) = (json::parse_object(returned.as_bytes()).ok(), payload_of(text));
        let confirmation = match binding(returned.as_ref()) {
            Confirmation::Unbound => binding(own.as_ref()),
            confirmation => confirmation,
        };
        Ok(match self.outcome(token, confirmation, request)? {
            Ok(_) => None,
            Err(PossessionRefusal::Rejected(rejection, comparison)) => {
                Some(Decision::not_proven(None, rejection, comparison))
            }
            Err(PossessionRefusal::Unavailable(why)) => Some(Decision::unavailable(why)),
        })
    }

    /// The challenges of a refusal, each the value of a `WWW-Authenticate` of its own.
    #[pyo3(signature = (decision, request, *, detailed, scopes, resource_metadata))]
    #[allow(clippy::needless_pass_by_value, reason = "Python's lists are extracted by value")]
    fn challenges(
        &self,
        decision: &Decision,
        request: &Bound<'_, PyAny>,
        detailed: bool,
        scopes: Vec<String>,
        resource_metadata: Option<&str>,
    ) -> Vec<String> {
        let algorithms: Vec<_> = self.algorithms();
        let offer = DpopOffer {
            algorithms: &algorithms.join(" "),
            is_required: self.is_required(),
            is_tried: is_tried(request),
        };
        let scopes = scopes.iter().map(String::as_str);
        decision.error_response(detailed).challenges(&offer, scopes, resource_metadata)
    }
}

impl Dpop {
    /// Whether the presenter of a token with this confirmation may use it. Without a request, it counts as a bearer token.
    fn outcome(
        &self,
        token: &Bound<'_, PyString>,
        confirmation: Confirmation<'_>,
        request: Option<&Bound<'_, DpopRequest>>,
    ) -> PyResult<Result<Proven, PossessionRefusal>> {
        let request = request.map(Bound::get).filter(|request| request.is_about(token));
        let address = Arc::as_ptr(&self.verifier) as usize;
        if request.is_some_and(|request| request.accepted_by.load(Ordering::SeqCst) == address) {
            return Ok(Ok(Proven::ByKey));
        }
        let as_bearer = PresentedRequest { scheme: AuthScheme::Bearer, proofs: Vec::new(), method: None, url: None };
        let presented = request.map_or(&as_bearer, |request| &request.request);
        let outcome = self.verifier.verify_confirmed(token.to_str()?, confirmation, presented, now(), clock::now());
        if let (Ok(Proven::ByKey), Some(request)) = (&outcome, request) {
            request.accepted_by.store(address, Ordering::SeqCst);
        }
        Ok(outcome)
    }
}

/// How claims bind a token. Claims that cannot be read bind it in an unknown way.
fn binding(claims: Option<&Object>) -> Confirmation<'_> {
    claims.map_or(Confirmation::Other, Confirmation::of_object)
}

/// The payload of a JWT that another verifier took; nothing for what is no JWT. What cannot be read may bind the token, as is
/// said by `None`.
fn payload_of(token: &str) -> Option<Object> {
    match jws::split(token.as_bytes(), jws::MAX_TOKEN_BYTES) {
        Ok(parts) => json::parse_object(&parts.payload).ok(),
        Err(_) if jws::looks_like_jws(token.as_bytes()) => None,
        Err(_) => Some(Object::default()),
    }
}

#[pymethods]
impl DpopRequest {
    /// What a request presents, or the decision to refuse it. `known_url` is the URL of what is at `path` of the application,
    /// as clients know it; without a path, that of the whole application. Without a URL, that of the request counts, which
    /// has what a proxy says of it where `trusts_forwarded`.
    #[staticmethod]
    #[pyo3(signature = (request, known_url, path, trusts_forwarded))]
    fn of<'py>(
        request: &Bound<'py, PyAny>,
        known_url: Option<&str>,
        path: Option<&str>,
        trusts_forwarded: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = request.py();
        let (mut values, mut proofs) = (Vec::new(), Vec::new());
        // An object of another kind has no headers.
        let _ = each_header(request, |name, value| {
            let Some(name) = octets(name) else { return };
            if name.eq_ignore_ascii_case(b"authorization") {
                values.push(value.clone());
            } else if name.eq_ignore_ascii_case(b"dpop") {
                proofs.push(octets(value).unwrap_or_default().into());
            }
        });
        let headers = values.iter().map(|value| octets(value).unwrap_or(b"Bearer \xff"));
        let query = query(request).ok();
        let found =
            credentials(headers, query.as_ref().and_then(octets).unwrap_or_default()).and_then(|(scheme, token)| {
                match PyString::from_bytes(py, token) {
                    Ok(token) => Ok((scheme, token)),
                    Err(_) => Err(Rejection::MalformedToken),
                }
            });
        let (scheme, token) = match found {
            Ok(found) => found,
            Err(rejection) => return Ok(Decision::rejected(rejection).into_pyobject(py)?.into_any()),
        };
        let known = known_url.map(|url| KnownUrl { url, path });
        let (method, url) = method_and_url(request, known, trusts_forwarded).unwrap_or_default();
        let request = PresentedRequest { scheme, proofs, method, url };
        let presented = Self { token: token.unbind(), request, accepted_by: AtomicUsize::new(0) };
        Ok(presented.into_pyobject(py)?.into_any())
    }

    /// The token.
    #[getter]
    fn token(&self, py: Python<'_>) -> Py<PyString> {
        self.token.clone_ref(py)
    }

    /// Whether the token came under the scheme of RFC 9449.
    #[getter]
    fn is_dpop(&self) -> bool {
        self.request.scheme == AuthScheme::Dpop
    }

    fn __repr__(&self) -> String {
        format!("DpopRequest({} proofs)", self.request.proofs.len())
    }
}

impl DpopRequest {
    fn is_about(&self, token: &Bound<'_, PyString>) -> bool {
        let own = self.token.bind(token.py());
        own.is(token) || matches!((own.to_str(), token.to_str()), (Ok(own), Ok(token)) if own == token)
    }
}

/// The settings of proofs, as an operator gave them.
pub(super) fn settings(
    mode: &Bound<'_, PyAny>,
    algorithms: Option<&Bound<'_, PyAny>>,
    max_age: &Bound<'_, PyAny>,
    nonce: Option<&Bound<'_, PyAny>>,
) -> PyResult<DpopSettings> {
    let mode = match mode.cast::<PyString>().ok().and_then(|mode| mode.to_str().ok()) {
        Some("allowed") => DpopMode::Allowed,
        Some("required") => DpopMode::Required,
        _ => return Err(PyValueError::new_err("dpop must be \"off\", \"allowed\" or \"required\"")),
    };
    let names = convert::texts(algorithms, "dpop_algorithms")?;
    let names = names.as_ref().map(|names| names.iter().map(|name| &**name).collect::<Vec<_>>());
    let names = names.unwrap_or_else(|| DpopSettings::ALGORITHMS.into());
    let max_age = convert::seconds(Some(max_age), "dpop_max_age")?
        .ok_or_else(|| PyValueError::new_err("dpop_max_age must be a number of seconds from 1 to 3600"))?;
    let nonces = nonce
        .map(|secret| -> PyResult<_> {
            let secret = Zeroizing::new(convert::key_bytes(secret, "dpop_nonce")?.to_vec());
            Ok(DpopNonces::new(&secret)?)
        })
        .transpose()?;
    Ok(DpopSettings::new(mode, names, max_age, nonces)?)
}

/// Whether the credentials of a request have the scheme of RFC 9449.
fn is_tried(request: &Bound<'_, PyAny>) -> bool {
    let mut is_tried = false;
    let _ = each_header(request, |name, value| {
        let is_authorization = octets(name).is_some_and(|name| name.eq_ignore_ascii_case(b"authorization"));
        let scheme = octets(value).and_then(|value| value.trim_ascii_start().get(..4));
        is_tried |= is_authorization && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"dpop"));
    });
    is_tried
}
