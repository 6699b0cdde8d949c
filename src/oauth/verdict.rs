//! What a server says about a token that it was asked about, whatever the language that it was asked in.

use std::sync::Arc;

use crate::jose::json::{self, Object};
use crate::jose::jwt::{Claims, Names, NumericDate};
use crate::policy::{Plain, Policy, Vouched, Voucher};
use crate::rejection::{Rejection, Unavailable};
use crate::verifier::Decision;

/// The names in an answer: RFC 7662 section 2.2, and those that services write which know no RFC.
static NAMES: Names = Names {
    expires: &["exp", "expires_at"],
    subject: &["sub", "user_id", "username"],
    user: &IDENTITIES,
    scopes: &["scope", "scopes", "scp"],
};

/// The members of an answer that say whose token it is.
const IDENTITIES: [&str; 4] = ["sub", "user_id", "username", "client_id"];

/// What the server says.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It knows the token, and tells this about it.
    Known(Claims),
    /// It does not, or tells what cannot be true.
    Refused(Rejection),
    /// Nothing that can be used.
    Unavailable(Unavailable),
}

impl Verdict {
    /// The verdict of an answer that says yes.
    pub(super) fn yes(answer: Object) -> Self {
        match Claims::read(answer, &NAMES) {
            Ok(claims) => Self::Known(claims),
            Err(malformed) => Self::Refused(malformed.into()),
        }
    }

    /// The decision that follows, for a policy at a time. `issuer` is who answered, where that is known.
    #[must_use]
    pub fn decide(&self, issuer: Option<Arc<str>>, policy: &Policy, now: NumericDate) -> Decision {
        match self {
            Self::Known(claims) => {
                let vouched = Vouched { by: Voucher::Answer, issuer, claims: claims.clone() };
                Decision::about(Arc::new(vouched), policy, &Plain, now)
            }
            Self::Refused(rejection) => rejection.clone().into(),
            Self::Unavailable(why) => Decision::Unavailable(why.clone()),
        }
    }
}

/// The one object that the body of an answer has to be.
pub(super) fn object(body: &[u8]) -> Result<Object, Box<str>> {
    json::parse_object(body).map_err(|_| "its answer is not a strict JSON object".into())
}

/// Whether an answer says whose token it is.
pub(super) fn names_somebody(answer: &Object) -> bool {
    IDENTITIES.iter().any(|name| answer.get(name).and_then(json::Value::as_str).is_some_and(|text| !text.is_empty()))
}
