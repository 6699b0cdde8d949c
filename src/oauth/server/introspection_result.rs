//! What a server says about a token that it was asked about, whatever the language that it was asked in.

use std::sync::Arc;

use super::answer::Answer;
use crate::jose::json::{self, Object};
use crate::jose::jwt::{ClaimNames, Claims};
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, Source};

/// The names in an answer: RFC 7662 section 2.2, and those that services write which know no RFC.
static NAMES: ClaimNames = ClaimNames {
    expires: &["exp", "expires_at"],
    subject: &["sub", "user_id", "username"],
    user: &IDENTITIES,
    scopes: &["scope", "scopes", "scp"],
};

/// The members of an answer that say whose token it is.
const IDENTITIES: [&str; 4] = ["sub", "user_id", "username", "client_id"];

/// What the server says.
#[derive(Debug, Clone)]
pub enum IntrospectionResult {
    /// It knows the token, and tells this about it.
    Known {
        /// What it tells.
        claims: Claims,
        /// Whether it does not say of what kind the token is, where it would have to.
        lacks_type: bool,
    },
    /// It does not, or tells what cannot be true.
    Refused(Rejection),
    /// Nothing that can be used.
    Unavailable(Unavailable),
}

impl IntrospectionResult {
    /// The result of an answer that says the token is active.
    pub(super) fn yes(answer: Object) -> Self {
        match Claims::read(answer, &NAMES) {
            Ok(claims) => Self::Known { claims, lacks_type: false },
            Err(malformed) => Self::Refused(malformed.into()),
        }
    }

    /// The answer for every caller who asked. `issuer` is the issuer that the endpoint answers for, where that is known.
    #[must_use]
    pub fn into_answer(self, issuer: Option<Arc<str>>) -> Answer {
        match self {
            Self::Known { claims, lacks_type } => {
                let source = Source::Introspection { lacks_type };
                Answer::Known(Arc::new(AuthenticClaims::new(source, issuer, claims)))
            }
            Self::Refused(rejection) => Answer::Refused(rejection),
            Self::Unavailable(why) => Answer::Unavailable(why),
        }
    }
}

/// The one object that the body of an answer has to be.
pub(super) fn object(body: &[u8]) -> Result<Object, Box<str>> {
    json::parse_object(body).map_err(|_| "its answer is not a strict JSON object".into())
}

/// Whether an answer says whose token it is.
pub(super) fn names_a_user(answer: &Object) -> bool {
    IDENTITIES.iter().any(|name| answer.get(name).and_then(json::Value::as_str).is_some_and(|text| !text.is_empty()))
}

#[cfg(test)]
impl IntrospectionResult {
    /// The reason code, or `"known"`.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Known { .. } => "known",
            Self::Refused(rejection) => rejection.code(),
            Self::Unavailable(why) => why.code(),
        }
    }
}
