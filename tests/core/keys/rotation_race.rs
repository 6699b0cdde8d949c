//! A token that comes just as the refresh ends finds the new key.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign or lock has failed")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::ACCEPTED;
use crate::remote::{DAY, INTERVAL, Named, PENDING, RemoteTestVerifier, read, set};
use fastmcp_rs::keys::remote::{Endpoint, EntityTag, Fetcher, OnFetched};

#[derive(Default)]
struct Open(Mutex<Option<OnFetched>>);

#[derive(Clone)]
struct HeldFetcher(Arc<Open>);

impl std::fmt::Debug for HeldFetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeldFetcher")
    }
}

impl Fetcher for HeldFetcher {
    fn fetch(&self, _: Option<EntityTag>, done: OnFetched) {
        *self.0.0.lock().unwrap() = Some(done);
    }
}

#[test]
fn a_fetch_that_ends_between_two_looks_is_not_missed() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let open = Arc::new(Open::default());
    // The clock is looked at after the set was searched and before the schedule is asked: there the fetch ends.
    let looks_left = Arc::new(AtomicUsize::new(usize::MAX));
    let (held, left, both) = (Arc::clone(&open), Arc::clone(&looks_left), set(&[a.jwk.clone(), b.jwk.clone()]));
    let clock = move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let done = held.0.lock().unwrap().take().unwrap();
            done(read(200, &both));
        }
        Duration::from_secs(1_000_000)
    };
    let endpoint =
        Endpoint::new("race", Box::new(HeldFetcher(Arc::clone(&open))), Box::new(clock), Arc::new(|_, _| ()));
    let verifier = RemoteTestVerifier::new(&endpoint, INTERVAL, DAY);

    assert_eq!(verifier.ask(&a.token), PENDING);
    let first = open.0.lock().unwrap().take().unwrap();
    first(read(200, &set(std::slice::from_ref(&a.jwk))));
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    assert_eq!(verifier.ask(&b.token), PENDING);

    // One look for the set, one after the miss.
    looks_left.store(2, Ordering::SeqCst);
    assert_eq!(verifier.ask(&b.token), ACCEPTED);
}
