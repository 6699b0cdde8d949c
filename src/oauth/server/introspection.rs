//! OAuth 2.0 Token Introspection (RFC 7662), on the side of the protected resource.

use super::introspection_result::{self, IntrospectionResult};
use crate::http::HttpError;
use crate::jose::json::{Object, Value};
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;

/// Reads what an introspection endpoint answered (RFC 7662 sections 2.2 and 2.3).
///
/// `active` must be JSON `true`, not `1` or `"true"`; with any other value the other members are ignored. 401, 403, and 400 with
/// `invalid_client` (RFC 6749 section 5.2) are about this server's own credentials, and say nothing about the token.
#[must_use]
pub fn read(status: u16, body: &[u8]) -> IntrospectionResult {
    let unavailable = |why| IntrospectionResult::Unavailable(Unavailable::Introspection(why));
    match status {
        200..300 => match introspection_result::object(body) {
            Err(why) => unavailable(why),
            Ok(answer) if answer.get("active") == Some(&Value::Bool(true)) => IntrospectionResult::yes(answer),
            Ok(_) => IntrospectionResult::Refused(Rejection::InactiveToken),
        },
        401 | 403 => IntrospectionResult::Unavailable(Unavailable::Credentials(status)),
        400 if introspection_result::object(body).is_ok_and(|answer| refuses_the_client(&answer)) => {
            IntrospectionResult::Unavailable(Unavailable::Credentials(status))
        }
        _ => unavailable(HttpError::of_status(status).to_string().into()),
    }
}

fn refuses_the_client(answer: &Object) -> bool {
    let error = answer.get("error").and_then(Value::as_str);
    error.is_some_and(|error| ["invalid_client", "unauthorized_client"].contains(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: u16, body: &str) -> &'static str {
        read(status, body.as_bytes()).code()
    }

    #[test]
    fn h7_active_is_json_true_and_nothing_else() {
        assert_eq!(code(200, r#"{"active":true}"#), "known");
        for active in ["false", "\"true\"", "\"false\"", "1", "1.0", "null", "[true]", "{}", "\"\""] {
            assert_eq!(code(200, &format!(r#"{{"active":{active},"sub":"a"}}"#)), "inactive_token", "{active}");
        }
        for without in ["{}", r#"{"Active":true}"#, r#"{"sub":"a"}"#, r#"{"active ":true}"#] {
            assert_eq!(code(200, without), "inactive_token", "{without}");
        }
    }

    #[test]
    fn rfc_7662_2_2_other_members_count_for_nothing_beside_active_false() {
        assert_eq!(code(200, r#"{"active":false,"exp":"x","aud":1}"#), "inactive_token");
    }

    #[test]
    fn members_of_a_wrong_type_are_refused() {
        for member in [r#""exp":"x""#, r#""exp":null"#, r#""nbf":true"#, r#""sub":1"#, r#""aud":{}"#, r#""scope":1"#] {
            assert_eq!(code(200, &format!(r#"{{"active":true,{member}}}"#)), "malformed_claims", "{member}");
        }
    }

    #[test]
    fn what_is_no_strict_object_is_no_answer() {
        for body in [
            "",
            "null",
            "true",
            "[]",
            r#"[{"active":true}]"#,
            r#"{"active":true,"active":true}"#,
            r#"{"active":false,"active":true}"#,
            r#"{"active":true}x"#,
            r#"{"active":true"#,
            "<html>",
            "\u{feff}\u{feff}{\"active\":true}",
        ] {
            assert_eq!(code(200, body), "introspection_unavailable", "{body}");
        }
        assert_eq!(code(200, "\u{feff}{\"active\":true}"), "known");
    }

    #[test]
    fn an_answer_is_named_for_what_it_is() {
        for (body, expected) in [
            (&b"<!doctype html>"[..], "it is an HTML page"),
            (b"", "it is empty"),
            (b"\x1f\x8b\x08", "compressed with gzip"),
            (b"\xff\xfe{\0", "UTF-16"),
            (b"eyJhbGciOiJSUzI1NiJ9.e30.AA", "it is a JWT"),
            (br#"{"active":true,"active":true}"#, "a member name twice"),
        ] {
            let IntrospectionResult::Unavailable(why) = read(200, body) else { panic!("{expected}") };
            assert!(why.to_string().contains(expected), "{expected}: {why}");
        }
    }

    #[test]
    fn another_status_is_no_answer() {
        for status in [301, 302, 307, 308, 400, 404, 429, 500, 502, 503] {
            assert_eq!(code(status, r#"{"active":true}"#), "introspection_unavailable", "{status}");
        }
    }

    #[test]
    fn rfc_7662_2_3_refused_credentials_are_our_own_misconfiguration() {
        for status in [401, 403] {
            assert_eq!(code(status, r#"{"active":true}"#), "credentials_refused");
        }
        assert_eq!(code(400, r#"{"error":"invalid_client"}"#), "credentials_refused");
        assert_eq!(code(400, r#"{"error":"unauthorized_client"}"#), "credentials_refused");
        assert_eq!(code(400, r#"{"error":"invalid_request"}"#), "introspection_unavailable");
        let IntrospectionResult::Unavailable(why) = read(401, b"") else {
            panic!("a refused client tells nothing about the token")
        };
        assert!(why.to_string().contains("misconfigured"), "{why}");
    }
}
