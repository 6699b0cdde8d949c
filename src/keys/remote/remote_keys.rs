//! An endpoint as one verifier uses it.

use std::sync::Arc;
use std::time::Duration;

use super::endpoint::Endpoint;
use crate::keys::{KeySnapshot, KeySource, KeyWait, Keys, Miss};

/// An endpoint as one verifier uses it.
#[derive(Debug)]
pub struct RemoteKeys {
    endpoint: Arc<Endpoint>,
    refresh_interval: Duration,
    max_stale: Duration,
}

impl RemoteKeys {
    /// Keys of this endpoint, with a forced refresh at most once in `refresh_interval`, used for `max_stale` beyond their
    /// lifetime while refreshes fail.
    #[must_use]
    pub fn new(endpoint: Arc<Endpoint>, refresh_interval: Duration, max_stale: Duration) -> Self {
        Self { endpoint, refresh_interval, max_stale }
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The time until the next fetch may start: after a failure, or in the next interval for unknown keys.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.endpoint.retry_after(self.refresh_interval)
    }
}

impl KeySource for RemoteKeys {
    fn keys(&self) -> Keys {
        self.endpoint.keys(self.max_stale)
    }

    fn key_is_awaited(&self, kid: Option<&str>) {
        self.endpoint.key_is_awaited(kid);
    }

    fn keys_after_miss(&self, missed: &Arc<KeySnapshot>, miss: Miss<'_>, key_wait: KeyWait) -> Keys {
        self.endpoint.keys_after_miss(missed, miss, self.refresh_interval, key_wait)
    }
}
