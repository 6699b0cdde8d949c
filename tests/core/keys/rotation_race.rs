//! A token that comes just as the refresh ends finds the new key, and in no order of events is it called unknown.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign or lock has failed")]

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use crate::common::ACCEPTED;
use crate::remote::{DAY, INTERVAL, Named, PENDING, RemoteTestVerifier, UNAVAILABLE, World, made_up, read, set};
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
fn a_fetch_that_ends_between_two_reads_is_not_missed() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let open = Arc::new(Open::default());
    // The clock is read after the search in the set and before the schedule: the fetch ends there.
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

#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    MadeUp { number: usize, can_wait: bool },
    NewKey { can_wait: bool },
    Rotate,
    Answer,
    Fail,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => prop_oneof![20_u64..5_000, 20_u64..40_000].prop_map(Event::Wait),
        4 => (0_usize..6, any::<bool>()).prop_map(|(number, can_wait)| Event::MadeUp { number, can_wait }),
        3 => any::<bool>().prop_map(|can_wait| Event::NewKey { can_wait }),
        1 => Just(Event::Rotate),
        4 => Just(Event::Answer),
        1 => Just(Event::Fail),
    ]
}

/// What an observer of one endpoint knows.
#[derive(Default)]
struct Observed {
    now: u64,
    rotated: bool,
    /// Those on their way: when they began, and whether the answer will have the new key.
    fetches: VecDeque<(u64, bool)>,
    /// When the fetch of the set at hand began.
    began: u64,
    first_named: HashMap<usize, u64>,
    was_failing: bool,
}

impl Observed {
    fn look(&mut self, world: &World) {
        while self.fetches.len() < world.open() {
            self.fetches.push_back((self.now, self.rotated));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_new_key_is_never_unknown_and_a_key_missing_from_the_newest_set_is(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let (old, new) = (Named::new("old"), Named::new("new"));
        let world = World::with_keys(std::slice::from_ref(&old.jwk));
        let verifier = world.verifier(INTERVAL, DAY);
        let ask = |token: &str, can_wait| {
            if can_wait { verifier.ask(token) } else { verifier.ask_after_waiting(token) }
        };
        world.wait(Duration::from_millis(20));
        let mut seen = Observed { now: 20, ..Observed::default() };
        for event in events {
            match event {
                Event::Wait(millis) => {
                    let millis = if seen.fetches.is_empty() { millis } else { millis.min(5_000) };
                    world.wait(Duration::from_millis(millis));
                    seen.now += millis;
                }
                Event::MadeUp { number, can_wait } => {
                    let first = *seen.first_named.entry(number).or_insert(seen.now);
                    let answer = ask(&made_up(number), can_wait);
                    prop_assert!([PENDING, UNAVAILABLE, "unknown_key"].contains(&answer), "{answer}");
                    if seen.began >= first && !seen.was_failing {
                        prop_assert_ne!(answer, UNAVAILABLE, "a set that was fetched since lacks the key");
                    }
                }
                Event::NewKey { can_wait } if seen.rotated => {
                    prop_assert_ne!(ask(&new.token, can_wait), "unknown_key");
                }
                Event::Rotate => {
                    seen.rotated = true;
                    world.wait(Duration::from_millis(1));
                    seen.now += 1;
                }
                Event::Answer if world.open() > 0 => {
                    let (began, has_new) = seen.fetches.pop_front().unwrap();
                    let keys = if has_new { vec![old.jwk.clone(), new.jwk.clone()] } else { vec![old.jwk.clone()] };
                    world.publish(&keys);
                    (seen.began, seen.was_failing) = (began, false);
                }
                Event::Fail if world.open() > 0 => {
                    seen.fetches.pop_front();
                    world.fail();
                    seen.was_failing = true;
                }
                Event::NewKey { .. } | Event::Answer | Event::Fail => {}
            }
            seen.look(&world);
            // Each fetch ends within its total timeout, so none is given up here.
            if seen.fetches.front().is_some_and(|(began, _)| seen.now - began > 50_000) {
                seen.fetches.pop_front();
                world.fail();
                seen.was_failing = true;
            }
        }
    }
}
