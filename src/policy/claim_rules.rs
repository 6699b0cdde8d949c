//! An operator's rules about further claims, and the claims that name client, subject and scopes.
//!
//! A policy without rules holds none of this, so that it costs nothing where it is not used.

use super::claim_path::ClaimPath;
use super::scopes::{ScopeClaims, ScopeHierarchy};
use crate::config::ConfigError;
use crate::jose::json::Value;
use crate::jose::jwt::{Claims, NumericDate};
use crate::outcome::check::Comparison;
use crate::outcome::rejection::Rejection;

/// The widest tolerance for an `iat` in the future, in seconds.
const MAX_IAT_LEEWAY: f64 = 600.0;
/// How many members of a claim's list a report has.
const MOST_REPORTED: usize = 10;

/// Success, or the rule that is broken and what it compared.
pub(super) type Outcome = Result<(), (Rejection, Option<Comparison>)>;

/// Rules about claims, all of them optional.
#[derive(Debug, Default, Clone)]
pub struct ClaimRules {
    client_id: Vec<ClaimPath>,
    subject: Vec<ClaimPath>,
    scope_claims: Option<ScopeClaims>,
    scope_hierarchy: Option<ScopeHierarchy>,
    required: Vec<ClaimPath>,
    expected: Vec<(ClaimPath, Vec<Value>)>,
    max_age: Option<u64>,
    iat_leeway: Option<f64>,
}

/// The scopes of a token by the rules.
#[derive(Debug, Default)]
pub(super) struct RuledScopes {
    /// The granted scopes, if they differ from what the claims alone say.
    pub(super) scopes: Option<Vec<Box<str>>>,
    /// Texts that are not scopes.
    pub(super) skipped: Vec<Box<str>>,
}

impl ClaimRules {
    /// These rules, with the claims that name the client. The first one that is present counts.
    #[must_use]
    pub fn with_client_id(self, client_id: Vec<ClaimPath>) -> Self {
        Self { client_id, ..self }
    }

    /// These rules, with the claims that name the subject. The first one that is present counts.
    #[must_use]
    pub fn with_subject(self, subject: Vec<ClaimPath>) -> Self {
        Self { subject, ..self }
    }

    /// These rules, with the claims whose values are scopes.
    #[must_use]
    pub fn with_scope_claims(self, scope_claims: Option<ScopeClaims>) -> Self {
        Self { scope_claims, ..self }
    }

    /// These rules, with scopes that imply others.
    #[must_use]
    pub fn with_scope_hierarchy(self, scope_hierarchy: Option<ScopeHierarchy>) -> Self {
        Self { scope_hierarchy, ..self }
    }

    /// These rules, with claims that a token must have.
    #[must_use]
    pub fn with_required(self, required: Vec<ClaimPath>) -> Self {
        Self { required, ..self }
    }

    /// These rules, with claims that must have one of these values.
    ///
    /// # Errors
    /// A claim has no expected value, so that no token could satisfy the rule.
    pub fn with_expected(self, expected: Vec<(ClaimPath, Vec<Value>)>) -> Result<Self, ConfigError> {
        match expected.iter().find(|(_, values)| values.is_empty()) {
            None => Ok(Self { expected, ..self }),
            Some((claim, _)) => Err(ConfigError::new(format!(
                "expected_claims has no value for {:?}: give one, or a list; required_claims demands that it is there",
                claim.text()
            ))),
        }
    }

    /// These rules, with the longest time since the user signed in, in seconds (RFC 9470).
    #[must_use]
    pub fn with_max_age(self, max_age: Option<u64>) -> Self {
        Self { max_age, ..self }
    }

    /// These rules, with how far in the future `iat` may lie, in seconds. `None` does not look at it.
    ///
    /// # Errors
    /// Not a number from 0 to 600.
    pub fn with_iat_leeway(self, iat_leeway: Option<f64>) -> Result<Self, ConfigError> {
        match iat_leeway {
            Some(leeway) if !(0.0..=MAX_IAT_LEEWAY).contains(&leeway) => {
                Err(ConfigError::new("iat_leeway must be a number of seconds from 0 to 600"))
            }
            _ => Ok(Self { iat_leeway, ..self }),
        }
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.client_id.is_empty()
            && self.subject.is_empty()
            && self.scope_claims.is_none()
            && self.scope_hierarchy.is_none()
            && self.required.is_empty()
            && self.expected.is_empty()
            && self.max_age.is_none()
            && self.iat_leeway.is_none()
    }

    /// Whether one of them needs a claim by its name.
    pub(super) fn read_members(&self) -> bool {
        !self.client_id.is_empty()
            || !self.subject.is_empty()
            || self.scope_claims.is_some()
            || !self.required.is_empty()
            || !self.expected.is_empty()
            || self.max_age.is_some()
    }

    /// The client that a token was issued to, by the claims that a rule names, else by the usual ones.
    pub(super) fn issued_to<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        if self.client_id.is_empty() { claims.issued_to() } else { first_text(&self.client_id, claims) }
    }

    /// The subject of a token, by the claims that a rule names, else by the usual ones.
    pub(super) fn subject<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        if self.subject.is_empty() { claims.subject() } else { first_text(&self.subject, claims) }
    }

    /// The user of a token, likewise.
    pub(super) fn user<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        if self.subject.is_empty() { claims.user() } else { first_text(&self.subject, claims) }
    }

    /// Checks the claims by every rule but those of scopes.
    ///
    /// # Errors
    /// The first rule that they break, and what it compared.
    pub(super) fn check(&self, claims: &Claims, now: NumericDate, leeway: f64) -> Outcome {
        self.check_types(claims)?;
        self.check_issued_at(claims, now)?;
        for claim in &self.required {
            if claim.get(claims).is_none() {
                return Err(missing(claim, []));
            }
        }
        for (claim, values) in &self.expected {
            check_value(claim, values, claims)?;
        }
        self.check_age(claims, now, leeway)
    }

    /// A claim of a type that its rule cannot read is an error, and not the same as an absent one.
    fn check_types(&self, claims: &Claims) -> Outcome {
        for claim in self.client_id.iter().chain(&self.subject) {
            if let Some(value) = claim.get(claims).filter(|value| value.as_str().is_none()) {
                return Err(mismatch(claim, &described(value), ["a text"]));
            }
        }
        match self.scope_claims.as_ref().and_then(|scope_claims| scope_claims.malformed(claims)) {
            Some((claim, value)) => Err(mismatch(claim, &described(value), ["a text or a list of texts"])),
            None => Ok(()),
        }
    }

    fn check_issued_at(&self, claims: &Claims, now: NumericDate) -> Outcome {
        let Some(leeway) = self.iat_leeway else { return Ok(()) };
        match claims.issued_at() {
            Some(at) if at > now.later(leeway) => Err((Rejection::IssuedInFuture { at }, None)),
            _ => Ok(()),
        }
    }

    /// RFC 9470 section 3, by `auth_time` of OpenID Connect Core section 2. Without it the time of the sign-in is unknown.
    fn check_age(&self, claims: &Claims, now: NumericDate, leeway: f64) -> Outcome {
        let Some(max_age) = self.max_age else { return Ok(()) };
        let authenticated = claims.member("auth_time").and_then(NumericDate::from_value);
        #[allow(clippy::cast_precision_loss, reason = "seconds of any length that matters fit 53 bits")]
        let is_recent = authenticated.is_some_and(|at| now < at.later(max_age as f64 + leeway));
        let authenticated = authenticated.map(NumericDate::whole_seconds);
        if is_recent {
            Ok(())
        } else {
            Err((Rejection::InsufficientUserAuthentication { max_age, authenticated }, None))
        }
    }

    /// The scopes of a token by these rules. `stated` are the scopes that a subclass gave instead of the claims.
    pub(super) fn scopes(&self, claims: &Claims, stated: Option<&[Box<str>]>) -> RuledScopes {
        let (scopes, skipped) = match (stated, &self.scope_claims) {
            (Some(stated), _) => (stated.iter().map(|scope| &**scope).collect(), Vec::new()),
            (None, Some(scope_claims)) => {
                let granted = scope_claims.granted(claims);
                (granted.scopes, granted.skipped)
            }
            (None, None) => (claims.scopes(), Vec::new()),
        };
        let implied = self.scope_hierarchy.as_ref().map(|hierarchy| hierarchy.implied(&scopes)).unwrap_or_default();
        let as_claimed = stated.is_none() && self.scope_claims.is_none() && implied.is_empty();
        RuledScopes {
            scopes: (!as_claimed).then(|| scopes.into_iter().chain(implied).map(Box::from).collect()),
            skipped: skipped.into_iter().take(MOST_REPORTED).map(Box::from).collect(),
        }
    }
}

fn first_text<'c>(paths: &[ClaimPath], claims: &'c Claims) -> Option<&'c str> {
    paths.iter().find_map(|path| path.text_in(claims))
}

fn check_value(claim: &ClaimPath, values: &[Value], claims: &Claims) -> Outcome {
    let expected = || values.iter().flat_map(described).collect::<Vec<_>>();
    let fits = |value: &Value| values.iter().any(|expected| is_same(expected, value));
    match claim.get(claims) {
        None => Err(missing(claim, expected().iter().map(|text| &**text))),
        Some(Value::Array(items)) if items.iter().any(fits) => Ok(()),
        Some(value) if fits(value) => Ok(()),
        Some(value) => Err(mismatch(claim, &described(value), expected().iter().map(|text| &**text))),
    }
}

/// Whether two values are equal: numbers by their value, anything else by type and content.
#[allow(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "below 2^53 each integer is a float, and equal or not"
)]
fn is_same(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::Int(int), Value::Float(float)) | (Value::Float(float), Value::Int(int)) => {
            int.unsigned_abs() < 1 << f64::MANTISSA_DIGITS && *int as f64 == *float
        }
        (Value::Array(_) | Value::Object(_), _) => false,
        (expected, value) => expected == value,
    }
}

fn missing<'e>(claim: &ClaimPath, expected: impl IntoIterator<Item = &'e str>) -> (Rejection, Option<Comparison>) {
    (Rejection::MissingClaim { claim: claim.text().into() }, Some(Comparison::new([], expected)))
}

fn mismatch<'e>(
    claim: &ClaimPath,
    got: &[Box<str>],
    expected: impl IntoIterator<Item = &'e str>,
) -> (Rejection, Option<Comparison>) {
    let comparison = Comparison { got: got.to_vec(), expected: expected.into_iter().map(Box::from).collect() };
    (Rejection::ClaimMismatch { claim: claim.text().into() }, Some(comparison))
}

/// A value for a report, in a form that shows its type.
fn described(value: &Value) -> Vec<Box<str>> {
    let one = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("{value} (a boolean)"),
        Value::Int(value) => format!("{value} (a number)"),
        Value::BigInt(_) => "a large number".to_owned(),
        Value::Float(value) => format!("{value} (a number)"),
        Value::String(text) => text.to_string(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    match value {
        Value::Array(items) => items.iter().take(MOST_REPORTED).map(|item| one(item).into()).collect(),
        value => vec![one(value).into()],
    }
}
