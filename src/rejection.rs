//! The one list of reasons for which a token is refused.
//!
//! Every reason has a stable `snake_case` code. Codes are part of the public contract: logs, counters, challenges and
//! tests name them. Prose may change, codes may not.

use std::fmt;

use crate::jose::jws::JwsError;
use crate::jose::jwt::{MalformedClaims, NumericDate};

/// Why a token was rejected.
///
/// A rejection says that the token is bad. That nobody can tell is [`Unavailable`], a different outcome.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Rejection {
    /// The token is longer than the verifier reads.
    TokenTooLarge,
    /// Not a compact JWS: wrong number of parts, not base64url, or a header that is not a strict JSON object.
    MalformedToken,
    /// The header names an algorithm that this project does not know, `none` among them.
    UnsupportedAlgorithm,
    /// The header names an algorithm that this verifier does not accept.
    AlgorithmNotAllowed,
    /// The header demands something that the verifier does not understand (RFC 7515 section 4.1.11).
    CriticalHeader,
    /// No key fits the header.
    UnknownKey,
    /// Several different keys fit the header.
    AmbiguousKey,
    /// The signature does not fit the key. Carries nothing: why a signature fails is nobody's business.
    InvalidSignature,
    /// The header's `typ` is not the required one (RFC 8725bis section 3.11).
    WrongType,
    /// The payload is not a strict JSON object, or a claim has the wrong type.
    MalformedClaims {
        /// The claim at fault, where it is one.
        claim: Option<&'static str>,
    },
    /// The token is past its `exp`.
    Expired {
        /// The `exp` claim.
        at: NumericDate,
    },
    /// The token is before its `nbf`.
    NotYetValid {
        /// The `nbf` claim.
        from: NumericDate,
    },
    /// `iss` is absent or not one of the expected issuers.
    IssuerMismatch,
    /// `aud` names none of the expected audiences.
    AudienceMismatch,
    /// The token is bound to a proof of possession that a bearer cannot give (RFC 9449, RFC 8705).
    BoundToken,
    /// A required scope is missing.
    InsufficientScope {
        /// The scopes that are missing.
        missing: Vec<Box<str>>,
    },
    /// The token was issued to a client that is not one of the expected ones.
    ClientMismatch,
    /// A static verifier does not list the token.
    UnknownToken,
    /// The server that was asked about the token does not say that it is a good one.
    InactiveToken,
    /// A subclass's own check failed, or answered with something that is no answer.
    CustomCheckFailed,
    /// A subclass's own check said no.
    Denied,
    /// The request carries no bearer credentials.
    MissingToken,
    /// The request presents credentials more than once, or in a form that RFC 6750 section 2.1 rules out.
    InvalidRequest,
}

/// How loudly an operator should hear of a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Noise of the open internet.
    Debug,
    /// Expected in normal operation.
    Info,
    /// Likely a configuration that does not fit.
    Warning,
}

impl Rejection {
    /// Every code, in the order in which the checks run.
    pub const CODES: [&'static str; 23] = [
        "missing_token",
        "invalid_request",
        "unknown_token",
        "token_too_large",
        "malformed_token",
        "inactive_token",
        "unsupported_algorithm",
        "critical_header",
        "algorithm_not_allowed",
        "unknown_key",
        "ambiguous_key",
        "invalid_signature",
        "wrong_type",
        "malformed_claims",
        "expired",
        "not_yet_valid",
        "issuer_mismatch",
        "audience_mismatch",
        "client_mismatch",
        "bound_token",
        "insufficient_scope",
        "custom_check_failed",
        "denied",
    ];

    /// The stable code of this reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TokenTooLarge => "token_too_large",
            Self::MalformedToken => "malformed_token",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::CriticalHeader => "critical_header",
            Self::UnknownKey => "unknown_key",
            Self::AmbiguousKey => "ambiguous_key",
            Self::InvalidSignature => "invalid_signature",
            Self::WrongType => "wrong_type",
            Self::MalformedClaims { .. } => "malformed_claims",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::AudienceMismatch => "audience_mismatch",
            Self::BoundToken => "bound_token",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::ClientMismatch => "client_mismatch",
            Self::UnknownToken => "unknown_token",
            Self::InactiveToken => "inactive_token",
            Self::CustomCheckFailed => "custom_check_failed",
            Self::Denied => "denied",
            Self::MissingToken => "missing_token",
            Self::InvalidRequest => "invalid_request",
        }
    }

    /// How loudly to log this reason.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::MissingToken
            | Self::InvalidRequest
            | Self::UnknownToken
            | Self::TokenTooLarge
            | Self::MalformedToken
            | Self::MalformedClaims { .. } => Severity::Debug,
            Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::InvalidSignature
            | Self::CriticalHeader
            | Self::WrongType
            | Self::InactiveToken
            | Self::BoundToken
            | Self::Denied => Severity::Info,
            Self::UnsupportedAlgorithm
            | Self::AlgorithmNotAllowed
            | Self::UnknownKey
            | Self::AmbiguousKey
            | Self::IssuerMismatch
            | Self::AudienceMismatch
            | Self::ClientMismatch
            | Self::InsufficientScope { .. }
            | Self::CustomCheckFailed => Severity::Warning,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TokenTooLarge => "the token is too large",
            Self::MalformedToken => "the token is not of the form that tokens have here",
            Self::UnsupportedAlgorithm => "the token's algorithm is not supported",
            Self::AlgorithmNotAllowed => "the token's algorithm is not accepted here",
            Self::CriticalHeader => "the token's header demands an extension that is not understood",
            Self::UnknownKey => "no key fits the token",
            Self::AmbiguousKey => "several keys fit the token",
            Self::InvalidSignature => "the signature is invalid",
            Self::WrongType => "the token is of another type",
            Self::MalformedClaims { claim: None } => "the claims are not a JSON object",
            Self::MalformedClaims { claim: Some(claim) } => {
                return write!(f, "the claim {claim:?} has a wrong type or value");
            }
            Self::Expired { .. } => "the token has expired",
            Self::NotYetValid { .. } => "the token is not yet valid",
            Self::IssuerMismatch => "the issuer is not the expected one",
            Self::AudienceMismatch => "the audience is not the expected one",
            Self::BoundToken => "the token is bound to a proof of possession",
            Self::InsufficientScope { .. } => "a required scope is missing",
            Self::ClientMismatch => "the client is not the expected one",
            Self::UnknownToken => "the token is not a known one",
            Self::InactiveToken => "the server that was asked says that the token is not active",
            Self::CustomCheckFailed => "a custom check failed",
            Self::Denied => "a custom check denies it",
            Self::MissingToken => "no bearer credentials",
            Self::InvalidRequest => "the credentials are not presented once, as one bearer token",
        })
    }
}

impl std::error::Error for Rejection {}

impl From<JwsError> for Rejection {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLarge => Self::TokenTooLarge,
            JwsError::Parts | JwsError::Header | JwsError::Parameter => Self::MalformedToken,
            JwsError::UnsupportedAlgorithm => Self::UnsupportedAlgorithm,
            JwsError::Critical => Self::CriticalHeader,
        }
    }
}

impl From<MalformedClaims> for Rejection {
    fn from(malformed: MalformedClaims) -> Self {
        Self::MalformedClaims { claim: malformed.claim }
    }
}

/// Why nobody can tell whether a token is good. Texts are ours: no endpoint chooses one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// The verification keys are out of reach.
    Keys,
    /// A subclass's own check says that it cannot tell.
    CustomCheck,
    /// The introspection endpoint gives no answer that can be used, for this reason.
    Introspection(Box<str>),
    /// The verification service gives no answer that can be used, for this reason.
    RemoteVerifier(Box<str>),
    /// The endpoint refuses, with this status, the credentials that it was asked with: they are configured wrongly here
    /// (RFC 7662 section 2.3).
    Credentials(u16),
}

impl Unavailable {
    /// Every code.
    pub const CODES: [&'static str; 5] = [
        "keys_unavailable",
        "custom_check_unavailable",
        "introspection_unavailable",
        "remote_verifier_unavailable",
        "credentials_refused",
    ];

    /// The stable code of this reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keys => "keys_unavailable",
            Self::CustomCheck => "custom_check_unavailable",
            Self::Introspection(_) => "introspection_unavailable",
            Self::RemoteVerifier(_) => "remote_verifier_unavailable",
            Self::Credentials(_) => "credentials_refused",
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys => f.write_str("the verification keys are out of reach"),
            Self::CustomCheck => f.write_str("a custom check cannot tell"),
            Self::Introspection(why) => write!(f, "the introspection endpoint is of no use: {why}"),
            Self::RemoteVerifier(why) => write!(f, "the verification service is of no use: {why}"),
            Self::Credentials(status) => write!(
                f,
                "misconfigured: the endpoint refuses the credentials of this server, not the token (status {status})"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> Vec<Rejection> {
        vec![
            Rejection::MissingToken,
            Rejection::InvalidRequest,
            Rejection::UnknownToken,
            Rejection::TokenTooLarge,
            Rejection::MalformedToken,
            Rejection::InactiveToken,
            Rejection::UnsupportedAlgorithm,
            Rejection::CriticalHeader,
            Rejection::AlgorithmNotAllowed,
            Rejection::UnknownKey,
            Rejection::AmbiguousKey,
            Rejection::InvalidSignature,
            Rejection::WrongType,
            Rejection::MalformedClaims { claim: None },
            Rejection::Expired { at: NumericDate::from_seconds(1) },
            Rejection::NotYetValid { from: NumericDate::from_seconds(1) },
            Rejection::IssuerMismatch,
            Rejection::AudienceMismatch,
            Rejection::ClientMismatch,
            Rejection::BoundToken,
            Rejection::InsufficientScope { missing: vec![] },
            Rejection::CustomCheckFailed,
            Rejection::Denied,
        ]
    }

    #[test]
    fn every_reason_has_its_code_in_the_list() {
        let codes: Vec<_> = one_of_each().iter().map(Rejection::code).collect();
        assert_eq!(codes, Rejection::CODES);
        let unavailable = [
            Unavailable::Keys,
            Unavailable::CustomCheck,
            Unavailable::Introspection("".into()),
            Unavailable::RemoteVerifier("".into()),
            Unavailable::Credentials(401),
        ];
        assert_eq!(unavailable.each_ref().map(Unavailable::code), Unavailable::CODES);
    }

    #[test]
    fn codes_are_snake_case_and_distinct() {
        let codes: Vec<_> = Rejection::CODES.into_iter().chain(Unavailable::CODES).collect();
        for (i, code) in codes.iter().enumerate() {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert!(!codes[..i].contains(code), "{code} stands twice");
        }
    }
}
