//! Replaces, under `fastmcp_rs.install()`, the libraries that decode JWTs for FastMCP's own verifiers.

mod decode;
mod key;

pub use decode::{DecodeResult, DecodedClaims, Decoder};
pub use key::LibraryKey;
