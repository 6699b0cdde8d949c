//! Why a fetch brought no keys.

use std::fmt;

use crate::discovery::document::Document;
use crate::discovery::{DiscoveryError, FailureKind};
use crate::http::HttpError;

/// Why a fetch brought no keys. Text from the endpoint is quoted and shortened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// There is no usable response.
    Http(HttpError),
    /// The response is not a usable JWK Set.
    NotAKeySet(Box<str>),
    /// The response is a map of certificates by key id. Holds the URL of the JWK Set, if the issuer's metadata names one.
    Certificates {
        /// What came from where.
        document: Box<str>,
        /// The JWK Set.
        jwks_uri: Option<Box<str>>,
    },
    /// The metadata that names the keys was not found, or cannot be used.
    Discovery(DiscoveryError),
}

impl FetchError {
    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Http(error) => FailureKind::of_http(error),
            Self::NotAKeySet(_) | Self::Certificates { .. } => FailureKind::NotAKeySet,
            Self::Discovery(error) => error.kind(),
        }
    }

    /// The same error, of this document.
    #[must_use]
    pub(super) fn of(self, document: &Document<'_>) -> Self {
        match self {
            Self::NotAKeySet(why) => Self::NotAKeySet(format!("{why} ({document})").into()),
            Self::Certificates { jwks_uri, .. } => {
                Self::Certificates { document: document.to_string().into(), jwks_uri }
            }
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
            Self::Certificates { document, jwks_uri } => {
                f.write_str(
                    "the answer is not a usable JWK Set: it is a map of certificates by key id, as Firebase has it: ",
                )?;
                match jwks_uri {
                    Some(url) => write!(f, "give {url}, the JWK Set that the issuer's metadata names")?,
                    None => f.write_str(
                        "give the URL of the issuer's JWK Set, which its metadata calls jwks_uri, or the issuer to \
                         JWTVerifier.from_issuer()",
                    )?,
                }
                write!(f, " ({document})")
            }
            Self::Discovery(error) => error.fmt(f),
        }
    }
}
