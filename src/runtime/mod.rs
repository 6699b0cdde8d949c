//! What the rest runs on: a clock that only moves forward, state of each process's own, calls that many share, what a file
//! is known by, and a bounded map.

pub mod bounded_map;
pub mod clock;
pub mod file_identity;
pub mod per_process;
pub mod single_flight;
