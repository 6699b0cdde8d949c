//! A JSON document from an operator's URL. If another thing came in its place, the error names it.

use std::fmt;

use crate::jose::json::{self, NotAnObject, Object, Value};
use crate::untrusted::sanitize;

/// An answer of an endpoint, without its body.
#[derive(Debug, Clone, Copy)]
pub struct Document<'d> {
    /// The URL, as a log may show it.
    pub url: &'d str,
    /// The status.
    pub status: u16,
    /// The header `Content-Type`.
    pub media_type: Option<&'d str>,
}

/// Reads a document.
///
/// # Errors
/// It is not a JSON object; the text says what it is.
pub fn object(body: &[u8]) -> Result<Object, String> {
    json::parse_document(body).map_err(|error| kind(body, error))
}

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        match self.media_type.map(str::trim).filter(|media_type| !media_type.is_empty()) {
            None => f.write_str(", no media type")?,
            Some(media_type) => write!(f, ", {}", sanitize(media_type))?,
        }
        write!(f, ", from {}", self.url)
    }
}

/// Describes a body that is not a JSON object.
#[must_use]
pub fn kind(body: &[u8], error: NotAnObject) -> String {
    let text = body.trim_ascii();
    let starts = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    let compressed = |with: &str| format!("it is compressed with {with}, and no Content-Encoding says so");
    let known = match body {
        [0x1f, 0x8b, ..] => return compressed("gzip"),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => return compressed("deflate"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return compressed("zstd"),
        [0, 0, 0xfe, 0xff, ..] | [0xff, 0xfe, 0, 0, ..] | [0, 0, 0, b'{', ..] | [b'{', 0, 0, 0, ..] => {
            "it is text in UTF-32, and JSON is in UTF-8 (RFC 8259 section 8.1)"
        }
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, b'{', ..] | [b'{', 0, ..] => {
            "it is text in UTF-16, and JSON is in UTF-8 (RFC 8259 section 8.1)"
        }
        _ if text.is_empty() => "it is empty",
        _ if ["<!doctype html", "<html", "<head", "<body"].into_iter().any(starts) => "it is an HTML page",
        _ if starts("<") => "it is XML or HTML",
        _ if starts("-----BEGIN ") => "it is PEM text: give it as public_key",
        _ if starts("eyJ") => "it is a JWT",
        _ => return error.to_string(),
    };
    known.to_owned()
}

/// Whether a JSON object is a map of certificates by key id.
#[must_use]
pub fn is_certificates(object: &Object) -> bool {
    let is_certificate =
        |value: &Value| value.as_str().is_some_and(|text| text.trim_start().starts_with("-----BEGIN "));
    object.iter().len() > 0 && object.iter().all(|(_, value)| is_certificate(value))
}

/// Describes a JSON object that is not a JWK Set.
#[must_use]
pub fn kind_without_keys(object: &Object) -> String {
    let text = |name| object.get(name).and_then(Value::as_str);
    if let Some(uri) = text("jwks_uri") {
        return format!(
            "it is the metadata of a server: give what it calls jwks_uri ({}), or the issuer to JWTVerifier.from_issuer()",
            sanitize(uri)
        );
    }
    if text("kty").is_some() {
        return "it is one JWK and not a set: give it as public_key".to_owned();
    }
    if object.get("error").is_some() {
        return "it is an error answer (it has \"error\")".to_owned();
    }
    "it has no array \"keys\"".to_owned()
}

/// Describes a JSON object that is not metadata.
#[must_use]
pub fn kind_without_issuer(object: &Object) -> &'static str {
    if matches!(object.get("keys"), Some(Value::Array(_))) {
        "it is a JWK Set and no metadata: give its URL as jwks_uri"
    } else if object.get("error").is_some() {
        "it is an error answer (it has \"error\")"
    } else {
        "it has no \"issuer\""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_named_for_what_it_is() {
        for (body, expected) in [
            (&b""[..], "it is empty"),
            (b" \n", "it is empty"),
            (b"\n<!DOCTYPE html><title>Sign in</title>", "an HTML page"),
            (b"<HTML>", "an HTML page"),
            (b"<?xml version=\"1.0\"?><Error/>", "XML or HTML"),
            (b"\x1f\x8b\x08", "compressed with gzip"),
            (b"\x78\x9cab", "compressed with deflate"),
            (b"\x28\xb5\x2f\xfd\x01", "compressed with zstd"),
            (b"\xff\xfe{\0}\0", "UTF-16"),
            (b"{\0}\0", "UTF-16"),
            (b"\xff\xfe\0\0{\0\0\0", "UTF-32"),
            (b"\0\0\0{\0\0\0}", "UTF-32"),
            (b"-----BEGIN CERTIFICATE-----", "PEM text"),
            (b"eyJhbGciOiJSUzI1NiJ9.e30.AA", "a JWT"),
            (b"[]", "not an object"),
            (b"{\"keys\":[", "cut off"),
            (b"{\"keys\":[],\"keys\":[]}", "a member name twice"),
            (b"Not Found", "not JSON"),
        ] {
            let error = object(body).unwrap_err();
            assert!(error.contains(expected), "{body:?}: {error}");
        }
    }

    #[test]
    fn an_object_of_another_kind_is_named() {
        let of = |text: &str| kind_without_keys(&json::parse_object(text.as_bytes()).unwrap());
        let metadata = of(r#"{"issuer":"https://a.example","jwks_uri":"https://a.example/k\n"}"#);
        assert!(metadata.contains(r"https://a.example/k\n") && metadata.contains("from_issuer"), "{metadata}");
        let certificates = |text: &str| is_certificates(&json::parse_object(text.as_bytes()).unwrap());
        assert!(certificates(r#"{"k1":"-----BEGIN CERTIFICATE-----\nMII","k2":"-----BEGIN CERTIFICATE-----"}"#));
        assert!(!certificates("{}") && !certificates(r#"{"k1":"-----BEGIN CERTIFICATE-----","k2":1}"#));
        assert!(of(r#"{"kty":"RSA","n":"AQAB"}"#).contains("one JWK"));
        assert!(of(r#"{"error":"not_found"}"#).contains("\"error\""));
        for other in ["{}", r#"{"keys":{}}"#, r#"{"a":"b"}"#] {
            assert_eq!(of(other), "it has no array \"keys\"", "{other}");
        }
        let metadata = |text: &str| kind_without_issuer(&json::parse_object(text.as_bytes()).unwrap());
        assert!(metadata(r#"{"keys":[]}"#).contains("a JWK Set"));
        assert!(metadata(r#"{"error":"x"}"#).contains("an error"));
        assert_eq!(metadata("{}"), "it has no \"issuer\"");
    }

    #[test]
    fn where_it_came_from_is_one_line_of_what_may_be_shown() {
        let document = Document { url: "https://a.example/k", status: 200, media_type: Some("text/html\u{1b}") };
        assert_eq!(document.to_string(), r"status 200, text/html\u{1b}, from https://a.example/k");
        let document = Document { media_type: Some(" "), ..document };
        assert_eq!(document.to_string(), "status 200, no media type, from https://a.example/k");
    }
}
