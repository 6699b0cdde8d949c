//! OAuth: bearer credentials and scopes, and the two sides that use them, a resource server and a client.

pub mod bearer;
pub mod client;
pub mod scope;
pub mod server;
