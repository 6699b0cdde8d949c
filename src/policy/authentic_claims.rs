//! Claims that a signature or an introspection response makes authentic: the input of the policy.

use std::sync::{Arc, Weak};

use super::derived::Derived;
use crate::jose::jwa::PreparedKey;
use crate::jose::jws::Header;
use crate::jose::jwt::Claims;

/// A claims set that a signature or an introspection response makes authentic. It is not validated yet.
#[derive(Debug)]
pub struct AuthenticClaims {
    /// What makes it authentic.
    pub source: Source,
    /// The issuer that signed or answered, if it is known: the token must be from that issuer (RFC 8725bis section 3.8). If the
    /// policy has issuers, those count instead.
    pub issuer: Option<Arc<str>>,
    /// The claims set.
    pub claims: Claims,
    derived: Derived,
}

impl AuthenticClaims {
    /// Claims with what makes them authentic, and the issuer that signed or answered, if it is known.
    #[must_use]
    pub fn new(source: Source, issuer: Option<Arc<str>>, claims: Claims) -> Self {
        Self { source, issuer, claims, derived: Derived::default() }
    }

    /// A value that was derived from the claims.
    #[must_use]
    pub fn derived(&self) -> &Derived {
        &self.derived
    }

    /// The estimated memory, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let header = match &self.source {
            Source::Signature { header, .. } => header.memory(),
            Source::Introspection { .. } => 0,
        };
        size_of::<Self>() + header + self.claims.memory() + self.derived.memory()
    }

    /// The key id that the header names, where there is one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        match &self.source {
            Source::Signature { header, .. } => header.kid(),
            Source::Introspection { .. } => None,
        }
    }
}

/// What makes a claims set authentic.
#[derive(Debug)]
pub enum Source {
    /// A signature that holds.
    Signature {
        /// Its protected header.
        header: Header,
        /// The key that verified it. The reference is weak, so that cached claims do not keep a key alive; while it exists, no
        /// other key can have the same address.
        key: Weak<PreparedKey>,
        /// The issuer in the key itself, as keys of Microsoft Entra have it.
        key_issuer: Option<Arc<str>>,
    },
    /// The answer of a server that was asked about the token (RFC 7662 section 2.2).
    Introspection {
        /// Whether the answer lacks the type of the token although it is demanded.
        lacks_type: bool,
    },
}
