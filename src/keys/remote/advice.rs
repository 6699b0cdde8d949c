//! Where an issuer publishes its keys, looked up for an error that is known: certificates came in their place.

use super::error::FetchError;
use super::http_answer::HttpAnswer;
use crate::discovery::{Issuer, MetadataSearch, ServerMetadata};
use crate::http::EndpointUrl;

/// The search for what the error tells.
#[derive(Debug)]
pub(super) struct Advice {
    issuer: Issuer,
    search: MetadataSearch,
    document: Box<str>,
}

impl Advice {
    /// A search in the metadata of this issuer, of a document that was named so.
    pub(super) fn new(issuer: &Issuer, document: Box<str>) -> Self {
        let search = MetadataSearch::new(issuer.candidates().collect());
        Self { issuer: issuer.clone(), search, document }
    }

    /// The URL to ask.
    pub(super) fn endpoint_url(&self) -> &EndpointUrl {
        self.search.endpoint_url()
    }

    /// Takes what that URL answered: the error to tell, or nothing if there is more to ask.
    pub(super) fn on_response(&mut self, answer: &HttpAnswer<'_>) -> Option<FetchError> {
        let issuer = self.issuer.endpoint_url();
        let jwks_uri = |metadata: ServerMetadata| metadata.jwks_uri(issuer);
        match self.search.on_response(answer.status, answer.media_type, &answer.body, jwks_uri) {
            Ok(None) => None,
            Ok(Some(found)) => Some(self.error(found.as_ref())),
            Err(_) => Some(self.error(None)),
        }
    }

    /// The error to tell, with where the keys are if that was found.
    pub(super) fn error(&self, found: Option<&EndpointUrl>) -> FetchError {
        FetchError::Certificates {
            document: self.document.clone(),
            jwks_uri: found.map(|endpoint_url| endpoint_url.shown().into()),
        }
    }
}
