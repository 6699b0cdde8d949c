//! OAuth, as a resource server and its clients meet it.

pub mod bearer;
pub mod challenge;
pub mod client_authentication;
pub mod client_credentials;
pub mod resource;
pub mod token_request;
