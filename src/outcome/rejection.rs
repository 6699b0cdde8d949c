//! The one list of reasons for which a token is refused.
//!
//! Every reason has a stable `snake_case` code. Codes are part of the public contract: logs, counters, challenges and
//! tests name them. Prose may change, codes may not.

use std::fmt;

use crate::jose::jws::JwsError;
use crate::jose::jwt::{MalformedClaims, NumericDate};
use crate::outcome::proof_fault::ProofFault;

/// Why a token was rejected.
///
/// A rejection says that the token is bad. Where keys or a remote verifier are unreachable, the outcome is [`Unavailable`](super::unavailable::Unavailable).
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
    /// The signature does not fit the key. Carries nothing: why a signature fails must not be revealed.
    InvalidSignature,
    /// The header's `typ` is not the required one (RFC 8725bis section 3.11).
    WrongType,
    /// It is an ID token, which tells a client who signed in, and grants no access (OpenID Connect Core section 2).
    IdToken {
        /// The member that says so; `None` if the token does not say that it is an access token, although that is demanded.
        by: Option<&'static str>,
    },
    /// The answer of the asked server lacks the type of the token, although it is demanded.
    UntypedToken,
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
    /// `iat` lies further in the future than is allowed.
    IssuedInFuture {
        /// The `iat` claim.
        at: NumericDate,
    },
    /// A claim that the operator requires is absent.
    MissingClaim {
        /// Its path: a name, or a JSON Pointer.
        claim: Box<str>,
    },
    /// A claim has none of the values that the operator expects, or a type that cannot be read.
    ClaimMismatch {
        /// Its path: a name, or a JSON Pointer.
        claim: Box<str>,
    },
    /// The user signed in too long ago, or at an unknown time (RFC 9470).
    InsufficientUserAuthentication {
        /// How long ago it may have been, in seconds.
        max_age: u64,
        /// The `auth_time` claim, in seconds.
        authenticated: Option<i64>,
    },
    /// A deny list names the token, its subject or its client.
    DeniedToken,
    /// `aud` names none of the expected audiences.
    AudienceMismatch,
    /// The token is bound to a proof of possession that a bearer cannot give (RFC 9449).
    BoundToken,
    /// The token is bound to a client certificate (RFC 8705), which this project does not check.
    CertificateBoundToken,
    /// A required scope is missing.
    InsufficientScope {
        /// The scopes that are missing.
        missing: Vec<Box<str>>,
    },
    /// The token was issued to a client that is not one of the expected ones.
    ClientMismatch,
    /// The token is not bound to a key, but is presented as a bound one, or to a server that accepts only bound ones (RFC 9449
    /// section 7.1).
    UnboundToken,
    /// The proof of possession is missing or invalid.
    Proof(ProofFault),
    /// A static verifier does not list the token.
    UnknownToken,
    /// The asked server does not say that the token is active.
    InactiveToken,
    /// A subclass's check raised an exception, or returned a value of a wrong type.
    CustomCheckFailed,
    /// A subclass's check refused the token.
    Denied,
    /// The request carries no bearer credentials.
    MissingToken,
    /// The request presents credentials more than once, or in a form that RFC 6750 section 2.1 forbids.
    InvalidRequest,
}

/// How important a rejection is to an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Expected from any client on the internet.
    Debug,
    /// Expected in normal operation.
    Info,
    /// Likely a wrong configuration.
    Warning,
}

impl Rejection {
    /// Every code, in the order in which the checks run.
    pub const CODES: [&'static str; 45] = [
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
        "id_token",
        "untyped_token",
        "malformed_claims",
        "expired",
        "not_yet_valid",
        "issuer_mismatch",
        "audience_mismatch",
        "client_mismatch",
        "issued_in_future",
        "missing_claim",
        "claim_mismatch",
        "insufficient_user_authentication",
        "bound_token",
        "certificate_bound_token",
        "denied_token",
        "insufficient_scope",
        "unbound_token",
        "dpop_proof_missing",
        "dpop_proof_malformed",
        "dpop_algorithm_not_allowed",
        "dpop_key_unusable",
        "dpop_key_mismatch",
        "dpop_token_hash_mismatch",
        "dpop_method_mismatch",
        "dpop_url_mismatch",
        "dpop_proof_expired",
        "dpop_proof_in_future",
        "dpop_nonce_mismatch",
        "dpop_signature_invalid",
        "dpop_proof_replayed",
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
            Self::IdToken { .. } => "id_token",
            Self::UntypedToken => "untyped_token",
            Self::MalformedClaims { .. } => "malformed_claims",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::AudienceMismatch => "audience_mismatch",
            Self::BoundToken => "bound_token",
            Self::DeniedToken => "denied_token",
            Self::CertificateBoundToken => "certificate_bound_token",
            Self::UnboundToken => "unbound_token",
            Self::Proof(fault) => fault.code(),
            Self::IssuedInFuture { .. } => "issued_in_future",
            Self::MissingClaim { .. } => "missing_claim",
            Self::ClaimMismatch { .. } => "claim_mismatch",
            Self::InsufficientUserAuthentication { .. } => "insufficient_user_authentication",
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

    /// The severity to log this reason with.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::MissingToken
            | Self::InvalidRequest
            | Self::UnknownToken
            | Self::TokenTooLarge
            | Self::MalformedToken => Severity::Debug,
            Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::InvalidSignature
            | Self::CriticalHeader
            | Self::WrongType
            | Self::InactiveToken
            | Self::BoundToken
            | Self::CertificateBoundToken
            | Self::UnboundToken
            | Self::InsufficientUserAuthentication { .. }
            | Self::DeniedToken
            | Self::Denied => Severity::Info,
            Self::Proof(fault) => match fault {
                // These point at clocks, or at a wrong URL in the configuration.
                ProofFault::Algorithm | ProofFault::Url | ProofFault::Expired | ProofFault::Future => Severity::Warning,
                _ => Severity::Info,
            },
            Self::UnsupportedAlgorithm
            | Self::AlgorithmNotAllowed
            | Self::UnknownKey
            | Self::AmbiguousKey
            | Self::IssuerMismatch
            | Self::AudienceMismatch
            | Self::ClientMismatch
            | Self::IssuedInFuture { .. }
            | Self::MissingClaim { .. }
            | Self::ClaimMismatch { .. }
            | Self::IdToken { .. }
            | Self::UntypedToken
            | Self::MalformedClaims { .. }
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
            Self::IdToken { by: Some(by) } => {
                return write!(f, "the token is an ID token (by its {by}), not an access token");
            }
            Self::IdToken { by: None } => "the token does not say that it is an access token",
            Self::UntypedToken => "the server does not say of what type the token is, and it may be a refresh token",
            Self::MalformedClaims { claim: None } => "the claims are not a JSON object",
            Self::MalformedClaims { claim: Some(claim) } => {
                return write!(f, "the claim {claim:?} has a wrong type or value");
            }
            Self::Expired { .. } => "the token has expired",
            Self::NotYetValid { .. } => "the token is not yet valid",
            Self::IssuerMismatch => "the issuer is not the expected one",
            Self::AudienceMismatch => "the audience is not the expected one",
            Self::BoundToken => "the token is bound to a proof of possession",
            Self::DeniedToken => "a deny list names the token, its subject or its client",
            Self::CertificateBoundToken => "the token is bound to a client certificate",
            Self::UnboundToken => "the token is not bound to a key of the client",
            Self::Proof(fault) => return fault.fmt(f),
            Self::IssuedInFuture { .. } => "the token was issued in the future",
            Self::MissingClaim { claim } => return write!(f, "the claim {claim:?} is missing"),
            Self::ClaimMismatch { claim } => {
                return write!(f, "the claim {claim:?} is not what is expected");
            }
            Self::InsufficientUserAuthentication { max_age, authenticated: Some(_) } => {
                return write!(f, "the user signed in more than {max_age} seconds ago");
            }
            Self::InsufficientUserAuthentication { authenticated: None, .. } => {
                "the token does not say when the user signed in"
            }
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

#[cfg(test)]
mod tests {
    use super::super::unavailable::Unavailable;
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
            Rejection::IdToken { by: Some("at_hash") },
            Rejection::UntypedToken,
            Rejection::MalformedClaims { claim: None },
            Rejection::Expired { at: NumericDate::from_seconds(1) },
            Rejection::NotYetValid { from: NumericDate::from_seconds(1) },
            Rejection::IssuerMismatch,
            Rejection::AudienceMismatch,
            Rejection::ClientMismatch,
            Rejection::IssuedInFuture { at: NumericDate::from_seconds(1) },
            Rejection::MissingClaim { claim: "a".into() },
            Rejection::ClaimMismatch { claim: "a".into() },
            Rejection::InsufficientUserAuthentication { max_age: 1, authenticated: None },
            Rejection::BoundToken,
            Rejection::CertificateBoundToken,
            Rejection::DeniedToken,
            Rejection::InsufficientScope { missing: vec![] },
            Rejection::UnboundToken,
        ]
        .into_iter()
        .chain(ProofFault::ALL.map(Rejection::Proof))
        .chain([Rejection::CustomCheckFailed, Rejection::Denied])
        .collect()
    }

    #[test]
    fn every_reason_has_its_code_in_the_list() {
        let codes: Vec<_> = one_of_each().iter().map(Rejection::code).collect();
        assert_eq!(codes, Rejection::CODES);
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
