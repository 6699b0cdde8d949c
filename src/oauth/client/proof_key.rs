//! The key that a client's tokens are bound to, and the proofs that it signs (RFC 9449 section 4.2).

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::config::ConfigError;
use crate::jose::base64url;
use crate::jose::json_text::escaped;
use crate::jose::jwt::NumericDate;

/// The longest nonce that is taken from a server, in bytes.
const MAX_NONCE: usize = 1024;

/// A P-256 key that signs with ES256 and never leaves the process. Every server that knows proofs knows ES256.
pub struct ProofKey {
    pair: EcdsaKeyPair,
    header: String,
    wall_clock: fn() -> NumericDate,
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofKey(..)")
    }
}

impl ProofKey {
    /// A new key. Its proofs have the time of this clock.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate(wall_clock: fn() -> NumericDate) -> Result<Self, ConfigError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| ConfigError::new("the key of the proofs could not be generated"))?;
        // The first octet says that the point is uncompressed.
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}}}"#,
            base64url::encode(x),
            base64url::encode(y)
        );
        Ok(Self { pair, header: base64url::encode(header.as_bytes()), wall_clock })
    }

    /// A proof for one request: its method, its URL without query and fragment, the token beside it, and the nonce that the
    /// server gave. `None` where the system gives no random numbers.
    #[must_use]
    pub fn proof(&self, method: &str, url: &str, token: Option<&str>, nonce: Option<&str>) -> Option<String> {
        let mut jti = [0; 16];
        rand::fill(&mut jti).ok()?;
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let member =
            |name, value: Option<String>| value.map(|value| format!(r#","{name}":"{value}""#)).unwrap_or_default();
        let ath = token.map(|token| base64url::encode(digest(&SHA256, token.as_bytes()).as_ref()));
        let claims = format!(
            r#"{{"jti":"{}","htm":"{}","htu":"{}","iat":{}{}{}}}"#,
            base64url::encode(&jti),
            escaped(method),
            escaped(&url[..end]),
            (self.wall_clock)().whole_seconds(),
            member("ath", ath),
            member("nonce", nonce.map(escaped))
        );
        let signing_input = format!("{}.{}", self.header, base64url::encode(claims.as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), signing_input.as_bytes()).ok()?;
        Some(format!("{signing_input}.{}", base64url::encode(signature.as_ref())))
    }
}

/// The newest nonce of one server (RFC 9449 section 8.2). It uses no lock, since a fork could leave a lock locked.
#[derive(Debug, Default)]
pub struct ServerNonce(ArcSwapOption<Box<str>>);

impl ServerNonce {
    /// Takes the nonce of an answer, if it is valid (RFC 9449 section 8.1). Returns whether it differs from the one before.
    pub fn note(&self, nonce: &str) -> bool {
        let is_one = !nonce.is_empty()
            && nonce.len() <= MAX_NONCE
            && nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if !is_one || self.0.load().as_ref().is_some_and(|known| ***known == *nonce) {
            return false;
        }
        self.0.store(Some(Arc::new(nonce.into())));
        true
    }

    /// Calls this with the newest nonce.
    pub fn with<R>(&self, work: impl FnOnce(Option<&str>) -> R) -> R {
        work(self.0.load().as_ref().map(|nonce| &***nonce))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::jose::jwt::Claims;
    use crate::jose::{json, jwk::Jwk, jws, thumbprint};
    use crate::oauth::server::dpop::{
        AuthScheme, DpopMode, DpopNonces, DpopSettings, DpopVerifier, PresentedRequest, Proven, TargetUri,
    };

    fn now() -> NumericDate {
        NumericDate::from_seconds(1_800_000_000)
    }

    fn thumbprint_of(proof: &str) -> String {
        let parts = jws::split(proof.as_bytes(), 8192).unwrap();
        let header = json::parse_object(&parts.header).unwrap();
        let Some(json::Value::Object(jwk)) = header.get("jwk") else { panic!("no jwk") };
        base64url::encode(&thumbprint::sha256(&Jwk::from_object(jwk).unwrap().material).unwrap())
    }

    #[test]
    fn what_a_client_proves_a_server_accepts_once() {
        let (key, url) = (ProofKey::generate(now).unwrap(), "https://a.example/mcp");
        let nonces = || DpopNonces::new(&vec![1; 32].into()).unwrap();
        let settings = DpopSettings::new(DpopMode::Required, ["ES256"], 60.0, Some(nonces())).unwrap();
        let verifier = DpopVerifier::new(settings).unwrap();
        let proof = |nonce: Option<&str>| key.proof("POST", &format!("{url}?a#b"), Some("a-token"), nonce).unwrap();
        let said = |proof: &str| {
            let claims = format!(r#"{{"cnf":{{"jkt":"{}"}}}}"#, thumbprint_of(proof));
            let request = PresentedRequest {
                scheme: AuthScheme::Dpop,
                proofs: vec![proof.as_bytes().into()],
                method: Some("POST".into()),
                url: TargetUri::parse(url),
            };
            let claims = Claims::parse(claims.as_bytes()).unwrap();
            verifier.verify("a-token", &claims, &request, now(), Duration::from_secs(1)).ok()
        };
        assert_eq!(said(&proof(None)), None);
        let good = proof(Some(&nonces().newest(now())));
        assert_eq!((said(&good), said(&good)), (Some(Proven::ByKey), None));
        assert_eq!(said(&proof(Some(&nonces().newest(now())))), Some(Proven::ByKey), "each is another");
    }

    #[test]
    fn a_nonce_is_a_short_text_without_quotes_and_the_newest_counts() {
        let nonce = ServerNonce::default();
        for bad in ["", "a b", "a\"b", "a\\b", "a\n", "\u{e9}", &"x".repeat(1025)] {
            assert!(!nonce.note(bad), "{bad:?}");
        }
        assert_eq!(nonce.with(|nonce| nonce.map(str::to_owned)), None);
        assert!(nonce.note("one") && !nonce.note("one") && nonce.note("two"));
        assert_eq!(nonce.with(|nonce| nonce.map(str::to_owned)).as_deref(), Some("two"));
    }

    #[test]
    fn whatever_the_texts_hold_the_claims_are_json() {
        let key = ProofKey::generate(now).unwrap();
        let proof = key.proof("P\"\\\n", "https://a.example/\u{1}\"", None, Some("\"")).unwrap();
        let claims = json::parse_object(&jws::split(proof.as_bytes(), 8192).unwrap().payload).unwrap();
        assert_eq!(claims.get("htm").and_then(json::Value::as_str), Some("P\"\\\n"));
        assert_eq!(format!("{key:?}"), "ProofKey(..)");
    }
}
