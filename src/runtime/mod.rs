//! Building blocks: a monotonic clock, state of each process, calls that many callers share, file identities, a bounded map.

pub mod bounded_map;
pub mod clock;
pub mod file_identity;
pub mod per_process;
pub mod single_flight;
