//! The checks of a token in their order, and the trace that follows them.
//!
//! A verifier reports the end of each check to a [`Trace`]. A decision uses [`NoTrace`]; an explanation records every report. Both
//! run the same code, so they cannot disagree.

use crate::jose::jws;
use crate::outcome::rejection::Rejection;

/// One check, in the order in which they run. The first that fails gives the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The token is not longer than the verifier reads.
    Size,
    /// The syntax of a bearer token (RFC 6750 section 2.1), before a server is asked about it.
    Syntax,
    /// Three parts in strict base64url (RFC 7515 section 7.1).
    Parts,
    /// The header is a strict JSON object that names an `alg` (RFC 7515 section 4.1.1).
    Header,
    /// The algorithm is a known one.
    Algorithm,
    /// The header demands no unknown extension (RFC 7515 section 4.1.11).
    Extensions,
    /// `kid` and `typ` are texts (RFC 7515 sections 4.1.4 and 4.1.9).
    Parameters,
    /// The algorithm is one that this verifier accepts (RFC 8725bis section 3.1).
    AcceptedAlgorithm,
    /// One key fits the header.
    Key,
    /// The signature fits the key.
    Signature,
    /// The asked server knows the token (RFC 7662 section 2.2).
    Introspection,
    /// The payload is a strict JSON object whose registered claims have the right types (RFC 7519 section 4).
    Claims,
    /// The token is of the required type (RFC 8725bis section 3.11).
    Type,
    /// `exp` (RFC 7519 section 4.1.4).
    Expiry,
    /// `nbf` (RFC 7519 section 4.1.5).
    NotBefore,
    /// `iss` (RFC 7519 section 4.1.1).
    Issuer,
    /// `aud` (RFC 7519 section 4.1.3).
    Audience,
    /// The client that the token was issued to (RFC 9068 section 2.2).
    Client,
    /// The operator's rules about further claims.
    ClaimRules,
    /// No proof of possession is needed (RFC 7800 section 3.1).
    Binding,
    /// No deny list names the token.
    Denylist,
    /// The scopes (RFC 6750 section 3.1).
    Scope,
}

impl Check {
    /// The checks of a JWT, in order.
    pub const OF_JWT: [Self; 20] = [
        Self::Size,
        Self::Parts,
        Self::Header,
        Self::Algorithm,
        Self::Extensions,
        Self::Parameters,
        Self::AcceptedAlgorithm,
        Self::Key,
        Self::Signature,
        Self::Claims,
        Self::Type,
        Self::Expiry,
        Self::NotBefore,
        Self::Issuer,
        Self::Audience,
        Self::Client,
        Self::ClaimRules,
        Self::Binding,
        Self::Denylist,
        Self::Scope,
    ];

    /// The checks of a token that a server is asked about, in order.
    pub const OF_INTROSPECTED_TOKEN: [Self; 14] = [
        Self::Size,
        Self::Syntax,
        Self::Introspection,
        Self::Claims,
        Self::Type,
        Self::Expiry,
        Self::NotBefore,
        Self::Issuer,
        Self::Audience,
        Self::Client,
        Self::ClaimRules,
        Self::Binding,
        Self::Denylist,
        Self::Scope,
    ];

    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Syntax => "syntax",
            Self::Parts => "parts",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Extensions => "extensions",
            Self::Parameters => "parameters",
            Self::AcceptedAlgorithm => "accepted_algorithm",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Introspection => "introspection",
            Self::Claims => "claims",
            Self::Type => "type",
            Self::Expiry => "expiry",
            Self::NotBefore => "not_before",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Client => "client",
            Self::ClaimRules => "claim_rules",
            Self::Binding => "binding",
            Self::Denylist => "denylist",
            Self::Scope => "scope",
        }
    }
}

/// What came and what was expected, unchanged: texts of a token are untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// What the token says.
    pub got: Vec<Box<str>>,
    /// What is expected; empty if anything is.
    pub expected: Vec<Box<str>>,
}

impl Comparison {
    /// The comparison of these.
    pub fn new<'a>(got: impl IntoIterator<Item = &'a str>, expected: impl IntoIterator<Item = &'a str>) -> Self {
        Self { got: got.into_iter().map(Box::from).collect(), expected: expected.into_iter().map(Box::from).collect() }
    }
}

/// Follows the checks of one token.
pub trait Trace {
    /// A check ended: it failed for this reason, or passed. A check that runs again, under newer keys, replaces all reports from that
    /// check on.
    fn ended(&mut self, check: Check, failed: Option<&Rejection>, compared: impl FnOnce() -> Option<Comparison>);

    /// The key that the token names is published and cannot be used, for this reason.
    fn key_was_skipped(&mut self, _why: impl FnOnce() -> String) {}

    /// The token was split into its parts.
    fn split(&mut self, _parts: &jws::Parts<'_>) {}

    /// Whether later checks should run after one has failed. The decision does not depend on it.
    fn continue_after_failure(&self) -> bool {
        false
    }

    /// Reports several checks that one function runs: all of them passed, or those before the one that failed.
    fn through<E: Into<Rejection> + Copy>(&mut self, checks: &[Check], failed: Option<(Check, E)>) {
        for &check in checks {
            match failed {
                Some((at, error)) if at == check => return self.ended(check, Some(&error.into()), || None),
                _ => self.ended(check, None, || None),
            }
        }
    }
}

/// No trace, for a caller that wants only the decision.
#[derive(Debug, Clone, Copy)]
pub struct NoTrace;

impl Trace for NoTrace {
    fn ended(&mut self, _: Check, _: Option<&Rejection>, _: impl FnOnce() -> Option<Comparison>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_listed_in_their_order_and_named_apart() {
        assert!(Check::OF_JWT.is_sorted() && Check::OF_INTROSPECTED_TOKEN.is_sorted());
        for checks in [&Check::OF_JWT[..], &Check::OF_INTROSPECTED_TOKEN] {
            for (i, check) in checks.iter().enumerate() {
                assert!(Check::OF_JWT.iter().filter(|other| *other != check).all(|other| other.name() != check.name()));
                assert!(checks[..i].iter().all(|other| other.name() != check.name()));
            }
        }
    }
}
