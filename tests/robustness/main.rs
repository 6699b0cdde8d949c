//! Properties that hold for any input: tokens, answers, clocks.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/read_twice.rs"]
mod read_twice;

mod any_answer;
mod any_byte_changed;
mod any_claims;
mod any_clock;
mod any_token;
mod million_proofs;
