//! The HTTP transports: one for URLs that the operator configured, one for untrusted URLs, with protection against SSRF.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, Proxy, Url};
use tokio::sync::Semaphore;

use super::error::{HttpError, NotPublic};
use super::message::{Request, Response};
use super::proxy::{EnvironmentProxies, ProxyServer};
use super::public_address::{SsrfPolicy, is_public};
use super::thread::blocking;
use super::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Enough for the requests of a busy server to one endpoint; they are closed soon.
const IDLE_CONNECTIONS: usize = 16;

/// How many names are looked up at once, each on a thread of its own, which may take long where no DNS server responds.
const LOOKUPS: usize = 64;

const USER_AGENT: &str = concat!("fastmcp-rs/", env!("CARGO_PKG_VERSION"));

/// A client of the HTTP library, and the addresses that it may be led to.
#[derive(Debug)]
pub(super) struct Transport {
    client: reqwest::Client,
    /// Without one, to all.
    allowed: Option<Allowed>,
    /// Without any, the connection is direct, or through a proxy that the system's settings name.
    proxies: Option<Arc<EnvironmentProxies>>,
}

/// Which addresses a connection may be made to.
type Allowed = fn(IpAddr) -> bool;

impl Transport {
    /// Reads the environment, and the system's trust store, which takes its time.
    pub(super) fn open(policy: SsrfPolicy) -> Result<Self, HttpError> {
        let builder = tls::configure(reqwest::Client::builder(), policy)?;
        match policy {
            SsrfPolicy::TrustedUrl => {
                Self::plain(builder.dns_resolver(SystemResolver::new()), EnvironmentProxies::read().map(Arc::new))
            }
            SsrfPolicy::PublicOnly => Self::ssrf_safe(builder, SystemResolver::new(), is_public),
        }
    }

    fn plain(builder: ClientBuilder, proxies: Option<Arc<EnvironmentProxies>>) -> Result<Self, HttpError> {
        let builder = match proxies.clone() {
            Some(proxies) => builder.proxy(Proxy::custom(move |url| proxies.server_for(url)?.url().ok().cloned())),
            // What no variable says, only the settings of these can say.
            None if cfg!(any(target_os = "macos", windows)) => builder,
            None => builder.no_proxy(),
        };
        Ok(Self { proxies, ..Self::build(builder, None)? })
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
        Ok(Self { client, allowed, proxies: None })
    }

    pub(super) async fn send(&self, request: Request) -> Result<Response, HttpError> {
        // An address in the place of a name is looked up nowhere.
        if let (Some(allowed), Some(address)) = (self.allowed, literal_address(request.0.url()))
            && !allowed(address)
        {
            return Err(HttpError::NotPublic);
        }
        let proxy = self.proxies.as_ref().and_then(|proxies| proxies.server_for(request.0.url()));
        // What is no proxy must not become a direct connection.
        proxy.map(ProxyServer::url).transpose()?;
        let through = |error| match proxy {
            Some(proxy) => HttpError::from(error).through_proxy(proxy.variable()),
            None => HttpError::from(error),
        };
        self.client.execute(request.0).await.map(Response).map_err(through)
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
    permits: Arc<Semaphore>,
}

impl SystemResolver {
    fn new() -> Arc<Self> {
        Arc::new(Self { permits: Arc::new(Semaphore::new(LOOKUPS)) })
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let permits = Arc::clone(&self.permits);
        Box::pin(async move {
            let permit = permits.acquire_owned().await?;
            let look_up = move || {
                // Given back by the thread, even if its caller stopped waiting.
                let _permit = permit;
                (name.as_str(), 0).to_socket_addrs()
            };
            Ok(Box::new(blocking(look_up).await??) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
