//! Decides whether an answer of an introspection endpoint has to name the type of the token.

use std::sync::atomic::{AtomicBool, Ordering};

use super::introspection_result::IntrospectionResult;
use super::wire_format::WireFormat;
use crate::jose::token_kind::TokenKind;

/// Whether an answer has to name the type of the token. RFC 7662 section 2.2 leaves that to the server. If a server names the
/// type of access tokens only, an answer without a type may be about a refresh token.
#[derive(Debug)]
pub struct TypeDemand {
    /// The operator's setting, if there is one.
    always: Option<bool>,
    /// Whether the endpoint has named the type of an access token. Such an endpoint names it in each answer.
    has_named_one: AtomicBool,
}

impl TypeDemand {
    /// Takes the operator's setting. `None` demands the type once the endpoint has named one.
    #[must_use]
    pub fn new(always: Option<bool>) -> Self {
        Self { always, has_named_one: AtomicBool::new(false) }
    }

    /// Marks an answer that lacks a demanded type, and notes whether the endpoint names types.
    pub(super) fn check_unverified(&self, result: IntrospectionResult, wire_format: WireFormat) -> IntrospectionResult {
        let IntrospectionResult::Known { claims, .. } = result else { return result };
        if claims.kind() == TokenKind::Access {
            self.has_named_one.store(true, Ordering::Relaxed);
        }
        let lacks_type = self.lacks_type(claims.kind(), wire_format);
        IntrospectionResult::Known { claims, lacks_type }
    }

    /// Whether an answer with this kind of token lacks a demanded type.
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
