//! The clients: one for URLs that the operator vouches for, one for those that nobody does.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, Url};
use tokio::sync::Semaphore;

use super::address::is_public;
use super::error::{HttpError, NotPublic};
use super::message::{Request, Response};
use super::process::{self, Process};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Enough for the requests of a busy server to one endpoint; they are closed soon.
const IDLE_CONNECTIONS: usize = 16;
/// How many names are looked up at once, each on a thread of its own, which may take long to find that nobody answers.
const LOOKUPS: usize = 64;
const USER_AGENT: &str = concat!("fastmcp-rs/", env!("CARGO_PKG_VERSION"));

/// Under which rules requests are sent. What was fetched under one is not used under another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchPolicy {
    /// The operator vouches for the URL.
    Plain,
    /// Nobody does: https, public addresses, no proxy.
    SsrfSafe,
}

/// Sends requests under one policy.
#[derive(Debug, Clone)]
pub struct Client {
    process: Arc<Process>,
    policy: FetchPolicy,
}

impl Client {
    pub(super) fn new(process: Arc<Process>, policy: FetchPolicy) -> Self {
        Self { process, policy }
    }

    /// Sends a request, and waits for the head of the answer: any status is one.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.process.channel(self.policy).await?.send(request).await
    }
}

/// A client of the HTTP library, and the addresses that it may be led to.
#[derive(Debug)]
pub(super) struct Channel {
    client: reqwest::Client,
    /// Without one, to all.
    allowed: Option<Allowed>,
}

/// Which addresses a connection may be made to.
type Allowed = fn(IpAddr) -> bool;

impl Channel {
    /// Reads the system's trust store, which takes its time.
    pub(super) fn open(policy: FetchPolicy) -> Result<Self, HttpError> {
        let builder = reqwest::Client::builder();
        match policy {
            FetchPolicy::Plain => Self::build(builder.dns_resolver(SystemResolver::new()), None),
            FetchPolicy::SsrfSafe => Self::ssrf_safe(builder, SystemResolver::new(), is_public),
        }
    }

    fn ssrf_safe(builder: ClientBuilder, resolver: Arc<dyn Resolve>, allowed: Allowed) -> Result<Self, HttpError> {
        let resolver = Arc::new(Guarded { resolver, allowed });
        Self::build(builder.no_proxy().https_only(true).dns_resolver(resolver), Some(allowed))
    }

    fn build(builder: ClientBuilder, allowed: Option<Allowed>) -> Result<Self, HttpError> {
        let client = builder
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build()
            .map_err(|error| HttpError::no_client(&error))?;
        Ok(Self { client, allowed })
    }

    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        // An address in the place of a name is looked up nowhere.
        if let (Some(allowed), Some(address)) = (self.allowed, literal_address(request.0.url()))
            && !allowed(address)
        {
            return Err(HttpError::NotPublic);
        }
        Ok(Response(self.client.execute(request.0).await?))
    }
}

fn literal_address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves a name to addresses that all are allowed; the connection is made to one of exactly these.
struct Guarded {
    resolver: Arc<dyn Resolve>,
    allowed: Allowed,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, allowed) = (self.resolver.resolve(name), self.allowed);
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            if found.is_empty() || !found.iter().all(|address| allowed(address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Asks the system, which blocks.
struct SystemResolver {
    turns: Arc<Semaphore>,
}

impl SystemResolver {
    fn new() -> Arc<Self> {
        Arc::new(Self { turns: Arc::new(Semaphore::new(LOOKUPS)) })
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let turns = Arc::clone(&self.turns);
        Box::pin(async move {
            let turn = turns.acquire_owned().await?;
            let look_up = move || {
                // Given back by the thread, and not by whoever has waited long enough for it.
                let _turn = turn;
                (name.as_str(), 0).to_socket_addrs()
            };
            Ok(Box::new(process::blocking(look_up).await??) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
