//! Key pairs that sign tokens, for tests and demonstrations. Nothing here is used to verify.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use jsonwebtoken::EncodingKey;
use pkcs1::RsaPublicKeyRef;
use x509_cert::der::asn1::OctetStringRef;
use x509_cert::der::{self, AnyRef, Decode, Reader, SliceReader};

use crate::config::ConfigError;
use crate::jose::jwa::Algorithm;
use crate::jose::jwk::Jwk;
use crate::jose::{base64url, json, thumbprint};

/// A freshly generated key for one algorithm.
pub struct KeyPair {
    algorithm: Algorithm,
    signing: EncodingKey,
    jws_algorithm: jsonwebtoken::Algorithm,
    public: Public,
}

enum Public {
    Secret(String),
    Key { pem: String, jwk: Vec<(&'static str, String)> },
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPair({})", self.algorithm)
    }
}

fn failed<E>(_: E) -> ConfigError {
    ConfigError::new("the key could not be generated")
}

impl KeyPair {
    /// Generates a key: RSA with 2048 bits, a secret as long as its hash.
    ///
    /// # Errors
    /// The algorithm is one that jsonwebtoken does not sign (ES512, Ed448), or there are no random numbers.
    pub fn generate(algorithm: Algorithm) -> Result<Self, ConfigError> {
        use jsonwebtoken::Algorithm as Jws;
        let jws_algorithm = match algorithm {
            Algorithm::HS256 => Jws::HS256,
            Algorithm::HS384 => Jws::HS384,
            Algorithm::HS512 => Jws::HS512,
            Algorithm::RS256 => Jws::RS256,
            Algorithm::RS384 => Jws::RS384,
            Algorithm::RS512 => Jws::RS512,
            Algorithm::PS256 => Jws::PS256,
            Algorithm::PS384 => Jws::PS384,
            Algorithm::PS512 => Jws::PS512,
            Algorithm::ES256 => Jws::ES256,
            Algorithm::ES384 => Jws::ES384,
            Algorithm::EdDSA | Algorithm::Ed25519 => Jws::EdDSA,
            Algorithm::ES512 | Algorithm::Ed448 => {
                return Err(ConfigError::new(format!(
                    "no {algorithm} token can be signed here: choose another algorithm"
                )));
            }
        };
        let (signing, public) = match jws_algorithm {
            Jws::HS256 | Jws::HS384 | Jws::HS512 => secret(algorithm)?,
            Jws::ES256 | Jws::ES384 => ec(algorithm)?,
            Jws::EdDSA => ed25519()?,
            _ => rsa()?,
        };
        Ok(Self { algorithm, signing, jws_algorithm, public })
    }

    /// The algorithm that the key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What a verifier needs: the public key in PEM armour, or the shared secret.
    #[must_use]
    pub fn public_key(&self) -> &str {
        match &self.public {
            Public::Secret(text) => text,
            Public::Key { pem, .. } => pem,
        }
    }

    /// The members of the public JWK, or of the symmetric one.
    #[must_use]
    pub fn jwk(&self) -> Vec<(&'static str, String)> {
        match &self.public {
            Public::Secret(text) => vec![("kty", "oct".to_owned()), ("k", base64url::encode(text.as_bytes()))],
            Public::Key { jwk, .. } => jwk.clone(),
        }
    }

    /// The SHA-256 thumbprint of the public key (RFC 7638).
    ///
    /// # Errors
    /// It is a shared secret.
    pub fn thumbprint(&self) -> Result<String, ConfigError> {
        let members = self.jwk().into_iter().map(|(name, value)| format!("{name:?}:{value:?}")).collect::<Vec<_>>();
        json::parse_object(format!("{{{}}}", members.join(",")).as_bytes())
            .ok()
            .and_then(|object| Jwk::from_object(&object).ok())
            .and_then(|key| thumbprint::sha256(&key.material))
            .map(|thumbprint| base64url::encode(&thumbprint))
            .ok_or_else(|| ConfigError::new("a shared secret has no thumbprint: make a key of a public-key algorithm"))
    }

    /// Signs a header and a payload, whatever they say, into a compact JWS.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn sign(&self, header: &[u8], payload: &[u8]) -> Result<String, ConfigError> {
        let signing_input = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
        let signature = jsonwebtoken::crypto::sign(signing_input.as_bytes(), &self.signing, self.jws_algorithm)
            .map_err(|_| ConfigError::new("the token could not be signed"))?;
        Ok(format!("{signing_input}.{signature}"))
    }
}

fn pem(spki: &PublicKeyX509Der<'_>) -> String {
    ::pem::encode(&::pem::Pem::new("PUBLIC KEY", spki.as_ref()))
}

fn secret(algorithm: Algorithm) -> Result<(EncodingKey, Public), ConfigError> {
    let mut bytes = vec![0; if algorithm == Algorithm::HS512 { 64 } else { 48 }];
    rand::fill(&mut bytes).map_err(failed)?;
    let text = base64url::encode(&bytes);
    Ok((EncodingKey::from_secret(text.as_bytes()), Public::Secret(text)))
}

fn rsa() -> Result<(EncodingKey, Public), ConfigError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    let numbers = RsaPublicKeyRef::from_der(pair.public_key().as_ref()).map_err(failed)?;
    let jwk = vec![
        ("kty", "RSA".to_owned()),
        ("n", base64url::encode(numbers.modulus.as_bytes())),
        ("e", base64url::encode(numbers.public_exponent.as_bytes())),
    ];
    let pem = pem(&pair.public_key().as_der().map_err(failed)?);
    Ok((EncodingKey::from_rsa_der(pkcs1_of(der.as_ref()).map_err(failed)?), Public::Key { pem, jwk }))
}

/// The PKCS#1 key inside a PKCS#8 one (RFC 5958 section 2), which is the form that jsonwebtoken reads.
fn pkcs1_of(pkcs8: &[u8]) -> der::Result<&[u8]> {
    let mut members = SliceReader::new(<AnyRef<'_>>::from_der(pkcs8)?.value())?;
    members.decode::<u8>()?;
    members.decode::<AnyRef<'_>>()?;
    Ok(members.decode::<&OctetStringRef>()?.as_bytes())
}

fn ec(algorithm: Algorithm) -> Result<(EncodingKey, Public), ConfigError> {
    let (signing, curve) = match algorithm {
        Algorithm::ES384 => (&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
        _ => (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
    };
    let document = EcdsaKeyPair::generate_pkcs8(signing, &rand::SystemRandom::new()).map_err(failed)?;
    let pair = EcdsaKeyPair::from_pkcs8(signing, document.as_ref()).map_err(failed)?;
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(point.len() / 2);
    let jwk = vec![
        ("kty", "EC".to_owned()),
        ("crv", curve.to_owned()),
        ("x", base64url::encode(x)),
        ("y", base64url::encode(y)),
    ];
    let pem = pem(&pair.public_key().as_der().map_err(failed)?);
    Ok((EncodingKey::from_ec_der(document.as_ref()), Public::Key { pem, jwk }))
}

fn ed25519() -> Result<(EncodingKey, Public), ConfigError> {
    let document = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new()).map_err(failed)?;
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(failed)?;
    let jwk = vec![
        ("kty", "OKP".to_owned()),
        ("crv", "Ed25519".to_owned()),
        ("x", base64url::encode(pair.public_key().as_ref())),
    ];
    let pem = pem(&pair.public_key().as_der().map_err(failed)?);
    Ok((EncodingKey::from_ed_der(document.as_ref()), Public::Key { pem, jwk }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Algorithms;
    use crate::keys::from_text;
    use crate::verify::verify_jws;

    #[test]
    fn what_a_pair_signs_its_public_key_verifies() {
        for algorithm in Algorithm::ALL {
            if matches!(algorithm, Algorithm::ES512 | Algorithm::Ed448) {
                assert!(KeyPair::generate(algorithm).is_err());
                continue;
            }
            let pair = KeyPair::generate(algorithm).unwrap();
            let token = pair.sign(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes(), b"payload").unwrap();
            let algorithms = Algorithms::parse([algorithm.name()]).unwrap();
            let jwk: Vec<_> = pair.jwk().iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
            for key in [pair.public_key().to_owned(), format!("{{{}}}", jwk.join(","))] {
                let keys = from_text(key.as_bytes(), &algorithms).unwrap().keys;
                assert_eq!(verify_jws(token.as_bytes(), &algorithms, &keys).unwrap(), b"payload", "{algorithm}");
            }
        }
    }
}
