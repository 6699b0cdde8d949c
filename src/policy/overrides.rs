//! What a subclass may decide in place of the checks.

use crate::jose::jwt::Claims;
use crate::outcome::rejection::Rejection;

/// What a subclass may decide in place of the verifier. `None` leaves the decision to the verifier.
pub trait Overrides {
    /// Whether the token's issuer is acceptable.
    fn accepts_issuer(&self, _claims: &Claims) -> Option<Result<bool, CustomCheckFailed>> {
        None
    }

    /// The scopes that the token grants.
    fn scopes(&self, _claims: &Claims) -> Option<Result<Vec<Box<str>>, CustomCheckFailed>> {
        None
    }
}

/// No overrides.
#[derive(Debug, Clone, Copy)]
pub struct NoOverrides;

impl Overrides for NoOverrides {}

/// An override raised an exception, or gave an answer of the wrong type.
#[derive(Debug, Clone, Copy)]
pub struct CustomCheckFailed;

impl From<CustomCheckFailed> for Rejection {
    fn from(_: CustomCheckFailed) -> Self {
        Self::CustomCheckFailed
    }
}
