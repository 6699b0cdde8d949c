//! What a client is told about a request that is not let in (RFC 6750 section 3).
//!
//! A stranger learns that a token has expired or lacks a scope, and what can be seen of a token without any key. Nothing
//! tells a good signature from a bad one, and nothing is said of the issuers, audiences and keys that are expected.

use std::fmt::Write as _;

use crate::rejection::Rejection;

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 300;

/// An answer to a request that is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The error code of RFC 6750 section 3.1, or of RFC 6749 section 4.1.2.1 where no challenge helps.
    pub error: Option<&'static str>,
    /// The reason for people, within the characters that RFC 6750 section 3 allows.
    pub description: Option<String>,
}

impl Answer {
    /// The answer for a rejection. RFC 6750 section 3.1: without credentials there is no error code, and a token that
    /// is good but grants too little is a 403.
    #[must_use]
    pub fn to(rejection: &Rejection) -> Self {
        let (status, error) = match rejection {
            Rejection::MissingToken => return Self { status: 401, error: None, description: None },
            Rejection::InvalidRequest => (400, "invalid_request"),
            Rejection::InsufficientScope { .. } => (403, "insufficient_scope"),
            _ => (401, "invalid_token"),
        };
        let description = match rejection {
            Rejection::Expired { at } => match at.in_utc() {
                Some(time) => format!("The token expired at {time}"),
                None => "The token has expired".to_owned(),
            },
            Rejection::InsufficientScope { .. } => "The token does not grant every scope that is needed".to_owned(),
            Rejection::InvalidRequest
            | Rejection::TokenTooLarge
            | Rejection::MalformedToken
            | Rejection::UnsupportedAlgorithm
            | Rejection::CriticalHeader
            | Rejection::AlgorithmNotAllowed => sentence(&rejection.to_string()),
            _ => "The token is not accepted".to_owned(),
        };
        Self { status, error: Some(error), description: Some(description) }
    }

    /// The answer when nobody can tell whether a token is good (RFC 9110 section 15.6.4): a client that were told of an
    /// invalid token would throw it away.
    #[must_use]
    pub fn to_unavailable() -> Self {
        let description = "The token cannot be verified at the moment: keep it and try again later";
        Self { status: 503, error: Some("temporarily_unavailable"), description: Some(description.to_owned()) }
    }

    /// This answer, with all that is known, for clients that the operator trusts with it.
    #[must_use]
    pub fn with_details(self, details: &str) -> Self {
        Self { description: self.description.map(|_| sentence(details)), ..self }
    }

    /// The value of `WWW-Authenticate`, whatever the parts hold one well-formed challenge. None for an answer that no
    /// credentials would change.
    #[must_use]
    pub fn challenge<'s>(
        &self,
        scopes: impl IntoIterator<Item = &'s str>,
        resource_metadata: Option<&str>,
    ) -> Option<String> {
        if self.status == 503 {
            return None;
        }
        let scopes: Vec<_> = scopes.into_iter().filter(|scope| is_token_of(scope, is_scope_character)).collect();
        let parameters = [
            ("error", self.error.map(str::to_owned)),
            ("error_description", self.description.clone()),
            ("scope", (!scopes.is_empty()).then(|| scopes.join(" "))),
            (
                "resource_metadata",
                resource_metadata.filter(|url| is_token_of(url, is_scope_character)).map(str::to_owned),
            ),
        ];
        let mut challenge = "Bearer".to_owned();
        let mut separator = ' ';
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            let written = write!(challenge, "{separator}{}{name}=\"{value}\"", if separator == ',' { " " } else { "" });
            debug_assert!(written.is_ok(), "writing to a String does not fail");
            separator = ',';
        }
        Some(challenge)
    }
}

/// A text as a description: its first letter large, within the characters that a description may have
/// (RFC 6750 section 3), and cut.
fn sentence(text: &str) -> String {
    let mut characters = text.chars().map(|c| match c {
        '"' => '\'',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    });
    let first = characters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(characters).take(LONGEST_DESCRIPTION).collect()
}

/// RFC 6749 section 3.3: what a scope token, and any URL, consists of. It needs no escape in a quoted string.
fn is_scope_character(c: char) -> bool {
    matches!(c, '!'..='~') && c != '"' && c != '\\'
}

fn is_token_of(text: &str, allowed: fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwt::NumericDate;

    fn expired(at: i64) -> Answer {
        Answer::to(&Rejection::Expired { at: NumericDate::from_seconds(at) })
    }

    #[test]
    fn without_credentials_the_challenge_has_no_error() {
        let answer = Answer::to(&Rejection::MissingToken);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.challenge([], None).unwrap(), "Bearer");
        assert_eq!(
            answer.challenge(["a", "b"], Some("https://s.example/.well-known/x")).unwrap(),
            r#"Bearer scope="a b", resource_metadata="https://s.example/.well-known/x""#
        );
    }

    #[test]
    fn each_error_has_its_status_and_parameters() {
        assert_eq!(
            expired(1_700_000_000).challenge([], None).unwrap(),
            r#"Bearer error="invalid_token", error_description="The token expired at 2023-11-14T22:13:20Z""#
        );
        let scope = Answer::to(&Rejection::InsufficientScope { missing: vec!["b".into()] });
        assert_eq!(
            (scope.status, scope.challenge(["a", "b"], None).unwrap().as_str()),
            (
                403,
                r#"Bearer error="insufficient_scope", error_description="The token does not grant every scope that is needed", scope="a b""#
            )
        );
        assert_eq!(Answer::to(&Rejection::InvalidRequest).status, 400);
        let unavailable = Answer::to_unavailable();
        assert_eq!((unavailable.status, unavailable.challenge(["a"], None)), (503, None));
    }

    #[test]
    fn a_time_that_no_calendar_has_is_left_out() {
        for at in [-1, i64::MAX, 253_402_300_800] {
            assert_eq!(expired(at).description.unwrap(), "The token has expired", "{at}");
        }
    }

    #[test]
    fn nothing_tells_a_good_signature_from_a_bad_one() {
        let bad = Answer::to(&Rejection::InvalidSignature);
        for good in [
            Rejection::IssuerMismatch,
            Rejection::AudienceMismatch,
            Rejection::WrongType,
            Rejection::BoundToken,
            Rejection::MalformedClaims { claim: Some("exp") },
            Rejection::NotYetValid { from: NumericDate::from_seconds(1) },
            Rejection::CustomCheckFailed,
            Rejection::Denied,
            Rejection::UnknownKey,
            Rejection::AmbiguousKey,
            Rejection::UnknownToken,
        ] {
            assert_eq!(Answer::to(&good), bad, "{good:?}");
        }
    }

    #[test]
    fn i4_whatever_the_parts_hold_the_challenge_is_one_well_formed_header() {
        let hostile = "a\"b\\c\r\nd: e\u{e9}\0\u{7f}\t";
        let answer = Answer::to(&Rejection::IssuerMismatch).with_details(&hostile.repeat(100));
        let challenge = answer.challenge([hostile, "good", ""], Some(hostile)).unwrap();
        assert!(challenge.chars().all(|c| matches!(c, ' '..='~') && c != '\\'), "{challenge}");
        assert_eq!(challenge.matches('"').count(), 6, "{challenge}");
        assert!(challenge.ends_with("scope=\"good\""), "{challenge}");
        assert!(challenge.len() < 400, "{challenge}");
    }

    #[test]
    fn details_do_not_make_an_error_of_none() {
        assert_eq!(Answer::to(&Rejection::MissingToken).with_details("x"), Answer::to(&Rejection::MissingToken));
    }
}
