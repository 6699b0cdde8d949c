//! Keys that are fetched: when, from where, how, and what of them is used.

mod discovery;
mod document;
mod endpoint;
mod fetch;
mod registry;
pub mod schedule;

pub use discovery::{jwks_uri, well_known_urls};
pub use document::{Document, KeyInfo};
pub use endpoint::{Answer, Done, Endpoint, Event, Fetcher, Held, Observer, RemoteKeys, Reply, Request};
pub use fetch::{FetchError, HttpFetcher, Origin, read_foreign};
pub use registry::{now, shared};
