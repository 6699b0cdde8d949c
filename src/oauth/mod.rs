//! OAuth, as a resource server and its clients meet it.

pub mod bearer;
pub mod challenge;
pub mod client_authentication;
