//! Which key of a fetched set a token gets, and which keys neither the set nor the token can make it use.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign or lock has failed")]

use crate::common::{ACCEPTED, Signer, claims, key_file, with_signature};
use crate::remote::{DAY, INTERVAL, Named, PENDING, World, named};
use fastmcp_rs::jose::jwa::Algorithm;

#[test]
fn a_published_symmetric_key_verifies_nothing() {
    let good = Named::new("good");
    let secret = Signer::fresh(Algorithm::HS256);
    let world = World::with_keys(&[secret.jwk(r#","kid":"s""#), good.jwk.clone()]);
    let verifier = world.verifier(INTERVAL, DAY);
    for kid in ["s", "good"] {
        assert_eq!(verifier.ask(&named(&secret, kid)), "algorithm_not_allowed");
    }
    assert_eq!(world.requests(), 1);
}

#[test]
fn without_kid_a_single_key_is_selected_and_several_are_not() {
    let (signer, other) = (Signer::fresh(Algorithm::EdDSA), Signer::fresh(Algorithm::EdDSA));
    let (bare, tagged) = (signer.token(claims()), named(&signer, "t"));
    let nameless = signer.jwk("");
    let asked = |keys: &[String], token: &str| {
        let world = World::with_keys(keys);
        world.verifier(INTERVAL, DAY).ask_after_waiting(token)
    };
    let lone = std::slice::from_ref(&nameless);
    assert_eq!((asked(lone, &bare), asked(lone, &tagged)), (ACCEPTED, ACCEPTED));
    let named_key = [signer.jwk(r#","kid":"t""#)];
    assert_eq!((asked(&named_key, &bare), asked(&named_key, &tagged)), (ACCEPTED, ACCEPTED));
    let two = [nameless.clone(), other.jwk("")];
    assert_eq!((asked(&two, &bare), asked(&two, &tagged)), ("ambiguous_key", "unknown_key"));
    assert_eq!(asked(&two, &named(&signer, "_default")), "unknown_key");
}

#[test]
fn a_key_reserved_for_another_use_is_not_selected() {
    let signer = Signer::fresh(Algorithm::EdDSA);
    let neighbour = Named::new("n").jwk;
    for more in [r#","use":"enc""#, r#","alg":"ES256""#, r#","alg":"Ed25519""#, r#","key_ops":["sign"]"#] {
        let world = World::with_keys(&[signer.jwk(&format!(r#","kid":"k"{more}"#)), neighbour.clone()]);
        assert_eq!(world.verifier(INTERVAL, DAY).ask_after_waiting(&named(&signer, "k")), "unknown_key", "{more}");
    }
    let p384 = Signer::fresh(Algorithm::ES384);
    let world = World::with_keys(&[p384.jwk(r#","kid":"k""#)]);
    let token = Signer::fresh(Algorithm::ES256);
    assert_eq!(world.verifier(INTERVAL, DAY).ask_after_waiting(&named(&token, "k")), "unknown_key", "another curve");
}

#[test]
fn several_fitting_keys_are_ambiguous_unless_they_are_equal() {
    let (a, twin) = (Named::new("a"), Named::new("a"));
    let bare = a.signer.token(claims());
    let others =
        [Signer::fresh(Algorithm::ES256).jwk(r#","kid":"e""#), crate::common::rsa_signer().jwk(r#","kid":"r""#)];
    let asked = |keys: &[String], token: &str| World::with_keys(keys).verifier(INTERVAL, DAY).ask_after_waiting(token);
    assert_eq!(asked(&[a.jwk.clone(), twin.jwk.clone()], &a.token), "ambiguous_key");
    assert_eq!(asked(&[a.jwk.clone(), a.jwk.clone()], &a.token), ACCEPTED);
    assert_eq!(asked(&[a.jwk.clone(), Named::new("b").jwk], &bare), "ambiguous_key");
    assert_eq!(asked(&[&others[..], std::slice::from_ref(&a.jwk)].concat(), &bare), ACCEPTED);
}

#[test]
fn a8_cve_2022_23539_a_fetched_key_serves_algorithms_of_its_own_type_only() {
    let rsa = crate::common::rsa_signer();
    let [p256, p384] = [Algorithm::ES256, Algorithm::ES384].map(Signer::fresh);
    let [ed25519, ed448] = [Algorithm::Ed25519, Algorithm::Ed448].map(Signer::fresh);
    let x25519 = ed25519.jwk(r#","kid":"x""#).replace("Ed25519", "X25519");
    let keys = [
        rsa.jwk(r#","kid":"rsa""#),
        p256.jwk(r#","kid":"p256""#),
        p384.jwk(r#","kid":"p384""#),
        ed25519.jwk(r#","kid":"ed25519""#),
        ed448.jwk(r#","kid":"ed448""#),
        x25519,
    ];
    let world = World::with_keys(&keys);
    let verifier = world.verifier_for(&["RS256", "PS256", "ES256", "ES384", "Ed25519", "Ed448"]);
    for (signer, kid) in [(&rsa, "rsa"), (&p256, "p256"), (&p384, "p384"), (&ed25519, "ed25519"), (&ed448, "ed448")] {
        for other in ["rsa", "p256", "p384", "ed25519", "ed448", "x"] {
            let verdict = verifier.ask_after_waiting(&named(signer, other));
            assert_eq!(verdict, if other == kid { ACCEPTED } else { "unknown_key" }, "{kid} as {other}");
        }
    }
    let padded = Signer::from_pem(Algorithm::PS256, &key_file("rsa.private.pem"));
    let token = named(&padded, "rsa");
    assert_eq!(verifier.ask_after_waiting(&token), ACCEPTED, "an RSA key without alg serves both");
    let input = token.rsplit_once('.').unwrap().0.as_bytes();
    let forged = with_signature(&token, &rsa.signature(Algorithm::RS256, input));
    assert_eq!(verifier.ask_after_waiting(&forged), "invalid_signature");
}

#[test]
fn a10_cve_2026_22817_a_token_of_an_unlisted_algorithm_fetches_nothing() {
    let rsa = crate::common::rsa_signer();
    let rs512 = Signer::from_pem(Algorithm::RS512, &key_file("rsa.private.pem"));
    let hs256 = Signer::of_secret(Algorithm::HS256, rsa.public_key());
    let cold = World::new();
    for forger in [&rs512, &hs256] {
        assert_eq!(cold.verifier_for(&["RS256"]).ask(&named(forger, "a")), "algorithm_not_allowed");
    }
    assert_eq!(cold.requests(), 0);
    let world = World::with_keys(&[rsa.jwk(r#","kid":"a""#)]);
    for forger in [&rs512, &hs256] {
        assert_eq!(world.verifier_for(&["RS256"]).ask(&named(forger, "a")), "algorithm_not_allowed");
    }
    assert_eq!(world.verifier_for(&["RS256"]).ask(&named(&rsa, "a")), ACCEPTED);
}

#[test]
fn a11_cve_2026_48523_a_fetched_keys_own_algorithm_binds_it() {
    let private = key_file("rsa.private.pem");
    let [rs256, rs512] = [Algorithm::RS256, Algorithm::RS512].map(|algorithm| Signer::from_pem(algorithm, &private));
    for (bound, other) in [(&rs256, &rs512), (&rs512, &rs256)] {
        let world = World::with_keys(&[bound.jwk(&format!(r#","kid":"a","alg":"{}""#, bound.algorithm))]);
        let verifier = world.verifier_for(&["RS256", "RS512"]);
        let honest = named(other, "a");
        let input = honest.rsplit_once('.').unwrap().0.as_bytes();
        let mixed = with_signature(&honest, &bound.signature(bound.algorithm, input));
        assert_eq!(verifier.ask_after_waiting(&mixed), "unknown_key");
        assert_eq!(verifier.ask_after_waiting(&honest), "unknown_key");
        assert_eq!(verifier.ask(&named(bound, "a")), ACCEPTED);
    }
}

#[test]
fn another_key_under_a_known_kid_is_found_and_the_old_one_stops() {
    let (old, new) = (Named::new("a"), Named::new("a"));
    let world = World::with_keys(std::slice::from_ref(&old.jwk));
    let verifier = world.verifier(INTERVAL, DAY);
    assert_eq!(verifier.ask(&new.token), PENDING, "a signature that fails under a known kid may ask for newer keys");
    assert_eq!(verifier.ask_after_waiting(&new.token), "invalid_signature");
    world.publish(std::slice::from_ref(&new.jwk));
    assert_eq!((verifier.ask(&new.token), verifier.ask(&old.token)), (ACCEPTED, "invalid_signature"));
    assert_eq!(world.requests(), 2, "once in an interval");
}
