//! Every form in which a public key may be given verifies a real signature: SPKI, PKCS#1 and certificate for RSA,
//! SPKI and certificate for EC, Ed25519 and Ed448, JWK and JWK Set for each. The files were made with OpenSSL.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{ACCEPTED, Signer, TestVerifier, claims, key_file, load};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::keys::from_public_text;

const FAMILIES: [(&str, &[Algorithm], &[&str]); 6] = [
    (
        "rsa",
        &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512],
        &["spki", "pkcs1", "certificate"],
    ),
    ("p256", &[Algorithm::ES256], &["spki", "certificate"]),
    ("p384", &[Algorithm::ES384], &["spki", "certificate"]),
    ("p521", &[Algorithm::ES512], &["spki", "certificate"]),
    ("ed25519", &[Algorithm::EdDSA, Algorithm::Ed25519], &["spki", "certificate"]),
    ("ed448", &[Algorithm::EdDSA, Algorithm::Ed448], &["spki", "certificate"]),
];

#[test]
fn every_form_of_a_public_key_verifies_a_signature_of_its_private_key() {
    for (family, algorithms, forms) in FAMILIES {
        let private = key_file(&format!("{family}.private.pem"));
        for &algorithm in algorithms {
            let signer = Signer::from_pem(algorithm, &private);
            let other_signer = Signer::fresh(algorithm);
            let jwk = signer.jwk("");
            let pems = forms.iter().map(|form| key_file(&format!("{family}.{form}.pem")));
            for key in pems.chain([format!(r#"{{"keys":[{jwk}]}}"#), jwk.clone(), signer.public_key()]) {
                let verifier = TestVerifier::new(&key, &[algorithm.name()]);
                assert_eq!(verifier.code(signer.token(claims())), ACCEPTED, "{algorithm} {key}");
                assert_eq!(verifier.code(other_signer.token(claims())), "invalid_signature", "{algorithm} {key}");
            }
        }
    }
}

#[test]
fn a_key_determines_the_algorithms_that_it_may_verify() {
    for (family, algorithms, forms) in FAMILIES {
        for form in forms {
            let (_, served) = from_public_text(key_file(&format!("{family}.{form}.pem")).as_bytes()).unwrap();
            assert_eq!(served.iter().collect::<Vec<_>>(), algorithms, "{family} {form}");
        }
    }
}

#[test]
fn the_error_for_a_pss_key_says_how_to_convert_it() {
    for algorithm in ["PS256", "RS256"] {
        let error = load(key_file("rsa-pss.spki.pem"), &[algorithm]).unwrap_err().to_string();
        assert!(error.contains("JWK") && error.contains("RFC 4055"), "{error}");
    }
}

#[test]
fn line_ends_and_blank_lines_around_a_pem_text_do_not_matter() {
    let signer = Signer::from_pem(Algorithm::RS256, &key_file("rsa.private.pem"));
    for form in ["spki", "pkcs1", "certificate"] {
        let text = key_file(&format!("rsa.{form}.pem"));
        for text in [text.replace('\n', "\r\n"), text.trim_end().to_owned(), format!("\n\n  {text}\n\n")] {
            assert_eq!(TestVerifier::new(text, &["RS256"]).code(signer.token(claims())), ACCEPTED, "{form}");
        }
    }
}

#[test]
fn a_pem_text_holds_exactly_one_public_key() {
    let (spki, certificate) = (key_file("rsa.spki.pem"), key_file("rsa.certificate.pem"));
    for (what, text) in [
        ("two keys", format!("{spki}{spki}")),
        ("a chain", format!("{certificate}{certificate}")),
        ("a key and its private key", format!("{spki}{}", key_file("rsa.private.pem"))),
        ("a truncated key", spki[..spki.len() / 2].to_owned()),
        ("a key under another label", spki.replace("PUBLIC KEY", "CERTIFICATE")),
        ("a key with its lines out of order", {
            let mut lines: Vec<_> = spki.lines().collect();
            lines.swap(1, 2);
            lines.join("\n")
        }),
        ("armour with nothing in it", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n".to_owned()),
        ("a certificate request", certificate.replace("CERTIFICATE", "CERTIFICATE REQUEST")),
    ] {
        assert!(load(text, &["RS256"]).is_err(), "{what}");
    }
    assert!(load(spki, &["RS256"]).is_ok());
}

/// RFC 7517 section 5 has values out of range ignored; a point off its curve is one as much as a short modulus.
#[test]
fn an_unsound_key_leaves_the_rest_of_its_set_usable() {
    let good = Signer::from_pem(Algorithm::ES256, &key_file("p256.private.pem"));
    let public = good.jwk(r#","kid":"good""#);
    let token = good.sign(good.header(r#","kid":"good""#), claims());
    // With its coordinates changed about, the point is off the curve.
    let off_curve =
        public.replace("\"x\"", "\"z\"").replace("\"y\"", "\"x\"").replace("\"z\"", "\"y\"").replace("good", "bad");
    for (what, bad) in [
        ("a short modulus", r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"bad"}"#.to_owned()),
        ("a list as kid", public.replace("\"good\"", "[\"good\"]")),
        ("null", "null".to_owned()),
        ("an unknown type", r#"{"kty":"X","kid":"bad"}"#.to_owned()),
        (
            "an Ed25519 key of small order",
            r#"{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#.to_owned(),
        ),
        ("a point off the curve", off_curve),
    ] {
        for set in [format!(r#"{{"keys":[{bad},{public}]}}"#), format!(r#"{{"keys":[{public},{bad}]}}"#)] {
            let loaded = load(&set, &["ES256"]).map(|_| ());
            assert_eq!(loaded, Ok(()), "{what}: {set}");
            assert_eq!(TestVerifier::new(set, &["ES256"]).code(&token), ACCEPTED, "{what}");
        }
    }
}
