//! Fetching a JWK Set over HTTP, with this project's own client or with somebody else's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::discovery::{Discovery, Issuer};
use super::document::Document;
use super::endpoint::{Answer, Done, Fetcher, Reply};
use super::lifetime::lifetime;
use super::metadata::Metadata;
use super::token_endpoint::TokenEndpoint;
use crate::http::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use crate::http::{self, Client, FetchPolicy, HttpError, Location, Request};
use crate::keys::AuthorizationServer;

/// How long a fetch may take, discovery included.
#[must_use]
pub fn total_timeout(policy: FetchPolicy) -> Duration {
    Duration::from_secs(match policy {
        FetchPolicy::Plain => 10,
        FetchPolicy::SsrfSafe => 30,
    })
}

/// How many bytes an answer may have.
fn most_bytes(policy: FetchPolicy) -> usize {
    match policy {
        FetchPolicy::Plain => 1024 * 1024,
        FetchPolicy::SsrfSafe => 64 * 1024,
    }
}

/// Why a fetch brought no keys. Holds no text that the endpoint chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// There is no usable answer.
    Http(HttpError),
    /// The answer is not a usable JWK Set.
    NotAKeySet(&'static str),
    /// The server's metadata cannot be used.
    Metadata(&'static str),
    /// The metadata speaks for another issuer than the one asked for: for this one, tamed.
    OtherIssuer(Box<str>),
}

impl From<HttpError> for FetchError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => error.fmt(f),
            Self::NotAKeySet(why) => write!(f, "the answer is not a usable JWK Set: {why}"),
            Self::Metadata(why) => write!(f, "the server's metadata cannot be used: {why}"),
            Self::OtherIssuer(issuer) => write!(
                f,
                "the server's metadata cannot be used: its \"issuer\" is \"{issuer}\", which is not, character by \
                 character, the one asked for"
            ),
        }
    }
}

/// Where keys are published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// At this URL.
    KeySet(Location),
    /// Where the metadata of this issuer says.
    Issuer(Issuer),
    /// Where the metadata says of the server that has this token endpoint.
    TokenEndpoint(TokenEndpoint),
}

impl Origin {
    /// The URL, as it is told to people.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::KeySet(location) => location.shown(),
            Self::Issuer(issuer) => issuer.name(),
            Self::TokenEndpoint(endpoint) => endpoint.location().shown(),
        }
    }

    /// Whether it is an https URL.
    #[must_use]
    pub fn is_https(&self) -> bool {
        match self {
            Self::KeySet(location) => location.is_https(),
            Self::Issuer(issuer) => issuer.location().is_https(),
            Self::TokenEndpoint(endpoint) => endpoint.location().is_https(),
        }
    }

    /// How a search from here begins.
    fn stage(&self) -> Stage {
        match self {
            Self::KeySet(location) => Stage::KeySet(location.clone(), None),
            Self::Issuer(issuer) => Stage::Metadata(Discovery::new(issuer.places().collect())),
            Self::TokenEndpoint(endpoint) => Stage::Metadata(endpoint.discovery()),
        }
    }

    /// What the metadata leads to: where keys are, if there are any, and whose they are, if that is to be known.
    fn follow(&self, metadata: &Metadata) -> Result<Found, FetchError> {
        match self {
            // Nothing leads from here.
            Self::KeySet(location) => Ok((Some(location.clone()), None)),
            Self::Issuer(issuer) => match metadata.jwks_uri(issuer.location())? {
                None => Err(FetchError::Metadata("it has no \"jwks_uri\"")),
                found => Ok((found, None)),
            },
            Self::TokenEndpoint(endpoint) => {
                let (location, server) = endpoint.follow(metadata)?;
                Ok((location, Some(Arc::new(server))))
            }
        }
    }
}

/// What a set was tagged with, where (RFC 9110 section 8.8.3): the tag says nothing of what is at another URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    location: Location,
    tag: Box<str>,
}

/// What one GET brought. `body` may be left empty with any status but 200.
#[derive(Debug, Default)]
pub struct Page<'p> {
    /// The status.
    pub status: u16,
    /// The header `ETag`.
    pub etag: Option<&'p str>,
    /// The header `Cache-Control`.
    pub cache_control: Option<&'p str>,
    /// The body, or more of it than is read.
    pub body: Vec<u8>,
}

type Found = (Option<Location>, Option<Arc<AuthorizationServer>>);

/// One fetch, without the network: what to ask next, until there are keys. Whoever has a client can drive it.
#[derive(Debug)]
pub struct Search {
    origin: Origin,
    known: Option<EntityTag>,
    most: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Metadata(Discovery),
    KeySet(Location, Option<Arc<AuthorizationServer>>),
}

impl Search {
    /// A search from this origin, for something newer than what is known.
    #[must_use]
    pub fn new(origin: &Origin, policy: FetchPolicy, known: Option<EntityTag>) -> Self {
        Self { origin: origin.clone(), known, most: most_bytes(policy), stage: origin.stage() }
    }

    /// The URL to ask, and the entity tag for `If-None-Match`.
    #[must_use]
    pub fn question(&self) -> (&Location, Option<&str>) {
        match &self.stage {
            Stage::Metadata(discovery) => (discovery.location(), None),
            Stage::KeySet(location, server) => (location, self.tag_of(location, server.as_ref())),
        }
    }

    /// Takes what that URL answered: what came of the search, or nothing if there is more to ask.
    pub fn answered(&mut self, page: &Page<'_>) -> Option<Result<Reply, FetchError>> {
        self.step(page).transpose()
    }

    /// The most bytes that are read of a body.
    #[must_use]
    pub fn most_bytes(&self) -> usize {
        self.most
    }

    fn step(&mut self, page: &Page<'_>) -> Result<Option<Reply>, FetchError> {
        if page.status == 200 && page.body.len() > self.most {
            return Err(HttpError::TooLarge.into());
        }
        let lifetime = lifetime(page.cache_control);
        let (location, server) = match &mut self.stage {
            Stage::KeySet(location, server) => (location.clone(), server.clone()),
            Stage::Metadata(discovery) => {
                let found = discovery.answered(page.status, &page.body, |metadata| self.origin.follow(&metadata))?;
                match found {
                    None => return Ok(None),
                    Some((Some(location), server)) => self.stage = Stage::KeySet(location, server),
                    Some((None, server)) => return Ok(Some(reply(Document::without_keys(), server, None, lifetime))),
                }
                return Ok(None);
            }
        };
        match page.status {
            200 => {
                let etag = page.etag.map(|tag| EntityTag { location, tag: tag.into() });
                Ok(Some(reply(Document::parse(&page.body)?, server, etag, lifetime)))
            }
            304 if self.tag_of(&location, server.as_ref()).is_some() => {
                Ok(Some(Reply { answer: Answer::NotModified, lifetime }))
            }
            status => Err(HttpError::of_status(status).into()),
        }
    }

    /// What to ask with, where only the keys matter: that they did not change says nothing of the server's metadata.
    fn tag_of(&self, location: &Location, server: Option<&Arc<AuthorizationServer>>) -> Option<&str> {
        let known = self.known.as_ref().filter(|known| server.is_none() && known.location == *location);
        known.map(|known| &*known.tag)
    }
}

fn reply(
    mut document: Document,
    server: Option<Arc<AuthorizationServer>>,
    etag: Option<EntityTag>,
    lifetime: Duration,
) -> Reply {
    if let Some(server) = server {
        document.skipped.extend(server.introspection.fault().map(str::to_owned));
        document.keys = document.keys.of_server(server);
    }
    Reply { answer: Answer::Document { document, etag }, lifetime }
}

/// Fetches with this project's own client.
#[derive(Debug)]
pub struct HttpFetcher {
    origin: Origin,
    policy: FetchPolicy,
}

impl HttpFetcher {
    /// A fetcher of this origin.
    #[must_use]
    pub fn new(origin: Origin, policy: FetchPolicy) -> Self {
        Self { origin, policy }
    }
}

impl Fetcher for HttpFetcher {
    fn fetch(&self, known: Option<EntityTag>, done: Done) {
        let search = Search::new(&self.origin, self.policy, known);
        http::spawn(self.policy, total_timeout(self.policy), |client| carry_out(search, client), done);
    }
}

async fn carry_out(mut search: Search, client: Client) -> Result<Reply, FetchError> {
    loop {
        let (location, tag) = search.question();
        let mut request = Request::get(location);
        if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let response = client.send(request).await?;
        let header = |name: HeaderName| response.header(name).map(str::to_owned);
        let (status, etag, cache_control) = (response.status(), header(ETAG), header(CACHE_CONTROL));
        let body = if status == 200 { response.body(search.most_bytes()).await? } else { Vec::new() };
        let page = Page { status, etag: etag.as_deref(), cache_control: cache_control.as_deref(), body };
        if let Some(end) = search.answered(&page) {
            return end;
        }
    }
}
