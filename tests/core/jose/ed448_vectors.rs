//! Ed448: the vectors of RFC 8032 section 7.4 and of C2SP Wycheproof, the forms that a signature and a key may not have,
//! and the names under which a key of the curve serves (RFC 8037 section 3.1, RFC 9864 section 2.2).

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{
    ACCEPTED, Signer, TestVerifier, claims, key_file, load, pem_of, signature_of, vector_file, with_signature,
};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::{Algorithm, KeyMaterial};
use num_bigint::BigUint;
use serde_json::Value;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn little(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_le();
    bytes.resize(57, 0);
    bytes
}

/// The order of the base point (RFC 8032 section 5.2).
fn order() -> BigUint {
    let rest =
        BigUint::parse_bytes(b"13818066809895115352007386748515426880336692474882178609894547503885", 10).unwrap();
    (BigUint::from(1_u32) << 446_u32) - rest
}

fn as_jwk(key: &[u8]) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed448","x":"{}"}}"#, base64url::encode(key))
}

fn as_pem(key: &[u8]) -> String {
    let spki = pem::parse(key_file("ed448.spki.pem")).unwrap();
    pem_of("PUBLIC KEY", &[&spki.contents()[..12], key].concat())
}

#[test]
fn the_vectors_of_rfc_8032_verify_and_no_altered_one_does() {
    let Value::Array(vectors) = serde_json::from_str(&vector_file("rfc8032-ed448.json")).unwrap() else { panic!() };
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let member = |name: &str| bytes(vector[name].as_str().unwrap());
        let (key, message, signature) = (member("public_key"), member("message"), member("signature"));
        let key = KeyMaterial::ed448(&key).unwrap().prepare(Algorithm::Ed448).unwrap();
        // A JWS has no context (RFC 8037 section 3.1), so the one vector that has does not verify.
        let verifies = member("context").is_empty();
        assert_eq!(key.verifies(&message, &signature), verifies, "{}", vector["name"]);
        assert!(!key.verifies(&[&message[..], &[0]].concat(), &signature));
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(!key.verifies(&message, &changed), "{} byte {at}", vector["name"]);
        }
    }
}

#[test]
fn wycheproof_all_87_ed448_vectors_agree() {
    let Value::Array(groups) = serde_json::from_str(&vector_file("wycheproof-ed448.json")).unwrap() else { panic!() };
    let mut seen = 0;
    for group in groups {
        let key = KeyMaterial::ed448(&bytes(group["public_key"].as_str().unwrap())).unwrap();
        let key = key.prepare(Algorithm::Ed448).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let (message, signature) = (&test["message"], &test["signature"]);
            let verifies = key.verifies(&bytes(message.as_str().unwrap()), &bytes(signature.as_str().unwrap()));
            assert_eq!(verifies, test["result"] == "valid", "{}", test["tcId"]);
            seen += 1;
        }
    }
    assert_eq!(seen, 87);
}

#[test]
fn d3_ed448_signatures_have_one_form() {
    let signer = Signer::fresh(Algorithm::Ed448);
    let verifier = TestVerifier::new(signer.public_key(), &["Ed448"]);
    let token = signer.token(claims());
    let signature = signature_of(&token);
    let (point, scalar) = signature.split_at(57);
    for times in 1_u32..=4 {
        let sum = BigUint::from_bytes_le(scalar) + order() * times;
        let forged = with_signature(&token, &[point, &little(&sum)].concat());
        assert_eq!(verifier.code(forged), "invalid_signature", "S + {times} L is the same scalar, spelled otherwise");
    }
    for bit in 0..7 {
        let mut forged = signature.clone();
        forged[56] ^= 1 << bit;
        assert_eq!(verifier.code(with_signature(&token, &forged)), "invalid_signature", "a bit beside the sign of R");
    }
    for forged in [
        signature[..113].to_vec(),
        signature[1..].to_vec(),
        signature[..64].to_vec(),
        [&signature[..], &[0]].concat(),
        [&[0], &signature[..]].concat(),
        vec![0; 114],
        [&[1], &[0; 113][..]].concat(),
        Vec::new(),
    ] {
        assert_eq!(verifier.code(with_signature(&token, &forged)), "invalid_signature", "{} octets", forged.len());
    }
    assert_eq!(verifier.code(token), ACCEPTED);
}

#[test]
fn d3_ed448_keys_of_small_order_or_in_another_encoding_are_refused() {
    let prime: BigUint = (BigUint::from(1_u32) << 448_u32) - (BigUint::from(1_u32) << 224_u32) - 1_u32;
    // y = 1, the neutral element; y = -1, of order two; y = 0, the two of order four; then the same, not reduced.
    let ys = [BigUint::from(1_u32), &prime - 1_u32, BigUint::from(0_u32), prime.clone(), &prime + 1_u32];
    for y in &ys {
        for sign in [0, 0x80] {
            let mut key = little(y);
            key[56] |= sign;
            assert!(load(as_jwk(&key), &["Ed448"]).is_err(), "{key:02x?}");
            assert!(load(as_pem(&key), &["EdDSA"]).is_err(), "{key:02x?}");
        }
    }
    let spki = pem::parse(key_file("ed448.spki.pem")).unwrap();
    let good = &spki.contents()[12..];
    for bit in 0..7 {
        let mut key = good.to_vec();
        key[56] |= 1 << bit;
        assert!(load(as_jwk(&key), &["Ed448"]).is_err(), "a bit beside the sign of x");
    }
    // The sum of a good point and the one of order two, (-x, -y): on the curve, and not of prime order.
    let mut twisted = little(&(&prime - BigUint::from_bytes_le(&good[..56])));
    for sign in [0, 0x80] {
        twisted[56] = sign;
        assert!(load(as_jwk(&twisted), &["Ed448"]).is_err());
    }
    for key in [&good[1..], &[good, &[0]].concat(), &[0xff; 57], &[]] {
        assert!(load(as_jwk(key), &["Ed448"]).is_err());
        assert!(load(as_pem(key), &["Ed448"]).is_err());
    }
    let signer = Signer::from_pem(Algorithm::Ed448, &key_file("ed448.private.pem"));
    for key in [as_pem(good), as_jwk(good)] {
        assert_eq!(TestVerifier::new(key, &["Ed448"]).code(signer.token(claims())), ACCEPTED);
    }
}

#[test]
fn only_the_listed_algorithm_name_is_accepted() {
    let private = key_file("ed448.private.pem");
    let [old, new] = [Algorithm::EdDSA, Algorithm::Ed448].map(|algorithm| Signer::from_pem(algorithm, &private));
    for (listed, by_old, by_new) in [
        (&["EdDSA"][..], ACCEPTED, "algorithm_not_allowed"),
        (&["Ed448"], "algorithm_not_allowed", ACCEPTED),
        (&["EdDSA", "Ed448"], ACCEPTED, ACCEPTED),
    ] {
        let verifier = TestVerifier::new(new.jwk(""), listed);
        assert_eq!(
            (verifier.code(old.token(claims())), verifier.code(new.token(claims()))),
            (by_old, by_new),
            "{listed:?}"
        );
    }
    for (alg, listed) in [("Ed448", "EdDSA"), ("EdDSA", "Ed448"), ("Ed25519", "EdDSA"), ("Ed25519", "Ed448")] {
        assert!(load(new.jwk(&format!(r#","alg":"{alg}""#)), &[listed]).is_err(), "the key's own alg binds");
    }
}

#[test]
fn in_a_set_of_two_curves_each_token_is_verified_by_its_own_key() {
    let (short, long) = (Signer::fresh(Algorithm::EdDSA), Signer::fresh(Algorithm::Ed448));
    let set = format!(r#"{{"keys":[{},{}]}}"#, short.jwk(r#","kid":"25519""#), long.jwk(r#","kid":"448""#));
    let verifier = TestVerifier::new(set, &["EdDSA", "Ed448", "Ed25519"]);
    for (alg, kid, code) in [
        ("Ed448", "448", ACCEPTED),
        ("EdDSA", "448", ACCEPTED),
        ("EdDSA", "25519", "invalid_signature"),
        ("Ed448", "25519", "unknown_key"),
        ("Ed25519", "448", "unknown_key"),
    ] {
        let token = long.sign(format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#), claims());
        assert_eq!(verifier.code(token), code, "{alg} {kid}");
    }
    assert_eq!(verifier.code(long.token(claims())), ACCEPTED);
    assert_eq!(verifier.code(short.token(claims())), "ambiguous_key", "both keys serve EdDSA");
}
