//! Searches for the metadata of an issuer, one URL after the other (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3).

use super::document::Document;
use super::error::{DiscoveryError, FailureKind};
use super::issuer::Candidate;
use super::metadata::ServerMetadata;
use crate::http::{EndpointUrl, HttpError};

/// How many of the asked URLs an error names.
const MOST_REPORTED: usize = 8;

/// The search for a server's metadata, without I/O: one candidate URL after the other.
///
/// The `issuer` of a document must be that of its candidate (RFC 8414 section 3.3). If the issuer was configured, a document with
/// another one is wrong or forged, and ends the search. If the issuer was derived from a URL, the search goes on. It also goes on
/// after every status but 200, redirects included, and after a document that is not metadata: a server may answer every path with
/// the same page, or an error with status 200.
#[derive(Debug)]
pub(crate) struct MetadataSearch {
    candidates: Vec<Candidate>,
    at: usize,
    /// The result of each candidate.
    failures: Vec<DiscoveryError>,
}

impl MetadataSearch {
    /// A search that has sent no request yet. There is at least one candidate.
    pub(crate) fn new(candidates: Vec<Candidate>) -> Self {
        Self { candidates, at: 0, failures: Vec::new() }
    }

    /// The URL to ask.
    pub(crate) fn endpoint_url(&self) -> &EndpointUrl {
        &self.candidates[self.at].endpoint_url
    }

    /// Takes the answer of that URL. Returns what `wanted` makes of the document, or `None` if another URL is to be asked.
    ///
    /// # Errors
    /// The document ends the search; the text names the field. Or all URLs were asked; the error names each, and its result.
    pub(crate) fn on_response<T>(
        &mut self,
        status: u16,
        media_type: Option<&str>,
        body: &[u8],
        wanted: impl FnOnce(ServerMetadata) -> Result<T, DiscoveryError>,
    ) -> Result<Option<T>, DiscoveryError> {
        let candidate = &self.candidates[self.at];
        let failure = if status == 200 {
            let document = Document { url: candidate.endpoint_url.shown(), status, media_type };
            match ServerMetadata::parse(body, &document, &candidate.issuer, |issuer| candidate.is_of(issuer)) {
                Ok(metadata) => match wanted(metadata) {
                    Err(error) if candidate.is_derived => error,
                    found => return found.map(Some),
                },
                Err(error @ DiscoveryError::NoMetadata(_)) => error,
                Err(error) if candidate.is_derived => error,
                Err(error) => return Err(error),
            }
        } else {
            HttpError::of_status(status).into()
        };
        self.lead_on(failure).map(|()| None)
    }

    /// Goes on to the next URL, after what came of the current one.
    ///
    /// # Errors
    /// It was the last; the error names each, and what came of it.
    pub(crate) fn lead_on(&mut self, failure: DiscoveryError) -> Result<(), DiscoveryError> {
        self.failures.push(failure);
        if self.at + 1 == self.candidates.len() {
            return Err(self.not_found());
        }
        self.at += 1;
        Ok(())
    }

    /// The error of the search, where this error of the current URL ends it.
    pub(crate) fn broken_off(&mut self, error: HttpError) -> DiscoveryError {
        self.failures.push(error.into());
        self.not_found()
    }

    fn not_found(&self) -> DiscoveryError {
        let failed = self.candidates.iter().zip(&self.failures).take(MOST_REPORTED);
        let mut asked: Vec<_> =
            failed.map(|(candidate, failure)| format!("{}: {failure}", candidate.endpoint_url.shown())).collect();
        if let more @ 1.. = self.failures.len().saturating_sub(MOST_REPORTED) {
            asked.push(format!("{more} more URLs: nothing either"));
        }
        DiscoveryError::NotFound { asked: asked.join("; ").into(), kind: FailureKind::of_search(&self.failures) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::Issuer;

    fn named() -> MetadataSearch {
        MetadataSearch::new(Issuer::parse("https://i.example", false).unwrap().candidates().collect())
    }

    fn derived() -> MetadataSearch {
        MetadataSearch::new(
            Issuer::parse("https://i.example", false).unwrap().candidates().map(Candidate::derived).collect(),
        )
    }

    fn jwks_uri(metadata: &ServerMetadata) -> Result<Option<EndpointUrl>, DiscoveryError> {
        metadata.jwks_uri(&EndpointUrl::parse("https://i.example", "issuer", false).unwrap())
    }

    #[test]
    fn a_stray_document_ends_the_search_or_leads_on() {
        let stray = br#"{"issuer":"https://other.example"}"#;
        let error = named().on_response(200, None, stray, Ok).unwrap_err().to_string();
        assert!(error.contains("\"issuer\""), "{error}");

        let mut search = derived();
        assert!(search.on_response(200, None, stray, Ok).unwrap().is_none());
        let unwanted = |_| Err::<(), _>(DiscoveryError::Unusable("it is another one's"));
        let error =
            search.on_response(200, None, br#"{"issuer":"https://i.example"}"#, unwanted).unwrap_err().to_string();
        assert!(error.contains("\"issuer\""), "the first that says more than a status: {error}");
        let mut search = derived();
        assert!(search.on_response(404, None, b"", Ok).unwrap().is_none());
        assert!(search.on_response(200, None, br#"{"issuer":"https://i.example"}"#, Ok).unwrap().is_some());
    }

    #[test]
    fn only_a_derived_issuer_may_have_a_slash_that_its_url_does_not_show() {
        let body = br#"{"issuer":"https://i.example/"}"#;
        assert!(named().on_response(200, None, body, Ok).is_err());
        assert_eq!(derived().on_response(200, None, body, Ok).unwrap().unwrap().issuer(), "https://i.example/");
        for other in ["https://i.example//", "https://i.example/a", "https://i.example.evil/"] {
            let body = format!(r#"{{"issuer":"{other}"}}"#);
            assert!(derived().on_response(200, None, body.as_bytes(), Ok).unwrap().is_none(), "{other}");
        }
    }

    #[test]
    fn any_other_status_leads_on_and_the_error_names_each() {
        for (statuses, expected_text) in [
            ([404, 404], ["status 404", "status 404"]),
            ([404, 503], ["status 404", "status 503"]),
            ([302, 503], ["redirect (302)", "status 503"]),
            ([404, 304], ["status 404", "status 304"]),
        ] {
            let mut discovery = named();
            let body = br#"{"issuer":"https://i.example","jwks_uri":"https://k.example/jwks"}"#;
            let mut answered = |status| discovery.on_response(status, None, body, |metadata| jwks_uri(&metadata));
            assert_eq!(answered(statuses[0]), Ok(None), "{statuses:?}");
            let error = answered(statuses[1]).unwrap_err().to_string();
            let well_known = "https://i.example/.well-known/";
            let places = ["openid-configuration", "oauth-authorization-server"];
            for (place, expected_text) in places.iter().zip(expected_text) {
                let expected = format!("{well_known}{place}: the endpoint answered with");
                assert!(error.contains(&expected) && error.contains(expected_text), "{statuses:?}: {error}");
            }
        }
    }

    #[test]
    fn the_kind_of_a_search_is_that_of_all_its_answers() {
        let elsewhere = br#"{"issuer":"https://i.example"}"#;
        let kind = |answers: [(u16, &[u8]); 2]| {
            let mut search = derived();
            let mut answered = |(status, body)| {
                let refuse = |_| Err::<(), _>(DiscoveryError::OtherTokenEndpoint);
                search.on_response(status, None, body, refuse)
            };
            assert_eq!(answered(answers[0]), Ok(None));
            answered(answers[1]).unwrap_err().kind()
        };
        assert_eq!(kind([(404, b""), (404, b"")]), FailureKind::NoMetadata);
        assert_eq!(kind([(404, b""), (200, elsewhere)]), FailureKind::OtherTokenEndpoint);
        assert_eq!(kind([(200, elsewhere), (404, b"")]), FailureKind::OtherTokenEndpoint);
        for other in [503, 302] {
            assert_eq!(kind([(other, b""), (404, b"")]), FailureKind::Other);
            assert_eq!(kind([(200, elsewhere), (other, b"")]), FailureKind::Other);
        }
        let mut search = derived();
        let untrusted = HttpError::UntrustedCertificate("it is not trusted".to_owned());
        assert_eq!(search.on_response(404, None, b"", Ok).map(|_: Option<ServerMetadata>| ()), Ok(()));
        assert_eq!(search.broken_off(untrusted).kind(), FailureKind::UntrustedCertificate);
    }

    #[test]
    fn what_is_no_metadata_is_an_absence_and_leads_on() {
        let good = br#"{"issuer":"https://i.example"}"#;
        for (body, expected_text) in [
            (&b"<!doctype html><title>App</title>"[..], "an HTML page (status 200, text/html, from https://i.example/"),
            (b"", "it is empty"),
            (b"[]", "not an object"),
            (br#"{"error":"not_found"}"#, "an error answer"),
            (br#"{"issuer":1}"#, "it has no \"issuer\""),
            (br#"{"keys":[]}"#, "a JWK Set and no metadata"),
            (br#"{"issuer":"https://i.example","issuer":"https://i.example"}"#, "a member name twice"),
        ] {
            for mut search in [named(), derived()] {
                assert!(search.on_response(200, Some("text/html"), body, Ok).unwrap().is_none(), "{expected_text}");
                assert_eq!(search.on_response(200, None, good, Ok).unwrap().unwrap().issuer(), "https://i.example");
            }
            let mut search = named();
            assert!(search.on_response(200, Some("text/html"), body, Ok).unwrap().is_none());
            let error = search.on_response(404, None, b"", Ok).unwrap_err().to_string();
            assert!(error.contains(expected_text) && error.contains("status 404"), "{expected_text}: {error}");
        }
    }

    #[test]
    fn the_error_of_a_deep_search_is_short() {
        let token_endpoint =
            super::super::TokenEndpoint::parse("https://a.example/a/b/c/d/e/f/token", None, None, false);
        let mut search = token_endpoint.unwrap().discovery();
        let error = loop {
            if let Err(error) = search.on_response(404, None, b"", Ok) {
                break error.to_string();
            }
        };
        assert!(error.contains("more URLs") && error.len() < 2000, "{error}");
        let mut search = named();
        assert!(search.on_response(404, None, b"", Ok).unwrap().is_none());
        let error = search.broken_off(HttpError::Timeout).to_string();
        assert!(error.contains("status 404") && error.contains("did not answer in time"), "{error}");
    }
}
