//! Signature mathematics: rows D1 to D3 of SECURITY.md, one test each. D4 has a file of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{ACCEPTED, Signer, TestVerifier, claims, key_file, load, pem_of, signature_of, with_signature};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use num_bigint::BigUint;

/// The orders of P-256, P-384 and P-521 (FIPS 186-4 appendix D.1.2), and how long an integer below them is.
const CURVES: [(Algorithm, usize, &str); 3] = [
    (Algorithm::ES256, 32, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    (
        Algorithm::ES384,
        48,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
    (
        Algorithm::ES512,
        66,
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
];

/// The order of the base point of edwards25519 (RFC 8032 section 5.1).
const ED25519_ORDER: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap()
}

/// The number as so many big-endian octets.
fn octets(number: &BigUint, len: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; len - bytes.len()], bytes].concat()
}

fn ecdsa() -> impl Iterator<Item = (Signer, TestVerifier, usize, BigUint)> {
    CURVES.into_iter().map(|(algorithm, len, order)| {
        let signer = Signer::fresh(algorithm);
        let verifier = TestVerifier::new(signer.public_key(), &[algorithm.name()]);
        (signer, verifier, len, number(order))
    })
}

#[test]
fn d1_cve_2022_21449_ecdsa_values_out_of_range_are_refused() {
    for (signer, verifier, len, order) in ecdsa() {
        let token = signer.token(claims());
        let signature = signature_of(&token);
        let (r, s) = signature.split_at(len);
        let zero = vec![0; len];
        let all_ones = vec![0xff; len];
        let order_octets = octets(&order, len);
        let above = octets(&(&order + 1_u32), len);
        // r and s are read modulo nothing: adding the order does not make them the same value.
        let plus_order = |half: &[u8]| {
            let sum = BigUint::from_bytes_be(half) + &order;
            if sum.bits() <= 8 * len as u64 { octets(&sum, len) } else { order_octets.clone() }
        };
        let edges = [&zero, &order_octets, &above, &all_ones];
        for edge in edges {
            for forged in [[edge, s], [r, edge], [edge, edge]] {
                assert_eq!(verifier.code(with_signature(&token, &forged.concat())), "invalid_signature", "{forged:?}");
            }
        }
        for one in edges {
            for other in edges {
                assert_eq!(verifier.code(with_signature(&token, &[&**one, other].concat())), "invalid_signature");
            }
        }
        for forged in [[plus_order(r), s.to_vec()], [r.to_vec(), plus_order(s)], [plus_order(r), plus_order(s)]] {
            assert_eq!(verifier.code(with_signature(&token, &forged.concat())), "invalid_signature");
        }
        // r = 1, s = 1 and r = s = n - 1 lie in range, and are no signature of this.
        for small in [octets(&BigUint::from(1_u32), len), octets(&(&order - 1_u32), len)] {
            assert_eq!(verifier.code(with_signature(&token, &[&*small, &*small].concat())), "invalid_signature");
        }
        assert_eq!(verifier.code(with_signature(&token, &[r, s].concat())), ACCEPTED);
    }
}

/// The signature as the DER sequence of two integers that X.509 uses (RFC 3279 section 2.2.3).
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let bytes = BigUint::from_bytes_be(half).to_bytes_be();
        let sign = if bytes[0] >= 0x80 { &[0][..] } else { &[] };
        [&[0x02, u8::try_from(sign.len() + bytes.len()).unwrap()], sign, &bytes].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    let len = u8::try_from(body.len()).unwrap();
    let head = if len < 0x80 { vec![0x30, len] } else { vec![0x30, 0x81, len] };
    [head, body].concat()
}

#[test]
fn d2_cve_2024_42461_cve_2024_48948_ecdsa_signatures_have_one_length() {
    for (signer, verifier, len, _) in ecdsa() {
        // A signature whose r, and one whose s, begins with a zero octet: one in 256 does, for P-521 one in two.
        let short = |half: usize| {
            let token = (0..20_000).map(|_| signer.token(claims())).find(|token| signature_of(token)[half * len] == 0);
            token.unwrap()
        };
        for (half, token) in [(0, short(0)), (1, short(1))] {
            let signature = signature_of(&token);
            let (r, s) = signature.split_at(len);
            assert_eq!(verifier.code(&token), ACCEPTED, "leading zeros are part of the value");
            let dropped = if half == 0 { [&r[1..], s].concat() } else { [r, &s[1..]].concat() };
            let padded = [&[0], r, &[0], s].concat();
            for forged in [
                dropped,
                padded,
                der(&signature),
                signature[..2 * len - 1].to_vec(),
                signature[1..].to_vec(),
                [&signature[..], &[0]].concat(),
                [&[0], &signature[..]].concat(),
                [&signature[..], &signature[..]].concat(),
                r.to_vec(),
                Vec::new(),
            ] {
                let code = verifier.code(with_signature(&token, &forged));
                assert_eq!(code, "invalid_signature", "{} with {} octets", signer.algorithm, forged.len());
            }
        }
    }
}

#[test]
fn d3_ed25519_signatures_and_keys_have_one_form() {
    let signer = Signer::fresh(Algorithm::EdDSA);
    let verifier = TestVerifier::new(signer.public_key(), &["EdDSA"]);
    let token = signer.token(claims());
    let signature = signature_of(&token);
    let (point, scalar) = signature.split_at(32);
    let order = number(ED25519_ORDER);
    for times in 1_u32..=15 {
        let mut sum = (BigUint::from_bytes_le(scalar) + &order * times).to_bytes_le();
        if sum.len() <= 32 {
            sum.resize(32, 0);
            let forged = with_signature(&token, &[point, &sum].concat());
            assert_eq!(
                verifier.code(forged),
                "invalid_signature",
                "S + {times} L is the same scalar, spelled otherwise"
            );
        }
    }
    for forged in [
        signature[..63].to_vec(),
        signature[1..].to_vec(),
        [&signature[..], &[0]].concat(),
        [&[0], &signature[..]].concat(),
        [&signature[..], &[0; 50]].concat(),
        vec![0; 64],
        [&[1], &[0; 63][..]].concat(),
        Vec::new(),
    ] {
        assert_eq!(verifier.code(with_signature(&token, &forged)), "invalid_signature", "{} octets", forged.len());
    }
    for (alg, code) in
        [("Ed25519", "algorithm_not_allowed"), ("Ed448", "algorithm_not_allowed"), ("EDDSA", "unsupported_algorithm")]
    {
        assert_eq!(verifier.code(signer.sign(format!(r#"{{"alg":"{alg}"}}"#), claims())), code, "only the listed name");
    }
    let renamed = TestVerifier::new(signer.public_key(), &["Ed25519"]);
    assert_eq!(renamed.code(&token), "algorithm_not_allowed");
    assert_eq!(renamed.code(signer.sign(r#"{"alg":"Ed25519"}"#, claims())), ACCEPTED);
    assert_eq!(verifier.code(token), ACCEPTED);
}

#[test]
fn d3_ed25519_keys_of_small_order_or_another_curve_are_refused() {
    // The first byte of the SubjectPublicKeyInfo of an Ed25519 key that belongs to the key itself.
    let spki = pem::parse(key_file("ed25519.spki.pem")).unwrap();
    let head = &spki.contents()[..12];
    let as_pem = |key: &[u8]| pem_of("PUBLIC KEY", &[head, key].concat());
    let as_jwk = |key: &[u8]| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, base64url::encode(key));
    let prime: BigUint = (BigUint::from(1_u32) << 255_u32) - 19_u32;
    let little = |number: &BigUint| {
        let mut bytes = number.to_bytes_le();
        bytes.resize(32, 0);
        bytes
    };
    // y = 1, the neutral element; y = -1, of order two; y = 0, of order four; and the two pairs of order eight.
    let eight = "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7";
    let other = "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826";
    let ys = [
        BigUint::from(1_u32),
        &prime - 1_u32,
        BigUint::from(0_u32),
        number(eight),
        number(other),
        // The same points with y not reduced: no canonical encoding (RFC 8032 section 5.1.3).
        prime.clone(),
        &prime + 1_u32,
    ];
    for y in &ys {
        for sign in [0, 0x80] {
            let mut key = little(y);
            key[31] |= sign;
            assert!(load(as_pem(&key), &["EdDSA"]).is_err(), "{key:02x?}");
            assert!(load(as_jwk(&key), &["Ed25519"]).is_err(), "{key:02x?}");
        }
    }
    let good = &spki.contents()[12..];
    for key in [&good[1..], &[good, &[0]].concat(), &[0xff; 32], &[]] {
        assert!(load(as_jwk(key), &["EdDSA"]).is_err());
        assert!(load(as_pem(key), &["EdDSA"]).is_err());
    }
    assert!(load(key_file("ed448.spki.pem"), &["Ed25519"]).is_err());
    let signer = Signer::from_pem(Algorithm::EdDSA, &key_file("ed25519.private.pem"));
    for key in [as_pem(good), as_jwk(good)] {
        assert_eq!(TestVerifier::new(key, &["EdDSA"]).code(signer.token(claims())), ACCEPTED);
    }
}
