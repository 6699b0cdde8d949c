//! From an issuer to its keys: OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3.

use super::fetch::FetchError;
use crate::config::ConfigError;
use crate::http::{HttpError, Location};
use crate::jose::json::{self, Value};

/// An issuer that an operator named, and where its metadata may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer {
    name: Box<str>,
    location: Location,
    metadata: Vec<Location>,
}

impl Issuer {
    /// Reads an issuer (RFC 8414 section 2).
    ///
    /// # Errors
    /// It is no URL that metadata may be fetched from, or has a query.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, ConfigError> {
        let location = Location::parse(text, "issuer", allow_http)?;
        if location.url().query().is_some() {
            return Err(ConfigError::new("issuer must not have a query (RFC 8414 section 2)"));
        }
        let urls = well_known_urls(text).into_iter();
        let metadata = urls.map(|url| Location::parse(&url, "issuer", allow_http)).collect::<Result<_, _>>()?;
        Ok(Self { name: text.into(), location, metadata })
    }

    /// The issuer, as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }
}

/// The search for where an issuer publishes its keys, without the network: one URL after the other.
///
/// The first that answers decides: its document's `issuer` must be the one asked for, character by character, for a
/// document that speaks for another issuer is a wrong or a forged one. Any status but 200, a redirect among them, says
/// that there is no document, and leads to the next URL.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: Issuer,
    at: usize,
    /// Of what was answered, that which tells most.
    failure: Option<HttpError>,
}

impl Discovery {
    /// A search that has asked nobody.
    pub(super) fn new(issuer: Issuer) -> Self {
        Self { issuer, at: 0, failure: None }
    }

    /// The URL to ask.
    pub(super) fn location(&self) -> &Location {
        &self.issuer.metadata[self.at]
    }

    /// Takes the answer of that URL: where the keys are, or nothing if another one is to be asked.
    ///
    /// # Errors
    /// The metadata speaks for another issuer, or names no URL that keys may be fetched from; the text names the field.
    /// Or all URLs were asked; the error tells of the first that had something else to say than that nothing is there.
    pub(super) fn answered(&mut self, status: u16, body: &[u8]) -> Result<Option<Location>, FetchError> {
        if status == 200 {
            return self.jwks_uri(body).map(Some);
        }
        let failure = HttpError::of_status(status);
        let most_telling = self.failure.take().filter(|before| !is_absence(before) || is_absence(&failure));
        let most_telling = most_telling.unwrap_or(failure);
        if self.at + 1 == self.issuer.metadata.len() {
            return Err(most_telling.into());
        }
        self.at += 1;
        self.failure = Some(most_telling);
        Ok(None)
    }

    fn jwks_uri(&self, body: &[u8]) -> Result<Location, FetchError> {
        let metadata = json::parse_object(body).map_err(|_| FetchError::Metadata("it is not a strict JSON object"))?;
        if metadata.get("issuer").and_then(Value::as_str) != Some(self.issuer.name()) {
            return Err(FetchError::Metadata("its \"issuer\" is not, character by character, the one asked for"));
        }
        let uri =
            metadata.get("jwks_uri").and_then(Value::as_str).ok_or(FetchError::Metadata("it has no \"jwks_uri\""))?;
        let found = Location::parse(uri, "jwks_uri", self.issuer.location.allows_http())
            .map_err(|_| FetchError::Metadata("its \"jwks_uri\" is not a URL that keys may be fetched from"))?;
        if self.issuer.location.is_https() && !found.is_https() {
            return Err(FetchError::Metadata("its \"jwks_uri\" is not an https URL, and the issuer is"));
        }
        Ok(found)
    }
}

fn is_absence(failure: &HttpError) -> bool {
    matches!(failure, HttpError::Status(404 | 410))
}

/// OIDC's form, appended to the path; RFC 8414's, inserted before it; and the appended one that some servers have.
fn well_known_urls(issuer: &str) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn discovery() -> Discovery {
        Discovery::new(Issuer::parse("https://i.example", false).unwrap())
    }

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
    fn an_issuer_has_no_query() {
        assert!(Issuer::parse("https://i.example/a", false).is_ok());
        for bad in ["https://i.example/?a", "https://i.example/#a", "http://i.example", "i.example", ""] {
            assert!(Issuer::parse(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn k19_metadata_speaks_for_its_issuer_and_names_the_field_at_fault() {
        let read = |body: &str| discovery().answered(200, body.as_bytes()).map_err(|error| error.to_string());
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

    #[test]
    fn k19_any_other_status_leads_on_and_the_one_that_tells_most_is_told_at_the_end() {
        for (statuses, told) in [
            ([404, 404], "status 404"),
            ([404, 503], "status 503"),
            ([503, 404], "status 503"),
            ([302, 503], "redirect (302)"),
            ([410, 302], "redirect (302)"),
            ([404, 304], "status 304"),
            ([500, 401], "status 500"),
        ] {
            let mut discovery = discovery();
            let body = br#"{"issuer":"https://i.example","jwks_uri":"https://k.example/jwks"}"#;
            assert_eq!(discovery.answered(statuses[0], body), Ok(None), "{statuses:?}");
            let error = discovery.answered(statuses[1], body).unwrap_err().to_string();
            assert!(error.contains(told), "{statuses:?}: {error}");
        }
    }
}
