//! The trait by which an endpoint has its keys fetched.

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
        /// The server that the keys belong to, if its metadata led to them.
        server: Option<Arc<AuthorizationServer>>,
        /// Its entity tag.
        etag: Option<EntityTag>,
    },
    /// The metadata of a server, and why its keys could not be fetched. The server can still be asked about tokens.
    ServerAlone {
        /// The server.
        server: Arc<AuthorizationServer>,
        /// Why there are no keys.
        error: Box<FetchError>,
    },
    /// The set did not change.
    NotModified,
}

/// An answer, and how long it is fresh.
#[derive(Debug)]
pub struct FetchReply {
    /// What was answered.
    pub answer: FetchContent,
    /// How long it is fresh.
    pub lifetime: Duration,
}

/// Takes the result of a fetch.
pub type OnFetched = Box<dyn FnOnce(Result<FetchReply, FetchError>) + Send>;

/// Fetches key sets. `fetch` returns at once and calls `done` once, later, on any thread.
pub trait Fetcher: Send + Sync + std::fmt::Debug {
    /// Starts one fetch of something newer than what is known.
    fn fetch(&self, known: Option<EntityTag>, done: OnFetched);
}

/// The entity tag of a set, with its URL: a tag says nothing about another URL (RFC 9110 section 8.8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    pub(super) endpoint_url: EndpointUrl,
    pub(super) tag: Box<str>,
}
