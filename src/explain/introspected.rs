//! Explains a token that a server is asked about (RFC 7662).

use std::sync::Arc;

use super::{Explanation, Record, SettingNames, fix, times};
use crate::jose::jwt::NumericDate;
use crate::oauth::server::answer::Answer;
use crate::oauth::server::token_introspection::AskOutcome;
use crate::outcome::check::{Check, Trace};
use crate::outcome::finding::Finding;
use crate::outcome::rejection::Rejection;
use crate::policy::{NoOverrides, Policy};
use crate::untrusted::secrets::Secrets;
use crate::verify::Decision;

/// Explains the answer of a server about a token, or why no server can be asked. The explanation does not contain these secrets.
#[must_use]
pub fn introspected(
    token: &[u8],
    outcome: AskOutcome,
    policy: &Policy,
    now: NumericDate,
    secrets: &Secrets,
    names: SettingNames,
) -> Explanation {
    let mut record = Record { names, ..Record::default() };
    let decision = match outcome {
        Err(decision) => decision,
        Ok(answer) => {
            record.answered(&answer, policy, now);
            answer.decide(policy, now)
        }
    };
    record.explanation_of_answer(decision, token, now, secrets)
}

impl Record {
    fn explanation_of_answer(
        mut self,
        decision: Decision,
        token: &[u8],
        now: NumericDate,
        secrets: &Secrets,
    ) -> Explanation {
        let mut finding = None;
        if let (Decision::Rejected(refused), true) = (&decision, self.checks.is_empty()) {
            finding = refused.finding.as_ref();
            let at = match (&refused.rejection, finding) {
                (Rejection::TokenTooLarge, _) => Check::Size,
                (_, Some(Finding::NotIntrospected)) => Check::Introspection,
                _ => Check::Syntax,
            };
            let before: Vec<_> = [Check::Size, Check::Syntax].into_iter().filter(|check| *check < at).collect();
            self.passed(&before);
            self.ended(at, Some(&refused.rejection), || None);
        } else if self.checks.is_empty() {
            self.passed(&[Check::Size, Check::Syntax]);
        }
        for compared in self.checks.iter_mut().filter_map(|checked| checked.comparison.as_mut()) {
            compared.got.iter_mut().for_each(|text| *text = secrets.redact(text).into());
        }
        let claims = self
            .answered_claims
            .take()
            .map(|answered_claims| answered_claims.with_texts(&|text| secrets.redact(text).into_owned()));
        let checks = self.all_checks(&decision, &Check::OF_INTROSPECTED_TOKEN, Check::Introspection);
        let times = claims.as_ref().map(|claims| times::of(claims, now)).unwrap_or_default();
        let known = fix::Known { finding, names: self.names, ..fix::Known::default() };
        let fix = fix::likely_fix(token, &checks, None, claims.as_ref(), &known, now);
        let fix = match &decision {
            Decision::Unavailable(why) => Some(why.to_string()),
            _ => fix,
        };
        Explanation { decision, checks, header: None, claims, times, fix }
    }

    /// Records the checks of a server's answer.
    fn answered(&mut self, answer: &Answer, policy: &Policy, now: NumericDate) {
        self.passed(&[Check::Size, Check::Syntax]);
        match answer {
            Answer::Known(claims) | Answer::Stale(claims, _) => {
                self.passed(&[Check::Introspection, Check::Claims]);
                self.answered_claims = Some(claims.claims.object().clone());
                // The decision comes from the answer.
                let _ = policy.validate_traced(Arc::clone(claims), &NoOverrides, now, self);
            }
            Answer::Refused(rejection @ Rejection::MalformedClaims { .. }) => {
                self.passed(&[Check::Introspection]);
                self.ended(Check::Claims, Some(rejection), || None);
            }
            Answer::Refused(rejection) => self.ended(Check::Introspection, Some(rejection), || None),
            Answer::Unavailable(_) => {}
        }
    }

    fn passed(&mut self, checks: &[Check]) {
        for &check in checks {
            self.ended(check, None, || None);
        }
    }
}
