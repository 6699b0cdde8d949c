//! The algorithms that a verifier accepts.

use std::fmt;

use crate::config::ConfigError;
use crate::jose::jwa::Algorithm;

/// The algorithm of a shared secret by default.
pub const DEFAULT_SECRET_ALGORITHM: Algorithm = Algorithm::HS256;
/// The algorithm of a public key by default, as in FastMCP.
pub const DEFAULT_PUBLIC_KEY_ALGORITHM: Algorithm = Algorithm::RS256;

/// The algorithms that a verifier accepts: at least one, and all symmetric or all asymmetric.
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

    /// Exactly these, for a caller that took them from the keys.
    #[must_use]
    pub(crate) fn from_keys(algorithms: Vec<Algorithm>) -> Self {
        Self(algorithms)
    }

    /// Every known algorithm, for a caller without keys, which cannot confuse key types.
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
    fn a_message_quotes_a_long_name_in_part() {
        let message = Algorithms::parse(["x".repeat(10_000).as_str()]).unwrap_err().to_string();
        assert!(message.len() < 300, "{message}");
    }
}
