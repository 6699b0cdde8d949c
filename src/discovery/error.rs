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
    /// No URL has it.
    NotFound {
        /// Each URL, and what it answered.
        asked: Box<str>,
        /// The kind of the failures.
        kind: FailureKind,
    },
    /// The metadata names no keys.
    NoJwksUri,
    /// The metadata has another token endpoint than the one that was asked for.
    OtherTokenEndpoint,
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

/// The kind of a failure to find metadata or keys, by which `doctor` advises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The metadata has no `jwks_uri`.
    NoJwksUri,
    /// Each URL of metadata answered 404.
    NoMetadata,
    /// There is metadata, with another `token_endpoint`; each other URL answered 404.
    OtherTokenEndpoint,
    /// The answer is not a JWK Set with keys for signatures.
    NotAKeySet,
    /// The URL answered 404.
    NotFound,
    /// The server's certificate is not trusted.
    UntrustedCertificate,
    /// Any other failure.
    Other,
}

impl FailureKind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoJwksUri => "no_jwks_uri",
            Self::NoMetadata => "no_metadata",
            Self::OtherTokenEndpoint => "other_token_endpoint",
            Self::NotAKeySet => "not_a_key_set",
            Self::NotFound => "not_found",
            Self::UntrustedCertificate => "untrusted_certificate",
            Self::Other => "other",
        }
    }

    /// The kind of a failed request.
    #[must_use]
    pub fn of_http(error: &HttpError) -> Self {
        match error {
            HttpError::Status(404) => Self::NotFound,
            HttpError::UntrustedCertificate(_) => Self::UntrustedCertificate,
            _ => Self::Other,
        }
    }

    /// The kind of a search in which every URL failed.
    pub(super) fn of_search(failures: &[DiscoveryError]) -> Self {
        let mut found = Self::NoMetadata;
        for failure in failures {
            match failure.kind() {
                Self::NotFound => (),
                Self::OtherTokenEndpoint => found = Self::OtherTokenEndpoint,
                Self::UntrustedCertificate => return Self::UntrustedCertificate,
                _ => return Self::Other,
            }
        }
        found
    }
}

impl DiscoveryError {
    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Http(error) => FailureKind::of_http(error),
            Self::NotFound { kind, .. } => *kind,
            Self::NoJwksUri => FailureKind::NoJwksUri,
            Self::OtherTokenEndpoint => FailureKind::OtherTokenEndpoint,
            Self::NoMetadata(_) | Self::Unusable(_) | Self::OtherIssuer { .. } => FailureKind::Other,
        }
    }
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
            Self::NotFound { asked, .. } => write!(f, "no metadata of the server was found: {asked}"),
            Self::NoJwksUri => f.write_str("the server's metadata cannot be used: it has no \"jwks_uri\""),
            Self::OtherTokenEndpoint => f.write_str(
                "the server's metadata cannot be used: its \"token_endpoint\" is not the token_url, which must be a copy of it",
            ),
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
