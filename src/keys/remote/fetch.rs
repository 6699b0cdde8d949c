//! Fetching a JWK Set over HTTP, with this project's own client or with somebody else's.

use std::fmt;
use std::time::Duration;

use super::discovery;
use super::document::Document;
use super::endpoint::{Answer, Done, Fetcher, Reply, Request};
use super::schedule;
use crate::http::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use crate::http::{self, Client, FetchPolicy, HttpError, Location};

/// How long a fetch may take, discovery included, and how many bytes an answer may have.
fn limits(policy: FetchPolicy) -> (Duration, usize) {
    match policy {
        FetchPolicy::Plain => (Duration::from_secs(10), 1024 * 1024),
        FetchPolicy::SsrfSafe => (Duration::from_secs(30), 64 * 1024),
    }
}

/// Why a fetch brought no keys. Holds no text that the endpoint chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// There is no usable answer.
    Http(HttpError),
    /// The answer is not a usable JWK Set.
    NotAKeySet(&'static str),
    /// The issuer's metadata cannot be used.
    Metadata(&'static str),
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
            Self::Metadata(why) => write!(f, "the issuer's metadata cannot be used: {why}"),
        }
    }
}

/// Where keys are published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// At this URL.
    KeySet(Location),
    /// Where the metadata of this issuer says.
    Issuer(Location, Box<str>),
}

/// A body and the headers that matter.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    etag: Option<Box<str>>,
    cache_control: Option<String>,
}

/// What one GET brought.
pub(super) enum Got {
    Body(Body),
    NotModified { cache_control: Option<String> },
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
    fn fetch(&self, request: Request, done: Done) {
        let origin = self.origin.clone();
        let (total, most) = limits(self.policy);
        http::spawn(self.policy, total, |client| fetch(client, most, origin, request), done);
    }
}

async fn fetch(client: Client, most: usize, origin: Origin, request: Request) -> Result<Reply, FetchError> {
    let location = match origin {
        Origin::KeySet(location) => location,
        Origin::Issuer(location, issuer) => discovery::key_set_location(&client, most, &location, &issuer).await?,
    };
    Ok(match get(&client, most, &location, request.etag.as_deref()).await? {
        Got::NotModified { cache_control } => {
            Reply { answer: Answer::NotModified, lifetime: schedule::lifetime(cache_control.as_deref()) }
        }
        Got::Body(body) => reply(&body)?,
    })
}

/// Reads a body with its headers.
fn reply(body: &Body) -> Result<Reply, FetchError> {
    let document = Document::parse(&body.bytes)?;
    let lifetime = schedule::lifetime(body.cache_control.as_deref());
    Ok(Reply { answer: Answer::Document { document, etag: body.etag.clone() }, lifetime })
}

/// Reads an answer that somebody else's client fetched.
///
/// # Errors
/// As for our own.
pub fn read_foreign(
    status: u16,
    etag: Option<&str>,
    cache_control: Option<&str>,
    bytes: Vec<u8>,
) -> Result<Reply, FetchError> {
    let (_, most) = limits(FetchPolicy::Plain);
    match status {
        200 if bytes.len() > most => Err(HttpError::TooLarge.into()),
        200 => reply(&Body { bytes, etag: etag.map(Box::from), cache_control: cache_control.map(str::to_owned) }),
        304 => Ok(Reply { answer: Answer::NotModified, lifetime: schedule::lifetime(cache_control) }),
        _ => Err(HttpError::of_status(status).into()),
    }
}

/// One GET: only 200 is an answer, and 304 where it was asked for.
pub(super) async fn get(
    client: &Client,
    most: usize,
    location: &Location,
    etag: Option<&str>,
) -> Result<Got, FetchError> {
    let mut request = http::Request::get(location);
    let known = etag.and_then(|etag| HeaderValue::from_str(etag).ok());
    let conditional = known.is_some();
    if let Some(known) = known {
        request = request.header(IF_NONE_MATCH, known);
    }
    let response = client.send(request).await?;
    let header = |name: HeaderName| response.header(name).map(str::to_owned);
    let (etag, cache_control) = (header(ETAG), header(CACHE_CONTROL));
    match response.status() {
        200 => Ok(Got::Body(Body { bytes: response.body(most).await?, etag: etag.map(Box::from), cache_control })),
        304 if conditional => Ok(Got::NotModified { cache_control }),
        status => Err(HttpError::of_status(status).into()),
    }
}
