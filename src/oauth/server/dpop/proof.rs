//! The checks of a proof (RFC 9449 section 4.3), in the order in which they run.
//!
//! What is cheap comes first, so that a flood of bad proofs costs little: the signature comes last, and after it whether the
//! proof was used before.

use super::presented::PresentedRequest;
use super::settings::DpopSettings;
use crate::jose::base64url;
use crate::jose::json::{self, Object, Value};
use crate::jose::jwa::PreparedKey;
use crate::jose::jwk::Jwk;
use crate::jose::jws::{self, Header, JwsError};
use crate::jose::jwt::NumericDate;
use crate::jose::thumbprint::{self, Thumbprint};
use crate::outcome::check::Comparison;
use crate::outcome::proof_fault::ProofFault;
use crate::verify::SignatureRunner;

/// The longest proof that is read, in bytes.
pub const MAX_PROOF_BYTES: usize = 8 * 1024;
/// The `typ` of a proof.
const TYPE: &str = "dpop+jwt";

/// One check of a proof, in the order in which they run. The first that fails gives the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProofCheck {
    /// The request has a proof.
    Presence,
    /// It is one JWT of the type `dpop+jwt`, and its claims have the right types.
    Form,
    /// Its algorithm is an accepted one.
    Algorithm,
    /// `jwk` is a sound public key for the algorithm.
    Key,
    /// That key is the one that the token is bound to.
    Binding,
    /// `ath` is the digest of the token.
    TokenHash,
    /// `htm` is the method.
    Method,
    /// `htu` is the URL.
    Url,
    /// `iat` is about now.
    Time,
    /// `nonce` is one of this server's.
    Nonce,
    /// The signature fits the key.
    Signature,
    /// The proof was not used before.
    Replay,
}

impl ProofCheck {
    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Presence => "proof",
            Self::Form => "proof_form",
            Self::Algorithm => "proof_algorithm",
            Self::Key => "proof_key",
            Self::Binding => "proof_binding",
            Self::TokenHash => "proof_token_hash",
            Self::Method => "proof_method",
            Self::Url => "proof_url",
            Self::Time => "proof_time",
            Self::Nonce => "proof_nonce",
            Self::Signature => "proof_signature",
            Self::Replay => "proof_replay",
        }
    }
}

/// A check that failed, and what it compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedProof {
    /// Why.
    pub fault: ProofFault,
    /// What came, and what was expected.
    pub comparison: Comparison,
}

/// How a check ended: it found something, failed, or could not run because an earlier one failed.
pub(super) type ProofOutcome = Option<Result<Comparison, FailedProof>>;

/// What a proof is compared with.
#[derive(Clone, Copy)]
pub(super) struct Expected<'e> {
    pub(super) settings: &'e DpopSettings,
    pub(super) request: &'e PresentedRequest,
    /// The token beside the proof; `None` where it is not known.
    pub(super) token: Option<&'e str>,
    /// The thumbprint that the token is bound to; `None` where it is not known.
    pub(super) bound_to: Option<&'e str>,
    pub(super) now: NumericDate,
    pub(super) runner: SignatureRunner,
}

/// A proof, and what the checks found so far.
pub(super) struct Examination<'e> {
    expected: Expected<'e>,
    parts: Option<jws::Parts<'e>>,
    header: Option<Header>,
    payload: Option<Object>,
    key: Option<(PreparedKey, Thumbprint)>,
    /// Whether passed checks are reported as well.
    reports_all: bool,
}

type RunProofCheck = for<'e> fn(&mut Examination<'e>) -> ProofOutcome;

/// The checks of a proof by itself, in order.
const CHECKS: [(ProofCheck, RunProofCheck); 11] = [
    (ProofCheck::Presence, check_presence),
    (ProofCheck::Form, check_form),
    (ProofCheck::Algorithm, check_algorithm),
    (ProofCheck::Key, check_key),
    (ProofCheck::Binding, check_binding),
    (ProofCheck::TokenHash, check_token_hash),
    (ProofCheck::Method, check_method),
    (ProofCheck::Url, check_url),
    (ProofCheck::Time, check_time),
    (ProofCheck::Nonce, check_nonce),
    (ProofCheck::Signature, check_signature),
];

/// A proof that passed every check except that for replays.
pub(super) struct GoodProof {
    pub(super) key: Thumbprint,
    pub(super) jti: Box<str>,
    pub(super) issued: NumericDate,
}

impl<'e> Examination<'e> {
    pub(super) fn new(expected: Expected<'e>) -> Self {
        Self { expected, parts: None, header: None, payload: None, key: None, reports_all: false }
    }

    /// Runs the checks up to the first that fails.
    pub(super) fn run(mut self) -> Result<GoodProof, FailedProof> {
        for (_, check) in CHECKS {
            if let Some(Err(failed)) = check(&mut self) {
                return Err(failed);
            }
        }
        let (Some((_, key)), Some(jti), Some(issued)) = (&self.key, self.text("jti"), self.issued()) else {
            // A check that could not run comes after one that failed.
            return Err(FailedProof::new(ProofFault::Malformed, [], []));
        };
        Ok(GoodProof { key: *key, jti: jti.into(), issued })
    }

    /// Runs all checks, and reports the result of each.
    pub(super) fn run_all(&mut self) -> Vec<(ProofCheck, ProofOutcome)> {
        self.reports_all = true;
        CHECKS.into_iter().map(|(check, run)| (check, run(self))).collect()
    }

    pub(super) fn header(&self) -> Option<&Object> {
        self.header.as_ref().map(Header::parameters)
    }

    pub(super) fn payload(&self) -> Option<&Object> {
        self.payload.as_ref()
    }

    /// The outcome of a comparison, reported if it fails, or if everything is reported.
    fn compared(&self, holds: bool, failure: impl FnOnce() -> FailedProof) -> Result<Comparison, FailedProof> {
        if holds && !self.reports_all {
            return Ok(Comparison::default());
        }
        let failed = failure();
        if holds { Ok(failed.comparison) } else { Err(failed) }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.payload.as_ref()?.get(name).and_then(Value::as_str)
    }

    fn issued(&self) -> Option<NumericDate> {
        self.payload.as_ref()?.get("iat").and_then(NumericDate::from_value)
    }
}

impl FailedProof {
    pub(super) fn new<'a>(
        fault: ProofFault,
        got: impl IntoIterator<Item = &'a str>,
        expected: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self { fault, comparison: Comparison::new(got, expected) }
    }
}

fn malformed(got: &str, expected: &str) -> Result<Comparison, FailedProof> {
    Err(FailedProof::new(ProofFault::Malformed, [got], [expected]))
}

/// Check 1: there is one header.
#[allow(clippy::unnecessary_wraps, reason = "it is one of a list")]
fn check_presence(examination: &mut Examination<'_>) -> ProofOutcome {
    match examination.expected.request.proofs.len() {
        0 => Some(Err(FailedProof::new(ProofFault::Missing, [], ["one DPoP header"]))),
        1 => Some(Ok(Comparison::default())),
        _ => Some(malformed("several DPoP headers", "one DPoP header")),
    }
}

/// Checks 2, 3 and 4: it is one JWT, of the type, with the claims that it has to have.
fn check_form<'e>(examination: &mut Examination<'e>) -> ProofOutcome {
    let request: &'e PresentedRequest = examination.expected.request;
    let [proof] = &request.proofs[..] else { return None };
    let parts = match jws::split(proof, MAX_PROOF_BYTES) {
        Ok(parts) => parts,
        Err(JwsError::TooLarge) => return Some(malformed("a proof of more than 8 KiB", "8 KiB at most")),
        Err(_) => return Some(malformed("a text of another form", "three parts of base64url")),
    };
    let header = match Header::parse(&parts.header) {
        Ok(header) => header,
        Err(JwsError::UnsupportedAlgorithm) => {
            // The next check reports it.
            examination.parts = Some(parts);
            return Some(Ok(Comparison::default()));
        }
        Err(JwsError::Critical) => return Some(malformed("a header with an extension (crit, b64, zip)", "none")),
        Err(_) => return Some(malformed("a header of another form", "a JSON object with alg, typ and jwk")),
    };
    let typ = header.typ().unwrap_or_default().to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != TYPE {
        return Some(Err(FailedProof::new(ProofFault::Malformed, header.typ(), [TYPE])));
    }
    let Ok(payload) = json::parse_object(&parts.payload) else {
        return Some(malformed("claims of another form", "a JSON object"));
    };
    let text = |name| payload.get(name).and_then(Value::as_str);
    for (name, expected) in
        [("jti", "a jti that is a text"), ("htm", "a htm that is a text"), ("htu", "a htu that is a text")]
    {
        if text(name).is_none_or(str::is_empty) {
            return Some(malformed("none", expected));
        }
    }
    if payload.get("iat").and_then(NumericDate::from_value).is_none() {
        return Some(malformed("none", "an iat in seconds"));
    }
    if payload.get("nonce").is_some_and(|nonce| nonce.as_str().is_none()) {
        return Some(malformed("another type", "a nonce that is a text"));
    }
    examination.parts = Some(parts);
    examination.header = Some(header);
    examination.payload = Some(payload);
    Some(Ok(Comparison::default()))
}

/// Check 5: the algorithm is an accepted one, and so neither `none` nor symmetric.
fn check_algorithm(examination: &mut Examination<'_>) -> ProofOutcome {
    let parts = examination.parts.as_ref()?;
    let accepted = &examination.expected.settings.algorithms;
    let failure = |got: &str| FailedProof {
        fault: ProofFault::Algorithm,
        comparison: Comparison {
            got: vec![got.into()],
            expected: accepted.iter().map(|it| it.name().into()).collect(),
        },
    };
    if let Some(header) = &examination.header {
        let (holds, name) = (accepted.contains(header.algorithm), header.algorithm.name());
        return Some(examination.compared(holds, || failure(name)));
    }
    // An algorithm that this project does not know.
    let header = json::parse_object(&parts.header).ok();
    Some(Err(failure(header.as_ref().and_then(|header| header.get("alg")).and_then(Value::as_str).unwrap_or_default())))
}

/// Check 7, and the checks of every public key.
fn check_key(examination: &mut Examination<'_>) -> ProofOutcome {
    let header = examination.header.as_ref()?;
    let failure = |got: &str| FailedProof::new(ProofFault::Key, [got], ["a sound public key for the algorithm"]);
    let Some(Value::Object(jwk)) = header.parameters().get("jwk") else { return Some(Err(failure("no jwk"))) };
    match Jwk::prepare_once(jwk, header.algorithm) {
        Ok((key, prepared)) => {
            // Only a shared secret has no thumbprint, and no accepted algorithm uses one.
            examination.key = Some((prepared, thumbprint::sha256(&key.material)?));
            Some(Ok(Comparison::default()))
        }
        Err(unusable) => Some(Err(failure(&unusable.to_string()))),
    }
}

/// Check 12: the token is bound to this key.
fn check_binding(examination: &mut Examination<'_>) -> ProofOutcome {
    let bound_to = examination.expected.bound_to?;
    let (_, key) = examination.key.as_ref()?;
    let key = base64url::encode(key);
    Some(examination.compared(key == bound_to, || FailedProof::new(ProofFault::Binding, [&*key], [bound_to])))
}

/// Check 11: `ath` is the digest of the token.
fn check_token_hash(examination: &mut Examination<'_>) -> ProofOutcome {
    let token = examination.expected.token?;
    examination.payload.as_ref()?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    let expected = base64url::encode(digest.as_ref());
    let got = examination.text("ath");
    Some(examination.compared(got == Some(&expected), || FailedProof::new(ProofFault::TokenHash, got, [&*expected])))
}

/// Check 8.
fn check_method(examination: &mut Examination<'_>) -> ProofOutcome {
    let (got, expected) = (examination.text("htm")?, examination.expected.request.method.as_deref());
    Some(examination.compared(Some(got) == expected, || FailedProof::new(ProofFault::Method, [got], expected)))
}

/// Check 9.
fn check_url(examination: &mut Examination<'_>) -> ProofOutcome {
    let (htu, expected) = (examination.text("htu")?, examination.expected.request.url.as_ref());
    let got = super::TargetUri::parse(htu);
    Some(examination.compared(got.is_some() && got.as_ref() == expected, || {
        let expected = expected.map(ToString::to_string);
        // Query and fragment may hold a secret.
        FailedProof::new(ProofFault::Url, htu.split(['?', '#']).next(), expected.as_deref())
    }))
}

/// Check 10b: the time is near enough to now, before or after.
fn check_time(examination: &mut Examination<'_>) -> ProofOutcome {
    let Expected { now, settings, .. } = examination.expected;
    let issued = examination.issued()?;
    let ahead = issued.seconds() - now.seconds();
    Some(examination.compared(ahead.abs() <= settings.max_age, || {
        let fault = if ahead > 0.0 { ProofFault::Future } else { ProofFault::Expired };
        let got = issued.whole_seconds().to_string();
        let expected = format!("{}, {} seconds more or less", now.whole_seconds(), settings.max_age);
        FailedProof::new(fault, [&*got], [&*expected])
    }))
}

/// Check 10a.
fn check_nonce(examination: &mut Examination<'_>) -> ProofOutcome {
    examination.payload.as_ref()?;
    let Some(nonces) = &examination.expected.settings.nonces else { return Some(Ok(Comparison::default())) };
    let got = examination.text("nonce");
    let known = got.is_some_and(|nonce| nonces.knows(nonce, examination.expected.now));
    Some(
        examination
            .compared(known, || FailedProof::new(ProofFault::Nonce, got, ["a nonce that this server gave out lately"])),
    )
}

/// Check 6.
fn check_signature(examination: &mut Examination<'_>) -> ProofOutcome {
    let (parts, (key, _)) = (examination.parts.as_ref()?, examination.key.as_ref()?);
    let mut verifies = false;
    (examination.expected.runner)(&mut || verifies = key.verifies(parts.signing_input, &parts.signature));
    Some(if verifies { Ok(Comparison::default()) } else { Err(FailedProof::new(ProofFault::Signature, [], [])) })
}
