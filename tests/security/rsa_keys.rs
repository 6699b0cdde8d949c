//! RSA keys and paddings out of bounds: row D4 of SECURITY.md.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{
    ACCEPTED, Signer, TestVerifier, claims, compact, key_file, load, pem_of, signature_of, with_signature,
};
use aws_lc_rs::digest::{self, Algorithm as Digest, SHA256, SHA384, SHA512};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use num_bigint::BigUint;
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use x509_cert::der::{Decode, Encode, asn1::UintRef};

/// A public key with these numbers, in each form in which one may be given.
fn forms(n: &[u8], e: &[u8]) -> Vec<String> {
    let mut forms = vec![format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, base64url::encode(n), base64url::encode(e))];
    let key = RsaPublicKeyRef { modulus: UintRef::new(n).unwrap(), public_exponent: UintRef::new(e).unwrap() };
    forms.push(pem_of("RSA PUBLIC KEY", &key.to_der().unwrap()));
    forms
}

/// The numbers of the RSA key of the vectors.
struct Numbers {
    n: BigUint,
    e: BigUint,
    d: BigUint,
}

impl Numbers {
    fn of_the_vectors() -> Self {
        let der = pem::parse(key_file("rsa.private.pkcs1.pem")).unwrap().into_contents();
        let key = RsaPrivateKeyRef::from_der(&der).unwrap();
        let number = |number: &UintRef<'_>| BigUint::from_bytes_be(number.as_bytes());
        Self { n: number(&key.modulus), e: number(&key.public_exponent), d: number(&key.private_exponent) }
    }

    /// The signature whose encoded message this is: RSASP1 (RFC 8017 section 5.2.1).
    fn sign_encoded(&self, encoded: &[u8]) -> Vec<u8> {
        let signature = BigUint::from_bytes_be(encoded).modpow(&self.d, &self.n).to_bytes_be();
        [vec![0; 256 - signature.len()], signature].concat()
    }
}

/// EMSA-PSS (RFC 8017 section 9.1.1) for a 2048-bit key, with any salt length and any hash for the mask.
fn pss(message: &[u8], hash: &'static Digest, mask_hash: &'static Digest, salt_len: usize) -> Vec<u8> {
    let (salt, hash_len) = (vec![0x5a; salt_len], hash.output_len());
    let digest_of_message = digest::digest(hash, message);
    let h = digest::digest(hash, &[&[0; 8], digest_of_message.as_ref(), &salt].concat());
    let masked_len = 256 - hash_len - 1;
    let mut block = [vec![0; masked_len - salt_len - 1], vec![1], salt].concat();
    let mask = (0_u32..).flat_map(|counter| {
        let block = digest::digest(mask_hash, &[h.as_ref(), &counter.to_be_bytes()].concat());
        block.as_ref().to_vec()
    });
    block.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    block[0] &= 0x7f;
    [&block, h.as_ref(), &[0xbc]].concat()
}

/// An RSA modulus has two large factors; that this one has not is nothing a verifier can see.
fn odd_modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xff; bits / 8];
    n[1] = 0x5a;
    n
}

#[test]
fn d4_rfc_7518_3_3_weak_rsa_keys_are_refused() {
    let numbers = Numbers::of_the_vectors();
    let (n, e) = (numbers.n.to_bytes_be(), numbers.e.to_bytes_be());
    let even = (&numbers.n - 1_u32).to_bytes_be();
    for (what, n, e) in [
        ("1024 bits", &odd_modulus(1024), &e),
        ("2040 bits", &odd_modulus(2040), &e),
        ("1024 bits behind zeros", &[vec![0; 128], odd_modulus(1024)].concat(), &e),
        ("an even modulus", &even, &e),
        ("e = 1", &n, &vec![1]),
        ("e = 0", &n, &vec![0]),
        ("e = 2", &n, &vec![2]),
        ("e = 65536", &n, &vec![1, 0, 0]),
        ("n = 0", &vec![0], &e),
    ] {
        for key in forms(n, e) {
            assert!(load(&key, &["RS256"]).is_err(), "{what}: {key}");
            assert!(load(key, &["PS512"]).is_err(), "{what}");
        }
    }
    assert!(load(key_file("rsa1024.spki.pem"), &["RS256"]).is_err());
    for key in forms(&n, &e) {
        assert_eq!(TestVerifier::new(key, &["RS256"]).code(crate::common::rsa_signer().token(claims())), ACCEPTED);
    }
}

#[test]
fn d4_cve_2017_15361_a_modulus_of_the_flawed_generator_is_refused() {
    let error = load(key_file("rsa-roca.jwk.json"), &["RS256"]).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("CVE-2017-15361"), "{error}");
    assert!(load(crate::common::rsa_signer().jwk(""), &["RS256"]).is_ok());
}

#[test]
fn d4_a_signature_has_the_length_of_the_modulus() {
    let private = key_file("rsa.private.pem");
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        let signer = Signer::from_pem(algorithm, &private);
        let verifier = TestVerifier::new(signer.public_key(), &[algorithm.name()]);
        let token = signer.token(claims());
        let signature = signature_of(&token);
        let numbers = Numbers::of_the_vectors();
        let plus_modulus = (BigUint::from_bytes_be(&signature) + &numbers.n).to_bytes_be();
        for forged in [
            signature[..255].to_vec(),
            signature[1..].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            plus_modulus,
            numbers.n.to_bytes_be(),
            vec![0; 256],
            [vec![0; 255], vec![1]].concat(),
            (&numbers.n - 1_u32).to_bytes_be(),
            Vec::new(),
        ] {
            assert_eq!(verifier.code(with_signature(&token, &forged)), "invalid_signature", "{} octets", forged.len());
        }
        assert_eq!(verifier.code(&token), ACCEPTED);
        // One signature in 256 starts with a zero octet, which is part of it.
        let tokens = (0..20_000).map(|i| signer.token(crate::common::claim("i", &i.to_string())));
        let short = tokens.into_iter().find(|token| signature_of(token)[0] == 0).unwrap();
        assert_eq!(verifier.code(&short), ACCEPTED);
        assert_eq!(verifier.code(with_signature(&short, &signature_of(&short)[1..])), "invalid_signature");
    }
}

#[test]
fn d4_rfc_7518_3_5_pss_has_a_salt_as_long_as_its_hash_and_one_hash() {
    let numbers = Numbers::of_the_vectors();
    for (algorithm, hash, others) in [
        (Algorithm::PS256, &SHA256, [&SHA384, &SHA512]),
        (Algorithm::PS384, &SHA384, [&SHA256, &SHA512]),
        (Algorithm::PS512, &SHA512, [&SHA256, &SHA384]),
    ] {
        let verifier = TestVerifier::new(key_file("rsa.spki.pem"), &[algorithm.name()]);
        let unsigned = compact(format!(r#"{{"alg":"{algorithm}"}}"#), claims(), "");
        let message = unsigned.rsplit_once('.').unwrap().0.as_bytes();
        let code = |encoded: Vec<u8>| verifier.code(with_signature(&unsigned, &numbers.sign_encoded(&encoded)));
        let right = hash.output_len();
        for salt_len in [0, 1, 20, right - 1, right + 1, 256 - right - 2] {
            assert_eq!(code(pss(message, hash, hash, salt_len)), "invalid_signature", "{algorithm} salt {salt_len}");
        }
        for other in others {
            assert_eq!(code(pss(message, hash, other, right)), "invalid_signature", "{algorithm} with another mask");
            assert_eq!(code(pss(message, other, other, right)), "invalid_signature", "{algorithm}, another hash");
        }
        assert_eq!(code(pss(message, hash, hash, right)), ACCEPTED, "{algorithm}: the same arithmetic, unspoilt");
    }
}

#[test]
fn d4_rs256_padding_is_compared_whole() {
    // DigestInfo of SHA-256 (RFC 8017 section 9.2, note 1).
    const INFO: [u8; 19] = [48, 49, 48, 13, 6, 9, 96, 134, 72, 1, 101, 3, 4, 2, 1, 5, 0, 4, 32];
    let numbers = Numbers::of_the_vectors();
    let verifier = TestVerifier::new(key_file("rsa.spki.pem"), &["RS256"]);
    let unsigned = compact(r#"{"alg":"RS256"}"#, claims(), "");
    let message = unsigned.rsplit_once('.').unwrap().0.as_bytes();
    let hash = digest::digest(&SHA256, message);
    let hash = hash.as_ref();
    let padded = |fill: &[u8], info: &[u8], tail: &[u8]| {
        let padding = 256 - 3 - info.len() - hash.len() - tail.len();
        let fill: Vec<u8> = fill.iter().copied().cycle().take(padding).collect();
        [&[0, 1], &fill[..], &[0], info, hash, tail].concat()
    };
    let code = |encoded: Vec<u8>| verifier.code(with_signature(&unsigned, &numbers.sign_encoded(&encoded)));
    let without_null = [&[48, 47, 48, 11], &INFO[4..15], &[4, 32]].concat();
    for (what, encoded) in [
        // Bleichenbacher's forgery of 2006 (CVE-2006-4339) left room behind the hash.
        ("junk behind the hash", padded(&[0xff], &INFO, &[0; 100])),
        ("another filling", padded(&[0xff, 0xfe], &INFO, &[])),
        ("no DigestInfo", padded(&[0xff], &[], &[])),
        ("no NULL", padded(&[0xff], &without_null, &[])),
        ("block type 2", {
            let mut block = padded(&[0xff], &INFO, &[]);
            block[1] = 2;
            block
        }),
    ] {
        assert_eq!(code(encoded), "invalid_signature", "{what}");
    }
    assert_eq!(code(padded(&[0xff], &INFO, &[])), ACCEPTED);
}
