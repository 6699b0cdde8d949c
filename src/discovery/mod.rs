//! Metadata of authorization servers (RFC 8414, OpenID Connect Discovery 1.0): how it is found, and the members that are used.

pub mod document;
mod error;
mod issuer;
mod metadata;
mod search;
mod server;
mod token_endpoint;

pub use error::{DiscoveryError, FailureKind};
pub use issuer::Issuer;
pub(crate) use metadata::ServerMetadata;
pub(crate) use search::MetadataSearch;
pub use server::{AuthorizationServer, IntrospectionEndpoint};
pub use token_endpoint::TokenEndpoint;
