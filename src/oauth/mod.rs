//! OAuth, as a resource server meets it.

pub mod bearer;
pub mod challenge;
