//! What became of a token.

use std::sync::Arc;

use crate::jose::jwt::NumericDate;
use crate::outcome::check::Comparison;
use crate::outcome::finding::Finding;
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, FailedValidation, Overrides, Policy, Verified};

/// What became of a token.
#[derive(Debug)]
pub enum Decision {
    /// Every check ran, and passed.
    Accepted(Box<Verified>),
    /// A check failed.
    Rejected(Box<RejectedToken>),
    /// Keys or a remote verifier are unreachable; neither accepted nor rejected.
    Unavailable(Unavailable),
}

/// A rejected token, with its known details.
#[derive(Debug)]
pub struct RejectedToken {
    /// The reason.
    pub rejection: Rejection,
    /// The key id that its header names, if the header could be read: untrusted.
    pub kid: Option<Box<str>>,
    /// For a mismatch, what came and what was expected.
    pub comparison: Option<Comparison>,
    /// What is known beyond the reason.
    pub finding: Option<Finding>,
    /// The claims, if they are authentic.
    pub authentic: Option<Arc<AuthenticClaims>>,
}

impl RejectedToken {
    /// A rejected token without further details.
    #[must_use]
    pub fn new(rejection: Rejection) -> Self {
        Self { rejection, kid: None, comparison: None, finding: None, authentic: None }
    }
}

impl From<Rejection> for Decision {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(RejectedToken::new(rejection)))
    }
}

impl Decision {
    /// The decision about authentic claims.
    #[must_use]
    pub fn about(
        authentic: Arc<AuthenticClaims>,
        policy: &Policy,
        overrides: &dyn Overrides,
        now: NumericDate,
    ) -> Self {
        policy.validate(authentic, overrides, now).into()
    }
}

impl From<Result<Verified, Box<FailedValidation>>> for Decision {
    fn from(validated: Result<Verified, Box<FailedValidation>>) -> Self {
        match validated {
            Ok(verified) => Self::Accepted(Box::new(verified)),
            Err(refused) => {
                let FailedValidation { rejection, unread, comparison, authentic } = *refused;
                if unread {
                    return Self::Unavailable(Unavailable::Denylist);
                }
                let kid = authentic.kid().map(Box::from);
                let finding = None;
                Self::Rejected(Box::new(RejectedToken {
                    rejection,
                    kid,
                    comparison,
                    finding,
                    authentic: Some(authentic),
                }))
            }
        }
    }
}
