//! The HTTP client: bounded in time and size, without redirects, on its own threads.
//!
//! Every status is an answer, and the caller decides what it means. An [`HttpError`] says that there is no answer, or none that
//! the caller can use.

pub mod cache_control;
mod certificate;
mod client;
mod content_coding;
mod endpoint_threads;
mod endpoint_url;
mod error;
mod message;
mod proxy;
mod public_address;
mod thread;
mod tls;
mod tls_error;
mod transport;
mod trust;

pub use client::{Client, spawn};
pub use content_coding::{ACCEPT_ENCODING as ACCEPTED_CODINGS, decode};
pub use endpoint_url::EndpointUrl;
pub use error::HttpError;
pub use message::{ANY_JSON, KEY_SET, Request, Response, secret_value};
pub use public_address::SsrfPolicy;
pub use reqwest::header;
pub use thread::{ThreadWrapper, wrap_request_threads};
