//! What is known about a token after a question, for every caller who asked it.

use std::sync::Arc;

use crate::jose::jwt::NumericDate;
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, NoOverrides, Policy};
use crate::verify::Decision;

/// What is known about a token. It says nothing of the policy, which is checked for each request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The endpoint knows the token, and tells this about it.
    Known(Arc<AuthenticClaims>),
    /// The endpoint told this before, and is out of reach now, for this reason.
    Stale(Arc<AuthenticClaims>, Unavailable),
    /// The endpoint does not know the token, or tells what cannot be true.
    Refused(Rejection),
    /// Nothing that can be used.
    Unavailable(Unavailable),
}

impl Answer {
    /// The decision that follows, for a policy at a time.
    #[must_use]
    pub fn decide(&self, policy: &Policy, now: NumericDate) -> Decision {
        let about = |claims: &Arc<AuthenticClaims>| Decision::about(Arc::clone(claims), policy, &NoOverrides, now);
        match self {
            Self::Known(claims) => about(claims),
            // An old answer accepts a token or says nothing: the token may have changed.
            Self::Stale(claims, why) => match about(claims) {
                accepted @ Decision::Accepted(_) if outlasts(claims, now) => accepted,
                _ => Decision::Unavailable(why.clone()),
            },
            Self::Refused(rejection) => rejection.clone().into(),
            Self::Unavailable(why) => Decision::Unavailable(why.clone()),
        }
    }
}

/// Whether a token still lasts by what was told of it, without leeway.
#[must_use]
pub fn outlasts(claims: &AuthenticClaims, now: NumericDate) -> bool {
    claims.claims.expires().is_none_or(|expires| now < expires)
}
