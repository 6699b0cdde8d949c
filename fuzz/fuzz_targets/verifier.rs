//! The oracle: tokens are signed with a known key and mutated, and never accepted unless the bytes that were signed are
//! unchanged. The input says what is signed, with which algorithm, and how it is mutated.

#![no_main]

use std::sync::{Arc, LazyLock};

use fastmcp_rs::explain::{SettingNames, explain};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::Algorithms;
use fastmcp_rs::keys::{FixedKeys, KeyWait, from_text};
use fastmcp_rs::policy::{NoOverrides, Policy};
use fastmcp_rs::testing::KeyPair;
use fastmcp_rs::verify::TokenCache;
use fastmcp_rs::verify::{Decision, Verifier};
use libfuzzer_sys::fuzz_target;
use std::task::Poll;

struct Verifiers {
    pair: KeyPair,
    verifier: Verifier,
    remembering: Verifier,
}

/// RSA is left out: signing with it takes so long that little else would happen.
static ALL: LazyLock<Vec<Verifiers>> = LazyLock::new(|| {
    let signed = [Algorithm::HS256, Algorithm::HS512, Algorithm::ES256, Algorithm::EdDSA, Algorithm::Ed25519];
    let verifiers = |algorithm: Algorithm| {
        let pair = KeyPair::generate(algorithm).expect("random numbers");
        let algorithms = || Algorithms::parse([algorithm.name()]).expect("a known name");
        let keys = from_text(pair.public_key().as_bytes(), &algorithms()).expect("a sound key").keys;
        let keys = Arc::new(FixedKeys::new(keys));
        let remembering = Verifier::new(algorithms(), keys.clone()).with_cache(TokenCache::new(1000));
        Verifiers { pair, verifier: Verifier::new(algorithms(), keys), remembering }
    };
    signed.into_iter().map(verifiers).collect()
});

type Mutations = Vec<(u8, u16, u8)>;

fn mutated(token: &str, mutations: &Mutations) -> Vec<u8> {
    let mut bytes = token.as_bytes().to_vec();
    for &(kind, at, byte) in mutations.iter().take(8) {
        let at = usize::from(at) % (bytes.len() + 1);
        match kind % 5 {
            0 => bytes.insert(at, byte),
            1 if at < bytes.len() => bytes[at] = byte,
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => bytes.truncate(at),
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes
}

fuzz_target!(|input: (u8, Option<&[u8]>, &[u8], Mutations)| {
    let (which, header, payload, mutations) = input;
    let verifiers = &ALL[usize::from(which) % ALL.len()];
    let plain = format!(r#"{{"alg":"{}"}}"#, verifiers.pair.algorithm());
    let token = verifiers.pair.sign(header.unwrap_or(plain.as_bytes()), payload).expect("the key signs");
    let candidate = mutated(&token, &mutations);
    let (signed, _) = token.rsplit_once('.').expect("a signature");
    let unchanged = candidate.strip_prefix(signed.as_bytes()).is_some_and(|rest| rest.starts_with(b"."));

    let now = NumericDate::from_seconds(1_700_000_000);
    let policy = Policy::default();
    let verify = |verifier: &Verifier, token: &[u8]| match verifier.verify(
        token,
        &policy,
        &NoOverrides,
        now,
        KeyWait::MayWait,
    ) {
        Poll::Ready(Decision::Accepted(_)) => "accepted",
        Poll::Ready(Decision::Rejected(refusal)) => {
            assert!(refusal.authentic.is_none() || unchanged || token != candidate, "claims that were not signed");
            refusal.rejection.code()
        }
        undecided => panic!("{undecided:?}"),
    };
    // The memory holds the original before the forgery comes, with a MAC after the second time.
    let original = verify(&verifiers.verifier, token.as_bytes());
    for _ in 0..2 {
        assert_eq!(original, verify(&verifiers.remembering, token.as_bytes()), "memory makes a difference");
    }
    let code = verify(&verifiers.verifier, &candidate);
    for _ in 0..3 {
        assert_eq!(code, verify(&verifiers.remembering, &candidate), "memory makes a difference");
    }
    let explained =
        explain(&verifiers.verifier, &candidate, &policy, None, now, KeyWait::MayWait, SettingNames::Parameters)
            .expect("fixed keys");
    assert_eq!(matches!(explained.decision, Decision::Accepted(_)), code == "accepted");
    if code == "accepted" {
        assert!(unchanged, "what was accepted is not what was signed");
        // ECDSA knows a second value for each signature; nothing else has two spellings.
        let twin = verifiers.pair.algorithm() == Algorithm::ES256;
        assert!(candidate == token.as_bytes() || twin, "a second spelling of a signature");
    }
});
