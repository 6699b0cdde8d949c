//! A token that comes just as the refresh ends finds the new key.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign or lock has failed")]

mod common;
#[path = "common/remote.rs"]
mod remote;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::ACCEPTED;
use fastmcp_rs::keys::remote::{Done, Endpoint, EntityTag, Fetcher};
use remote::{DAY, INTERVAL, Named, PENDING, RemoteDoor, read, set};

#[derive(Default)]
struct Open(Mutex<Option<Done>>);

#[derive(Clone)]
struct AtDesk(Arc<Open>);

impl std::fmt::Debug for AtDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AtDesk")
    }
}

impl Fetcher for AtDesk {
    fn fetch(&self, _: Option<EntityTag>, done: Done) {
        *self.0.0.lock().unwrap() = Some(done);
    }
}

#[test]
fn a_fetch_that_ends_between_two_looks_is_not_missed() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let open = Arc::new(Open::default());
    // The clock is looked at after the set was searched and before the schedule is asked: there the fetch ends.
    let looks_left = Arc::new(AtomicUsize::new(usize::MAX));
    let (desk, left, both) = (Arc::clone(&open), Arc::clone(&looks_left), set(&[a.jwk.clone(), b.jwk.clone()]));
    let clock = move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let done = desk.0.lock().unwrap().take().unwrap();
            done(read(200, &both));
        }
        Duration::from_secs(1_000_000)
    };
    let endpoint = Endpoint::new("race", Box::new(AtDesk(Arc::clone(&open))), Box::new(clock), Arc::new(|_, _| ()));
    let door = RemoteDoor::new(&endpoint, INTERVAL, DAY);

    assert_eq!(door.ask(&a.token), PENDING);
    let first = open.0.lock().unwrap().take().unwrap();
    first(read(200, &set(std::slice::from_ref(&a.jwk))));
    assert_eq!(door.ask(&a.token), ACCEPTED);
    assert_eq!(door.ask(&b.token), PENDING);

    // One look for the set, one after the miss.
    looks_left.store(2, Ordering::SeqCst);
    assert_eq!(door.ask(&b.token), ACCEPTED);
}
