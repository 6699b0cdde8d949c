//! An issuer, and where its metadata may be: OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3.

use crate::config::{self, ConfigError};
use crate::http::EndpointUrl;

/// An issuer that an operator named, and where its metadata may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer {
    name: Box<str>,
    endpoint_url: EndpointUrl,
    metadata: Vec<EndpointUrl>,
}

impl Issuer {
    /// Reads an issuer (RFC 8414 section 2).
    ///
    /// # Errors
    /// Metadata must not be fetched from such a URL, it has a query, or it is the URL of the metadata.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, ConfigError> {
        let endpoint_url = EndpointUrl::parse(text, "issuer", allow_http)?;
        if endpoint_url.url().query().is_some() {
            return Err(ConfigError::new("issuer must not have a query (RFC 8414 section 2)"));
        }
        if endpoint_url.url().path().contains("/.well-known/") {
            return Err(ConfigError::new(
                "issuer is the URL of metadata: give what the metadata calls issuer, which has no /.well-known/ in it",
            ));
        }
        let urls = well_known_urls(text).into_iter();
        let metadata = urls.map(|url| EndpointUrl::parse(&url, "issuer", allow_http)).collect::<Result<_, _>>()?;
        Ok(Self { name: text.into(), endpoint_url, metadata })
    }

    /// Reads an issuer with metadata at this URL, which may be anywhere. The issuer may be a template, which has no
    /// well-known place.
    ///
    /// # Errors
    /// It is empty, or metadata must not be fetched from such a URL.
    pub fn at(text: &str, metadata_url: &str, allow_http: bool) -> Result<Self, ConfigError> {
        config::check_exact("issuer", text)?;
        if text.is_empty() {
            return Err(ConfigError::new("issuer is empty: give what the document at metadata_url calls issuer"));
        }
        let endpoint_url = EndpointUrl::parse(metadata_url, "metadata_url", allow_http)?;
        Ok(Self { name: text.into(), metadata: vec![endpoint_url.clone()], endpoint_url })
    }

    /// The issuer, as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL.
    #[must_use]
    pub fn endpoint_url(&self) -> &EndpointUrl {
        &self.endpoint_url
    }

    /// The URLs where its metadata may be, the most common form first.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = Candidate> {
        let candidate = |endpoint_url: &EndpointUrl| Candidate {
            issuer: self.name.clone(),
            endpoint_url: endpoint_url.clone(),
            is_derived: false,
        };
        self.metadata.iter().map(candidate)
    }
}

/// A URL where the metadata of an issuer may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Candidate {
    pub(crate) issuer: Box<str>,
    pub(crate) endpoint_url: EndpointUrl,
    /// Whether the issuer was derived from a URL, and not configured.
    pub(crate) is_derived: bool,
}

impl Candidate {
    /// The same candidate, for an issuer that was not configured.
    pub(crate) fn derived(self) -> Self {
        Self { is_derived: true, ..self }
    }

    /// Whether a document at this URL may name this issuer: it must be that of the candidate, character by character. A derived issuer
    /// may also end in a slash, since its well-known URLs do not show that.
    pub(crate) fn is_of(&self, issuer: &str) -> bool {
        *issuer == *self.issuer || (self.is_derived && issuer.strip_suffix('/') == Some(&self.issuer))
    }
}

/// The form of OpenID Connect, appended to the path; that of RFC 8414, inserted before it; and the appended one of some servers.
fn well_known_urls(issuer: &str) -> Vec<String> {
    let base = issuer.trim_end_matches('/');
    let mut urls = vec![format!("{base}/.well-known/openid-configuration")];
    let path_at = base.find("://").and_then(|scheme| base[scheme + 3..].find('/').map(|slash| scheme + 3 + slash));
    match path_at {
        Some(at) => {
            urls.push(format!("{}/.well-known/oauth-authorization-server{}", &base[..at], &base[at..]));
            urls.push(format!("{}/.well-known/openid-configuration{}", &base[..at], &base[at..]));
            urls.push(format!("{base}/.well-known/oauth-authorization-server"));
        }
        None => urls.push(format!("{base}/.well-known/oauth-authorization-server")),
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_urls_are_tried_in_order() {
        assert_eq!(
            well_known_urls("https://i.example/"),
            [
                "https://i.example/.well-known/openid-configuration",
                "https://i.example/.well-known/oauth-authorization-server"
            ]
        );
        assert_eq!(
            well_known_urls("https://i.example/a/b"),
            [
                "https://i.example/a/b/.well-known/openid-configuration",
                "https://i.example/.well-known/oauth-authorization-server/a/b",
                "https://i.example/.well-known/openid-configuration/a/b",
                "https://i.example/a/b/.well-known/oauth-authorization-server",
            ]
        );
    }

    #[test]
    fn an_issuer_has_no_query() {
        assert!(Issuer::parse("https://i.example/a", false).is_ok());
        for bad in ["https://i.example/?a", "https://i.example/#a", "http://i.example", "i.example", ""] {
            assert!(Issuer::parse(bad, false).is_err(), "{bad}");
        }
    }
}
