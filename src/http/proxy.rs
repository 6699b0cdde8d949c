//! The proxy of a request, as httpx2 reads it from the environment.
//!
//! The variables are those of Python's `urllib.request.getproxies`. httpx2 and reqwest read `NO_PROXY` differently: ports, a
//! leading dot, `*` beside other entries, and URLs. This follows httpx2.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use reqwest::Url;

use super::error::HttpError;

/// The most specific rule comes first, and the first that matches decides.
#[derive(Debug)]
pub(super) struct EnvironmentProxies(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// `None` for a direct connection.
    server: Option<ProxyServer>,
}

/// A proxy, and the variable that names it. Its URL is not shown, since it may hold a password.
pub(super) struct ProxyServer {
    variable: String,
    url: Option<Url>,
}

impl std::fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProxyServer({})", self.variable)
    }
}

impl ProxyServer {
    /// The name of the variable.
    pub(super) fn variable(&self) -> &str {
        &self.variable
    }

    /// Where it is.
    ///
    /// # Errors
    /// The variable's value is not a usable proxy.
    pub(super) fn url(&self) -> Result<&Url, HttpError> {
        self.url.as_ref().ok_or_else(|| {
            HttpError::NoClient(format!(
                "the environment variable {} does not name a usable proxy: it takes the URL of an http, https, socks5 or \
                 socks5h proxy. NO_PROXY excepts hosts from it, and http_client takes a client with proxies of its own",
                self.variable
            ))
        })
    }
}

impl EnvironmentProxies {
    /// The proxies of the environment; `None` if it names none.
    pub(super) fn read() -> Option<Self> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::from_variables(std::env::vars_os().filter_map(text))
    }

    fn from_variables(environment: impl Iterator<Item = (String, String)>) -> Option<Self> {
        let variables = Variables::new(environment);
        if variables.0.is_empty() {
            return None;
        }
        let mut patterns: Vec<(String, Option<ProxyServer>)> = ["http", "https", "all"]
            .into_iter()
            .filter_map(|kind| Some((format!("{kind}://"), Some(variables.server(kind)?))))
            .collect();
        for entry in variables.value("no").split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                return Some(Self(Vec::new()));
            }
            let Some(pattern) = pattern_of(entry) else { continue };
            // In httpx this is a dictionary, in which a later entry replaces an earlier one.
            patterns.retain(|(before, _)| *before != pattern);
            patterns.push((pattern, None));
        }
        let rule = |(text, server): (String, _)| Some(Rule { pattern: Pattern::parse(&text)?, server });
        let mut rules: Vec<Rule> = patterns.into_iter().filter_map(rule).collect();
        rules.sort_by_key(|rule| rule.pattern.rank());
        Some(Self(rules))
    }

    /// The proxy for this URL, or nothing for a direct connection.
    pub(super) fn server_for(&self, url: &Url) -> Option<&ProxyServer> {
        self.0.iter().find(|rule| rule.pattern.matches(url))?.server.as_ref()
    }
}

/// The variables with names that end in `_proxy`: the part before that, and the full name.
struct Variables(HashMap<String, (String, String)>);

impl Variables {
    /// The lower-case form of a name wins, even if it is empty. In a CGI program, `HTTP_PROXY` is a client's header.
    fn new(environment: impl Iterator<Item = (String, String)>) -> Self {
        let environment: Vec<_> = environment.collect();
        let is_cgi = environment.iter().any(|(name, _)| name == "REQUEST_METHOD");
        let named = || environment.iter().filter_map(|(name, value)| Some((kind_of(name)?, name, value)));
        let mut found = HashMap::new();
        for (kind, name, value) in named().filter(|(kind, _, value)| !(value.is_empty() || is_cgi && kind == "http")) {
            found.insert(kind, (name.clone(), value.clone()));
        }
        for (kind, name, value) in named().filter(|(_, name, _)| name.ends_with("_proxy")) {
            if value.is_empty() {
                found.remove(&kind);
            } else {
                found.insert(kind, (name.clone(), value.clone()));
            }
        }
        Self(found)
    }

    fn value(&self, kind: &str) -> &str {
        self.0.get(kind).map_or("", |(_, value)| value)
    }

    fn server(&self, kind: &str) -> Option<ProxyServer> {
        let (variable, value) = self.0.get(kind)?;
        let text = if value.contains("://") { value.clone() } else { format!("http://{value}") };
        // httpx lets the proxy resolve the name in both cases; reqwest would resolve it locally.
        let text = text.strip_prefix("socks5://").map_or_else(|| text.clone(), |rest| format!("socks5h://{rest}"));
        let is_usable = |url: &Url| url.has_host() && matches!(url.scheme(), "http" | "https" | "socks5h");
        let url = Url::parse(&text).ok().filter(is_usable);
        Some(ProxyServer { variable: variable.clone(), url })
    }
}

fn kind_of(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    lower.strip_suffix("_proxy").filter(|kind| !kind.is_empty()).map(str::to_owned)
}

/// The URL pattern that httpx2 makes of an entry of `NO_PROXY`.
fn pattern_of(entry: &str) -> Option<String> {
    let (address, network) = entry.split_once('/').map_or((entry, None), |(address, bits)| (address, Some(bits)));
    Some(match address.parse::<IpAddr>() {
        _ if entry.contains("://") => entry.to_owned(),
        Ok(IpAddr::V4(_)) => format!("all://{entry}"),
        Ok(IpAddr::V6(_)) => {
            network.map_or_else(|| format!("all://[{address}]"), |bits| format!("all://[{address}]/{bits}"))
        }
        Err(_) if entry.eq_ignore_ascii_case("localhost") || entry.starts_with('[') => format!("all://{entry}"),
        Err(_) if network.is_some() => return None,
        Err(_) if entry.starts_with("*.") => format!("all://{entry}"),
        Err(_) => format!("all://*{entry}"),
    })
}

/// The URLs that a rule is for.
#[derive(Debug)]
struct Pattern {
    /// Empty for all.
    scheme: String,
    host: Hosts,
    /// How long the host's text is: a longer one is more specific.
    length: usize,
    port: Option<u16>,
}

#[derive(Debug)]
enum Hosts {
    Any,
    Exactly(String),
    /// The domain and its subdomains.
    Domain(String),
    /// Only what is below it.
    Below(String),
    Network(IpAddr, u32),
}

impl Pattern {
    /// `None` for a malformed pattern, which is ignored.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, if port.is_empty() { port } else { port.strip_prefix(':')? })
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port = if port.is_empty() { None } else { Some(port.parse::<u16>().ok()?) };
        // A parsed URL leaves out the default port of its scheme.
        let port = port.filter(|port| !matches!((scheme.as_str(), port), ("http", 80) | ("https", 443)));
        let host = host.to_ascii_lowercase();
        let length = if host == "*" { 0 } else { host.len() };
        let host = match host.parse::<IpAddr>() {
            Ok(address) if !path.is_empty() => {
                let most = if address.is_ipv4() { 32 } else { 128 };
                Hosts::Network(address, path.parse().ok().filter(|bits| *bits <= most)?)
            }
            _ if host.is_empty() || host == "*" => Hosts::Any,
            _ => match (host.strip_prefix("*."), host.strip_prefix('*')) {
                (Some(domain), _) => Hosts::Below(domain.to_owned()),
                (None, Some(domain)) => Hosts::Domain(domain.to_owned()),
                (None, None) => Hosts::Exactly(host),
            },
        };
        Some(Self { scheme: if scheme == "all" { String::new() } else { scheme }, host, length, port })
    }

    /// The sort key of rules, the most specific first.
    fn rank(&self) -> (bool, u8, u32, Reverse<usize>, Reverse<usize>) {
        let (kind, size) = match self.host {
            Hosts::Network(address, bits) => (1, if address.is_ipv4() { 32 } else { 128 } - bits),
            Hosts::Any => (2, 0),
            _ => (0, 0),
        };
        (self.port.is_none(), kind, size, Reverse(self.length), Reverse(self.scheme.len()))
    }

    fn matches(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_below = |domain: &str| {
            let above = host.strip_suffix(domain).and_then(|label| label.strip_suffix('.'));
            above.is_some_and(|label| !label.is_empty())
        };
        let fits = match &self.host {
            Hosts::Any => true,
            Hosts::Exactly(name) => name == host || is_same_address(name, host),
            Hosts::Domain(domain) => domain == host || is_below(domain),
            Hosts::Below(domain) => is_below(domain),
            Hosts::Network(network, bits) => host.parse().is_ok_and(|address| is_within(address, *network, *bits)),
        };
        fits && (self.scheme.is_empty() || self.scheme == url.scheme())
            && (self.port.is_none() || self.port == url.port())
    }
}

/// Whether both are the same address, in any spelling.
fn is_same_address(one: &str, other: &str) -> bool {
    one.parse::<IpAddr>().is_ok_and(|one| other.parse() == Ok(one))
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differs = address.to_bits() ^ network.to_bits();
            differs.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differs = address.to_bits() ^ network.to_bits();
            differs.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}
