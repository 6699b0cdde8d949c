//! The scheme and the host that a client used, from the headers that a reverse proxy sets.
//!
//! The headers are read only if the operator says that a proxy sets them, because a client can send them too. If a proxy appends
//! its value to the client's, there are several, and which one is the proxy's is unknown: the URL of such a request is unknown.

/// What headers say of a part of the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded<'r> {
    /// Nothing.
    Unsaid,
    /// This.
    As(&'r str),
    /// Several different values, or an unreadable one.
    Unclear,
}

/// The headers of a request that a proxy may set, each value as it came.
#[derive(Debug, Default)]
pub struct ForwardedHeaders<'r> {
    /// `Forwarded` (RFC 7239).
    pub forwarded: Vec<&'r [u8]>,
    /// `X-Forwarded-Proto`.
    pub scheme: Vec<&'r [u8]>,
    /// `X-Forwarded-Host`.
    pub host: Vec<&'r [u8]>,
}

impl<'r> ForwardedHeaders<'r> {
    /// The scheme and the host.
    #[must_use]
    pub fn read(&self) -> (Forwarded<'r>, Forwarded<'r>) {
        let (scheme, host) = (single(&self.scheme), single(&self.host));
        match single(&self.forwarded) {
            Forwarded::Unsaid => (scheme, host),
            // One of them may come from the proxy and the other from the client.
            _ if (scheme, host) != (Forwarded::Unsaid, Forwarded::Unsaid) => (Forwarded::Unclear, Forwarded::Unclear),
            Forwarded::Unclear => (Forwarded::Unclear, Forwarded::Unclear),
            Forwarded::As(element) => (parameter(element, "proto"), parameter(element, "host")),
        }
    }
}

fn single<'r>(values: &[&'r [u8]]) -> Forwarded<'r> {
    match values {
        [] => Forwarded::Unsaid,
        [value] => match std::str::from_utf8(value).map(str::trim) {
            Ok(text) if !text.is_empty() && !text.contains(',') => Forwarded::As(text),
            _ => Forwarded::Unclear,
        },
        _ => Forwarded::Unclear,
    }
}

/// A parameter of the one element of `Forwarded`: a token, or a text in quotes without escapes (RFC 7239 section 4).
fn parameter<'r>(element: &'r str, name: &str) -> Forwarded<'r> {
    let mut found = Forwarded::Unsaid;
    for pair in element.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let Some((given, value)) = pair.split_once('=') else { return Forwarded::Unclear };
        if !given.eq_ignore_ascii_case(name) {
            continue;
        }
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if found != Forwarded::Unsaid || inner.is_empty() || inner.contains(['"', '\\']) {
            return Forwarded::Unclear;
        }
        found = Forwarded::As(inner);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Forwarded::{As, Unclear, Unsaid};
    use super::*;

    fn read(headers: &[(&str, &'static str)]) -> (Forwarded<'static>, Forwarded<'static>) {
        let of = |name| headers.iter().filter(|(given, _)| *given == name).map(|(_, value)| value.as_bytes()).collect();
        ForwardedHeaders { forwarded: of("f"), scheme: of("p"), host: of("h") }.read()
    }

    #[test]
    fn one_proxy_says_scheme_and_host_in_either_way() {
        for (headers, scheme, host) in [
            (&[][..], Unsaid, Unsaid),
            (&[("p", "https"), ("h", "a.example:8443")], As("https"), As("a.example:8443")),
            (&[("p", " https ")], As("https"), Unsaid),
            (&[("f", "for=192.0.2.1;proto=https;host=a.example")], As("https"), As("a.example")),
            (&[("f", "Host=\"a.example:8443\"; Proto=https;")], As("https"), As("a.example:8443")),
            (&[("f", "for=\"[2001:db8::1]\"")], Unsaid, Unsaid),
        ] {
            assert_eq!(read(headers), (scheme, host), "{headers:?}");
        }
    }

    #[test]
    fn what_several_wrote_says_nothing() {
        for headers in [
            &[("h", "evil.example, a.example"), ("p", "https, http")][..],
            &[("h", "evil.example"), ("h", "a.example"), ("p", "https"), ("p", "https")],
            &[("f", "host=evil.example;proto=https, host=a.example;proto=https")],
            &[("f", "host=a.example;proto=https"), ("f", "host=a.example;proto=https")],
            &[("f", "host=a.example;proto=https"), ("h", "a.example")],
            &[("f", "host=a.example;host=b.example;proto=https;proto=https")],
            &[("f", "host;proto")],
            &[("f", "host=\"a\\\"b\";proto=\"\"")],
            &[("h", ""), ("p", " ")],
            &[("f", "")],
        ] {
            assert_eq!(read(headers), (Unclear, Unclear), "{headers:?}");
        }
    }
}
