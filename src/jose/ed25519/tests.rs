use curve25519_dalek::constants::EIGHT_TORSION;
use serde_json::Value;

use super::super::jwa::KeyMaterial;
use super::*;

/// The encodings of the eight points of small order of `edwards25519`, and those of their encodings that are not
/// canonical ("Taming the many `EdDSAs`", Chalkias et al. 2020, table 6).
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// The order of the base point, in little endian (RFC 8032 section 5.1).
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn scalar(seed: &str) -> Scalar {
    challenge(&[0; LEN], &[0; LEN], seed.as_bytes())
}

/// A key that has its multiples.
fn used(encoded: [u8; LEN]) -> Ed25519Key {
    let key = Ed25519Key::new(encoded).unwrap();
    key.compute_multiples();
    assert!(key.multiples.get().is_some());
    key
}

/// What aws-lc and the multiples both say of a signature.
fn verdict(key: &Ed25519Key, message: &[u8], signature: &[u8]) -> bool {
    let by_library = key.parsed.verify_sig(message, signature).is_ok();
    assert_eq!(key.verifies(message, signature), by_library, "{:02x?} {signature:02x?}", key.encoded);
    by_library
}

/// The same number with the order added once more, which 32 octets hold.
fn unreduced(s: &Scalar) -> [u8; LEN] {
    let (mut sum, mut carry) = (s.to_bytes(), 0);
    for (octet, of_order) in sum.iter_mut().zip(hex(ORDER)) {
        let total = u16::from(*octet) + u16::from(of_order) + carry;
        (*octet, carry) = (total.to_le_bytes()[0], total >> 8);
    }
    sum
}

#[test]
fn small_order_keys_are_refused() {
    for key in SMALL_ORDER {
        assert!(KeyMaterial::ed25519(&hex(key)).is_err(), "{key}");
    }
    // RFC 8037 appendix A.2
    let good = super::super::base64url::decode(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    assert!(KeyMaterial::ed25519(&good).is_ok());
    assert!(KeyMaterial::ed25519(&good[1..]).is_err());
    assert!(KeyMaterial::ed25519(&[good.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn wycheproof_all_151_vectors_agree_with_multiples_and_without() {
    let vectors = include_str!("../../../tests/vectors/wycheproof-ed25519.json");
    let Value::Array(groups) = serde_json::from_str(vectors).unwrap() else { panic!() };
    let mut seen = 0;
    for group in groups {
        let key = used(hex(group["public_key"].as_str().unwrap()).try_into().unwrap());
        for test in group["tests"].as_array().unwrap() {
            let member = |name: &str| hex(test[name].as_str().unwrap());
            let verifies = verdict(&key, &member("message"), &member("signature"));
            assert_eq!(verifies, test["result"] == "valid", "{}", test["tcId"]);
            seen += 1;
        }
    }
    assert_eq!(seen, 151);
}

/// Keys and R of every torsion component, R of small order in every encoding, and both spellings of S: where verifiers of
/// Ed25519 differ, as "Taming the many `EdDSAs`" shows. Each signature satisfies the equation with the cofactor.
#[test]
fn multiples_accept_exactly_what_the_library_accepts() {
    let (secret, nonce) = (scalar("secret"), scalar("nonce"));
    let rs = EIGHT_TORSION.iter().map(|torsion| (nonce, (ED25519_BASEPOINT_TABLE * &nonce + torsion).compress().0));
    let small = SMALL_ORDER.map(|encoded| (Scalar::ZERO, hex(encoded).try_into().unwrap()));
    let rs: Vec<(Scalar, [u8; LEN])> = rs.chain(small).collect();
    let (mut accepted, mut of_small_order) = (0, 0);
    for torsion in EIGHT_TORSION {
        let key = used((ED25519_BASEPOINT_TABLE * &secret + torsion).compress().0);
        for (nonce, r) in &rs {
            for message in 0..16_u8 {
                let s = nonce + challenge(r, &key.encoded, &[message]) * secret;
                let verifies = verdict(&key, &[message], &[&r[..], &s.to_bytes()].concat());
                assert!(!verdict(&key, &[message], &[&r[..], &unreduced(&s)].concat()));
                accepted += u32::from(verifies);
                of_small_order += u32::from(verifies && *nonce == Scalar::ZERO);
            }
        }
    }
    // The equation without the cofactor holds for some of those whose torsion components cancel out, and for no others.
    assert!(of_small_order > 0 && of_small_order < accepted);
    assert!(accepted > 16 && accepted < 8 * 16 * 8, "{accepted}");
}

#[test]
fn a_changed_bit_or_another_length_never_verifies() {
    let secret = scalar("secret");
    let key = used((ED25519_BASEPOINT_TABLE * &secret).compress().0);
    let nonce = scalar("nonce");
    let r = (ED25519_BASEPOINT_TABLE * &nonce).compress().0;
    let s = nonce + challenge(&r, &key.encoded, b"message") * secret;
    let signature = [r, s.to_bytes()].concat();
    assert!(verdict(&key, b"message", &signature));
    assert!(!verdict(&key, b"massage", &signature));
    for bit in 0..signature.len() * 8 {
        let mut changed = signature.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!verdict(&key, b"message", &changed), "bit {bit}");
    }
    for len in (0..signature.len()).chain([65, 96, 128]) {
        let mut other = signature.clone();
        other.resize(len, 0);
        assert!(!verdict(&key, b"message", &other), "{len} octets");
    }
}

#[test]
fn multiples_are_computed_for_a_key_whose_signatures_were_verified_often() {
    let secret = scalar("secret");
    let key = Ed25519Key::new((ED25519_BASEPOINT_TABLE * &secret).compress().0).unwrap();
    let nonce = scalar("nonce");
    let r = (ED25519_BASEPOINT_TABLE * &nonce).compress().0;
    let s = nonce + challenge(&r, &key.encoded, b"message") * secret;
    let good = [r, s.to_bytes()].concat();
    for _ in 0..2 * MULTIPLES_AFTER {
        assert!(!key.verifies(b"another", &good));
    }
    for _ in 1..MULTIPLES_AFTER {
        assert!(key.verifies(b"message", &good));
    }
    assert!(key.multiples.get().is_none(), "forged ones count for nothing");
    assert!(key.verifies(b"message", &good));
    assert!(key.multiples.get().is_some());
    assert!(key.verifies(b"message", &good));
}
