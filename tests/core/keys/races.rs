//! Many threads at one endpoint while its sets are swapped: every answer is one of the sets, and no caller
//! waits for ever.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign or lock has failed")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::common::ACCEPTED;
use crate::remote::{DAY, Named, PENDING, RemoteTestVerifier, UNAVAILABLE, made_up, read, set};
use fastmcp_rs::http::HttpError;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::keys::remote::{Endpoint, EntityTag, FetchError, FetchReply, Fetcher, OnFetched, RemoteKeys};
use fastmcp_rs::keys::{KeySource, KeyWait, Keys, Miss};

/// Answers from threads of its own: sets in turn, and every seventh time a failure.
#[derive(Debug)]
struct Turning {
    bodies: Vec<String>,
    turns: Arc<AtomicUsize>,
    answers: mpsc::Sender<FetchContent>,
}

type FetchContent = (OnFetched, Result<FetchReply, FetchError>);

impl Fetcher for Turning {
    fn fetch(&self, _: Option<EntityTag>, done: OnFetched) {
        let turn = self.turns.fetch_add(1, Ordering::SeqCst);
        let answer = if turn % 7 == 6 {
            Err(HttpError::Broken.into())
        } else {
            read(200, &self.bodies[turn % self.bodies.len()])
        };
        self.answers.send((done, answer)).unwrap();
    }
}

/// An endpoint on a clock that leaps so many seconds at each look.
fn turning(bodies: &[String], leap: usize) -> (Arc<Endpoint>, Arc<AtomicUsize>) {
    let turns = Arc::new(AtomicUsize::new(0));
    let (answers, to_give) = mpsc::channel::<FetchContent>();
    let to_give = Arc::new(Mutex::new(to_give));
    for _ in 0..2 {
        let to_give = Arc::clone(&to_give);
        std::thread::spawn(move || {
            loop {
                let next = to_give.lock().unwrap().recv();
                let Ok((done, answer)) = next else { return };
                done(answer);
            }
        });
    }
    let fetcher = Turning { bodies: bodies.to_vec(), turns: Arc::clone(&turns), answers };
    let looks = AtomicUsize::new(1);
    let clock = move || Duration::from_secs((leap * looks.fetch_add(1, Ordering::SeqCst)) as u64);
    (Endpoint::new("race", Box::new(fetcher), Box::new(clock), Arc::new(|_, _| ())), turns)
}

/// Runs the work in threads, and fails instead of hanging.
fn within_seconds(seconds: u64, work: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        let _ = sender.send(());
    });
    receiver.recv_timeout(Duration::from_secs(seconds)).unwrap_or_else(|error| panic!("stuck or failed: {error}"));
}

#[test]
fn every_decision_is_by_one_of_the_sets() {
    within_seconds(30, || {
        let rounds: Vec<Vec<Named>> =
            (0..3).map(|set| vec![Named::new(&format!("{set}-a")), Named::new(&format!("{set}-b"))]).collect();
        let bodies: Vec<_> = rounds.iter().map(|keys| set(&[keys[0].jwk.clone(), keys[1].jwk.clone()])).collect();
        let (endpoint, turns) = turning(&bodies, 600);
        let source = RemoteKeys::new(Arc::clone(&endpoint), Duration::ZERO, Duration::MAX);
        let kids: Vec<[String; 2]> = (0..3).map(|set| [format!("{set}-a"), format!("{set}-b")]).collect();
        let seen = Mutex::new(HashMap::<usize, usize>::new());
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (source, kids, seen) = (&source, &kids, &seen);
                scope.spawn(move || {
                    for round in 0..3000 {
                        let keys = match source.keys() {
                            Keys::Snapshot(keys) if (round + thread) % 3 == 0 => {
                                source.keys_after_miss(&keys, Miss::Signature, KeyWait::MayWait)
                            }
                            keys => keys,
                        };
                        let Keys::Snapshot(keys) = keys else { continue };
                        // Both keys of one set, and none of another.
                        let of: Vec<_> = (0..3)
                            .filter(|&set| {
                                let [a, b] = [&kids[set][0], &kids[set][1]]
                                    .map(|kid| keys.keys.select(Algorithm::EdDSA, Some(kid)).is_ok());
                                assert_eq!(a, b, "half a set");
                                a
                            })
                            .collect();
                        assert_eq!(of.len(), 1, "{of:?}");
                        *seen.lock().unwrap().entry(of[0]).or_default() += 1;
                    }
                });
            }
        });
        assert_eq!(seen.lock().unwrap().len(), 3, "each set was seen");
        assert!(turns.load(Ordering::SeqCst) > 10);
    });
}

#[test]
fn good_tokens_are_accepted_while_sets_are_swapped_under_a_flood() {
    within_seconds(30, || {
        let (a, b) = (Named::new("a"), Named::new("b"));
        let bodies = [set(&[a.jwk.clone(), b.jwk.clone()]), set(&[b.jwk.clone(), a.jwk.clone()])];
        let (endpoint, turns) = turning(&bodies, 1);
        let verifier = Arc::new(RemoteTestVerifier::new(&endpoint, Duration::ZERO, DAY.saturating_mul(1_000_000)));
        while verifier.ask(&a.token) != ACCEPTED {
            std::thread::yield_now();
        }
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let flood: Vec<_> = (0..4)
                .map(|thread| {
                    let (verifier, over) = (&verifier, &over);
                    scope.spawn(move || {
                        let mut number = thread;
                        while !over.load(Ordering::Relaxed) {
                            let verdict = verifier.ask(&made_up(number));
                            assert!([PENDING, UNAVAILABLE, "unknown_key"].contains(&verdict), "{verdict}");
                            number += 4;
                        }
                    })
                })
                .collect();
            let good: Vec<_> = [&a, &b, &a, &b]
                .map(|named| {
                    let verifier = &verifier;
                    scope.spawn(move || {
                        for _ in 0..3000 {
                            assert_eq!(verifier.ask(&named.token), ACCEPTED);
                        }
                    })
                })
                .into();
            let ended: Vec<_> = good.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            over.store(true, Ordering::Relaxed);
            assert!(ended.iter().all(Result::is_ok));
            assert!(flood.into_iter().all(|thread| thread.join().is_ok()));
        });
        assert!(turns.load(Ordering::SeqCst) > 10);
    });
}

#[test]
fn each_waiting_caller_is_woken() {
    within_seconds(30, || {
        let a = Named::new("a");
        let (endpoint, _) = turning(&[set(std::slice::from_ref(&a.jwk))], 600);
        // With no stale use and a clock that leaps, nearly every look needs a fetch.
        let verifier = RemoteTestVerifier::new(&endpoint, Duration::ZERO, Duration::ZERO);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let verdict = verifier.ask(&a.token);
                        if verdict == PENDING {
                            let (wake, woken) = mpsc::channel();
                            endpoint.on_idle(Box::new(move || {
                                let _ = wake.send(());
                            }));
                            woken.recv_timeout(Duration::from_secs(10)).unwrap();
                        }
                    }
                });
            }
        });
    });
}
