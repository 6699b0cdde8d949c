//! Unsigned, embedded and empty: rows B1 to B5 of SECURITY.md, one test each.
//!
//! Left to the Python tests: that a header with a URL causes no request (the core has nothing to make one with), and
//! keys of Python types.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{ACCEPTED, Signer, TestVerifier, all_signers, claims, compact, key_file, load, rsa_signer};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;

#[test]
fn b1_cve_2026_28802_cve_2026_27804_ghsa_88q6_jcjg_hvmw_unsigned_tokens_are_refused() {
    let random = base64url::encode(&[0x5a; 64]);
    for signer in all_signers() {
        let verifier = TestVerifier::new(signer.public_key(), &[signer.algorithm.name()]);
        for (alg, code) in [
            (r#""alg":"none""#, "unsupported_algorithm"),
            (r#""alg":"None""#, "unsupported_algorithm"),
            (r#""alg":"NONE""#, "unsupported_algorithm"),
            (r#""alg":"nOnE""#, "unsupported_algorithm"),
            (r#""alg":" none""#, "unsupported_algorithm"),
            (r#""alg":"none\u0000""#, "unsupported_algorithm"),
            (r#""alg":"""#, "unsupported_algorithm"),
            (r#""typ":"JWT""#, "malformed_token"),
            (r#""alg":null"#, "malformed_token"),
            (r#""alg":1"#, "malformed_token"),
            (r#""alg":[]"#, "malformed_token"),
            (r#""alg":["none"]"#, "malformed_token"),
            (r#""alg":{}"#, "malformed_token"),
        ] {
            let input = format!(
                "{}.{}",
                base64url::encode(format!("{{{alg}}}").as_bytes()),
                base64url::encode(claims().as_bytes())
            );
            assert_eq!(verifier.code(format!("{input}.")), code, "{alg} with an empty signature");
            assert_eq!(verifier.code(&input), "malformed_token", "{alg} with no signature at all");
            assert_eq!(verifier.code(format!("{input}.{random}")), code, "{alg} with a random signature");
            assert_eq!(verifier.code(signer.sign_input(&input)), code, "{alg} with a signature that would hold");
        }
        let token = signer.token(claims());
        let (input, _) = token.rsplit_once('.').unwrap();
        for signature in ["", &random] {
            assert_eq!(verifier.code(format!("{input}.{signature}")), "invalid_signature", "{}", signer.algorithm);
        }
        assert_eq!(verifier.code(&token), ACCEPTED, "{}", signer.algorithm);
    }
}

#[test]
fn b2_cve_2018_0114_cve_2026_27962_cve_2026_34240_a_key_in_the_token_is_no_key() {
    let certificate = pem::parse(key_file("rsa.certificate.pem")).unwrap();
    // The private key of this certificate is the forger's, so its x5c is genuine and the signature holds under it.
    let forger = rsa_signer();
    let owner = Signer::fresh(Algorithm::RS256);
    let x5c = base64_standard(certificate.contents());
    let verifiers = [
        TestVerifier::new(owner.public_key(), &["RS256"]),
        TestVerifier::new(format!(r#"{{"keys":[{}]}}"#, owner.jwk(r#","kid":"a""#)), &["RS256"]),
    ];
    let (listed, same_kid) = (forger.jwk(""), forger.jwk(r#","kid":"a""#));
    for verifier in verifiers {
        for more in [
            format!(r#","jwk":{listed}"#),
            format!(r#","kid":"a","jwk":{same_kid}"#),
            format!(r#","x5c":["{x5c}"]"#),
            format!(r#","x5c":["{x5c}"],"kid":"a""#),
            r#","jku":"https://forger.example/jwks.json","kid":"a""#.to_owned(),
            r#","x5u":"https://forger.example/certificate.pem""#.to_owned(),
            r#","jku":"file:///etc/passwd""#.to_owned(),
        ] {
            assert_eq!(verifier.code(forger.sign(forger.header(&more), claims())), "invalid_signature", "{more}");
            assert_eq!(verifier.code(owner.sign(owner.header(&more), claims())), ACCEPTED, "{more}");
        }
    }
    assert_eq!(TestVerifier::new(forger.public_key(), &["RS256"]).code(forger.token(claims())), ACCEPTED);
}

fn base64_standard(der: &[u8]) -> String {
    pem::encode(&pem::Pem::new("X", der)).lines().filter(|line| !line.starts_with('-')).collect()
}

#[test]
fn b3_cve_2026_44351_cve_2026_49852_cve_2026_45363_cve_2026_102266_an_empty_key_is_no_key() {
    for (algorithm, hash_len) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        let name = algorithm.name();
        for blank in ["", " ", "\t", "\r\n", " \n "] {
            assert!(load(blank, &[name]).is_err(), "{blank:?}");
        }
        for k in [r#","k":"""#, r#","k":null"#, ""] {
            assert!(load(format!(r#"{{"kty":"oct"{k}}}"#), &[name]).is_err(), "{k}");
            assert!(load(format!(r#"{{"keys":[{{"kty":"oct"{k}}}]}}"#), &[name]).is_err(), "{k} in a set");
        }
        let owner = Signer::fresh(algorithm);
        let verifier = TestVerifier::new(owner.public_key(), &[name]);
        assert_eq!(verifier.code(Signer::of_secret(algorithm, "").token(claims())), "invalid_signature");
        assert_eq!(verifier.code(owner.token(claims())), ACCEPTED);
        // One character is a secret, if a poor one: the operator is told.
        let short = load("a", &[name]).unwrap().short_secret.unwrap();
        assert_eq!((short.bytes, short.wanted), (1, hash_len));
    }
}

#[test]
fn b4_cve_2026_29000_cve_2023_51774_cve_2026_28490_encrypted_tokens_are_refused_by_their_parts() {
    let signer = rsa_signer();
    let verifier = TestVerifier::new(signer.public_key(), &["RS256"]);
    let unsigned = compact(r#"{"alg":"none"}"#, claims(), "");
    let good = signer.token(claims());
    let [protected, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    for header in [
        r#"{"alg":"RSA1_5","enc":"A128CBC-HS256"}"#,
        r#"{"alg":"dir","enc":"A256GCM","cty":"JWT"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"none","enc":"none"}"#,
    ] {
        let header = base64url::encode(header.as_bytes());
        let inner = base64url::encode(unsigned.as_bytes());
        for token in [
            format!("{header}.AAAA.AAAA.{inner}.AAAA"),
            format!("{header}...{inner}."),
            format!("{header}.{payload}.{signature}.."),
        ] {
            assert_eq!(verifier.code(&token), "malformed_token", "{token}");
        }
    }
    // Parts are counted before any is decoded: these do not decode at all.
    for token in ["!.!.!.!.!", "....", &format!("{good}.."), &format!("{protected}.{payload}.{signature}.AAAA.AAAA")] {
        assert_eq!(verifier.code(token), "malformed_token");
    }
    assert_eq!(verifier.code(good), ACCEPTED);
}

#[test]
fn b5_cve_2026_102275_a_key_with_private_members_is_unusable() {
    let (one, two) = (Signer::fresh(Algorithm::EdDSA), Signer::fresh(Algorithm::EdDSA));
    let foreign = base64url::encode(&[7; 32]);
    for owner in [&one, &rsa_signer(), &Signer::fresh(Algorithm::ES256)] {
        let name = owner.algorithm.name();
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
            for value in [format!("{foreign:?}"), "\"\"".to_owned(), "false".to_owned()] {
                let private = owner.jwk(&format!(r#","{member}":{value}"#));
                assert!(load(&private, &[name]).is_err(), "{name} with {member}");
                assert!(load(format!(r#"{{"keys":[{private}]}}"#), &[name]).is_err(), "{name} with {member} in a set");
            }
        }
        // A serializer may write absent members as null: they hold nothing.
        let nulls = owner.jwk(r#","d":null,"p":null,"q":null,"dp":null,"dq":null,"qi":null,"oth":null"#);
        for public in [owner.jwk(""), nulls] {
            assert_eq!(TestVerifier::new(public, &[name]).code(owner.token(claims())), ACCEPTED);
        }
    }
    // Beside a sound key the private one takes no part: its tokens find no key.
    let set = format!(r#"{{"keys":[{},{}]}}"#, one.jwk(r#","kid":"1","d":"AAAA""#), two.jwk(r#","kid":"2""#));
    let verifier = TestVerifier::new(set, &["EdDSA"]);
    assert_eq!(verifier.code(one.sign(one.header(r#","kid":"1""#), claims())), "unknown_key");
    assert_eq!(verifier.code(two.sign(two.header(r#","kid":"2""#), claims())), ACCEPTED);
    for file in
        ["rsa.private.pem", "rsa.private.pkcs1.pem", "p256.private.pem", "p256.private.sec1.pem", "ed25519.private.pem"]
    {
        for algorithm in ["RS256", "ES256", "EdDSA"] {
            assert!(load(key_file(file), &[algorithm]).is_err(), "{file} for {algorithm}");
        }
    }
}
