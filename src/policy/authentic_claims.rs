//! What the policy validates: claims that a signature or an introspection response makes authentic.

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
    /// Whose signature or answer that is, where it is known: no other issuer's token can be meant (RFC 8725bis section
    /// 3.8). The policy's issuers, where there are any, stand in its place.
    pub issuer: Option<Arc<str>>,
    /// The claims set.
    pub claims: Claims,
    derived: Derived,
}

impl AuthenticClaims {
    /// Claims that this makes authentic, and whose signature or answer that is, where it is known.
    #[must_use]
    pub fn new(source: Source, issuer: Option<Arc<str>>, claims: Claims) -> Self {
        Self { source, issuer, claims, derived: Derived::default() }
    }

    /// What others derive from them.
    #[must_use]
    pub fn derived(&self) -> &Derived {
        &self.derived
    }

    /// What it takes in memory, in bytes, by estimate.
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
        /// The key under which it holds. Weak, for what is remembered must not keep a key; as long as it is there, no
        /// other key can have its address.
        key: Weak<PreparedKey>,
        /// The issuer that the key itself names, as Microsoft Entra's do.
        key_issuer: Option<Arc<str>>,
    },
    /// The answer of a server that was asked about the token (RFC 7662 section 2.2).
    Introspection {
        /// Whether it does not say of what kind the token is, where it would have to.
        lacks_type: bool,
    },
}
