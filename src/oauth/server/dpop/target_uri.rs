//! The URL that a proof is made for (`htu`), compared as RFC 9449 section 4.3 says: without query and fragment, after
//! normalisation by syntax and by scheme (RFC 3986 sections 6.2.2 and 6.2.3).

use core::net::Ipv6Addr;
use std::fmt::{self, Write as _};

/// An http or https URL without query and fragment, in its normal form.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUri {
    origin: Box<str>,
    path: Box<str>,
}

impl TargetUri {
    /// Reads an absolute URL. Query and fragment are left out.
    ///
    /// `None` for another scheme, for credentials in it, or for what RFC 3986 does not know: one text must not mean two
    /// places.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let origin = origin(scheme, authority)?;
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        Some(Self { origin, path: normal_path(path)? })
    }

    /// The URL of a request: its scheme and the host that it names, and the path as it was sent, percent-encoded.
    #[must_use]
    pub fn of_request(scheme: &str, host: &str, path: &str) -> Option<Self> {
        // A WebSocket begins as an HTTP request.
        let scheme = match scheme {
            "ws" => "http",
            "wss" => "https",
            other => other,
        };
        Some(Self { origin: origin(scheme, host)?, path: normal_path(path)? })
    }

    /// This URL with a path beyond its own, as it was sent, percent-encoded: the URL of a server, and what a request asks
    /// of it.
    #[must_use]
    pub fn join(&self, beyond: &str) -> Option<Self> {
        let own = self.path.trim_end_matches('/');
        let path = if beyond.is_empty() { self.path.clone() } else { normal_path(&format!("{own}{beyond}"))? };
        Some(Self { origin: self.origin.clone(), path })
    }
}

impl fmt::Display for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl fmt::Debug for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetUri({self})")
    }
}

/// Scheme and authority in lower case, without the scheme's default port.
fn origin(scheme: &str, authority: &str) -> Option<Box<str>> {
    let scheme = scheme.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        // RFC 5952 gives each address one spelling.
        (format!("[{}]", address.parse::<Ipv6Addr>().ok()?), port)
    } else {
        let at = authority.find(':').unwrap_or(authority.len());
        let (name, port) = authority.split_at(at);
        (normal_name(name)?, port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse::<u16>().ok()?),
        _ => return None,
    };
    Some(match port.filter(|&port| port != usual) {
        Some(port) => format!("{scheme}://{host}:{port}").into(),
        None => format!("{scheme}://{host}").into(),
    })
}

/// A registered name or an IPv4 address (RFC 3986 section 3.2.2), in lower case, its escapes too.
fn normal_name(name: &str) -> Option<String> {
    let normal = normal_octets(name, |byte| is_unreserved(byte) || is_sub_delimiter(byte))?;
    (!normal.is_empty()).then(|| normal.to_ascii_lowercase())
}

/// A path whose escapes are in capitals and only where they are needed, without `.` and `..` (RFC 3986 section 5.2.4). The
/// empty one is `/`. Slashes that follow each other stay: they are segments without a name.
fn normal_path(path: &str) -> Option<Box<str>> {
    if !path.is_empty() && !path.starts_with('/') {
        return None;
    }
    let path = normal_octets(path, |byte| {
        is_unreserved(byte) || is_sub_delimiter(byte) || matches!(byte, b':' | b'@' | b'/')
    })?;
    let mut segments: Vec<&str> = Vec::new();
    let mut given = path.split('/').skip(1).peekable();
    while let Some(segment) = given.next() {
        let is_last = given.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            _ => segments.push(segment),
        }
    }
    Some(format!("/{}", segments.join("/")).into())
}

/// The text with each octet written plainly where the syntax allows it, and else percent-encoded in capitals. `None` for an octet
/// that is not allowed, or a malformed escape.
fn normal_octets(text: &str, may_stand: impl Fn(u8) -> bool) -> Option<String> {
    let mut normal = String::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        if octet != b'%' {
            normal.push(may_stand(octet).then_some(char::from(octet))?);
            continue;
        }
        let mut digit = || octets.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit()?, digit()?);
        let decoded = u8::try_from(high * 16 + low).ok()?;
        if is_unreserved(decoded) {
            normal.push(char::from(decoded));
        } else {
            let written = write!(normal, "%{decoded:02X}");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
    }
    Some(normal)
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

fn is_sub_delimiter(octet: u8) -> bool {
    b"!$&'()*+,;=".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<String> {
        TargetUri::parse(text).map(|uri| uri.to_string())
    }

    #[test]
    fn forms_of_one_url_are_equal() {
        for (one, other) in [
            ("https://server.example/mcp", "HTTPS://Server.EXAMPLE/mcp"),
            ("https://server.example/mcp", "https://server.example:443/mcp"),
            ("http://server.example/mcp", "http://server.example:80/mcp"),
            ("https://server.example/mcp", "https://server.example:/mcp"),
            ("https://server.example/mcp", "https://server.example:0443/mcp"),
            ("https://server.example/", "https://server.example"),
            ("https://server.example/mcp", "https://server.example/mcp?query#fragment"),
            ("https://server.example", "https://server.example?query"),
            ("https://server.example", "https://server.example#fragment"),
            ("https://server.example/mcp", "https://server.example/a/../mcp"),
            ("https://server.example/mcp/", "https://server.example/mcp/."),
            ("https://server.example/mcp/", "https://server.example/mcp/a/.."),
            ("https://server.example/mcp", "https://server.example/../../mcp"),
            ("https://server.example/mcp", "https://server.example/%2e/mcp"),
            ("https://server.example/mcp", "https://server.example/%6D%63%70"),
            ("https://server.example/~a", "https://server.example/%7Ea"),
            ("https://server.example/%C3%A9", "https://server.example/%c3%a9"),
            ("https://server.example/", "https://%73erver.example/"),
            ("https://server.%C3%A9/", "https://SERVER.%c3%a9/"),
            ("http://[::1]/mcp", "http://[0:0:0:0:0:0:0:1]:80/mcp"),
            ("http://[2001:db8::a]/mcp", "http://[2001:DB8:0::A]/mcp"),
            ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000/mcp"),
        ] {
            assert_eq!(TargetUri::parse(one), TargetUri::parse(other), "{one} {other}");
            assert!(TargetUri::parse(one).is_some(), "{one}");
        }
    }

    #[test]
    fn urls_of_other_places_are_not() {
        let mcp = TargetUri::parse("https://server.example/mcp").unwrap();
        for other in [
            "http://server.example/mcp",
            "https://server.example:8443/mcp",
            "https://server.example./mcp",
            "https://other.example/mcp",
            "https://server.example/mcp/",
            "https://server.example//mcp",
            "https://server.example/mcp//",
            "https://server.example/MCP",
            "https://server.example/mcp%2F",
            "https://server.example/",
        ] {
            let other = TargetUri::parse(other).unwrap();
            assert_ne!(mcp, other);
        }
        assert_ne!(normal("https://a.example/b%2Fc"), normal("https://a.example/b/c"));
        assert_ne!(normal("https://a.example/b%3Bc"), normal("https://a.example/b;c"));
    }

    #[test]
    fn what_is_no_http_url_is_none() {
        for text in [
            "",
            "/mcp",
            "mcp",
            "//server.example/mcp",
            "https:/server.example/mcp",
            "https:server.example",
            "https:///mcp",
            "https://",
            "https://:443/mcp",
            "ftp://server.example/mcp",
            "ws://server.example/mcp",
            "https://user@server.example/mcp",
            "https://server.example:x/mcp",
            "https://server.example:+443/mcp",
            "https://server.example:65536/mcp",
            "https://server.example:1:2/mcp",
            "https://[::1/mcp",
            "https://[::1]x/mcp",
            "https://[v1.x]/mcp",
            "https://[::1%25eth0]/mcp",
            "https://::1/mcp",
            "https://server.example/m cp",
            "https://server.example/m\\cp",
            "https://server.example/\u{e9}",
            "https://server.example/%",
            "https://server.example/%4",
            "https://server.example/%zz",
            "https://server.example/%+1",
            "https://server.example\\@evil.example/mcp",
            " https://server.example/mcp",
            "https://server.example/mcp ",
            "https://server.example/a|b",
            "https://server.example/\u{0}",
        ] {
            assert_eq!(normal(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_query_may_hold_anything_for_it_does_not_count() {
        assert_eq!(normal("https://a.example/b?c d|\u{e9}").unwrap(), "https://a.example/b");
    }

    #[test]
    fn the_url_of_a_request_is_put_together() {
        let of = |scheme, host, path| TargetUri::of_request(scheme, host, path).map(|uri| uri.to_string());
        assert_eq!(of("http", "127.0.0.1:8000", "/mcp").unwrap(), "http://127.0.0.1:8000/mcp");
        assert_eq!(of("wss", "A.example:443", "/mcp").unwrap(), "https://a.example/mcp");
        assert_eq!(of("ws", "A.example:80", "/mcp").unwrap(), "http://a.example/mcp");
        assert_eq!(of("https", "[::1]:8443", "").unwrap(), "https://[::1]:8443/");
        for (host, path) in
            [("", "/mcp"), ("a.example/b", "/mcp"), ("u@a.example", "/mcp"), ("a.example", "mcp"), ("a.example", "/?")]
        {
            assert_eq!(of("https", host, path), None, "{host} {path}");
        }
    }

    #[test]
    fn a_path_goes_on_from_the_servers() {
        let join = |base: &str, beyond| TargetUri::parse(base).unwrap().join(beyond).map(|uri| uri.to_string());
        assert_eq!(join("https://a.example", "/mcp").unwrap(), "https://a.example/mcp");
        assert_eq!(join("https://a.example/", "/mcp/").unwrap(), "https://a.example/mcp/");
        assert_eq!(join("https://a.example/api/", "/mcp").unwrap(), "https://a.example/api/mcp");
        assert_eq!(join("https://a.example/api", "").unwrap(), "https://a.example/api");
        assert_eq!(join("https://a.example/api/", "").unwrap(), "https://a.example/api/");
        assert_eq!(join("https://a.example/api", "//mcp").unwrap(), "https://a.example/api//mcp");
        assert_eq!(join("https://a.example/api", "mcp"), None.or(join("https://a.example", "/apimcp")));
        assert_eq!(join("https://a.example/api", "/%"), None);
    }
}
