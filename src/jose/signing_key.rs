//! Private keys that sign (RFC 7515), from PEM or from a JWK, and the algorithm that each is for.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef, UintRef};
use x509_cert::der::{Decode, Encode};
use zeroize::Zeroizing;

use super::json::{self, Object, Value};
use super::jwa::{Algorithm, Curve, KeyType};
use super::jwk::Unusable;
use super::{base64url, rsa};

/// The longest text that is read, in bytes.
pub const MAX_LEN: usize = 64 * 1024;

const NOT_ONE: &str = "it is no unencrypted private key of RSA (2048 to 8192 bits), P-256, P-384, P-521 or Ed25519";

/// A private key, ready to sign by one algorithm.
pub struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    kid: Option<Box<str>>,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm)
    }
}

/// Why a text is not a private key that can sign. Shows nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateKeyError(Box<str>);

impl PrivateKeyError {
    fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string().into())
    }
}

impl fmt::Display for PrivateKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Unusable> for PrivateKeyError {
    fn from(unusable: Unusable) -> Self {
        Self::new(unusable)
    }
}

fn not_one<E>(_: E) -> PrivateKeyError {
    PrivateKeyError::new(NOT_ONE)
}

impl SigningKey {
    /// Reads one private key: PEM (PKCS#8, PKCS#1 or SEC 1), or a JWK as JSON text, whose `alg` and `kid` count. Without an
    /// `alg`, RSA signs with RS256, and any other key with the algorithm of its curve.
    ///
    /// # Errors
    /// [`PrivateKeyError`] says what is wrong with the text.
    pub fn parse(text: &[u8]) -> Result<Self, PrivateKeyError> {
        if text.len() > MAX_LEN {
            return Err(PrivateKeyError::new("it is longer than 64 KiB"));
        }
        let trimmed = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
        if trimmed.starts_with(b"{") {
            let object = json::parse_document(trimmed)
                .map(Zeroizing::new)
                .map_err(|error| PrivateKeyError::new(format!("it is not one strict JSON object: {error}")))?;
            return Self::from_jwk(&object);
        }
        let pair = from_pem(trimmed)?;
        Ok(Self { algorithm: pair.usual_algorithm()?, pair, kid: None })
    }

    fn from_jwk(object: &Object) -> Result<Self, PrivateKeyError> {
        if object.get("keys").is_some() {
            return Err(PrivateKeyError::new("it is a JWK Set: give the one key of it that signs"));
        }
        if object.has_a_name_twice() {
            return Err(Unusable::NameTwice.into());
        }
        check_purpose(object)?;
        let pair = pair_of_jwk(object)?;
        let algorithm = match text(object, "alg")? {
            Some(name) => Algorithm::from_name(name)
                .filter(|algorithm| pair.key_type().is_ok_and(|key_type| algorithm.accepts_key(key_type)))
                .ok_or_else(|| PrivateKeyError::new("its \"alg\" is none that such a key signs with"))?,
            None => pair.usual_algorithm()?,
        };
        Ok(Self { pair, algorithm, kid: text(object, "kid")?.map(Box::from) })
    }

    /// The algorithm that the key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The id of the key, where it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The signature of a message. `None` where the system gives no random numbers.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding(self.algorithm)?, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ec(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
        }
    }
}

impl Pair {
    fn key_type(&self) -> Result<KeyType, PrivateKeyError> {
        Ok(match self {
            Self::Rsa(_) => KeyType::Rsa,
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::Ec(pair) => {
                let octets = pair.public_key().as_ref().len() / 2;
                KeyType::Ec(
                    CURVES.into_iter().find(|curve| curve.coordinate_len() == octets).ok_or(()).map_err(not_one)?,
                )
            }
        })
    }

    fn usual_algorithm(&self) -> Result<Algorithm, PrivateKeyError> {
        Ok(match self.key_type()? {
            KeyType::Ec(Curve::P256) => Algorithm::ES256,
            KeyType::Ec(Curve::P384) => Algorithm::ES384,
            KeyType::Ec(Curve::P521) => Algorithm::ES512,
            KeyType::Ed25519 => Algorithm::EdDSA,
            _ => Algorithm::RS256,
        })
    }
}

const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

fn ecdsa(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

fn padding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_SHA512,
        _ => return None,
    })
}

fn from_pem(text: &[u8]) -> Result<Pair, PrivateKeyError> {
    if !text.starts_with(b"-----BEGIN ") {
        return Err(PrivateKeyError::new("it is neither a private key as PEM text nor a JWK as JSON text"));
    }
    let blocks = pem::parse_many(text).map_err(|_| PrivateKeyError::new("the PEM armour does not parse"))?;
    // `openssl ecparam -genkey` writes the name of the curve into a block of its own.
    let mut keys = blocks.into_iter().filter(|block| block.tag() != "EC PARAMETERS");
    let (Some(block), None) = (keys.next(), keys.next()) else {
        return Err(PrivateKeyError::new("it must hold exactly one PEM block"));
    };
    let label = block.tag().to_owned();
    let der = Zeroizing::new(block.into_contents());
    match label.as_str() {
        "PRIVATE KEY" => from_pkcs8(&der),
        "RSA PRIVATE KEY" => rsa_pair(&der),
        "EC PRIVATE KEY" => CURVES
            .into_iter()
            .find_map(|curve| EcdsaKeyPair::from_private_key_der(ecdsa(curve), &der).ok())
            .map(Pair::Ec)
            .ok_or(())
            .map_err(not_one),
        "ENCRYPTED PRIVATE KEY" => Err(PrivateKeyError::new("it is encrypted: decrypt it first, with openssl pkey")),
        label if label.contains("PUBLIC KEY") || label == "CERTIFICATE" => {
            Err(PrivateKeyError::new("it is a public key: give the private one, which signs"))
        }
        _ => Err(PrivateKeyError::new("its label is none of PRIVATE KEY, RSA PRIVATE KEY and EC PRIVATE KEY")),
    }
}

fn from_pkcs8(der: &[u8]) -> Result<Pair, PrivateKeyError> {
    if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
        return sound(pair);
    }
    let of_a_curve = |curve| EcdsaKeyPair::from_pkcs8(ecdsa(curve), der).ok();
    if let Some(pair) = CURVES.into_iter().find_map(of_a_curve) {
        return Ok(Pair::Ec(pair));
    }
    Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519).map_err(not_one)
}

fn rsa_pair(pkcs1: &[u8]) -> Result<Pair, PrivateKeyError> {
    sound(RsaKeyPair::from_der(pkcs1).map_err(not_one)?)
}

/// The key, if this project would also accept its public half for verification.
fn sound(pair: RsaKeyPair) -> Result<Pair, PrivateKeyError> {
    let public = RsaPublicKeyRef::from_der(pair.public_key().as_ref()).map_err(not_one)?;
    rsa::RsaPublicKey::new(public.modulus.as_bytes(), public.public_exponent.as_bytes())
        .map_err(PrivateKeyError::new)?;
    Ok(Pair::Rsa(pair))
}

/// A member that is a text, unless it is absent or null.
fn text<'o>(object: &'o Object, name: &'static str) -> Result<Option<&'o str>, Unusable> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Unusable::Member(name)),
    }
}

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3) let the key sign.
fn check_purpose(object: &Object) -> Result<(), PrivateKeyError> {
    if text(object, "use")?.is_some_and(|key_use| key_use != "sig") {
        return Err(PrivateKeyError::new("its \"use\" reserves it for something other than signatures"));
    }
    match object.get("key_ops") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation.as_str() == Some("sign")) => {
            Ok(())
        }
        Some(_) => Err(PrivateKeyError::new("its \"key_ops\" do not let it sign")),
    }
}

fn pair_of_jwk(object: &Object) -> Result<Pair, PrivateKeyError> {
    let octets = |name| private_octets(object, name);
    let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
    match (text("kty"), text("crv")) {
        ("RSA", _) => {
            let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
            let numbers = names.map(octets).into_iter().collect::<Result<Vec<_>, _>>()?;
            let number = |at: usize| UintRef::new(&numbers[at]).map_err(not_one);
            let key = RsaPrivateKeyRef {
                modulus: number(0)?,
                public_exponent: number(1)?,
                private_exponent: number(2)?,
                prime1: number(3)?,
                prime2: number(4)?,
                exponent1: number(5)?,
                exponent2: number(6)?,
                coefficient: number(7)?,
                other_prime_infos: None,
            };
            rsa_pair(&Zeroizing::new(key.to_der().map_err(not_one)?))
        }
        ("EC", name) => {
            let curve = match name {
                "P-256" => Curve::P256,
                "P-384" => Curve::P384,
                "P-521" => Curve::P521,
                other => return Err(Unusable::UnknownKeyType("crv", other.into()).into()),
            };
            let padded = |name| -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
                let given = octets(name)?;
                let short = curve.coordinate_len().checked_sub(given.len()).ok_or(Unusable::Member(name))?;
                let mut padded = Zeroizing::new(vec![0; short]);
                padded.extend_from_slice(&given);
                Ok(padded)
            };
            let point = [&[0x04][..], &padded("x")?, &padded("y")?].concat();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(ecdsa(curve), &padded("d")?, &point);
            pair.map(Pair::Ec).map_err(not_one)
        }
        ("OKP", "Ed25519") => {
            Ed25519KeyPair::from_seed_and_public_key(&octets("d")?, &octets("x")?).map(Pair::Ed25519).map_err(not_one)
        }
        ("OKP", other) => Err(Unusable::UnknownKeyType("crv", other.into()).into()),
        ("oct", _) => Err(PrivateKeyError::new("it is a shared secret: give it as client_secret")),
        (other, _) => Err(Unusable::UnknownKeyType("kty", other.into()).into()),
    }
}

fn private_octets(object: &Object, name: &'static str) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
    let text = object.get(name).and_then(Value::as_str).ok_or_else(|| {
        if name == "d" {
            PrivateKeyError::new("it is a public key: give the private one, which signs")
        } else {
            Unusable::Missing(name).into()
        }
    })?;
    base64url::decode(text.as_bytes())
        .filter(|octets| !octets.is_empty())
        .map(Zeroizing::new)
        .ok_or_else(|| Unusable::Member(name).into())
}

#[cfg(test)]
mod tests;
