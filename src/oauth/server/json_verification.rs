//! Verification by a service with a JSON format of its own, without a standard.

use super::introspection_result::{self, IntrospectionResult};
use crate::http::HttpError;
use crate::jose::json::Value;
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;

/// The members that say yes or no.
const FLAGS: [&str; 3] = ["active", "valid", "authenticated"];

/// Reads what a verification service answered.
///
/// A status from 200 to 299 with a JSON object is a yes only if every flag in it is JSON `true`. Without any flag the object must
/// name the owner of the token, and have no `error`. 401, 403 and 404 are a no. Everything else is not an answer.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> IntrospectionResult {
    let unavailable = |why| IntrospectionResult::Unavailable(Unavailable::RemoteVerifier(why));
    match status {
        200..300 => match introspection_result::object(body) {
            Err(why) => unavailable(why),
            Ok(answer) => {
                let flags: Vec<&Value> = FLAGS.iter().filter_map(|flag| answer.get(flag)).collect();
                let yes = if flags.is_empty() {
                    answer.get("error").is_none() && introspection_result::names_a_user(&answer)
                } else {
                    flags.into_iter().all(|flag| *flag == Value::Bool(true))
                };
                if yes {
                    IntrospectionResult::yes(answer)
                } else {
                    IntrospectionResult::Refused(Rejection::InactiveToken)
                }
            }
        },
        401 | 403 | 404 => IntrospectionResult::Refused(Rejection::InactiveToken),
        _ => unavailable(HttpError::of_status(status).to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwt::Claims;

    fn code(status: u16, body: &str) -> &'static str {
        read(status, body.as_bytes()).code()
    }

    fn known(body: &str) -> Claims {
        match read(200, body.as_bytes()) {
            IntrospectionResult::Known { claims, .. } => claims,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn every_flag_that_is_there_must_be_json_true() {
        for flag in FLAGS {
            assert_eq!(code(200, &format!(r#"{{"{flag}":true}}"#)), "known");
            assert_eq!(code(299, &format!(r#"{{"{flag}":true}}"#)), "known");
            for no in ["false", "\"true\"", "1", "null", "[]", "{}"] {
                assert_eq!(code(200, &format!(r#"{{"{flag}":{no},"sub":"a"}}"#)), "inactive_token", "{flag}: {no}");
            }
            for other in FLAGS.into_iter().filter(|other| *other != flag) {
                assert_eq!(code(200, &format!(r#"{{"{flag}":true,"{other}":false}}"#)), "inactive_token");
                assert_eq!(code(200, &format!(r#"{{"{flag}":true,"{other}":true}}"#)), "known");
            }
        }
    }

    #[test]
    fn without_a_flag_it_takes_an_identity_and_no_error() {
        for identity in ["sub", "user_id", "username", "client_id"] {
            assert_eq!(code(200, &format!(r#"{{"{identity}":"a"}}"#)), "known");
            assert_eq!(code(200, &format!(r#"{{"{identity}":""}}"#)), "inactive_token");
            assert_eq!(code(200, &format!(r#"{{"{identity}":null}}"#)), "inactive_token");
            for error in ["\"x\"", "null", "false", "{}"] {
                assert_eq!(code(200, &format!(r#"{{"{identity}":"a","error":{error}}}"#)), "inactive_token");
            }
        }
        for unnamed in ["{}", r#"{"scope":"read"}"#, r#"{"email":"a@b"}"#, r#"{"status":"ok"}"#] {
            assert_eq!(code(200, unnamed), "inactive_token", "{unnamed}");
        }
    }

    #[test]
    fn some_statuses_are_a_no_and_the_others_no_answer() {
        for status in [401, 403, 404] {
            assert_eq!(code(status, r#"{"valid":true}"#), "inactive_token");
        }
        for status in [199, 301, 302, 307, 308, 400, 405, 408, 429, 500, 503] {
            assert_eq!(code(status, r#"{"valid":true}"#), "remote_verifier_unavailable", "{status}");
        }
        for body in ["", "[]", "true", "\"ok\"", "<html>", r#"{"valid":true,"valid":true}"#, r#"{"valid":tru"#] {
            assert_eq!(code(200, body), "remote_verifier_unavailable", "{body}");
        }
    }

    #[test]
    fn the_members_map_to_the_token() {
        let claims = known(r#"{"valid":true,"user_id":"alice","scopes":["read","write"],"expires_at":4000000000}"#);
        assert_eq!((claims.subject(), claims.client_id()), (Some("alice"), Some("alice")));
        assert_eq!(claims.scopes(), ["read", "write"]);
        assert_eq!(claims.expires().unwrap().whole_seconds(), 4_000_000_000);
        let claims = known(r#"{"sub":"s","user_id":"u","username":"n","client_id":"c","scope":"a b","scopes":["x"]}"#);
        assert_eq!((claims.subject(), claims.client_id()), (Some("s"), Some("c")));
        assert_eq!(claims.scopes(), ["a", "b"], "the first name counts, so that none widens another");
        assert_eq!(known(r#"{"username":"n"}"#).subject(), Some("n"));
        assert_eq!(known(r#"{"client_id":"c"}"#).subject(), None);
        assert!(known(r#"{"client_id":"c"}"#).scopes().is_empty());
    }

    #[test]
    fn of_two_expiries_the_earlier_counts() {
        for (exp, expires_at) in [(10, 20), (20, 10)] {
            let claims = known(&format!(r#"{{"valid":true,"exp":{exp},"expires_at":{expires_at}}}"#));
            assert_eq!(claims.expires().unwrap().whole_seconds(), 10);
        }
        assert_eq!(code(200, r#"{"valid":true,"expires_at":"2030-01-01T00:00:00Z"}"#), "malformed_claims");
    }
}
