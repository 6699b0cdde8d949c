//! The native half of a client's `OAuth`.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::bearer_token::BearerToken;
use super::calls::with_python;
use super::convert;
use crate::clock;
use crate::http::Location;
use crate::oauth::client_authentication::Method;
use crate::oauth::client_credentials::{ClientCredentials as Source, HttpTokenEndpoint, Outcome};
use crate::oauth::resource::{Binding, Resource};
use crate::oauth::token_request::{TokenError, TokenRequest};

/// Gets tokens with the client credentials grant, and holds them and the secret.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct ClientCredentials(Arc<Source>);

#[pymethods]
impl ClientCredentials {
    #[new]
    #[pyo3(signature = (
        client_id, client_secret, token_url, *, scope, audience, resource, server_url, token_endpoint_auth_method, allow_http
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are those of the Python class, which names each")]
    fn new(
        client_id: &Bound<'_, PyAny>,
        client_secret: &Bound<'_, PyAny>,
        token_url: &Bound<'_, PyAny>,
        scope: Option<&Bound<'_, PyAny>>,
        audience: Option<&Bound<'_, PyAny>>,
        resource: Option<&Bound<'_, PyAny>>,
        server_url: Option<&Bound<'_, PyAny>>,
        token_endpoint_auth_method: &Bound<'_, PyAny>,
        allow_http: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let credentials = convert::credentials(client_id, client_secret)?;
        let allow_http = convert::flag(allow_http, "allow_http")?;
        let location = Location::parse(convert::text(token_url, "token_url")?, "token_url", allow_http)?;
        let method = Method::from_name(convert::text(token_endpoint_auth_method, METHOD)?).ok_or_else(|| {
            PyValueError::new_err(format!("{METHOD} must be one of {}", Method::ALL.map(Method::name).join(", ")))
        })?;
        let audience = audience.map(|audience| convert::text(audience, "audience")).transpose()?;
        let scopes = convert::wanted_scopes(scope, "scope")?;
        let request = TokenRequest::new(&scopes, audience)?;
        let server = |url: Option<&Bound<'_, PyAny>>, argument| -> PyResult<Option<Resource>> {
            url.map(|url| Ok(Resource::parse(convert::text(url, argument)?, argument)?)).transpose()
        };
        let binding = Binding::new(server(resource, "resource")?, server(server_url, "server_url")?);
        let endpoint = HttpTokenEndpoint::new(location, credentials, method, request);
        Ok(Self(Source::new(binding, Box::new(endpoint), clock::now)))
    }

    /// Whether a request with this URL may bear the tokens.
    fn admits(&self, url: &str) -> bool {
        self.0.binding().admits(url)
    }

    /// Calls `done` once, from whatever thread, with a `BearerToken`, or with an `OAuthError` that says why there is none.
    /// `refused` is the token that the server did not take.
    fn request(&self, py: Python<'_>, refused: Option<&Bound<'_, BearerToken>>, done: Py<PyAny>) {
        let refused = refused.map(|refused| Arc::clone(&refused.get().0));
        let told = move |outcome: Outcome| {
            // Moved in, so that it is also dropped here: dropped elsewhere it would take a lock that a fork can freeze.
            with_python(move |py| {
                let called = match outcome {
                    Ok(token) => done.call1(py, (BearerToken(token),)),
                    Err(error) => oauth_error(py, &error).and_then(|error| done.call1(py, (error,))),
                };
                if let Err(error) = called {
                    error.write_unraisable(py, None);
                }
            });
        };
        py.detach(|| self.0.token(refused.as_ref(), Box::new(told)));
    }
}

const METHOD: &str = "token_endpoint_auth_method";

fn oauth_error<'py>(py: Python<'py>, error: &TokenError) -> PyResult<Bound<'py, PyAny>> {
    let class = if error.is_temporary() { "TokenUnavailableError" } else { "OAuthError" };
    let (code, description) = match error {
        TokenError::Refused { error, description, .. } => (Some(&**error), description.as_deref()),
        TokenError::Unusable(_) | TokenError::Http(_) => (None, None),
    };
    py.import("fastmcp_rs.errors")?.getattr(class)?.call1((error.to_string(), code, description, error.status()))
}
