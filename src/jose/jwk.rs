//! JSON Web Keys that verify signatures (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use std::collections::HashSet;
use std::fmt;

use zeroize::Zeroizing;

use super::base64url;
use super::json::{Object, Value};
use super::jwa::{Algorithm, Curve, KeyMaterial, UnsoundKey};
use super::rsa;

/// Members that only a private key has. A verifier given one was given too much.
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// One key that may verify signatures.
#[derive(Debug, Clone)]
pub struct Jwk {
    /// The key id, compared as a case-sensitive string.
    pub kid: Option<Box<str>>,
    /// The one algorithm that the key is bound to, if it says so.
    pub alg: Option<Algorithm>,
    /// The key itself.
    pub material: KeyMaterial,
}

/// Why a JWK cannot verify signatures here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// A member is missing, has the wrong type, or is not base64url.
    Member(&'static str),
    /// The key type or curve is not one that is verified here.
    UnknownKeyType,
    /// `use`, `key_ops` or `alg` reserve the key for something else.
    OtherPurpose(&'static str),
    /// The key holds private members.
    Private,
    /// The numbers are not those of a sound key.
    Unsound(UnsoundKey),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => write!(f, "the member {name:?} is missing or malformed"),
            Self::UnknownKeyType => f.write_str("the key type or curve is not supported"),
            Self::OtherPurpose(name) => write!(f, "{name:?} reserves it for something other than verifying signatures"),
            Self::Private => f.write_str("it holds private members; give the public key"),
            Self::Unsound(unsound) => unsound.fmt(f),
        }
    }
}

impl From<UnsoundKey> for Unusable {
    fn from(unsound: UnsoundKey) -> Self {
        Self::Unsound(unsound)
    }
}

impl Jwk {
    /// Reads one key. Members that RFC 7517 does not know are ignored.
    ///
    /// # Errors
    /// [`Unusable`] says why the key cannot verify signatures here.
    pub fn from_object(object: &Object) -> Result<Self, Unusable> {
        let kid = match object.get("kid") {
            None => None,
            Some(value) => Some(value.as_str().ok_or(Unusable::Member("kid"))?.into()),
        };
        if object.get("use").is_some_and(|value| value.as_str() != Some("sig")) {
            return Err(Unusable::OtherPurpose("use"));
        }
        if object.get("key_ops").is_some_and(|value| !allows_verify(value)) {
            return Err(Unusable::OtherPurpose("key_ops"));
        }
        let alg = match object.get("alg") {
            None => None,
            Some(value) => Some(value.as_str().and_then(Algorithm::from_name).ok_or(Unusable::OtherPurpose("alg"))?),
        };
        if PRIVATE_MEMBERS.iter().any(|name| object.get(name).is_some()) {
            return Err(Unusable::Private);
        }
        let material = material(object)?.checked()?;
        if alg.is_some_and(|alg| !alg.takes(material.key_type())) {
            return Err(Unusable::OtherPurpose("alg"));
        }
        Ok(Self { kid, alg, material })
    }

    /// Whether the key may verify signatures of this algorithm.
    ///
    /// A secret must be as long as the hash (RFC 7518 section 3.2).
    #[must_use]
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        let long_enough = match (&self.material, algorithm.secret_len()) {
            (KeyMaterial::Secret(secret), Some(wanted)) => secret.len() >= wanted,
            _ => true,
        };
        algorithm.takes(self.material.key_type()) && self.alg.is_none_or(|alg| alg == algorithm) && long_enough
    }
}

/// RFC 7517 section 4.3: an array of strings, none of them twice. A hostile set may hold very many.
fn allows_verify(key_ops: &Value) -> bool {
    let Value::Array(operations) = key_ops else { return false };
    let mut seen = HashSet::with_capacity(operations.len());
    operations.iter().all(|operation| operation.as_str().is_some_and(|name| seen.insert(name)))
        && seen.contains("verify")
}

fn material(object: &Object) -> Result<KeyMaterial, Unusable> {
    let text = |name| object.get(name).and_then(Value::as_str).ok_or(Unusable::Member(name));
    let bytes = |name| base64url::decode(text(name)?.as_bytes()).ok_or(Unusable::Member(name));
    match text("kty")? {
        "oct" => {
            let secret = Zeroizing::new(bytes("k")?);
            if secret.is_empty() {
                return Err(Unusable::Member("k"));
            }
            Ok(KeyMaterial::Secret(secret))
        }
        "RSA" => Ok(KeyMaterial::Rsa(rsa::PublicKey::new(&bytes("n")?, &bytes("e")?)?)),
        "EC" => {
            let curve = match text("crv")? {
                "P-256" => Curve::P256,
                "P-384" => Curve::P384,
                "P-521" => Curve::P521,
                _ => return Err(Unusable::UnknownKeyType),
            };
            let coordinate = |name| {
                bytes(name).and_then(|octets| {
                    if octets.len() == curve.coordinate_len() { Ok(octets) } else { Err(Unusable::Member(name)) }
                })
            };
            Ok(KeyMaterial::Ec(curve, [vec![0x04], coordinate("x")?, coordinate("y")?].concat()))
        }
        "OKP" => match text("crv")? {
            "Ed25519" => Ok(KeyMaterial::ed25519(&bytes("x")?)?),
            "Ed448" => Ok(KeyMaterial::ed448(&bytes("x")?)?),
            _ => Err(Unusable::UnknownKeyType),
        },
        _ => Err(Unusable::UnknownKeyType),
    }
}

/// A member of a JWK Set.
#[derive(Debug)]
pub struct Member<'s> {
    /// The key id, whether or not the key is usable.
    pub kid: Option<&'s str>,
    /// The key, or why it is unusable.
    pub key: Result<Jwk, Unusable>,
}

impl Member<'_> {
    /// Whether this was meant to be a key that verifies signatures, and is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.key, Err(Unusable::Member(_) | Unusable::Unsound(_)))
    }
}

/// Reads the members of a JWK Set (RFC 7517 section 5).
///
/// # Errors
/// The object has no array `keys`.
pub fn from_set(object: &Object) -> Result<Vec<Member<'_>>, Unusable> {
    let Some(Value::Array(keys)) = object.get("keys") else { return Err(Unusable::Member("keys")) };
    Ok(keys
        .iter()
        .map(|key| match key {
            Value::Object(key) => Member { kid: key.get("kid").and_then(Value::as_str), key: Jwk::from_object(key) },
            _ => Member { kid: None, key: Err(Unusable::Member("kty")) },
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::json::parse_object;
    use super::*;

    const ED25519: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

    fn read(members: &str) -> Result<Jwk, Unusable> {
        Jwk::from_object(&parse_object(format!("{{{members}}}").as_bytes()).unwrap())
    }

    #[test]
    fn use_key_ops_and_alg_reserve_a_key() {
        let with = |more: &str| read(&format!("{ED25519},{more}")).map(|_| ());
        for fine in [
            r#""use":"sig""#,
            r#""key_ops":["verify"]"#,
            r#""key_ops":["sign","verify"]"#,
            r#""alg":"EdDSA""#,
            r#""alg":"Ed25519""#,
            r#""x5c":[],"unknown":{"kty":1}"#,
        ] {
            assert_eq!(with(fine), Ok(()), "{fine}");
        }
        for reserved in [
            r#""use":"enc""#,
            r#""use":null"#,
            r#""use":["sig"]"#,
            r#""key_ops":[]"#,
            r#""key_ops":["encrypt"]"#,
            r#""key_ops":["verify","verify"]"#,
            r#""key_ops":["verify","x","x"]"#,
            r#""key_ops":["verify",1]"#,
            r#""key_ops":"verify""#,
            r#""alg":"ES256""#,
            r#""alg":"ES521""#,
            r#""alg":null"#,
        ] {
            assert!(matches!(with(reserved), Err(Unusable::OtherPurpose(_))), "{reserved}");
        }
        for kid in ["1", "null", "[]", "[\"a\"]", "{}", "true"] {
            assert_eq!(with(&format!("\"kid\":{kid}")), Err(Unusable::Member("kid")));
        }
    }

    #[test]
    fn private_members_make_a_key_unusable() {
        for name in PRIVATE_MEMBERS {
            assert_eq!(read(&format!("{ED25519},\"{name}\":\"AA\"")).unwrap_err(), Unusable::Private);
        }
    }

    #[test]
    fn coordinates_have_the_length_of_the_curve() {
        assert!(read(P256).is_ok());
        assert!(read(&P256.replace("\"f83O", "\"83O")).is_err());
        assert!(read(&P256.replace("P-256", "P-384")).is_err());
        assert!(read(&P256.replace("P-256", "secp256k1")).is_err());
        let padded = base64url::encode(
            &[&[0][..], &base64url::decode(b"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").unwrap()].concat(),
        );
        assert_eq!(
            read(&P256.replace("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", &padded)).unwrap_err(),
            Unusable::Member("x")
        );
    }

    #[test]
    fn a_point_off_the_curve_is_unsound() {
        assert!(matches!(read(&P256.replace("f83O", "f93O")), Err(Unusable::Unsound(_))));
        assert!(read(P256).unwrap().material.prepare(Algorithm::ES256).is_ok());
    }

    #[test]
    fn a_secret_is_as_long_as_the_hash() {
        let secret = |len: usize| read(&format!(r#""kty":"oct","k":"{}""#, base64url::encode(&vec![1; len])));
        assert_eq!(secret(0).unwrap_err(), Unusable::Member("k"));
        for (algorithm, len) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
            assert!(!secret(len - 1).unwrap().serves(algorithm));
            assert!(secret(len).unwrap().serves(algorithm));
        }
    }

    #[test]
    fn other_key_types_are_unusable() {
        for members in [
            r#""kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#,
            r#""kty":"OKP","crv":"X448","x":"AA""#,
            r#""kty":"AKP","pub":"AA""#,
            r#""kty":"rsa","n":"AQAB","e":"AQAB""#,
        ] {
            assert_eq!(read(members).unwrap_err(), Unusable::UnknownKeyType, "{members}");
        }
        assert_eq!(read(r#""crv":"P-256""#).unwrap_err(), Unusable::Member("kty"));
    }

    #[test]
    fn one_odd_key_leaves_the_set_readable() {
        let set = format!(
            r#"{{"keys":[null,5,"x",{{}},{{"kty":"RSA"}},{{{ED25519},"kid":["a"]}},{{{ED25519},"kid":"a"}}]}}"#
        );
        let set = parse_object(set.as_bytes()).unwrap();
        let keys = from_set(&set).unwrap();
        assert_eq!(keys.iter().filter(|member| member.key.is_ok()).count(), 1);
        assert_eq!(keys.len(), 7);
        for text in ["{}", r#"{"keys":null}"#, r#"{"keys":{}}"#] {
            assert!(from_set(&parse_object(text.as_bytes()).unwrap()).is_err());
        }
    }
}
