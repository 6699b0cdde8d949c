//! The languages in which a server is asked about a token.

use super::introspection_result::IntrospectionResult;
use super::{introspection, json_verification};
use crate::outcome::unavailable::Unavailable;

/// The language of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFormat {
    /// A form, as RFC 7662 has it.
    Introspection,
    /// `{"token": ...}`, for a service that knows no RFC.
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
