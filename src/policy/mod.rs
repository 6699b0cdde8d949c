//! The policy: what a token must satisfy once its signature is verified.
//!
//! It depends on time and configuration, so its outcome is never remembered. Here is what an operator demands; the checks
//! are in `checks`.

mod authentic_claims;
mod checks;
mod claim_path;
mod claim_rules;
mod denylist;
mod derived;
mod issuer_template;
mod overrides;
mod scopes;
#[cfg(test)]
mod tests;
mod validate;

use std::sync::Arc;

use crate::config::{self, ConfigError};
use crate::jose::jwt::{Claims, NumericDate};
use crate::oauth::scope;
use crate::outcome::rejection::Rejection;

pub use authentic_claims::{AuthenticClaims, Source};
pub use claim_path::ClaimPath;
pub use claim_rules::ClaimRules;
pub use denylist::{Denied, DenyEntry, DenyList, DenylistStatus, Full, Identity, MOST_ENTRIES};
pub use derived::Derived;
pub use issuer_template::{PLACEHOLDER, Tenants};
pub use overrides::{CustomCheckFailed, NoOverrides, Overrides};
pub use scopes::{ScopeClaims, ScopeHierarchy};
pub use validate::{FailedValidation, Verified};

/// How long after its `nbf` a token may still be early, in seconds, unless `leeway` says otherwise.
const DEFAULT_NOT_BEFORE_LEEWAY: f64 = 30.0;
/// The widest leeway, in seconds.
const MAX_LEEWAY: f64 = 600.0;

/// What becomes of tokens that are bound to a key of the client's (RFC 7800).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundTokens {
    /// They are refused: a bearer cannot show the key.
    Refused,
    /// They are accepted as bearer tokens, by the operator's word.
    AcceptedAsBearer,
    /// A proof of possession is demanded beside what the policy says (RFC 9449), of those that name its key.
    Proven,
}

/// What an operator demands of a token's claims.
#[derive(Debug, Clone)]
pub struct Policy {
    issuers: Option<Vec<Box<str>>>,
    audiences: Option<Vec<Box<str>>>,
    clients: Option<Vec<Box<str>>>,
    required_scopes: Vec<Box<str>>,
    typ: Option<Box<str>>,
    expiry_leeway: f64,
    not_before_leeway: f64,
    bound_tokens: BoundTokens,
    allow_id_tokens: Option<bool>,
    /// Whose tokens are accepted where an issuer is a template.
    tenants: Option<Arc<Tenants>>,
    denylist: Option<Arc<DenyList>>,
    /// `None` where there are none.
    rules: Option<Arc<ClaimRules>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            issuers: None,
            audiences: None,
            clients: None,
            required_scopes: Vec::new(),
            typ: None,
            expiry_leeway: 0.0,
            not_before_leeway: DEFAULT_NOT_BEFORE_LEEWAY,
            bound_tokens: BoundTokens::Refused,
            allow_id_tokens: None,
            tenants: None,
            denylist: None,
            rules: None,
        }
    }
}

impl Policy {
    /// This policy, with these issuers: literal strings, one of which `iss` must be. `None` accepts any.
    ///
    /// # Errors
    /// An empty list or text, which looks like a check and would be none; or a text that no token could have, because it
    /// has a space at an end, an invisible character, or more bytes than a token.
    pub fn with_issuers(self, issuers: Option<Vec<Box<str>>>) -> Result<Self, ConfigError> {
        let tenants = self.tenants.as_deref();
        let issuers = expected("issuer", issuers)?;
        let given = issuers.as_deref().unwrap_or_default();
        given.iter().try_for_each(|issuer| issuer_template::check(issuer, tenants))?;
        if tenants.is_some() && !given.iter().any(|issuer| issuer.contains(PLACEHOLDER)) {
            return Err(ConfigError::new(
                "tenants are given and issuer holds no {tenantid} that would stand for one: give the issuer with it, such as \
                 \"https://login.microsoftonline.com/{tenantid}/v2.0\", or leave tenants out",
            ));
        }
        Ok(Self { issuers, ..self })
    }

    /// This policy, for these tenants of an issuer that is a template. To be given before the issuers.
    #[must_use]
    pub fn with_tenants(self, tenants: Option<Tenants>) -> Self {
        Self { tenants: tenants.map(Arc::new), ..self }
    }

    /// This policy, with these audiences: literal strings, one of which `aud` must name. `None` accepts any.
    ///
    /// # Errors
    /// As of `with_issuers`.
    pub fn with_audiences(self, audiences: Option<Vec<Box<str>>>) -> Result<Self, ConfigError> {
        Ok(Self { audiences: expected("audience", audiences)?, ..self })
    }

    /// This policy, with the URLs of the protected resource that is served as its audiences (RFC 8707 section 2). While
    /// none is known, no token is for it.
    #[must_use]
    pub fn with_audiences_of_resource(self, urls: Vec<Box<str>>) -> Self {
        Self { audiences: Some(urls), ..self }
    }

    /// This policy, with these clients: literal strings, one of which the token must have been issued to. `None` accepts
    /// any.
    ///
    /// # Errors
    /// As of `with_issuers`. `argument` is the name of the parameter.
    pub fn with_clients(self, clients: Option<Vec<Box<str>>>, argument: &str) -> Result<Self, ConfigError> {
        Ok(Self { clients: expected(argument, clients)?, ..self })
    }

    /// This policy, with these scopes, all of which the token must grant. An empty list demands none.
    ///
    /// # Errors
    /// A scope that no token could grant, as of [`scope::check_scopes`].
    pub fn with_required_scopes(self, required_scopes: Vec<Box<str>>) -> Result<Self, ConfigError> {
        scope::check_scopes("required_scopes", &required_scopes)?;
        Ok(Self { required_scopes, ..self })
    }

    /// This policy, with this `typ`, which the header must have.
    ///
    /// # Errors
    /// An empty text, and `JWT`, which tells nothing about a token (RFC 8725bis section 3.11); or one that no header has.
    pub fn with_typ(self, typ: Option<Box<str>>) -> Result<Self, ConfigError> {
        let typ_says_nothing = |typ: &str| typ.trim().is_empty() || media_type(typ) == "application/jwt";
        if typ.as_deref().is_some_and(typ_says_nothing) {
            return Err(ConfigError::new(
                "typ is empty or \"JWT\", which every token may carry: name a type such as \"at+jwt\"",
            ));
        }
        typ.as_deref().map_or(Ok(()), |typ| config::check_exact("typ", typ))?;
        Ok(Self { typ, ..self })
    }

    /// This policy, with a tolerance in seconds for clocks that differ, for `exp` and `nbf` both. `None` keeps the
    /// defaults: none for `exp`, 30 seconds for `nbf`.
    ///
    /// # Errors
    /// Not a number from 0 to 600.
    pub fn with_leeway(self, leeway: Option<f64>) -> Result<Self, ConfigError> {
        match leeway {
            None => Ok(Self { expiry_leeway: 0.0, not_before_leeway: DEFAULT_NOT_BEFORE_LEEWAY, ..self }),
            Some(leeway) if (0.0..=MAX_LEEWAY).contains(&leeway) => {
                Ok(Self { expiry_leeway: leeway, not_before_leeway: leeway, ..self })
            }
            Some(_) => Err(ConfigError::new("leeway must be a number of seconds from 0 to 600")),
        }
    }

    /// This policy, accepting tokens that are bound to a proof of possession without one, or not.
    #[must_use]
    pub fn with_bound_tokens(self, allow_bound_tokens: bool) -> Self {
        let bound_tokens = if allow_bound_tokens { BoundTokens::AcceptedAsBearer } else { BoundTokens::Refused };
        Self { bound_tokens, ..self }
    }

    /// This policy, leaving tokens that name the key of a proof to the check of the proof (RFC 9449).
    ///
    /// # Errors
    /// Bound tokens are accepted without a proof.
    pub fn with_proofs(self) -> Result<Self, ConfigError> {
        if self.bound_tokens == BoundTokens::AcceptedAsBearer {
            return Err(ConfigError::new(
                "allow_bound_tokens lets in without a proof what dpop demands a proof of: leave one of them out",
            ));
        }
        Ok(Self { bound_tokens: BoundTokens::Proven, ..self })
    }

    /// What becomes of tokens that are bound to a key of the client's.
    #[must_use]
    pub fn bound_tokens(&self) -> BoundTokens {
        self.bound_tokens
    }

    /// This policy, accepting ID tokens (`true`); refusing those that are one by a claim that no access token has (`None`);
    /// or refusing every JWT that does not say that it is an access token (`false`).
    #[must_use]
    pub fn with_id_tokens(self, allow_id_tokens: Option<bool>) -> Self {
        Self { allow_id_tokens, ..self }
    }

    /// This policy, refusing what this list denies.
    #[must_use]
    pub fn with_denylist(self, denylist: Arc<DenyList>) -> Self {
        Self { denylist: Some(denylist), ..self }
    }

    /// What the deny list says of a token without claims.
    #[must_use]
    pub fn denylist_status_of_names(
        &self,
        client: &str,
        subject: Option<&str>,
        expires: Option<NumericDate>,
        now: NumericDate,
    ) -> DenylistStatus {
        let identity = Identity { jti: None, subject, client: Some(client), issuer: None, issued: None, expires };
        self.denylist.as_ref().map_or(DenylistStatus::NotDenied, |list| list.denylist_status(&identity, now))
    }

    fn denylist_status_of(
        &self,
        claims: &Claims,
        client: Option<&str>,
        subject: Option<&str>,
        now: NumericDate,
    ) -> DenylistStatus {
        self.denylist.as_ref().map_or(DenylistStatus::NotDenied, |list| {
            let identity = Identity {
                jti: claims.token_id(),
                subject,
                client,
                issuer: claims.issuer(),
                issued: claims.issued_at(),
                expires: claims.expires(),
            };
            list.denylist_status(&identity, now)
        })
    }

    /// This policy, with these rules about claims.
    #[must_use]
    pub fn with_rules(self, rules: ClaimRules) -> Self {
        Self { rules: (!rules.is_empty()).then(|| Arc::new(rules)), ..self }
    }

    /// Whether a rule asks for claims by their names.
    #[must_use]
    pub fn reads_members(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.read_members())
    }

    /// The rules about claims, where there are any.
    pub(crate) fn rules(&self) -> Option<&Arc<ClaimRules>> {
        self.rules.as_ref()
    }

    /// The client that a token was issued to, else its subject.
    #[must_use]
    pub fn client_id<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        client_id(self.rules.as_deref(), claims)
    }

    /// The subject of a token.
    #[must_use]
    pub fn subject<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        subject(self.rules.as_deref(), claims)
    }

    /// The expected issuers.
    #[must_use]
    pub fn issuers(&self) -> Option<&[Box<str>]> {
        self.issuers.as_deref()
    }

    /// Whether a token's issuer is an expected one (RFC 7519 section 4.1.1), compared as literal strings, or that of an
    /// expected tenant.
    #[must_use]
    pub fn accepts_issuer(&self, issuer: Option<&str>) -> bool {
        let Some(issuers) = self.issuers() else { return true };
        issuer.is_some_and(|issuer| match &self.tenants {
            None => issuers.iter().any(|ours| **ours == *issuer),
            Some(tenants) => tenants.accept_issuer(issuers, issuer),
        })
    }

    /// The expected audiences.
    #[must_use]
    pub fn audiences(&self) -> Option<&[Box<str>]> {
        self.audiences.as_deref()
    }

    /// The expected clients.
    #[must_use]
    pub fn clients(&self) -> Option<&[Box<str>]> {
        self.clients.as_deref()
    }

    /// The scopes that a token must grant.
    #[must_use]
    pub fn required_scopes(&self) -> &[Box<str>] {
        &self.required_scopes
    }

    /// How long past its `exp` a token is accepted, in seconds.
    #[must_use]
    pub fn expiry_leeway(&self) -> f64 {
        self.expiry_leeway
    }

    /// Checks that every required scope is among those granted.
    ///
    /// # Errors
    /// `InsufficientScope` with what is missing.
    pub fn check_scopes(&self, is_granted: impl Fn(&str) -> bool) -> Result<(), Rejection> {
        if self.required_scopes.iter().all(|required| is_granted(required)) {
            return Ok(());
        }
        let missing = self.required_scopes.iter().filter(|required| !is_granted(required)).cloned().collect();
        Err(Rejection::InsufficientScope { missing })
    }
}

fn issued_to<'c>(rules: Option<&ClaimRules>, claims: &'c Claims) -> Option<&'c str> {
    rules.map_or_else(|| claims.issued_to(), |rules| rules.issued_to(claims))
}

fn client_id<'c>(rules: Option<&ClaimRules>, claims: &'c Claims) -> Option<&'c str> {
    issued_to(rules, claims).or_else(|| subject(rules, claims).filter(|text| !text.is_empty()))
}

fn subject<'c>(rules: Option<&ClaimRules>, claims: &'c Claims) -> Option<&'c str> {
    rules.map_or_else(|| claims.subject(), |rules| rules.subject(claims))
}

/// Texts, one of which a token must have.
fn expected(argument: &str, texts: Option<Vec<Box<str>>>) -> Result<Option<Vec<Box<str>>>, ConfigError> {
    let given = texts.as_deref().unwrap_or_default();
    if texts.is_some() && given.is_empty() || given.iter().any(|text| text.trim().is_empty()) {
        return Err(ConfigError::new(format!(
            "{argument} is empty: give the expected {argument}, a list of them, or None to accept any"
        )));
    }
    given.iter().try_for_each(|text| config::check_exact(argument, text))?;
    Ok(texts)
}

/// A `typ` in full: without case, `application/` implied where there is no slash (RFC 7515 section 4.1.9).
fn media_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    if typ.contains('/') { typ } else { format!("application/{typ}") }
}
