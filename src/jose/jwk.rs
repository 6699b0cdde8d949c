//! JSON Web Keys that verify signatures (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use std::collections::HashSet;

use zeroize::Zeroizing;

use super::base64url;
use super::json::{Object, Value};
use super::jwa::{Algorithm, Curve, KeyMaterial, PreparedKey};
pub use super::jwk_unusable::{Quoted, Unusable};
use super::rsa;

/// Members that only a private key has. A verifier must not be given a private key.
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// The registered values of `alg` (RFC 7518 sections 4.1 and 5.1) that name encryption. A key with one of them is reserved
/// for encryption. A value that is not registered is ignored, since no token can have it.
const ENCRYPTION_ALGORITHMS: [&str; 26] = [
    "RSA1_5",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA-OAEP-384",
    "RSA-OAEP-512",
    "A128KW",
    "A192KW",
    "A256KW",
    "dir",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
    "A128GCMKW",
    "A192GCMKW",
    "A256GCMKW",
    "PBES2-HS256+A128KW",
    "PBES2-HS384+A192KW",
    "PBES2-HS512+A256KW",
    "A128CBC-HS256",
    "A192CBC-HS384",
    "A256CBC-HS512",
    "A128GCM",
    "A192GCM",
    "A256GCM",
    "none",
];
/// Registered signature algorithms that this project does not verify.
const OTHER_SIGNATURE_ALGORITHMS: [&str; 4] = ["ES256K", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];

/// One key that may verify signatures.
#[derive(Debug, Clone)]
pub struct Jwk {
    /// The key id, compared as a case-sensitive string.
    pub kid: Option<Box<str>>,
    /// The one algorithm that the key is bound to, if it says so.
    pub alg: Option<Algorithm>,
    /// Whether the key says that it is for signatures.
    pub is_for_signatures: bool,
    /// The issuer whose tokens it signs, where it names one: a member that Microsoft Entra's keys have.
    pub issuer: Option<Box<str>>,
    /// The key itself.
    pub material: KeyMaterial,
}

impl Jwk {
    /// Reads one key. Members that RFC 7517 does not know are ignored, and those that are null are absent.
    ///
    /// # Errors
    /// [`Unusable`] says why the key cannot verify signatures here.
    pub fn from_object(object: &Object) -> Result<Self, Unusable> {
        Self::for_use(object, None)
    }

    /// Does the same, and accepts a further value of `use` beside `sig`.
    ///
    /// # Errors
    /// As of [`from_object`](Self::from_object).
    pub fn for_use(object: &Object, key_use: Option<&str>) -> Result<Self, Unusable> {
        let mut key = Self::unchecked(object, key_use)?;
        key.material = key.material.checked()?;
        Ok(key)
    }

    /// Reads one key that is used once, and prepares it for its algorithm in the same step.
    ///
    /// # Errors
    /// [`Unusable`] says why the key cannot verify signatures of this algorithm.
    pub fn prepare_once(object: &Object, algorithm: Algorithm) -> Result<(Self, PreparedKey), Unusable> {
        let key = Self::unchecked(object, None)?;
        if !key.supports(algorithm) {
            return Err(Unusable::OtherPurpose("alg", Quoted::default()));
        }
        let prepared = key.material.prepare(algorithm)?;
        Ok((key, prepared))
    }

    /// Reads one key. Its numbers are not yet known to make a sound key.
    fn unchecked(object: &Object, key_use: Option<&str>) -> Result<Self, Unusable> {
        if object.has_a_name_twice() {
            return Err(Unusable::NameTwice);
        }
        let kid = text(object, "kid")?.map(Box::from);
        let named_use = text(object, "use")?;
        match named_use {
            Some("enc") if key_use != Some("enc") => return Err(Unusable::ForEncryption("use", Quoted::from("enc"))),
            Some(other) if other != "sig" && key_use != Some(other) => {
                return Err(Unusable::OtherPurpose("use", other.into()));
            }
            _ => {}
        }
        check_operations(object)?;
        let alg = algorithm(object)?;
        if let Some(name) = PRIVATE_MEMBERS.into_iter().find(|name| is_filled(object, name)) {
            return Err(Unusable::Private(name));
        }
        let material = material(object)?;
        match alg {
            Some(alg) if !alg.accepts_key(material.key_type()) => Err(Unusable::OtherKeyType(alg.name().into())),
            _ => {
                let issuer = value(object, "issuer").and_then(Value::as_str).map(Box::from);
                Ok(Self { kid, alg, is_for_signatures: named_use.is_some(), issuer, material })
            }
        }
    }

    /// Whether the key may verify signatures of this algorithm.
    ///
    /// A secret must be as long as the hash (RFC 7518 section 3.2).
    #[must_use]
    pub fn supports(&self, algorithm: Algorithm) -> bool {
        let long_enough = match (&self.material, algorithm.secret_len()) {
            (KeyMaterial::Secret(secret), Some(wanted)) => secret.len() >= wanted,
            _ => true,
        };
        algorithm.accepts_key(self.material.key_type()) && self.alg.is_none_or(|alg| alg == algorithm) && long_enough
    }
}

/// The value of a member, unless it is absent or null.
fn value<'o>(object: &'o Object, name: &str) -> Option<&'o Value> {
    object.get(name).filter(|value| **value != Value::Null)
}

fn text<'o>(object: &'o Object, name: &'static str) -> Result<Option<&'o str>, Unusable> {
    value(object, name).map(|value| value.as_str().ok_or(Unusable::Member(name))).transpose()
}

/// Whether a private member holds something. Some serializers write them for a public key too, as null or, for `oth`, empty.
fn is_filled(object: &Object, name: &str) -> bool {
    value(object, name).is_some_and(|value| name != "oth" || *value != Value::Array(Vec::new()))
}

/// Reads `key_ops` (RFC 7517 section 4.3): an array of strings, none of them twice. A hostile set may hold very many. An empty
/// array counts as absent.
fn check_operations(object: &Object) -> Result<(), Unusable> {
    let Some(key_ops) = value(object, "key_ops") else { return Ok(()) };
    let Value::Array(operations) = key_ops else { return Err(Unusable::Member("key_ops")) };
    let mut seen = HashSet::with_capacity(operations.len());
    for operation in operations {
        if !seen.insert(operation.as_str().ok_or(Unusable::Member("key_ops"))?) {
            return Err(Unusable::OperationTwice);
        }
    }
    if operations.is_empty() || seen.contains("verify") {
        return Ok(());
    }
    let named = Quoted::from(operations.first().and_then(Value::as_str).unwrap_or_default());
    let encrypts = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];
    if operations.iter().all(|operation| operation.as_str().is_some_and(|name| encrypts.contains(&name))) {
        return Err(Unusable::ForEncryption("key_ops", named));
    }
    Err(Unusable::OtherPurpose("key_ops", named))
}

/// The algorithm that the key is bound to. A name that is not registered binds it to none, since no token can have it.
fn algorithm(object: &Object) -> Result<Option<Algorithm>, Unusable> {
    let Some(name) = text(object, "alg")? else { return Ok(None) };
    if ENCRYPTION_ALGORITHMS.contains(&name) {
        return Err(Unusable::ForEncryption("alg", name.into()));
    }
    let known = Algorithm::from_name(name);
    if known.is_none() && (OTHER_SIGNATURE_ALGORITHMS.contains(&name) || is_named_as_registered_ones(name)) {
        return Err(Unusable::OtherSignatures(name.into()));
    }
    Ok(known)
}

/// Whether a name has the form of those in RFC 7518 section 3.1, such as ES224: it then says which hash the key is for.
fn is_named_as_registered_ones(name: &str) -> bool {
    let hash = ["HS", "RS", "PS", "ES"].iter().find_map(|family| name.strip_prefix(family));
    hash.is_some_and(|hash| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The octets of a member in base64url.
fn octets(object: &Object, name: &'static str) -> Result<Vec<u8>, Unusable> {
    let has_certificate = || value(object, "x5c").is_some();
    let missing = || if has_certificate() { Unusable::CertificateAlone(name) } else { Unusable::Missing(name) };
    let text = text(object, name)?.ok_or_else(missing)?.as_bytes();
    base64url::decode(text).ok_or_else(|| {
        let other_alphabet =
            !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte));
        if other_alphabet && text.iter().any(|byte| b"+/=".contains(byte)) {
            Unusable::OtherBase64(name)
        } else {
            Unusable::Member(name)
        }
    })
}

fn material(object: &Object) -> Result<KeyMaterial, Unusable> {
    let named = |name| text(object, name)?.ok_or(Unusable::Missing(name));
    match named("kty")? {
        "oct" => {
            let secret = Zeroizing::new(octets(object, "k")?);
            if secret.is_empty() {
                return Err(Unusable::Member("k"));
            }
            Ok(KeyMaterial::Secret(secret))
        }
        "RSA" => Ok(KeyMaterial::Rsa(rsa::RsaPublicKey::new(&octets(object, "n")?, &octets(object, "e")?)?)),
        "EC" => {
            let curve = match named("crv")? {
                "P-256" => Curve::P256,
                "P-384" => Curve::P384,
                "P-521" => Curve::P521,
                other => return Err(Unusable::UnknownKeyType("crv", other.into())),
            };
            Ok(KeyMaterial::Ec(
                curve,
                [vec![0x04], coordinate(object, "x", curve)?, coordinate(object, "y", curve)?].concat(),
            ))
        }
        "OKP" => match named("crv")? {
            "Ed25519" => Ok(KeyMaterial::ed25519(&octets(object, "x")?)?),
            "Ed448" => Ok(KeyMaterial::ed448(&octets(object, "x")?)?),
            other => Err(Unusable::UnknownKeyType("crv", other.into())),
        },
        other => Err(Unusable::UnknownKeyType("kty", other.into())),
    }
}

/// A coordinate, filled to the length of its curve: some issuers leave out leading zeros, or add one for the sign of a number,
/// which RFC 7518 section 6.2.1.2 forbids. Whether the point is on the curve is checked in any case.
fn coordinate(object: &Object, name: &'static str, curve: Curve) -> Result<Vec<u8>, Unusable> {
    let given = octets(object, name)?;
    let number = match &*given {
        [] => return Err(Unusable::Member(name)),
        [0, rest @ ..] if given.len() == curve.coordinate_len() + 1 => rest,
        number => number,
    };
    let short = curve.coordinate_len().checked_sub(number.len());
    let mut padded = vec![0; short.ok_or(Unusable::Member(name))?];
    padded.extend_from_slice(number);
    Ok(padded)
}

#[cfg(test)]
mod tests;
