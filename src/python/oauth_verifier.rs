//! Makes the verifier of one authorization server's tokens, for `OAuthProvider`.

use std::sync::Arc;

use pyo3::prelude::*;

use super::attach::attach_if_running;
use super::client_auth;
use super::convert;
use super::endpoint_answers::EndpointAnswers;
use super::fetch_options::FetchOptions;
use super::introspection_verifier::{self, IntrospectionVerifier};
use super::jwt_verifier::JwtVerifier;
use super::remote_keys::RemoteKeys;
use crate::http::EndpointUrl;
use crate::oauth::server::resource_server::{IntrospectionAt, ResourceServer};

/// `verifier` verifies JWTs with `keys`; without keys the server is asked about JWTs as well. Its policy is for all tokens.
/// `introspection` is the URL of the endpoint, or the fetched keys that come with the metadata which names it.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "they are those of the Python class, which names each")]
pub(super) fn oauth_verifier(
    client_id: &Bound<'_, PyAny>,
    client_secret: Option<&Bound<'_, PyAny>>,
    private_key_file: Option<&Bound<'_, PyAny>>,
    assertion_audience: Option<&Bound<'_, PyAny>>,
    verifier: &JwtVerifier,
    keys: Option<&RemoteKeys>,
    introspection: &Bound<'_, PyAny>,
    timeout: &Bound<'_, PyAny>,
    require_token_type: Option<&Bound<'_, PyAny>>,
    options: &FetchOptions,
    answers: &EndpointAnswers,
    token_characters: &Bound<'_, PyAny>,
) -> PyResult<IntrospectionVerifier> {
    let credentials = client_auth::credentials(client_id, client_secret, private_key_file, assertion_audience)?;
    let introspection = if let Ok(keys) = introspection.cast::<RemoteKeys>() {
        IntrospectionAt::MetadataOf(keys.get().remote())
    } else {
        let url = convert::text(introspection, "introspection_url")?;
        IntrospectionAt::Named(EndpointUrl::parse(url, "introspection_url", options.allow_http)?)
    };
    let (verifier, policy) = verifier.parts();
    let settings = introspection_verifier::settings(timeout, require_token_type, answers, token_characters)?;
    let server = ResourceServer::new(verifier, keys.map(RemoteKeys::remote), introspection, credentials, settings)
        // Verification must be attached to Python, so that it does not run during a fork, which could leave locks of the cache locked.
        .with_resume(|verify| attach_if_running(|_| verify()));
    Ok(IntrospectionVerifier::new(Arc::new(server), policy))
}
