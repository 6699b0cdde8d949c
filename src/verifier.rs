//! The pipeline that decides about a token: split, select the key, check the signature, judge the claims.
//!
//! The order is part of the contract, since the first check that fails gives the reason:
//!
//! 1. size, shape and header (`token_too_large`, `malformed_token`, `unsupported_algorithm`, `critical_header`)
//! 2. the algorithm list (`algorithm_not_allowed`)
//! 3. the key (`unknown_key`, `ambiguous_key`): nothing before it needs one, so junk costs no key look-up
//! 4. the signature (`invalid_signature`): nothing after it speaks of a token that nobody signed
//! 5. the claims, by type (`malformed_claims`), then by policy
//!
//! [`Check`] lists them one by one.

use std::sync::Arc;

use crate::cache::ProofCache;
use crate::checks::{Check, Comparison, Trail, Untraced};
use crate::config::Algorithms;
use crate::jose::jwa::{Algorithm, PreparedKey};
use crate::jose::jws::{self, Header, JwsError};
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
    /// For a mismatch, what came and what was expected.
    pub comparison: Option<Comparison>,
    /// The claims, if somebody vouches for them: until then they are a stranger's words.
    pub vouched: Option<Arc<Vouched>>,
}

impl From<Rejection> for Decision {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(Refusal { rejection, kid: None, comparison: None, vouched: None }))
    }
}

impl Decision {
    /// The decision about a claims set, whatever vouches for it.
    #[must_use]
    pub fn about(vouched: Arc<Vouched>, policy: &Policy, overrides: &dyn Overrides, now: NumericDate) -> Self {
        policy.judge(vouched, overrides, now).into()
    }
}

impl From<Result<Verified, Box<Refused>>> for Decision {
    fn from(judged: Result<Verified, Box<Refused>>) -> Self {
        match judged {
            Ok(verified) => Self::Accepted(Box::new(verified)),
            Err(refused) => {
                let Refused { rejection, comparison, vouched } = *refused;
                let kid = vouched.kid().map(Box::from);
                Self::Rejected(Box::new(Refusal { rejection, kid, comparison, vouched: Some(vouched) }))
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
        let progress = self.verify_along(token, policy, overrides, now, patience, &mut Untraced);
        if let (Some(proofs), Progress::Decided(Decision::Accepted(verified))) = (&self.proofs, &progress) {
            proofs.remember(token, verified.vouched());
        }
        progress
    }

    /// Does the same, and reports each check. What is remembered neither helps nor grows.
    pub fn verify_along(
        &self,
        token: &[u8],
        policy: &Policy,
        overrides: &dyn Overrides,
        now: NumericDate,
        patience: Patience,
        trail: &mut impl Trail,
    ) -> Progress {
        let unproven = match Unproven::read(token, &self.algorithms, trail) {
            Ok(unproven) => unproven,
            Err(rejection) => return Progress::Decided(rejection.into()),
        };
        let proof = match self.prove(&unproven, patience, trail) {
            Ok(proof) => proof,
            Err(undecided) => return undecided,
        };
        let claims = proof.and_then(|proof| {
            let claims = Claims::parse(&unproven.parts.payload);
            trail.through(&[Check::Claims], claims.as_ref().err().map(|&malformed| (Check::Claims, malformed)));
            Ok((proof, claims?))
        });
        Progress::Decided(match claims {
            Ok((Proof { key, issuer }, claims)) => {
                let by = Voucher::Signature { header: unproven.header, key: Arc::downgrade(&key) };
                policy.judge_along(Arc::new(Vouched { by, issuer, claims }), overrides, now, trail).into()
            }
            Err(rejection) => {
                let kid = unproven.header.kid().map(Box::from);
                Decision::Rejected(Box::new(Refusal { rejection, kid, comparison: None, vouched: None }))
            }
        })
    }

    /// What vouches for a token that was accepted before, if its key is still the one and belongs to the same issuer.
    fn recall(&self, token: &[u8]) -> Option<Arc<Vouched>> {
        // Keys are asked for only where the token is known: junk must not make anybody fetch them.
        self.proofs.as_ref()?.recall(token, |vouched| {
            let Keys::Snapshot(keys) = self.keys.keys() else { return false };
            let Voucher::Signature { header, key } = &vouched.by else { return false };
            let selected = keys.select(header.algorithm, header.kid());
            selected.is_ok_and(|selected| std::ptr::eq(key.as_ptr(), Arc::as_ptr(selected)))
                && vouched.issuer.as_deref() == issuer_of(&keys).as_deref()
        })
    }

    /// Checks the signature under the keys at hand, or under newer ones where it shows that those may be old: the key is
    /// unknown, or another one stands under its name. The outer error is progress that stops short of an answer.
    fn prove(
        &self,
        unproven: &Unproven<'_>,
        patience: Patience,
        trail: &mut impl Trail,
    ) -> Result<Result<Proof, Rejection>, Progress> {
        let unavailable = |why| Progress::Decided(Decision::Unavailable(why));
        let keys = match self.keys.keys() {
            Keys::Snapshot(keys) => keys,
            Keys::Pending if patience == Patience::MayWait => return Err(Progress::Pending),
            Keys::Pending => return Err(unavailable(Unavailable::Keys)),
            Keys::Unavailable(why) => return Err(unavailable(why)),
        };
        let rejection = match unproven.prove(&keys, self.heavy, trail) {
            Err(rejection @ (Rejection::UnknownKey | Rejection::InvalidSignature)) => rejection,
            proof => return Ok(proof),
        };
        match self.keys.keys_after_miss(&keys, patience) {
            Keys::Snapshot(newer) if !Arc::ptr_eq(&newer, &keys) => Ok(unproven.prove(&newer, self.heavy, trail)),
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
    let unproven = Unproven::read(token, algorithms, &mut Untraced)?;
    unproven.prove(keys, |work| work(), &mut Untraced)?;
    Ok(unproven.parts.payload)
}

/// Checks the signature of a JWT and reads its claims by type. Judges none of them: neither times nor issuer nor audience.
///
/// # Errors
/// The reason for which the token is rejected.
pub fn verify_jwt(token: &[u8], algorithms: &Algorithms, keys: &KeySet) -> Result<(Header, Claims), Rejection> {
    let unproven = Unproven::read(token, algorithms, &mut Untraced)?;
    unproven.prove(keys, |work| work(), &mut Untraced)?;
    let claims = Claims::parse(&unproven.parts.payload)?;
    Ok((unproven.header, claims))
}

/// A token that passed every check that needs no key.
struct Unproven<'t> {
    parts: jws::Parts<'t>,
    header: Header,
}

impl<'t> Unproven<'t> {
    fn read(token: &'t [u8], algorithms: &Algorithms, trail: &mut impl Trail) -> Result<Self, Rejection> {
        let parts = jws::split(token, jws::MAX_TOKEN_BYTES);
        trail.through(&[Check::Size, Check::Parts], parts.as_ref().err().copied().map(at));
        let parts = parts?;
        let header = Header::parse(&parts.header);
        let of_header = [Check::Header, Check::Algorithm, Check::Extensions, Check::Parameters];
        trail.through(&of_header, header.as_ref().err().copied().map(at));
        let header = header?;
        let accepted = if algorithms.contains(header.algorithm) { Ok(()) } else { Err(Rejection::AlgorithmNotAllowed) };
        trail.ended(Check::AcceptedAlgorithm, accepted.as_ref().err(), || {
            Some(Comparison::new([header.algorithm.name()], algorithms.iter().map(Algorithm::name)))
        });
        accepted.map(|()| Self { parts, header })
    }

    fn prove(&self, keys: &KeySet, heavy: Heavy, trail: &mut impl Trail) -> Result<Proof, Rejection> {
        let key = keys.select(self.header.algorithm, self.header.kid());
        trail.ended(Check::Key, key.as_ref().err(), || Some(Comparison::new(self.header.kid(), keys.kids())));
        let key = key?;
        let mut verifies = false;
        heavy(&mut || verifies = key.verifies(self.parts.signing_input, &self.parts.signature));
        let proof = if verifies { Ok(()) } else { Err(Rejection::InvalidSignature) };
        trail.ended(Check::Signature, proof.as_ref().err(), || None);
        proof.map(|()| Proof { key: Arc::clone(key), issuer: issuer_of(keys) })
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

/// The check that finds an error of the form.
fn at(error: JwsError) -> (Check, JwsError) {
    let check = match error {
        JwsError::TooLarge => Check::Size,
        JwsError::Parts => Check::Parts,
        JwsError::Header => Check::Header,
        JwsError::UnsupportedAlgorithm => Check::Algorithm,
        JwsError::Critical => Check::Extensions,
        JwsError::Parameter => Check::Parameters,
    };
    (check, error)
}
