//! Native verification of bearer tokens: compact JWS (RFC 7515) and JWT (RFC 7519) under fixed keys.
//!
//! The layers, from the top: [`verifier`] and [`policy`] decide about a token, [`keys`] says where keys come from,
//! [`http`] asks other servers, [`jose`] holds the standards. Nothing but `python` knows that there is a Python above it.

pub mod cache;
pub mod checks;
pub mod clock;
pub mod config;
pub mod explain;
pub mod flights;
pub mod http;
pub mod jose;
pub mod keys;
pub mod oauth;
pub mod per_process;
pub mod policy;
#[cfg(feature = "python")]
mod python;
pub mod rejection;
pub mod stand_in;
pub mod static_tokens;
pub mod tally;
pub mod tame;
pub mod testing;
pub mod verifier;
