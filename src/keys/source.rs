//! Where the verifier gets keys from, whether or not they are fetched.

use std::sync::Arc;

use super::set::KeySet;
use crate::discovery::AuthorizationServer;
use crate::outcome::unavailable::Unavailable;

/// Keys as they are at one time, and whose they are: immutable, replaced as a whole.
#[derive(Debug)]
pub struct KeySnapshot {
    /// The keys.
    pub keys: KeySet,
    /// The server whose keys they are, and of no other (RFC 8725bis section 3.8), where that is known.
    pub server: Option<Arc<AuthorizationServer>>,
    /// Whether the server's keys could not be had, so that a key which is not here may be one of them.
    pub lacks_keys: bool,
}

impl From<KeySet> for KeySnapshot {
    /// Keys of which nothing is known beside themselves.
    fn from(keys: KeySet) -> Self {
        Self { keys, server: None, lacks_keys: false }
    }
}

impl KeySnapshot {
    /// The issuer whose keys they are, where that is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&Arc<str>> {
        self.server.as_ref().map(|server| &server.issuer)
    }
}

/// The keys of a source, or why there are none.
#[derive(Debug, Clone)]
pub enum Keys {
    /// The keys as they are now: immutable, swapped as a whole.
    Snapshot(Arc<KeySnapshot>),
    /// There are none yet, and waiting for them may help.
    Pending,
    /// There are none, and waiting does not help.
    Unavailable(Unavailable),
}

/// Whether the caller can wait for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWait {
    /// They can: a token that may need newer keys is pending.
    MayWait,
    /// They waited once: only a fetch that began after the token's key was first named is worth waiting for.
    Waited,
    /// They cannot, or waited twice: what is not there is not there.
    Never,
}

impl KeyWait {
    /// That of a caller who waited so many times.
    #[must_use]
    pub fn after(waits: u8) -> Self {
        match waits {
            0 => Self::MayWait,
            1 => Self::Waited,
            _ => Self::Never,
        }
    }
}

/// What a token missed in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss<'t> {
    /// A key of this id.
    Key(Option<&'t str>),
    /// A key under which its signature holds, of an id that is there.
    Signature,
}

/// A source of keys. The pipeline does not know whether there is a network behind it.
pub trait KeySource: Send + Sync + std::fmt::Debug {
    /// The keys at hand. Never blocks.
    fn keys(&self) -> Keys;

    /// Notes that a token waits for keys, to look for one of this id.
    fn key_is_awaited(&self, _kid: Option<&str>) {}

    /// The keys after a token asked for one that `missed` does not have: the same snapshot if that is final, as it is for
    /// keys that never change.
    fn keys_after_miss(&self, missed: &Arc<KeySnapshot>, _miss: Miss<'_>, _key_wait: KeyWait) -> Keys {
        Keys::Snapshot(Arc::clone(missed))
    }
}

/// Keys that were given at construction and never change.
#[derive(Debug)]
pub struct FixedKeys(Arc<KeySnapshot>);

impl FixedKeys {
    /// A source of exactly these keys.
    #[must_use]
    pub fn new(keys: KeySet) -> Self {
        Self(Arc::new(keys.into()))
    }
}

impl KeySource for FixedKeys {
    fn keys(&self) -> Keys {
        Keys::Snapshot(Arc::clone(&self.0))
    }
}
