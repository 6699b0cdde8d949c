//! Key type and algorithm confusion: rows A1 to A12 of SECURITY.md, one test each.
//!
//! Left to the Python tests: A9's keys of Python types, A12's serialisation as an object.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use std::sync::Arc;

use crate::common::{ACCEPTED, Signer, TestVerifier, claims, key_file, load, rsa_signer, with_signature};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::keys::Algorithms;
use fastmcp_rs::keys::{KeySource, Keys};

/// The HMAC algorithms: what a public key must not pass for the secret of.
const HS: [&str; 3] = ["HS256", "HS384", "HS512"];

/// Each kind of asymmetric key in armour.
const PEM_FILES: [&str; 12] = [
    "rsa.spki.pem",
    "rsa-pss.spki.pem",
    "rsa.pkcs1.pem",
    "rsa.certificate.pem",
    "rsa.private.pem",
    "rsa.private.pkcs1.pem",
    "p256.spki.pem",
    "p256.private.pem",
    "p256.private.sec1.pem",
    "p256.private.encrypted.pem",
    "ed25519.spki.pem",
    "ed25519.private.pem",
];

/// Each kind of SSH key.
const SSH_FILES: [&str; 5] = ["ssh-rsa.pub", "ssh-ed25519.pub", "ssh-ecdsa.pub", "ssh2-rsa.pub", "ssh-ed25519.private"];

fn key_texts() -> impl Iterator<Item = (&'static str, String)> {
    PEM_FILES.into_iter().chain(SSH_FILES).map(|file| (file, key_file(file)))
}

#[track_caller]
fn no_secret(what: &str, text: impl AsRef<[u8]>) {
    for algorithm in HS {
        let Err(error) = load(text.as_ref(), &[algorithm]) else { panic!("{what} passed for a secret of {algorithm}") };
        let error = error.to_string();
        assert!(error.contains("secret") || error.contains("key"), "{what}: {error}");
        assert!(error.len() < 400, "{what}: the message holds no key: {error}");
    }
}

#[track_caller]
fn is_secret(secret: impl AsRef<[u8]>) {
    let signer = Signer::of_secret(Algorithm::HS256, secret.as_ref());
    assert_eq!(TestVerifier::new(secret, &["HS256"]).code(signer.token(claims())), ACCEPTED);
}

#[test]
fn a1_cve_2015_9235_hmac_with_the_public_pem() {
    for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA] {
        let signer = Signer::fresh(algorithm);
        let pem = signer.public_key();
        let verifier = TestVerifier::new(&pem, &[algorithm.name()]);
        let unix = pem.replace("\r\n", "\n");
        for secret in [pem.clone(), unix.trim_end().to_owned(), unix.replace('\n', "\r\n"), unix] {
            let forged = Signer::of_secret(Algorithm::HS256, &secret).token(claims());
            assert_eq!(verifier.code(forged), "algorithm_not_allowed", "{algorithm}");
            // The same MAC under the name that the verifier does accept.
            let renamed = Signer::of_secret(Algorithm::HS256, &secret).sign(signer.header(""), claims());
            assert_eq!(verifier.code(renamed), "invalid_signature", "{algorithm}");
        }
        assert_eq!(verifier.code(signer.token(claims())), ACCEPTED);
    }
    is_secret("a secret that is as long as its hash.");
}

#[test]
fn a2_cve_2017_11424_cve_2022_29217_cve_2024_33663_cve_2024_37568_key_texts_are_no_secrets() {
    for (file, text) in key_texts() {
        no_secret(file, &text);
        no_secret(file, text.trim_end());
        no_secret(file, text.replace('\n', "\r\n"));
    }
    for ordinary in ["ssh-rsa is a key type, and this is a pass phrase", "BEGIN here, and never END: a pass phrase"] {
        is_secret(ordinary);
    }
}

#[test]
fn a3_cve_2023_48223_cve_2026_34950_cve_2026_107722_key_texts_behind_a_prefix_are_no_secrets() {
    let other_block = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let prefixes = [" ", "\t", "\n", "\r\n", "\u{feff}", "\u{200b}", "\0", "# the key\n"];
    for (file, text) in key_texts() {
        for prefix in prefixes.into_iter().chain([other_block]) {
            no_secret(&format!("{prefix:?} and {file}"), format!("{prefix}{text}"));
        }
    }
    for prefix in prefixes {
        is_secret(format!("{prefix}a secret that is as long as its hash."));
    }
}

#[test]
fn a4_cve_2026_102268_key_texts_in_an_unusual_layout_are_no_secrets() {
    for file in PEM_FILES {
        let text = key_file(file);
        let last_line = text.trim_end().rfind('\n').unwrap();
        for (layout, text) in [
            ("indented", text.replace('\n', "\n    ")),
            ("indented from the start", format!("    {}", text.replace('\n', "\n    "))),
            ("CR only", text.replace('\n', "\r")),
            ("one line", text.replace('\n', "")),
            ("one line with spaces", text.replace('\n', " ")),
            ("one line with escapes", text.replace('\n', "\\n")),
            ("no END line", text[..last_line].to_owned()),
            ("lower-cased armour", text.replace("BEGIN", "begin").replace("END", "end")),
            ("lower case", text.to_lowercase()),
            ("fewer dashes", text.replace("-----", "--")),
        ] {
            no_secret(&format!("{file}, {layout}"), text);
        }
    }
    is_secret("    an indented secret\n    of two lines");
}

#[test]
fn a5_cve_2026_102271_cve_2026_85394_binary_keys_are_no_secrets() {
    let encrypted = "p256.private.encrypted.pem";
    for file in PEM_FILES.into_iter().filter(|&file| file != encrypted) {
        let block = pem::parse(key_file(file)).unwrap();
        no_secret(&format!("DER of {file}"), block.contents());
        let text = key_file(file);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("-----")).collect();
        for (joint, body) in [("\n", lines.join("\n")), ("\r\n", lines.join("\r\n")), ("", lines.concat())] {
            no_secret(&format!("the body of {file} with {joint:?}"), &body);
            no_secret(&format!("the body of {file} without padding"), body.trim_end_matches('='));
        }
        no_secret(&format!("{file} as base64url"), base64url::encode(block.contents()));
    }
    for (name, coordinate) in [("p256", 32), ("p384", 48), ("p521", 66)] {
        let block = pem::parse(key_file(&format!("{name}.spki.pem"))).unwrap();
        let (_, point) = block.contents().split_at(block.contents().len() - 1 - 2 * coordinate);
        no_secret(&format!("the point of {name} alone"), point);
        no_secret(&format!("the point of {name} as base64url"), base64url::encode(point));
        is_secret([point, &[0]].concat());
        is_secret([&[0x04], &point[1..point.len() - 1], &[!point[point.len() - 1]]].concat());
    }
    is_secret([&[0x30, 0x82, 0x01, 0x22][..], &[0x55; 40]].concat());
    is_secret("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAs3gpHlVJFodY");
}

#[test]
fn a6_cve_2026_48526_cve_2026_102272_cve_2026_102273_json_keys_are_no_secrets() {
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let jwk = Signer::fresh(algorithm).jwk(r#","kid":"a""#);
        for (what, json) in [
            ("JWK", jwk.clone()),
            ("JWK Set", format!(r#"{{"keys":[{jwk}]}}"#)),
            ("array", format!("[{jwk}]")),
            ("nested array", format!("[[{jwk}]]")),
            ("container", format!(r#"{{"key":{jwk}}}"#)),
            ("nested container", format!(r#"{{"jwks":{{"keys":[{jwk}]}}}}"#)),
            ("JWK with a name twice", jwk.replacen('{', r#"{"kty":"oct","#, 1)),
            ("JWK over lines", jwk.replace(',', ",\n  ")),
            ("JWK with an escaped name", jwk.replace("kty", r"\u006bty")),
            ("array too deep for a parser", format!("{}{jwk}{}", "[".repeat(20_000), "]".repeat(20_000))),
            (
                "array too deep for a parser, with an escaped name",
                format!("{}{}{}", "[".repeat(20_000), jwk.replace("kty", r"k\u0074y"), "]".repeat(20_000)),
            ),
            ("JWK with an escaped name and what no parser reads", jwk.replace("kty", r"\u006Bty") + ","),
        ] {
            for prefix in ["", " ", "\t", "\n", "\u{feff}", "\u{feff} ", "\u{a0}", "\u{200b}"] {
                no_secret(&format!("{what} behind {prefix:?}"), format!("{prefix}{json}"));
                no_secret(&format!("{what} behind {prefix:?} and before a line end"), format!("{prefix}{json}\n"));
            }
        }
    }
    let signer = Signer::fresh(Algorithm::HS256);
    assert_eq!(TestVerifier::new(signer.jwk(""), &["HS256"]).code(signer.token(claims())), ACCEPTED);
    is_secret("{this is no JSON, for all its braces}");
}

#[test]
fn a7_cve_2022_23541_a_set_of_both_key_families_is_refused() {
    let (secret, rsa) = (Signer::fresh(Algorithm::HS256), rsa_signer());
    let (oct, public) = (secret.jwk(r#","kid":"s""#), rsa.jwk(r#","kid":"r""#));
    for set in [format!(r#"{{"keys":[{oct},{public}]}}"#), format!(r#"{{"keys":[{public},{oct}]}}"#)] {
        assert!(load(&set, &["RS256"]).is_err());
        assert!(load(&set, &["HS256"]).is_err());
    }
    let verifier = TestVerifier::new(format!(r#"{{"keys":[{public}]}}"#), &["RS256"]);
    for kid in ["s", "r"] {
        let forged = secret.sign(secret.header(&format!(r#","kid":"{kid}""#)), claims());
        assert_eq!(verifier.code(forged), "algorithm_not_allowed");
    }
    assert_eq!(verifier.code(rsa.sign(rsa.header(r#","kid":"r""#), claims())), ACCEPTED);
}

#[test]
fn a8_cve_2022_23539_the_key_must_be_of_the_algorithms_type() {
    for (algorithm, file) in [
        ("RS256", "p256.spki.pem"),
        ("RS256", "ed25519.spki.pem"),
        ("RS256", "dsa.spki.pem"),
        ("PS256", "p256.certificate.pem"),
        ("ES256", "p384.spki.pem"),
        ("ES256", "p521.spki.pem"),
        ("ES256", "secp256k1.spki.pem"),
        ("ES256", "rsa.spki.pem"),
        ("ES384", "p256.spki.pem"),
        ("ES512", "p384.spki.pem"),
        ("EdDSA", "x25519.spki.pem"),
        ("Ed25519", "ed448.spki.pem"),
        ("Ed448", "ed25519.spki.pem"),
        ("EdDSA", "p256.spki.pem"),
        ("Ed25519", "rsa.pkcs1.pem"),
    ] {
        assert!(load(key_file(file), &[algorithm]).is_err(), "{algorithm} with {file}");
    }
    let p384 = Signer::fresh(Algorithm::ES384);
    assert!(load(p384.jwk(""), &["ES256"]).is_err());
    assert!(load(p384.jwk("").replace("P-384", "P-256"), &["ES256"]).is_err());
    assert_eq!(TestVerifier::new(p384.jwk(""), &["ES384"]).code(p384.token(claims())), ACCEPTED);

    // A padding is no mere name: PS256 above an RS256 signature, and the reverse, under a key that serves both.
    let rsa = rsa_signer();
    let verifier = TestVerifier::new(rsa.public_key(), &["RS256", "PS256"]);
    for (named, used) in [(Algorithm::PS256, Algorithm::RS256), (Algorithm::RS256, Algorithm::PS256)] {
        let parts = format!(r#"{{"alg":"{named}"}}"#);
        let unsigned = rsa.sign(parts, claims());
        let input = unsigned.rsplit_once('.').unwrap().0.as_bytes();
        assert_eq!(verifier.code(with_signature(&unsigned, &rsa.signature(used, input))), "invalid_signature");
        assert_eq!(verifier.code(with_signature(&unsigned, &rsa.signature(named, input))), ACCEPTED);
    }
}

#[test]
fn a9_cve_2022_23540_no_key_and_no_algorithm_are_refused() {
    for names in [&[][..], &["none"], &[""], &["None"], &["RS256", "none"], &["HS256", ""], &["*"], &["HS256", "RS256"]]
    {
        assert!(Algorithms::parse(names.iter().copied()).is_err(), "{names:?}");
    }
    for algorithm in Algorithm::ALL {
        for nothing in ["", " ", "\n", "null", "None"] {
            // "null" and "None" are texts like any other, so only a shared secret may be one.
            let text = !nothing.trim().is_empty() && algorithm.is_symmetric();
            assert_eq!(load(nothing, &[algorithm.name()]).is_ok(), text, "{algorithm} with {nothing:?}");
        }
    }
    assert!(Algorithms::parse(["RS256", "ES256"]).is_ok());
}

#[test]
fn a10_cve_2026_22817_cve_2026_22818_the_algorithm_is_checked_before_any_key_is_looked_up() {
    /// A source that must not be asked.
    #[derive(Debug)]
    struct Untouchable;
    impl KeySource for Untouchable {
        fn keys(&self) -> Keys {
            panic!("a token of another algorithm costs no key look-up")
        }
    }
    let rsa = rsa_signer();
    let sets = TestVerifier::new(format!(r#"{{"keys":[{}]}}"#, rsa.jwk(r#","kid":"a""#)), &["RS256"]);
    let untouchable = TestVerifier::with_source(Arc::new(Untouchable), &["RS256"]);
    let rs512 = Signer::from_pem(Algorithm::RS512, &key_file("rsa.private.pem"));
    let hs256 = Signer::of_secret(Algorithm::HS256, rsa.public_key());
    for forger in [rs512, hs256] {
        let token = forger.sign(forger.header(r#","kid":"a""#), claims());
        assert_eq!(sets.code(&token), "algorithm_not_allowed");
        assert_eq!(untouchable.code(&token), "algorithm_not_allowed");
    }
    assert_eq!(sets.code(rsa.sign(rsa.header(r#","kid":"a""#), claims())), ACCEPTED);
}

#[test]
fn a11_cve_2026_48523_a_keys_own_algorithm_binds_it() {
    let private = key_file("rsa.private.pem");
    let [rs256, rs512] = [Algorithm::RS256, Algorithm::RS512].map(|algorithm| Signer::from_pem(algorithm, &private));
    for (bound, other) in [(&rs256, &rs512), (&rs512, &rs256)] {
        let jwk = bound.jwk(&format!(r#","alg":"{}""#, bound.algorithm));
        assert!(load(&jwk, &[other.algorithm.name()]).is_err(), "the key serves nothing that is accepted");
        let verifier = TestVerifier::new(&jwk, &["RS256", "RS512"]);
        let honest = other.token(claims());
        let input = honest.rsplit_once('.').unwrap().0.as_bytes();
        assert_eq!(verifier.code(with_signature(&honest, &bound.signature(bound.algorithm, input))), "unknown_key");
        assert_eq!(verifier.code(&honest), "unknown_key");
        assert_eq!(verifier.code(bound.token(claims())), ACCEPTED);
        assert_eq!(
            TestVerifier::new(bound.jwk(""), &["RS256", "RS512"]).code(&honest),
            ACCEPTED,
            "an unbound key serves both"
        );
    }
}

#[test]
fn a12_ghsa_jc38_x7x8_2xc8_cve_2025_65945_json_serialisations_are_refused() {
    let rsa = rsa_signer();
    let verifier = TestVerifier::new(rsa.public_key(), &["RS256"]);
    let token = rsa.token(claims());
    let [protected, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let unprotected = rsa.sign("{}", claims());
    let bare = unprotected.rsplit_once('.').unwrap().1;
    for json in [
        format!(r#"{{"payload":"{payload}","protected":"{protected}","signature":"{signature}"}}"#),
        format!(r#"{{"payload":"{payload}","signatures":[{{"protected":"{protected}","signature":"{signature}"}}]}}"#),
        format!(r#"{{"payload":"{payload}","header":{{"alg":"RS256"}},"protected":"e30","signature":"{bare}"}}"#),
        format!(r#"{{"payload":"{payload}","header":{{"alg":"RS256"}},"signature":"{signature}"}}"#),
        format!(r#"["{token}"]"#),
        format!("{token:?}"),
    ] {
        assert_eq!(verifier.code(&json), "malformed_token", "{json}");
    }
    assert_eq!(verifier.code(unprotected), "malformed_token", "an alg that stands nowhere in the protected header");
    assert_eq!(verifier.code(token), ACCEPTED);
}
