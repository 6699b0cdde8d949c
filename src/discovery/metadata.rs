//! The metadata of a server (RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3): untrusted until checked.

use super::document::{self, Document};
use super::error::DiscoveryError;
use super::server::IntrospectionEndpoint;
use crate::http::EndpointUrl;
use crate::jose::json::{Object, Value};
use crate::untrusted::sanitize;

/// A document with the issuer that it was requested for.
#[derive(Debug)]
pub(crate) struct ServerMetadata(Object);

impl ServerMetadata {
    /// Reads a document, which must have the issuer that it was requested for (RFC 8414 section 3.3, OpenID Connect
    /// Discovery 1.0 section 4.3).
    ///
    /// # Errors
    /// It is not a strict JSON object, or has another issuer.
    pub(crate) fn parse(
        body: &[u8],
        document: &Document<'_>,
        asked: &str,
        is_asked_for: impl FnOnce(&str) -> bool,
    ) -> Result<Self, DiscoveryError> {
        let no_metadata = |what: &str| DiscoveryError::NoMetadata(format!("{what} ({document})").into());
        let object = document::object(body).map_err(|what| no_metadata(&what))?;
        match object.get("issuer").and_then(Value::as_str) {
            Some(issuer) if is_asked_for(issuer) => Ok(Self(object)),
            Some(issuer) => Err(DiscoveryError::OtherIssuer { named: sanitize(issuer), asked: sanitize(asked) }),
            None => Err(no_metadata(document::kind_without_issuer(&object))),
        }
    }

    /// `issuer`
    pub(crate) fn issuer(&self) -> &str {
        self.0.get("issuer").and_then(Value::as_str).unwrap_or_default()
    }

    /// A member, unless it is null: some servers write so what they do not have.
    fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| **value != Value::Null)
    }

    /// `jwks_uri`, if there is one. `asked` is the URL that the operator named.
    ///
    /// # Errors
    /// Keys must not be fetched from such a URL.
    pub(crate) fn jwks_uri(&self, asked: &EndpointUrl) -> Result<Option<EndpointUrl>, DiscoveryError> {
        let Some(uri) = self.member("jwks_uri") else { return Ok(None) };
        let found = uri
            .as_str()
            .and_then(|uri| EndpointUrl::parse(uri, "jwks_uri", asked.allows_http()).ok())
            .ok_or(DiscoveryError::Unusable("its \"jwks_uri\" is not a URL that keys may be fetched from"))?;
        if asked.is_https() && !found.is_https() {
            return Err(DiscoveryError::Unusable("its \"jwks_uri\" is not an https URL, and the issuer is"));
        }
        Ok(Some(found))
    }

    /// Checks that `token_endpoint` is this URL.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn check_token_endpoint(&self, endpoint_url: &EndpointUrl) -> Result<(), DiscoveryError> {
        let named = self.0.get("token_endpoint").and_then(Value::as_str);
        let named = named.and_then(|uri| EndpointUrl::parse(uri, "token_endpoint", true).ok());
        if named.is_some_and(|named| named.url() == endpoint_url.url()) {
            return Ok(());
        }
        Err(DiscoveryError::OtherTokenEndpoint)
    }

    /// The introspection endpoint, for a client that sends its secret to `token_endpoint`. The metadata alone must not lead the secret
    /// to another server.
    pub(crate) fn introspection(&self, token_endpoint: &EndpointUrl) -> IntrospectionEndpoint {
        let Some(uri) = self.member("introspection_endpoint") else { return IntrospectionEndpoint::Absent };
        let endpoint_url = uri.as_str().and_then(|uri| EndpointUrl::parse(uri, "", token_endpoint.allows_http()).ok());
        match endpoint_url {
            None => IntrospectionEndpoint::Unusable(
                "its \"introspection_endpoint\" is not a URL that tokens may be sent to",
            ),
            Some(endpoint_url) if endpoint_url.url().origin() != token_endpoint.url().origin() => {
                IntrospectionEndpoint::Unusable(
                    "its \"introspection_endpoint\" is on another host than token_url, and the client's secret is not sent \
                 there unless introspection_url names it",
                )
            }
            Some(endpoint_url) => {
                IntrospectionEndpoint::At { endpoint_url, in_body: self.takes_secrets_in_the_body_alone() }
            }
        }
    }

    fn takes_secrets_in_the_body_alone(&self) -> bool {
        let methods = self.0.get("introspection_endpoint_auth_methods_supported");
        let Some(Value::Array(methods)) = methods else { return false };
        let has = |name: &str| methods.iter().any(|method| method.as_str() == Some(name));
        has("client_secret_post") && !has("client_secret_basic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: Document<'_> = Document { url: "https://i.example/", status: 200, media_type: None };

    fn endpoint_url(url: &str) -> EndpointUrl {
        EndpointUrl::parse(url, "url", false).unwrap()
    }

    fn metadata(members: &str) -> ServerMetadata {
        let body = format!(r#"{{"issuer":"https://i.example"{members}}}"#);
        ServerMetadata::parse(body.as_bytes(), &DOCUMENT, "https://i.example", |issuer| issuer == "https://i.example")
            .unwrap()
    }

    #[test]
    fn metadata_speaks_for_its_issuer_and_names_the_field_at_fault() {
        let read = |body: &str| {
            ServerMetadata::parse(body.as_bytes(), &DOCUMENT, "https://i.example", |issuer| {
                issuer == "https://i.example"
            })
            .map_err(|error| error.to_string())
        };
        assert_eq!(read(r#"{"issuer":"https://i.example"}"#).unwrap().issuer(), "https://i.example");
        for issuer in ["https://i.example/", "https://I.example", "http://i.example", "https://i.example:443", ""] {
            assert!(read(&format!(r#"{{"issuer":"{issuer}"}}"#)).unwrap_err().contains("\"issuer\""), "{issuer}");
        }
        for body in ["", "[]", r#"{"issuer":1}"#, "{}", r#"{"issuer":"https://i.example","issuer":"x"}"#] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn the_keys_of_an_https_server_are_behind_https() {
        let asked = endpoint_url("https://i.example");
        for absent in ["", r#","jwks_uri":null"#] {
            assert_eq!(metadata(absent).jwks_uri(&asked), Ok(None), "{absent}");
        }
        assert!(metadata(r#","jwks_uri":"https://k.example/jwks""#).jwks_uri(&asked).unwrap().is_some());
        for uri in ["\"http://k.example/jwks\"", "\"http://127.0.0.1/jwks\"", "\"file:///jwks\"", "\"/jwks\"", "1"] {
            let error = metadata(&format!(r#","jwks_uri":{uri}"#)).jwks_uri(&asked).unwrap_err().to_string();
            assert!(error.contains("\"jwks_uri\""), "{uri}");
        }
    }

    #[test]
    fn the_token_endpoint_is_the_one_that_was_named() {
        let named = endpoint_url("https://i.example/token");
        for (same, uri) in [
            (true, "\"https://i.example/token\""),
            (true, "\"https://i.example:443/token\""),
            (false, "\"https://i.example/token/\""),
            (false, "\"https://i.example/token?x\""),
            (false, "\"https://j.example/token\""),
            (false, "\"http://i.example/token\""),
            (false, "1"),
            (false, "null"),
        ] {
            let metadata = metadata(&format!(r#","token_endpoint":{uri}"#));
            assert_eq!(metadata.check_token_endpoint(&named).is_ok(), same, "{uri}");
        }
        assert!(metadata("").check_token_endpoint(&named).is_err());
    }

    #[test]
    fn the_secret_goes_to_no_other_server_on_the_metadatas_word() {
        let token_endpoint = endpoint_url("https://i.example/token");
        let at = |uri: &str| metadata(&format!(r#","introspection_endpoint":{uri}"#)).introspection(&token_endpoint);
        assert!(matches!(at("\"https://i.example/introspect\""), IntrospectionEndpoint::At { in_body: false, .. }));
        for elsewhere in [
            "https://evil.example/introspect",
            "https://i.example.evil.example/introspect",
            "https://i.example:444/introspect",
            "http://i.example/introspect",
            "https://user@i.example/introspect",
            "/introspect",
            "",
        ] {
            assert!(matches!(at(&format!("\"{elsewhere}\"")), IntrospectionEndpoint::Unusable(_)), "{elsewhere}");
        }
        assert!(matches!(at("1"), IntrospectionEndpoint::Unusable(_)));
        for absent in ["", r#","introspection_endpoint":null"#] {
            assert_eq!(metadata(absent).introspection(&token_endpoint), IntrospectionEndpoint::Absent, "{absent}");
        }
    }

    #[test]
    fn the_secret_stands_in_the_body_only_where_the_server_wants_it_nowhere_else() {
        for (methods, expected) in [
            (r#"["client_secret_post"]"#, true),
            (r#"["private_key_jwt","client_secret_post"]"#, true),
            (r#"["client_secret_post","client_secret_basic"]"#, false),
            (r#"["client_secret_basic"]"#, false),
            ("[]", false),
            ("\"client_secret_post\"", false),
        ] {
            let members = format!(
                r#","introspection_endpoint":"https://i.example/i","introspection_endpoint_auth_methods_supported":{methods}"#
            );
            match metadata(&members).introspection(&endpoint_url("https://i.example/token")) {
                IntrospectionEndpoint::At { in_body, .. } => assert_eq!(in_body, expected, "{methods}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
