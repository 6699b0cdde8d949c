//! The formats in which a server is asked about a token.

use super::introspection_result::IntrospectionResult;
use super::{introspection, json_verification};
use crate::outcome::unavailable::Unavailable;

/// The format of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFormat {
    /// A form (RFC 7662 section 2.1).
    Introspection,
    /// `{"token": ...}`, for a service with a format of its own.
    Json,
}

impl WireFormat {
    pub(super) fn read(self, status: u16, body: &[u8]) -> IntrospectionResult {
        match self {
            Self::Introspection => introspection::read(status, body),
            Self::Json => json_verification::read(status, body),
        }
    }

    pub(super) fn no_answer(self, why: &str) -> Unavailable {
        match self {
            Self::Introspection => Unavailable::Introspection(why.into()),
            Self::Json => Unavailable::RemoteVerifier(why.into()),
        }
    }
}
