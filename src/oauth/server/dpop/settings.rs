//! What an operator demands of proofs.

use super::nonce::DpopNonces;
use crate::config::ConfigError;
use crate::jose::jwa::Algorithm;
use crate::keys::Algorithms;

/// The longest that a proof may be away from now, in seconds.
const MAX_AGE: f64 = 3600.0;

/// Whether a token has to be bound to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DpopMode {
    /// A token that is not bound is accepted as a bearer token.
    Allowed,
    /// Only bound tokens are accepted.
    Required,
}

/// What an operator demands of proofs.
#[derive(Debug)]
pub struct DpopSettings {
    pub(super) mode: DpopMode,
    pub(super) algorithms: Algorithms,
    pub(super) max_age: f64,
    pub(super) nonces: Option<DpopNonces>,
}

impl DpopSettings {
    /// The algorithms of proofs that are accepted by default: those that clients use, and no symmetric one.
    pub const ALGORITHMS: [&'static str; 7] = ["ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "RS256"];
    /// How far `iat` may be away from now by default, in seconds (SEP-1932).
    pub const MAX_AGE_SECONDS: f64 = 300.0;

    /// Demands a proof by one of these algorithms, made at most `max_age` seconds before or after now, with a nonce where
    /// there are some.
    ///
    /// # Errors
    /// An algorithm is unknown or symmetric (RFC 9449 section 11.6), or the time is not from 1 to 3600 seconds.
    pub fn new<'a>(
        mode: DpopMode,
        algorithms: impl IntoIterator<Item = &'a str>,
        max_age: f64,
        nonces: Option<DpopNonces>,
    ) -> Result<Self, ConfigError> {
        let wrong = |error: ConfigError| ConfigError::new(format!("dpop_algorithms: {error}"));
        let algorithms = Algorithms::parse(algorithms).map_err(wrong)?;
        if algorithms.are_symmetric() {
            return Err(ConfigError::new(
                "dpop_algorithms holds HS*, by which a proof would be made with a shared secret: name algorithms such as ES256",
            ));
        }
        if !(1.0..=MAX_AGE).contains(&max_age) {
            return Err(ConfigError::new("dpop_max_age must be a number of seconds from 1 to 3600"));
        }
        Ok(Self { mode, algorithms, max_age, nonces })
    }

    /// Whether a token has to be bound.
    #[must_use]
    pub fn mode(&self) -> DpopMode {
        self.mode
    }

    /// The names of the accepted algorithms.
    pub fn algorithms(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.algorithms.iter().map(Algorithm::name)
    }

    /// The nonces that proofs have to hold.
    #[must_use]
    pub fn nonces(&self) -> Option<&DpopNonces> {
        self.nonces.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_work_is_taken() {
        let new = |algorithms: &[&'static str], max_age| {
            DpopSettings::new(DpopMode::Allowed, algorithms.iter().copied(), max_age, None)
        };
        assert!(new(&DpopSettings::ALGORITHMS, DpopSettings::MAX_AGE_SECONDS).is_ok());
        assert!(new(&["Ed448"], 1.0).is_ok() && new(&["RS512"], 3600.0).is_ok());
        for algorithms in [&[][..], &["HS256"], &["none"], &["ES256", "HS256"], &["es256"]] {
            let error = new(algorithms, 300.0).unwrap_err().to_string();
            assert!(error.starts_with("dpop_algorithms"), "{error}");
        }
        for max_age in [0.0, 0.9, -1.0, 3600.1, f64::NAN, f64::INFINITY] {
            let error = new(&["ES256"], max_age).unwrap_err().to_string();
            assert!(error.starts_with("dpop_max_age"), "{error}");
        }
    }
}
