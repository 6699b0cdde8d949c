//! Denial of service: rows G1 to G8 of SECURITY.md, one test each.
//!
//! Left to the Python tests: G6's log, and the halves of G8 that fetch. Times are bounds that no machine should miss
//! by accident and no quadratic algorithm could keep.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use std::time::{Duration, Instant};

use crate::common::{ACCEPTED, Signer, TestVerifier, claims, compact, load, pem_of, rsa_signer};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jws::MAX_TOKEN_BYTES;
use fastmcp_rs::keys::Algorithms;
use fastmcp_rs::keys::from_public_text;
use fastmcp_rs::keys::remote::FetchedKeySet;
use pkcs1::RsaPublicKeyRef;
use x509_cert::der::{Encode, asn1::UintRef};

fn verifier() -> (TestVerifier, Signer) {
    let signer = Signer::fresh(Algorithm::HS256);
    (TestVerifier::new(signer.public_key(), &["HS256"]), signer)
}

/// The answer, which must come within this time at least once in so many calls: a busy machine delays some, an
/// algorithm that is too slow delays all.
#[track_caller]
fn within<T>(limit: Duration, calls: u32, mut call: impl FnMut() -> T) -> T {
    let mut quickest = Duration::MAX;
    for _ in 0..calls {
        let start = Instant::now();
        let answer = call();
        quickest = quickest.min(start.elapsed());
        if quickest < limit {
            return answer;
        }
    }
    panic!("took {quickest:?}");
}

#[test]
fn g1_cve_2025_61920_the_length_is_checked_before_anything_is_decoded() {
    let (verifier, signer) = verifier();
    let good = signer.token(claims());
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    for size in [MAX_TOKEN_BYTES + 1, 10 * 1024 * 1024] {
        let filler = "A".repeat(size - good.len());
        for oversized in [
            format!("{header}{filler}.{payload}.{signature}"),
            format!("{header}.{payload}{filler}.{signature}"),
            format!("{header}.{payload}.{signature}{filler}"),
            "!".repeat(size),
            ".".repeat(size),
        ] {
            assert_eq!(oversized.len(), size);
            let code = within(Duration::from_micros(50), 100, || verifier.code_alone(&oversized));
            assert_eq!(code, "token_too_large");
        }
    }
    // A signed token of the greatest length is still a token. Base64 makes four characters of three octets.
    let room = (MAX_TOKEN_BYTES - good.len()) / 4 * 3;
    let filled = |len: usize| signer.token(crate::common::claim("filler", &format!("{:?}", "x".repeat(len))));
    let longest = (0..room).rev().map(filled).find(|token| token.len() <= MAX_TOKEN_BYTES).unwrap();
    assert!(longest.len() > MAX_TOKEN_BYTES - 3);
    assert_eq!(verifier.code(longest), ACCEPTED);
}

#[test]
fn g2_cve_2025_30204_cve_2025_27144_dots_are_counted_without_keeping_them() {
    let (verifier, signer) = verifier();
    for (dots, code) in [
        (".".repeat(1_000_000), "token_too_large"),
        ("eyJhbGciOiJIUzI1NiJ9.".repeat(1_000_000), "token_too_large"),
        (".".repeat(MAX_TOKEN_BYTES), "malformed_token"),
        ("A.".repeat(MAX_TOKEN_BYTES / 2), "malformed_token"),
        (format!("Bearer {}", ".".repeat(MAX_TOKEN_BYTES - 7)), "malformed_token"),
    ] {
        assert_eq!(within(Duration::from_micros(100), 100, || verifier.code_alone(&dots)), code);
    }
    assert_eq!(verifier.code(signer.token(claims())), ACCEPTED);
}

#[test]
fn g3_cve_2025_53864_cve_2026_102265_cve_2026_101918_nested_json_is_refused_and_the_process_lives() {
    let (verifier, signer) = verifier();
    let arrays = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    for depth in [100, 1_000, 20_000, 100_000] {
        for nested in [arrays(depth), objects(depth), "[".repeat(depth), "{\"a\":".repeat(depth)] {
            let header = signer.header(&format!(",\"x\":{nested}"));
            let payload = format!("{{\"x\":{nested},{}", &claims()[1..]);
            for (token, code) in [
                (signer.sign(&header, claims()), "malformed_token"),
                (signer.token(&payload), "malformed_claims"),
                (compact(&header, claims(), ""), "malformed_token"),
                (compact(&nested, claims(), ""), "malformed_token"),
                (signer.token(&nested), "malformed_claims"),
            ] {
                let code = if token.len() > MAX_TOKEN_BYTES { "token_too_large" } else { code };
                assert_eq!(within(Duration::from_millis(20), 25, || verifier.code_alone(&token)), code, "{depth}");
            }
            // A key is as deep as its operator made it, and no deeper than a token may be.
            assert!(from_public_text(nested.as_bytes()).is_err());
            assert!(load(format!(r#"{{"kty":"oct","k":{nested}}}"#), &["RS256"]).is_err());
        }
    }
    let (header, payload) = (signer.header(&format!(",\"x\":{}", arrays(30))), crate::common::claim("x", &arrays(30)));
    assert_eq!(verifier.code(signer.sign(header, payload)), ACCEPTED);
}

#[test]
fn g4_cve_2023_51775_cve_2026_27932_cve_2023_49290_password_algorithms_are_never_computed() {
    let (verifier, signer) = verifier();
    for alg in ["PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"] {
        let header = format!(r#"{{"alg":"{alg}","enc":"A256GCM","p2c":1000000000,"p2s":"AAAAAAAAAAA"}}"#);
        let token = signer.sign(&header, claims());
        assert_eq!(
            within(Duration::from_millis(1), 100, || verifier.code_alone(&token)),
            "unsupported_algorithm",
            "{alg}"
        );
        let wrapped = format!("{}.AAAA.AAAA.AAAA.AAAA", base64url::encode(header.as_bytes()));
        assert_eq!(within(Duration::from_millis(1), 100, || verifier.code_alone(&wrapped)), "malformed_token", "{alg}");
        assert!(Algorithms::parse([alg]).is_err());
    }
    assert_eq!(
        verifier.code(signer.sign(signer.header(r#","p2c":1000000000"#), claims())),
        ACCEPTED,
        "a number, no more"
    );
}

#[test]
fn g5_cve_2025_62706_cve_2024_33664_cve_2024_29371_cve_2024_28180_nothing_is_inflated() {
    let (verifier, signer) = verifier();
    // 1 MiB of zero octets, deflated (RFC 1951) to 1 KiB.
    let head = [0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0xf5, 0x4f, 0x6d, 0x08, 0x5f, 0xa0];
    let bomb = [&head[..], &[0; 1016], &[0x3e, 0x03]].concat();
    for zip in ["\"DEF\"", "\"GZ\"", "null", "true", "\"\"", "[]"] {
        let header = signer.header(&format!(",\"zip\":{zip}"));
        assert_eq!(verifier.code(signer.sign(&header, &bomb)), "critical_header", "{zip}");
        assert_eq!(verifier.code(signer.sign(&header, claims())), "critical_header", "{zip}");
    }
    let jwe = format!(
        "{}.AAAA.AAAA.{}.AAAA",
        base64url::encode(br#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#),
        base64url::encode(&bomb)
    );
    assert_eq!(verifier.code(jwe), "malformed_token");
    assert_eq!(verifier.code(signer.sign(signer.header(r#","Zip":"DEF","zipped":true"#), claims())), ACCEPTED);
}

#[test]
fn g6_cve_2025_65015_no_reason_repeats_the_token() {
    let (verifier, signer) = verifier();
    let marker = "MARKER\u{1b}[2J\n\"";
    let long = marker.repeat(1024 * 1024 / marker.len());
    let json = |text: &str| serde_json::to_string(text).unwrap();
    for text in [marker, &long] {
        let odd = json(text);
        let mut tokens = vec![
            compact(format!(r#"{{"alg":{odd}}}"#), claims(), ""),
            compact(format!(r#"{{"alg":"HS256","kid":{odd},"x":"#), claims(), ""),
            signer.sign(signer.header(&format!(r#","kid":[{odd}]"#)), claims()),
            signer.sign(signer.header(&format!(r#","crit":[{odd}]"#)), claims()),
            text.to_owned(),
        ];
        for name in ["iss", "aud", "exp", "scope", "cnf", "sub"] {
            tokens.push(signer.token(crate::common::claim(name, &format!("[[{odd}]]"))));
            tokens.push(signer.token(crate::common::claim(name, &odd)));
        }
        let mut refused = 0;
        for token in tokens {
            let Err(rejection) = verifier.verify(&token) else { continue };
            let message = rejection.to_string();
            assert!(message.len() < 200, "{message}");
            assert!(!message.contains("MARKER") && !message.contains(char::is_control), "{message}");
            refused += 1;
        }
        assert!(refused >= 15, "{refused}");
    }
    for key in [
        format!("-----BEGIN {long}"),
        format!("{{\"kty\":{}}}", json(&long)),
        format!("ssh-rsa AAAA{long}"),
        long.clone(),
    ] {
        let message = load(&key, &["RS256"]).map(|_| ()).unwrap_err().to_string();
        assert!(message.len() < 400 && !message.contains("MARKER"), "{message}");
    }
}

#[test]
fn g7_cve_2026_102270_a_megabyte_of_armour_is_refused_at_once() {
    let megabyte = |text: &str| text.repeat(1024 * 1024 / text.len());
    for text in [
        "-----BEGIN",
        "-----BEGIN ",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n",
        "-----BEGIN A-----\n-----END A-----\n",
        "-",
        "- ",
        "-----END",
    ] {
        for algorithm in ["RS256", "ES256"] {
            assert!(within(Duration::from_millis(100), 25, || load(megabyte(text), &[algorithm])).is_err(), "{text:?}");
        }
        // A row of dashes is a secret, if an odd one; what begins or ends like armour is not.
        let refused = within(Duration::from_millis(200), 25, || load(megabyte(text), &["HS256"])).is_err();
        assert_eq!(refused, text.contains("BEGIN") || text.contains("END"), "{text:?}");
    }
    assert!(load(rsa_signer().public_key(), &["RS256"]).is_ok());
}

#[test]
fn g7_the_time_to_check_a_secret_grows_no_faster_than_its_length() {
    // Beginnings of all that a secret is searched for, over and over, with no end of any.
    let beginnings = [
        "ssh-rsa",
        "ssh-rsa ",
        "ssh-rsa aaa ",
        "sk-",
        "ecdsa-sha2-",
        "begin",
        " begin",
        "--begi",
        "{",
        "[",
        "{\"a\":",
        "[{\"kty\":",
        "MIIB",
        "=",
        "\u{feff}",
        "\0",
        "0\u{82}",
    ];
    for text in beginnings {
        // Text that is read once takes a hundredth of this, even on a busy machine; text that is read anew from each place takes
        // many times as long, on any.
        let secret = text.repeat(256 * 1024 / text.len());
        for algorithm in ["HS256", "RS256"] {
            within(Duration::from_millis(500), 25, || drop(load(&secret, &[algorithm])));
        }
    }
}

#[test]
fn g8_the_time_to_read_a_key_set_grows_no_faster_than_its_length() {
    let key = Signer::fresh(Algorithm::EdDSA).jwk("");
    let members = 100_000;
    let many = |item: &dyn Fn(usize) -> String| (0..members).map(item).collect::<Vec<_>>().join(",");
    let operations = many(&|i| format!("\"{i:x}\""));
    for (what, keys) in [
        ("operations", key.replacen('{', &format!(r#"{{"key_ops":[{operations}],"#), 1)),
        ("members", key.replacen('{', &format!("{{{},", many(&|i| format!("\"{i:x}\":0"))), 1)),
        ("objects", many(&|_| "{}".to_owned())),
    ] {
        let set = format!(r#"{{"keys":[{key}],"more":[{keys}]}}"#);
        assert!(set.len() < 2 * 1024 * 1024, "{what}");
        for set in [set, format!(r#"{{"keys":[{key},{keys}]}}"#)] {
            within(Duration::from_secs(2), 5, || drop(FetchedKeySet::parse(set.as_bytes(), None)));
        }
    }
}

#[test]
fn g8_keys_of_excessive_size_are_unusable() {
    let odd = |bits: usize| vec![0xff; bits / 8];
    let e = vec![1, 0, 1];
    for (what, n, e, fits) in [
        ("8192 bits", odd(8192), e.clone(), true),
        ("8200 bits", odd(8200), e.clone(), false),
        ("16384 bits", odd(16_384), e.clone(), false),
        ("1 MiB of modulus", odd(8 * 1024 * 1024), e.clone(), false),
        ("e of 33 bits", odd(2048), vec![1, 0, 0, 0, 1], true),
        ("e of 34 bits", odd(2048), vec![2, 0, 0, 0, 1], false),
        ("e of 2 KiB", odd(2048), vec![1; 2048], false),
    ] {
        let key = RsaPublicKeyRef { modulus: UintRef::new(&n).unwrap(), public_exponent: UintRef::new(&e).unwrap() };
        let jwk = format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, base64url::encode(&n), base64url::encode(&e));
        for text in [pem_of("RSA PUBLIC KEY", &key.to_der().unwrap()), format!(r#"{{"keys":[{jwk}]}}"#), jwk] {
            let loaded = within(Duration::from_millis(100), 25, || load(&text, &["RS256"]));
            assert_eq!(loaded.is_ok(), fits, "{what}");
        }
    }
}
