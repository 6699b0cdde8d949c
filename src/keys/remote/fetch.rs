//! Fetching over HTTP: bounded in time and size, without redirects, on a runtime of our own.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use reqwest::{Client, StatusCode};

use super::address::is_public;
use super::discovery;
use super::document::Document;
use super::endpoint::{Answer, Done, Fetcher, Reply, Request};
use super::location::Location;
use super::registry::FetchPolicy;
use super::schedule;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
const TOTAL_TIMEOUT_SSRF_SAFE: Duration = Duration::from_secs(30);
const MAX_BODY: usize = 1024 * 1024;
const MAX_BODY_SSRF_SAFE: usize = 64 * 1024;
/// The longest text of an error that is passed on, in characters.
const LONGEST_CAUSE: usize = 200;
const USER_AGENT: &str = concat!("fastmcp-rs/", env!("CARGO_PKG_VERSION"));

/// Why a fetch brought no keys. Holds no text that the endpoint chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// It took too long.
    Timeout,
    /// No connection: name, network or TLS.
    Connect(String),
    /// The connection broke while the answer came.
    Broken,
    /// The endpoint answered with another status than 200.
    Status(u16),
    /// The endpoint sent us elsewhere.
    Redirect(u16),
    /// The answer is too long.
    TooLarge,
    /// The answer is not a usable JWK Set.
    NotAKeySet(&'static str),
    /// The issuer's metadata cannot be used.
    Metadata(&'static str),
    /// The address is not a public one, and only such are allowed.
    NotPublic,
    /// Nobody is there to fetch: the client could not be made, or its event loop is not running.
    NoClient(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the endpoint did not answer in time"),
            Self::Connect(cause) => write!(f, "no connection to the endpoint: {cause}"),
            Self::Broken => f.write_str("the connection broke before the answer was complete"),
            Self::Status(status) => write!(f, "the endpoint answered with status {status}"),
            Self::Redirect(status) => {
                write!(f, "the endpoint answered with a redirect ({status}), which is not followed")
            }
            Self::TooLarge => f.write_str("the answer is larger than is read"),
            Self::NotAKeySet(why) => write!(f, "the answer is not a usable JWK Set: {why}"),
            Self::Metadata(why) => write!(f, "the issuer's metadata cannot be used: {why}"),
            Self::NotPublic => f.write_str("the endpoint's address is not a public one (ssrf_safe)"),
            Self::NoClient(why) => write!(f, "nothing could be fetched: {why}"),
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
        let (origin, policy) = (self.origin.clone(), self.policy);
        let process = match process() {
            Ok(process) => process,
            Err(error) => return done(Err(error)),
        };
        let client = match policy {
            FetchPolicy::Plain => process.plain.clone(),
            FetchPolicy::SsrfSafe => process.ssrf_safe.clone(),
        };
        process.runtime.spawn(async move {
            let total = match policy {
                FetchPolicy::Plain => TOTAL_TIMEOUT,
                FetchPolicy::SsrfSafe => TOTAL_TIMEOUT_SSRF_SAFE,
            };
            let fetched = tokio::time::timeout(total, fetch(&client, policy, &origin, request)).await;
            done(fetched.unwrap_or(Err(FetchError::Timeout)));
        });
    }
}

async fn fetch(client: &Client, policy: FetchPolicy, origin: &Origin, request: Request) -> Result<Reply, FetchError> {
    let location = match origin {
        Origin::KeySet(location) => location.clone(),
        Origin::Issuer(location, issuer) => discovery::key_set_location(client, policy, location, issuer).await?,
    };
    Ok(match get(client, policy, &location, request.etag.as_deref()).await? {
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
    match status {
        200 if bytes.len() > MAX_BODY => Err(FetchError::TooLarge),
        200 => reply(&Body { bytes, etag: etag.map(Box::from), cache_control: cache_control.map(str::to_owned) }),
        304 => Ok(Reply { answer: Answer::NotModified, lifetime: schedule::lifetime(cache_control) }),
        300..400 => Err(FetchError::Redirect(status)),
        _ => Err(FetchError::Status(status)),
    }
}

/// One GET: only 200 is an answer, and 304 where it was asked for.
pub(super) async fn get(
    client: &Client,
    policy: FetchPolicy,
    location: &Location,
    etag: Option<&str>,
) -> Result<Got, FetchError> {
    if policy == FetchPolicy::SsrfSafe && !literal_is_public(location) {
        return Err(FetchError::NotPublic);
    }
    let mut request = client.get(location.url().clone()).header("accept", "application/json");
    if let Some(etag) = etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    let mut response = request.send().await.map_err(|error| cause(&error))?;
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (etag_header, cache_control) = (header(ETAG), header(CACHE_CONTROL));
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Got::NotModified { cache_control }),
        status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
            return Err(FetchError::Redirect(status.as_u16()));
        }
        status => return Err(FetchError::Status(status.as_u16())),
    }
    let most = match policy {
        FetchPolicy::Plain => MAX_BODY,
        FetchPolicy::SsrfSafe => MAX_BODY_SSRF_SAFE,
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| cause(&error))? {
        if bytes.len() + chunk.len() > most {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Got::Body(Body { bytes, etag: etag_header.map(Box::from), cache_control }))
}

fn literal_is_public(location: &Location) -> bool {
    let Some(host) = location.url().host_str() else { return false };
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().map_or(true, is_public)
}

fn cause(error: &reqwest::Error) -> FetchError {
    if std::iter::successors(error.source(), |&error| error.source()).any(<dyn std::error::Error>::is::<NotPublic>) {
        return FetchError::NotPublic;
    }
    if error.is_timeout() {
        FetchError::Timeout
    } else if error.is_connect() {
        FetchError::Connect(innermost(error))
    } else {
        FetchError::Broken
    }
}

/// What an error goes back to, on one line and cut: a certificate may list names without end.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let root = std::iter::successors(Some(error), |&error| error.source()).last().unwrap_or(error).to_string();
    root.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_CAUSE).collect()
}

#[derive(Debug)]
struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FetchError::NotPublic.fmt(f)
    }
}

impl Error for NotPublic {}

/// Resolves a name to addresses that all are public; the connection is made to one of exactly these.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() || !found.iter().all(|address| is_public(address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What fetching needs of a process. Threads and connections do not survive a fork, so a child makes its own.
struct Process {
    id: u32,
    runtime: tokio::runtime::Runtime,
    plain: Client,
    ssrf_safe: Client,
}

static PROCESS: Mutex<Option<Arc<Process>>> = Mutex::new(None);

fn process() -> Result<Arc<Process>, FetchError> {
    let mut current = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    let id = std::process::id();
    if let Some(process) = current.as_ref().filter(|process| process.id == id) {
        return Ok(Arc::clone(process));
    }
    let no_client = |error: &(dyn Error + 'static)| FetchError::NoClient(innermost(error));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("fastmcp-rs-keys")
        .enable_all()
        .build()
        .map_err(|error| no_client(&error))?;
    let builder = || {
        Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(1)
    };
    let plain = builder().build().map_err(|error| no_client(&error))?;
    let ssrf_safe = builder()
        .no_proxy()
        .https_only(true)
        .dns_resolver(Arc::new(PublicOnly))
        .build()
        .map_err(|error| no_client(&error))?;
    let process = Arc::new(Process { id, runtime, plain, ssrf_safe });
    // What a fork left behind cannot be shut down: its threads are not here.
    std::mem::forget(current.replace(Arc::clone(&process)));
    Ok(process)
}
