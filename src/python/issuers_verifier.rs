//! The native half of a verifier of many issuers.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::claim_templates::ClaimTemplates;
use super::convert::ArgumentOrDefault;
use super::decision::Decision;
use super::explanation;
use super::jwt_verifier::{self, JwtVerifier};
use super::policy::{CurrentPolicy, SharedPolicy};
use super::wall_clock::now;
use crate::explain;
use crate::jose::jws;
use crate::keys::KeyWait;
use crate::policy::Policy;
use crate::untrusted::secrets::Secrets;
use crate::verify::{Issuers, PolicySource, TrustedIssuer};

impl PolicySource for CurrentPolicy {
    fn policy(&self) -> Arc<Policy> {
        Python::attach(|py| self.get(py))
    }
}

/// Verifies the tokens of many issuers, each with its own verifier.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct IssuersVerifier {
    issuers: Issuers,
    /// The scopes that every token must have beside those that its issuer demands.
    common: Arc<CurrentPolicy>,
    templates: Option<Arc<ClaimTemplates>>,
}

#[pymethods]
impl IssuersVerifier {
    #[new]
    #[pyo3(signature = (*, cache_size=ArgumentOrDefault(None)))]
    fn new(cache_size: ArgumentOrDefault<'_>) -> PyResult<Self> {
        let cache = jwt_verifier::token_cache(cache_size)?;
        let templates = ClaimTemplates::beside(cache.as_ref());
        let common = Arc::new(CurrentPolicy::new(Policy::default()));
        Ok(Self { issuers: Issuers::new(cache), common, templates })
    }

    /// Refuses so many issuers, before a verifier of each is made.
    #[staticmethod]
    fn check_count(count: usize) -> PyResult<()> {
        Ok(Issuers::check_count(count)?)
    }

    /// Adds a verifier. Its issuers are trusted from now on.
    fn add(&self, verifier: &JwtVerifier) -> PyResult<()> {
        let (verifier, policy) = verifier.parts();
        Ok(self.issuers.add(TrustedIssuer::new(verifier, policy)?)?)
    }

    /// Removes this issuer, and those that were added with it. Returns whether there was one.
    fn remove(&self, issuer: &str) -> bool {
        self.issuers.remove(issuer)
    }

    /// The issuer of a JWT, by the name under which it was added; `None` if it is not one of these.
    fn trusted_issuer(&self, token: &str) -> Option<String> {
        let (issuer, _) = self.issuers.named(token.as_bytes())?;
        self.issuers.registered_name(&issuer).map(Into::into)
    }

    /// The issuer that a JWT names, if it is not one of these: untrusted.
    fn unlisted_issuer(&self, token: &Bound<'_, PyAny>) -> Option<String> {
        let text = token.cast::<PyString>().ok()?.to_str().ok()?;
        self.issuers.named(text.as_bytes()).and_then(|(issuer, is_known)| (!is_known).then(|| issuer.into()))
    }

    /// Whether a token has the form of a JWT.
    #[staticmethod]
    fn looks_like_jwt(token: &Bound<'_, PyAny>) -> bool {
        token
            .cast::<PyString>()
            .ok()
            .and_then(|text| text.to_str().ok())
            .is_some_and(|text| jws::looks_like_jws(text.as_bytes()))
    }

    /// The counters of the cache of verified tokens; `None` if there is no cache.
    fn cache<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        jwt_verifier::cache_counts(py, self.issuers.cache())
    }

    /// The policy for every token, beside that of its issuer.
    #[getter]
    fn policy(&self) -> SharedPolicy {
        SharedPolicy::of(&self.common)
    }

    /// Decides about a token. With `waited`, keys that are still not there are unavailable.
    #[pyo3(signature = (token, *, waited=false))]
    fn decide(&self, token: &Bound<'_, PyAny>, waited: bool) -> Decision {
        Decision::about(token, |token, text| {
            let decided = self.issuers.verify(text.as_bytes(), &self.common.get(token.py()), now(), key_wait(waited));
            // No server was sent a secret, and a token cannot contain itself.
            Decision::of(decided.decision, token, &decided.policy, self.templates.as_ref(), Secrets::none)
        })
    }

    /// The decision of another provider, unless the token lacks a scope that every token must have, or is denied.
    fn as_for_every_token(&self, py: Python<'_>, decision: &Bound<'_, Decision>) -> PyResult<Py<Decision>> {
        match decision.get().refused_by(&self.common.get(py), now()) {
            None => Ok(decision.clone().unbind()),
            Some(refused) => Py::new(py, refused),
        }
    }

    /// Explains what `decide` says, or `None` while the keys are on their way.
    #[pyo3(signature = (token, *, waited=false))]
    fn explain<'py>(&self, token: &Bound<'py, PyAny>, waited: bool) -> PyResult<Option<Bound<'py, PyDict>>> {
        let text = explanation::token_text(token);
        let explained =
            explain::explain_issued(&self.issuers, text.as_bytes(), &self.common.fixed(), now(), key_wait(waited));
        explained.map(|explanation| explanation::to_dict(token.py(), &explanation)).transpose()
    }
}

fn key_wait(waited: bool) -> KeyWait {
    if waited { KeyWait::Never } else { KeyWait::MayWait }
}
