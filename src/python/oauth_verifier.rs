//! The native half of `OAuthProvider`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::calls::with_python;
use super::current_policy::CurrentPolicy;
use super::decision::{self, Decision};
use super::fetch_options::FetchOptions;
use super::jwt_verifier::JwtVerifier;
use super::remote_keys::RemoteKeys;
use super::{convert, now};
use crate::http::Location;
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
        client_id: &Bound<'_, PyAny>,
        client_secret: &Bound<'_, PyAny>,
        verifier: &JwtVerifier,
        keys: &RemoteKeys,
        introspection: &Bound<'_, PyAny>,
        timeout: &Bound<'_, PyAny>,
        options: &FetchOptions,
    ) -> PyResult<Self> {
        let credentials = convert::credentials(client_id, client_secret)?;
        let introspection = if let Ok(keys) = introspection.cast::<RemoteKeys>() {
            IntrospectionAt::MetadataOf(keys.get().remote())
        } else {
            let url = convert::text(introspection, "introspection_url")?;
            IntrospectionAt::Named(Location::parse(url, "introspection_url", options.allow_http)?)
        };
        let (verifier, policy) = verifier.parts();
        let server =
            ResourceServer::new(verifier, keys.remote(), introspection, credentials, convert::timeout(timeout)?)
                // As all verification is: not while Python forks, which would freeze the cache's locks, nor after its end.
                .with_resume(|verify| with_python(|_| verify()));
        Ok(Self { server: Arc::new(server), policy })
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
