//! Keys that are fetched: from where, when, how, and which of them are used.

mod advice;
mod endpoint;
mod error;
mod fetcher;
mod freshness;
mod http_answer;
mod http_fetcher;
mod key_set_document;
pub mod refresh;
mod registry;
mod remote_keys;
mod retrieval;
mod sightings;

pub use endpoint::{Endpoint, EndpointEvent, EndpointStatus, Observer};
pub use error::FetchError;
pub use fetcher::{EntityTag, FetchContent, FetchReply, Fetcher, OnFetched};
pub use http_answer::HttpAnswer;
pub use http_fetcher::{HttpFetcher, total_timeout};
pub use key_set_document::{FetchedKeySet, KeyInfo};
pub use registry::shared;
pub use remote_keys::RemoteKeys;
pub use retrieval::{KeyLocator, Retrieval};
