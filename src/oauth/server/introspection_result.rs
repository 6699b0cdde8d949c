//! What a server says about a token, in whichever wire format it was asked.

use std::sync::Arc;

use super::answer::Answer;
use crate::discovery::document;
use crate::jose::json::{self, Object};
use crate::jose::jwt::{ClaimNames, Claims};
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, Source};

/// The member names of an answer: those of RFC 7662 section 2.2, and those of services without a standard.
static NAMES: ClaimNames = ClaimNames {
    expires: &["exp", "expires_at"],
    subject: &["sub", "user_id", "username"],
    user: &IDENTITIES,
    scopes: &["scope", "scopes", "scp"],
};

/// The members of an answer that name the owner of the token.
const IDENTITIES: [&str; 4] = ["sub", "user_id", "username", "client_id"];

/// What the server says.
#[derive(Debug, Clone)]
pub enum IntrospectionResult {
    /// The server knows the token, and gave these claims.
    Known {
        /// What it tells.
        claims: Claims,
        /// Whether the answer lacks the type of the token although it is demanded.
        lacks_type: bool,
    },
    /// The server does not know the token, or its claims contradict themselves.
    Refused(Rejection),
    /// There is no usable answer.
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

/// Reads the body of an answer, which must be one object. A byte order mark before it is ignored (RFC 8259 section 8.1).
pub(super) fn object(body: &[u8]) -> Result<Object, Box<str>> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    json::parse_object(text)
        .map_err(|error| format!("its answer is not a strict JSON object: {}", document::kind(body, error)).into())
}

/// Whether an answer names the owner of the token.
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
