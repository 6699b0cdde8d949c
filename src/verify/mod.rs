//! Decides about a token: the signature, then the policy; with what was verified before, and with listed tokens.

mod decision;
mod fingerprint;
mod issuers;
mod last_header;
mod seen_once;
mod signature;
mod static_tokens;
mod token_cache;
mod verifier;

pub use decision::{Decision, RejectedToken};
pub use issuers::{IssuerDecision, Issuers, PolicySource, TrustedIssuer};
pub use signature::{SignatureRunner, verify_jws, verify_jwt};
pub use static_tokens::{StaticToken, StaticTokens};
pub use token_cache::{CachePlace, TokenCache, TokenCacheCounts};
pub use verifier::Verifier;
