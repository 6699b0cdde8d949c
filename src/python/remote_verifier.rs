//! Makes the verifier that asks a verification service about each token, for `RemoteAuthProvider`.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyMapping;
use zeroize::Zeroizing;

use super::claim_rules::ClaimRules;
use super::client_auth;
use super::convert;
use super::endpoint_answers::EndpointAnswers;
use super::introspection_verifier::{self, IntrospectionVerifier};
use super::policy::CurrentPolicy;
use crate::config;
use crate::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING};
use crate::http::{EndpointUrl, secret_value};
use crate::oauth::server::introspection_client::IntrospectionClient;
use crate::oauth::server::introspection_request::ClientAuth;
use crate::oauth::server::wire_format::WireFormat;
use crate::policy::Policy;

/// The most headers of a question.
const MOST_HEADERS: usize = 100;

/// The parameters are those of `RemoteAuthProvider`.
#[pyfunction]
#[pyo3(signature = (
    verify_url, headers, timeout, *, private_key_file, assertion_client_id, assertion_audience, allow_http,
    allow_id_tokens, require_token_type, rules, answers, token_characters
))]
#[allow(clippy::too_many_arguments, reason = "they are those of the Python class, which names each")]
pub(super) fn remote_verifier(
    verify_url: &Bound<'_, PyAny>,
    headers: Option<&Bound<'_, PyAny>>,
    timeout: &Bound<'_, PyAny>,
    private_key_file: Option<&Bound<'_, PyAny>>,
    assertion_client_id: Option<&Bound<'_, PyAny>>,
    assertion_audience: Option<&Bound<'_, PyAny>>,
    allow_http: &Bound<'_, PyAny>,
    allow_id_tokens: &Bound<'_, PyAny>,
    require_token_type: Option<&Bound<'_, PyAny>>,
    rules: &ClaimRules,
    answers: &EndpointAnswers,
    token_characters: &Bound<'_, PyAny>,
) -> PyResult<IntrospectionVerifier> {
    let allow_http = convert::flag(allow_http, "allow_http")?;
    let endpoint_url = EndpointUrl::parse(convert::text(verify_url, "verify_url")?, "verify_url", allow_http)?;
    let headers = headers.map_or(Ok(Vec::new()), read_headers)?;
    let wire_format = wire_format(&headers)?;
    let credentials = client_auth::assertions_only(assertion_client_id, private_key_file, assertion_audience)?;
    if credentials.is_some() {
        check_assertions(wire_format, &headers)?;
    }
    let settings = introspection_verifier::settings(timeout, require_token_type, answers, token_characters)?;
    let policy = Policy::default()
        .with_id_tokens(Some(convert::flag(allow_id_tokens, "allow_id_tokens")?))
        .with_rules(rules.rules());
    let client_auth = ClientAuth::Headers(headers, credentials);
    let client = IntrospectionClient::new(endpoint_url, wire_format, client_auth, Arc::new(settings));
    Ok(IntrospectionVerifier::new(Arc::new(client), Arc::new(CurrentPolicy::new(policy))))
}

/// Reads an operator's headers. Their values may be secrets, so no message shows one.
fn read_headers(headers: &Bound<'_, PyAny>) -> PyResult<Vec<(HeaderName, HeaderValue)>> {
    let wrong = |why: String| Err(PyValueError::new_err(why));
    let pairs = headers.cast::<PyMapping>().ok().and_then(|headers| headers.items().ok());
    let Some(pairs) = pairs else {
        return wrong(format!("headers must be a dict of str to str, not {}", convert::type_name(headers)));
    };
    if pairs.len() > MOST_HEADERS {
        return wrong(format!("headers holds more than {MOST_HEADERS}: give those that the service asks for"));
    }
    let mut read: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for pair in pairs.iter() {
        let Ok((name, value)) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
            return wrong("headers must be a dict of str to str: its items are no pairs".to_owned());
        };
        let Some(name) = name.extract::<String>().ok().and_then(|name| HeaderName::try_from(name).ok()) else {
            return wrong("headers holds a name that is no header's".to_owned());
        };
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            return wrong(format!("headers must not hold {name}: it follows from the body"));
        }
        if read.iter().any(|(other, _)| *other == name) {
            return wrong(format!("headers holds {name} twice, in different cases"));
        }
        let readable = |value: &Zeroizing<String>| {
            value.is_ascii() && !value.is_empty() && config::check_exact("headers", value).is_ok()
        };
        let value = value.extract::<String>().ok().map(Zeroizing::new).filter(readable).and_then(secret_value);
        let Some(value) = value else {
            return wrong(format!(
                "the value of the header {name} must be a str of printable ASCII, not empty, without spaces around it and of 64 KiB at most"
            ));
        };
        read.push((name, value));
    }
    Ok(read)
}

/// The format that the `Content-Type` among the headers asks for; JSON without one.
fn wire_format(headers: &[(HeaderName, HeaderValue)]) -> PyResult<WireFormat> {
    let Some((_, value)) = headers.iter().find(|(name, _)| *name == CONTENT_TYPE) else { return Ok(WireFormat::Json) };
    let media_type = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/json" => Ok(WireFormat::Json),
        "application/x-www-form-urlencoded" => Ok(WireFormat::Introspection),
        _ => Err(PyValueError::new_err(
            "the Content-Type among the headers must be application/json or application/x-www-form-urlencoded",
        )),
    }
}

/// Assertions are sent in a form (RFC 7521 section 4.2), and without other credentials (RFC 6749 section 2.3).
fn check_assertions(wire_format: WireFormat, headers: &[(HeaderName, HeaderValue)]) -> PyResult<()> {
    if wire_format == WireFormat::Json {
        return Err(PyValueError::new_err(
            "private_key_file is for introspection (RFC 7662): give headers={\"Content-Type\": \
             \"application/x-www-form-urlencoded\"}",
        ));
    }
    if headers.iter().any(|(name, _)| *name == AUTHORIZATION) {
        return Err(PyValueError::new_err(
            "headers holds Authorization, and private_key_file is another way to authenticate: give one of them",
        ));
    }
    Ok(())
}
