//! The authorization server that keys belong to, with the metadata that is used (RFC 8414 section 2).

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

/// The introspection endpoint of a server (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntrospectionEndpoint {
    /// Nowhere.
    Absent,
    /// It has this URL. `in_body` if the server takes a client's secret only in the body (`client_secret_post`).
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
