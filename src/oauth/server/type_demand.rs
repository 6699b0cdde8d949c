//! Whether an answer has to say of what kind a token is.

use std::sync::atomic::{AtomicBool, Ordering};

use super::introspection_result::IntrospectionResult;
use super::wire_format::WireFormat;
use crate::jose::token_kind::TokenKind;

/// Whether an answer has to say of what kind the token is: RFC 7662 section 2.2 leaves it to the server, and a server that
/// says nothing of a refresh token does so on purpose.
#[derive(Debug)]
pub struct TypeDemand {
    /// The operator's word, where there is one.
    always: Option<bool>,
    /// Whether the endpoint named the type of an access token before. One that does so, does so for each.
    has_named_one: AtomicBool,
}

impl TypeDemand {
    /// What the operator demands. `None` leaves it to what the endpoint does.
    #[must_use]
    pub fn new(always: Option<bool>) -> Self {
        Self { always, has_named_one: AtomicBool::new(false) }
    }

    /// Looks at one answer, and learns from it.
    pub(super) fn check_unverified(&self, result: IntrospectionResult, wire_format: WireFormat) -> IntrospectionResult {
        let IntrospectionResult::Known { claims, .. } = result else { return result };
        if claims.kind() == TokenKind::Access {
            self.has_named_one.store(true, Ordering::Relaxed);
        }
        let lacks_type = self.lacks_type(claims.kind(), wire_format);
        IntrospectionResult::Known { claims, lacks_type }
    }

    /// Whether an answer that says this of the token's kind would have to say more.
    pub(super) fn lacks_type(&self, kind: TokenKind, wire_format: WireFormat) -> bool {
        let learned = || wire_format == WireFormat::Introspection && self.has_named_one.load(Ordering::Relaxed);
        kind == TokenKind::Unsaid && self.always.unwrap_or_else(learned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of answers that come one after another.
    fn lacks(always: Option<bool>, wire_format: WireFormat, answers: &[&str]) -> Vec<bool> {
        let demand = TypeDemand::new(always);
        let lacks = |answer: &&str| match demand.check_unverified(wire_format.read(200, answer.as_bytes()), wire_format)
        {
            IntrospectionResult::Known { lacks_type, .. } => lacks_type,
            other => panic!("{answer}: {other:?}"),
        };
        answers.iter().map(lacks).collect()
    }

    #[test]
    fn an_endpoint_that_names_the_type_of_an_access_token_names_each() {
        let (bare, typed) = (r#"{"active":true}"#, r#"{"active":true,"token_type":"Bearer"}"#);
        let refresh = r#"{"active":true,"token_use":"refresh_token"}"#;
        let answers = [bare, refresh, bare, typed, bare, typed];
        assert_eq!(lacks(None, WireFormat::Introspection, &answers), [false, false, false, false, true, false]);
        assert_eq!(lacks(None, WireFormat::Json, &answers), [false; 6], "which no RFC tells what to say");
        for wire_format in [WireFormat::Introspection, WireFormat::Json] {
            assert_eq!(lacks(Some(false), wire_format, &answers), [false; 6]);
            assert_eq!(lacks(Some(true), wire_format, &answers), [true, false, true, false, true, false]);
        }
    }
}
