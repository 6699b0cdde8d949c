//! The reasons for which there is no decision about a token, neither yes nor no.

use std::fmt;

/// Why there is no decision about a token. No text in it comes from an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// The verification keys are out of reach.
    Keys,
    /// The token's key was first named after the keys at hand were fetched, and it is too early to fetch them again.
    NewerKeys,
    /// A subclass's check says that it cannot decide.
    CustomCheck,
    /// The deny list was not read yet, or too long ago.
    Denylist,
    /// The introspection endpoint gives no usable answer, for this reason.
    Introspection(Box<str>),
    /// The verification service gives no usable answer, for this reason.
    RemoteVerifier(Box<str>),
    /// The endpoint refuses the credentials of this server, with this status: they are configured wrongly here
    /// (RFC 7662 section 2.3).
    Credentials(u16),
    /// The store holds the most unexpired proofs that one key may have.
    TooManyProofs,
}

impl Unavailable {
    /// Every code.
    pub const CODES: [&'static str; 7] = [
        "keys_unavailable",
        "custom_check_unavailable",
        "denylist_unavailable",
        "introspection_unavailable",
        "remote_verifier_unavailable",
        "credentials_refused",
        "dpop_too_many_proofs",
    ];

    /// The stable code of this reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keys | Self::NewerKeys => "keys_unavailable",
            Self::CustomCheck => "custom_check_unavailable",
            Self::Denylist => "denylist_unavailable",
            Self::Introspection(_) => "introspection_unavailable",
            Self::RemoteVerifier(_) => "remote_verifier_unavailable",
            Self::Credentials(_) => "credentials_refused",
            Self::TooManyProofs => "dpop_too_many_proofs",
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys => f.write_str("the verification keys are out of reach"),
            Self::NewerKeys => f.write_str(
                "the token's key may be newer than the keys at hand, which are fetched for an unknown key once in \
                 jwks_refresh_interval",
            ),
            Self::CustomCheck => f.write_str("a custom check cannot tell"),
            Self::Denylist => f.write_str("the deny list was not read yet, or too long ago"),
            Self::Introspection(why) => write!(f, "the introspection endpoint returned no usable response: {why}"),
            Self::TooManyProofs => f.write_str("too many unexpired DPoP proofs of one key are remembered already"),
            Self::RemoteVerifier(why) => write!(f, "the verification service returned no usable response: {why}"),
            Self::Credentials(status) => write!(
                f,
                "misconfigured: the endpoint refuses the credentials of this server, not the token (status {status})"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_code_in_the_list() {
        let unavailable = [
            Unavailable::Keys,
            Unavailable::CustomCheck,
            Unavailable::Denylist,
            Unavailable::Introspection("".into()),
            Unavailable::RemoteVerifier("".into()),
            Unavailable::Credentials(401),
            Unavailable::TooManyProofs,
        ];
        assert_eq!(unavailable.each_ref().map(Unavailable::code), Unavailable::CODES);
    }
}
