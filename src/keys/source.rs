//! The trait by which a verifier gets keys, given or fetched.

use std::sync::Arc;

use super::set::KeySet;
use crate::discovery::AuthorizationServer;
use crate::outcome::unavailable::Unavailable;

/// The keys at one time, and the server that they belong to. It is immutable, and replaced as a whole.
#[derive(Debug)]
pub struct KeySnapshot {
    /// The keys.
    pub keys: KeySet,
    /// The one server that the keys belong to (RFC 8725bis section 3.8), if it is known.
    pub server: Option<Arc<AuthorizationServer>>,
    /// Whether the server's keys could not be fetched, so that a missing key may be one of them.
    pub lacks_keys: bool,
}

impl From<KeySet> for KeySnapshot {
    /// Keys without a known server.
    fn from(keys: KeySet) -> Self {
        Self { keys, server: None, lacks_keys: false }
    }
}

impl KeySnapshot {
    /// The issuer that the keys belong to, if it is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&Arc<str>> {
        self.server.as_ref().map(|server| &server.issuer)
    }
}

/// The keys of a source, or why there are none.
#[derive(Debug, Clone)]
pub enum Keys {
    /// The current keys.
    Snapshot(Arc<KeySnapshot>),
    /// There are none yet, and waiting for them may help.
    Pending,
    /// There are none, and waiting does not help.
    Unavailable(Unavailable),
}

/// Whether the caller can wait for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWait {
    /// It can: a token that may need newer keys is pending.
    MayWait,
    /// It waited once, and waits again only for a fetch that began after the token's key was first named.
    Waited,
    /// It cannot, or waited twice: a key that is missing now counts as missing.
    Never,
}

impl KeyWait {
    /// The value for a caller that waited this many times.
    #[must_use]
    pub fn after(waits: u8) -> Self {
        match waits {
            0 => Self::MayWait,
            1 => Self::Waited,
            _ => Self::Never,
        }
    }
}

/// What a token did not find in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss<'t> {
    /// A key of this id.
    Key(Option<&'t str>),
    /// A key under which its signature verifies. A key with that id is there.
    Signature,
}

/// A source of keys. The verifier does not know whether there is a network behind it.
pub trait KeySource: Send + Sync + std::fmt::Debug {
    /// The current keys. Never blocks.
    fn keys(&self) -> Keys;

    /// Notes that a token with this key id waits for keys.
    fn key_is_awaited(&self, _kid: Option<&str>) {}

    /// The keys after a token asked for one that `missed` does not have: the same snapshot if that is final, as it is for
    /// keys that never change.
    fn keys_after_miss(&self, missed: &Arc<KeySnapshot>, _miss: Miss<'_>, _key_wait: KeyWait) -> Keys {
        Keys::Snapshot(Arc::clone(missed))
    }
}

/// Keys that are given once and never change.
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
