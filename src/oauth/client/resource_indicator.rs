//! The MCP server that tokens are for, as a resource (RFC 8707, MCP authorization "Canonical Server URI").

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::config::ConfigError;
use crate::http::EndpointUrl;

/// A server: its origin, which tokens may be sent to, and the URI that they are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    uri: Box<str>,
    origin: Box<str>,
}

impl Resource {
    /// Reads the URL of a server. Its canonical form has scheme and host in lower case, no default port, and no slash at the end.
    ///
    /// # Errors
    /// It is no absolute http or https URL, or holds credentials or a fragment.
    pub fn parse(url: &str, argument: &str) -> Result<Self, ConfigError> {
        // Whether http is acceptable is the client's decision: it sends its requests to that URL anyway.
        let endpoint_url = EndpointUrl::parse(url, argument, true)?;
        let url = endpoint_url.url();
        Ok(Self { uri: url.as_str().trim_end_matches('/').into(), origin: url.origin().ascii_serialization().into() })
    }

    /// The server that a request with this URL goes to, without the query and fragment of the request.
    #[must_use]
    pub fn of_request(url: &str) -> Option<Self> {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        Self::parse(&url[..end], "the URL").ok()
    }

    /// The canonical URI, the `resource` of a token request.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// Which server tokens are for: what is configured, or the server of the first request.
#[derive(Debug)]
pub struct ResourceBinding {
    resource: Option<Arc<Resource>>,
    server: ArcSwapOption<Resource>,
}

impl ResourceBinding {
    /// Tokens are asked for `resource` and sent to `server`; each stands for the other where only one is given.
    #[must_use]
    pub fn new(resource: Option<Resource>, server: Option<Resource>) -> Self {
        let resource = resource.map(Arc::new);
        let server = server.map(Arc::new).or_else(|| resource.clone());
        Self { resource, server: ArcSwapOption::new(server) }
    }

    /// Whether a request with this URL may carry the tokens: it goes to the server's origin. Where no server is configured, the
    /// first request names it.
    #[must_use]
    pub fn admits(&self, url: &str) -> bool {
        let Some(resource) = Resource::of_request(url) else { return false };
        let origin = resource.origin.clone();
        // No lock, since a fork could leave a lock locked.
        self.server.compare_and_swap(&None::<Arc<Resource>>, Some(Arc::new(resource)));
        self.server.load().as_ref().is_some_and(|server| server.origin == origin)
    }

    /// The `resource` of a token request, once it is known.
    #[must_use]
    pub fn resource(&self) -> Option<Box<str>> {
        let known = self.resource.clone().or_else(|| self.server.load_full());
        known.map(|resource| resource.uri.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_is_canonical() {
        for (url, uri) in [
            ("https://mcp.example.com/mcp", "https://mcp.example.com/mcp"),
            ("HTTPS://MCP.Example.COM/Mcp/", "https://mcp.example.com/Mcp"),
            ("https://mcp.example.com", "https://mcp.example.com"),
            ("https://mcp.example.com/", "https://mcp.example.com"),
            ("https://mcp.example.com:443/mcp", "https://mcp.example.com/mcp"),
            ("https://mcp.example.com:8443/mcp", "https://mcp.example.com:8443/mcp"),
            ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000/mcp"),
        ] {
            assert_eq!(Resource::parse(url, "resource").unwrap().uri(), uri);
            for suffix in ["?session_id=1", "#x", "?a#b"] {
                assert_eq!(Resource::of_request(&format!("{url}{suffix}")).unwrap().uri(), uri);
            }
        }
    }

    #[test]
    fn a_resource_that_is_configured_has_no_fragment_and_is_absolute() {
        for bad in ["", "mcp", "/mcp", "urn:mcp", "https://a.example/#x", "https://u:p@a.example/"] {
            let error = Resource::parse(bad, "resource").unwrap_err().to_string();
            assert!(error.starts_with("resource "), "{error}");
        }
        assert_eq!(Resource::of_request("mcp"), None);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |url| Resource::of_request(url).unwrap().origin().to_owned();
        assert_eq!(origin("https://a.example/mcp"), origin("HTTPS://A.example:443/other?x"));
        for other in
            ["http://a.example/mcp", "https://a.example:444/mcp", "https://b.example/mcp", "https://a.example.b/"]
        {
            assert_ne!(origin("https://a.example/mcp"), origin(other));
        }
    }

    #[test]
    fn the_first_request_says_which_server_tokens_are_for() {
        let binding = ResourceBinding::new(None, None);
        assert_eq!(binding.resource(), None);
        assert!(binding.admits("https://a.example/mcp?x=1"));
        assert_eq!(binding.resource().as_deref(), Some("https://a.example/mcp"));
        assert!(binding.admits("https://a.example/messages/"));
        assert!(!binding.admits("https://b.example/mcp"));
        assert_eq!(binding.resource().as_deref(), Some("https://a.example/mcp"), "it stays that one");
    }

    #[test]
    fn a_server_that_is_configured_is_the_only_one() {
        let resource = || Resource::parse("https://a.example/mcp/", "resource").ok();
        let inside = || Resource::parse("http://inside:8000/mcp", "server_url").ok();
        for (binding, admitted, uri) in [
            (ResourceBinding::new(resource(), None), "https://a.example/x", "https://a.example/mcp"),
            (ResourceBinding::new(None, inside()), "http://inside:8000/x", "http://inside:8000/mcp"),
            (ResourceBinding::new(resource(), inside()), "http://inside:8000/x", "https://a.example/mcp"),
        ] {
            assert!(!binding.admits("https://b.example/mcp"), "{binding:?}");
            assert!(binding.admits(admitted), "{binding:?}");
            assert_eq!(binding.resource().as_deref(), Some(uri));
        }
        assert!(!ResourceBinding::new(resource(), inside()).admits("https://a.example/mcp"));
    }
}
