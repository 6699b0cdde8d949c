//! The JOSE standards, one file each. No I/O, no clock, no Python.

pub mod base64url;
pub mod ed448;
pub mod json;
pub mod jwa;
pub mod jwk;
pub mod jws;
pub mod jwt;
pub mod pem;
pub mod rsa;
