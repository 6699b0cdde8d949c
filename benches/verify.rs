//! What a decision costs: an accepted token for each algorithm, new and remembered, beside the signature alone, which no
//! verifier can be quicker than; the steps on the way; and the refusals, since any client chooses how often those happen.
//! Every answer is asserted before it is timed.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot sign has failed")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::sync::{Arc, Weak};

use common::{NOW, Signer, algorithms, all_signers, boxed, claim, claims_with, load, policy};
use criterion::{BenchmarkId, Criterion};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jws::{self, Header, Parts};
use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::keys::{FixedKeys, KeyWait};
use fastmcp_rs::policy::{AuthenticClaims, NoOverrides, Policy, Source};
use fastmcp_rs::verify::TokenCache;
use fastmcp_rs::verify::{Decision, Verifier};
use std::task::Poll;

/// The ten claims of a typical access token.
fn claims() -> String {
    claims_with(&[
        ("nbf", Some("1799999940")),
        ("client_id", Some("\"desktop-client\"")),
        ("jti", Some("\"0b8f4ad4-6a5f-4f0e-9d0d-1f1c6c5a2b3e\"")),
        ("email", Some("\"alice@example.com\"")),
    ])
}

struct Subject {
    verifier: Verifier,
    policy: Policy,
}

impl Subject {
    fn new(key: &str, algorithm: Algorithm) -> Self {
        let names = [algorithm.name()];
        let keys = Arc::new(FixedKeys::new(load(key, &names).unwrap().keys));
        Self { verifier: Verifier::new(algorithms(&names), keys), policy: policy() }
    }

    fn remembering(self) -> Self {
        Self { verifier: self.verifier.with_cache(TokenCache::new(100)), ..self }
    }

    fn decide(&self, token: &str) -> Poll<Decision> {
        self.verifier.verify(
            black_box(token.as_bytes()),
            &self.policy,
            &NoOverrides,
            NumericDate::from_seconds(NOW),
            KeyWait::MayWait,
        )
    }

    /// `accepted`, or the code of the rejection.
    fn code(&self, token: &str) -> &'static str {
        match self.decide(token) {
            Poll::Ready(Decision::Accepted(_)) => common::ACCEPTED,
            Poll::Ready(Decision::Rejected(refusal)) => refusal.rejection.code(),
            undecided => panic!("{undecided:?}"),
        }
    }
}

fn accepting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("accept");
    for signer in all_signers() {
        let subject = Subject::new(&signer.public_key(), signer.algorithm);
        let token = signer.token(claims());
        assert_eq!(subject.code(&token), common::ACCEPTED);
        group.bench_with_input(BenchmarkId::from_parameter(signer.algorithm), &token, |bencher, token| {
            bencher.iter(|| subject.decide(token));
        });
    }
    group.finish();
}

/// A token that the verifier has accepted before.
fn recalling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recall");
    for signer in all_signers() {
        let subject = Subject::new(&signer.public_key(), signer.algorithm).remembering();
        let token = signer.token(claims());
        let hits = || subject.verifier.cache().map(|cache| cache.counts().hits);
        assert_eq!([subject.code(&token), subject.code(&token)], [common::ACCEPTED; 2]);
        assert_eq!(hits(), Some(1));
        group.bench_with_input(BenchmarkId::from_parameter(signer.algorithm), &token, |bencher, token| {
            bencher.iter(|| subject.decide(token));
        });
    }
    group.finish();
}

fn split(token: &str) -> Parts<'_> {
    jws::split(black_box(token.as_bytes()), jws::MAX_TOKEN_BYTES).unwrap()
}

/// The steps of a decision but for the signature.
fn stepping(criterion: &mut Criterion) {
    let signer = Signer::fresh(Algorithm::RS256);
    let token = signer.sign(signer.header(r#","kid":"2027-01""#), claims());
    let keys = load(signer.jwk(r#","kid":"2027-01""#), &["RS256"]).unwrap().keys;
    let parts = split(&token);
    let header = Header::parse(&parts.header).unwrap();
    assert_eq!(header.kid(), Some("2027-01"));
    assert!(keys.select(header.algorithm, header.kid()).is_ok() && keys.select(header.algorithm, Some("x")).is_err());
    assert_eq!(Claims::parse(&parts.payload).unwrap().object().iter().len(), 10);
    let source = Source::Signature { header: header.clone(), key: Weak::new(), key_issuer: None };
    let claims = Claims::parse(&parts.payload).unwrap();
    let authentic = Arc::new(AuthenticClaims::new(source, None, claims));
    let (policy, now) = (policy(), NumericDate::from_seconds(NOW));
    assert!(policy.validate(Arc::clone(&authentic), &NoOverrides, now).is_ok());

    let mut group = criterion.benchmark_group("step");
    group.bench_function("split and decode", |bencher| bencher.iter(|| split(&token)));
    group.bench_function("parse header", |bencher| bencher.iter(|| Header::parse(black_box(&parts.header))));
    group.bench_function("select key", |bencher| {
        bencher.iter(|| keys.select(black_box(header.algorithm), black_box(header.kid())).is_ok());
    });
    group.bench_function("parse claims", |bencher| bencher.iter(|| Claims::parse(black_box(&parts.payload))));
    group.bench_function("judge claims", |bencher| {
        bencher.iter(|| policy.validate(Arc::clone(black_box(&authentic)), &NoOverrides, now));
    });
    group.finish();
}

fn signatures_alone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signature alone");
    for signer in all_signers() {
        let keys = load(signer.public_key(), &[signer.algorithm.name()]).unwrap().keys;
        let key = keys.select(signer.algorithm, None).unwrap();
        let token = signer.token(claims());
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature.as_bytes()).unwrap();
        assert!(key.verifies(message.as_bytes(), &signature));
        assert!(!key.verifies(&message.as_bytes()[1..], &signature));
        group.bench_function(BenchmarkId::from_parameter(signer.algorithm), |bencher| {
            bencher.iter(|| key.verifies(black_box(message.as_bytes()), black_box(&signature)));
        });
    }
    group.finish();
}

fn refusing(criterion: &mut Criterion) {
    let signer = Signer::fresh(Algorithm::RS256);
    let other = Signer::fresh(Algorithm::RS256);
    let secret = Signer::of_secret(Algorithm::HS256, signer.public_key());
    let set = format!(r#"{{"keys":[{},{}]}}"#, signer.jwk(r#","kid":"a""#), other.jwk(r#","kid":"b""#));
    let subject = Subject::new(&set, Algorithm::RS256);
    let with_kid =
        |signer: &Signer, kid: &str, claims: String| signer.sign(signer.header(&format!(",\"kid\":{kid:?}")), claims);

    let mut group = criterion.benchmark_group("refuse");
    for (what, token, code) in [
        ("garbage", "garbage".to_owned(), "malformed_token"),
        ("64 KiB of garbage", "x".repeat(64 * 1024), "malformed_token"),
        ("too large", "x".repeat(64 * 1024 + 1), "token_too_large"),
        ("other algorithm", with_kid(&secret, "a", claims()), "algorithm_not_allowed"),
        ("unknown key", with_kid(&signer, "c", claims()), "unknown_key"),
        ("bad signature", with_kid(&other, "a", claims()), "invalid_signature"),
        ("expired", with_kid(&signer, "a", claim("exp", &(NOW - 1).to_string())), "expired"),
        ("other audience", with_kid(&signer, "a", claim("aud", "\"x\"")), "audience_mismatch"),
    ] {
        assert_eq!(subject.code(&token), code, "{what}");
        group.bench_with_input(BenchmarkId::from_parameter(what), &token, |bencher, token| {
            bencher.iter(|| subject.decide(token));
        });
    }
    assert_eq!(subject.code(&with_kid(&signer, "a", claims())), common::ACCEPTED);
    group.finish();
}

/// Claims as large as they come, to show what parsing costs beside the signature.
fn large_claims(criterion: &mut Criterion) {
    let signer = Signer::fresh(Algorithm::HS256);
    let subject = Subject::new(&signer.public_key(), Algorithm::HS256);
    let mut group = criterion.benchmark_group("claims");
    for groups in [0_usize, 100, 1_000] {
        let names: Vec<String> = (0..groups).map(|number| format!("group-{number}")).collect();
        let names = boxed(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let token = signer.token(claim("groups", &format!("{names:?}")));
        assert_eq!(subject.code(&token), common::ACCEPTED);
        group.bench_with_input(BenchmarkId::new("groups", groups), &token, |bencher, token| {
            bencher.iter(|| subject.decide(token));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    accepting(&mut criterion);
    recalling(&mut criterion);
    stepping(&mut criterion);
    signatures_alone(&mut criterion);
    refusing(&mut criterion);
    large_claims(&mut criterion);
    criterion.final_summary();
}
