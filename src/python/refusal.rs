//! What is known of a rejected token, as a log may hold it.

use std::fmt::Write as _;

use crate::checks::Comparison;
use crate::jose::jwt::Claims;
use crate::rejection::Rejection;
use crate::tame::{quoted, tame, tamed};
use crate::verifier;

/// How many of somebody else's texts are kept for a message.
const MOST_SHOWN: usize = 10;

/// What is known of a rejected token. Its texts are a stranger's, and so stand here on one line and cut.
pub(super) struct Refusal {
    pub(super) rejection: Rejection,
    pub(super) kid: Option<Box<str>>,
    pub(super) client_id: Option<Box<str>>,
    pub(super) subject: Option<Box<str>>,
    pub(super) mismatch: Option<Mismatch>,
}

/// What came, and what was expected.
pub(super) struct Mismatch {
    pub(super) got: Vec<Box<str>>,
    pub(super) expected: Vec<Box<str>>,
}

impl Refusal {
    pub(super) fn of(refusal: verifier::Refusal) -> Self {
        let vouched = refusal.vouched.as_ref();
        let claims = vouched.map(|vouched| &vouched.claims);
        Self {
            kid: refusal.kid.as_deref().map(tame),
            client_id: claims.and_then(Claims::client_id).map(tame),
            subject: claims.and_then(Claims::subject).map(tame),
            mismatch: refusal.comparison.map(Mismatch::of),
            rejection: refusal.rejection,
        }
    }

    pub(super) fn of_owner(rejection: Rejection, client_id: Option<&str>, subject: Option<&str>) -> Self {
        Self { rejection, kid: None, client_id: client_id.map(tame), subject: subject.map(tame), mismatch: None }
    }

    /// What an operator reads: the reason, and for a mismatch what came and what was expected.
    pub(super) fn message(&self) -> String {
        let mut message = self.rejection.to_string();
        let written = match (&self.rejection, &self.mismatch) {
            (Rejection::InsufficientScope { missing }, _) => {
                write!(message, " ({})", tamed(missing))
            }
            (Rejection::Expired { at: time }, _) => {
                time.in_utc().map_or(Ok(()), |time| write!(message, " (it expired at {time})"))
            }
            (Rejection::NotYetValid { from: time }, _) => {
                time.in_utc().map_or(Ok(()), |time| write!(message, " (it is valid from {time})"))
            }
            (_, Some(Mismatch { got, expected })) => {
                write!(message, " (got {}, expected {})", quoted(got), quoted(expected))
            }
            (_, None) => Ok(()),
        };
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        message
    }
}

impl Mismatch {
    fn of(comparison: Comparison) -> Self {
        let Comparison { got, expected } = comparison;
        let tame_each = |texts: Vec<Box<str>>, most| texts.iter().take(most).map(|text| tame(text)).collect();
        Self { got: tame_each(got, MOST_SHOWN), expected: tame_each(expected, usize::MAX) }
    }
}
