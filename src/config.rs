//! What an operator can configure wrongly, and how they are told.

use std::fmt;

use crate::jose::jwa::Algorithm;
use crate::jose::jws::MAX_TOKEN_BYTES;

/// A configuration that cannot work or would not be safe. Says what is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    /// An error with this text, which must not hold a secret.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Checks a text that is sent to another party, which has to read what the operator sees.
///
/// # Errors
/// It holds a character that nobody sees, such as the line end or the byte order mark of the file that it was read from,
/// or is longer than 64 KiB.
pub fn check_visible(argument: &str, text: &str) -> Result<(), ConfigError> {
    // A longer one no token could hold.
    if text.len() > MAX_TOKEN_BYTES {
        return Err(ConfigError::new(format!(
            "{argument} is longer than 64 KiB: no token and no request holds that much"
        )));
    }
    if text.chars().any(is_invisible) {
        return Err(ConfigError::new(format!(
            "{argument} holds a control character, or another one that nobody sees: strip the line end or the byte order mark \
             if it was read from a file"
        )));
    }
    Ok(())
}

/// Checks a text that has to be equal to one of another party's.
///
/// # Errors
/// As of `check_visible`, or it has a space at an end.
pub fn check_exact(argument: &str, text: &str) -> Result<(), ConfigError> {
    check_visible(argument, text)?;
    if text.trim() != text {
        return Err(ConfigError::new(format!("{argument} has a space at an end, which is compared as well: strip it")));
    }
    Ok(())
}

/// Control characters, and marks that have no width: spaces and joiners, the byte order mark, directions of writing.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The algorithms that a verifier accepts: at least one, and either all symmetric or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Algorithms(Vec<Algorithm>);

impl Algorithms {
    /// Reads a list of names.
    ///
    /// # Errors
    /// An empty list, an unknown name, or HS* beside an asymmetric algorithm: then one key would be read as two types.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let mut algorithms = Vec::new();
        for name in names {
            let algorithm = Algorithm::from_name(name).ok_or_else(|| {
                let known: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
                let expected = match known.iter().find(|known| known.eq_ignore_ascii_case(name.trim())) {
                    Some(meant) => format!("write {meant:?}"),
                    None => format!("expected one of {}", known.join(", ")),
                };
                ConfigError::new(format!("unsupported algorithm {}: {expected}", quoted(name)))
            })?;
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        let symmetric = algorithms.iter().filter(|algorithm| algorithm.is_symmetric()).count();
        if algorithms.is_empty() {
            return Err(ConfigError::new("algorithms is empty: name at least one, such as \"RS256\""));
        }
        if symmetric != 0 && symmetric != algorithms.len() {
            return Err(ConfigError::new(
                "algorithms mixes HS* with asymmetric ones: a key is either a shared secret or a public key, so name \
                 algorithms of one kind only",
            ));
        }
        Ok(Self(algorithms))
    }

    /// Exactly these, for a caller that took them from the keys themselves.
    #[must_use]
    pub(crate) fn from_keys(algorithms: Vec<Algorithm>) -> Self {
        Self(algorithms)
    }

    /// Every known one, for a caller without any key: one that could be taken for another type.
    #[must_use]
    pub(crate) fn every() -> Self {
        Self(Algorithm::ALL.into())
    }

    /// Whether the algorithm is one of them.
    #[must_use]
    pub fn contains(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }

    /// Whether they all are symmetric.
    #[must_use]
    pub fn are_symmetric(&self) -> bool {
        self.0.iter().all(|algorithm| algorithm.is_symmetric())
    }

    /// The algorithms, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Algorithm::name).collect();
        f.write_str(&names.join(", "))
    }
}

/// The text in quotes, cut to a length that suits a message.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() > LONGEST {
        return format!("{:?}...", text.chars().take(LONGEST).collect::<String>());
    }
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_known_of_one_kind_and_at_least_one() {
        assert!(Algorithms::parse(["HS256", "HS512", "HS256"]).is_ok_and(|algorithms| algorithms.iter().count() == 2));
        assert!(Algorithms::parse(["RS256", "ES256", "EdDSA"]).is_ok());
        for bad in [&[][..], &["none"], &[""], &["rs256"], &["HS256", "RS256"], &["ES256", "HS512"]] {
            assert!(Algorithms::parse(bad.iter().copied()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_text_is_what_the_operator_sees_and_no_longer_than_a_token() {
        for good in ["a", "My Server", "https://a.example/?b=c", "\u{e9}\u{65e5}\u{672c}", &"x".repeat(MAX_TOKEN_BYTES)]
        {
            assert_eq!(check_visible("issuer", good).and_then(|()| check_exact("issuer", good)), Ok(()));
        }
        for bad in ["a\n", "a\0b", "\u{feff}a", "a\u{200b}", "\u{202e}a", "\u{9b}", &"x".repeat(MAX_TOKEN_BYTES + 1)] {
            let message = check_visible("issuer", bad).unwrap_err().to_string();
            assert!(message.starts_with("issuer ") && message.len() < 200, "{message}");
            assert!(check_exact("issuer", bad).is_err());
        }
        for padded in [" a", "a ", "\u{a0}a"] {
            assert_eq!(check_visible("client_secret", padded), Ok(()), "a secret may begin with a space");
            assert!(check_exact("issuer", padded).unwrap_err().to_string().starts_with("issuer "));
        }
    }

    #[test]
    fn a_message_quotes_a_long_name_in_part() {
        let message = Algorithms::parse(["x".repeat(10_000).as_str()]).unwrap_err().to_string();
        assert!(message.len() < 300, "{message}");
    }
}
