//! A client that makes proofs of possession, and what a verifier says of them.

use std::time::Duration;

use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::oauth::server::dpop::{
    AuthScheme, DpopMode, DpopNonces, DpopSettings, DpopVerifier, PossessionRefusal, PresentedRequest, Proven,
    TargetUri,
};
use fastmcp_rs::outcome::proof_fault::ProofFault;
use fastmcp_rs::outcome::rejection::Rejection;
use fastmcp_rs::testing::KeyPair;

use crate::common::NOW;

pub(super) const TOKEN: &str = "a.good.token";
pub(super) const URL: &str = "https://server.example/mcp";

/// A client with a key, and what it would send.
pub(super) struct Client {
    pub(super) keys: KeyPair,
    pub(super) method: &'static str,
    pub(super) url: &'static str,
    pub(super) token: &'static str,
}

impl Client {
    pub(super) fn new() -> Self {
        Self::with(Algorithm::ES256)
    }

    pub(super) fn with(algorithm: Algorithm) -> Self {
        Self { keys: KeyPair::generate(algorithm).unwrap(), method: "POST", url: URL, token: TOKEN }
    }

    pub(super) fn jwk(&self) -> String {
        let members: Vec<_> = self.keys.jwk().iter().map(|(name, value)| format!("{name:?}:{value:?}")).collect();
        format!("{{{}}}", members.join(","))
    }

    /// A proof, in which each of the named members is replaced by this JSON text, or left out.
    pub(super) fn proof(
        &self,
        changed_header: &[(&str, Option<&str>)],
        changed_claims: &[(&str, Option<&str>)],
    ) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.token.as_bytes());
        let header = [
            ("typ", "\"dpop+jwt\"".to_owned()),
            ("alg", format!("\"{}\"", self.keys.algorithm())),
            ("jwk", self.jwk()),
        ];
        let claims = [
            ("jti", "\"one\"".to_owned()),
            ("htm", "\"POST\"".to_owned()),
            ("htu", format!("{URL:?}")),
            ("iat", NOW.to_string()),
            ("ath", format!("{:?}", base64url::encode(digest.as_ref()))),
        ];
        self.keys.sign(with(&header, changed_header).as_bytes(), with(&claims, changed_claims).as_bytes()).unwrap()
    }

    pub(super) fn with_claim(&self, name: &str, value: &str) -> String {
        self.proof(&[], &[(name, Some(value))])
    }

    pub(super) fn request(&self, proofs: &[&str]) -> PresentedRequest {
        PresentedRequest {
            scheme: AuthScheme::Dpop,
            proofs: proofs.iter().map(|proof| proof.as_bytes().into()).collect(),
            method: Some(self.method.into()),
            url: TargetUri::parse(self.url),
        }
    }

    pub(super) fn bound(&self) -> String {
        format!(r#"{{"cnf":{{"jkt":"{}"}}}}"#, self.keys.thumbprint().unwrap())
    }

    /// What a fresh verifier tells of proofs that have not the form of one.
    pub(super) fn told_of_form(&self, proofs: &[&str]) -> String {
        match said(&verifier(DpopMode::Required, None), TOKEN, &self.bound(), &self.request(proofs), NOW) {
            Err(PossessionRefusal::Rejected(Rejection::Proof(ProofFault::Malformed), Some(compared))) => {
                format!("{}, not {}", compared.got.join(" "), compared.expected.join(" "))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The code of what a fresh verifier says of these proofs.
    pub(super) fn code(&self, proofs: &[&str]) -> &'static str {
        code(&verifier(DpopMode::Required, None), TOKEN, &self.bound(), &self.request(proofs), NOW)
    }
}

pub(super) fn with(members: &[(&str, String)], changed: &[(&str, Option<&str>)]) -> String {
    let changed_to = |name: &str| changed.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
    let kept = members.iter().filter_map(|(name, value)| match changed_to(name) {
        Some(value) => value.map(|value| format!("{name:?}:{value}")),
        None => Some(format!("{name:?}:{value}")),
    });
    let is_new = |name: &str| members.iter().all(|(other, _)| *other != name);
    let added = changed.iter().filter(|(name, _)| is_new(name));
    let added = added.filter_map(|(name, value)| value.map(|value| format!("{name:?}:{value}")));
    format!("{{{}}}", kept.chain(added).collect::<Vec<_>>().join(","))
}

pub(super) fn verifier(mode: DpopMode, nonces: Option<DpopNonces>) -> DpopVerifier {
    DpopVerifier::new(DpopSettings::new(mode, DpopSettings::ALGORITHMS, 300.0, nonces).unwrap()).unwrap()
}

pub(super) fn said(
    verifier: &DpopVerifier,
    token: &str,
    claims: &str,
    request: &PresentedRequest,
    now: i64,
) -> Result<Proven, PossessionRefusal> {
    let claims = Claims::parse(claims.as_bytes()).unwrap();
    let moment = Duration::from_secs(u64::try_from(now - NOW + 10_000).unwrap());
    verifier.verify(token, &claims, request, NumericDate::from_seconds(now), moment)
}

pub(super) fn code(
    verifier: &DpopVerifier,
    token: &str,
    claims: &str,
    request: &PresentedRequest,
    now: i64,
) -> &'static str {
    match said(verifier, token, claims, request, now) {
        Ok(Proven::ByKey) => "by key",
        Ok(Proven::AsBearer) => "as bearer",
        Err(PossessionRefusal::Rejected(rejection, _)) => rejection.code(),
        Err(PossessionRefusal::Unavailable(why)) => why.code(),
    }
}
