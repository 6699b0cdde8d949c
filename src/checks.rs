//! The checks that a token meets, in their order, and how others than the verifier follow them.
//!
//! Whoever decides about a token reports each check to a [`Trail`] as it ends. The verifier itself leaves none; an
//! explanation records one. Both come of the same run, so they cannot disagree.

use crate::rejection::Rejection;

/// One check. Their order is that in which a token meets them; the first that fails gives the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The token is not longer than the verifier reads.
    Size,
    /// Three parts in strict base64url (RFC 7515 section 7.1).
    Parts,
    /// The header is a strict JSON object that names an `alg` (RFC 7515 section 4.1.1).
    Header,
    /// The algorithm is a known one.
    Algorithm,
    /// Nothing is demanded that is not understood (RFC 7515 section 4.1.11).
    Extensions,
    /// `kid` and `typ` are texts (RFC 7515 sections 4.1.4 and 4.1.9).
    Parameters,
    /// The algorithm is one that this verifier accepts (RFC 8725bis section 3.1).
    AcceptedAlgorithm,
    /// One key fits the header.
    Key,
    /// The signature fits the key.
    Signature,
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
    /// No proof of possession is needed (RFC 7800 section 3.1).
    Binding,
    /// The scopes (RFC 6750 section 3.1).
    Scope,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Self; 18] = [
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
        Self::Binding,
        Self::Scope,
    ];

    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Parts => "parts",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Extensions => "extensions",
            Self::Parameters => "parameters",
            Self::AcceptedAlgorithm => "accepted_algorithm",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Type => "type",
            Self::Expiry => "expiry",
            Self::NotBefore => "not_before",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Client => "client",
            Self::Binding => "binding",
            Self::Scope => "scope",
        }
    }
}

/// What came and what was expected, as they stand: texts of a token are a stranger's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// What the token says.
    pub got: Vec<Box<str>>,
    /// What is expected; empty where anything will do.
    pub expected: Vec<Box<str>>,
}

impl Comparison {
    /// The comparison of these.
    pub fn new<'a>(got: impl IntoIterator<Item = &'a str>, expected: impl IntoIterator<Item = &'a str>) -> Self {
        Self { got: got.into_iter().map(Box::from).collect(), expected: expected.into_iter().map(Box::from).collect() }
    }
}

/// Follows the checks of one token.
pub trait Trail {
    /// A check ended: it failed for this reason, or passed. One that runs again, under newer keys, takes back whatever
    /// was said from that check on.
    fn ended(&mut self, check: Check, failed: Option<&Rejection>, compared: impl FnOnce() -> Option<Comparison>);

    /// Whether later checks are of interest after one has failed. The decision is made all the same.
    fn goes_on(&self) -> bool {
        false
    }

    /// Checks that one function runs: they all passed, or those before the one that failed.
    fn through<E: Into<Rejection> + Copy>(&mut self, checks: &[Check], failed: Option<(Check, E)>) {
        for &check in checks {
            match failed {
                Some((at, error)) if at == check => return self.ended(check, Some(&error.into()), || None),
                _ => self.ended(check, None, || None),
            }
        }
    }
}

/// No trail, for whoever only wants the decision.
#[derive(Debug, Clone, Copy)]
pub struct Untraced;

impl Trail for Untraced {
    fn ended(&mut self, _: Check, _: Option<&Rejection>, _: impl FnOnce() -> Option<Comparison>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_listed_in_their_order_and_named_apart() {
        assert!(Check::ALL.is_sorted());
        for (i, check) in Check::ALL.iter().enumerate() {
            assert_eq!(*check as usize, i);
            assert!(Check::ALL[..i].iter().all(|other| other.name() != check.name()));
        }
    }
}
