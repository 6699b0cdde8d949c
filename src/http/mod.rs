//! HTTP as this project speaks it: bounded in time and size, without redirects, on a runtime of its own.
//!
//! A status is an answer, whichever it is: what it means is for the caller to say. An [`HttpError`] says that there is
//! no answer, or none that the caller can use.

mod address;
mod client;
mod error;
mod location;
mod message;
mod process;

pub use client::{Client, FetchPolicy};
pub use error::HttpError;
pub use location::Location;
pub use message::{Request, Response, secret_value};
pub use process::spawn;
pub use reqwest::header;
