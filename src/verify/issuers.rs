//! Many issuers, each with keys and rules of its own.
//!
//! Before the signature is checked, `iss` is only a name to look up. The keys and the policy of that issuer alone decide, also
//! about a token that was verified before. For an unknown name nothing is fetched.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;

use super::decision::{Decision, RejectedToken};
use super::signature::UnverifiedJws;
use super::token_cache::TokenCache;
use super::verifier::Verifier;
use crate::config::ConfigError;
use crate::jose::json::{self, Value};
use crate::jose::jwt::{Claims, MalformedClaims, NumericDate};
use crate::keys::KeyWait;
use crate::outcome::check::{Check, Comparison, NoTrace, Trace};
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{DenylistStatus, NoOverrides, PLACEHOLDER, Policy};

/// How many issuers there may be.
const MOST_ISSUERS: usize = 10_000;
/// How many issuers a report names as the expected ones.
const MOST_TOLD: usize = 10;

/// A policy that may be replaced while tokens are verified.
pub trait PolicySource: Send + Sync + fmt::Debug {
    /// The policy as it is now.
    fn policy(&self) -> Arc<Policy>;
}

/// An accepted issuer, with its own verifier and policy.
#[derive(Debug)]
pub struct TrustedIssuer {
    verifier: Arc<Verifier>,
    policy: Arc<dyn PolicySource>,
    /// The issuers of its policy when it was added: the names for the look-up.
    names: Vec<Box<str>>,
}

impl TrustedIssuer {
    /// An issuer with this verifier and policy.
    ///
    /// # Errors
    /// The policy names no issuer, so no token could lead to it.
    pub fn new(verifier: Arc<Verifier>, policy: Arc<dyn PolicySource>) -> Result<Self, ConfigError> {
        match policy.policy().issuers() {
            Some(issuers) => Ok(Self { verifier, names: issuers.to_vec(), policy }),
            None => Err(ConfigError::new("each of several verifiers needs an issuer, by which a token finds it")),
        }
    }
}

/// The issuers as they are now.
#[derive(Debug, Default)]
struct Directory {
    by_name: HashMap<Box<str>, Arc<TrustedIssuer>>,
    /// The verifiers with an issuer template.
    templates: Arc<Vec<Arc<TrustedIssuer>>>,
}

/// Issuers that are trusted, which may change while tokens are verified.
#[derive(Debug)]
pub struct Issuers {
    directory: RwLock<Directory>,
    cache: Option<TokenCache>,
}

/// The decision about a token, and the policy that decided.
#[derive(Debug)]
pub struct IssuerDecision {
    /// The decision, or that keys are on their way.
    pub decision: Poll<Decision>,
    /// The policy of its issuer; the default one where the issuer is unknown.
    pub policy: Arc<Policy>,
}

impl Issuers {
    /// No issuers yet, with one cache of what is accepted for all of them.
    #[must_use]
    pub fn new(cache: Option<TokenCache>) -> Self {
        Self { directory: RwLock::default(), cache }
    }

    /// The cache, where there is one.
    #[must_use]
    pub fn cache(&self) -> Option<&TokenCache> {
        self.cache.as_ref()
    }

    /// Refuses so many issuers, so that a caller need not first make a verifier of each.
    ///
    /// # Errors
    /// There are more than 10,000.
    pub fn check_count(count: usize) -> Result<(), ConfigError> {
        if count > MOST_ISSUERS {
            return Err(ConfigError::new(format!("there are more than {MOST_ISSUERS} issuers")));
        }
        Ok(())
    }

    /// Adds an issuer, which is trusted from now on.
    ///
    /// # Errors
    /// Another issuer has one of its names, or there are more than 10,000.
    pub fn add(&self, trusted: TrustedIssuer) -> Result<(), ConfigError> {
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = trusted.names.iter().find(|name| directory.by_name.contains_key(*name)) {
            return Err(ConfigError::new(format!(
                "the issuer {name:?} is given twice: one verifier decides about its tokens"
            )));
        }
        Self::check_count(directory.by_name.len() + trusted.names.len())?;
        let trusted = Arc::new(trusted);
        for name in &trusted.names {
            directory.by_name.insert(name.clone(), Arc::clone(&trusted));
        }
        if trusted.names.iter().any(|name| name.contains(PLACEHOLDER)) {
            Arc::make_mut(&mut directory.templates).push(trusted);
        }
        Ok(())
    }

    /// Removes the issuer of this name, and those that were added with it. Returns whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        let Some(trusted) = directory.by_name.get(name).cloned() else { return false };
        trusted.names.iter().for_each(|name| drop(directory.by_name.remove(name)));
        Arc::make_mut(&mut directory.templates).retain(|template| !Arc::ptr_eq(template, &trusted));
        true
    }

    fn find(&self, issuer: &str) -> Option<Arc<TrustedIssuer>> {
        let templates = {
            let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(trusted) = directory.by_name.get(issuer) {
                return Some(Arc::clone(trusted));
            }
            Arc::clone(&directory.templates)
        };
        // Called without the lock: reading a policy may run Python code, which may change the issuers.
        templates.iter().find(|trusted| trusted.policy.policy().accepts_issuer(Some(issuer))).cloned()
    }

    /// Some of the names, for a message.
    fn some_names(&self) -> Vec<Box<str>> {
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner);
        directory.by_name.keys().take(MOST_TOLD).cloned().collect()
    }

    /// Decides about a token, which must also grant what `common` requires. The clock is an argument; nothing here waits.
    pub fn verify(&self, token: &[u8], common: &Policy, now: NumericDate, key_wait: KeyWait) -> IssuerDecision {
        let place = self.cache.as_ref().and_then(|cache| cache.place_of(token));
        if let Some(place) = place {
            let mut found = None;
            let authentic = place.get(|authentic| {
                found = authentic.claims.issuer().and_then(|issuer| self.find(issuer));
                found.as_ref().is_some_and(|trusted| trusted.verifier.still_verifies(authentic))
            });
            if let (Some(authentic), Some(trusted)) = (authentic, found) {
                let policy = trusted.policy.policy();
                let decision = Decision::about(authentic, &policy, &NoOverrides, now);
                return IssuerDecision { decision: Poll::Ready(demand(decision, common, now, &mut NoTrace)), policy };
            }
        }
        let verified = self.verify_traced(token, common, now, key_wait, &mut NoTrace);
        if let (Some(place), Poll::Ready(Decision::Accepted(accepted))) = (place, &verified.decision) {
            place.put(accepted.authentic_claims());
        }
        verified
    }

    /// Does the same, and reports each check. The cache is neither used nor filled.
    pub fn verify_traced(
        &self,
        token: &[u8],
        common: &Policy,
        now: NumericDate,
        key_wait: KeyWait,
        trace: &mut impl Trace,
    ) -> IssuerDecision {
        let rejected =
            |rejection: Rejection| IssuerDecision { decision: Poll::Ready(rejection.into()), policy: Arc::default() };
        let mut jws = match UnverifiedJws::parse(token, None, trace) {
            Ok(jws) => jws,
            Err(rejection) => return rejected(rejection),
        };
        let claims = Claims::take(&mut jws.parts.payload);
        let issuer = match &claims {
            Ok(claims) => claims.issuer().map(Box::from),
            Err(_) => issuer_of(&jws.parts.payload),
        };
        let Some(trusted) = issuer.as_deref().and_then(|issuer| self.find(issuer)) else {
            return self.unknown(&jws, claims.as_ref().err(), issuer.as_deref(), trace);
        };
        if let Err(rejection) = jws.check_algorithm(trusted.verifier.algorithms(), trace) {
            return rejected(rejection);
        }
        let policy = trusted.policy.policy();
        let decided = trusted.verifier.verify_read(jws, Some(claims), &policy, &NoOverrides, now, key_wait, trace);
        IssuerDecision { decision: decided.map(|decision| demand(decision, common, now, trace)), policy }
    }

    /// A token that names none of the issuers. Nothing of it is authentic.
    fn unknown(
        &self,
        jws: &UnverifiedJws<'_>,
        malformed: Option<&MalformedClaims>,
        issuer: Option<&str>,
        trace: &mut impl Trace,
    ) -> IssuerDecision {
        let compare = || Comparison { got: issuer.map(Box::from).into_iter().collect(), expected: self.some_names() };
        let (check, rejection) = match malformed {
            Some(&malformed) if issuer.is_none() => (Check::Claims, malformed.into()),
            _ => (Check::Issuer, Rejection::IssuerMismatch),
        };
        trace.ended(check, Some(&rejection), || Some(compare()));
        let comparison = (check == Check::Issuer).then(compare);
        let kid = jws.header.kid().map(Box::from);
        let rejected = RejectedToken { kid, comparison, ..RejectedToken::new(rejection) };
        IssuerDecision { decision: Poll::Ready(Decision::Rejected(Box::new(rejected))), policy: Arc::default() }
    }

    /// The issuer that a token names, and whether it is one of these. `None` for a token without an issuer.
    #[must_use]
    pub fn named(&self, token: &[u8]) -> Option<(Box<str>, bool)> {
        let jws = UnverifiedJws::parse(token, None, &mut NoTrace).ok()?;
        let issuer = issuer_of(&jws.parts.payload)?;
        let is_known = self.find(&issuer).is_some();
        Some((issuer, is_known))
    }

    /// The name under which an issuer was added: for the issuer of a tenant, the template.
    #[must_use]
    pub fn registered_name(&self, issuer: &str) -> Option<Box<str>> {
        self.find(issuer).and_then(|trusted| trusted.names.first().cloned())
    }
}

/// The decision, or a rejection if an accepted token lacks a scope that every token must have, or is denied.
fn demand(decision: Decision, common: &Policy, now: NumericDate, trace: &mut impl Trace) -> Decision {
    let Decision::Accepted(verified) = decision else { return decision };
    let granted = verified.scopes();
    let lacking = common.check_scopes(|required| granted.contains(&required)).err();
    let (check, rejection, comparison) = match (common.denylist_status(&verified, now), lacking) {
        (DenylistStatus::NotDenied, None) => return Decision::Accepted(verified),
        (DenylistStatus::NotDenied, Some(rejection)) => {
            let required = common.required_scopes().iter().map(|scope| &**scope);
            (Check::Scope, rejection, Some(Comparison::new(granted, required)))
        }
        (DenylistStatus::Unread, _) => return Decision::Unavailable(Unavailable::Denylist),
        (DenylistStatus::Denied, _) => (Check::Denylist, Rejection::DeniedToken, None),
    };
    trace.ended(check, Some(&rejection), || comparison.clone());
    let authentic = Arc::clone(verified.authentic_claims());
    let kid = authentic.kid().map(Box::from);
    Decision::Rejected(Box::new(RejectedToken {
        kid,
        comparison,
        authentic: Some(authentic),
        ..RejectedToken::new(rejection)
    }))
}

/// The issuer that a payload names. Other claims are not checked.
fn issuer_of(payload: &[u8]) -> Option<Box<str>> {
    json::parse_object(payload).ok()?.get("iss").and_then(Value::as_str).map(Box::from)
}
