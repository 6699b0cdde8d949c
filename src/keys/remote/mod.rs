//! Keys that are fetched: when, from where, how, and what of them is used.

mod discovery;
mod document;
mod endpoint;
mod fetch;
mod lifetime;
mod metadata;
mod registry;
pub mod schedule;
mod token_endpoint;

pub use discovery::Issuer;
pub use document::{Document, KeyInfo};
pub use endpoint::{Answer, Done, Endpoint, Event, Fetcher, Held, Observer, RemoteKeys, Reply};
pub use fetch::{EntityTag, FetchError, HttpFetcher, Origin, Page, Search, total_timeout};
pub use registry::shared;
pub use token_endpoint::TokenEndpoint;
