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

use crate::cache::ProofCache;
use crate::config::Algorithms;
use crate::jose::jwa::PreparedKey;
use crate::jose::jws::{self, Header};
use crate::jose::jwt::{Claims, NumericDate};
use crate::keys::{KeySet, KeySource, Keys, Patience};
use crate::policy::{Overrides, Policy, Refused, Verified, Vouched, Voucher};
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
    /// The key id that its header names, if the header could be read: a stranger's word.
    pub kid: Option<Box<str>>,
    /// The claims, if somebody vouches for them: until then they are a stranger's words.
    pub vouched: Option<Arc<Vouched>>,
}

impl From<Rejection> for Decision {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(Refusal { rejection, kid: None, vouched: None }))
    }
}

impl Decision {
    /// The decision about a claims set, whatever vouches for it.
    #[must_use]
    pub fn about(vouched: Arc<Vouched>, policy: &Policy, overrides: &dyn Overrides, now: NumericDate) -> Self {
        match policy.judge(vouched, overrides, now) {
            Ok(verified) => Self::Accepted(Box::new(verified)),
            Err(refused) => {
                let Refused { rejection, vouched } = *refused;
                let kid = vouched.kid().map(Box::from);
                Self::Rejected(Box::new(Refusal { rejection, kid, vouched: Some(vouched) }))
            }
        }
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
    proofs: Option<ProofCache>,
    heavy: Heavy,
}

/// How to do the one step that takes long, the mathematics of a signature: at once, or in whatever way lets others work
/// meanwhile.
pub type Heavy = fn(&mut (dyn FnMut() + Send));

impl Verifier {
    /// A verifier that accepts these algorithms under the keys of this source.
    #[must_use]
    pub fn new(algorithms: Algorithms, keys: Arc<dyn KeySource>) -> Self {
        Self { algorithms, keys, proofs: None, heavy: |work| work() }
    }

    /// This verifier, remembering what it accepted.
    #[must_use]
    pub fn with_cache(self, proofs: ProofCache) -> Self {
        Self { proofs: Some(proofs), ..self }
    }

    /// This verifier, doing the heavy step in this way.
    #[must_use]
    pub fn with_heavy(self, heavy: Heavy) -> Self {
        Self { heavy, ..self }
    }

    /// What it remembers, where it does.
    #[must_use]
    pub fn cache(&self) -> Option<&ProofCache> {
        self.proofs.as_ref()
    }

    /// The algorithms that are accepted.
    #[must_use]
    pub fn algorithms(&self) -> &Algorithms {
        &self.algorithms
    }

    /// Decides about a token. The clock is an argument; nothing here waits.
    pub fn verify(
        &self,
        token: &[u8],
        policy: &Policy,
        overrides: &dyn Overrides,
        now: NumericDate,
        patience: Patience,
    ) -> Progress {
        if let Some(vouched) = self.recall(token) {
            return Progress::Decided(Decision::about(vouched, policy, overrides, now));
        }
        let unproven = match Unproven::read(token, &self.algorithms) {
            Ok(unproven) => unproven,
            Err(rejection) => return Progress::Decided(rejection.into()),
        };
        let proof = match self.prove(&unproven, patience) {
            Ok(proof) => proof,
            Err(undecided) => return undecided,
        };
        let claims = proof.and_then(|proof| Ok((proof, Claims::parse(&unproven.parts.payload)?)));
        Progress::Decided(match claims {
            Ok((Proof { key, issuer }, claims)) => {
                let vouched = Vouched { by: Voucher::Signature(unproven.header), issuer, claims };
                let decision = Decision::about(Arc::new(vouched), policy, overrides, now);
                if let (Some(proofs), Decision::Accepted(verified)) = (&self.proofs, &decision) {
                    proofs.remember(token, &key, verified.vouched());
                }
                decision
            }
            Err(rejection) => {
                let kid = unproven.header.kid().map(Box::from);
                Decision::Rejected(Box::new(Refusal { rejection, kid, vouched: None }))
            }
        })
    }

    /// What vouches for a token that was accepted before, if its key is still the one and belongs to the same issuer.
    fn recall(&self, token: &[u8]) -> Option<Arc<Vouched>> {
        // Keys are asked for only where the token is known: junk must not make anybody fetch them.
        self.proofs.as_ref()?.recall(token, |proof| {
            let Keys::Snapshot(keys) = self.keys.keys() else { return false };
            let Voucher::Signature(header) = &proof.vouched.by else { return false };
            let key = keys.select(header.algorithm, header.kid());
            key.is_ok_and(|key| proof.is_under(key)) && proof.vouched.issuer.as_deref() == issuer_of(&keys).as_deref()
        })
    }

    /// Checks the signature under the keys at hand, or under newer ones where it shows that those may be old: the key is
    /// unknown, or another one stands under its name. The outer error is progress that stops short of an answer.
    fn prove(&self, unproven: &Unproven<'_>, patience: Patience) -> Result<Result<Proof, Rejection>, Progress> {
        let unavailable = |why| Progress::Decided(Decision::Unavailable(why));
        let keys = match self.keys.keys() {
            Keys::Snapshot(keys) => keys,
            Keys::Pending if patience == Patience::MayWait => return Err(Progress::Pending),
            Keys::Pending => return Err(unavailable(Unavailable::Keys)),
            Keys::Unavailable(why) => return Err(unavailable(why)),
        };
        let rejection = match unproven.prove(&keys, self.heavy) {
            Err(rejection @ (Rejection::UnknownKey | Rejection::InvalidSignature)) => rejection,
            proof => return Ok(proof),
        };
        match self.keys.keys_after_miss(&keys, patience) {
            Keys::Snapshot(newer) if !Arc::ptr_eq(&newer, &keys) => Ok(unproven.prove(&newer, self.heavy)),
            Keys::Pending => Err(Progress::Pending),
            Keys::Unavailable(why) if rejection == Rejection::UnknownKey => Err(unavailable(why)),
            Keys::Snapshot(_) | Keys::Unavailable(_) => Ok(Err(rejection)),
        }
    }
}

/// Checks the signature of a compact JWS with any payload, and returns the payload.
///
/// # Errors
/// The reason for which the token is rejected.
pub fn verify_jws(token: &[u8], algorithms: &Algorithms, keys: &KeySet) -> Result<Vec<u8>, Rejection> {
    let unproven = Unproven::read(token, algorithms)?;
    unproven.prove(keys, |work| work())?;
    Ok(unproven.parts.payload)
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

    fn prove(&self, keys: &KeySet, heavy: Heavy) -> Result<Proof, Rejection> {
        let key = keys.select(self.header.algorithm, self.header.kid())?;
        let mut verifies = false;
        heavy(&mut || verifies = key.verifies(self.parts.signing_input, &self.parts.signature));
        if verifies {
            Ok(Proof { key: Arc::clone(key), issuer: issuer_of(keys) })
        } else {
            Err(Rejection::InvalidSignature)
        }
    }
}

/// A signature that holds: under this key, which belongs to this issuer where that is known.
struct Proof {
    key: Arc<PreparedKey>,
    issuer: Option<Arc<str>>,
}

fn issuer_of(keys: &KeySet) -> Option<Arc<str>> {
    keys.server().map(|server| Arc::clone(&server.issuer))
}
