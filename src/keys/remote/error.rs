//! Why a fetch brought no keys.

use std::fmt;

use crate::discovery::DiscoveryError;
use crate::discovery::document::Document;
use crate::http::HttpError;

/// Why a fetch brought no keys. What the endpoint chose of its text is in quotes and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// There is no usable response.
    Http(HttpError),
    /// The response is not a usable JWK Set.
    NotAKeySet(Box<str>),
    /// The metadata that names the keys was not found, or cannot be used.
    Discovery(DiscoveryError),
}

impl FetchError {
    /// The same error, of this document.
    #[must_use]
    pub(super) fn of(self, document: &Document<'_>) -> Self {
        match self {
            Self::NotAKeySet(why) => Self::NotAKeySet(format!("{why} ({document})").into()),
            other => other,
        }
    }
}

impl From<DiscoveryError> for FetchError {
    fn from(error: DiscoveryError) -> Self {
        Self::Discovery(error)
    }
}

impl From<HttpError> for FetchError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => error.fmt(f),
            Self::NotAKeySet(why) => write!(f, "the answer is not a usable JWK Set: {why}"),
            Self::Discovery(error) => error.fmt(f),
        }
    }
}
