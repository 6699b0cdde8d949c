//! How a decision about a token ends: the checks in their order, the reasons with their codes, and the counters.

pub mod check;
pub mod counters;
pub mod finding;
pub mod proof_fault;
pub mod rejection;
pub mod unavailable;
