//! The JOSE standards, one file each. No I/O, no clock, no Python.

pub mod base64url;
pub mod claims_shape;
pub mod confirmation;
mod ed25519;
pub mod ed448;
pub mod json;
pub mod json_text;
pub mod jwa;
pub mod jwk;
pub mod jwk_set;
pub mod jwk_unusable;
pub mod jws;
pub mod jwt;
pub mod not_an_object;
mod numeric_date;
pub mod pem;
pub mod plain_json;
mod read_claims;
pub mod rsa;
mod scanned_claims;
mod scanned_members;
pub(crate) mod seen_names;
pub mod signing_key;
pub mod thumbprint;
pub mod token_kind;
pub mod unsound_key;
