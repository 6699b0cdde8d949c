//! Why a key must not be used.

use std::fmt;

/// The key is not a sound one for the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsoundKey(pub &'static str);

impl fmt::Display for UnsoundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
