//! Runs the checks of the policy. A token that passes all of them becomes a [`Verified`].

use std::sync::Arc;

use super::checks::{Validation, granted};
use super::claim_rules::ClaimRules;
use super::overrides::{NoOverrides, Overrides};
use super::{AuthenticClaims, DenylistStatus, Policy, Source};
use crate::jose::jws::Header;
use crate::jose::jwt::{Claims, NumericDate};
use crate::outcome::check::{Comparison, NoTrace, Trace};
use crate::outcome::rejection::Rejection;

impl Policy {
    /// Runs every check of the policy on authentic claims.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn validate(
        &self,
        authentic: Arc<AuthenticClaims>,
        overrides: &dyn Overrides,
        now: NumericDate,
    ) -> Result<Verified, Box<FailedValidation>> {
        self.validate_traced(authentic, overrides, now, &mut NoTrace)
    }

    /// Does the same, and reports each check.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn validate_traced(
        &self,
        authentic: Arc<AuthenticClaims>,
        overrides: &dyn Overrides,
        now: NumericDate,
        trace: &mut impl Trace,
    ) -> Result<Verified, Box<FailedValidation>> {
        let (header, key_issuer, lacks_type) = match authentic.source {
            Source::Signature { ref header, ref key_issuer, .. } => (Some(header), key_issuer.as_deref(), false),
            Source::Introspection { lacks_type } => (None, None, lacks_type),
        };
        let server = authentic.issuer.as_deref();
        let stated_scopes = Some(Vec::new());
        let claims = &authentic.claims;
        let skipped_scopes = Vec::new();
        let mut validation = Validation {
            header,
            key_issuer,
            lacks_type,
            claims,
            server,
            policy: self,
            overrides,
            now,
            stated_scopes,
            skipped_scopes,
            unread: false,
        };
        let outcome = validation.run(trace);
        let Validation { stated_scopes, skipped_scopes, unread, .. } = validation;
        match outcome {
            Ok(()) => Ok(Verified {
                authentic,
                stated_scopes,
                skipped_scopes,
                rules: self.rules().cloned(),
                expiry_leeway: self.expiry_leeway,
            }),
            Err((rejection, comparison)) => {
                let unread = unread && rejection == Rejection::DeniedToken;
                Err(Box::new(FailedValidation { rejection, unread, comparison, authentic }))
            }
        }
    }

    /// Checks the deny list for a token that passed every check of its issuer's policy, if there is a list.
    #[must_use]
    pub fn denylist_status(&self, verified: &Verified, now: NumericDate) -> DenylistStatus {
        self.denylist_status_of(verified.claims(), verified.client_id(), verified.subject(), now)
    }

    /// Reports the result of each check for claims that are not authentic. It accepts nothing.
    pub fn check_unverified(&self, header: &Header, claims: &Claims, now: NumericDate, trace: &mut impl Trace) {
        let (header, lacks_type, server, stated_scopes) = (Some(header), false, None, None);
        let mut validation = Validation {
            header,
            key_issuer: None,
            lacks_type,
            claims,
            server,
            policy: self,
            overrides: &NoOverrides,
            now,
            stated_scopes,
            skipped_scopes: Vec::new(),
            unread: false,
        };
        // Only the report counts.
        let _ = validation.run(trace);
    }
}

/// A token that passed every check: only [`Policy::validate`] makes one.
#[derive(Debug)]
pub struct Verified {
    authentic: Arc<AuthenticClaims>,
    /// The scopes by a subclass or a rule, if one says anything.
    stated_scopes: Option<Vec<Box<str>>>,
    skipped_scopes: Vec<Box<str>>,
    rules: Option<Arc<ClaimRules>>,
    expiry_leeway: f64,
}

impl Verified {
    /// The claims, and what makes them authentic.
    #[must_use]
    pub fn authentic_claims(&self) -> &Arc<AuthenticClaims> {
        &self.authentic
    }

    /// The claims set.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.authentic.claims
    }

    /// The scopes that the token grants, as a subclass or a rule has changed them.
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        granted(self.stated_scopes.as_deref(), self.claims())
    }

    /// Texts in claims that hold scopes by a rule, but are not scopes, and so grant nothing. If there are many, some of them.
    #[must_use]
    pub fn skipped_scopes(&self) -> &[Box<str>] {
        &self.skipped_scopes
    }

    /// The client that the token was issued to, else its subject.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        super::client_id(self.rules.as_deref(), self.claims())
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        super::subject(self.rules.as_deref(), self.claims())
    }

    /// The user: the subject, or what stands for a user where there is no subject.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.rules.as_deref().map_or_else(|| self.claims().user(), |rules| rules.user(self.claims()))
    }

    /// When this verifier stops accepting the token: `exp` and the leeway.
    #[must_use]
    pub fn accepted_until(&self) -> Option<NumericDate> {
        self.claims().expires().map(|expires| expires.later(self.expiry_leeway))
    }
}

/// Authentic claims that the policy refuses.
#[derive(Debug)]
pub struct FailedValidation {
    /// The check that failed.
    pub rejection: Rejection,
    /// Whether the deny list is out of reach. The token is then neither accepted nor rejected.
    pub unread: bool,
    /// What it compared.
    pub comparison: Option<Comparison>,
    /// The claims set.
    pub authentic: Arc<AuthenticClaims>,
}
