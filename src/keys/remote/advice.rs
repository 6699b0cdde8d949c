//! After an endpoint gave certificates instead of keys: looks up where the issuer publishes its keys, for the error text.

use super::error::FetchError;
use super::http_answer::HttpAnswer;
use crate::discovery::{Issuer, MetadataSearch, ServerMetadata};
use crate::http::EndpointUrl;

/// The search for the URL of the keys.
#[derive(Debug)]
pub(super) struct Advice {
    issuer: Issuer,
    search: MetadataSearch,
    document: Box<str>,
}

impl Advice {
    /// A search in the metadata of this issuer.
    pub(super) fn new(issuer: &Issuer, document: Box<str>) -> Self {
        let search = MetadataSearch::new(issuer.candidates().collect());
        Self { issuer: issuer.clone(), search, document }
    }

    /// The URL to ask.
    pub(super) fn endpoint_url(&self) -> &EndpointUrl {
        self.search.endpoint_url()
    }

    /// Takes the answer of that URL. Returns the error, or `None` if there is another URL to ask.
    pub(super) fn on_response(&mut self, answer: &HttpAnswer<'_>) -> Option<FetchError> {
        let issuer = self.issuer.endpoint_url();
        let jwks_uri = |metadata: ServerMetadata| metadata.jwks_uri(issuer);
        match self.search.on_response(answer.status, answer.media_type, &answer.body, jwks_uri) {
            Ok(None) => None,
            Ok(Some(found)) => Some(self.error(found.as_ref())),
            Err(_) => Some(self.error(None)),
        }
    }

    /// The error, with the URL of the keys if that was found.
    pub(super) fn error(&self, found: Option<&EndpointUrl>) -> FetchError {
        FetchError::Certificates {
            document: self.document.clone(),
            jwks_uri: found.map(|endpoint_url| endpoint_url.shown().into()),
        }
    }
}
