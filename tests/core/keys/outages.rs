//! What happens while an endpoint fails: known keys go on up to a limit, everything else is unavailable.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign or lock has failed")]

use std::time::Duration;

use crate::common::{ACCEPTED, NOW, without};
use crate::remote::{DAY, HOUR, INTERVAL, Named, PENDING, UNAVAILABLE, World, made_up, set};

/// Past the lifetime, and so past any refresh ahead of it.
const PAST_LIFETIME: u64 = 601;

#[test]
fn the_pause_after_failures_grows_with_each() {
    let a = Named::new("a");
    let world = World::new();
    let verifier = world.verifier(INTERVAL, DAY);
    for _ in 0..1000 {
        let verdict = verifier.ask(&a.token);
        assert_eq!(verdict, if world.open() > 0 { PENDING } else { UNAVAILABLE });
        while world.open() > 0 {
            world.fail();
            assert_eq!(verifier.ask(&a.token), UNAVAILABLE);
            assert_eq!(verifier.ask_after_waiting(&a.token), UNAVAILABLE);
        }
        world.wait(Duration::from_millis(60));
    }
    assert!((4..=8).contains(&world.requests()), "{} requests in a minute", world.requests());
    assert_eq!(world.events().len(), 1, "one warning");
    // The endpoint is back: that is seen within the current step, which is 30 seconds at most.
    let seen = (0..=300).find(|_| {
        world.wait(Duration::from_millis(100));
        verifier.ask(&a.token) == PENDING
    });
    assert!(seen.is_some());
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    assert_eq!(world.events(), ["recovered"]);
}

#[test]
fn the_pause_after_a_first_failure_is_a_second() {
    let a = Named::new("a");
    let world = World::new();
    let verifier = world.verifier(INTERVAL, DAY);
    verifier.ask(&a.token);
    world.fail();
    assert_eq!(verifier.ask(&a.token), UNAVAILABLE);
    world.wait(Duration::from_millis(1001));
    assert_eq!(verifier.ask(&a.token), PENDING);
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    // What failed before does not lengthen the pauses after a success.
    world.wait_seconds(PAST_LIFETIME);
    verifier.ask(&a.token);
    world.fail();
    world.wait(Duration::from_millis(1001));
    verifier.ask(&a.token);
    assert_eq!(world.requests(), 4);
}

#[test]
fn a_set_is_refreshed_ahead_of_its_end_and_no_caller_waits() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    let mut first_refresh = None;
    for second in 0..700_u64 {
        assert_eq!(verifier.ask(&a.token), ACCEPTED, "second {second}");
        if world.open() > 0 && first_refresh.is_none() {
            first_refresh = Some(second);
        }
        world.wait_seconds(1);
        if first_refresh.is_some_and(|started| second == started + 5) {
            world.publish(std::slice::from_ref(&a.jwk));
        }
    }
    assert!(first_refresh.is_some_and(|second| (479..=541).contains(&second)), "{first_refresh:?}");
    assert_eq!(world.requests(), 2);
}

#[test]
fn a_refresh_that_hangs_past_the_end_of_the_lifetime_delays_no_caller() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    world.wait_seconds(595);
    for second in 595..620 {
        assert_eq!(verifier.ask(&a.token), ACCEPTED, "second {second}");
        world.wait_seconds(1);
    }
    assert_eq!((world.requests(), world.open()), (2, 1));
    world.fail();
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
}

#[test]
fn after_a_long_idle_time_a_withdrawn_key_is_refused_at_once() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    world.wait(HOUR);
    assert_eq!(verifier.ask(&a.token), PENDING, "it may have been withdrawn");
    assert_eq!(verifier.ask(&b.token), PENDING);
    assert_eq!((world.requests(), world.open()), (2, 1));
    world.publish(std::slice::from_ref(&b.jwk));
    assert_eq!((verifier.ask_after_waiting(&a.token), verifier.ask(&b.token)), ("unknown_key", ACCEPTED));
}

#[test]
fn after_a_long_idle_time_a_refresh_that_fails_or_hangs_leaves_the_stale_set() {
    let a = Named::new("a");
    for hangs in [false, true] {
        let world = World::with_keys(std::slice::from_ref(&a.jwk));
        let verifier = world.verifier(INTERVAL, DAY);
        world.wait(HOUR);
        assert_eq!(verifier.ask(&a.token), PENDING);
        if hangs {
            world.wait(Duration::from_millis(4999));
            assert_eq!(verifier.ask(&a.token), PENDING);
            world.wait(Duration::from_millis(1));
        } else {
            world.fail();
            assert_eq!(verifier.ask_after_waiting(&a.token), ACCEPTED);
            world.wait_seconds(1);
        }
        assert_eq!(verifier.ask(&a.token), ACCEPTED, "no caller waits for the next try, nor for a slow one");
        assert_eq!((world.requests(), world.open()), (if hangs { 2 } else { 3 }, 1));
    }
}

#[test]
fn a_change_of_the_wall_clock_changes_no_lifetime() {
    const YEAR: i64 = 365 * 86_400;
    let a = Named::new("a");
    let token = a.signer.sign(a.signer.header(r#","kid":"a""#), without("exp"));
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, Duration::ZERO);
    let next_refresh = world.status().next_refresh;
    for wall_clock in [NOW - YEAR, NOW, NOW + YEAR] {
        assert_eq!(verifier.ask_at(&token, wall_clock), ACCEPTED);
    }
    assert_eq!((world.requests(), world.status().next_refresh), (1, next_refresh));
    world.wait_seconds(PAST_LIFETIME);
    for wall_clock in [NOW - YEAR, NOW, NOW + YEAR] {
        assert_eq!(verifier.ask_at(&token, wall_clock), PENDING);
    }
}

#[test]
fn waking_from_suspend_causes_a_refresh_as_after_a_long_idle_time() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    for nap in [HOUR, DAY * 30] {
        assert_eq!(verifier.ask(&a.token), ACCEPTED);
        // The clock runs while the machine is suspended.
        world.wait(nap);
        assert_eq!(verifier.ask(&a.token), PENDING);
        assert_eq!(world.open(), 1);
        world.publish(&[a.jwk.clone(), b.jwk.clone()]);
        assert_eq!(verifier.ask(&a.token), ACCEPTED);
    }
}

#[test]
fn known_keys_verify_until_jwks_max_stale_and_unknown_ones_are_unavailable_at_once() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, HOUR);
    world.events();
    let limit = 600 + 3600;
    let mut failed = 0;
    for second in (0..limit).step_by(10) {
        assert_eq!(verifier.ask(&a.token), ACCEPTED, "second {second}");
        let verdict = verifier.ask(&b.token);
        assert!([PENDING, UNAVAILABLE].contains(&verdict), "{verdict}: it cannot be decided now");
        while world.open() > 0 {
            world.fail();
            failed += 1;
        }
        assert_eq!(verifier.ask_after_waiting(&b.token), UNAVAILABLE);
        assert_eq!(verifier.ask(&a.token), ACCEPTED);
        world.wait_seconds(10);
    }
    assert_eq!(world.events().len(), 1, "one warning for {failed} failures");
    assert!(failed > 10);
    for _ in 0..10 {
        world.wait_seconds(1);
        assert!([PENDING, UNAVAILABLE].contains(&verifier.ask(&a.token)));
        while world.open() > 0 {
            world.fail();
        }
        assert_eq!(verifier.ask(&a.token), UNAVAILABLE);
    }
    // Back again: the limit is no grave.
    world.wait_seconds(31);
    assert_eq!(verifier.ask(&a.token), PENDING);
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    assert_eq!(world.events(), ["recovered"]);
}

#[test]
fn beyond_jwks_max_stale_nothing_is_accepted_even_if_remembered() {
    let a = Named::new("a");
    for (max_stale, limit) in [(Duration::ZERO, 600), (Duration::from_secs(60), 660), (DAY, 87_000)] {
        let world = World::with_keys(std::slice::from_ref(&a.jwk));
        let verifier = world.verifier(INTERVAL, max_stale);
        assert_eq!(verifier.ask(&a.token), ACCEPTED);
        world.wait_seconds(599);
        verifier.ask(&a.token);
        world.fail();
        world.wait_seconds(limit - 600);
        assert_eq!(verifier.ask(&a.token), ACCEPTED, "{limit}");
        if world.open() > 0 {
            world.fail();
        }
        world.wait_seconds(1);
        assert!([PENDING, UNAVAILABLE].contains(&verifier.ask(&a.token)), "{limit}");
        if world.open() > 0 {
            world.fail();
        }
        assert_eq!(verifier.ask(&a.token), UNAVAILABLE, "{limit}");
        assert_eq!(verifier.ask_after_waiting(&a.token), UNAVAILABLE, "{limit}");
    }
}

#[test]
fn a_bad_response_replaces_nothing_and_is_logged_once() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let secret = r#"{"kty":"oct","kid":"b","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
    let truncated = set(std::slice::from_ref(&b.jwk));
    let truncated = &truncated[..truncated.len() - 2];
    let encryption = b.signer.jwk(r#","kid":"b","use":"enc""#);
    let many = set(&vec![b.jwk.clone(); 1001]);
    let large = format!("{}{}", set(std::slice::from_ref(&b.jwk)), " ".repeat(1024 * 1024));
    let bad: Vec<(u16, String, &str)> = vec![
        (500, set(std::slice::from_ref(&b.jwk)), "status 500"),
        (404, String::new(), "status 404"),
        (204, String::new(), "status 204"),
        (206, set(std::slice::from_ref(&b.jwk)), "status 206"),
        (302, set(std::slice::from_ref(&b.jwk)), "redirect (302)"),
        (304, String::new(), "status 304"),
        (200, "<!doctype html><title>Log in</title>".to_owned(), "not a usable JWK Set"),
        (200, truncated.to_owned(), "not a usable JWK Set"),
        (200, String::new(), "not a usable JWK Set"),
        (200, "[]".to_owned(), "not a usable JWK Set"),
        (200, "null".to_owned(), "not a usable JWK Set"),
        (200, r#"{"error":"x"}"#.to_owned(), "it has \"error\""),
        (200, r#"{"keys":null}"#.to_owned(), "no array \"keys\""),
        (200, r#"{"keys":{}}"#.to_owned(), "no array \"keys\""),
        (200, r#"{"keys":[]}"#.to_owned(), "no key of it"),
        (200, r#"{"keys":[null,5,[],"x",{}]}"#.to_owned(), "no key of it"),
        (200, set(&[secret.to_owned()]), "no key of it"),
        (200, set(&[encryption]), "no key of it"),
        (200, many, "more than 1000 keys"),
        (200, large, "larger than is read"),
        (200, format!("\u{feff}\u{feff}{}", set(std::slice::from_ref(&b.jwk))), "a byte order mark"),
        (200, format!("{}x", set(std::slice::from_ref(&b.jwk))), "not a usable JWK Set"),
    ];
    for (status, body, cause) in bad {
        let world = World::with_keys(std::slice::from_ref(&a.jwk));
        let verifier = world.verifier(INTERVAL, DAY);
        assert_eq!(verifier.ask(&b.token), PENDING);
        world.answer(status, None, None, &body);
        assert_eq!(verifier.ask(&a.token), ACCEPTED, "{cause}");
        assert_eq!(verifier.ask_after_waiting(&b.token), UNAVAILABLE, "{cause}");
        let told = world.status().last_error.unwrap_or_default();
        assert!(told.contains(cause), "{cause}: {told}");
        assert_eq!(world.events(), [format!("failing: {told}")]);
        world.wait_seconds(2);
        assert_eq!(verifier.ask(&b.token), PENDING);
        world.answer(status, None, None, &body);
        assert_eq!(world.events(), [""; 0], "{cause}: logged once");
        world.wait_seconds(4);
        assert_eq!(verifier.ask(&b.token), PENDING);
        world.publish(&[a.jwk.clone(), b.jwk.clone()]);
        assert_eq!(verifier.ask_after_waiting(&b.token), ACCEPTED, "{cause}");
        assert_eq!(world.events(), ["recovered"], "{cause}");
        assert_eq!(world.status().last_error, None);
    }
}

#[test]
fn a_good_response_replaces_the_whole_set_at_once() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    verifier.ask(&b.token);
    world.publish(std::slice::from_ref(&b.jwk));
    assert_eq!((verifier.ask(&b.token), verifier.ask(&a.token)), (ACCEPTED, "unknown_key"));
}

#[test]
fn a_withdrawn_key_stops_at_the_next_successful_fetch_and_no_sooner() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let world = World::with_keys(&[a.jwk.clone(), b.jwk.clone()]);
    let verifier = world.verifier(INTERVAL, DAY);
    world.wait_seconds(PAST_LIFETIME);
    assert_eq!(verifier.ask(&a.token), PENDING);
    world.fail();
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    world.wait_seconds(2);
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    world.publish(std::slice::from_ref(&b.jwk));
    assert_eq!(verifier.ask_after_waiting(&a.token), "unknown_key");
    assert_eq!(verifier.ask(&b.token), ACCEPTED);
}

#[test]
fn an_endpoint_that_is_down_at_the_start_is_unavailable_and_then_recovers() {
    let a = Named::new("a");
    let world = World::new();
    let verifier = world.verifier(INTERVAL, DAY);
    assert_eq!(verifier.ask(&a.token), PENDING);
    world.fail();
    assert_eq!(verifier.ask_after_waiting(&a.token), UNAVAILABLE);
    assert_eq!(world.status().last_error.as_deref(), Some("the endpoint did not answer in time"));
    world.wait_seconds(1);
    assert_eq!(verifier.ask(&a.token), PENDING);
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    let heard = world.events();
    assert_eq!(heard.len(), 2);
    assert!(heard[0].starts_with("failing: ") && heard[1] == "recovered", "{heard:?}");
}

#[test]
fn an_unknown_key_is_unavailable_while_the_endpoint_is_down() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    verifier.ask(&made_up(0));
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(verifier.ask(&made_up(0)), "unknown_key");
    world.wait_seconds(31);
    assert_eq!(verifier.ask(&made_up(0)), PENDING);
    world.fail();
    assert_eq!(verifier.ask(&made_up(0)), UNAVAILABLE);
    world.wait_seconds(1);
    assert_eq!(verifier.ask(&made_up(0)), PENDING);
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(verifier.ask(&made_up(0)), "unknown_key");
}

#[test]
fn a_flood_during_an_outage_fetches_no_more_often_than_the_pauses_allow() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(Duration::ZERO, DAY);
    for number in 0..6000 {
        world.wait(Duration::from_millis(10));
        verifier.ask(&made_up(number));
        while world.open() > 0 {
            world.fail();
        }
        assert_eq!(verifier.ask(&a.token), ACCEPTED);
    }
    assert!(world.requests() <= 1 + 8, "{} requests in a minute", world.requests());
}

#[test]
fn a_fetch_that_is_dropped_has_failed() {
    let a = Named::new("a");
    let world = World::new();
    let verifier = world.verifier(INTERVAL, DAY);
    verifier.ask(&a.token);
    let (wake, woken) = std::sync::mpsc::channel();
    world.endpoint.on_idle(Box::new(move || wake.send(()).unwrap()));
    drop(world.take());
    woken.try_recv().unwrap();
    assert_eq!(verifier.ask_after_waiting(&a.token), UNAVAILABLE);
    assert_eq!(world.events().len(), 1);
}
