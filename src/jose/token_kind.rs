//! The kind of a token (access, refresh or ID token), as its claims or a server's answer about it say.

use super::json::Value;

/// Words in the names of tokens that are neither access tokens nor ID tokens.
const OTHER_KINDS: [&str; 5] = ["refresh", "offline", "logout", "code", "assertion"];

/// What a token says about its kind. Where several members say something, the greatest value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TokenKind {
    /// Nothing.
    #[default]
    Unsaid,
    /// An access token, or nothing that rules one out.
    Access,
    /// A member that names the kind is not a text.
    Malformed,
    /// An ID token, by this member.
    Id(&'static str),
    /// Another kind, such as a refresh token.
    Other,
}

impl TokenKind {
    /// Reads a member that names a kind, or that ID tokens alone have (OpenID Connect Core 1.0 sections 3.1.3.6
    /// and 3.3.2.11): `token_use` is Amazon Cognito's and Ory Hydra's, `token_usage` `OpenIddict`'s, `typ` Keycloak's.
    #[must_use]
    pub fn of_member(name: &str, value: &Value) -> Self {
        match name {
            "at_hash" if *value != Value::Null => Self::Id("at_hash"),
            "c_hash" if *value != Value::Null => Self::Id("c_hash"),
            "token_use" => Self::of_value(value, "token_use"),
            "token_usage" => Self::of_value(value, "token_usage"),
            "token_type" => Self::of_value(value, "token_type"),
            "typ" => Self::of_value(value, "typ"),
            _ => Self::Unsaid,
        }
    }

    /// The kind that this text of the member `by` names.
    #[must_use]
    pub fn named(text: &str, by: &'static str) -> Self {
        let kind = |word: &str| {
            if OTHER_KINDS.iter().any(|other| word.eq_ignore_ascii_case(other)) {
                Self::Other
            } else if word.eq_ignore_ascii_case("id") {
                Self::Id(by)
            } else {
                Self::Access
            }
        };
        text.split(|c: char| !c.is_ascii_alphanumeric()).map(kind).max().unwrap_or(Self::Access)
    }

    fn of_value(value: &Value, by: &'static str) -> Self {
        value.as_str().map_or(Self::Malformed, |text| Self::named(text, by))
    }
}

/// Whether a type of tokens is one that is bound to a key (RFC 9449 section 5).
pub(super) fn names_bound_type(token_type: &str) -> bool {
    ["dpop", "pop"].iter().any(|bound| token_type.eq_ignore_ascii_case(bound))
}
