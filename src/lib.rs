//! Native verification of bearer tokens: compact JWS (RFC 7515) and JWT (RFC 7519) under fixed keys.
//!
//! The folders, from the top: [`verify`] and [`policy`] decide about a token, [`keys`] says where keys come from,
//! [`discovery`] where servers publish them, [`http`] sends requests, [`jose`] holds the standards. Only `python` knows that
//! there is a Python above it.

pub mod config;
pub mod discovery;
pub mod explain;
pub mod http;
pub mod jose;
pub mod keys;
pub mod oauth;
pub mod outcome;
pub mod patch;
pub mod policy;
#[cfg(feature = "python")]
mod python;
pub mod runtime;
pub mod testing;
pub mod untrusted;
pub mod verify;
