//! The native half of `OAuthProvider`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use zeroize::Zeroizing;

use super::calls::with_python;
use super::current_policy::CurrentPolicy;
use super::decision::{self, Decision};
use super::jwt_verifier::JwtVerifier;
use super::remote_keys::RemoteKeys;
use super::{convert, now};
use crate::config::ConfigError;
use crate::http::Location;
use crate::oauth::client_authentication::Credentials;
use crate::oauth::resource_server::{IntrospectionAt, ResourceServer};

/// Verifies the tokens of one authorization server, or asks it about them.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct OAuthVerifier {
    server: Arc<ResourceServer>,
    policy: Arc<CurrentPolicy>,
}

#[pymethods]
impl OAuthVerifier {
    /// `verifier` verifies by `keys`, and its policy is the one. `introspection` is the URL of the endpoint, or the
    /// fetched keys whose server names it.
    #[new]
    fn new(
        client_id: &str,
        client_secret: &Bound<'_, PyString>,
        verifier: &JwtVerifier,
        keys: &RemoteKeys,
        introspection: &Bound<'_, PyAny>,
        timeout: &Bound<'_, PyAny>,
        allow_http: bool,
    ) -> PyResult<Self> {
        let secret = client_secret.to_str().map_err(|_| ConfigError::new("client_secret is no Unicode text"))?;
        let credentials = Credentials::new(client_id, Zeroizing::new(secret.to_owned()))?;
        let introspection = if let Ok(keys) = introspection.cast::<RemoteKeys>() {
            IntrospectionAt::MetadataOf(keys.get().remote())
        } else {
            let url = convert::text(introspection, "introspection_url")?;
            IntrospectionAt::Named(Location::parse(url, "introspection_url", allow_http)?)
        };
        let (verifier, policy) = verifier.parts();
        let server =
            ResourceServer::new(verifier, keys.remote(), introspection, credentials, convert::timeout(timeout)?)
                // As all verification is: not while Python forks, which would freeze the cache's locks, nor after its end.
                .with_resume(|verify| with_python(|_| verify()));
        Ok(Self { server: Arc::new(server), policy })
    }

    /// The scopes that a token must grant.
    fn set_required_scopes(&self, required_scopes: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.policy.set_required_scopes(required_scopes)
    }

    /// The scopes that a token must grant, as they were parsed.
    #[getter]
    fn required_scopes(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        self.policy.required_scopes(py)
    }

    /// Decides about a token, which may be pending.
    fn decide(&self, token: &Bound<'_, PyAny>) -> Decision {
        Decision::about(token, |token, text| {
            let policy = self.policy.get();
            Decision::of(self.server.decide(text, &policy, now()), token, &policy)
        })
    }

    /// Decides about a token that is pending, and calls `done` with the decision, from whatever thread.
    fn decide_later(&self, token: &Bound<'_, PyString>, done: Py<PyAny>) -> PyResult<()> {
        let policy = self.policy.get();
        let later = decision::Later::new(token, &policy, done);
        let text = token.to_str()?;
        token.py().detach(|| self.server.decide_later(text, policy, now, Box::new(move |decided| later.is(decided))));
        Ok(())
    }

    /// The decision where no answer came in time.
    fn unanswered(&self) -> Decision {
        Decision::unavailable(self.server.unanswered())
    }
}
