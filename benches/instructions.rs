//! The hot paths, each run so often inside one function that callgrind counts it apart: see `instructions.py`.
//!
//! Prints a line for each path, its name and how often it is run. Every answer is asserted before the path is run.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot sign has failed")]
#![allow(clippy::print_stdout, reason = "the counting script reads the names")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::{NOW, Signer, algorithms, boxed, claim, claims_with, load, policy};
use fastmcp_rs::jose::json::Value;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::{FixedKeys, KeyWait};
use fastmcp_rs::policy::{
    ClaimPath, ClaimRules, Denied, DenyEntry, DenyList, NoOverrides, Policy, ScopeClaims, ScopeHierarchy,
};
use fastmcp_rs::verify::TokenCache;
use fastmcp_rs::verify::{Decision, Verifier};
use std::task::Poll;

const TIMES: usize = 100;
/// For how many tokens there is room: for so many that hardly any two of those that are new get into each other's way.
const MANY: usize = 50_000;
/// What the token of the paths below `rules:` says beside the usual claims: something for each rule to find.
const RULED: [(&str, &str); 8] = [
    ("azp", "\"desktop-client\""),
    ("auth_time", "1799999940"),
    ("email_verified", "true"),
    ("jti", "\"0b8f4ad4-6a5f-4f0e-9d0d-1f1c6c5a2b3e\""),
    ("org", r#"{"id":7,"name":"acme"}"#),
    ("realm_access", r#"{"roles":["admin","offline_access"]}"#),
    ("tenant", "\"acme\""),
    ("tid", "\"72f988bf-86f1-41af-91ab-2d7cd011db47\""),
];
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
    let new: Vec<_> = (1..=TIMES + TRIED).map(|number| with_kid(&signer, "a", ten_claims(number))).collect();
    let scoped = with_kid(&signer, "a", claim("scope", &format!("{:?}", many_scopes.join(" "))));

    let keys = load(format!(r#"{{"keys":[{}]}}"#, signer.jwk(r#","kid":"a""#)), &["HS256"]).unwrap().keys;
    let source = Arc::new(FixedKeys::new(keys));
    let fresh = Verifier::new(algorithms(&["HS256"]), Arc::clone(&source) as _);
    let remembering = Verifier::new(algorithms(&["HS256"]), source).with_cache(TokenCache::new(MANY));
    let policy = policy();
    let one = |token| vec![token];
    for (name, verifier, tokens, code) in [
        ("accept", &fresh, one(good.clone()), common::ACCEPTED),
        ("accept 200 scopes", &fresh, one(scoped), common::ACCEPTED),
        // With a MAC, the first time and the second.
        ("accept and note", &remembering, new.clone(), common::ACCEPTED),
        ("accept and remember", &remembering, new, common::ACCEPTED),
        ("recall", &remembering, one(good), common::ACCEPTED),
        ("refuse garbage", &remembering, one("garbage".to_owned()), "malformed_token"),
        ("refuse other algorithm", &remembering, one(with_kid(&other, "a", common::claims())), "algorithm_not_allowed"),
        ("refuse unknown key", &remembering, one(with_kid(&signer, "b", common::claims())), "unknown_key"),
        ("refuse bad signature", &remembering, one(with_kid(&other_key, "a", common::claims())), "invalid_signature"),
        ("refuse expired", &remembering, one(with_kid(&signer, "a", claim("exp", &(NOW - 1).to_string()))), "expired"),
    ] {
        count(name, verifier, &tokens, &policy, code);
    }
    let ruled = one(with_kid(&signer, "a", claims_with(&RULED.map(|(name, value)| (name, Some(value))))));
    count_rules("rules", &fresh, &ruled);
    count_rules("recall", &remembering, &ruled);
}

/// What each rule that an operator may add costs a token which meets it: what it takes beyond the path without any.
fn count_rules(paths_are: &str, verifier: &Verifier, tokens: &[String]) {
    let paths = |texts: &[&str]| texts.iter().map(|text| ClaimPath::parse("claims", text).unwrap()).collect::<Vec<_>>();
    let expected = paths(&["tenant"]).into_iter().map(|path| (path, vec![Value::String("acme".into())])).collect();
    let hierarchy = ScopeHierarchy::new(&[("admin".into(), boxed(&["write"])), ("write".into(), boxed(&["read"]))]);
    let rules = ClaimRules::default;
    for (name, rules) in [
        ("none", rules()),
        ("required_claims", rules().with_required(paths(&["email_verified"]))),
        ("expected_claims", rules().with_expected(expected).unwrap()),
        (
            "scope_claims",
            rules().with_scope_claims(Some(ScopeClaims::new(paths(&["scope", "/realm_access/roles"])).unwrap())),
        ),
        ("scope_hierarchy", rules().with_scope_hierarchy(Some(hierarchy.unwrap()))),
        ("client_id_claim", rules().with_client_id(paths(&["azp"]))),
        ("subject_claim", rules().with_subject(paths(&["/org/name"]))),
        ("max_age", rules().with_max_age(Some(3600))),
        ("iat_leeway", rules().with_iat_leeway(Some(60.0)).unwrap()),
    ] {
        let policy = if name == "none" { policy() } else { policy().with_rules(rules) };
        count(&format!("{paths_are}: {name}"), verifier, tokens, &policy, common::ACCEPTED);
    }
    let clients = Some(boxed(&["another-client", "desktop-client"]));
    count(
        &format!("{paths_are}: client_id"),
        verifier,
        tokens,
        &policy().with_clients(clients, "client_id").unwrap(),
        common::ACCEPTED,
    );
    let deny_list = DenyList::default();
    for number in 0..10 {
        let (denied, value) = (Denied::Token, format!("denied-{number}").into());
        let entry = DenyEntry::new(denied, value, None, None, None).unwrap();
        deny_list.add(entry, NumericDate::from_seconds(NOW)).unwrap();
    }
    count(
        &format!("{paths_are}: deny list"),
        verifier,
        tokens,
        &policy().with_denylist(Arc::new(deny_list)),
        common::ACCEPTED,
    );
}

/// Asserts the answers until all is remembered that can be, and then runs the path with these tokens by turns.
fn count(name: &str, verifier: &Verifier, tokens: &[String], policy: &Policy, code: &str) {
    let mut tokens = tokens.iter().cycle();
    let mut decide = || {
        let token = tokens.next().unwrap().as_bytes();
        let now = NumericDate::from_seconds(NOW);
        verifier.verify(black_box(token), policy, &NoOverrides, now, KeyWait::MayWait)
    };
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
