//! The result of each check of a token.

use crate::outcome::check::{Check, Comparison};
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::untrusted::sanitize_all;

/// The result of one check.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Which.
    pub check: Check,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What it compared, unchanged.
    pub comparison: Option<Comparison>,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckOutcome {
    /// It passed.
    Passed,
    /// It failed, for this reason.
    Failed(Rejection),
    /// Keys or a remote verifier are unreachable; neither passed nor failed.
    Unavailable(Unavailable),
    /// There was nothing to check: the configuration demands nothing, or the token has no such claim.
    Unchecked,
    /// It did not run, because an earlier check failed.
    NotReached,
}

impl Checked {
    /// What it found, on one line, sanitized.
    #[must_use]
    pub fn text(&self) -> String {
        let none = Comparison::default();
        let Comparison { got, expected } = self.comparison.as_ref().unwrap_or(&none);
        match &self.outcome {
            CheckOutcome::Failed(rejection @ Rejection::InsufficientScope { missing }) => {
                format!("{rejection}: {} (got {})", sanitize_all(missing), sanitize_all(got))
            }
            CheckOutcome::Failed(rejection) if self.comparison.is_some() => {
                format!("{rejection} (got {}, expected {})", sanitize_all(got), sanitize_all(expected))
            }
            CheckOutcome::Failed(rejection) => rejection.to_string(),
            CheckOutcome::Unavailable(why) => why.to_string(),
            CheckOutcome::Passed if self.check == Check::Key && got.is_empty() => {
                "the token names none, and one fits".to_owned()
            }
            CheckOutcome::Passed if self.comparison.is_some() => sanitize_all(got),
            CheckOutcome::Unchecked => match self.check {
                Check::Expiry => "the token has no exp, and does not expire".to_owned(),
                Check::NotBefore => "the token has no nbf".to_owned(),
                _ if got.is_empty() => "not checked".to_owned(),
                _ => format!("{}, not checked", sanitize_all(got)),
            },
            CheckOutcome::Passed | CheckOutcome::NotReached => String::new(),
        }
    }
}

impl CheckOutcome {
    /// The result of a check that found nothing wrong.
    pub(super) fn without_fault(check: Check, comparison: Option<&Comparison>) -> Self {
        // The check of the type always runs: it also refuses tokens of another kind.
        let is_compared = check > Check::Claims && check != Check::Type;
        match comparison {
            Some(compared) if is_compared && compared.expected.is_empty() => Self::Unchecked,
            _ => Self::Passed,
        }
    }
}

pub(super) fn passed(checks: &[Checked], check: Check) -> bool {
    checks.iter().any(|checked| checked.check == check && checked.outcome == CheckOutcome::Passed)
}
