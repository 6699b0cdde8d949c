//! What holds of the sources themselves: their layers, their pages, their dependencies.

mod circles;
mod dependency_floors;
mod errors_page;
mod layers;
#[path = "../common/root.rs"]
mod root;
mod security_page;
mod sources;
mod type_names;
