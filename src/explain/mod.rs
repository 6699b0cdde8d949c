//! Explains to a developer why a token is refused: every check in order, and the most likely fix.
//!
//! The verifier itself runs the checks, so an explanation cannot differ from a decision. An explanation adds the checks after the
//! first that fails, and the unverified claims, marked as such. The signature is not part of it.

mod checked;
mod comparison_advice;
mod fix;
mod form_advice;
mod introspected;
mod key_advice;
mod names;
mod other_secret;
mod times;

use std::sync::Arc;

use crate::jose::json::{self, Object};
use crate::jose::jws::{self, Header};
use crate::jose::jwt::{Claims, NumericDate};
use crate::keys::Algorithms;
use crate::keys::{KeySource, KeyWait, Keys};
use crate::outcome::check::{Check, Comparison, Trace};
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{NoOverrides, Overrides, Policy};
use crate::verify::{Decision, IssuerDecision, Issuers, RejectedToken, Verifier};
use checked::passed;

use std::task::Poll;

pub use checked::{CheckOutcome, Checked};
pub use introspected::introspected;
pub use names::SettingNames;
pub use times::ClaimTime;

/// The explanation of a token.
#[derive(Debug)]
pub struct Explanation {
    /// The verifier's decision.
    pub decision: Decision,
    /// Every check, in order.
    pub checks: Vec<Checked>,
    /// The header as it came, if it could be read: untrusted.
    pub header: Option<Object>,
    /// The claims, if they could be read: authentic if [`Self::is_signed`], else untrusted.
    pub claims: Option<Object>,
    /// The times in the claims, in words.
    pub times: Vec<ClaimTime>,
    /// The most likely fix, on one line; `None` for an accepted token.
    pub fix: Option<String>,
}

impl Explanation {
    /// Whether the claims are authentic: the signature is valid, or they are from the asked server.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        passed(&self.checks, Check::Signature) || passed(&self.checks, Check::Introspection)
    }
}

/// Explains a verifier's decision about a token; `None` while its keys are being fetched.
///
/// Overrides are a subclass's, and are only asked about authentic claims. Where there are some, nothing is said about
/// unverified claims.
#[must_use]
pub fn explain(
    verifier: &Verifier,
    token: &[u8],
    policy: &Policy,
    overrides: Option<&dyn Overrides>,
    now: NumericDate,
    key_wait: KeyWait,
    names: SettingNames,
) -> Option<Explanation> {
    let mut record = Record { names, ..Record::default() };
    match verifier.verify_traced(token, policy, overrides.unwrap_or(&NoOverrides), now, key_wait, &mut record) {
        Poll::Pending => None,
        Poll::Ready(decision) => {
            let is_forged = |refused: &RejectedToken| refused.rejection == Rejection::InvalidSignature;
            if matches!(&decision, Decision::Rejected(refused) if is_forged(refused)) {
                record.other_secret = other_secret::form_that_fits(token, &**verifier.key_source());
            }
            Some(record.explanation(decision, token, policy, overrides.is_some(), now))
        }
    }
}

/// Explains the decision of a verifier of many issuers; `None` while the issuer's keys are being fetched.
#[must_use]
pub fn explain_issued(
    issuers: &Issuers,
    token: &[u8],
    common: &Policy,
    now: NumericDate,
    key_wait: KeyWait,
) -> Option<Explanation> {
    let mut record = Record::default();
    let IssuerDecision { decision: Poll::Ready(decision), policy } =
        issuers.verify_traced(token, common, now, key_wait, &mut record)
    else {
        return None;
    };
    // No policy applies to a token of an unknown issuer.
    let is_unknown = matches!(&decision, Decision::Rejected(refused) if refused.rejection == Rejection::IssuerMismatch);
    Some(record.explanation(decision, token, &policy, is_unknown, now))
}

/// Explains a token as far as that is possible without keys. Without `algorithms`, any known one is accepted.
#[must_use]
pub fn without_keys(
    token: &[u8],
    algorithms: Option<Algorithms>,
    policy: &Policy,
    now: NumericDate,
    names: SettingNames,
) -> Explanation {
    /// A source without keys.
    #[derive(Debug)]
    struct NoKeys;
    impl KeySource for NoKeys {
        fn keys(&self) -> Keys {
            Keys::Unavailable(Unavailable::Keys)
        }
    }
    let verifier = Verifier::new(algorithms.unwrap_or_else(Algorithms::every), Arc::new(NoKeys));
    let mut record = Record { names, ..Record::default() };
    let decision = match verifier.verify_traced(token, policy, &NoOverrides, now, KeyWait::Never, &mut record) {
        Poll::Ready(decision) => decision,
        Poll::Pending => Decision::Unavailable(Unavailable::Keys),
    };
    record.explanation(decision, token, policy, false, now)
}

/// The reported result of each check.
#[derive(Default)]
struct Record {
    checks: Vec<Checked>,
    /// The decoded header and payload, where the token has parts.
    parts: Option<(Vec<u8>, Vec<u8>)>,
    /// Why the published key that the token names cannot be used.
    skipped_key: Option<String>,
    /// How the secret would fit, if it would in another form.
    other_secret: Option<&'static str>,
    /// The names of settings for the reader.
    names: SettingNames,
    /// The claims from an asked server.
    answered_claims: Option<Object>,
}

impl Trace for Record {
    fn ended(&mut self, check: Check, failed: Option<&Rejection>, compared: impl FnOnce() -> Option<Comparison>) {
        self.checks.retain(|earlier| earlier.check < check);
        let comparison = compared();
        let outcome = match failed {
            Some(rejection) => CheckOutcome::Failed(rejection.clone()),
            None => CheckOutcome::without_fault(check, comparison.as_ref()),
        };
        self.checks.push(Checked { check, outcome, comparison });
    }

    fn key_was_skipped(&mut self, why: impl FnOnce() -> String) {
        self.skipped_key = Some(why());
    }

    fn split(&mut self, parts: &jws::Parts<'_>) {
        self.parts = Some((parts.header.clone(), parts.payload.clone()));
    }

    fn continue_after_failure(&self) -> bool {
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
        let parts = self.parts.take();
        let (header, claims) = parts.as_ref().map_or((None, None), |(header, payload)| {
            (json::parse_object(header).ok(), json::parse_object(payload).ok())
        });
        let validated = self.checks.iter().any(|checked| checked.check == Check::Claims);
        if let (Some((header, payload)), false, false) = (&parts, overridden, validated) {
            self.check_unverified(header, payload, policy, now);
        }
        let checks = self.all_checks(&decision, &Check::OF_JWT, Check::Key);
        let times = claims.as_ref().map(|claims| times::of(claims, now)).unwrap_or_default();
        let known = fix::Known {
            skipped_key: self.skipped_key.as_deref(),
            other_secret: self.other_secret,
            finding: None,
            names: self.names,
        };
        let fix = fix::likely_fix(token, &checks, header.as_ref(), claims.as_ref(), &known, now);
        Explanation { decision, checks, header, claims, times, fix }
    }

    /// Continues after the last check of the verifier, with unverified claims.
    fn check_unverified(&mut self, header: &[u8], payload: &[u8], policy: &Policy, now: NumericDate) {
        let Ok(header) = Header::parse(header) else { return };
        let claims = Claims::parse(payload);
        self.through(&[Check::Claims], claims.as_ref().err().map(|&malformed| (Check::Claims, malformed)));
        if let Ok(claims) = claims {
            policy.check_unverified(&header, &claims, now, self);
        }
    }

    /// The results of all checks in this order. `asks` is the check that may have to wait for another server.
    fn all_checks(&self, decision: &Decision, checks: &[Check], asks: Check) -> Vec<Checked> {
        let checked = |check| match (decision, self.checks.iter().find(|checked| checked.check == check)) {
            // If newer keys could not be fetched, it is not known whether the key exists.
            (Decision::Unavailable(why @ Unavailable::Denylist), _) if check == Check::Denylist => {
                Checked { check, outcome: CheckOutcome::Unavailable(why.clone()), comparison: None }
            }
            (Decision::Unavailable(why), _) if check == asks && *why != Unavailable::Denylist => {
                Checked { check, outcome: CheckOutcome::Unavailable(why.clone()), comparison: None }
            }
            (_, Some(checked)) => checked.clone(),
            (_, None) => Checked { check, outcome: CheckOutcome::NotReached, comparison: None },
        };
        checks.iter().copied().map(checked).collect()
    }
}
