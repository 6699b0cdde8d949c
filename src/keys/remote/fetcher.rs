//! What an endpoint needs of whatever fetches its keys.

use std::sync::Arc;
use std::time::Duration;

use super::error::FetchError;
use super::key_set_document::FetchedKeySet;
use crate::discovery::AuthorizationServer;
use crate::http::EndpointUrl;

/// What an endpoint answered.
#[derive(Debug)]
pub enum FetchContent {
    /// A set.
    KeySet {
        /// The keys.
        document: Box<FetchedKeySet>,
        /// Whose keys they are, where the metadata of a server led to them.
        server: Option<Arc<AuthorizationServer>>,
        /// Its entity tag.
        etag: Option<EntityTag>,
    },
    /// The metadata of a server, whose keys cannot be had for this reason: tokens can be asked about all the same.
    ServerAlone {
        /// The server.
        server: Arc<AuthorizationServer>,
        /// Why there are no keys.
        error: Box<FetchError>,
    },
    /// The set at hand is still current.
    NotModified,
}

/// An answer, and how long it is fresh.
#[derive(Debug)]
pub struct FetchReply {
    /// What was answered.
    pub answer: FetchContent,
    /// For how long it is good.
    pub lifetime: Duration,
}

/// Takes the end of a fetch.
pub type OnFetched = Box<dyn FnOnce(Result<FetchReply, FetchError>) + Send>;

/// Fetches sets. `fetch` returns at once and calls `done` later, once, from whatever thread.
pub trait Fetcher: Send + Sync + std::fmt::Debug {
    /// Starts one fetch of something newer than what is known.
    fn fetch(&self, known: Option<EntityTag>, done: OnFetched);
}

/// What a set was tagged with, where (RFC 9110 section 8.8.3): the tag says nothing of what is at another URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    pub(super) endpoint_url: EndpointUrl,
    pub(super) tag: Box<str>,
}
