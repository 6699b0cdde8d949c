//! Checks the signature of a JWS: first what needs no key, then the choice of the key, then the signature.

use std::sync::{Arc, Weak};

use super::last_header::LastHeader;
use crate::jose::jwa::{Algorithm, PreparedKey};
use crate::jose::jws::{self, Header, JwsError};
use crate::jose::jwt::Claims;
use crate::keys::{Algorithms, KeySet, KeySnapshot};
use crate::outcome::check::{Check, Comparison, NoTrace, Trace};
use crate::outcome::rejection::Rejection;
use crate::policy::{AuthenticClaims, Source};

/// Runs the one step that takes long, the mathematics of a signature: directly, or so that other threads can run meanwhile.
pub type SignatureRunner = fn(&mut (dyn FnMut() + Send));

/// Checks the signature of a compact JWS with any payload, and returns the payload.
///
/// # Errors
/// The reason for which the token is rejected.
pub fn verify_jws(token: &[u8], algorithms: &Algorithms, keys: &KeySet) -> Result<Vec<u8>, Rejection> {
    let jws = UnverifiedJws::read(token, algorithms, None, &mut NoTrace)?;
    jws.verify_signature(keys, |work| work(), &mut NoTrace)?;
    Ok(jws.parts.payload)
}

/// Checks the signature of a JWT and reads its claims by type. It validates no claim: no time, no issuer, no audience.
///
/// # Errors
/// The reason for which the token is rejected.
pub fn verify_jwt(token: &[u8], algorithms: &Algorithms, keys: &KeySet) -> Result<AuthenticClaims, Rejection> {
    let mut jws = UnverifiedJws::read(token, algorithms, None, &mut NoTrace)?;
    let key = jws.verify_signature(keys, |work| work(), &mut NoTrace)?;
    let claims = Claims::take(&mut jws.parts.payload)?;
    let source = Source::Signature { header: jws.header, key: Arc::downgrade(key), key_issuer: None };
    Ok(AuthenticClaims::new(source, None, claims))
}

/// A token that passed every check that needs no key.
pub(super) struct UnverifiedJws<'t> {
    pub(super) parts: jws::Parts<'t>,
    pub(super) header: Header,
    /// The encoded header, unless it is the one that was read last.
    pub(super) new_header: Option<&'t [u8]>,
}

impl<'t> UnverifiedJws<'t> {
    #[inline]
    pub(super) fn read(
        token: &'t [u8],
        algorithms: &Algorithms,
        last: Option<&LastHeader>,
        trace: &mut impl Trace,
    ) -> Result<Self, Rejection> {
        let jws = Self::parse(token, last, trace)?;
        jws.check_algorithm(algorithms, trace)?;
        Ok(jws)
    }

    /// Reads a token before its verifier, and so the accepted algorithms, are known. With `last`, the trace gets no header that was
    /// read before.
    #[allow(clippy::inline_always, reason = "moves of a read token cost more than the rest of the call")]
    #[inline(always)]
    pub(super) fn parse(token: &'t [u8], last: Option<&LastHeader>, trace: &mut impl Trace) -> Result<Self, Rejection> {
        let (mut known, mut new_header) = (None, None);
        let parts = jws::split_encoded(token, jws::MAX_TOKEN_BYTES).and_then(|encoded| {
            known = last.and_then(|last| last.find(encoded.header));
            new_header = Some(encoded.header).filter(|_| known.is_none());
            encoded.decode(known.is_some())
        });
        trace.through(&[Check::Size, Check::Parts], parts.as_ref().err().copied().map(at));
        let mut parts = parts?;
        trace.split(&parts);
        let header = known.map_or_else(|| Header::take(std::mem::take(&mut parts.header)), Ok);
        let of_header = [Check::Header, Check::Algorithm, Check::Extensions, Check::Parameters];
        trace.through(&of_header, header.as_ref().err().copied().map(at));
        Ok(Self { parts, header: header?, new_header })
    }

    pub(super) fn check_algorithm(&self, algorithms: &Algorithms, trace: &mut impl Trace) -> Result<(), Rejection> {
        let algorithm = self.header.algorithm;
        let accepted = if algorithms.contains(algorithm) { Ok(()) } else { Err(Rejection::AlgorithmNotAllowed) };
        trace.ended(Check::AcceptedAlgorithm, accepted.as_ref().err(), || {
            Some(Comparison::new([algorithm.name()], algorithms.iter().map(Algorithm::name)))
        });
        accepted
    }

    /// Selects the key of this set that fits the header, and checks the signature under it.
    pub(super) fn verify_signature<'k>(
        &self,
        keys: &'k KeySet,
        runner: SignatureRunner,
        trace: &mut impl Trace,
    ) -> Result<&'k Arc<PreparedKey>, Rejection> {
        let key = keys.select(self.header.algorithm, self.header.kid());
        if let (Err(_), Some(skipped)) = (&key, keys.skipped_as(self.header.kid())) {
            trace.key_was_skipped(|| skipped.to_string());
        }
        trace.ended(Check::Key, key.as_ref().err(), || Some(Comparison::new(self.header.kid(), keys.kids())));
        let key = key?;
        let mut verifies = false;
        runner(&mut || verifies = key.verifies(self.parts.signing_input, &self.parts.signature));
        let signature = if verifies { Ok(()) } else { Err(Rejection::InvalidSignature) };
        trace.ended(Check::Signature, signature.as_ref().err(), || None);
        signature.map(|()| key)
    }

    /// Does the same with the current keys of a source, which may belong to an issuer.
    #[inline]
    pub(super) fn verify_with(
        &self,
        keys: &KeySnapshot,
        runner: SignatureRunner,
        trace: &mut impl Trace,
    ) -> Result<VerifiedSignature, Rejection> {
        let key = self.verify_signature(&keys.keys, runner, trace)?;
        let key_issuer = keys.keys.issuer_of(key).cloned();
        Ok(VerifiedSignature { key: Arc::downgrade(key), key_issuer, issuer: keys.issuer().cloned() })
    }
}

/// A valid signature, and the key that it is valid under.
pub(super) struct VerifiedSignature {
    pub(super) key: Weak<PreparedKey>,
    /// The issuer that the key itself names.
    pub(super) key_issuer: Option<Arc<str>>,
    /// The issuer that all keys of the source belong to.
    pub(super) issuer: Option<Arc<str>>,
}

/// The check that finds this error.
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
