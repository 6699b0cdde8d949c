//! The key that a token is bound to (RFC 7800 section 3.1).

use super::json::{Object, Value};
use super::jwt::Claims;
use super::token_kind::names_bound_type;

/// How a token is bound to a key of the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation<'c> {
    /// Not bound: anyone who has the token may use it.
    Unbound,
    /// Bound to the key with this thumbprint, by `DPoP` (RFC 9449 section 6.1).
    Thumbprint(&'c str),
    /// Bound to a client certificate (RFC 8705 section 3.1), whatever else it is bound to.
    Certificate,
    /// Bound in a way that this project does not know.
    Other,
}

impl<'c> Confirmation<'c> {
    /// How claims bind their token.
    #[must_use]
    pub fn of(claims: &'c Claims) -> Self {
        if claims.is_bound() { Self::of_object(claims.object()) } else { Self::Unbound }
    }

    /// Reads `cnf`, and the type of a token. Unknown members of `cnf` are ignored beside a known one (RFC 7800 section 3.1).
    #[must_use]
    pub fn of_object(claims: &'c Object) -> Self {
        let members = match claims.get("cnf") {
            Some(Value::Object(members)) => members,
            None | Some(Value::Null) => {
                let token_type = claims.get("token_type").and_then(Value::as_str);
                return if token_type.is_some_and(names_bound_type) { Self::Other } else { Self::Unbound };
            }
            Some(_) => return Self::Other,
        };
        if members.get("x5t#S256").is_some() {
            return Self::Certificate;
        }
        members.get("jkt").and_then(Value::as_str).map_or(Self::Other, Self::Thumbprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json;

    #[test]
    fn a_confirmation_is_read_by_the_members_that_are_known() {
        for (claims, expected) in [
            ("{}", Confirmation::Unbound),
            (r#"{"cnf":{"jkt":"a"}}"#, Confirmation::Thumbprint("a")),
            (r#"{"cnf":{"jkt":"a","more":1},"token_type":"DPoP"}"#, Confirmation::Thumbprint("a")),
            (r#"{"cnf":{"x5t#S256":"b"}}"#, Confirmation::Certificate),
            (r#"{"cnf":{"jkt":"a","x5t#S256":"b"}}"#, Confirmation::Certificate),
            (r#"{"cnf":{}}"#, Confirmation::Other),
            (r#"{"cnf":{"jkt":1}}"#, Confirmation::Other),
            (r#"{"cnf":{"jwk":{}}}"#, Confirmation::Other),
            (r#"{"token_type":"DPoP"}"#, Confirmation::Other),
        ] {
            assert_eq!(Confirmation::of(&Claims::parse(claims.as_bytes()).unwrap()), expected, "{claims}");
        }
    }

    #[test]
    fn claims_that_another_read_may_say_it_in_other_types() {
        for (claims, expected) in [
            (r#"{"cnf":null,"token_type":1}"#, Confirmation::Unbound),
            (r#"{"cnf":null,"token_type":"dpop"}"#, Confirmation::Other),
            (r#"{"cnf":"a"}"#, Confirmation::Other),
            (r#"{"cnf":[]}"#, Confirmation::Other),
        ] {
            assert_eq!(Confirmation::of_object(&json::parse_object(claims.as_bytes()).unwrap()), expected, "{claims}");
        }
    }
}
