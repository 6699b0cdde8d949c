//! Public keys in PEM armour (RFC 7468): SPKI, PKCS#1 (RFC 8017 appendix A.1.1) and X.509 certificates (RFC 5280).

use std::fmt;

use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use x509_cert::Certificate;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::jwa::{Curve, KeyMaterial};
use super::rsa;
use super::unsound_key::UnsoundKey;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");

/// The longest text that is read as a key: a certificate with an 8192-bit key needs a tenth of it.
const MAX_LEN: usize = 64 * 1024;

/// Why a PEM text gives no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PemError {
    /// The armour does not parse, or there is not exactly one block.
    Armour(&'static str),
    /// The block holds a private key.
    Private,
    /// The block is of a kind that holds no public key.
    UnknownLabel,
    /// The DER inside does not parse.
    Der,
    /// This project does not verify with keys of this type.
    UnknownKeyType,
    /// The key is reserved for RSASSA-PSS, perhaps with parameters of its own (RFC 4055 section 3.1).
    RsassaPss,
    /// The numbers are not those of a sound key.
    Unsound(UnsoundKey),
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Armour(what) => what,
            Self::Private => "it is a private key; give the public key",
            Self::UnknownLabel => {
                "its label is none of PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE, so it holds no public key"
            }
            Self::Der => "the structure inside the PEM armour does not parse",
            Self::UnknownKeyType => "the key is none of RSA, P-256, P-384, P-521, Ed25519 and Ed448",
            Self::RsassaPss => {
                "the key is reserved for RSASSA-PSS in a way that is not read here (RFC 4055): give it as a JWK whose alg \
                 says the same, such as PS256"
            }
            Self::Unsound(unsound) => unsound.0,
        })
    }
}

impl From<UnsoundKey> for PemError {
    fn from(unsound: UnsoundKey) -> Self {
        Self::Unsound(unsound)
    }
}

/// Reads the public key of a PEM text with exactly one block.
///
/// # Errors
/// [`PemError`] says what is wrong with the text.
pub fn public_key(text: &[u8]) -> Result<KeyMaterial, PemError> {
    if text.len() > MAX_LEN {
        return Err(PemError::Armour("it is longer than 64 KiB"));
    }
    let blocks = pem::parse_many(text).map_err(|_| PemError::Armour("the PEM armour does not parse"))?;
    let [block] = blocks.as_slice() else {
        return Err(PemError::Armour(
            "it must hold exactly one PEM block; of a chain, give the first certificate alone",
        ));
    };
    let key = match block.tag() {
        "PUBLIC KEY" => from_spki(&SubjectPublicKeyInfoRef::from_der(block.contents()).map_err(|_| PemError::Der)?),
        "RSA PUBLIC KEY" => from_pkcs1(block.contents()),
        "CERTIFICATE" => {
            let certificate = Certificate::from_der(block.contents()).map_err(|_| PemError::Der)?;
            let spki = certificate.tbs_certificate().subject_public_key_info().to_der().map_err(|_| PemError::Der)?;
            from_spki(&SubjectPublicKeyInfoRef::from_der(&spki).map_err(|_| PemError::Der)?)
        }
        label if label.contains("PRIVATE KEY") => Err(PemError::Private),
        _ => Err(PemError::UnknownLabel),
    }?;
    Ok(key.checked()?)
}

fn from_spki(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<KeyMaterial, PemError> {
    let key = spki.subject_public_key.as_bytes().ok_or(PemError::Der)?;
    match spki.algorithm.oid {
        RSA_ENCRYPTION => from_pkcs1(key),
        RSASSA_PSS => Err(PemError::RsassaPss),
        EC_PUBLIC_KEY => {
            let curve = match spki.algorithm.parameters_oid().map_err(|_| PemError::UnknownKeyType)? {
                P256 => Curve::P256,
                P384 => Curve::P384,
                P521 => Curve::P521,
                _ => return Err(PemError::UnknownKeyType),
            };
            if key.len() != 1 + 2 * curve.coordinate_len() || key[0] != 0x04 {
                return Err(PemError::Unsound(UnsoundKey("the EC key is not an uncompressed point")));
            }
            Ok(KeyMaterial::Ec(curve, key.to_vec()))
        }
        ED25519 => Ok(KeyMaterial::ed25519(key)?),
        ED448 => Ok(KeyMaterial::ed448(key)?),
        _ => Err(PemError::UnknownKeyType),
    }
}

fn from_pkcs1(der: &[u8]) -> Result<KeyMaterial, PemError> {
    let key = RsaPublicKeyRef::from_der(der).map_err(|_| PemError::Der)?;
    Ok(KeyMaterial::Rsa(rsa::RsaPublicKey::new(key.modulus.as_bytes(), key.public_exponent.as_bytes())?))
}

/// Whether these bytes are the DER of a key or certificate: what must never pass for a shared secret.
#[must_use]
pub fn is_der_key(bytes: &[u8]) -> bool {
    SubjectPublicKeyInfoRef::from_der(bytes).is_ok()
        || RsaPublicKeyRef::from_der(bytes).is_ok()
        || Certificate::from_der(bytes).is_ok()
        || RsaPrivateKeyRef::from_der(bytes).is_ok()
        || is_private_key_info(bytes)
}

/// PKCS#8 (RFC 5958) and SEC 1 (RFC 5915) private keys: one sequence that starts with a small version number and an
/// algorithm or an octet string, and has the length of the whole.
fn is_private_key_info(bytes: &[u8]) -> bool {
    use x509_cert::der::{AnyRef, Reader, SliceReader, Tag};
    let Ok(sequence) = AnyRef::from_der(bytes) else { return false };
    if !matches!(x509_cert::der::Tagged::tag(&sequence), Tag::Sequence) {
        return false;
    }
    let Ok(mut members) = SliceReader::new(sequence.value()) else { return false };
    let Ok(version) = members.decode::<u8>() else { return false };
    let Ok(second) = members.decode::<AnyRef<'_>>() else { return false };
    version <= 1
        && matches!(x509_cert::der::Tagged::tag(&second), Tag::Sequence | Tag::OctetString)
        && !members.is_finished()
}
