//! What is bounded or ordered: late responses, cache headers, malformed keys, and what is logged of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign or lock has failed")]

use std::time::Duration;

use crate::common::ACCEPTED;
use crate::remote::{DAY, INTERVAL, Named, PENDING, UNAVAILABLE, World, made_up, read, set};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;

/// As long as any fetch can take, and longer.
const ABANDONED: u64 = 61;

#[test]
fn the_response_to_the_later_request_stays() {
    let (a, b) = (Named::new("a"), Named::new("b"));
    let world = World::new();
    let verifier = world.verifier(INTERVAL, DAY);
    verifier.ask(&a.token);
    let first = world.take();
    world.wait_seconds(ABANDONED);
    assert_eq!(verifier.ask(&a.token), PENDING);
    assert_eq!(world.requests(), 2, "a fetch that never came back delays no other");
    world.publish(std::slice::from_ref(&b.jwk));
    first(read(200, &set(std::slice::from_ref(&a.jwk))));
    assert_eq!(verifier.ask(&b.token), ACCEPTED);
    assert_eq!(verifier.ask_after_waiting(&a.token), "unknown_key");
}

#[test]
fn a_late_outcome_replaces_none_of_a_later_fetch() {
    let a = Named::new("a");
    for late_is_good in [false, true] {
        let world = World::new();
        let verifier = world.verifier(INTERVAL, DAY);
        verifier.ask(&a.token);
        let first = world.take();
        world.wait_seconds(ABANDONED);
        verifier.ask(&a.token);
        let good = || read(200, &set(std::slice::from_ref(&a.jwk)));
        let bad = || read(500, "");
        world.end(if late_is_good { bad() } else { good() });
        world.events();
        first(if late_is_good { good() } else { bad() });
        assert_eq!(world.events(), [""; 0]);
        assert_eq!(world.status().last_error.is_some(), late_is_good);
        assert_eq!(verifier.ask(&a.token), if late_is_good { UNAVAILABLE } else { ACCEPTED });
    }
}

#[test]
fn keys_and_bytes_are_counted() {
    let a = Named::new("a");
    let full = |count: usize| set(&vec![a.jwk.clone(); count]);
    assert!(read(200, &full(1000)).is_ok());
    assert!(read(200, &full(1001)).is_err());
    let padded = |bytes: usize| full(1) + &" ".repeat(bytes - full(1).len());
    assert!(read(200, &padded(1024 * 1024)).is_ok());
    assert!(read(200, &padded(1024 * 1024 + 1)).is_err());
}

#[test]
fn cache_headers_set_the_lifetime_within_bounds() {
    let a = Named::new("a");
    for (hint, seconds) in [
        (None, 600),
        (Some("max-age=60"), 60),
        (Some("max-age=5"), 30),
        (Some("max-age=0"), 30),
        (Some("max-age=1000000000"), 3600),
        (Some("no-store"), 600),
        (Some("junk;;"), 600),
    ] {
        let world = World::new();
        let verifier = world.verifier(INTERVAL, Duration::ZERO);
        verifier.ask(&a.token);
        world.answer(200, None, hint, &set(std::slice::from_ref(&a.jwk)));
        let next = world.status().next_refresh.unwrap().as_secs_f64();
        let lifetime = f64::from(u32::try_from(seconds).unwrap());
        assert!((lifetime * 0.79..=lifetime * 0.91).contains(&next), "{hint:?}: {next}");
        world.wait_seconds(seconds - 1);
        assert_eq!(verifier.ask(&a.token), ACCEPTED, "{hint:?}");
        world.wait_seconds(1);
        assert_eq!(verifier.ask(&a.token), PENDING, "{hint:?}: with no stale use it ends here");
    }
}

#[test]
fn a_304_to_a_conditional_request_renews_the_set() {
    let a = Named::new("a");
    let world = World::new();
    let verifier = world.verifier(INTERVAL, Duration::ZERO);
    verifier.ask(&a.token);
    assert_eq!(world.last_tag(), None);
    world.answer(200, Some("\"v1\""), Some("max-age=60"), &set(std::slice::from_ref(&a.jwk)));
    for _ in 0..5 {
        world.wait_seconds(55);
        assert_eq!(verifier.ask(&a.token), ACCEPTED);
        assert_eq!(world.last_tag().as_deref(), Some("\"v1\""));
        world.answer(304, None, Some("max-age=60"), "");
        assert_eq!(world.status().age, Some(Duration::ZERO));
        assert_eq!(verifier.ask_after_waiting(&made_up(0)), "unknown_key", "a 304 is a success");
    }
    assert_eq!(world.events(), [""; 0]);
}

#[test]
fn a_304_without_a_conditional_request_renews_nothing() {
    let a = Named::new("a");
    let world = World::new();
    let verifier = world.verifier(INTERVAL, Duration::ZERO);
    verifier.ask(&a.token);
    world.answer(304, None, None, "");
    assert_eq!(verifier.ask(&a.token), UNAVAILABLE);
    world.wait_seconds(1);
    verifier.ask(&a.token);
    world.publish(std::slice::from_ref(&a.jwk));
    world.wait_seconds(599);
    assert_eq!(verifier.ask(&a.token), ACCEPTED);
    world.answer(304, None, None, "");
    assert_eq!(world.status().last_error.as_deref(), Some("the endpoint answered with status 304"));
    world.wait_seconds(2);
    assert_eq!(verifier.ask(&a.token), PENDING);
}

#[test]
fn the_status_describes_the_set_without_keys() {
    let a = Named::new("a");
    let rsa = crate::common::rsa_signer();
    let world = World::new();
    let empty = world.status();
    assert!(empty.keys.is_empty() && empty.age.is_none() && empty.next_refresh.is_none());
    assert_eq!((empty.last_error, empty.fetches), (None, (0, 0)));
    let verifier = world.verifier(INTERVAL, DAY);
    verifier.ask(&a.token);
    world.fail();
    world.wait_seconds(1);
    verifier.ask(&a.token);
    world.publish(&[a.jwk.clone(), rsa.jwk(r#","kid":"r","alg":"RS256""#)]);
    world.wait_seconds(7);
    let status = world.status();
    let keys: Vec<_> = status.keys.iter().map(|key| (key.kid.as_deref(), key.kty, key.alg)).collect();
    assert_eq!(keys, [(Some("a"), "OKP", None), (Some("r"), "RSA", Some(Algorithm::RS256))]);
    assert_eq!(status.age, Some(Duration::from_secs(7)));
    assert!(status.next_refresh.is_some_and(|next| next < Duration::from_secs(541)));
    assert_eq!(status.fetches, (2, 1));
    let told = format!("{status:?}");
    for jwk in [&a.jwk, &rsa.jwk("")] {
        let numbers = jwk.split('"').filter(|text| text.len() > 20);
        assert!(numbers.clone().count() > 0);
        for number in numbers {
            assert!(!told.contains(number));
        }
    }
}

#[test]
fn h5_malformed_keys_are_skipped_and_logged_once() {
    let good = Named::new("good");
    let long = |octets: usize| base64url::encode(&vec![0xff; octets]);
    let odd = [
        "null".to_owned(),
        "5".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"kty":"new","kid":"x1"}"#.to_owned(),
        r#"{"kty":"RSA","kid":"x2","n":"!","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","kid":["x3"]}"#.to_owned(),
        good.signer.jwk(r#","kid":["x4"]"#),
        good.signer.jwk(r#","kid":"x5","use":"enc""#),
        good.signer.jwk(r#","kid":"x6","key_ops":["encrypt"]"#),
        good.signer.jwk(r#","kid":"x7","alg":"RSA-OAEP""#),
        good.signer.jwk(r#","kid":"x8","d":"AAAA""#),
        // Numbers out of bounds: 1024 and 16 384 bits, exponents of 1, 2 and 2 KiB.
        format!(r#"{{"kty":"RSA","kid":"x9","n":"{}","e":"AQAB"}}"#, long(128)),
        format!(r#"{{"kty":"RSA","kid":"x10","n":"{}","e":"AQAB"}}"#, long(2048)),
        format!(r#"{{"kty":"RSA","kid":"x11","n":"{}","e":"AQ"}}"#, long(256)),
        format!(r#"{{"kty":"RSA","kid":"x12","n":"{}","e":"Ag"}}"#, long(256)),
        format!(r#"{{"kty":"RSA","kid":"x13","n":"{}","e":"{}"}}"#, long(256), long(2048)),
        crate::common::key_file("rsa-roca.jwk.json").replacen('{', r#"{"kid":"x19","#, 1),
        // Points that are none, or of small order.
        format!(r#"{{"kty":"EC","kid":"x14","crv":"P-256","x":"{0}","y":"{0}"}}"#, base64url::encode(&[0; 32])),
        format!(r#"{{"kty":"EC","kid":"x15","crv":"P-521","x":"{0}","y":"{0}"}}"#, long(66)),
        format!(r#"{{"kty":"OKP","kid":"x16","crv":"Ed25519","x":"{}"}}"#, base64url::encode(&[0; 32])),
        r#"{"kty":"OKP","kid":"x17","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#.to_owned(),
        r#"{"kty":"oct","kid":"x18","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#.to_owned(),
    ];
    for key in &odd {
        let world = World::with_keys(&[key.clone(), good.jwk.clone()]);
        let verifier = world.verifier(INTERVAL, DAY);
        assert_eq!(verifier.ask(&good.token), ACCEPTED, "{key:.80}");
        assert_eq!(world.status().keys.len(), 1, "{key:.80}");
        let told = world.events();
        // A key for encryption is no news, but it is known.
        let encrypts = ["\"enc\"", "\"encrypt\"", "RSA-OAEP"].iter().any(|word| key.contains(word));
        assert_eq!(world.status().skipped.len(), 1, "{key:.80}");
        assert_eq!(told.len(), usize::from(!encrypts), "{key:.80}: {told:?}");
        assert!(told.iter().all(|told| told.starts_with("skipped: key ")), "{key:.80}: {told:?}");
        // The same at the next refresh is no news; another odd key is.
        world.wait_seconds(601);
        verifier.ask(&good.token);
        world.publish(&[good.jwk.clone(), key.clone()]);
        assert_eq!(world.events(), [""; 0], "{key:.80}");
        world.wait_seconds(601);
        verifier.ask(&good.token);
        world.publish(&[good.jwk.clone(), key.clone(), r#"{"kty":"next","kid":"y"}"#.to_owned()]);
        assert_eq!(world.events().len(), 1, "{key:.80}");
    }
    let world = World::with_keys(&[&odd[..], std::slice::from_ref(&good.jwk)].concat());
    assert_eq!(world.verifier(INTERVAL, DAY).ask(&good.token), ACCEPTED, "all of them at once");
}

#[test]
fn an_infinite_interval_forces_one_refresh() {
    let a = Named::new("a");
    let world = World::with_keys(std::slice::from_ref(&a.jwk));
    let verifier = world.verifier(Duration::MAX, Duration::MAX);
    assert_eq!(verifier.ask(&made_up(0)), PENDING);
    world.publish(std::slice::from_ref(&a.jwk));
    world.wait(DAY);
    assert_eq!(verifier.ask(&a.token), PENDING);
    world.publish(std::slice::from_ref(&a.jwk));
    assert_eq!(verifier.ask(&made_up(0)), "unknown_key");
}
