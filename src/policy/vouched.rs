//! What the policy judges: claims that somebody vouches for.

use std::sync::{Arc, Weak};

use crate::jose::jwa::PreparedKey;
use crate::jose::jws::Header;
use crate::jose::jwt::Claims;

/// A claims set that somebody vouches for. Nothing is said yet about the claims.
#[derive(Debug)]
pub struct Vouched {
    /// What vouches for it.
    pub by: Voucher,
    /// Whose signature or answer that is, where it is known: no other issuer's token can be meant (RFC 8725bis section
    /// 3.8). The policy's issuers, where there are any, stand in its place.
    pub issuer: Option<Arc<str>>,
    /// The claims set.
    pub claims: Claims,
}

impl Vouched {
    /// What it takes in memory, in bytes, by estimate.
    #[must_use]
    pub fn memory(&self) -> usize {
        let header = match &self.by {
            Voucher::Signature { header, .. } => header.parameters().memory(),
            Voucher::Answer => 0,
        };
        size_of::<Self>() + header + self.claims.object().memory()
    }

    /// The key id that the header names, where there is one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        match &self.by {
            Voucher::Signature { header, .. } => header.kid(),
            Voucher::Answer => None,
        }
    }
}

/// What vouches for a claims set.
#[derive(Debug)]
pub enum Voucher {
    /// A signature that holds.
    Signature {
        /// Its protected header.
        header: Header,
        /// The key under which it holds. Weak, for what is remembered must not keep a key; as long as it is there, no
        /// other key can have its address.
        key: Weak<PreparedKey>,
    },
    /// The answer of a server that was asked about the token (RFC 7662 section 2.2).
    Answer,
}
