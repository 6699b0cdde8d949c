//! URLs that requests may be sent to.

use std::net::IpAddr;

use reqwest::Url;

use crate::config::{self, ConfigError};

/// Characters that no URL has (RFC 3986 section 2, appendix C), and that templates of URLs have.
const IN_NO_URL: [char; 9] = [' ', '"', '<', '>', '\\', '^', '`', '{', '}'];

/// A URL that passed the rules: https, or http to this machine or if the operator allows it; no user, no fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    url: Url,
    allow_http: bool,
}

impl EndpointUrl {
    /// Reads a URL. `argument` is what the operator calls it.
    ///
    /// # Errors
    /// The text is not an absolute URL, has another scheme, holds credentials, a fragment or a forbidden character, is longer than
    /// 64 KiB, or is http to another machine without `allow_http`.
    pub fn parse(text: &str, argument: &str, allow_http: bool) -> Result<Self, ConfigError> {
        let wrong = |why: &str| ConfigError::new(format!("{argument} {why}"));
        let not_absolute = || wrong("is not an absolute URL: give all of it, from https:// on");
        config::check_visible(argument, text)?;
        let url = Url::parse(text).map_err(|_| not_absolute())?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(wrong("must be an https URL"));
        }
        // The URL Standard accepts other numbers of slashes, and backslashes.
        let authority = text.split_once("://").map_or("", |(_, rest)| rest);
        if authority.is_empty() || authority.starts_with('/') {
            return Err(not_absolute());
        }
        if let Some(found) = text.trim().chars().find(|c| IN_NO_URL.contains(c)) {
            return Err(wrong(&format!(
                "holds {found:?}, which no URL does (RFC 3986): put in what it stands for, or escape it"
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user name or password"));
        }
        if url.fragment().is_some() || text.trim() != text {
            return Err(wrong("must be a plain URL, without fragment and without spaces around it"));
        }
        if url.scheme() == "http" && !allow_http && !is_loopback(&url) {
            return Err(wrong(
                "is an http URL of another machine, where others on the network could read and replace what is sent: use https, \
                 or pass allow_http=True if that network is trusted",
            ));
        }
        Ok(Self { url, allow_http })
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URL for messages, without its query, which may hold a secret.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.url.as_str().split('?').next().unwrap_or_default()
    }

    /// Whether the operator allows http to another machine.
    #[must_use]
    pub fn allows_http(&self) -> bool {
        self.allow_http
    }

    /// Whether the URL is an https one.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_or_http_to_this_machine_or_by_option() {
        for good in [
            "https://a.example/jwks",
            "https://a.example:8443/x?y=z",
            "http://127.0.0.1:1/",
            "http://localhost/x",
            "http://[::1]:5/",
        ] {
            assert!(EndpointUrl::parse(good, "jwks_uri", false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "jwks",
            "/jwks",
            "//a.example/jwks",
            "file:///etc/passwd",
            "ftp://a.example/",
            "data:,x",
            "javascript:1",
            "https://user@a.example/",
            "https://u:p@a.example/",
            "https://",
            "https:///a.example/",
            "https:a.example/",
            "https:\\\\a.example/",
            "https://a.example/#x",
            " https://a.example/",
            "https://a.example/\n",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://0.0.0.0/",
        ] {
            assert!(EndpointUrl::parse(bad, "jwks_uri", false).is_err(), "{bad}");
        }
        let long = EndpointUrl::parse(&format!("https://a.example/{}", "x".repeat(100_000)), "token_url", false);
        assert!(long.unwrap_err().to_string().starts_with("token_url is longer"));
        let error = EndpointUrl::parse("http://a.example/", "jwks_uri", false).unwrap_err().to_string();
        assert!(error.contains("allow_http=True"), "{error}");
        assert!(EndpointUrl::parse("http://a.example/", "jwks_uri", true).is_ok());
        assert!(EndpointUrl::parse("ftp://a.example/", "jwks_uri", true).is_err());
    }
}
