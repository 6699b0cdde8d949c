//! What is known about a token after an endpoint was asked, for every caller who waits for that answer.

use std::sync::Arc;

use crate::jose::jwt::NumericDate;
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, NoOverrides, Policy};
use crate::verify::Decision;

/// What is known about a token. The policy is not part of it: it is checked for each request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The endpoint knows the token, and gave these claims.
    Known(Arc<AuthenticClaims>),
    /// The endpoint gave these claims before, and is out of reach now, for this reason.
    Stale(Arc<AuthenticClaims>, Unavailable),
    /// The endpoint does not know the token, or its claims contradict themselves.
    Refused(Rejection),
    /// There is no usable answer.
    Unavailable(Unavailable),
}

impl Answer {
    /// The decision that follows, for a policy at a time.
    #[must_use]
    pub fn decide(&self, policy: &Policy, now: NumericDate) -> Decision {
        let about = |claims: &Arc<AuthenticClaims>| Decision::about(Arc::clone(claims), policy, &NoOverrides, now);
        match self {
            Self::Known(claims) => about(claims),
            // An old answer may accept a token, and never refuses one: the token may have got more scopes since.
            Self::Stale(claims, why) => match about(claims) {
                accepted @ Decision::Accepted(_) if outlasts(claims, now) => accepted,
                _ => Decision::Unavailable(why.clone()),
            },
            Self::Refused(rejection) => rejection.clone().into(),
            Self::Unavailable(why) => Decision::Unavailable(why.clone()),
        }
    }
}

/// Whether a token has not expired by its claims, without leeway.
#[must_use]
pub fn outlasts(claims: &AuthenticClaims, now: NumericDate) -> bool {
    claims.claims.expires().is_none_or(|expires| now < expires)
}
