//! Checks signatures and nothing else: the lower bound of every verifier. The comparisons in Python ask this program
//! between their own rounds, so that both meet the same machine.
//!
//! Started with an algorithm, and a file with a key that is prepared once; without one, each token is checked under the key
//! in its own header, as a proof of possession is, and the time to prepare that counts. Each line of standard input is tokens
//! with spaces between them; for each line it prints how long their signatures took, in nanoseconds.

#![allow(clippy::unwrap_used, reason = "a benchmark without tokens has failed")]
#![allow(clippy::print_stdout, reason = "the caller reads the answer")]

use std::hint::black_box;
use std::time::Instant;

use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::json::Value;
use fastmcp_rs::jose::jwa::{Algorithm, PreparedKey};
use fastmcp_rs::jose::jwk::Jwk;
use fastmcp_rs::jose::jws::Header;
use fastmcp_rs::keys::{Algorithms, from_text};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let algorithms = Algorithms::parse([&*arguments[1]]).unwrap();
    let algorithm = algorithms.iter().next().unwrap();
    let keys = arguments.get(2).map(|file| from_text(&std::fs::read(file).unwrap(), &algorithms).unwrap().keys);
    let key = keys.as_ref().map(|keys| keys.select(algorithm, None).unwrap());
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let tokens: Vec<_> = line.split(' ').collect();
        println!("{}", key.as_ref().map_or_else(|| under_own_keys(&tokens, algorithm), |key| under_key(&tokens, key)));
    }
}

/// How long the signatures of tokens take under one key.
fn under_key(tokens: &[&str], key: &PreparedKey) -> u128 {
    let signed: Vec<_> = tokens.iter().map(|token| signed(token)).collect();
    timed(tokens.len(), || {
        signed.iter().filter(|(message, signature)| key.verifies(black_box(message), signature)).count()
    })
}

/// How long they take under the key in the header of each.
fn under_own_keys(tokens: &[&str], algorithm: Algorithm) -> u128 {
    let signed: Vec<_> = tokens.iter().map(|token| (own_key(token), signed(token))).collect();
    let holds = |key: &Jwk, message: &[u8], signature: &[u8]| {
        black_box(key).material.prepare(algorithm).unwrap().verifies(message, signature)
    };
    timed(tokens.len(), || signed.iter().filter(|(key, (message, signature))| holds(key, message, signature)).count())
}

/// How long it takes to find that all of so many hold.
fn timed(all: usize, held: impl FnOnce() -> usize) -> u128 {
    let start = Instant::now();
    let held = held();
    let elapsed = start.elapsed();
    assert_eq!(held, all);
    elapsed.as_nanos()
}

fn signed(token: &str) -> (&[u8], Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    (message.as_bytes(), base64url::decode(signature.as_bytes()).unwrap())
}

fn own_key(token: &str) -> Jwk {
    let header = base64url::decode(token.split_once('.').unwrap().0.as_bytes()).unwrap();
    let header = Header::parse(&header).unwrap();
    let Some(Value::Object(key)) = header.parameters().get("jwk") else { panic!("the token has no key in its header") };
    Jwk::from_object(key).unwrap()
}
