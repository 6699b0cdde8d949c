//! Why the metadata of a server cannot be used.

use std::fmt;

use crate::http::HttpError;

/// Why a search for metadata failed. It holds no text from the server except an issuer, which is sanitized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscoveryError {
    /// There is no usable response.
    Http(HttpError),
    /// The answer is not metadata.
    NoMetadata(Box<str>),
    /// No URL has it. Holds each URL, and what it answered.
    NotFound(Box<str>),
    /// The metadata cannot be used.
    Unusable(&'static str),
    /// The metadata names another issuer than the one that was asked for.
    OtherIssuer {
        /// The issuer that it names; sanitized.
        named: Box<str>,
        /// Which was asked for.
        asked: Box<str>,
    },
}

impl From<HttpError> for DiscoveryError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => error.fmt(f),
            Self::NoMetadata(what) => f.write_str(what),
            Self::NotFound(asked) => write!(f, "no metadata of the server was found: {asked}"),
            Self::Unusable(why) => write!(f, "the server's metadata cannot be used: {why}"),
            Self::OtherIssuer { named, asked } => write!(
                f,
                "the server's metadata cannot be used: its \"issuer\" is \"{named}\", which is not, character by \
                 character, the one asked for, \"{asked}\". If the first is the issuer of the tokens, give it as the issuer, and \
                 this document's URL as metadata_url where it lies elsewhere"
            ),
        }
    }
}
