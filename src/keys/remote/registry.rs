//! Endpoints that the verifiers of a process share, so that a set is fetched once for all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::endpoint::{Endpoint, Observer};
use super::http_fetcher::HttpFetcher;
use super::retrieval::KeyLocator;
use crate::discovery::Issuer;
use crate::http::SsrfPolicy;
use crate::runtime::clock;

type Shared = HashMap<(KeyLocator, SsrfPolicy, Option<Box<str>>), Weak<Endpoint>>;

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

/// The endpoint of this locator, policy and further value of `use`, shared by all verifiers with the same three. The first
/// verifier decides which issuer's metadata is asked if the URL gives no keys.
#[must_use]
pub fn shared(
    locator: &KeyLocator,
    policy: SsrfPolicy,
    key_use: Option<Box<str>>,
    issuer: Option<Issuer>,
    observer: Observer,
) -> Arc<Endpoint> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = shared.get_or_insert_default();
    let key = (locator.clone(), policy, key_use.clone());
    if let Some(endpoint) = shared.get(&key).and_then(Weak::upgrade) {
        return endpoint;
    }
    shared.retain(|_, endpoint| endpoint.strong_count() > 0);
    let fetcher = HttpFetcher::new(locator.clone(), policy, key_use).with_issuer(issuer);
    let endpoint = Endpoint::new(locator.name(), Box::new(fetcher), Box::new(clock::now), observer);
    shared.insert(key, Arc::downgrade(&endpoint));
    endpoint
}
