//! The thumbprint of a public key (RFC 7638, RFC 8037 section 2): a digest of the members that make the key, in one spelling.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::base64url;
use super::jwa::{Curve, KeyMaterial};

/// A SHA-256 thumbprint.
pub type Thumbprint = [u8; SHA256_OUTPUT_LEN];

/// The SHA-256 thumbprint of a public key. `None` for a shared secret, whose digest would tell something about it.
///
/// The digest is taken of the parsed key. So leading zeros in a number do not change the thumbprint, as RFC 7518 section 6.3.1
/// has no leading zeros.
#[must_use]
pub fn sha256(key: &KeyMaterial) -> Option<Thumbprint> {
    let text = match key {
        KeyMaterial::Secret(_) => return None,
        KeyMaterial::Rsa(key) => format!(
            r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
            base64url::encode(key.exponent()),
            base64url::encode(key.modulus())
        ),
        KeyMaterial::Ec(curve, point) => {
            let (name, len) = (curve_name(*curve), curve.coordinate_len());
            // The first octet says that the point is uncompressed.
            let (x, y) = point.get(1..)?.split_at_checked(len)?;
            format!(r#"{{"crv":"{name}","kty":"EC","x":"{}","y":"{}"}}"#, base64url::encode(x), base64url::encode(y))
        }
        KeyMaterial::Ed25519(point) => octet_pair("Ed25519", point),
        KeyMaterial::Ed448(key) => octet_pair("Ed448", &key.encoded()),
    };
    let mut thumbprint = Thumbprint::default();
    thumbprint.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    Some(thumbprint)
}

fn octet_pair(curve: &str, point: &[u8]) -> String {
    format!(r#"{{"crv":"{curve}","kty":"OKP","x":"{}"}}"#, base64url::encode(point))
}

fn curve_name(curve: Curve) -> &'static str {
    match curve {
        Curve::P256 => "P-256",
        Curve::P384 => "P-384",
        Curve::P521 => "P-521",
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::parse_object;
    use super::super::jwk::Jwk;
    use super::*;

    fn thumbprint(jwk: &str) -> String {
        let key = Jwk::from_object(&parse_object(jwk.as_bytes()).unwrap()).unwrap();
        base64url::encode(&sha256(&key.material).unwrap())
    }

    const RSA: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    #[test]
    fn the_examples_of_the_standards() {
        // RFC 7638 section 3.1, with members that do not count.
        let rsa = format!(r#"{{"kty":"RSA","n":"{RSA}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
        assert_eq!(thumbprint(&rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 appendix A.3
        let okp = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert_eq!(thumbprint(okp), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        // RFC 9449 section 6.1, with the key of its figure 2.
        let ec = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
        assert_eq!(thumbprint(ec), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn zeros_before_a_number_do_not_change_the_key() {
        let modulus = base64url::decode(RSA.as_bytes()).unwrap();
        let padded = base64url::encode(&[&[0][..], &modulus].concat());
        let jwk = |n: &str, e: &str| format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#);
        assert_eq!(thumbprint(&jwk(&padded, "AAEAAQ")), thumbprint(&jwk(RSA, "AQAB")));
    }

    #[test]
    fn a_secret_has_none() {
        assert_eq!(sha256(&KeyMaterial::Secret(vec![1; 32].into())), None);
    }
}
