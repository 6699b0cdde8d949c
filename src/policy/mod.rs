//! The policy stage: what a token whose signature holds must also satisfy.
//!
//! It depends on time and configuration, so its outcome is never remembered. Here is what an operator demands; how it is
//! checked is in `judging`.

mod judging;
#[cfg(test)]
mod tests;
mod vouched;

use crate::config::{self, ConfigError};
use crate::rejection::Rejection;

pub use judging::{CustomCheckFailed, Overrides, Plain, Refused, Verified};
pub use vouched::{Vouched, Voucher};

/// How long after its `nbf` a token may still be early, in seconds, unless `leeway` says otherwise.
const DEFAULT_NOT_BEFORE_LEEWAY: f64 = 30.0;
/// The widest leeway, in seconds.
const MAX_LEEWAY: f64 = 600.0;

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
    allow_bound_tokens: bool,
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
            allow_bound_tokens: false,
        }
    }
}

impl Policy {
    /// This policy, with these issuers: literal strings, one of which `iss` must be. `None` accepts any.
    ///
    /// # Errors
    /// An empty list or text, which looks like a check and would be none; or a text that no token could have, because it
    /// has a space at an end, a character that nobody sees, or more bytes than a token.
    pub fn with_issuers(self, issuers: Option<Vec<Box<str>>>) -> Result<Self, ConfigError> {
        Ok(Self { issuers: expected("issuer", issuers)?, ..self })
    }

    /// This policy, with these audiences: literal strings, one of which `aud` must name. `None` accepts any.
    ///
    /// # Errors
    /// As of `with_issuers`.
    pub fn with_audiences(self, audiences: Option<Vec<Box<str>>>) -> Result<Self, ConfigError> {
        Ok(Self { audiences: expected("audience", audiences)?, ..self })
    }

    /// This policy, with these clients: literal strings, one of which the token must have been issued to. `None` accepts
    /// any.
    ///
    /// # Errors
    /// As of `with_issuers`.
    pub fn with_clients(self, clients: Option<Vec<Box<str>>>) -> Result<Self, ConfigError> {
        Ok(Self { clients: expected("client_id", clients)?, ..self })
    }

    /// This policy, with these scopes, all of which the token must grant. An empty list demands none.
    ///
    /// # Errors
    /// A scope that no token could grant, as of `check_scopes_can_be_granted`.
    pub fn with_required_scopes(self, required_scopes: Vec<Box<str>>) -> Result<Self, ConfigError> {
        check_scopes_can_be_granted("required_scopes", &required_scopes)?;
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

    /// This policy, accepting tokens that are bound to a proof of possession, or not.
    #[must_use]
    pub fn with_bound_tokens(self, allow_bound_tokens: bool) -> Self {
        Self { allow_bound_tokens, ..self }
    }

    /// The expected issuers.
    #[must_use]
    pub fn issuers(&self) -> Option<&[Box<str>]> {
        self.issuers.as_deref()
    }

    /// Whether a token's issuer is an expected one (RFC 7519 section 4.1.1), compared as literal strings.
    #[must_use]
    pub fn accepts_issuer(&self, issuer: Option<&str>) -> bool {
        self.issuers().is_none_or(|issuers| issuer.is_some_and(|issuer| issuers.iter().any(|ours| **ours == *issuer)))
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
    pub fn check_scopes(&self, granted: &[impl AsRef<str>]) -> Result<(), Rejection> {
        let is_granted = |required: &str| granted.iter().any(|scope| scope.as_ref() == required);
        let missing: Vec<Box<str>> =
            self.required_scopes.iter().filter(|required| !is_granted(required)).cloned().collect();
        if missing.is_empty() { Ok(()) } else { Err(Rejection::InsufficientScope { missing }) }
    }
}

/// Checks scopes that tokens are to grant. `argument` is what the operator calls them.
///
/// # Errors
/// One of them is empty, or holds a space or a character that nobody sees (RFC 6749 section 3.3).
pub fn check_scopes_can_be_granted(argument: &str, scopes: &[Box<str>]) -> Result<(), ConfigError> {
    if scopes.iter().any(|scope| scope.is_empty() || scope.contains(char::is_whitespace)) {
        return Err(ConfigError::new(format!(
            "{argument} holds an empty scope or one with a space: give a list with one scope an item"
        )));
    }
    scopes.iter().try_for_each(|scope| config::check_visible(argument, scope))
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
