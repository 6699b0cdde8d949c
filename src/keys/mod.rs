//! Where verification keys come from, and which of them fits a token.

mod adopted;
mod disguise;
pub mod remote;
mod server;
mod set;
mod text;

use std::sync::Arc;

use crate::rejection::Unavailable;

pub use adopted::AdoptedKey;
pub use server::{AuthorizationServer, Introspection};
pub use set::KeySet;
pub use text::{LoadedKeys, ShortSecret, from_public_text, from_text};

/// What a key source has to say.
#[derive(Debug, Clone)]
pub enum Keys {
    /// The keys as they are now: immutable, swapped as a whole.
    Snapshot(Arc<KeySet>),
    /// There are none yet, and waiting for them may help.
    Pending,
    /// There are none, and waiting does not help.
    Unavailable(Unavailable),
}

/// Whether whoever asks can wait for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// They can: a token that may need newer keys is pending.
    MayWait,
    /// They cannot, or did: what is not there is not there.
    None,
}

/// A source of keys. The pipeline does not know whether there is a network behind it.
pub trait KeySource: Send + Sync + std::fmt::Debug {
    /// The keys at hand. Never blocks.
    fn keys(&self) -> Keys;

    /// The keys after a token asked for one that `missed` does not have: the same snapshot if that is final, as it is for
    /// keys that never change.
    fn keys_after_miss(&self, missed: &Arc<KeySet>, _patience: Patience) -> Keys {
        Keys::Snapshot(Arc::clone(missed))
    }
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
