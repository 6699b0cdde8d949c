//! The retrieval of a JWK Set over HTTP, without I/O, for this project's HTTP client or a caller's.

use std::sync::Arc;
use std::time::Duration;

use super::advice::Advice;
use super::error::FetchError;
use super::fetcher::{EntityTag, FetchContent, FetchReply};
use super::freshness::{SHORTEST_LIFETIME, lifetime};
use super::http_answer::HttpAnswer;
use super::key_set_document::FetchedKeySet;
use crate::discovery::document::Document;
use crate::discovery::{AuthorizationServer, DiscoveryError, Issuer, MetadataSearch, ServerMetadata, TokenEndpoint};
use crate::http::{self, EndpointUrl, HttpError, SsrfPolicy};

/// How many bytes an answer may have.
fn most_bytes(policy: SsrfPolicy) -> usize {
    match policy {
        SsrfPolicy::TrustedUrl => 1024 * 1024,
        SsrfPolicy::PublicOnly => 64 * 1024,
    }
}

/// Where keys are published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyLocator {
    /// At this URL.
    KeySet(EndpointUrl),
    /// In the metadata of this issuer.
    Issuer(Issuer),
    /// In the metadata of the server with this token endpoint.
    TokenEndpoint(TokenEndpoint),
}

impl KeyLocator {
    /// The URL for logs, without its query.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::KeySet(endpoint_url) => endpoint_url.shown(),
            Self::Issuer(issuer) => issuer.name(),
            Self::TokenEndpoint(endpoint) => endpoint.endpoint_url().shown(),
        }
    }

    /// Whether it is an https URL.
    #[must_use]
    pub fn is_https(&self) -> bool {
        match self {
            Self::KeySet(endpoint_url) => endpoint_url.is_https(),
            Self::Issuer(issuer) => issuer.endpoint_url().is_https(),
            Self::TokenEndpoint(endpoint) => endpoint.endpoint_url().is_https(),
        }
    }

    /// The first stage of a retrieval.
    fn stage(&self) -> Stage {
        match self {
            Self::KeySet(endpoint_url) => Stage::KeySet(endpoint_url.clone(), None),
            Self::Issuer(issuer) => Stage::Metadata(MetadataSearch::new(issuer.candidates().collect())),
            Self::TokenEndpoint(endpoint) => Stage::Metadata(endpoint.discovery()),
        }
    }

    /// What the metadata leads to: the URL of the keys, if there are any, and the server that they belong to, if that matters.
    fn follow(&self, metadata: &ServerMetadata) -> Result<Found, DiscoveryError> {
        match self {
            // Nothing leads from here.
            Self::KeySet(endpoint_url) => Ok((Some(endpoint_url.clone()), None)),
            Self::Issuer(issuer) => match metadata.jwks_uri(issuer.endpoint_url())? {
                None => Err(DiscoveryError::NoJwksUri),
                found => Ok((found, None)),
            },
            Self::TokenEndpoint(endpoint) => {
                let (endpoint_url, server) = endpoint.follow(metadata)?;
                Ok((endpoint_url, Some(Arc::new(server))))
            }
        }
    }
}

type Found = (Option<EndpointUrl>, Option<Arc<AuthorizationServer>>);

/// One retrieval, without I/O: it gives one request after another until there are keys. Any HTTP client can run it.
#[derive(Debug)]
pub struct Retrieval {
    locator: KeyLocator,
    known: Option<EntityTag>,
    most: usize,
    key_use: Option<Box<str>>,
    issuer: Option<Issuer>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Metadata(MetadataSearch),
    KeySet(EndpointUrl, Option<Arc<AuthorizationServer>>),
    /// The search for the URL of the keys, for the error text after certificates came in their place.
    Advice(Advice),
}

impl Retrieval {
    /// A retrieval from this locator, of something newer than the known set.
    #[must_use]
    pub fn new(locator: &KeyLocator, policy: SsrfPolicy, known: Option<EntityTag>) -> Self {
        Self {
            locator: locator.clone(),
            known,
            most: most_bytes(policy),
            key_use: None,
            issuer: None,
            stage: locator.stage(),
        }
    }

    /// This retrieval, with a further value of `use` that is accepted beside `sig`.
    #[must_use]
    pub fn with_key_use(self, key_use: Option<&str>) -> Self {
        Self { key_use: key_use.map(Box::from), ..self }
    }

    /// This retrieval, which looks up where this issuer publishes keys if the URL gives certificates.
    #[must_use]
    pub fn with_issuer(self, issuer: Option<&Issuer>) -> Self {
        Self { issuer: issuer.cloned(), ..self }
    }

    /// Whether the retrieval has failed, and goes on only to find a URL for the error text.
    #[must_use]
    pub fn seeks_advice(&self) -> bool {
        matches!(self.stage, Stage::Advice(..))
    }

    /// The URL to ask, and the entity tag for `If-None-Match`.
    #[must_use]
    pub fn next_request(&self) -> (&EndpointUrl, Option<&str>) {
        match &self.stage {
            Stage::Metadata(search) => (search.endpoint_url(), None),
            Stage::Advice(advice) => (advice.endpoint_url(), None),
            Stage::KeySet(endpoint_url, server) => (endpoint_url, self.tag_of(endpoint_url, server.as_ref())),
        }
    }

    /// The header `Accept` of that question.
    #[must_use]
    pub fn accept(&self) -> &'static str {
        match self.stage {
            Stage::Metadata(_) | Stage::Advice(..) => http::ANY_JSON,
            Stage::KeySet(..) => http::KEY_SET,
        }
    }

    /// Takes the answer of that URL. Returns the result of the retrieval, or `None` if there is another URL to ask.
    pub fn on_response(&mut self, answer: &HttpAnswer<'_>) -> Option<Result<FetchReply, FetchError>> {
        if let Stage::Advice(advice) = &mut self.stage {
            return advice.on_response(answer).map(Err);
        }
        if answer.status == 200 && answer.body.len() > self.most {
            return self.on_unread_body(HttpError::TooLarge);
        }
        match self.step(answer) {
            Err(error) => Some(self.on_error(error)),
            step => step.transpose(),
        }
    }

    /// Takes an error in the place of the body of an answer. A search for metadata goes on, since what cannot be read is no
    /// metadata. Returns what [`on_response`](Self::on_response) does.
    pub fn on_unread_body(&mut self, error: HttpError) -> Option<Result<FetchReply, FetchError>> {
        match &mut self.stage {
            Stage::Metadata(search) if error.is_of_an_answer() => {
                search.lead_on(error.into()).err().map(|end| Err(end.into()))
            }
            _ => Some(self.on_error(error.into())),
        }
    }

    /// Takes an error in the place of an answer, which ends the retrieval, and returns its result. If the metadata was read, the
    /// server is known without keys.
    ///
    /// # Errors
    /// Nothing is known.
    pub fn on_error(&mut self, error: FetchError) -> Result<FetchReply, FetchError> {
        match &mut self.stage {
            Stage::KeySet(_, Some(server)) => {
                let (server, error) = (Arc::clone(server), Box::new(error));
                Ok(FetchReply { answer: FetchContent::ServerAlone { server, error }, lifetime: SHORTEST_LIFETIME })
            }
            Stage::KeySet(_, None) => Err(error),
            Stage::Advice(advice) => Err(advice.error(None)),
            Stage::Metadata(search) => Err(match error {
                FetchError::Http(error) => search.broken_off(error).into(),
                error => error,
            }),
        }
    }

    /// The most bytes that are read of a body.
    #[must_use]
    pub fn most_bytes(&self) -> usize {
        self.most
    }

    fn step(&mut self, answer: &HttpAnswer<'_>) -> Result<Option<FetchReply>, FetchError> {
        let lifetime = lifetime(answer.cache_control);
        let (endpoint_url, server) = match &mut self.stage {
            Stage::KeySet(endpoint_url, server) => (endpoint_url.clone(), server.clone()),
            Stage::Advice(_) => return Ok(None),
            Stage::Metadata(discovery) => {
                let found = discovery.on_response(answer.status, answer.media_type, &answer.body, |metadata| {
                    self.locator.follow(&metadata)
                })?;
                match found {
                    None => return Ok(None),
                    Some((Some(endpoint_url), server)) => self.stage = Stage::KeySet(endpoint_url, server),
                    Some((None, server)) => {
                        return Ok(Some(reply(FetchedKeySet::without_keys(), server, None, lifetime)));
                    }
                }
                return Ok(None);
            }
        };
        match answer.status {
            200 => {
                let document = FetchedKeySet::parse(&answer.body, self.key_use.as_deref())
                    .map_err(|error| error.of(&document(answer, &endpoint_url)));
                let document = match (document, &self.issuer) {
                    (Err(FetchError::Certificates { document, .. }), Some(issuer)) if server.is_none() => {
                        self.stage = Stage::Advice(Advice::new(issuer, document));
                        return Ok(None);
                    }
                    (document, _) => document?,
                };
                let etag = answer.etag.map(|tag| EntityTag { endpoint_url, tag: tag.into() });
                Ok(Some(reply(document, server, etag, lifetime)))
            }
            304 if self.tag_of(&endpoint_url, server.as_ref()).is_some() => {
                Ok(Some(FetchReply { answer: FetchContent::NotModified, lifetime }))
            }
            status => Err(HttpError::of_status(status).into()),
        }
    }

    /// The entity tag to send, if only the keys matter: unchanged keys say nothing about the server's metadata.
    fn tag_of(&self, endpoint_url: &EndpointUrl, server: Option<&Arc<AuthorizationServer>>) -> Option<&str> {
        let known = self.known.as_ref().filter(|known| server.is_none() && known.endpoint_url == *endpoint_url);
        known.map(|known| &*known.tag)
    }
}

fn document<'d>(answer: &'d HttpAnswer<'_>, endpoint_url: &'d EndpointUrl) -> Document<'d> {
    Document { url: endpoint_url.shown(), status: answer.status, media_type: answer.media_type }
}

fn reply(
    mut document: FetchedKeySet,
    server: Option<Arc<AuthorizationServer>>,
    etag: Option<EntityTag>,
    lifetime: Duration,
) -> FetchReply {
    if let Some(server) = &server {
        document.notices.extend(server.introspection.fault().map(str::to_owned));
    }
    let document = Box::new(document);
    FetchReply { answer: FetchContent::KeySet { document, server, etag }, lifetime }
}
