//! Keys that an operator may replace while a server runs.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::set::KeySet;
use super::source::{KeySnapshot, KeySource, KeyWait, Keys, Miss};

/// The keys of a source, until others are given in their place.
#[derive(Debug)]
pub struct ReplaceableKeys {
    source: Arc<dyn KeySource>,
    given: ArcSwapOption<KeySnapshot>,
}

impl ReplaceableKeys {
    /// The keys of this source.
    #[must_use]
    pub fn new(source: Arc<dyn KeySource>) -> Self {
        Self { source, given: ArcSwapOption::empty() }
    }

    /// Takes these keys from now on, or those of the source again.
    pub fn replace(&self, keys: Option<KeySet>) {
        self.given.store(keys.map(|keys| Arc::new(keys.into())));
    }
}

impl KeySource for ReplaceableKeys {
    fn keys(&self) -> Keys {
        match &*self.given.load() {
            Some(given) => Keys::Snapshot(Arc::clone(given)),
            None => self.source.keys(),
        }
    }

    fn key_is_awaited(&self, kid: Option<&str>) {
        if self.given.load().is_none() {
            self.source.key_is_awaited(kid);
        }
    }

    fn keys_after_miss(&self, missed: &Arc<KeySnapshot>, miss: Miss<'_>, key_wait: KeyWait) -> Keys {
        match &*self.given.load() {
            // Keys may have been given meanwhile: only the same snapshot again is final.
            Some(given) => Keys::Snapshot(Arc::clone(given)),
            None => self.source.keys_after_miss(missed, miss, key_wait),
        }
    }
}
