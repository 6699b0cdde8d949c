//! The answer to a refused request (RFC 6750 section 3).
//!
//! An untrusted client learns that a token has expired or lacks a scope, and what anyone can see in a token without a key. It
//! does not learn whether a signature is valid, nor which issuers, audiences and keys are expected.

use std::fmt::Write as _;

use crate::oauth::scope::is_scope_token;
use crate::outcome::proof_fault::ProofFault;
use crate::outcome::rejection::Rejection;

/// The error code that asks for a nonce (RFC 9449 section 9).
const USE_NONCE: &str = "use_dpop_nonce";
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 300;

/// The answer to a request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status: u16,
    /// The error code of RFC 6750 section 3.1, or of RFC 6749 section 4.1.2.1 where no challenge helps.
    pub error: Option<&'static str>,
    /// The reason for people, within the characters that RFC 6750 section 3 allows.
    pub description: Option<String>,
    /// How long ago the user may have signed in, in seconds (RFC 9470 section 3).
    pub max_age: Option<u64>,
}

/// What a server says of the proofs of possession that it takes.
#[derive(Debug, Clone, Copy)]
pub struct DpopOffer<'o> {
    /// The names of the accepted algorithms, with a space between them.
    pub algorithms: &'o str,
    /// Whether a token has to be bound.
    pub is_required: bool,
    /// Whether the request came with a token under that scheme.
    pub is_tried: bool,
}

impl ErrorResponse {
    /// The answer for a rejection. RFC 6750 section 3.1: without credentials there is no error code, and a token that
    /// is good but grants too little is a 403.
    #[must_use]
    pub fn to(rejection: &Rejection) -> Self {
        let (status, error) = match rejection {
            Rejection::MissingToken => return Self { status: 401, error: None, description: None, max_age: None },
            Rejection::InvalidRequest => (400, "invalid_request"),
            Rejection::InsufficientScope { .. } => (403, "insufficient_scope"),
            Rejection::Proof(ProofFault::Nonce) => (401, USE_NONCE),
            Rejection::Proof(_) => (401, "invalid_dpop_proof"),
            Rejection::InsufficientUserAuthentication { .. } => (401, "insufficient_user_authentication"),
            _ => (401, "invalid_token"),
        };
        let description = match rejection {
            Rejection::Expired { at } => match at.in_utc() {
                Some(time) => format!("The token expired at {time}"),
                None => "The token has expired".to_owned(),
            },
            Rejection::InsufficientScope { .. } => "The token does not grant every scope that is needed".to_owned(),
            Rejection::InsufficientUserAuthentication { .. } => "A more recent sign-in is needed".to_owned(),
            Rejection::InvalidRequest
            | Rejection::TokenTooLarge
            | Rejection::MalformedToken
            | Rejection::UnsupportedAlgorithm
            | Rejection::CriticalHeader
            | Rejection::AlgorithmNotAllowed
            // The client made the proof, so this reveals nothing to it.
            | Rejection::Proof(_) => sentence(&rejection.to_string()),
            _ => "The token is not accepted".to_owned(),
        };
        let max_age = match rejection {
            Rejection::InsufficientUserAuthentication { max_age, .. } => Some(*max_age),
            _ => None,
        };
        Self { status, error: Some(error), description: Some(description), max_age }
    }

    /// The response when keys or a remote verifier are unreachable (RFC 9110 section 15.6.4). The token is not called
    /// invalid: a client would throw it away.
    #[must_use]
    pub fn to_unavailable() -> Self {
        let description = "The token cannot be verified at the moment: keep it and try again later";
        Self {
            status: 503,
            error: Some("temporarily_unavailable"),
            description: Some(description.to_owned()),
            max_age: None,
        }
    }

    /// This answer with all details, for clients that the operator trusts.
    #[must_use]
    pub fn with_details(self, details: &str) -> Self {
        Self { description: self.description.map(|_| sentence(details)), ..self }
    }

    /// The value of `WWW-Authenticate`: always one well-formed challenge. `None` for an answer that no credentials would change.
    #[must_use]
    pub fn challenge<'s>(
        &self,
        scopes: impl IntoIterator<Item = &'s str>,
        resource_metadata: Option<&str>,
    ) -> Option<String> {
        if self.status == 503 {
            return None;
        }
        Some(self.written("Bearer", true, None, scopes, resource_metadata))
    }

    /// The values of `WWW-Authenticate` where proofs of possession are accepted (RFC 9449 section 7.1), each one challenge. The
    /// challenge for bearer tokens comes first, where they are accepted too, because clients expect it there. The error is in the
    /// challenge of the scheme that the client used.
    #[must_use]
    pub fn challenges<'s>(
        &self,
        offer: &DpopOffer<'_>,
        scopes: impl IntoIterator<Item = &'s str>,
        resource_metadata: Option<&str>,
    ) -> Vec<String> {
        if self.status == 503 {
            return Vec::new();
        }
        let scopes: Vec<_> = scopes.into_iter().collect();
        let is_of_proof = offer.is_tried || offer.is_required;
        let written = |scheme, with_error, algorithms| {
            self.written(scheme, with_error, algorithms, scopes.iter().copied(), resource_metadata)
        };
        let bearer = (!offer.is_required).then(|| written("Bearer", !is_of_proof, None));
        bearer.into_iter().chain([written("DPoP", is_of_proof, Some(offer.algorithms))]).collect()
    }

    fn written<'s>(
        &self,
        scheme: &str,
        with_error: bool,
        algorithms: Option<&str>,
        scopes: impl IntoIterator<Item = &'s str>,
        resource_metadata: Option<&str>,
    ) -> String {
        let scopes: Vec<_> = scopes.into_iter().filter(|scope| is_scope_token(scope)).collect();
        let parameters = [
            ("error", self.error.filter(|_| with_error).map(str::to_owned)),
            ("error_description", self.description.clone().filter(|_| with_error)),
            ("algs", algorithms.map(str::to_owned)),
            ("max_age", self.max_age.filter(|_| with_error).map(|seconds| seconds.to_string())),
            ("scope", (!scopes.is_empty()).then(|| scopes.join(" "))),
            (
                "resource_metadata",
                // A URL has only characters of scope tokens, so it needs no escape either.
                resource_metadata.filter(|url| is_scope_token(url)).map(str::to_owned),
            ),
        ];
        let mut challenge = scheme.to_owned();
        let mut separator = ' ';
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            let written = write!(challenge, "{separator}{}{name}=\"{value}\"", if separator == ',' { " " } else { "" });
            debug_assert!(written.is_ok(), "writing to a String does not fail");
            separator = ',';
        }
        challenge
    }
}

/// A text as a description: its first letter large, within the characters that a description may have
/// (RFC 6750 section 3), and cut. It may be a client's, so it holds no `=` either: the MCP SDK's client takes what
/// looks like a parameter for one wherever it stands in the header.
fn sentence(text: &str) -> String {
    let mut characters = text.chars().map(|c| match c {
        '"' => '\'',
        '=' => ':',
        ' '..='~' if c != '\\' => c,
        _ => '?',
    });
    let first = characters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(characters).take(LONGEST_DESCRIPTION).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwt::NumericDate;

    fn expired(at: i64) -> ErrorResponse {
        ErrorResponse::to(&Rejection::Expired { at: NumericDate::from_seconds(at) })
    }

    #[test]
    fn without_credentials_the_challenge_has_no_error() {
        let answer = ErrorResponse::to(&Rejection::MissingToken);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.challenge([], None).unwrap(), "Bearer");
        assert_eq!(
            answer.challenge(["a", "b"], Some("https://s.example/.well-known/x")).unwrap(),
            r#"Bearer scope="a b", resource_metadata="https://s.example/.well-known/x""#
        );
    }

    #[test]
    fn a_challenge_for_proofs_stands_by_itself_behind_that_of_bearer_tokens() {
        let both = DpopOffer { algorithms: "ES256 RS256", is_required: false, is_tried: false };
        let bad = ErrorResponse::to(&Rejection::IssuerMismatch);
        let error = r#"error="invalid_token", error_description="The token is not accepted""#;
        let expected = [format!("Bearer {error}, scope=\"a\""), r#"DPoP algs="ES256 RS256", scope="a""#.to_owned()];
        assert_eq!(bad.challenges(&both, ["a"], None), expected);
        let tried = DpopOffer { is_tried: true, ..both };
        let expected = ["Bearer".to_owned(), format!(r#"DPoP {error}, algs="ES256 RS256""#)];
        assert_eq!(bad.challenges(&tried, [], None), expected);
        let required = DpopOffer { is_required: true, ..both };
        assert_eq!(bad.challenges(&required, [], None), [format!(r#"DPoP {error}, algs="ES256 RS256""#)]);
        let none = ErrorResponse::to(&Rejection::MissingToken);
        assert_eq!(
            none.challenges(&both, [], Some("u")),
            [r#"Bearer resource_metadata="u""#, r#"DPoP algs="ES256 RS256", resource_metadata="u""#]
        );
        assert_eq!(ErrorResponse::to_unavailable().challenges(&both, [], None), Vec::<String>::new());
    }

    #[test]
    fn a_bad_proof_has_an_error_of_its_own() {
        for fault in ProofFault::ALL {
            let answer = ErrorResponse::to(&Rejection::Proof(fault));
            let error = if fault == ProofFault::Nonce { "use_dpop_nonce" } else { "invalid_dpop_proof" };
            assert_eq!((answer.status, answer.error), (401, Some(error)), "{fault:?}");
        }
    }

    #[test]
    fn each_error_has_its_status_and_parameters() {
        assert_eq!(
            expired(1_700_000_000).challenge([], None).unwrap(),
            r#"Bearer error="invalid_token", error_description="The token expired at 2023-11-14T22:13:20Z""#
        );
        let rejection = Rejection::InsufficientUserAuthentication { max_age: 300, authenticated: None };
        let authentication = ErrorResponse::to(&rejection);
        assert_eq!(
            (authentication.status, authentication.challenge([], None).unwrap().as_str()),
            (
                401,
                r#"Bearer error="insufficient_user_authentication", error_description="A more recent sign-in is needed", max_age="300""#
            )
        );
        let scope = ErrorResponse::to(&Rejection::InsufficientScope { missing: vec!["b".into()] });
        assert_eq!(
            (scope.status, scope.challenge(["a", "b"], None).unwrap().as_str()),
            (
                403,
                r#"Bearer error="insufficient_scope", error_description="The token does not grant every scope that is needed", scope="a b""#
            )
        );
        assert_eq!(ErrorResponse::to(&Rejection::InvalidRequest).status, 400);
        let unavailable = ErrorResponse::to_unavailable();
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
        let bad = ErrorResponse::to(&Rejection::InvalidSignature);
        for good in [
            Rejection::IssuerMismatch,
            Rejection::AudienceMismatch,
            Rejection::WrongType,
            Rejection::IdToken { by: Some("at_hash") },
            Rejection::IdToken { by: None },
            Rejection::UntypedToken,
            Rejection::BoundToken,
            Rejection::CertificateBoundToken,
            Rejection::UnboundToken,
            Rejection::MalformedClaims { claim: Some("exp") },
            Rejection::NotYetValid { from: NumericDate::from_seconds(1) },
            Rejection::IssuedInFuture { at: NumericDate::from_seconds(1) },
            Rejection::MissingClaim { claim: "tenant".into() },
            Rejection::ClaimMismatch { claim: "tenant".into() },
            Rejection::CustomCheckFailed,
            Rejection::Denied,
            Rejection::UnknownKey,
            Rejection::AmbiguousKey,
            Rejection::UnknownToken,
        ] {
            assert_eq!(ErrorResponse::to(&good), bad, "{good:?}");
        }
    }

    #[test]
    fn i4_whatever_the_parts_hold_the_challenge_is_one_well_formed_header() {
        let hostile = "a\"b\\c\r\nd: e\u{e9}\0\u{7f}\t";
        let answer = ErrorResponse::to(&Rejection::IssuerMismatch).with_details(&hostile.repeat(100));
        let challenge = answer.challenge([hostile, "good", ""], Some(hostile)).unwrap();
        assert!(challenge.chars().all(|c| matches!(c, ' '..='~') && c != '\\'), "{challenge}");
        assert_eq!(challenge.matches('"').count(), 6, "{challenge}");
        assert!(challenge.ends_with("scope=\"good\""), "{challenge}");
        assert!(challenge.len() < 400, "{challenge}");
    }

    #[test]
    fn no_details_look_like_a_parameter() {
        let answer = ErrorResponse::to(&Rejection::IssuerMismatch)
            .with_details("the issuer is scope=admin resource_metadata=https://evil.example/x, error=none");
        let challenge = answer.challenge(["read"], Some("https://s.example/x")).unwrap();
        for name in ["scope=", "resource_metadata=", "error=", "error_description="] {
            assert_eq!(challenge.matches(&format!(" {name}")).count(), 1, "{name} {challenge}");
        }
        assert_eq!(challenge.matches('=').count(), 4, "{challenge}");
    }

    #[test]
    fn details_do_not_make_an_error_of_none() {
        assert_eq!(
            ErrorResponse::to(&Rejection::MissingToken).with_details("x"),
            ErrorResponse::to(&Rejection::MissingToken)
        );
    }
}
