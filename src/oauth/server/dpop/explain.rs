//! Explains to a developer why a proof is refused: the result of every check, also after the first that fails. Whether a proof
//! was used before is not checked, because only the server knows.

use super::presented::PresentedRequest;
use super::proof::{Examination, Expected, FailedProof, ProofCheck};
use super::settings::DpopSettings;
use crate::jose::json::Object;
use crate::jose::jwt::NumericDate;
use crate::outcome::check::Comparison;
use crate::outcome::proof_fault::ProofFault;

/// The result of one check of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedProof {
    /// Which.
    pub check: ProofCheck,
    /// What it found, or why it failed; `None` where it could not run.
    pub outcome: Option<Result<Comparison, FailedProof>>,
}

/// What there is to say about a proof.
#[derive(Debug)]
pub struct ExplainedProof {
    /// Every check, in order.
    pub checks: Vec<CheckedProof>,
    /// Its header as it came, if it could be read: untrusted.
    pub header: Option<Object>,
    /// Its claims, likewise.
    pub claims: Option<Object>,
}

/// What is most likely to help where a proof has this fault.
#[must_use]
pub fn likely_fix(fault: ProofFault) -> &'static str {
    match fault {
        ProofFault::Missing => "the client sends no header DPoP: have it make a proof for each request",
        ProofFault::Malformed => "the proof is not as RFC 9449 section 4.2 has it: only the client can mend that",
        ProofFault::Algorithm => {
            "have the client sign with one of the accepted algorithms, or name its own in dpop_algorithms"
        }
        ProofFault::Key => "have the client put its public key into jwk, of the type that its algorithm needs",
        ProofFault::Binding => {
            "have the client sign with the key with which it got the token; if it did, the token is stolen"
        }
        ProofFault::TokenHash => "have the client make ath of the token that it sends beside the proof",
        ProofFault::Method => "have the client make a proof for each request, also for GET and DELETE",
        ProofFault::Url => {
            "set base_url to the URL that clients use, if a proxy stands before the server; a slash at the end counts"
        }
        ProofFault::Expired => "have the client make a proof for each request, and compare the clocks",
        ProofFault::Future => "compare the clocks of the client and of the server",
        ProofFault::Nonce => {
            "have the client send the nonce of the last answer's DPoP-Nonce; give all workers the same dpop_nonce"
        }
        ProofFault::Signature => "the proof was changed, or signed with another key than the one in jwk",
        ProofFault::Replayed => "have the client make a proof for each request, also where it sends one again",
    }
}

/// Explains a proof that comes with such a request. Token and thumbprint are given where they are known.
#[must_use]
pub fn explain(
    settings: &DpopSettings,
    request: &PresentedRequest,
    token: Option<&str>,
    bound_to: Option<&str>,
    now: NumericDate,
) -> ExplainedProof {
    let mut examination = Examination::new(Expected { settings, request, token, bound_to, now, runner: |work| work() });
    let mut checks: Vec<_> =
        examination.run_all().into_iter().map(|(check, outcome)| CheckedProof { check, outcome }).collect();
    checks.push(CheckedProof { check: ProofCheck::Replay, outcome: None });
    ExplainedProof { checks, header: examination.header().cloned(), claims: examination.payload().cloned() }
}
