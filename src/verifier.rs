//! The pipeline that decides about a token: split, select the key, check the signature, judge the claims.
//!
//! The order is part of the contract, since the first check that fails gives the reason:
//!
//! 1. size, shape and header (`token_too_large`, `malformed_token`, `unsupported_algorithm`, `critical_header`)
//! 2. the algorithm list (`algorithm_not_allowed`)
//! 3. the key (`unknown_key`, `ambiguous_key`): nothing before it needs one, so junk costs no key look-up
//! 4. the signature (`invalid_signature`): nothing after it speaks of a token that nobody signed
//! 5. the claims, by type (`malformed_claims`), then by [`crate::policy::CHECKS`]

use std::sync::Arc;

use crate::config::Algorithms;
use crate::jose::jws::{self, Header};
use crate::jose::jwt::{Claims, NumericDate};
use crate::keys::{KeySet, KeySource, Keys};
use crate::policy::{Overrides, Policy, Signed, Verified};
use crate::rejection::{Rejection, Unavailable};

/// What became of a token.
#[derive(Debug)]
pub enum Decision {
    /// Every check ran, and passed.
    Accepted(Box<Verified>),
    /// A check failed.
    Rejected(Box<Refusal>),
    /// Nobody can tell.
    Unavailable(Unavailable),
}

/// A rejected token, with what is known about it.
#[derive(Debug)]
pub struct Refusal {
    /// The reason.
    pub rejection: Rejection,
    /// The token, if its signature holds: until then its claims are a stranger's words.
    pub signed: Option<Signed>,
}

impl From<Rejection> for Decision {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(Refusal { rejection, signed: None }))
    }
}

/// How far a verification came.
#[derive(Debug)]
pub enum Progress {
    /// To its end.
    Decided(Decision),
    /// To the point where it needs keys that are not there yet. Ask again when they are.
    Pending,
}

/// Checks tokens against a source of keys.
#[derive(Debug)]
pub struct Verifier {
    algorithms: Algorithms,
    keys: Arc<dyn KeySource>,
}

impl Verifier {
    /// A verifier that accepts these algorithms under the keys of this source.
    #[must_use]
    pub fn new(algorithms: Algorithms, keys: Arc<dyn KeySource>) -> Self {
        Self { algorithms, keys }
    }

    /// The algorithms that are accepted.
    #[must_use]
    pub fn algorithms(&self) -> &Algorithms {
        &self.algorithms
    }

    /// Decides about a token. The clock is an argument; nothing here waits.
    pub fn verify(&self, token: &[u8], policy: &Policy, overrides: &dyn Overrides, now: NumericDate) -> Progress {
        let unproven = match Unproven::read(token, &self.algorithms) {
            Ok(unproven) => unproven,
            Err(rejection) => return Progress::Decided(rejection.into()),
        };
        let Keys::Snapshot(keys) = self.keys.keys() else { return Progress::Pending };
        let signed =
            unproven.prove(&keys).and_then(|(header, payload)| Ok(Signed { header, claims: Claims::parse(&payload)? }));
        Progress::Decided(match signed {
            Err(rejection) => rejection.into(),
            Ok(signed) => match policy.judge(signed, overrides, now) {
                Ok(verified) => Decision::Accepted(Box::new(verified)),
                Err(refused) => {
                    Decision::Rejected(Box::new(Refusal { rejection: refused.rejection, signed: Some(refused.signed) }))
                }
            },
        })
    }
}

/// Checks the signature of a compact JWS with any payload, and returns the payload.
///
/// # Errors
/// The reason for which the token is rejected.
pub fn verify_jws(token: &[u8], algorithms: &Algorithms, keys: &KeySet) -> Result<Vec<u8>, Rejection> {
    Ok(Unproven::read(token, algorithms)?.prove(keys)?.1)
}

/// A token that passed every check that needs no key.
struct Unproven<'t> {
    parts: jws::Parts<'t>,
    header: Header,
}

impl<'t> Unproven<'t> {
    fn read(token: &'t [u8], algorithms: &Algorithms) -> Result<Self, Rejection> {
        let parts = jws::split(token, jws::MAX_TOKEN_BYTES)?;
        let header = Header::parse(&parts.header)?;
        if !algorithms.contains(header.algorithm) {
            return Err(Rejection::AlgorithmNotAllowed);
        }
        Ok(Self { parts, header })
    }

    fn prove(self, keys: &KeySet) -> Result<(Header, Vec<u8>), Rejection> {
        let key = keys.select(self.header.algorithm, self.header.kid())?;
        if key.verifies(self.parts.signing_input, &self.parts.signature) {
            Ok((self.header, self.parts.payload))
        } else {
            Err(Rejection::InvalidSignature)
        }
    }
}
