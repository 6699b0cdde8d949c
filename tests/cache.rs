//! What the memory of verified tokens must never change: section 1.6 of the threats, and rows K10 and K12 of fetched
//! keys. Every other test of a verifier asks one with a memory as well, twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot make its token has failed")]

mod common;
#[path = "common/remote.rs"]
mod remote;

use std::sync::Arc;

use common::{ACCEPTED, NOW, Signer, algorithms, claim, claims, load, policy};
use fastmcp_rs::cache::{CacheCounts, ProofCache};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::{FixedKeys, Patience};
use fastmcp_rs::policy::{Plain, Policy};
use fastmcp_rs::verifier::{Decision, Progress, Verifier};
use remote::{DAY, INTERVAL, Named, World};

struct Remembering {
    signer: Signer,
    verifier: Verifier,
}

impl Remembering {
    fn new(tokens: usize) -> Self {
        let signer = Signer::fresh(Algorithm::HS256);
        let keys = load(signer.public_key(), &["HS256"]).unwrap().keys;
        let verifier = Verifier::new(algorithms(&["HS256"]), Arc::new(FixedKeys::new(keys)));
        Self { signer, verifier: verifier.with_cache(ProofCache::new(tokens)) }
    }

    fn ask(&self, token: &str, policy: &Policy, now: i64) -> (&'static str, Option<String>) {
        let now = NumericDate::from_seconds(now);
        match self.verifier.verify(token.as_bytes(), policy, &Plain, now, Patience::MayWait) {
            Progress::Decided(Decision::Accepted(verified)) => {
                (ACCEPTED, verified.claims().subject().map(str::to_owned))
            }
            Progress::Decided(Decision::Rejected(refusal)) => (refusal.rejection.code(), None),
            undecided => panic!("{undecided:?}"),
        }
    }

    fn code(&self, token: &str) -> &'static str {
        self.ask(token, &policy(), NOW).0
    }

    fn counts(&self) -> CacheCounts {
        self.verifier.cache().unwrap().counts()
    }

    fn token_of(&self, subject: &str) -> String {
        self.signer.token(claim("sub", &format!("{subject:?}")))
    }
}

#[test]
fn a_token_is_found_the_second_time() {
    let door = Remembering::new(100);
    let token = door.signer.token(claims());
    for hits in 0..3 {
        assert_eq!(door.code(&token), ACCEPTED);
        assert_eq!(door.counts().hits, hits);
    }
    assert_eq!((door.counts().entries, door.counts().misses), (1, 1));
}

#[test]
fn f1_cve_2026_35039_tokens_that_share_all_but_little_keep_their_own_claims() {
    let door = Remembering::new(1000);
    let tokens: Vec<_> = (0..200).map(|n| (format!("user-{n:03}"), door.token_of(&format!("user-{n:03}")))).collect();
    for _ in 0..2 {
        for (subject, token) in &tokens {
            assert_eq!(door.ask(token, &policy(), NOW), (ACCEPTED, Some(subject.clone())));
        }
    }
    assert_eq!(door.counts().hits, 200);
    // The signature of one on the signing input of another, each of which is remembered.
    let [one, other] = [&tokens[0].1, &tokens[1].1].map(|token| token.rsplit_once('.').unwrap());
    assert_eq!(door.code(&format!("{}.{}", one.0, other.1)), "invalid_signature");
}

#[test]
fn f2_cve_2026_107719_a_remembered_token_expires_and_its_policy_is_judged_anew() {
    let door = Remembering::new(100);
    let token = door.signer.token(claim("exp", &(NOW + 10).to_string()));
    assert_eq!(door.ask(&token, &policy(), NOW).0, ACCEPTED);
    assert_eq!(door.ask(&token, &policy(), NOW + 9).0, ACCEPTED);
    assert_eq!(door.ask(&token, &policy(), NOW + 10).0, "expired");
    let early = door.signer.token(claim("nbf", &NOW.to_string()));
    assert_eq!(door.ask(&early, &policy(), NOW).0, ACCEPTED);
    assert_eq!(door.ask(&early, &policy(), NOW - 31).0, "not_yet_valid");
    let other = |policy: Policy| policy.with_audiences(Some(common::boxed(&["https://other.example"]))).unwrap();
    assert_eq!(door.ask(&early, &other(policy()), NOW).0, "audience_mismatch");
    let wider = policy().with_required_scopes(common::boxed(&["admin"])).unwrap();
    assert_eq!(door.ask(&early, &wider, NOW).0, "insufficient_scope");
    assert_eq!(door.ask(&early, &policy(), NOW).0, ACCEPTED);
}

#[test]
fn f3_cve_2026_102269_another_spelling_is_another_token() {
    let door = Remembering::new(100);
    let token = door.signer.token(claims());
    assert_eq!(door.code(&token), ACCEPTED);
    for other in [format!("{token}="), format!(" {token}"), format!("{token}\n"), token.replace('-', "+")] {
        if other != token {
            assert_ne!(door.code(&other), ACCEPTED, "{other}");
        }
    }
    assert_eq!(door.counts().hits, 0);
}

#[test]
fn f4_and_k12_a_withdrawn_key_takes_its_tokens_along() {
    let (old, new) = (Named::new("old"), Named::new("new"));
    let world = World::with_keys(&[old.jwk.clone(), new.jwk.clone()]);
    let door = world.door(INTERVAL, DAY);
    assert_eq!([door.ask(&old.token), door.ask(&old.token), door.ask(&new.token)], [ACCEPTED; 3]);
    assert_eq!(door.hits(), 1);
    world.wait_seconds(590);
    assert_eq!(door.ask(&new.token), ACCEPTED);
    world.publish(&[new.jwk]);
    assert_eq!(door.ask_after_waiting(&old.token), "unknown_key");
    assert_eq!(door.ask(&new.token), ACCEPTED);
}

#[test]
fn f4_another_key_under_the_same_name_takes_them_along_too() {
    let (one, other) = (Named::new("a"), Named::new("a"));
    let world = World::with_keys(&[one.jwk]);
    let door = world.door(INTERVAL, DAY);
    assert_eq!([door.ask(&one.token), door.ask(&one.token)], [ACCEPTED; 2]);
    world.wait_seconds(590);
    assert_eq!(door.ask(&one.token), ACCEPTED);
    world.publish(&[other.jwk]);
    assert_eq!(door.ask_after_waiting(&one.token), "invalid_signature");
    assert_eq!(door.ask(&other.token), ACCEPTED);
}

#[test]
fn k10_past_the_hard_limit_nothing_is_accepted_from_memory() {
    let key = Named::new("a");
    let world = World::with_keys(&[key.jwk]);
    let door = world.door(INTERVAL, DAY);
    assert_eq!([door.ask(&key.token), door.ask(&key.token)], [ACCEPTED; 2]);
    world.wait(DAY);
    world.wait_seconds(700);
    assert_eq!(door.ask_after_waiting(&key.token), "keys_unavailable");
}

#[test]
fn f7_forged_tokens_neither_fill_it_nor_drive_a_good_one_out() {
    let door = Remembering::new(10);
    let good = door.signer.token(claims());
    assert_eq!(door.code(&good), ACCEPTED);
    let (signing_input, _) = good.rsplit_once('.').unwrap();
    for n in 0_u32..10_000 {
        let forged = format!("{signing_input}.{}", fastmcp_rs::jose::base64url::encode(&[n.to_be_bytes(); 8].concat()));
        assert_eq!(door.code(&forged), "invalid_signature");
    }
    assert_eq!(door.counts().entries, 1);
    assert_eq!(door.code(&good), ACCEPTED);
    assert_eq!(door.counts().hits, 1);
}

#[test]
fn a_refused_token_is_not_remembered() {
    let door = Remembering::new(10);
    for token in [door.signer.token(claim("exp", "1")), door.signer.token(claim("aud", "\"x\"")), "a.b.c".to_owned()] {
        assert_ne!(door.code(&token), ACCEPTED);
    }
    assert_eq!(door.counts().entries, 0);
}

#[test]
fn a_flood_of_good_tokens_is_bounded_in_number_and_in_memory() {
    let door = Remembering::new(100);
    for n in 0..2000 {
        assert_eq!(door.code(&door.token_of(&format!("user-{n}"))), ACCEPTED);
    }
    assert!((1..=400).contains(&door.counts().entries), "{:?}", door.counts());
    assert!(door.counts().bytes <= 100 * 2048, "{:?}", door.counts());
    // Large ones are bounded as well.
    for n in 0..100 {
        let large = format!("{n}{}", "x".repeat(4000));
        assert_eq!(door.code(&door.token_of(&large)), ACCEPTED);
    }
    assert!(door.counts().bytes <= 100 * 2048, "{:?}", door.counts());
}

#[test]
fn a_token_of_unusual_length_is_verified_each_time() {
    let door = Remembering::new(100);
    let long = door.token_of(&"x".repeat(9000));
    for _ in 0..3 {
        assert_eq!(door.code(&long), ACCEPTED);
    }
    assert_eq!((door.counts().entries, door.counts().hits), (0, 0));
}

#[test]
fn many_small_values_weigh_what_they_take() {
    let door = Remembering::new(100);
    let numbers = vec!["1"; 2000].join(",");
    assert_eq!(door.code(&door.signer.token(claim("n", &format!("[{numbers}]")))), ACCEPTED);
    assert!(door.counts().bytes > 2000 * 16, "{:?}", door.counts());
}
