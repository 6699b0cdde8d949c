//! Endpoints that the verifiers of a process share, so that a set is fetched once for all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::endpoint::{Endpoint, Observer};
use super::fetch::{HttpFetcher, Origin};
use crate::clock;
use crate::http::FetchPolicy;

type Shared = HashMap<(Origin, FetchPolicy), Weak<Endpoint>>;

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

/// The endpoint of this origin under this policy, shared by whoever asks for the same.
#[must_use]
pub fn shared(origin: &Origin, policy: FetchPolicy, observer: Observer) -> Arc<Endpoint> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = shared.get_or_insert_default();
    let key = (origin.clone(), policy);
    if let Some(endpoint) = shared.get(&key).and_then(Weak::upgrade) {
        return endpoint;
    }
    shared.retain(|_, endpoint| endpoint.strong_count() > 0);
    let fetcher = HttpFetcher::new(origin.clone(), policy);
    let endpoint = Endpoint::new(origin.name(), Box::new(fetcher), Box::new(clock::now), observer);
    shared.insert(key, Arc::downgrade(&endpoint));
    endpoint
}
