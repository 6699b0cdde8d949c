//! Why a token is refused, told to a developer who holds it: every check in order, and the likeliest fix.
//!
//! The verifier itself runs the checks, so an explanation cannot differ from a decision. What it adds is what a decision
//! leaves out: the checks behind the first that fails, and what claims say that nobody vouches for, marked as such.
//! Nothing of the signature is in it.

mod advice;
mod times;

use std::sync::Arc;

use crate::checks::{Check, Comparison, Trail};
use crate::config::Algorithms;
use crate::jose::json::{self, Object};
use crate::jose::jws::{self, Header};
use crate::jose::jwt::{Claims, NumericDate};
use crate::keys::{KeySource, Keys, Patience};
use crate::policy::{Overrides, Plain, Policy};
use crate::rejection::{Rejection, Unavailable};
use crate::tame::tamed;
use crate::verifier::{Decision, Progress, Verifier};

pub use times::Time;

/// What there is to say about a token.
#[derive(Debug)]
pub struct Explanation {
    /// What the verifier says of the token.
    pub decision: Decision,
    /// Every check, in order.
    pub checks: Vec<Checked>,
    /// The header, where there is one to be read: a stranger's words, as they stand.
    pub header: Option<Object>,
    /// The claims, where there are some to be read: words of the issuer if [`Self::is_signed`], else a stranger's.
    pub claims: Option<Object>,
    /// The times in the claims, in words.
    pub times: Vec<Time>,
    /// What is most likely to help, on one line; `None` for an accepted token.
    pub fix: Option<String>,
}

/// What became of one check.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Which.
    pub check: Check,
    /// How it ended.
    pub verdict: Verdict,
    /// What it compared, as it stands.
    pub comparison: Option<Comparison>,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It passed.
    Passed,
    /// It failed, for this reason.
    Failed(Rejection),
    /// Nobody can tell.
    Unavailable(Unavailable),
    /// It did not run: an earlier one left it nothing to look at.
    NotReached,
}

impl Explanation {
    /// Whether the signature holds.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        passed(&self.checks, Check::Signature)
    }
}

impl Checked {
    /// What it found, on one line, tame.
    #[must_use]
    pub fn text(&self) -> String {
        let none = Comparison::default();
        let Comparison { got, expected } = self.comparison.as_ref().unwrap_or(&none);
        match &self.verdict {
            Verdict::Failed(rejection @ Rejection::InsufficientScope { missing }) => {
                format!("{rejection}: {} (got {})", tamed(missing), tamed(got))
            }
            Verdict::Failed(rejection) if self.comparison.is_some() => {
                format!("{rejection} (got {}, expected {})", tamed(got), tamed(expected))
            }
            Verdict::Failed(rejection) => rejection.to_string(),
            Verdict::Unavailable(why) => why.to_string(),
            Verdict::Passed if self.check == Check::Key && got.is_empty() => {
                "the token names none, and one fits".to_owned()
            }
            Verdict::Passed if self.comparison.is_some() => {
                let unchecked = if expected.is_empty() && self.check > Check::Claims { ", not checked" } else { "" };
                format!("{}{unchecked}", tamed(got))
            }
            Verdict::Passed | Verdict::NotReached => String::new(),
        }
    }
}

fn passed(checks: &[Checked], check: Check) -> bool {
    checks.iter().any(|checked| checked.check == check && checked.verdict == Verdict::Passed)
}

/// Explains what a verifier says of a token, or `None` while its keys are on their way.
///
/// Overrides are a subclass's, and are only asked about claims that the signature vouches for. Where there are some,
/// nothing is said about claims that nobody vouches for.
#[must_use]
pub fn explain(
    verifier: &Verifier,
    token: &[u8],
    policy: &Policy,
    overrides: Option<&dyn Overrides>,
    now: NumericDate,
    patience: Patience,
) -> Option<Explanation> {
    let mut record = Record(Vec::new());
    match verifier.verify_along(token, policy, overrides.unwrap_or(&Plain), now, patience, &mut record) {
        Progress::Pending => None,
        Progress::Decided(decision) => Some(record.explanation(decision, token, policy, overrides.is_some(), now)),
    }
}

/// Explains what can be said of a token without any key. Without `algorithms` any known one will do.
#[must_use]
pub fn without_keys(token: &[u8], algorithms: Option<Algorithms>, policy: &Policy, now: NumericDate) -> Explanation {
    /// No keys, and none on their way.
    #[derive(Debug)]
    struct NoKeys;
    impl KeySource for NoKeys {
        fn keys(&self) -> Keys {
            Keys::Unavailable(Unavailable::Keys)
        }
    }
    let verifier = Verifier::new(algorithms.unwrap_or_else(Algorithms::every), Arc::new(NoKeys));
    let mut record = Record(Vec::new());
    let decision = match verifier.verify_along(token, policy, &Plain, now, Patience::None, &mut record) {
        Progress::Decided(decision) => decision,
        Progress::Pending => Decision::Unavailable(Unavailable::Keys),
    };
    record.explanation(decision, token, policy, false, now)
}

/// What was reported of each check.
struct Record(Vec<Checked>);

impl Trail for Record {
    fn ended(&mut self, check: Check, failed: Option<&Rejection>, compared: impl FnOnce() -> Option<Comparison>) {
        self.0.retain(|earlier| earlier.check < check);
        let verdict = failed.map_or(Verdict::Passed, |rejection| Verdict::Failed(rejection.clone()));
        self.0.push(Checked { check, verdict, comparison: compared() });
    }

    fn goes_on(&self) -> bool {
        true
    }
}

impl Record {
    fn explanation(
        mut self,
        decision: Decision,
        token: &[u8],
        policy: &Policy,
        overridden: bool,
        now: NumericDate,
    ) -> Explanation {
        let parts = jws::split(token, jws::MAX_TOKEN_BYTES).ok();
        let header = parts.as_ref().and_then(|parts| json::parse_object(&parts.header).ok());
        let claims = parts.as_ref().and_then(|parts| json::parse_object(&parts.payload).ok());
        let judged = self.0.iter().any(|checked| checked.check == Check::Claims);
        if let (Some(parts), false, false) = (&parts, overridden, judged) {
            self.look_at(parts, policy, now);
        }
        let checks = self.checks(&decision);
        let times = claims.as_ref().map(|claims| times::of(claims, now)).unwrap_or_default();
        let fix = advice::likeliest(token, &checks, header.as_ref(), claims.as_ref(), now);
        Explanation { decision, checks, header, claims, times, fix }
    }

    /// Goes on where the verifier has stopped, with claims that nobody vouches for.
    fn look_at(&mut self, parts: &jws::Parts<'_>, policy: &Policy, now: NumericDate) {
        let Ok(header) = Header::parse(&parts.header) else { return };
        let claims = Claims::parse(&parts.payload);
        self.through(&[Check::Claims], claims.as_ref().err().map(|&malformed| (Check::Claims, malformed)));
        if let Ok(claims) = claims {
            policy.look_at(&header, &claims, now, self);
        }
    }

    fn checks(&self, decision: &Decision) -> Vec<Checked> {
        let checked = |check| match (decision, self.0.iter().find(|checked| checked.check == check)) {
            // That a key is unknown is no answer where newer keys could not be had.
            (Decision::Unavailable(why), _) if check == Check::Key => {
                Checked { check, verdict: Verdict::Unavailable(why.clone()), comparison: None }
            }
            (_, Some(checked)) => checked.clone(),
            (_, None) => Checked { check, verdict: Verdict::NotReached, comparison: None },
        };
        Check::ALL.into_iter().map(checked).collect()
    }
}
