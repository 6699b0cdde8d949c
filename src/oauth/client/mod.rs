//! A client: how it authenticates, and how it gets tokens for a resource with the client credentials grant.

pub mod authentication;
pub mod client_assertion;
pub mod credentials_grant;
pub mod key_file;
pub mod proof_key;
pub mod resource_indicator;
pub mod token_request;
