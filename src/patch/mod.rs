//! What `fastmcp_rs.install()` puts in the place of the libraries that decode a JWT for FastMCP's own verifiers.

mod decode;
mod key;

pub use decode::{DecodeResult, DecodedClaims, Decoder};
pub use key::LibraryKey;
