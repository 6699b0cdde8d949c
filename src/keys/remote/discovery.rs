//! From an issuer to its keys: OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3.

use super::fetch::{FetchError, Got, get};
use crate::http::{Client, HttpError, Location};
use crate::jose::json::{self, Value};

/// Finds where an issuer publishes its keys.
///
/// The first well-known URL that answers decides: its document's `issuer` must be the one asked for, character by
/// character, for a document that speaks for another issuer is a wrong or a forged one.
pub(super) async fn key_set_location(
    client: &Client,
    most: usize,
    location: &Location,
    issuer: &str,
) -> Result<Location, FetchError> {
    let mut last = FetchError::Metadata("there is none");
    for url in well_known_urls(issuer) {
        let Ok(url) = Location::parse(&url, "the metadata URL", location.allows_http()) else { continue };
        match get(client, most, &url, None).await {
            Ok(Got::Body(body)) => return jwks_uri(&body.bytes, location, issuer),
            Ok(Got::NotModified { .. }) => last = HttpError::Status(304).into(),
            Err(error @ FetchError::Http(HttpError::Status(_))) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// OIDC's form, appended to the path; RFC 8414's, inserted before it; and the appended one that some servers have.
#[must_use]
pub fn well_known_urls(issuer: &str) -> Vec<String> {
    let base = issuer.trim_end_matches('/');
    let mut urls = vec![format!("{base}/.well-known/openid-configuration")];
    let path_at = base.find("://").and_then(|scheme| base[scheme + 3..].find('/').map(|slash| scheme + 3 + slash));
    match path_at {
        Some(at) => {
            urls.push(format!("{}/.well-known/oauth-authorization-server{}", &base[..at], &base[at..]));
            urls.push(format!("{}/.well-known/openid-configuration{}", &base[..at], &base[at..]));
            urls.push(format!("{base}/.well-known/oauth-authorization-server"));
        }
        None => urls.push(format!("{base}/.well-known/oauth-authorization-server")),
    }
    urls
}

/// Reads where the keys are from an issuer's metadata.
///
/// # Errors
/// The metadata speaks for another issuer, or names no URL that keys may be fetched from; the text names the field.
pub fn jwks_uri(body: &[u8], location: &Location, issuer: &str) -> Result<Location, FetchError> {
    let metadata = json::parse_object(body).map_err(|_| FetchError::Metadata("it is not a strict JSON object"))?;
    if metadata.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(FetchError::Metadata("its \"issuer\" is not, character by character, the one asked for"));
    }
    let uri = metadata.get("jwks_uri").and_then(Value::as_str).ok_or(FetchError::Metadata("it has no \"jwks_uri\""))?;
    let found = Location::parse(uri, "jwks_uri", location.allows_http())
        .map_err(|_| FetchError::Metadata("its \"jwks_uri\" is not a URL that keys may be fetched from"))?;
    if location.is_https() && !found.is_https() {
        return Err(FetchError::Metadata("its \"jwks_uri\" is not an https URL, and the issuer is"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_urls_are_tried_in_order() {
        assert_eq!(
            well_known_urls("https://i.example/"),
            [
                "https://i.example/.well-known/openid-configuration",
                "https://i.example/.well-known/oauth-authorization-server"
            ]
        );
        assert_eq!(
            well_known_urls("https://i.example/a/b"),
            [
                "https://i.example/a/b/.well-known/openid-configuration",
                "https://i.example/.well-known/oauth-authorization-server/a/b",
                "https://i.example/.well-known/openid-configuration/a/b",
                "https://i.example/a/b/.well-known/oauth-authorization-server",
            ]
        );
    }

    #[test]
    fn k19_metadata_speaks_for_its_issuer_and_names_the_field_at_fault() {
        let https = Location::parse("https://i.example", "issuer", false).unwrap();
        let read =
            |body: &str| jwks_uri(body.as_bytes(), &https, "https://i.example").map_err(|error| error.to_string());
        assert!(read(r#"{"issuer":"https://i.example","jwks_uri":"https://k.example/jwks"}"#).is_ok());
        for issuer in ["https://i.example/", "https://I.example", "http://i.example", "https://i.example:443", ""] {
            let body = format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://k.example/jwks"}}"#);
            assert!(read(&body).unwrap_err().contains("\"issuer\""), "{issuer}");
        }
        for uri in ["http://k.example/jwks", "http://127.0.0.1/jwks", "file:///jwks", "/jwks", ""] {
            let body = format!(r#"{{"issuer":"https://i.example","jwks_uri":"{uri}"}}"#);
            assert!(read(&body).unwrap_err().contains("\"jwks_uri\""), "{uri}");
        }
        for body in ["", "[]", r#"{"issuer":1}"#, r#"{"issuer":"https://i.example"}"#] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
