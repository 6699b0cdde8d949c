//! Nonces that a server gives out (RFC 9449 sections 8 and 9), made of a secret and the time: each worker that has the secret knows
//! them, so that all workers of a server accept what one of them gave.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use zeroize::Zeroizing;

use crate::config::ConfigError;
use crate::jose::base64url;
use crate::jose::jwt::NumericDate;

/// For how long one nonce is the newest, in seconds. It is accepted for as long again.
pub const NONCE_SECONDS: i64 = 60;
/// The shortest secret, in bytes: as long as the hash.
const MIN_SECRET: usize = 32;
/// Separates nonces from anything else that is made with the same secret.
const PURPOSE: &[u8] = b"fastmcp-rs DPoP nonce\0";
/// How many bytes of the digest are in a nonce.
const NONCE_BYTES: usize = 16;

/// Makes and recognises the nonces of a server.
pub struct DpopNonces(hmac::Key);

impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopNonces(..)")
    }
}

impl DpopNonces {
    /// The nonces of this secret.
    ///
    /// # Errors
    /// It is shorter than 32 bytes.
    pub fn new(secret: &Zeroizing<Vec<u8>>) -> Result<Self, ConfigError> {
        if secret.len() < MIN_SECRET {
            return Err(ConfigError::new(
                "dpop_nonce is shorter than 32 bytes, so that nonces could be guessed: give a random secret that all workers share",
            ));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// The newest nonce at this time.
    #[must_use]
    pub fn newest(&self, now: NumericDate) -> String {
        base64url::encode(&self.of_period(period(now)))
    }

    /// Whether a nonce is one that a worker gave out lately: the newest, the one before it, or the next, since clocks of
    /// workers differ.
    #[must_use]
    pub fn knows(&self, nonce: &str, now: NumericDate) -> bool {
        let Some(nonce) = base64url::decode(nonce.as_bytes()) else { return false };
        let now = period(now);
        [now, now - 1, now + 1]
            .into_iter()
            .any(|period| constant_time::verify_slices_are_equal(&self.of_period(period), &nonce).is_ok())
    }

    fn of_period(&self, period: i64) -> [u8; NONCE_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(PURPOSE);
        context.update(&period.to_be_bytes());
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&context.sign().as_ref()[..NONCE_BYTES]);
        nonce
    }
}

fn period(now: NumericDate) -> i64 {
    now.whole_seconds().div_euclid(NONCE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonces(secret: u8) -> DpopNonces {
        DpopNonces::new(&vec![secret; 32].into()).unwrap()
    }

    fn at(seconds: i64) -> NumericDate {
        NumericDate::from_seconds(seconds)
    }

    #[test]
    fn a_nonce_is_accepted_for_its_time_and_as_long_again_by_every_worker() {
        let (one, other) = (nonces(1), nonces(1));
        let nonce = one.newest(at(600));
        assert_eq!(nonce, other.newest(at(659)));
        for (now, accepted) in [(539, false), (540, true), (600, true), (659, true), (719, true), (720, false)] {
            assert_eq!(other.knows(&nonce, at(now)), accepted, "{now}");
        }
        assert!(one.knows(&one.newest(at(-61)), at(-61)), "before 1970");
    }

    #[test]
    fn a_nonce_of_another_secret_or_changed_is_not() {
        let nonce = nonces(1).newest(at(600));
        assert!(!nonces(2).knows(&nonce, at(600)));
        for other in ["", "A", &nonce[1..], &format!("{nonce}A"), &format!("{nonce}="), "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(!nonces(1).knows(other, at(600)), "{other}");
        }
    }

    #[test]
    fn a_nonce_is_no_other_use_of_the_secret() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let of = |text: &[u8]| base64url::encode(&hmac::sign(&key, text).as_ref()[..NONCE_BYTES]);
        let nonce = nonces(1).newest(at(600));
        assert_ne!(nonce, of(&10_i64.to_be_bytes()));
        assert_eq!(nonce, of(b"fastmcp-rs DPoP nonce\0\0\0\0\0\0\0\0\x0a"), "workers of each version agree on it");
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        assert!(DpopNonces::new(&vec![1; 31].into()).is_err());
        assert_eq!(format!("{:?}", nonces(1)), "DpopNonces(..)");
    }
}
