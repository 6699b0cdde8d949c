//! Where verification keys come from, and which of them fits a token.

mod disguise;
mod set;
mod text;

use std::sync::Arc;

pub use set::KeySet;
pub use text::{LoadedKeys, ShortSecret, from_public_text, from_text};

/// What a key source has to say.
#[derive(Debug, Clone)]
pub enum Keys {
    /// The keys as they are now: immutable, swapped as a whole.
    Snapshot(Arc<KeySet>),
    /// There are none yet, and waiting for them may help.
    Pending,
}

/// A source of keys. The pipeline does not know whether there is a network behind it.
pub trait KeySource: Send + Sync + std::fmt::Debug {
    /// The keys at hand. Never blocks.
    fn keys(&self) -> Keys;
}

/// Keys that were given at construction and never change.
#[derive(Debug)]
pub struct FixedKeys(Arc<KeySet>);

impl FixedKeys {
    /// A source of exactly these keys.
    #[must_use]
    pub fn new(keys: KeySet) -> Self {
        Self(Arc::new(keys))
    }
}

impl KeySource for FixedKeys {
    fn keys(&self) -> Keys {
        Keys::Snapshot(Arc::clone(&self.0))
    }
}
