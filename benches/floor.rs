//! Checks signatures and nothing else, under a key that was prepared once: what no verifier can be quicker than. The
//! comparison in Python asks this program between its own rounds, so that both meet the same machine.
//!
//! Started with an algorithm and a file with a key. Each line of standard input is tokens with spaces between them; for
//! each line it prints how long their signatures took, in nanoseconds.

#![allow(clippy::unwrap_used, reason = "a benchmark without tokens has failed")]
#![allow(clippy::print_stdout, reason = "whoever asks reads the answer")]

use std::hint::black_box;
use std::time::Instant;

use fastmcp_rs::config::Algorithms;
use fastmcp_rs::jose::base64url;
use fastmcp_rs::keys::from_text;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let algorithms = Algorithms::parse([&*arguments[1]]).unwrap();
    let keys = from_text(&std::fs::read(&arguments[2]).unwrap(), &algorithms).unwrap().keys;
    let key = keys.select(algorithms.iter().next().unwrap(), None).unwrap();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let signed: Vec<_> = line
            .split(' ')
            .map(|token| {
                let (message, signature) = token.rsplit_once('.').unwrap();
                (message.as_bytes(), base64url::decode(signature.as_bytes()).unwrap())
            })
            .collect();
        let start = Instant::now();
        let held = signed.iter().filter(|(message, signature)| key.verifies(black_box(message), signature)).count();
        let elapsed = start.elapsed();
        assert_eq!(held, signed.len());
        println!("{}", elapsed.as_nanos());
    }
}
