//! What the memory of verified tokens must never change: rows F1 to F4 and F7 of SECURITY.md, and keys that are withdrawn.
//! Every other test of a verifier asks one with a memory as well, twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot make its token has failed")]

use std::sync::Arc;

use crate::common::{ACCEPTED, BEFORE_CLAIMS, NOW, Signer, algorithms, all_signers, claim, claims, load, policy};
use crate::remote::{DAY, INTERVAL, Named, World};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::{FixedKeys, KeyWait};
use fastmcp_rs::policy::{ClaimPath, ClaimRules, NoOverrides, Policy};
use fastmcp_rs::verify::{Decision, Verifier};
use fastmcp_rs::verify::{TokenCache, TokenCacheCounts};
use std::task::Poll;

struct Remembering {
    signer: Signer,
    inner: Verifier,
}

impl Remembering {
    /// Of a public key's tokens, which are remembered at once.
    fn new(tokens: usize) -> Self {
        Self::of(Signer::fresh(Algorithm::EdDSA), tokens)
    }

    fn of(signer: Signer, tokens: usize) -> Self {
        let names = [signer.algorithm.name()];
        let keys = load(signer.public_key(), &names).unwrap().keys;
        let verifier = Verifier::new(algorithms(&names), Arc::new(FixedKeys::new(keys)));
        Self { signer, inner: verifier.with_cache(TokenCache::new(tokens)) }
    }

    fn ask(&self, token: impl AsRef<[u8]>, policy: &Policy, now: i64) -> (&'static str, Option<String>) {
        let now = NumericDate::from_seconds(now);
        match self.inner.verify(token.as_ref(), policy, &NoOverrides, now, KeyWait::MayWait) {
            Poll::Ready(Decision::Accepted(verified)) => (ACCEPTED, verified.claims().subject().map(str::to_owned)),
            Poll::Ready(Decision::Rejected(refusal)) => (refusal.rejection.code(), None),
            undecided => panic!("{undecided:?}"),
        }
    }

    fn code(&self, token: impl AsRef<[u8]>) -> &'static str {
        self.ask(token, &policy(), NOW).0
    }

    /// Accepts a token so often that it is remembered: with a MAC twice.
    fn remember(&self, token: &str) {
        for _ in 0..=u8::from(self.signer.algorithm.is_symmetric()) {
            assert_eq!(self.code(token), ACCEPTED);
        }
        assert_eq!((self.counts().entries, self.counts().hits), (1, 0), "{}", self.signer.algorithm);
    }

    fn counts(&self) -> TokenCacheCounts {
        self.inner.cache().unwrap().counts()
    }

    fn token_of(&self, subject: &str) -> String {
        self.signer.token(claim("sub", &format!("{subject:?}")))
    }
}

#[test]
fn a_token_is_found_the_second_time() {
    let verifier = Remembering::new(100);
    let token = verifier.signer.token(claims());
    for hits in 0..3 {
        assert_eq!(verifier.code(&token), ACCEPTED);
        assert_eq!(verifier.counts().hits, hits);
    }
    assert_eq!((verifier.counts().entries, verifier.counts().misses), (1, 1));
}

#[test]
fn a_token_with_a_mac_is_found_the_third_time() {
    let verifier = Remembering::of(Signer::fresh(Algorithm::HS256), 100);
    let token = verifier.signer.token(claims());
    for (entries, hits) in [(0, 0), (1, 0), (1, 1), (1, 2)] {
        assert_eq!(verifier.code(&token), ACCEPTED);
        assert_eq!((verifier.counts().entries, verifier.counts().hits), (entries, hits));
    }
    assert_eq!(verifier.counts().misses, 2);
}

#[test]
fn a_refused_token_with_a_mac_does_not_count_as_seen() {
    let verifier = Remembering::of(Signer::fresh(Algorithm::HS256), 100);
    let token = verifier.signer.token(claim("nbf", &NOW.to_string()));
    for (at, code, entries) in
        [(NOW - 60, "not_yet_valid", 0), (NOW - 60, "not_yet_valid", 0), (NOW, ACCEPTED, 0), (NOW, ACCEPTED, 1)]
    {
        assert_eq!(verifier.ask(&token, &policy(), at).0, code);
        assert_eq!(verifier.counts().entries, entries);
    }
}

#[test]
fn tokens_with_a_mac_that_come_once_evict_none() {
    let verifier = Remembering::of(Signer::fresh(Algorithm::HS256), 10_000);
    let good = verifier.signer.token(claims());
    verifier.remember(&good);
    for n in 0..2000 {
        assert_eq!(verifier.code(verifier.token_of(&format!("user-{n}"))), ACCEPTED);
    }
    // One in 32,768 is taken for one that was seen.
    assert!(verifier.counts().entries <= 10, "{:?}", verifier.counts());
    assert_eq!(verifier.code(&good), ACCEPTED);
    assert_eq!(verifier.counts().hits, 1);
}

#[test]
fn f1_cve_2026_35039_nearly_equal_tokens_keep_their_own_claims() {
    let verifier = Remembering::new(1000);
    let tokens: Vec<_> =
        (0..200).map(|n| (format!("user-{n:03}"), verifier.token_of(&format!("user-{n:03}")))).collect();
    for _ in 0..2 {
        for (subject, token) in &tokens {
            assert_eq!(verifier.ask(token, &policy(), NOW), (ACCEPTED, Some(subject.clone())));
        }
    }
    assert_eq!(verifier.counts().hits, 200);
    // The signature of one on the signing input of another, each of which is remembered.
    let [one, other] = [&tokens[0].1, &tokens[1].1].map(|token| token.rsplit_once('.').unwrap());
    assert_eq!(verifier.code(format!("{}.{}", one.0, other.1)), "invalid_signature");
}

#[test]
fn f2_cve_2026_107719_a_remembered_token_expires_and_its_policy_is_checked_anew() {
    let verifier = Remembering::new(100);
    let token = verifier.signer.token(claim("exp", &(NOW + 10).to_string()));
    assert_eq!(verifier.ask(&token, &policy(), NOW).0, ACCEPTED);
    assert_eq!(verifier.ask(&token, &policy(), NOW + 9).0, ACCEPTED);
    assert_eq!(verifier.ask(&token, &policy(), NOW + 10).0, "expired");
    let early = verifier.signer.token(claim("nbf", &NOW.to_string()));
    assert_eq!(verifier.ask(&early, &policy(), NOW).0, ACCEPTED);
    assert_eq!(verifier.ask(&early, &policy(), NOW - 31).0, "not_yet_valid");
    let other = |policy: Policy| policy.with_audiences(Some(crate::common::boxed(&["https://other.example"]))).unwrap();
    assert_eq!(verifier.ask(&early, &other(policy()), NOW).0, "audience_mismatch");
    let wider = policy().with_required_scopes(crate::common::boxed(&["admin"])).unwrap();
    assert_eq!(verifier.ask(&early, &wider, NOW).0, "insufficient_scope");
    assert_eq!(verifier.ask(&early, &policy(), NOW).0, ACCEPTED);
}

#[test]
fn f3_cve_2026_102269_another_spelling_is_another_token() {
    let verifier = Remembering::new(100);
    let token = verifier.signer.token(claims());
    assert_eq!(verifier.code(&token), ACCEPTED);
    for other in [format!("{token}="), format!(" {token}"), format!("{token}\n"), token.replace('-', "+")] {
        if other != token {
            assert_ne!(verifier.code(&other), ACCEPTED, "{other}");
        }
    }
    assert_eq!(verifier.counts().hits, 0);
}

#[test]
fn a_remembered_token_with_one_bit_changed_is_another_token() {
    for signer in all_signers() {
        let names = [signer.algorithm.name()];
        let token = signer.token(claims());
        let verifier = Remembering::of(signer, 100);
        verifier.remember(&token);
        let [first, second] = [token.find('.').unwrap(), token.rfind('.').unwrap()];
        for (start, end) in [(0, first), (first + 1, second), (second + 1, token.len())] {
            for at in [start, usize::midpoint(start, end), end - 1] {
                for bit in 0..8 {
                    let mut other = token.clone().into_bytes();
                    other[at] ^= 1 << bit;
                    let code = verifier.code(&other);
                    assert!(BEFORE_CLAIMS.contains(&code), "bit {bit} of byte {at}, {names:?}: {code}");
                }
            }
        }
        assert_eq!((verifier.counts().hits, verifier.counts().entries), (0, 1), "{names:?}");
        assert_eq!(verifier.code(&token), ACCEPTED);
        assert_eq!(verifier.counts().hits, 1, "{names:?}");
    }
}

#[test]
fn f4_tokens_of_a_withdrawn_key_are_refused() {
    let (old, new) = (Named::new("old"), Named::new("new"));
    let world = World::with_keys(&[old.jwk.clone(), new.jwk.clone()]);
    let verifier = world.verifier(INTERVAL, DAY);
    assert_eq!([verifier.ask(&old.token), verifier.ask(&old.token), verifier.ask(&new.token)], [ACCEPTED; 3]);
    assert_eq!(verifier.hits(), 1);
    world.wait_seconds(590);
    assert_eq!(verifier.ask(&new.token), ACCEPTED);
    world.publish(&[new.jwk]);
    assert_eq!(verifier.ask_after_waiting(&old.token), "unknown_key");
    assert_eq!(verifier.ask(&new.token), ACCEPTED);
}

#[test]
fn f4_tokens_of_a_replaced_key_with_the_same_kid_are_refused() {
    let (one, other) = (Named::new("a"), Named::new("a"));
    let world = World::with_keys(&[one.jwk]);
    let verifier = world.verifier(INTERVAL, DAY);
    assert_eq!([verifier.ask(&one.token), verifier.ask(&one.token)], [ACCEPTED; 2]);
    world.wait_seconds(590);
    assert_eq!(verifier.ask(&one.token), ACCEPTED);
    world.publish(&[other.jwk]);
    assert_eq!(verifier.ask_after_waiting(&one.token), "invalid_signature");
    assert_eq!(verifier.ask(&other.token), ACCEPTED);
}

#[test]
fn past_the_hard_limit_nothing_is_accepted_from_memory() {
    let key = Named::new("a");
    let world = World::with_keys(&[key.jwk]);
    let verifier = world.verifier(INTERVAL, DAY);
    assert_eq!([verifier.ask(&key.token), verifier.ask(&key.token)], [ACCEPTED; 2]);
    world.wait(DAY);
    world.wait_seconds(700);
    assert_eq!(verifier.ask_after_waiting(&key.token), "keys_unavailable");
}

#[test]
fn f7_forged_tokens_neither_fill_the_cache_nor_evict_a_good_one() {
    let verifier = Remembering::new(10);
    let good = verifier.signer.token(claims());
    assert_eq!(verifier.code(&good), ACCEPTED);
    let (signing_input, _) = good.rsplit_once('.').unwrap();
    for n in 0_u32..1000 {
        let forged =
            format!("{signing_input}.{}", fastmcp_rs::jose::base64url::encode(&[n.to_be_bytes(); 16].concat()));
        assert_eq!(verifier.code(&forged), "invalid_signature");
    }
    assert_eq!(verifier.counts().entries, 1);
    assert_eq!(verifier.code(&good), ACCEPTED);
    assert_eq!(verifier.counts().hits, 1);
}

#[test]
fn a_refused_token_is_not_remembered() {
    let verifier = Remembering::new(10);
    for token in
        [verifier.signer.token(claim("exp", "1")), verifier.signer.token(claim("aud", "\"x\"")), "a.b.c".to_owned()]
    {
        assert_ne!(verifier.code(&token), ACCEPTED);
    }
    assert_eq!(verifier.counts().entries, 0);
}

#[test]
fn a_flood_of_good_tokens_is_bounded_in_number_and_in_memory() {
    let verifier = Remembering::new(100);
    for n in 0..2000 {
        assert_eq!(verifier.code(verifier.token_of(&format!("user-{n}"))), ACCEPTED);
    }
    assert!((1..=400).contains(&verifier.counts().entries), "{:?}", verifier.counts());
    assert!(verifier.counts().bytes <= 100 * 2048, "{:?}", verifier.counts());
    // Large ones are bounded as well.
    for n in 0..100 {
        let large = format!("{n}{}", "x".repeat(4000));
        assert_eq!(verifier.code(verifier.token_of(&large)), ACCEPTED);
    }
    assert!(verifier.counts().bytes <= 100 * 2048, "{:?}", verifier.counts());
}

#[test]
fn a_token_of_unusual_length_is_verified_each_time() {
    let verifier = Remembering::new(100);
    let long = verifier.token_of(&"x".repeat(9000));
    for _ in 0..3 {
        assert_eq!(verifier.code(&long), ACCEPTED);
    }
    assert_eq!((verifier.counts().entries, verifier.counts().hits), (0, 0));
}

#[test]
fn many_small_values_weigh_what_they_take() {
    let verifier = Remembering::new(100);
    let numbers = vec!["1"; 2000].join(",");
    let token = verifier.signer.token(claim("n", &format!("[{numbers}]")));
    // Claims that are not read are kept as the text that they are.
    assert_eq!(verifier.code(&token), ACCEPTED);
    assert!((4000..6000).contains(&verifier.counts().bytes), "{:?}", verifier.counts());
    // As values they take more, and weigh it.
    let verifier = Remembering::of(verifier.signer, 10_000);
    let rules = ClaimRules::default().with_required(vec![ClaimPath::parse("required_claims", "n").unwrap()]);
    assert_eq!(verifier.ask(&token, &policy().with_rules(rules), NOW).0, ACCEPTED);
    assert!(verifier.counts().bytes > 2000 * 16, "{:?}", verifier.counts());
    // What they take more later was not counted, and is not taken away.
    let other = verifier.signer.token(claim("n", &format!("[1,{numbers}]")));
    assert_eq!(verifier.code(&other), ACCEPTED);
    let before = verifier.counts().bytes;
    let now = NumericDate::from_seconds(NOW);
    let decided = verifier.inner.verify(other.as_bytes(), &policy(), &NoOverrides, now, KeyWait::MayWait);
    let Poll::Ready(Decision::Accepted(known)) = decided else { panic!("{decided:?}") };
    assert!(known.claims().object().get("n").is_some());
    assert_eq!(verifier.ask(&other, &policy(), NOW + 1_000_000).0, "expired");
    verifier.inner.update_size(other.as_bytes(), known.authentic_claims());
    assert!(verifier.counts().bytes > before + 2000 * 16, "{:?}", verifier.counts());
}
