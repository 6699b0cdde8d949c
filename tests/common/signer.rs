//! Keys that sign, made with aws-lc directly so that they share no code with what they test. Ed448 has no second
//! library here: that tokens of others verify is shown by the Python tests, and by the vectors of RFC 8032.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{hmac, rand};
use ed448_goldilocks::SigningKey as Ed448SigningKey;
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use pkcs1::RsaPublicKeyRef;
use x509_cert::der::Decode;

/// A key for one algorithm, which signs under others of its type where a test wants that.
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    key: Key,
}

enum Key {
    Secret(Vec<u8>),
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Ed448(Box<Ed448SigningKey>),
}

/// A fresh key for each algorithm that there is.
pub(crate) fn all_signers() -> impl Iterator<Item = Signer> {
    Algorithm::ALL.into_iter().map(Signer::fresh)
}

/// An RS256 key from the vectors: making one takes a tenth of a second, and most tests do not care which.
pub(crate) fn rsa_signer() -> Signer {
    Signer::from_pem(Algorithm::RS256, &super::key_file("rsa.private.pem"))
}

pub(crate) fn pem_of(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

impl Signer {
    pub(crate) fn fresh(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                let mut bytes = [0; 48];
                rand::fill(&mut bytes).unwrap();
                Key::Secret(base64url::encode(&bytes).into_bytes())
            }
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => {
                Key::Ec(EcdsaKeyPair::generate(ecdsa(algorithm)).unwrap())
            }
            Algorithm::EdDSA | Algorithm::Ed25519 => Key::Ed25519(Ed25519KeyPair::generate().unwrap()),
            Algorithm::Ed448 => {
                let mut bytes = [0; 57];
                rand::fill(&mut bytes).unwrap();
                ed448(&bytes)
            }
            _ => Key::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
        };
        Self { algorithm, key }
    }

    /// A signer with this shared secret.
    pub(crate) fn of_secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Self {
        Self { algorithm, key: Key::Secret(secret.as_ref().to_vec()) }
    }

    /// A signer with the private key of this PKCS#8 PEM text.
    pub(crate) fn from_pem(algorithm: Algorithm, private: &str) -> Self {
        let pkcs8 = pem::parse(private).unwrap().into_contents();
        let key = match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => panic!("a secret has no PEM"),
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => {
                Key::Ec(EcdsaKeyPair::from_pkcs8(ecdsa(algorithm), &pkcs8).unwrap())
            }
            // RFC 8410 section 7: the key is what the structure ends with.
            Algorithm::EdDSA if pkcs8.len() == 73 => ed448(&pkcs8[16..]),
            Algorithm::Ed448 => ed448(&pkcs8[16..]),
            Algorithm::EdDSA | Algorithm::Ed25519 => Key::Ed25519(Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap()),
            _ => Key::Rsa(Box::new(RsaKeyPair::from_pkcs8(&pkcs8).unwrap())),
        };
        Self { algorithm, key }
    }

    /// What a verifier needs: the public key as SPKI in PEM armour, or the shared secret.
    pub(crate) fn public_key(&self) -> String {
        let spki: PublicKeyX509Der<'_> = match &self.key {
            Key::Secret(secret) => return String::from_utf8(secret.clone()).unwrap(),
            Key::Rsa(pair) => pair.public_key().as_der(),
            Key::Ec(pair) => pair.public_key().as_der(),
            Key::Ed25519(pair) => pair.public_key().as_der(),
            Key::Ed448(pair) => {
                return pem_of("PUBLIC KEY", &[&ED448_SPKI, &pair.verifying_key().as_bytes()[..]].concat());
            }
        }
        .unwrap();
        pem_of("PUBLIC KEY", spki.as_ref())
    }

    /// The public (or symmetric) JWK, with these further members, such as `,"kid":"a"`.
    pub(crate) fn jwk(&self, more: &str) -> String {
        let text = |bytes: &[u8]| base64url::encode(bytes);
        let members = match &self.key {
            Key::Secret(secret) => format!(r#""kty":"oct","k":"{}""#, text(secret)),
            Key::Rsa(pair) => {
                let numbers = RsaPublicKeyRef::from_der(pair.public_key().as_ref()).unwrap();
                let (n, e) = (numbers.modulus.as_bytes(), numbers.public_exponent.as_bytes());
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, text(n), text(e))
            }
            Key::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let bits = if point.len() == 132 { 521 } else { point.len() * 4 };
                format!(r#""kty":"EC","crv":"P-{bits}","x":"{}","y":"{}""#, text(x), text(y))
            }
            Key::Ed25519(pair) => {
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, text(pair.public_key().as_ref()))
            }
            Key::Ed448(pair) => {
                format!(r#""kty":"OKP","crv":"Ed448","x":"{}""#, text(pair.verifying_key().as_bytes()))
            }
        };
        format!("{{{members}{more}}}")
    }

    /// The header of an ordinary token, with these further members, such as `,"kid":"a"`.
    pub(crate) fn header(&self, more: &str) -> String {
        format!(r#"{{"alg":"{}","typ":"JWT"{more}}}"#, self.algorithm)
    }

    /// A token with an ordinary header.
    pub(crate) fn token(&self, payload: impl AsRef<[u8]>) -> String {
        self.sign(self.header(""), payload)
    }

    /// A compact JWS of this header and payload, whatever they say.
    pub(crate) fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign_input(&format!("{}.{}", base64url::encode(header.as_ref()), base64url::encode(payload.as_ref())))
    }

    /// A compact JWS of this signing input, however it is spelled.
    pub(crate) fn sign_input(&self, signing_input: &str) -> String {
        let signature = self.signature(self.algorithm, signing_input.as_bytes());
        format!("{signing_input}.{}", base64url::encode(&signature))
    }

    /// The signature of `message` by this key under an algorithm of its type.
    pub(crate) fn signature(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Secret(secret) => hmac::sign(&hmac::Key::new(digest(algorithm), secret), message).as_ref().to_vec(),
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding(algorithm), &random, message, &mut signature).unwrap();
                signature
            }
            Key::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Ed448(pair) => pair.sign_raw(message).to_bytes().to_vec(),
        }
    }
}

/// A `SubjectPublicKeyInfo` up to the key itself (RFC 8410 section 4).
const ED448_SPKI: [u8; 12] = [0x30, 0x43, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x71, 0x03, 0x3a, 0x00];

fn ed448(bytes: &[u8]) -> Key {
    Key::Ed448(Box::new(Ed448SigningKey::try_from(bytes).unwrap()))
}

fn digest(algorithm: Algorithm) -> hmac::Algorithm {
    match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        other => panic!("{other} is no MAC"),
    }
}

fn padding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_SHA512,
        other => panic!("{other} is no RSA algorithm"),
    }
}

fn ecdsa(algorithm: Algorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        Algorithm::ES512 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        other => panic!("{other} is no ECDSA algorithm"),
    }
}
