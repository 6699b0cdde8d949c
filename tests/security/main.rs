//! The known failures of other verifiers, one test each; SECURITY.md lists them.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "../common/mod.rs"]
mod common;

mod claims;
mod confused_keys;
mod dates;
mod denial_of_service;
mod header;
mod rsa_keys;
mod signature_values;
mod unsigned;
