//! The hot paths, each run so often inside one function that callgrind can tell them apart: see `instructions.py`.
//!
//! Prints a line for each path, its name and how often it is run. Every answer is asserted before the path is run.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot sign has failed")]
#![allow(clippy::print_stdout, reason = "the counting script reads the names")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::{NOW, Signer, algorithms, claim, claims_with, load, policy};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::{FixedKeys, KeyWait};
use fastmcp_rs::policy::NoOverrides;
use fastmcp_rs::verify::TokenCache;
use fastmcp_rs::verify::{Decision, Verifier};
use std::task::Poll;

const TIMES: usize = 100;
/// How often a path is tried before it is counted.
const TRIED: usize = 2;

/// What callgrind counts, and nothing else.
#[inline(never)]
fn measured(run: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        run();
    }
}

fn main() {
    // Counts are not to depend on what random numbers a key has: a secret signs, and the rest of a path is the same.
    let signer = Signer::of_secret(Algorithm::HS256, [7; 32]);
    let other_key = Signer::of_secret(Algorithm::HS256, [8; 32]);
    let other = Signer::of_secret(Algorithm::HS512, [7; 64]);
    let with_kid =
        |signer: &Signer, kid: &str, claims: String| signer.sign(signer.header(&format!(",\"kid\":{kid:?}")), claims);
    let ten_claims = |number: usize| {
        claims_with(&[
            ("nbf", Some("1799999940")),
            ("client_id", Some("\"desktop-client\"")),
            ("jti", Some(&format!("\"0b8f4ad4-6a5f-4f0e-9d0d-{number:012}\""))),
            ("email", Some("\"alice@example.com\"")),
        ])
    };
    let many_scopes: Vec<String> =
        std::iter::once("read".to_owned()).chain((1..200).map(|n| format!("s{n}"))).collect();
    let good = with_kid(&signer, "a", ten_claims(0));
    let new = (1..=TIMES + TRIED).map(|number| with_kid(&signer, "a", ten_claims(number))).collect();
    let scoped = with_kid(&signer, "a", claim("scope", &format!("{:?}", many_scopes.join(" "))));

    let keys = load(format!(r#"{{"keys":[{}]}}"#, signer.jwk(r#","kid":"a""#)), &["HS256"]).unwrap().keys;
    let source = Arc::new(FixedKeys::new(keys));
    let fresh = Verifier::new(algorithms(&["HS256"]), Arc::clone(&source) as _);
    let remembering = Verifier::new(algorithms(&["HS256"]), source).with_cache(TokenCache::new(1000));
    let policy = policy();
    let one = |token| vec![token];
    for (name, verifier, tokens, code) in [
        ("accept", &fresh, one(good.clone()), common::ACCEPTED),
        ("accept 200 scopes", &fresh, one(scoped), common::ACCEPTED),
        ("accept and remember", &remembering, new, common::ACCEPTED),
        ("recall", &remembering, one(good), common::ACCEPTED),
        ("refuse garbage", &remembering, one("garbage".to_owned()), "malformed_token"),
        ("refuse other algorithm", &remembering, one(with_kid(&other, "a", common::claims())), "algorithm_not_allowed"),
        ("refuse unknown key", &remembering, one(with_kid(&signer, "b", common::claims())), "unknown_key"),
        ("refuse bad signature", &remembering, one(with_kid(&other_key, "a", common::claims())), "invalid_signature"),
        ("refuse expired", &remembering, one(with_kid(&signer, "a", claim("exp", &(NOW - 1).to_string()))), "expired"),
    ] {
        let mut tokens = tokens.iter().cycle();
        let mut decide = || {
            let token = tokens.next().unwrap().as_bytes();
            let now = NumericDate::from_seconds(NOW);
            verifier.verify(black_box(token), &policy, &NoOverrides, now, KeyWait::MayWait)
        };
        // Twice, so that what is remembered is.
        for _ in 0..TRIED {
            match decide() {
                Poll::Ready(Decision::Accepted(_)) => assert_eq!(code, common::ACCEPTED),
                Poll::Ready(Decision::Rejected(refusal)) => assert_eq!(refusal.rejection.code(), code),
                undecided => panic!("{undecided:?}"),
            }
        }
        println!("{TIMES}\t{name}");
        measured(&mut || drop(black_box(decide())));
    }
}
