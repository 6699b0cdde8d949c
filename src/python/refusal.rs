//! What is known of a rejected token, as a log may hold it.

use std::fmt::Write as _;

use crate::jose::jwt::Claims;
use crate::policy::{Policy, Vouched};
use crate::rejection::Rejection;
use crate::verifier;

/// Where to cut a piece of somebody else's text in a message, in bytes.
const LONGEST_QUOTE: usize = 64;
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
    pub(super) fn of(refusal: verifier::Refusal, policy: &Policy) -> Self {
        let vouched = refusal.vouched.as_ref();
        let claims = vouched.map(|vouched| &vouched.claims);
        Self {
            kid: refusal.kid.as_deref().map(tame),
            client_id: claims.and_then(Claims::client_id).map(tame),
            subject: claims.and_then(Claims::subject).map(tame),
            mismatch: vouched.and_then(|vouched| Mismatch::of(&refusal.rejection, vouched, policy)),
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
                let missing: Vec<_> = missing.iter().map(|scope| tame(scope)).collect();
                write!(message, " ({})", quoted(&missing))
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
    fn of(rejection: &Rejection, vouched: &Vouched, policy: &Policy) -> Option<Self> {
        let claims = &vouched.claims;
        let (got, expected): (Vec<&str>, Vec<&str>) = match rejection {
            Rejection::IssuerMismatch => (claims.issuer().into_iter().collect(), vouched.expected_issuers(policy)),
            Rejection::AudienceMismatch => (claims.audiences().collect(), texts(policy.audiences())),
            Rejection::ClientMismatch => (claims.issued_to().into_iter().collect(), texts(policy.clients())),
            Rejection::InsufficientScope { .. } => (claims.scopes(), texts(Some(policy.required_scopes()))),
            _ => return None,
        };
        let got = got.into_iter().take(MOST_SHOWN).map(tame).collect();
        Some(Self { got, expected: expected.into_iter().map(tame).collect() })
    }
}

fn texts(texts: Option<&[Box<str>]>) -> Vec<&str> {
    texts.unwrap_or_default().iter().map(|text| &**text).collect()
}

/// Tame texts in quotes, at most three of them.
fn quoted(texts: &[Box<str>]) -> String {
    const MOST: usize = 3;
    if texts.is_empty() {
        return "none".to_owned();
    }
    let mut shown: Vec<_> = texts.iter().take(MOST).map(|text| format!("\"{text}\"")).collect();
    if texts.len() > MOST {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}

/// A text as a log record may hold it: with what is not printable escaped, and cut.
fn tame(text: &str) -> Box<str> {
    let mut tame = String::new();
    for c in text.chars() {
        if tame.len() >= LONGEST_QUOTE {
            tame.push_str("...");
            break;
        }
        tame.extend(c.escape_debug());
    }
    tame.into()
}
