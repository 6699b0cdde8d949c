//! What the integration tests share: claims with nothing wrong with them, a verifier that demands all of them, and
//! keys that sign any header and payload.

#![allow(dead_code, unused_imports, reason = "each test crate uses its own part of this module")]

mod root;
mod signer;
mod vectors;

use std::sync::Arc;

use fastmcp_rs::config::ConfigError;
use fastmcp_rs::explain::{CheckOutcome, Explanation, SettingNames, explain};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::Algorithms;
use fastmcp_rs::keys::{FixedKeys, KeySource, KeyWait, Keys, LoadedKeys, from_text};
use fastmcp_rs::outcome::rejection::Rejection;
use fastmcp_rs::policy::{NoOverrides, Policy, Verified};
use fastmcp_rs::verify::TokenCache;
use fastmcp_rs::verify::{Decision, Verifier};
use std::task::Poll;

pub(crate) use signer::{Signer, all_signers, pem_of, rsa_signer};
pub(crate) use vectors::{key_file, shared_vectors, vector_file};

/// The time at which the tests verify.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "https://server.example/mcp";
pub(crate) const SCOPE: &str = "read";

/// What [`TestVerifier::code`] returns for an accepted token.
pub(crate) const ACCEPTED: &str = "accepted";
/// The codes of checks before the signature, and of the signature itself. A forged token must end
/// with one of these: every other code speaks of claims without a valid signature.
pub(crate) const BEFORE_CLAIMS: [&str; 8] = [
    "token_too_large",
    "malformed_token",
    "unsupported_algorithm",
    "critical_header",
    "algorithm_not_allowed",
    "unknown_key",
    "ambiguous_key",
    "invalid_signature",
];

/// Perfect claims, in which each of the named ones is replaced by this JSON text, or left out.
pub(crate) fn claims_with(changes: &[(&str, Option<&str>)]) -> String {
    let mut claims: Vec<(String, String)> = [
        ("iss", format!("{ISSUER:?}")),
        ("aud", format!("{AUDIENCE:?}")),
        ("sub", "\"alice\"".to_owned()),
        ("scope", format!("{SCOPE:?}")),
        ("iat", (NOW - 60).to_string()),
        ("exp", (NOW + 600).to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in changes {
        claims.retain(|(present, _)| present != name);
        claims.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
    }
    let members: Vec<_> = claims.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Perfect claims.
pub(crate) fn claims() -> String {
    claims_with(&[])
}

/// Perfect claims with this one replaced or added.
pub(crate) fn claim(name: &str, value: &str) -> String {
    claims_with(&[(name, Some(value))])
}

/// Perfect claims without this one.
pub(crate) fn without(name: &str) -> String {
    claims_with(&[(name, None)])
}

/// A compact JWS of these parts, whatever they are.
pub(crate) fn compact(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, signature: impl AsRef<[u8]>) -> String {
    let [header, payload, signature] = [header.as_ref(), payload.as_ref(), signature.as_ref()].map(base64url::encode);
    format!("{header}.{payload}.{signature}")
}

/// The token with another signature.
pub(crate) fn with_signature(token: &str, signature: &[u8]) -> String {
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    format!("{signing_input}.{}", base64url::encode(signature))
}

/// The decoded signature of the token.
pub(crate) fn signature_of(token: &str) -> Vec<u8> {
    base64url::decode(token.rsplit_once('.').unwrap().1.as_bytes()).unwrap()
}

pub(crate) fn boxed(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|&text| text.into()).collect()
}

pub(crate) fn algorithms(names: &[&str]) -> Algorithms {
    Algorithms::parse(names.iter().copied()).unwrap()
}

/// What becomes of a key text for these algorithms.
pub(crate) fn load(key: impl AsRef<[u8]>, names: &[&str]) -> Result<LoadedKeys, ConfigError> {
    from_text(key.as_ref(), &algorithms(names))
}

/// A policy that demands every one of the perfect claims.
pub(crate) fn policy() -> Policy {
    Policy::default()
        .with_issuers(Some(boxed(&[ISSUER])))
        .and_then(|policy| policy.with_audiences(Some(boxed(&[AUDIENCE]))))
        .and_then(|policy| policy.with_required_scopes(boxed(&[SCOPE])))
        .unwrap()
}

/// An explanation of a token agrees with the decision about it: the checks before the one that gives the reason have
/// passed, and for an accepted token all of them.
fn assert_explained(rejection: Option<&Rejection>, explanation: &Explanation) {
    let verdicts = || explanation.checks.iter().map(|checked| &checked.outcome);
    let has_passed = |outcome: &CheckOutcome| matches!(outcome, CheckOutcome::Passed | CheckOutcome::Unchecked);
    match (rejection, verdicts().find(|outcome| !has_passed(outcome))) {
        (None, None) => assert!(matches!(explanation.decision, Decision::Accepted(_)) && explanation.fix.is_none()),
        (Some(rejection), Some(CheckOutcome::Failed(first))) => {
            assert_eq!(rejection, first);
            assert!(matches!(&explanation.decision, Decision::Rejected(refusal) if refusal.rejection == *rejection));
            assert!(explanation.fix.as_deref().is_some_and(|fix| !fix.contains(char::is_control)));
        }
        (rejection, outcome) => panic!("verified: {rejection:?}, explained: {outcome:?}"),
    }
}

/// A source whose keys are still being fetched.
#[derive(Debug)]
pub(crate) struct NoKeysYet;

impl KeySource for NoKeysYet {
    fn keys(&self) -> Keys {
        Keys::Pending
    }
}

/// A verifier with the policy that it applies, and one beside it that remembers: both must decide alike.
#[derive(Debug)]
pub(crate) struct TestVerifier {
    verifier: Verifier,
    remembering: Verifier,
    policy: Policy,
}

impl TestVerifier {
    /// A verifier for tokens under this key, which must be one that the library takes.
    pub(crate) fn new(key: impl AsRef<[u8]>, names: &[&str]) -> Self {
        Self::with_source(Arc::new(FixedKeys::new(load(key, names).unwrap().keys)), names)
    }

    pub(crate) fn with_source(source: Arc<dyn KeySource>, names: &[&str]) -> Self {
        let remembering = Verifier::new(algorithms(names), Arc::clone(&source)).with_cache(TokenCache::new(100));
        Self { verifier: Verifier::new(algorithms(names), source), remembering, policy: policy() }
    }

    pub(crate) fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// `accepted`, or the code of the rejection.
    pub(crate) fn code(&self, token: impl AsRef<[u8]>) -> &'static str {
        self.code_at(token, NumericDate::from_seconds(NOW))
    }

    pub(crate) fn code_at(&self, token: impl AsRef<[u8]>, now: NumericDate) -> &'static str {
        self.decide(token.as_ref(), now).map_or_else(|rejection| rejection.code(), |_| ACCEPTED)
    }

    /// The same, without the explanation, for tests that measure the time.
    pub(crate) fn code_alone(&self, token: impl AsRef<[u8]>) -> &'static str {
        let decided = self.decide_alone(token.as_ref(), NumericDate::from_seconds(NOW));
        decided.map_or_else(|rejection| rejection.code(), |_| ACCEPTED)
    }

    pub(crate) fn verify(&self, token: impl AsRef<[u8]>) -> Result<Box<Verified>, Rejection> {
        self.decide(token.as_ref(), NumericDate::from_seconds(NOW))
    }

    pub(crate) fn explain(&self, token: impl AsRef<[u8]>) -> Explanation {
        self.explain_at(token.as_ref(), NumericDate::from_seconds(NOW))
    }

    fn explain_at(&self, token: &[u8], now: NumericDate) -> Explanation {
        explain(&self.verifier, token, &self.policy, None, now, KeyWait::MayWait, SettingNames::Parameters).unwrap()
    }

    fn decide(&self, token: &[u8], now: NumericDate) -> Result<Box<Verified>, Rejection> {
        let decided = self.decide_alone(token, now);
        assert_explained(decided.as_ref().err(), &self.explain_at(token, now));
        // New, seen once, and remembered.
        for _ in 0..3 {
            match (&decided, self.decide_by(&self.remembering, token, now)) {
                (Ok(one), Ok(other)) => {
                    assert_eq!(one.claims().object(), other.claims().object());
                    assert_eq!(one.scopes(), other.scopes());
                    assert_eq!(one.accepted_until(), other.accepted_until());
                }
                (Err(one), Err(other)) => assert_eq!(*one, other),
                (decided, remembered) => panic!("memory makes a difference: {decided:?}, {remembered:?}"),
            }
        }
        decided
    }

    fn decide_alone(&self, token: &[u8], now: NumericDate) -> Result<Box<Verified>, Rejection> {
        self.decide_by(&self.verifier, token, now)
    }

    fn decide_by(&self, asked: &Verifier, token: &[u8], now: NumericDate) -> Result<Box<Verified>, Rejection> {
        match asked.verify(token, &self.policy, &NoOverrides, now, KeyWait::MayWait) {
            Poll::Ready(Decision::Accepted(verified)) => Ok(verified),
            Poll::Ready(Decision::Rejected(refusal)) => {
                let judged = !BEFORE_CLAIMS.contains(&refusal.rejection.code());
                let typed = refusal.rejection.code() != "malformed_claims";
                assert_eq!(refusal.authentic.is_some(), judged && typed, "only a signed token has claims to speak of");
                Err(refusal.rejection)
            }
            undecided => panic!("fixed keys leave nothing undecided: {undecided:?}"),
        }
    }
}
