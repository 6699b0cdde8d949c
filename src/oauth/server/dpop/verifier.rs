//! Decides about a verified token by the proof that came with it.

use std::time::Duration;

use super::presented::{AuthScheme, PresentedRequest};
use super::proof::{Examination, Expected, FailedProof, GoodProof};
use super::replay::{ReplayStore, Replayable};
use super::settings::{DpopMode, DpopSettings};
use crate::config::ConfigError;
use crate::jose::confirmation::Confirmation;
use crate::jose::jwt::{Claims, NumericDate};
use crate::outcome::check::Comparison;
use crate::outcome::proof_fault::ProofFault;
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::runtime::clock::Moment;
use crate::verify::SignatureRunner;

/// Checks proofs, and remembers those that it accepted.
#[derive(Debug)]
pub struct DpopVerifier {
    settings: DpopSettings,
    replays: ReplayStore,
    runner: SignatureRunner,
}

/// Why the presenter of a token may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proven {
    /// It is not bound, and bearer tokens are taken as well.
    AsBearer,
    /// Its presenter showed the key that it is bound to.
    ByKey,
}

/// Why the presenter of a good token must not use it.
#[derive(Debug, Clone, PartialEq)]
pub enum PossessionRefusal {
    /// This reason, with what came and what was expected where two values were compared.
    Rejected(Rejection, Option<Comparison>),
    /// Whether the proof was used before is unknown.
    Unavailable(Unavailable),
}

impl From<FailedProof> for PossessionRefusal {
    fn from(failed: FailedProof) -> Self {
        let FailedProof { fault, comparison } = failed;
        let has_comparison = comparison != Comparison::default();
        Self::Rejected(Rejection::Proof(fault), has_comparison.then_some(comparison))
    }
}

impl DpopVerifier {
    /// Checks proofs by these settings.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(settings: DpopSettings) -> Result<Self, ConfigError> {
        // From the earliest moment at which a proof is accepted to the last.
        let longest_life = Duration::from_secs_f64(2.0 * settings.max_age);
        Ok(Self { settings, replays: ReplayStore::new(longest_life)?, runner: |work| work() })
    }

    /// This verifier, running signature checks in this way.
    #[must_use]
    pub fn with_signature_runner(self, runner: SignatureRunner) -> Self {
        Self { runner, ..self }
    }

    /// What is demanded.
    #[must_use]
    pub fn settings(&self) -> &DpopSettings {
        &self.settings
    }

    /// How many proofs are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.replays.len()
    }

    /// Decides whether the presenter of a verified token with these claims may use it. An accepted proof
    /// is remembered.
    ///
    /// # Errors
    /// [`PossessionRefusal`] says why not.
    pub fn verify(
        &self,
        token: &str,
        claims: &Claims,
        request: &PresentedRequest,
        now: NumericDate,
        moment: Moment,
    ) -> Result<Proven, PossessionRefusal> {
        self.verify_confirmed(token, Confirmation::of(claims), request, now, moment)
    }

    /// Does the same for a token that is bound so.
    ///
    /// # Errors
    /// As of [`verify`](Self::verify).
    pub fn verify_confirmed(
        &self,
        token: &str,
        confirmation: Confirmation<'_>,
        request: &PresentedRequest,
        now: NumericDate,
        moment: Moment,
    ) -> Result<Proven, PossessionRefusal> {
        let refused = |rejection| Err(PossessionRefusal::Rejected(rejection, None));
        let bound_to = match (confirmation, request.scheme) {
            (Confirmation::Unbound, AuthScheme::Bearer) if self.settings.mode == DpopMode::Allowed => {
                return Ok(Proven::AsBearer);
            }
            (Confirmation::Unbound, _) => return refused(Rejection::UnboundToken),
            // RFC 9449 section 7.2: accepted under `Bearer`, a bound token would be as easy to steal as an unbound one.
            (Confirmation::Thumbprint(_) | Confirmation::Other, AuthScheme::Bearer)
            | (Confirmation::Other, AuthScheme::Dpop) => return refused(Rejection::BoundToken),
            (Confirmation::Certificate, _) => return refused(Rejection::CertificateBoundToken),
            (Confirmation::Thumbprint(bound_to), AuthScheme::Dpop) => Some(bound_to),
        };
        let expected =
            Expected { settings: &self.settings, request, token: Some(token), bound_to, now, runner: self.runner };
        let proof = Examination::new(expected).run()?;
        self.record(&proof, now, moment)?;
        Ok(Proven::ByKey)
    }

    fn record(&self, proof: &GoodProof, now: NumericDate, moment: Moment) -> Result<(), PossessionRefusal> {
        let left = proof.issued.seconds() + self.settings.max_age - now.seconds();
        let life = Duration::try_from_secs_f64(left.max(0.0)).unwrap_or_default();
        self.replays.record(&proof.key, &proof.jti, moment, life).map_err(|why| match why {
            Replayable::Seen => {
                FailedProof::new(ProofFault::Replayed, [&*proof.jti], ["a jti that was not used before"]).into()
            }
            Replayable::Full => PossessionRefusal::Unavailable(Unavailable::TooManyProofs),
        })
    }
}
