//! A token is accepted as it was signed, or not at all: whatever single byte of it is replaced, added or cut off.
//!
//! A replaced byte is each of the 256 where verifying is cheap, and each of a set that still holds every neighbour and
//! every delimiter where it is not (P-384 and P-521), or every neighbour alone where it takes longest (Ed448).

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{ACCEPTED, BEFORE_CLAIMS, Signer, TestVerifier, claims};
use fastmcp_rs::jose::jwa::Algorithm;

/// Bytes with a meaning somewhere: delimiters, padding, line ends, the other alphabet, and the lowest base64url digit.
const TELLING: [u8; 12] = [b'.', b'=', b'A', b'_', b'-', b'+', b'/', b'\n', b'\r', b' ', 0x00, 0xff];

struct Token {
    verifier: TestVerifier,
    original: Vec<u8>,
    algorithm: Algorithm,
}

impl Token {
    fn new(algorithm: Algorithm) -> Self {
        let signer = Signer::fresh(algorithm);
        let verifier = TestVerifier::new(signer.public_key(), &[algorithm.name()]);
        let original = signer.token(claims()).into_bytes();
        assert_eq!(verifier.code(&original), ACCEPTED);
        Self { verifier, original, algorithm }
    }

    /// The bytes to try in place of, or next to, this one.
    fn replacements(&self, byte: u8) -> Vec<u8> {
        let near = [byte.wrapping_add(1), byte.wrapping_sub(1), byte ^ 0x20];
        let others: Vec<u8> = match self.algorithm {
            Algorithm::Ed448 => near.to_vec(),
            Algorithm::ES384 | Algorithm::ES512 => near.into_iter().chain(TELLING).collect(),
            _ => (0..=u8::MAX).collect(),
        };
        others.into_iter().filter(|&other| other != byte).collect()
    }

    fn refused(&self, forged: &[u8], what: &str) {
        let code = self.verifier.code(forged);
        assert!(BEFORE_CLAIMS.contains(&code), "{what} is {code}: {}", String::from_utf8_lossy(forged));
    }

    fn replaced(&self) {
        let mut forged = self.original.clone();
        for (at, &byte) in self.original.iter().enumerate() {
            for other in self.replacements(byte) {
                forged[at] = other;
                self.refused(&forged, "a replaced byte");
            }
            forged[at] = byte;
        }
    }

    fn inserted(&self) {
        for at in 0..=self.original.len() {
            let beside = self.original.get(at).copied().unwrap_or(b'A');
            for byte in TELLING.into_iter().chain([beside]) {
                let mut forged = self.original.clone();
                forged.insert(at, byte);
                self.refused(&forged, "an inserted byte");
            }
        }
    }

    fn cut(&self) {
        for at in 0..self.original.len() {
            self.refused(&self.original[..at], "the beginning");
            self.refused(&self.original[at + 1..], "the end");
            let without = [&self.original[..at], &self.original[at + 1..]].concat();
            self.refused(&without, "a byte left out");
        }
    }
}

fn any_byte(algorithm: Algorithm) {
    let token = Token::new(algorithm);
    token.replaced();
    token.inserted();
    token.cut();
    assert_eq!(token.verifier.code(&token.original), ACCEPTED, "and the token itself is still good");
}

macro_rules! each_algorithm {
    ($($name:ident: $algorithm:ident,)*) => {
        $(#[test]
        fn $name() {
            any_byte(Algorithm::$algorithm);
        })*

        #[test]
        fn every_algorithm_has_its_test() {
            assert_eq!([$(Algorithm::$algorithm),*], Algorithm::ALL);
        }
    };
}

each_algorithm! {
    hs256: HS256,
    hs384: HS384,
    hs512: HS512,
    rs256: RS256,
    rs384: RS384,
    rs512: RS512,
    ps256: PS256,
    ps384: PS384,
    ps512: PS512,
    es256: ES256,
    es384: ES384,
    es512: ES512,
    eddsa: EdDSA,
    ed25519: Ed25519,
    ed448: Ed448,
}
