//! The details of a rejected token, in a form that is safe to log.

use std::fmt::Write as _;

use pyo3::PyErr;

use crate::outcome::check::Comparison;
use crate::outcome::finding::Finding;
use crate::outcome::rejection::{Rejection, Severity};
use crate::policy::Policy;
use crate::untrusted::secrets::Secrets;
use crate::untrusted::{quoted, sanitize, sanitize_all};
use crate::verify;

/// How many untrusted texts are kept for a message.
const MOST_SHOWN: usize = 10;

/// The details of a rejected token. Its texts are untrusted, so each is on one line and shortened.
pub(super) struct RejectionRecord {
    pub(super) rejection: Rejection,
    pub(super) kid: Option<Box<str>>,
    pub(super) client_id: Option<Box<str>>,
    pub(super) subject: Option<Box<str>>,
    pub(super) mismatch: Option<Mismatch>,
    pub(super) finding: Option<Finding>,
    /// The exception that a subclass's check raised.
    pub(super) cause: Option<PyErr>,
}

/// What came, and what was expected.
pub(super) struct Mismatch {
    pub(super) got: Vec<Box<str>>,
    pub(super) expected: Vec<Box<str>>,
}

impl RejectionRecord {
    /// The details, by the policy that refused the token, without these secrets.
    pub(super) fn of(refusal: verify::RejectedToken, policy: &Policy, secrets: &Secrets) -> Self {
        let sanitize = |text: &str| sanitize(&secrets.redact(text));
        let authentic = refusal.authentic.as_ref();
        let claims = authentic.map(|authentic| &authentic.claims);
        Self {
            kid: refusal.kid.as_deref().map(sanitize),
            client_id: claims.and_then(|claims| policy.client_id(claims)).map(sanitize),
            subject: claims.and_then(|claims| policy.subject(claims)).map(sanitize),
            mismatch: refusal.comparison.map(|comparison| Mismatch::of(comparison, secrets)),
            finding: refusal.finding,
            cause: None,
            rejection: refusal.rejection,
        }
    }

    pub(super) fn of_owner(rejection: Rejection, client_id: Option<&str>, subject: Option<&str>) -> Self {
        Self {
            rejection,
            kid: None,
            client_id: client_id.map(sanitize),
            subject: subject.map(sanitize),
            mismatch: None,
            finding: None,
            cause: None,
        }
    }

    /// The severity to log it with.
    pub(super) fn severity(&self) -> Severity {
        if self.finding.is_some() { Severity::Warning } else { self.rejection.severity() }
    }

    /// The same, with what was compared.
    pub(super) fn with_comparison(self, comparison: Option<Comparison>) -> Self {
        Self { mismatch: comparison.map(|comparison| Mismatch::of(comparison, &Secrets::none())), ..self }
    }

    /// The text for an operator: the reason, and for a mismatch what came and what was expected.
    pub(super) fn message(&self) -> String {
        let mut message = self.rejection.to_string();
        let written = match (&self.rejection, &self.mismatch) {
            (Rejection::InsufficientScope { missing }, _) => {
                write!(message, " ({})", sanitize_all(missing))
            }
            (Rejection::Expired { at: time }, _) => {
                time.in_utc().map_or(Ok(()), |time| write!(message, " (it expired at {time})"))
            }
            (Rejection::NotYetValid { from: time }, _) => {
                time.in_utc().map_or(Ok(()), |time| write!(message, " (it is valid from {time})"))
            }
            (Rejection::AudienceMismatch, Some(Mismatch { got, expected })) if expected.is_empty() => {
                write!(message, " (got {}, and it is not known which resource is served: give audience=)", quoted(got))
            }
            (Rejection::IssuedInFuture { at: time }, _) => {
                time.in_utc().map_or(Ok(()), |time| write!(message, " (it says {time})"))
            }
            // Nothing came, and any value would do.
            (_, Some(Mismatch { got, expected })) if got.is_empty() && expected.is_empty() => Ok(()),
            (_, Some(Mismatch { got, expected })) => {
                write!(message, " (got {}, expected {})", quoted(got), quoted(expected))
            }
            (_, None) => Ok(()),
        };
        let found = self.finding.as_ref().map_or(Ok(()), |finding| write!(message, ": {finding}"));
        debug_assert!(written.and(found).is_ok(), "writing to a String does not fail");
        message
    }
}

impl Mismatch {
    fn of(comparison: Comparison, secrets: &Secrets) -> Self {
        let Comparison { got, expected } = comparison;
        let got = got.iter().take(MOST_SHOWN).map(|text| sanitize(&secrets.redact(text))).collect();
        // The operator's own words.
        let expected = expected.iter().map(|text| sanitize(text)).collect();
        Self { got, expected }
    }
}
