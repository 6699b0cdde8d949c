//! From an issuer to its metadata: OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3.

use super::fetch::FetchError;
use super::metadata::Metadata;
use crate::config::ConfigError;
use crate::http::{HttpError, Location};

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
    /// It is no URL that metadata may be fetched from, has a query, or is that of the metadata.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, ConfigError> {
        let location = Location::parse(text, "issuer", allow_http)?;
        if location.url().query().is_some() {
            return Err(ConfigError::new("issuer must not have a query (RFC 8414 section 2)"));
        }
        if location.url().path().contains("/.well-known/") {
            return Err(ConfigError::new(
                "issuer is the URL of metadata: give what the metadata calls issuer, which has no /.well-known/ in it",
            ));
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

    /// Where its metadata may be, the likeliest place first.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        let place =
            |location: &Location| Place { issuer: self.name.clone(), location: location.clone(), guessed: false };
        self.metadata.iter().map(place)
    }
}

/// Where the metadata of an issuer may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    issuer: Box<str>,
    pub(super) location: Location,
    /// Whether nobody said that there is such an issuer.
    guessed: bool,
}

impl Place {
    /// The same place, for an issuer that nobody named.
    pub(super) fn guessed(self) -> Self {
        Self { guessed: true, ..self }
    }

    /// Whether a document in this place may speak for this issuer: the one of the place, character by character. One that
    /// is guessed may have a slash at its end, which its well-known URLs do not tell.
    fn is_of(&self, issuer: &str) -> bool {
        *issuer == *self.issuer || (self.guessed && issuer.strip_suffix('/') == Some(&self.issuer))
    }
}

/// The search for a server's metadata, without the network: one place after the other.
///
/// A document counts only in its place: its `issuer` must be the one of the place. Where somebody named that issuer, another
/// document is a wrong or a forged one and ends the search; else it is another one's, and leads to the next place, as
/// does any status but 200, a redirect among them.
#[derive(Debug)]
pub(super) struct Discovery {
    places: Vec<Place>,
    at: usize,
    /// Of what was answered, that which tells most.
    failure: Option<FetchError>,
}

impl Discovery {
    /// A search that has asked nobody. There is at least one place.
    pub(super) fn new(places: Vec<Place>) -> Self {
        Self { places, at: 0, failure: None }
    }

    /// The URL to ask.
    pub(super) fn location(&self) -> &Location {
        &self.places[self.at].location
    }

    /// Takes the answer of that URL: what `wanted` makes of the document, or nothing if another URL is to be asked.
    ///
    /// # Errors
    /// The document is not the wanted one, and that ends the search; the text names the field. Or all URLs were asked;
    /// the error tells of the first that had something else to say than that nothing is there.
    pub(super) fn answered<T>(
        &mut self,
        status: u16,
        body: &[u8],
        wanted: impl FnOnce(Metadata) -> Result<T, FetchError>,
    ) -> Result<Option<T>, FetchError> {
        let place = &self.places[self.at];
        let failure = if status == 200 {
            match Metadata::parse(body, |issuer| place.is_of(issuer)).and_then(wanted) {
                Err(error) if place.guessed => error,
                found => return found.map(Some),
            }
        } else {
            HttpError::of_status(status).into()
        };
        let most_telling = self.failure.take().filter(|before| !is_absence(before) || is_absence(&failure));
        let most_telling = most_telling.unwrap_or(failure);
        if self.at + 1 == self.places.len() {
            return Err(most_telling);
        }
        self.at += 1;
        self.failure = Some(most_telling);
        Ok(None)
    }
}

fn is_absence(failure: &FetchError) -> bool {
    matches!(failure, FetchError::Http(HttpError::Status(404 | 410)))
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

    fn named() -> Discovery {
        Discovery::new(Issuer::parse("https://i.example", false).unwrap().places().collect())
    }

    fn guessed() -> Discovery {
        Discovery::new(Issuer::parse("https://i.example", false).unwrap().places().map(Place::guessed).collect())
    }

    fn jwks_uri(metadata: &Metadata) -> Result<Option<Location>, FetchError> {
        metadata.jwks_uri(&Location::parse("https://i.example", "issuer", false).unwrap())
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
    fn a_stray_document_ends_the_search_or_leads_on() {
        let stray = br#"{"issuer":"https://other.example"}"#;
        let error = named().answered(200, stray, Ok).unwrap_err().to_string();
        assert!(error.contains("\"issuer\""), "{error}");

        let mut search = guessed();
        assert!(search.answered(200, stray, Ok).unwrap().is_none());
        let unwanted = |_| Err::<(), _>(FetchError::Metadata("it is another one's"));
        let error = search.answered(200, br#"{"issuer":"https://i.example"}"#, unwanted).unwrap_err().to_string();
        assert!(error.contains("\"issuer\""), "the first that told something: {error}");
        let mut search = guessed();
        assert!(search.answered(404, b"", Ok).unwrap().is_none());
        assert!(search.answered(200, br#"{"issuer":"https://i.example"}"#, Ok).unwrap().is_some());
    }

    #[test]
    fn only_a_guessed_issuer_may_have_a_slash_that_its_place_does_not_tell() {
        let body = br#"{"issuer":"https://i.example/"}"#;
        assert!(named().answered(200, body, Ok).is_err());
        assert_eq!(guessed().answered(200, body, Ok).unwrap().unwrap().issuer(), "https://i.example/");
        for other in ["https://i.example//", "https://i.example/a", "https://i.example.evil/"] {
            let body = format!(r#"{{"issuer":"{other}"}}"#);
            assert!(guessed().answered(200, body.as_bytes(), Ok).unwrap().is_none(), "{other}");
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
            let mut discovery = named();
            let body = br#"{"issuer":"https://i.example","jwks_uri":"https://k.example/jwks"}"#;
            let mut answered = |status| discovery.answered(status, body, |metadata| jwks_uri(&metadata));
            assert_eq!(answered(statuses[0]), Ok(None), "{statuses:?}");
            let error = answered(statuses[1]).unwrap_err().to_string();
            assert!(error.contains(told), "{statuses:?}: {error}");
        }
    }
}
