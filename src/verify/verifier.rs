//! The pipeline that decides about a token: split, select the key, check the signature, validate the claims.
//!
//! The order is part of the contract: the first check that fails gives the reason.
//!
//! 1. size, shape and header (`token_too_large`, `malformed_token`, `unsupported_algorithm`, `critical_header`)
//! 2. the accepted algorithms (`algorithm_not_allowed`)
//! 3. the key (`unknown_key`, `ambiguous_key`); the checks before need no key, so junk causes no fetch
//! 4. the signature (`invalid_signature`); the checks after it are about signed claims
//! 5. the claims, by type (`malformed_claims`), then by policy
//!
//! [`Check`] lists them one by one.

use std::sync::Arc;
use std::task::Poll;

use super::decision::{Decision, RejectedToken};
use super::last_header::LastHeader;
use super::signature::{SignatureRunner, UnverifiedJws, VerifiedSignature};
use super::token_cache::TokenCache;
use crate::jose::json;
use crate::jose::jwt::{Claims, MalformedClaims, NumericDate};
use crate::keys::Algorithms;
use crate::keys::{KeySource, KeyWait, Keys, Miss};
use crate::outcome::check::{Check, NoTrace, Trace};
use crate::outcome::finding::Finding;
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, Overrides, Policy, Source};

/// How many key sets are tried for one token, if each is replaced by a newer one meanwhile.
const MOST_SETS: usize = 4;

/// Checks tokens against a source of keys.
#[derive(Debug)]
pub struct Verifier {
    algorithms: Algorithms,
    keys: Arc<dyn KeySource>,
    cache: Option<TokenCache>,
    runner: SignatureRunner,
    last_header: LastHeader,
}

impl Verifier {
    /// A verifier that accepts these algorithms under the keys of this source.
    #[must_use]
    pub fn new(algorithms: Algorithms, keys: Arc<dyn KeySource>) -> Self {
        Self { algorithms, keys, cache: None, runner: |work| work(), last_header: LastHeader::default() }
    }

    /// This verifier, with a cache of the tokens that it accepted.
    #[must_use]
    pub fn with_cache(self, cache: TokenCache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// This verifier, which runs signature checks by this function.
    #[must_use]
    pub fn with_signature_runner(self, runner: SignatureRunner) -> Self {
        Self { runner, ..self }
    }

    /// The source of its keys.
    #[must_use]
    pub fn key_source(&self) -> &Arc<dyn KeySource> {
        &self.keys
    }

    /// Its cache, if it has one.
    #[must_use]
    pub fn cache(&self) -> Option<&TokenCache> {
        self.cache.as_ref()
    }

    /// The algorithms that are accepted.
    #[must_use]
    pub fn algorithms(&self) -> &Algorithms {
        &self.algorithms
    }

    /// Decides about a token, without waiting. `now` is the time.
    pub fn verify(
        &self,
        token: &[u8],
        policy: &Policy,
        overrides: &dyn Overrides,
        now: NumericDate,
        key_wait: KeyWait,
    ) -> Poll<Decision> {
        let place = self.cache.as_ref().and_then(|cache| cache.place_of(token));
        // `still_verifies` requests keys, but only for a cached token: junk must not cause a fetch.
        if let Some(authentic) = place.and_then(|place| place.get(|authentic| self.still_verifies(authentic))) {
            return Poll::Ready(Decision::about(authentic, policy, overrides, now));
        }
        let jws = match UnverifiedJws::read(token, &self.algorithms, Some(&self.last_header), &mut NoTrace) {
            Ok(jws) => jws,
            Err(rejection) => return unreadable(token, rejection),
        };
        let new_header = jws.new_header;
        let progress = self.verify_read(jws, None, policy, overrides, now, key_wait, &mut NoTrace);
        if let Poll::Ready(Decision::Accepted(verified)) = &progress {
            let authentic = verified.authentic_claims();
            if let (Some(encoded), Source::Signature { header, .. }) = (new_header, &authentic.source) {
                self.last_header.keep(encoded, header);
            }
            if let Some(place) = place {
                place.put(authentic);
            }
        }
        progress
    }

    /// Does the same without the cache, and reports each check.
    pub fn verify_traced(
        &self,
        token: &[u8],
        policy: &Policy,
        overrides: &dyn Overrides,
        now: NumericDate,
        key_wait: KeyWait,
        trace: &mut impl Trace,
    ) -> Poll<Decision> {
        match UnverifiedJws::read(token, &self.algorithms, None, trace) {
            Ok(jws) => self.verify_read(jws, None, policy, overrides, now, key_wait, trace),
            Err(rejection) => unreadable(token, rejection),
        }
    }

    /// Does the same with a token that was read before, and with its claims if they were read before.
    #[allow(clippy::too_many_arguments, reason = "they are those of a verification")]
    #[allow(clippy::inline_always, reason = "moves of a read token cost more than the rest of the call")]
    #[inline(always)]
    pub(super) fn verify_read(
        &self,
        mut jws: UnverifiedJws<'_>,
        claims: Option<Result<Claims, MalformedClaims>>,
        policy: &Policy,
        overrides: &dyn Overrides,
        now: NumericDate,
        key_wait: KeyWait,
        trace: &mut impl Trace,
    ) -> Poll<Decision> {
        let mut finding = None;
        let signature = match self.verify_signature(&jws, key_wait, trace, &mut finding) {
            Ok(signature) => signature,
            Err(undecided) => return undecided,
        };
        let claims = signature.and_then(|signature| {
            let take = if policy.reads_members() { Claims::take_with_members } else { Claims::take };
            let claims = claims.unwrap_or_else(|| take(&mut jws.parts.payload));
            trace.through(&[Check::Claims], claims.as_ref().err().map(|&malformed| (Check::Claims, malformed)));
            Ok((signature, claims?))
        });
        Poll::Ready(match claims {
            Ok((VerifiedSignature { key, key_issuer, issuer }, claims)) => {
                let source = Source::Signature { header: jws.header, key, key_issuer };
                policy
                    .validate_traced(Arc::new(AuthenticClaims::new(source, issuer, claims)), overrides, now, trace)
                    .into()
            }
            Err(rejection) => {
                let kid = jws.header.kid().map(Box::from);
                if let Rejection::MalformedClaims { claim: None } = rejection {
                    finding = json::parse_object(&jws.parts.payload).err().map(Finding::NotClaims);
                }
                Decision::Rejected(Box::new(RejectedToken {
                    rejection,
                    kid,
                    comparison: None,
                    finding,
                    authentic: None,
                }))
            }
        })
    }

    /// Counts the new size of cached claims that have grown.
    pub fn update_size(&self, token: &[u8], authentic: &Arc<AuthenticClaims>) {
        if let Some(place) = self.cache.as_ref().and_then(|cache| cache.place_of(token)) {
            place.put_anew(authentic);
        }
    }

    /// Whether a signature still makes these claims authentic: the source selects the same key for them, and belongs to the same
    /// issuer.
    pub(super) fn still_verifies(&self, authentic: &AuthenticClaims) -> bool {
        let Keys::Snapshot(keys) = self.keys.keys() else { return false };
        let Source::Signature { header, key, .. } = &authentic.source else { return false };
        let selected = keys.keys.select(header.algorithm, header.kid());
        selected.is_ok_and(|selected| std::ptr::eq(key.as_ptr(), Arc::as_ptr(selected)))
            && authentic.issuer.as_deref() == keys.issuer().map(|issuer| &**issuer)
    }

    /// Checks the signature under the current keys. If the key is unknown, or the signature is invalid under the key of that `kid`,
    /// the keys may be old: it is then checked under newer ones.
    ///
    /// # Errors
    /// The inner error is the rejection. The outer one ends the verification without an answer about the signature.
    fn verify_signature(
        &self,
        jws: &UnverifiedJws<'_>,
        key_wait: KeyWait,
        trace: &mut impl Trace,
        finding: &mut Option<Finding>,
    ) -> Result<Result<VerifiedSignature, Rejection>, Poll<Decision>> {
        let unavailable = |why| Poll::Ready(Decision::Unavailable(why));
        let mut keys = match self.keys.keys() {
            Keys::Snapshot(keys) => keys,
            Keys::Pending if key_wait == KeyWait::MayWait => {
                self.keys.key_is_awaited(jws.header.kid());
                return Err(Poll::Pending);
            }
            Keys::Pending => return Err(unavailable(Unavailable::Keys)),
            Keys::Unavailable(why) => return Err(unavailable(why)),
        };
        let kid = jws.header.kid();
        for _ in 0..MOST_SETS {
            let (rejection, miss, is_unknown) = match jws.verify_with(&keys, self.runner, trace) {
                Err(Rejection::UnknownKey) => (Rejection::UnknownKey, Miss::Key(kid), true),
                Err(Rejection::InvalidSignature) => (Rejection::InvalidSignature, Miss::Signature, false),
                signature => return Ok(signature),
            };
            if keys.lacks_keys && is_unknown {
                return Err(unavailable(Unavailable::Keys));
            }
            match self.keys.keys_after_miss(&keys, miss, key_wait) {
                Keys::Snapshot(newer) if !Arc::ptr_eq(&newer, &keys) => keys = newer,
                Keys::Pending => return Err(Poll::Pending),
                Keys::Unavailable(why) if is_unknown => return Err(unavailable(why)),
                Keys::Snapshot(_) | Keys::Unavailable(_) => {
                    let skipped = if is_unknown { keys.keys.skipped_as(kid) } else { None };
                    *finding = skipped.map(|skipped| Finding::SkippedKey(skipped.to_string().into()));
                    return Ok(Err(rejection));
                }
            }
        }
        Err(unavailable(Unavailable::Keys))
    }
}

/// The rejection of a token by its form, header or algorithm.
#[cold]
fn unreadable(token: &[u8], rejection: Rejection) -> Poll<Decision> {
    let finding = if rejection == Rejection::MalformedToken { Finding::of_other_form(token) } else { None };
    Poll::Ready(Decision::Rejected(Box::new(RejectedToken { finding, ..RejectedToken::new(rejection) })))
}
