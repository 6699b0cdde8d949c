//! Tokens that an operator lists. The table never compares the tokens themselves.
//!
//! Its keys are HMAC-SHA-256 digests of the tokens under a random key of the table, so neither the time of a look-up nor the
//! table's memory reveals anything about a token. The digests are compared in constant time.

use std::collections::HashMap;

use aws_lc_rs::{constant_time, hmac, rand};
use zeroize::Zeroizing;

use crate::config::{self, ConfigError};
use crate::jose::jws::MAX_TOKEN_BYTES;
use crate::jose::jwt::NumericDate;
use crate::outcome::rejection::Rejection;
use crate::policy::Policy;

/// The properties of a listed token.
#[derive(Debug, Clone)]
pub struct StaticToken<T> {
    /// When the token stops being accepted.
    pub expires: Option<NumericDate>,
    /// The scopes that it grants.
    pub scopes: Vec<Box<str>>,
    /// The caller's data for it.
    pub extra: T,
}

/// A set of tokens.
pub struct StaticTokens<T> {
    key: hmac::Key,
    tokens: HashMap<Digest, StaticToken<T>>,
}

impl<T> std::fmt::Debug for StaticTokens<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StaticTokens({} tokens)", self.tokens.len())
    }
}

/// The keyed digest of a token: equal in constant time, hashed by its own first bytes, which the key makes random.
#[derive(Clone, Copy)]
struct Digest([u8; 32]);

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Digest {}

impl std::hash::Hash for Digest {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write(&self.0[..8]);
    }
}

impl<T> StaticTokens<T> {
    /// A table of these tokens.
    ///
    /// # Errors
    /// There is no token, or no request can carry one of them: it is empty, too long, or has a forbidden character.
    pub fn new<'a>(tokens: impl IntoIterator<Item = (&'a str, StaticToken<T>)>) -> Result<Self, ConfigError> {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut *key).map_err(|_| ConfigError::new("the system gives no random numbers"))?;
        let mut table = Self { key: hmac::Key::new(hmac::HMAC_SHA256, &*key), tokens: HashMap::new() };
        for (token, entry) in tokens {
            if !can_be_sent(token) {
                return Err(ConfigError::new(
                    "a token is blank, longer than 64 KiB, or holds what no request can bear, such as a line end, a space at an \
                     end or a comma, or begins with the scheme: give the token alone, without the word Bearer before it",
                ));
            }
            let digest = table.digest(token.as_bytes());
            table.tokens.insert(digest, entry);
        }
        if table.tokens.is_empty() {
            return Err(ConfigError::new("there are no tokens: name at least one, or every request will be refused"));
        }
        Ok(table)
    }

    /// Decides about a token: its expiry and scopes are checked as a JWT's are.
    ///
    /// # Errors
    /// `TokenTooLarge`, `UnknownToken`, `Expired` or `InsufficientScope`, in this order; the last two with the entry.
    pub fn verify(
        &self,
        token: &[u8],
        policy: &Policy,
        now: NumericDate,
    ) -> Result<&StaticToken<T>, (Rejection, Option<&StaticToken<T>>)> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err((Rejection::TokenTooLarge, None));
        }
        let entry = self.tokens.get(&self.digest(token)).ok_or((Rejection::UnknownToken, None))?;
        if let Some(at) = entry.expires.filter(|&at| now >= at) {
            return Err((Rejection::Expired { at }, Some(entry)));
        }
        match policy.check_scopes(|required| entry.scopes.iter().any(|scope| **scope == *required)) {
            Ok(()) => Ok(entry),
            Err(rejection) => Err((rejection, Some(entry))),
        }
    }

    /// The caller's data of each token.
    pub fn extras(&self) -> impl Iterator<Item = &T> {
        self.tokens.values().map(|entry| &entry.extra)
    }

    fn digest(&self, token: &[u8]) -> Digest {
        let tag = hmac::sign(&self.key, token);
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        Digest(digest)
    }
}

/// Whether a request can carry this token. After a comma another header would begin.
fn can_be_sent(token: &str) -> bool {
    let fits = token.len() <= MAX_TOKEN_BYTES && config::check_exact("a token", token).is_ok();
    fits && !token.is_empty() && !token.contains(',') && !names_the_scheme(token)
}

/// Whether it is a whole header value with a scheme before the token.
fn names_the_scheme(token: &str) -> bool {
    token.split_once(' ').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(tokens: &[&'static str]) -> StaticTokens<&'static str> {
        let entry = |&token: &&'static str| {
            (
                token,
                StaticToken {
                    expires: Some(NumericDate::from_seconds(100)),
                    scopes: vec!["read".into()],
                    extra: token,
                },
            )
        };
        StaticTokens::new(tokens.iter().map(entry)).unwrap()
    }

    fn code(table: &StaticTokens<&str>, token: &[u8], policy: &Policy, now: i64) -> &'static str {
        table.verify(token, policy, NumericDate::from_seconds(now)).map_or_else(|(why, _)| why.code(), |_| "accepted")
    }

    #[test]
    fn the_table_holds_digests_under_its_own_key_and_no_token() {
        let (one, other) = (table(&["a", "b"]), table(&["a", "b"]));
        for token in ["a", "b"] {
            assert_eq!(
                one.verify(token.as_bytes(), &Policy::default(), NumericDate::from_seconds(0)).unwrap().extra,
                token
            );
            let digest = one.digest(token.as_bytes());
            assert!(one.tokens.contains_key(&digest), "the key of an entry is the keyed digest of its token");
            assert!(!other.tokens.contains_key(&digest), "another table has another key");
        }
    }

    #[test]
    fn an_entry_with_a_colliding_bucket_is_told_apart_by_the_whole_digest() {
        let table = table(&["a"]);
        let mut digest = table.digest(b"a");
        digest.0[31] ^= 1;
        assert!(!table.tokens.contains_key(&digest), "the first bytes alone do not make a match");
    }

    #[test]
    fn expiry_and_scopes_are_checked() {
        let table = table(&["token"]);
        let policy = Policy::default();
        assert_eq!(code(&table, b"token", &policy, 99), "accepted");
        assert_eq!(code(&table, b"token", &policy, 100), "expired");
        let write = policy.with_required_scopes(vec!["write".into()]).unwrap();
        assert_eq!(code(&table, b"token", &write, 99), "insufficient_scope");
        for unknown in [&b"toke"[..], b"token ", b"TOKEN", b"", b"\0"] {
            assert_eq!(code(&table, unknown, &Policy::default(), 99), "unknown_token");
        }
        assert_eq!(code(&table, &vec![b'a'; MAX_TOKEN_BYTES + 1], &Policy::default(), 99), "token_too_large");
    }

    #[test]
    fn no_token_at_all_or_a_blank_one_is_an_error() {
        assert!(StaticTokens::<()>::new([]).is_err());
        let entry = || StaticToken { expires: None, scopes: vec![], extra: () };
        for never in [
            "",
            " ",
            " a",
            "Bearer a",
            "bearer a b",
            "a\n",
            "a\0b",
            "\u{feff}a",
            "a,b",
            &"a".repeat(MAX_TOKEN_BYTES + 1),
        ] {
            assert!(StaticTokens::new([(never, entry())]).is_err(), "{never:?}");
        }
        for sent in ["a", "a b", "bearer", "key:\u{e9}", &"a".repeat(MAX_TOKEN_BYTES)] {
            assert!(StaticTokens::new([(sent, entry())]).is_ok());
        }
    }
}
