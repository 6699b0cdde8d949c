//! Finds the metadata of the authorization server that has a given token endpoint.

use super::error::DiscoveryError;
use super::issuer::{Candidate, Issuer};
use super::metadata::ServerMetadata;
use super::search::MetadataSearch;
use super::server::AuthorizationServer;
use crate::config::ConfigError;
use crate::http::EndpointUrl;

/// The deepest path of a token endpoint below whose every prefix metadata is sought, in segments.
const DEEPEST_PATH: usize = 16;

/// A token endpoint that an operator named, and where the metadata of its server may be.
///
/// Without an issuer, that is below each prefix of the endpoint's path, the longest first, and what is found there counts
/// only if it names this token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenEndpoint {
    endpoint_url: EndpointUrl,
    jwks_uri: Option<EndpointUrl>,
    candidates: Vec<Candidate>,
}

impl TokenEndpoint {
    /// Reads a token endpoint, and what the operator says of its server in the place of the server's own metadata.
    ///
    /// # Errors
    /// One of them is no URL that may be asked, or without an issuer the path of the endpoint has more than 16 segments.
    pub fn parse(
        token_url: &str,
        issuer: Option<&str>,
        jwks_uri: Option<&str>,
        allow_http: bool,
    ) -> Result<Self, ConfigError> {
        let endpoint_url = EndpointUrl::parse(token_url, "token_url", allow_http)?;
        let issuer = issuer.map(|issuer| Issuer::parse(issuer, allow_http)).transpose()?;
        let jwks_uri = jwks_uri.map(|uri| EndpointUrl::parse(uri, "jwks_uri", allow_http)).transpose()?;
        let candidates = match issuer {
            Some(issuer) => issuer.candidates().collect(),
            None => candidates_of(&endpoint_url, allow_http)?,
        };
        Ok(Self { endpoint_url, jwks_uri, candidates })
    }

    /// The URL of the endpoint.
    #[must_use]
    pub fn endpoint_url(&self) -> &EndpointUrl {
        &self.endpoint_url
    }

    /// The search for the metadata of its server.
    pub(crate) fn discovery(&self) -> MetadataSearch {
        MetadataSearch::new(self.candidates.clone())
    }

    /// Where the metadata says that keys are, if anywhere, and the server that it describes.
    ///
    /// # Errors
    /// It describes another server, or names no URL that keys may be fetched from.
    pub(crate) fn follow(
        &self,
        metadata: &ServerMetadata,
    ) -> Result<(Option<EndpointUrl>, AuthorizationServer), DiscoveryError> {
        metadata.check_token_endpoint(&self.endpoint_url)?;
        let jwks_uri = match &self.jwks_uri {
            None => metadata.jwks_uri(&self.endpoint_url)?,
            named => named.clone(),
        };
        let introspection = metadata.introspection(&self.endpoint_url);
        Ok((jwks_uri, AuthorizationServer { issuer: metadata.issuer().into(), introspection }))
    }
}

/// Where the metadata may be: the most usual form of well-known URL first, and for each the longest prefix first.
fn candidates_of(token_url: &EndpointUrl, allow_http: bool) -> Result<Vec<Candidate>, ConfigError> {
    let origin = token_url.url().origin().ascii_serialization();
    let segments: Vec<&str> = token_url.url().path().split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.len() > DEEPEST_PATH {
        return Err(ConfigError::new(
            "token_url has a path too deep to look for metadata below each part of it: name the issuer",
        ));
    }
    let prefixes = (0..segments.len().max(1)).rev().map(|length| {
        let path: String = segments[..length].iter().flat_map(|segment| ["/", segment]).collect();
        Issuer::parse(&format!("{origin}{path}"), allow_http)
    });
    let issuers = prefixes.collect::<Result<Vec<_>, _>>()?;
    let mut forms: Vec<Vec<Candidate>> =
        issuers.iter().map(|issuer| issuer.candidates().map(Candidate::derived).collect()).collect();
    let mut candidates = Vec::new();
    while forms.iter().any(|left| !left.is_empty()) {
        for left in forms.iter_mut().filter(|left| !left.is_empty()) {
            candidates.push(left.remove(0));
        }
    }
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(token_url: &str) -> Vec<String> {
        let endpoint = TokenEndpoint::parse(token_url, None, None, false).unwrap();
        endpoint.candidates.iter().map(|candidate| candidate.endpoint_url.url().to_string()).collect()
    }

    #[test]
    fn a_path_is_so_deep_at_most_unless_the_issuer_is_named() {
        let deep = |segments: usize| format!("https://a.example{}", "/a".repeat(segments));
        assert_eq!(urls(&deep(DEEPEST_PATH)).len(), 4 * DEEPEST_PATH - 2);
        let error = TokenEndpoint::parse(&deep(DEEPEST_PATH + 1), None, None, false).unwrap_err().to_string();
        assert!(error.starts_with("token_url ") && error.contains("issuer"), "{error}");
        assert!(TokenEndpoint::parse(&deep(1000), Some("https://a.example"), None, false).is_ok());
    }

    #[test]
    fn metadata_is_sought_below_each_prefix_of_the_token_url() {
        let well_known = "https://a.example/.well-known";
        assert_eq!(
            urls("https://a.example/token"),
            [format!("{well_known}/openid-configuration"), format!("{well_known}/oauth-authorization-server")]
        );
        assert_eq!(urls("https://a.example"), urls("https://a.example/token"));
        assert_eq!(
            urls("https://a.example/realms/x/token/?y=z"),
            [
                "https://a.example/realms/x/.well-known/openid-configuration".to_owned(),
                "https://a.example/realms/.well-known/openid-configuration".to_owned(),
                format!("{well_known}/openid-configuration"),
                format!("{well_known}/oauth-authorization-server/realms/x"),
                format!("{well_known}/oauth-authorization-server/realms"),
                format!("{well_known}/oauth-authorization-server"),
                format!("{well_known}/openid-configuration/realms/x"),
                format!("{well_known}/openid-configuration/realms"),
                "https://a.example/realms/x/.well-known/oauth-authorization-server".to_owned(),
                "https://a.example/realms/.well-known/oauth-authorization-server".to_owned(),
            ]
        );
    }
}
