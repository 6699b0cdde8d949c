//! When keys are fetched: once for all callers, not for malformed tokens, and again when a token shows that they may be
//! old.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign or lock has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{ACCEPTED, Signer, claims, compact, with_signature};
use crate::remote::{DAY, INTERVAL, Named, PENDING, UNAVAILABLE, World, made_up, named};
use fastmcp_rs::jose::jwa::Algorithm;

#[test]
fn nothing_is_fetched_for_what_can_be_refused_without_a_key() {
    let world = World::new();
    let verifier = world.verifier(INTERVAL, DAY);
    let good = Named::new("a").token;
    let headers = [
        "",
        "[]",
        "{}",
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"ES512"}"#,
        r#"{"alg":"EdDSA","crit":["x"],"x":1}"#,
        r#"{"alg":"EdDSA","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":1}"#,
        r#"{"alg":"EdDSA","kid":["a"]}"#,
        r#"{"alg":"EdDSA","kid":null}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
    ];
    let junk =
        ["", "..", "e30.e30.AAAA", "not a token", &format!("{good}."), &format!("{good}\n"), &"a".repeat(70_000)]
            .map(str::to_owned)
            .into_iter()
            .chain(headers.map(|header| compact(header, claims(), [0; 64])));
    for token in junk {
        let verdict = verifier.ask(&token);
        assert!(![ACCEPTED, PENDING, UNAVAILABLE].contains(&verdict), "{token:.60}: {verdict}");
    }
    assert_eq!(world.requests(), 0);
    assert_eq!(verifier.ask(&good), PENDING);
    assert_eq!(world.requests(), 1, "a token that needs a key fetches one");
}

#[test]
fn a_hundred_cold_callers_of_many_verifiers_make_one_request() {
    let world = World::new();
    let a = Named::new("a");
    let woken = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(world.verifier(INTERVAL, DAY).ask(&a.token), PENDING);
                    let woken = Arc::clone(&woken);
                    world.endpoint.on_idle(Box::new(move || {
                        woken.fetch_add(1, Ordering::SeqCst);
                    }));
                }
            });
        }
    });
    assert_eq!((world.requests(), woken.load(Ordering::SeqCst)), (1, 0));
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(woken.load(Ordering::SeqCst), 100);
    for _ in 0..100 {
        assert_eq!(world.verifier(INTERVAL, DAY).ask_after_waiting(&a.token), ACCEPTED);
    }
    assert_eq!(world.requests(), 1);
}

#[test]
fn a_fetch_goes_on_when_its_verifier_is_dropped() {
    let world = World::new();
    let a = Named::new("a");
    let first = world.verifier(INTERVAL, DAY);
    assert_eq!(first.ask(&a.token), PENDING);
    // The caller that waited is gone, and its verifier too.
    drop(first);
    let later = world.verifier(INTERVAL, DAY);
    for _ in 0..10 {
        assert_eq!(later.ask(&a.token), PENDING);
    }
    assert_eq!(world.requests(), 1);
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(later.ask(&a.token), ACCEPTED);
    assert_eq!(world.requests(), 1);
}

#[test]
fn the_endpoint_is_kept_until_its_fetch_ends() {
    let world = World::new();
    let a = Named::new("a");
    assert_eq!(world.verifier(INTERVAL, DAY).ask(&a.token), PENDING);
    let done = world.take();
    let endpoint = Arc::downgrade(&world.endpoint);
    drop(world);
    assert!(endpoint.upgrade().is_some(), "the fetch holds it");
    done(Err(fastmcp_rs::http::HttpError::Timeout.into()));
    assert!(endpoint.upgrade().is_none(), "and nothing else does");
}

#[test]
fn random_kids_force_one_refresh_in_an_interval() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    world.wait_seconds(1);
    for number in 0..1000 {
        assert_eq!(verifier.ask(&made_up(number)), PENDING);
        assert_eq!(verifier.ask(&a.token), ACCEPTED, "a known key waits for nothing");
    }
    assert_eq!(world.requests(), 2);
    world.publish(std::slice::from_ref(&a.jwk));
    for number in 0..1000 {
        world.wait(Duration::from_millis(29));
        assert_eq!(verifier.ask(&made_up(number)), "unknown_key", "at once");
        assert_eq!(verifier.ask(&a.token), ACCEPTED);
    }
    assert_eq!(world.requests(), 2, "up to 29 seconds later");
    world.wait_seconds(2);
    assert_eq!(verifier.ask(&made_up(0)), PENDING);
    assert_eq!(world.requests(), 3);
}

#[test]
fn a_random_kid_is_unknown_after_one_fetch() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(Duration::ZERO, DAY);
    assert_eq!(verifier.ask_after_waiting(&made_up(0)), "unknown_key");
    assert_eq!(world.requests(), 1, "a caller that cannot wait starts no fetch");
    for miss in 0..5 {
        assert_eq!(verifier.ask(&made_up(miss)), PENDING, "an interval of 0 fetches at every miss");
        world.publish(std::slice::from_ref(&a.jwk));
        assert_eq!(verifier.ask_after_waiting(&made_up(miss)), "unknown_key");
        assert_eq!(world.requests(), 2 + miss);
    }
}

#[test]
fn a_flood_leaves_no_memory_behind() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    assert_eq!(verifier.ask(&made_up(0)), PENDING);
    world.publish(std::slice::from_ref(&a.jwk));
    let before = format!("{:?}", world.status());
    for number in 0..10_000 {
        assert_eq!(verifier.ask(&made_up(number)), "unknown_key");
    }
    assert_eq!(format!("{:?}", world.status()), before);
    assert_eq!((world.requests(), world.open()), (2, 0));
    assert_eq!(world.events(), [""; 0]);
}

#[test]
fn a_key_published_right_after_the_first_fetch_is_found_at_once() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    world.wait_seconds(1);
    assert_eq!(verifier.ask(&b.token), PENDING);
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    world.publish(&[a.jwk.clone(), b.jwk.clone()]);
    assert_eq!(verifier.ask_after_waiting(&b.token), ACCEPTED);
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    assert_eq!(world.requests(), 2);
}

#[test]
fn an_attacker_delays_a_rotated_key_by_one_interval_at_most() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    let mut published = vec![a.jwk.clone()];
    let mut accepted_after = None;
    for tick in 0..1200_u64 {
        world.wait(Duration::from_millis(100));
        if tick == 605 {
            published.push(b.jwk.clone());
        }
        // Ten made-up ids a tick keep the interval spent at all times.
        for number in 0..10 {
            let verdict = verifier.ask(&made_up(number));
            assert!([PENDING, "unknown_key"].contains(&verdict), "{verdict}");
        }
        while world.open() > 0 {
            world.publish(&published);
        }
        assert_eq!(verifier.ask(&a.token), ACCEPTED);
        if tick >= 605 && accepted_after.is_none() && verifier.ask(&b.token) == ACCEPTED {
            accepted_after = Some(tick - 605);
        }
    }
    assert!(accepted_after.is_some_and(|ticks| ticks <= 301), "{accepted_after:?} tenths of a second");
    assert!(world.requests() <= 1 + 5, "{} requests in 2 minutes", world.requests());
}

#[test]
fn a_changed_key_under_the_same_kid_is_found_and_the_old_one_refused() {
    let old = Named::new("a");
    let new = Signer::fresh(Algorithm::EdDSA);
    let (new_jwk, new_token) = (new.jwk(r#","kid":"a""#), named(&new, "a"));
    let world = World::with_keys(std::slice::from_ref(&old.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    assert_eq!(verifier.ask(&new_token), PENDING, "a failed signature under a known name may be a changed key");
    assert_eq!(verifier.ask(&old.token), ACCEPTED);
    world.publish(&[new_jwk]);
    assert_eq!(verifier.ask_after_waiting(&new_token), ACCEPTED);
    // The interval is spent, so nothing is fetched for the old key.
    assert_eq!(verifier.ask(&old.token), "invalid_signature");
    assert_eq!(world.requests(), 2);
}

#[test]
fn forged_signatures_force_one_refresh_in_an_interval() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    for byte in 0..100 {
        assert_eq!(verifier.ask(&with_signature(&a.token, &[byte; 64])), PENDING);
    }
    world.publish(std::slice::from_ref(&a.jwk));
    for byte in 0..100 {
        assert_eq!(verifier.ask_after_waiting(&with_signature(&a.token, &[byte; 64])), "invalid_signature");
        assert_eq!(verifier.ask(&with_signature(&a.token, &[byte; 64])), "invalid_signature");
    }
    assert_eq!(world.requests(), 2);
    world.wait_seconds(31);
    assert_eq!(verifier.ask(&with_signature(&a.token, &[0; 64])), PENDING);
    world.fail();
    assert_eq!(verifier.ask(&with_signature(&a.token, &[0; 64])), "invalid_signature", "an outage excuses no forgery");
}

#[test]
fn a_wrong_claim_or_an_ambiguous_key_fetches_nothing() {
    let (a, b) = (Named::new("a"), Named::new("a"));
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let expired = a.signer.sign(a.signer.header(r#","kid":"a""#), crate::common::claim("exp", "1"));
    assert_eq!(world.verifier(INTERVAL, DAY).ask(&expired), "expired");
    let world = World::with_keys(&[a.jwk, b.jwk]);
    assert_eq!(world.verifier(INTERVAL, DAY).ask(&a.token), "ambiguous_key");
    assert_eq!(world.requests(), 1);
}

#[test]
fn two_verifiers_of_one_endpoint_keep_to_their_own_interval_and_limit() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let (eager, patient) = (world.verifier(Duration::ZERO, DAY), world.verifier(INTERVAL, Duration::ZERO));
    assert_eq!(patient.ask(&made_up(0)), PENDING);
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(patient.ask(&made_up(0)), "unknown_key");
    assert_eq!(eager.ask(&made_up(0)), PENDING);
    assert_eq!(patient.ask(&made_up(0)), PENDING, "a fetch that is under way is shared by all");
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(world.requests(), 3);
    // Past the lifetime one continues with the set and the other does not.
    world.wait_seconds(599);
    assert_eq!(eager.ask(&a.token), ACCEPTED);
    world.wait_seconds(1);
    assert_eq!(eager.ask(&a.token), ACCEPTED);
    assert_eq!(patient.ask(&a.token), PENDING);
    assert_eq!(world.requests(), 4, "and they share the refresh");
    world.fail();
    assert_eq!(eager.ask(&a.token), ACCEPTED);
    assert_eq!(patient.ask(&a.token), UNAVAILABLE);
}
