//! Whose keys a set holds: the authorization server, as far as its metadata was read (RFC 8414 section 2).

use std::sync::Arc;

use crate::http::EndpointUrl;

/// An authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// `issuer`
    pub issuer: Arc<str>,
    /// Its introspection endpoint.
    pub introspection: IntrospectionEndpoint,
}

/// Where a server may be asked about tokens (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntrospectionEndpoint {
    /// Nowhere.
    Absent,
    /// At this URL. `in_body` where the server takes a client's secret in the body alone (`client_secret_post`).
    At {
        /// `introspection_endpoint`
        endpoint_url: EndpointUrl,
        /// What `introspection_endpoint_auth_methods_supported` leaves.
        in_body: bool,
    },
    /// At a URL that a client's secret must not be sent to on the metadata's word alone, for this reason.
    Unusable(&'static str),
}

impl IntrospectionEndpoint {
    /// Why the endpoint is not asked, where it is there.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Unusable(fault) => Some(fault),
            Self::Absent | Self::At { .. } => None,
        }
    }
}
