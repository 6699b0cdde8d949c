//! Keys of a set that cannot be used, and why, for a token that names one of them.

use std::fmt;

/// The longest key id that is shown, in characters.
const LONGEST_KID: usize = 64;

/// A key of a set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// The key id, if it is a text: untrusted.
    pub kid: Option<Box<str>>,
    /// Why it cannot be used, on one line.
    pub reason: Box<str>,
    /// Whether such keys are usual in a set, as those for encryption are.
    pub is_usual: bool,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kid {
            None => write!(f, "key without kid: {}", self.reason),
            Some(kid) => write!(f, "key {:?}: {}", kid.chars().take(LONGEST_KID).collect::<String>(), self.reason),
        }
    }
}
