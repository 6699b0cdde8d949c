//! OAuth, as a resource server and its clients meet it.

pub mod bearer;
pub mod challenge;
pub mod client_authentication;
pub mod client_credentials;
pub mod inquiry;
pub mod introspection;
pub mod remote_verification;
pub mod resource;
pub mod resource_server;
pub mod token_request;
pub mod verdict;
