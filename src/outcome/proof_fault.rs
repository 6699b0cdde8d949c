//! What is wrong with a `DPoP` proof (RFC 9449 section 4.3).

use std::fmt;

/// What is wrong with a proof of possession. Codes are part of the public contract, like those of `Rejection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofFault {
    /// The request has no proof.
    Missing,
    /// It is not exactly one JWT of the type `dpop+jwt` with the required members.
    Malformed,
    /// Its algorithm is not an accepted one.
    Algorithm,
    /// Its `jwk` is not a sound public key for the algorithm.
    Key,
    /// Its key is not the one that the token is bound to.
    Binding,
    /// `ath` is not the digest of the token.
    TokenHash,
    /// `htm` is not the method of the request.
    Method,
    /// `htu` is not the URL of the request.
    Url,
    /// `iat` is too long ago.
    Expired,
    /// `iat` lies too far in the future.
    Future,
    /// `nonce` is not a recent one of this server.
    Nonce,
    /// The signature does not fit the key.
    Signature,
    /// The same proof was accepted before.
    Replayed,
}

impl ProofFault {
    /// Every fault, in the order in which the checks run.
    pub const ALL: [Self; 13] = [
        Self::Missing,
        Self::Malformed,
        Self::Algorithm,
        Self::Key,
        Self::Binding,
        Self::TokenHash,
        Self::Method,
        Self::Url,
        Self::Expired,
        Self::Future,
        Self::Nonce,
        Self::Signature,
        Self::Replayed,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "dpop_proof_missing",
            Self::Malformed => "dpop_proof_malformed",
            Self::Algorithm => "dpop_algorithm_not_allowed",
            Self::Key => "dpop_key_unusable",
            Self::Binding => "dpop_key_mismatch",
            Self::TokenHash => "dpop_token_hash_mismatch",
            Self::Method => "dpop_method_mismatch",
            Self::Url => "dpop_url_mismatch",
            Self::Expired => "dpop_proof_expired",
            Self::Future => "dpop_proof_in_future",
            Self::Nonce => "dpop_nonce_mismatch",
            Self::Signature => "dpop_signature_invalid",
            Self::Replayed => "dpop_proof_replayed",
        }
    }
}

impl fmt::Display for ProofFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the DPoP proof is missing",
            Self::Malformed => "the DPoP proof is malformed",
            Self::Algorithm => "the algorithm of the DPoP proof is not accepted here",
            Self::Key => "the key of the DPoP proof is no sound public key for its algorithm",
            Self::Binding => "the DPoP proof is made with another key than the one that the token is bound to",
            Self::TokenHash => "the DPoP proof is made for another token",
            Self::Method => "the DPoP proof is made for another method",
            Self::Url => "the DPoP proof is made for another URL",
            Self::Expired => "the DPoP proof is too old",
            Self::Future => "the DPoP proof was made in the future",
            Self::Nonce => "the DPoP proof has no nonce of this server, or an old one",
            Self::Signature => "the signature of the DPoP proof is invalid",
            Self::Replayed => "the DPoP proof was used before",
        })
    }
}
