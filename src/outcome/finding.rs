//! What is known about a refused token beyond its reason code. Each finding points at the issuer or the configuration, and not at
//! the sender, so an operator gets it as a warning.

use std::fmt;

use crate::jose::base64url;
use crate::jose::json::NotAnObject;

/// What is known about a refused token beyond the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The published key that it names cannot be used. Holds the key and the reason.
    SkippedKey(Box<str>),
    /// Its signed claims are not one strict JSON object.
    NotClaims(NotAnObject),
    /// It is opaque, and this verifier verifies only JWTs.
    Opaque,
    /// It is encrypted (RFC 7516).
    Encrypted,
    /// It is opaque, and the metadata of its server names no introspection endpoint.
    NotIntrospected,
    /// It has this character, which RFC 6750 does not allow, so no server was asked about it.
    UnusualCharacter(char),
}

/// The shortest text that may be an opaque token, in bytes: a shorter one could be guessed.
const SHORTEST_OPAQUE_TOKEN: usize = 16;
/// The longest text that is examined, in bytes: junk must not cost much.
const LONGEST_OPAQUE_TOKEN: usize = 8 * 1024;

impl Finding {
    /// Recognises a token of another form than compact JWS.
    #[must_use]
    pub fn of_other_form(text: &[u8]) -> Option<Self> {
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=!".contains(byte);
        if !(SHORTEST_OPAQUE_TOKEN..=LONGEST_OPAQUE_TOKEN).contains(&text.len()) || !text.iter().all(is_token) {
            return None;
        }
        // A damaged header is recognised as well.
        let header = base64url::decode_leniently(text.split(|&byte| byte == b'.').next().unwrap_or_default());
        let is_object = header.is_some_and(|header| header.starts_with(b"{"));
        match (text.split(|&byte| byte == b'.').count(), is_object) {
            (5, true) => Some(Self::Encrypted),
            // A JWT that was cut off or damaged is not opaque.
            (_, true) => None,
            _ => Some(Self::Opaque),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SkippedKey(key) => write!(f, "its key is published and cannot be used here: {key}"),
            Self::NotClaims(rule) => rule.fmt(f),
            Self::Opaque => f.write_str(
                "it looks like an opaque token, and only JWTs are verified here: have the issuer make JWTs, or use \
                 OAuthProvider",
            ),
            Self::Encrypted => f.write_str(
                "it is an encrypted token (JWE, five parts): have the issuer make signed tokens for this server",
            ),
            Self::NotIntrospected => f.write_str(
                "it is opaque, and the server's metadata names no introspection_endpoint: if there is one, name it as \
                 introspection_url",
            ),
            Self::UnusualCharacter(character) => write!(
                f,
                "it holds \"{character}\", which no bearer token has (RFC 6750 section 2.1), so that the server was not asked \
                 about it: if its tokens have that, name it in token_characters. This is reported once"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_another_form_differs_from_junk() {
        for opaque in [
            "an-opaque-token-0123456789",
            "ya29.a0AfB_byC-0123456789",
            "00D5e000000!AQcAQ.0123456789",
            "0123456789abcdef",
        ] {
            assert_eq!(Finding::of_other_form(opaque.as_bytes()), Some(Finding::Opaque), "{opaque}");
        }
        let header = base64url::encode(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
        assert_eq!(Finding::of_other_form(format!("{header}.a.b.c.d").as_bytes()), Some(Finding::Encrypted));
        for junk in [
            "",
            "short",
            "with a space in it 0123456789",
            "\"quoted-0123456789\"",
            &header,
            &format!("{header}.e30"),
            &format!("{header}=.e30.AAAA"),
            "{\"a\":\"0123456789\"}",
        ] {
            assert_eq!(Finding::of_other_form(junk.as_bytes()), None, "{junk}");
        }
    }
}
