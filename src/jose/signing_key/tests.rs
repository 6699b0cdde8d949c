use super::*;
use crate::jose::jwk::Jwk;

/// The keys of RFC 8037 appendix A.1 and of RFC 7515 appendix A.3.
const ED25519: &str = r#""kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI""#;
fn jwk(members: &str) -> Result<SigningKey, PrivateKeyError> {
    SigningKey::parse(format!("{{{members}}}").as_bytes())
}

fn public(text: &str) -> Jwk {
    let renamed = |text: String, name: &&str| text.replace(&format!("\"{name}\""), &format!("\"_{name}\""));
    let text = ["d", "p", "q", "dp", "dq", "qi"].iter().fold(text.to_owned(), renamed);
    Jwk::from_object(&json::parse_object(text.as_bytes()).unwrap()).unwrap()
}

/// A new RSA key: its PKCS#8 and PKCS#1 forms, and the members of its JWK.
fn rsa() -> (Vec<u8>, Vec<u8>, String) {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pkcs8 = der.as_ref().to_vec();
    // A sequence with the algorithm, and then the key as an octet string.
    let start = (20..pkcs8.len()).find(|&at| RsaPrivateKeyRef::from_der(&pkcs8[at..]).is_ok()).unwrap();
    let key = RsaPrivateKeyRef::from_der(&pkcs8[start..]).unwrap();
    let numbers = [
        ("n", key.modulus),
        ("e", key.public_exponent),
        ("d", key.private_exponent),
        ("p", key.prime1),
        ("q", key.prime2),
        ("dp", key.exponent1),
        ("dq", key.exponent2),
        ("qi", key.coefficient),
    ];
    let members = numbers.map(|(name, number)| format!("\"{name}\":\"{}\"", base64url::encode(number.as_bytes())));
    let pkcs1 = pkcs8[start..].to_vec();
    (pkcs8, pkcs1, format!("\"kty\":\"RSA\",{}", members.join(",")))
}

fn armoured(label: &str, der: &[u8]) -> String {
    ::pem::encode(&::pem::Pem::new(label, der))
}

#[test]
fn pem_is_read_in_its_three_forms() {
    let (pkcs8, pkcs1, _) = rsa();
    let ec = |curve| EcdsaKeyPair::generate_pkcs8(ecdsa(curve), &SystemRandom::new()).unwrap();
    let edwards = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let [p256, p384, p521] = CURVES.map(|curve| armoured("PRIVATE KEY", ec(curve).as_ref()));
    for (text, algorithm) in [
        (armoured("PRIVATE KEY", &pkcs8), Algorithm::RS256),
        (armoured("RSA PRIVATE KEY", &pkcs1), Algorithm::RS256),
        (p256.clone(), Algorithm::ES256),
        (p384, Algorithm::ES384),
        (p521, Algorithm::ES512),
        (armoured("PRIVATE KEY", edwards.as_ref()), Algorithm::EdDSA),
        (format!("\n{p256}\n"), Algorithm::ES256),
    ] {
        let key = SigningKey::parse(text.as_bytes()).unwrap();
        assert_eq!((key.algorithm(), key.kid()), (algorithm, None));
        assert!(key.sign(b"a message").is_some_and(|signature| !signature.is_empty()));
    }
    for (text, why) in [
        (armoured("ENCRYPTED PRIVATE KEY", &pkcs8), "encrypted"),
        (armoured("PUBLIC KEY", &pkcs8), "public key"),
        (armoured("CERTIFICATE", &pkcs8), "public key"),
        (armoured("OPENSSH PRIVATE KEY", &pkcs8), "label"),
        (armoured("PRIVATE KEY", &pkcs1), "no unencrypted private key"),
        (armoured("RSA PRIVATE KEY", &pkcs8), "no unencrypted private key"),
        (armoured("EC PRIVATE KEY", &pkcs1), "no unencrypted private key"),
        (format!("{p256}{p256}"), "exactly one"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA".to_owned(), "exactly one"),
        ("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n".to_owned(), "armour"),
        (String::new(), "neither a private key"),
        ("private.pem".to_owned(), "neither a private key"),
        ("{".to_owned(), "JSON object"),
        (" ".repeat(MAX_LEN + 1), "64 KiB"),
    ] {
        let error = SigningKey::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error} {why}");
    }
}

#[test]
fn what_a_key_signs_its_public_half_verifies_by_the_algorithm_that_it_tells() {
    let with_alg = |members: &str, alg: &str| format!("{{{members},\"alg\":\"{alg}\",\"kid\":\"k\"}}");
    let (_, _, rsa) = rsa();
    for (text, algorithm) in [
        (format!("{{{ED25519}}}"), Algorithm::EdDSA),
        (with_alg(ED25519, "Ed25519"), Algorithm::Ed25519),
        (format!("\u{feff}{{{P256}}}\n"), Algorithm::ES256),
        (format!("{{{rsa}}}"), Algorithm::RS256),
        (with_alg(&rsa, "PS256"), Algorithm::PS256),
        (with_alg(&rsa, "PS384"), Algorithm::PS384),
        (with_alg(&rsa, "PS512"), Algorithm::PS512),
        (with_alg(&rsa, "RS384"), Algorithm::RS384),
        (with_alg(&rsa, "RS512"), Algorithm::RS512),
    ] {
        let key = SigningKey::parse(text.as_bytes()).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.kid(), text.contains("kid").then_some("k"));
        let signature = key.sign(b"a message").unwrap();
        let verifier = public(text.trim_start_matches('\u{feff}')).material.prepare(algorithm).unwrap();
        assert!(verifier.verifies(b"a message", &signature), "{algorithm}");
        assert!(!verifier.verifies(b"another", &signature));
        assert_eq!(format!("{key:?}"), format!("SigningKey({algorithm})"));
    }
}

#[test]
fn the_error_of_a_jwk_that_does_not_sign_says_why() {
    let without_d = |members: &str| members.replace("\"d\"", "\"e\"");
    for (members, why) in [
        (without_d(ED25519), "public key"),
        (without_d(P256), "public key"),
        (P256.replace("jpsQnnGQ", "jpsQnnGR"), "no unencrypted private key"),
        (ED25519.replace("nWGxne", "nWGxnf"), "no unencrypted private key"),
        (P256.replace("P-256", "secp256k1"), "not supported"),
        (P256.replace("P-256", "P-384"), "no unencrypted private key"),
        (ED25519.replace("Ed25519", "Ed448"), "not supported"),
        (r#""kty":"oct","k":"AAAA""#.to_owned(), "client_secret"),
        (r#""kty":"XX""#.to_owned(), "not supported"),
        (r#""keys":[]"#.to_owned(), "JWK Set"),
        (format!("{P256},\"kty\":\"EC\""), "twice"),
        (format!("{P256},\"use\":\"enc\""), "use"),
        (format!("{P256},\"key_ops\":[\"verify\"]"), "key_ops"),
        (format!("{P256},\"key_ops\":1"), "key_ops"),
        (format!("{P256},\"alg\":\"ES384\""), "alg"),
        (format!("{P256},\"alg\":\"HS256\""), "alg"),
        (format!("{P256},\"alg\":\"ES256K\""), "alg"),
        (format!("{P256},\"alg\":1"), "alg"),
        (format!("{P256},\"kid\":1"), "kid"),
        (P256.replace("\"d\":\"", "\"d\":\"="), "\"d\""),
        (P256.replace("\"y\"", "\"z\""), "\"y\""),
    ] {
        let error = jwk(&members).unwrap_err().to_string();
        assert!(error.contains(why), "{error} {why}");
        assert!(!error.contains("jpsQ") && !error.contains("nWGx"), "{error}");
    }
    for fine in [r#""use":"sig","key_ops":["sign","verify"]"#, r#""use":null,"alg":null,"kid":null,"key_ops":null"#] {
        assert!(jwk(&format!("{P256},{fine}")).is_ok(), "{fine}");
    }
}
