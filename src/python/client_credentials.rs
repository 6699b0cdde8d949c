//! The native half of a client's `OAuth`.

use std::sync::Arc;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::attach::attach_if_running;
use super::bearer_token::BearerToken;
use super::wall_clock;
use super::{client_auth, convert};
use crate::http::EndpointUrl;
use crate::oauth::client::authentication::AuthMethod;
use crate::oauth::client::credentials_grant::{
    ClientCredentials as CoreClientCredentials, HttpTokenRequester, TokenOutcome,
};
use crate::oauth::client::proof_key::{ProofKey, ServerNonce};
use crate::oauth::client::resource_indicator::{Resource, ResourceBinding};
use crate::oauth::client::token_request::{TokenError, TokenRequest};
use crate::runtime::clock;

/// Gets tokens with the client credentials grant. Holds the tokens and the secret.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct ClientCredentials {
    tokens: Arc<CoreClientCredentials>,
    /// The key that tokens are bound to, where they are, and the newest nonce of the server that they are for.
    proofs: Option<(Arc<ProofKey>, ServerNonce)>,
}

#[pymethods]
impl ClientCredentials {
    #[new]
    #[pyo3(signature = (
        client_id, client_secret, token_url, *, scope, audience, resource, server_url, token_endpoint_auth_method,
        private_key_file, assertion_audience, allow_http, dpop
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are those of the Python class, which names each")]
    fn new(
        client_id: &Bound<'_, PyAny>,
        client_secret: Option<&Bound<'_, PyAny>>,
        token_url: &Bound<'_, PyAny>,
        scope: Option<&Bound<'_, PyAny>>,
        audience: Option<&Bound<'_, PyAny>>,
        resource: Option<&Bound<'_, PyAny>>,
        server_url: Option<&Bound<'_, PyAny>>,
        token_endpoint_auth_method: Option<&Bound<'_, PyAny>>,
        private_key_file: Option<&Bound<'_, PyAny>>,
        assertion_audience: Option<&Bound<'_, PyAny>>,
        allow_http: &Bound<'_, PyAny>,
        dpop: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let credentials = client_auth::credentials(client_id, client_secret, private_key_file, assertion_audience)?;
        let allow_http = convert::flag(allow_http, "allow_http")?;
        let endpoint_url = EndpointUrl::parse(convert::text(token_url, "token_url")?, "token_url", allow_http)?;
        let method = auth_method(token_endpoint_auth_method, private_key_file.is_some())?;
        let audience = audience.map(|audience| convert::text(audience, "audience")).transpose()?;
        let scopes = convert::wanted_scopes(scope, "scope")?;
        let request = TokenRequest::new(&scopes, audience)?;
        let server = |url: Option<&Bound<'_, PyAny>>, argument| -> PyResult<Option<Resource>> {
            url.map(|url| Ok(Resource::parse(convert::text(url, argument)?, argument)?)).transpose()
        };
        let binding = ResourceBinding::new(server(resource, "resource")?, server(server_url, "server_url")?);
        let dpop = convert::flag(dpop, "dpop")?;
        let key = if dpop { Some(Arc::new(ProofKey::generate(wall_clock::now)?)) } else { None };
        let endpoint = HttpTokenRequester::new(endpoint_url, credentials, method, request, key.clone());
        let tokens = CoreClientCredentials::new(binding, Box::new(endpoint), clock::now);
        Ok(Self { tokens, proofs: key.map(|key| (key, ServerNonce::default())) })
    }

    /// Whether a request with this URL may carry the tokens.
    fn admits(&self, url: &str) -> bool {
        self.tokens.binding().admits(url)
    }

    /// Whether tokens are bound to a key of this client's.
    #[getter]
    fn makes_proofs(&self) -> bool {
        self.proofs.is_some()
    }

    /// Puts a token into the headers of a request, with a proof for this method and URL where tokens are bound.
    fn authorize(
        &self,
        token: &Bound<'_, BearerToken>,
        headers: &Bound<'_, PyAny>,
        method: &str,
        url: &str,
    ) -> PyResult<()> {
        let Some((key, nonce)) = &self.proofs else { return token.get().authorize(headers) };
        let text = token.get().0.expose();
        let proof = nonce.with(|nonce| key.proof(method, url, Some(text), nonce));
        let proof = proof.ok_or_else(|| PyRuntimeError::new_err("the system gives no random numbers"))?;
        headers.set_item("Authorization", format!("DPoP {text}"))?;
        headers.set_item("DPoP", proof)
    }

    /// Takes the nonce of an answer. Returns whether it differs from the one before.
    fn note_nonce(&self, nonce: &str) -> bool {
        self.proofs.as_ref().is_some_and(|(_, known)| known.note(nonce))
    }

    /// Calls `done` once, on any thread, with a `BearerToken`, or with an `OAuthError` that says why there is none. `refused` is the
    /// token that the server refused.
    fn request(&self, py: Python<'_>, refused: Option<&Bound<'_, BearerToken>>, done: Py<PyAny>) {
        let refused = refused.map(|refused| Arc::clone(&refused.get().0));
        let call_back = move |outcome: TokenOutcome| {
            // `done` is moved in, so that it is dropped while attached: dropped elsewhere it would take a lock that a fork can freeze.
            attach_if_running(move |py| {
                let called = match outcome {
                    Ok(token) => done.call1(py, (BearerToken(token),)),
                    Err(error) => oauth_error(py, &error).and_then(|error| done.call1(py, (error,))),
                };
                if let Err(error) = called {
                    error.write_unraisable(py, None);
                }
            });
        };
        py.detach(|| self.tokens.token(refused.as_ref(), Box::new(call_back)));
    }
}

const METHOD: &str = "token_endpoint_auth_method";
const PRIVATE_KEY_JWT: &str = "private_key_jwt";

/// Where a secret is put, by the named method, if there is one. With a key there is only one method.
fn auth_method(named: Option<&Bound<'_, PyAny>>, has_key: bool) -> PyResult<AuthMethod> {
    let Some(named) = named else { return Ok(AuthMethod::default()) };
    let name = convert::text(named, METHOD)?;
    match (AuthMethod::from_name(name), has_key) {
        (Some(method), false) => Ok(method),
        (None, true) if name == PRIVATE_KEY_JWT => Ok(AuthMethod::default()),
        (None, false) if name == PRIVATE_KEY_JWT => Err(PyValueError::new_err(format!(
            "{METHOD} {PRIVATE_KEY_JWT} needs a private_key_file in the place of client_secret"
        ))),
        (Some(_), true) => Err(PyValueError::new_err(format!(
            "{METHOD} {name} needs a client_secret; with a private_key_file it is {PRIVATE_KEY_JWT}"
        ))),
        (None, _) => Err(PyValueError::new_err(format!(
            "{METHOD} must be one of {}, {PRIVATE_KEY_JWT}",
            AuthMethod::ALL.map(AuthMethod::name).join(", ")
        ))),
    }
}

fn oauth_error<'py>(py: Python<'py>, error: &TokenError) -> PyResult<Bound<'py, PyAny>> {
    let class = if error.is_temporary() { "TokenUnavailableError" } else { "OAuthError" };
    let (code, description) = match error {
        TokenError::Refused { error, description, .. } => (Some(&**error), description.as_deref()),
        TokenError::Unusable(_) | TokenError::Http(_) => (None, None),
    };
    py.import("fastmcp_rs.errors")?.getattr(class)?.call1((error.to_string(), code, description, error.status()))
}
