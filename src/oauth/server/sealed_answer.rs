//! Answers in a store that others can read and write: reading it reveals nothing, and writing to it forges nothing.
//!
//! The name of an entry is an HMAC of the token (RFC 2104). Its value is sealed with AES-256-GCM (RFC 5116) under a key that is
//! derived from the secret, the purpose and the token. So a value under another name does not open, and an old value that is put
//! back still has its time inside.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};

use crate::config::ConfigError;

/// The shortest secret, in bytes: the length of the keys that are derived from it.
const SHORTEST_SECRET: usize = 32;
/// How far the clocks of two machines may differ, in milliseconds.
const CLOCK_SKEW: u64 = 2_000;
/// The length of the times before the payload, in bytes.
const TIMES: usize = 16;

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What an endpoint answered about a token.
    Answer,
    /// When a token was invalidated.
    Invalidation,
    /// When all tokens were.
    Epoch,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Answer => b"answer",
            Self::Invalidation => b"invalidation",
            Self::Epoch => b"epoch",
        }
    }
}

/// An answer that was opened, with its age.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenedAnswer {
    /// What was answered.
    pub payload: Vec<u8>,
    /// How long ago the question was asked, in milliseconds.
    pub age: u64,
    /// How long the answer serves from then on, in milliseconds.
    pub lifetime: u64,
}

/// Seals answers, and opens them.
pub struct AnswerSealer {
    key: hmac::Key,
}

impl fmt::Debug for AnswerSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerSealer").finish_non_exhaustive()
    }
}

impl AnswerSealer {
    /// A sealer of the answers of one endpoint. `scope` separates them from those of other endpoints.
    ///
    /// # Errors
    /// The secret is shorter than 32 bytes.
    pub fn new(secret: &[u8], scope: &[u8]) -> Result<Self, ConfigError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(ConfigError::new(
                "cache_secret must have 32 bytes or more: make one with secrets.token_urlsafe(32), the same for all workers",
            ));
        }
        let of_secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let of_scope = mac(&of_secret, &[b"fastmcp-rs answers 1", scope]);
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, of_scope.as_ref()) })
    }

    /// The name under which something is stored.
    #[must_use]
    pub fn name(&self, purpose: Purpose, token: &[u8]) -> String {
        let tag = mac(&self.key, &[b"name", purpose.label(), token]);
        tag.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// Seals something about a token, with the time of the question and how long the answer serves, in milliseconds.
    /// `None` where the system gives no random numbers.
    #[must_use]
    pub fn seal(&self, purpose: Purpose, token: &[u8], asked: u64, lifetime: u64, payload: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = vec![0; NONCE_LEN];
        rand::fill(&mut sealed).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(&sealed).ok()?;
        let mut text = Vec::with_capacity(TIMES + payload.len() + AES_256_GCM.tag_len());
        text.extend_from_slice(&asked.to_be_bytes());
        text.extend_from_slice(&lifetime.to_be_bytes());
        text.extend_from_slice(payload);
        self.sealing_key(purpose, token)?
            .seal_in_place_append_tag(nonce, Aad::from(purpose.label()), &mut text)
            .ok()?;
        sealed.append(&mut text);
        Some(sealed)
    }

    /// Opens the answer about a token. `None` if it does not open, or the token was invalidated since.
    #[must_use]
    pub fn answer(
        &self,
        token: &[u8],
        answer: &[u8],
        invalidation: Option<&[u8]>,
        epoch: Option<&[u8]>,
        now: u64,
    ) -> Option<OpenedAnswer> {
        let (asked, lifetime, payload) = self.open(Purpose::Answer, token, answer)?;
        // The clock of the other machine is ahead, or this one was set back.
        if asked > now.saturating_add(CLOCK_SKEW) {
            return None;
        }
        for (purpose, about, sealed) in [(Purpose::Invalidation, token, invalidation), (Purpose::Epoch, b"", epoch)] {
            if let Some(sealed) = sealed {
                // An invalidation that does not open may have been a real one.
                let (invalidated, ..) = self.open(purpose, about, sealed)?;
                if asked <= invalidated.saturating_add(CLOCK_SKEW) {
                    return None;
                }
            }
        }
        Some(OpenedAnswer { payload, age: now.saturating_sub(asked), lifetime })
    }

    fn open(&self, purpose: Purpose, token: &[u8], sealed: &[u8]) -> Option<(u64, u64, Vec<u8>)> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let key = self.sealing_key(purpose, token)?;
        let opened = key.open_in_place(nonce, Aad::from(purpose.label()), &mut text).ok()?;
        let (asked, rest) = opened.split_first_chunk::<8>()?;
        let (lifetime, payload) = rest.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*asked), u64::from_be_bytes(*lifetime), payload.to_vec()))
    }

    fn sealing_key(&self, purpose: Purpose, token: &[u8]) -> Option<LessSafeKey> {
        let key = mac(&self.key, &[b"seal", purpose.label(), token]);
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).ok()?))
    }
}

/// The HMAC of several parts, each after its length, so that different parts never give the same bytes.
fn mac(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a secret that all workers of a server share";
    const NOW: u64 = 1_700_000_000_000;

    fn sealer(scope: &str) -> AnswerSealer {
        AnswerSealer::new(SECRET, scope.as_bytes()).unwrap()
    }

    fn sealed(sealer: &AnswerSealer, token: &str, asked: u64) -> Vec<u8> {
        sealer.seal(Purpose::Answer, token.as_bytes(), asked, 60_000, b"yes").unwrap()
    }

    fn opens(sealer: &AnswerSealer, token: &str, answer: &[u8]) -> bool {
        sealer.answer(token.as_bytes(), answer, None, None, NOW).is_some()
    }

    #[test]
    fn an_answer_comes_back_with_its_age() {
        let sealer = sealer("a");
        let answer = sealed(&sealer, "token", NOW - 5_000);
        let opened = sealer.answer(b"token", &answer, None, None, NOW).unwrap();
        assert_eq!(opened, OpenedAnswer { payload: b"yes".to_vec(), age: 5_000, lifetime: 60_000 });
        assert_ne!(answer, sealed(&sealer, "token", NOW - 5_000), "each has a nonce of its own");
    }

    #[test]
    fn what_is_forged_changed_or_swapped_does_not_open() {
        let ours = sealer("a");
        let answer = sealed(&ours, "token", NOW);
        assert!(opens(&ours, "token", &answer));
        for at in 0..answer.len() {
            let mut changed = answer.clone();
            changed[at] ^= 1;
            assert!(!opens(&ours, "token", &changed), "{at}");
            assert!(!opens(&ours, "token", &answer[..at]), "{at}");
        }
        assert!(!opens(&ours, "another", &answer), "another token's");
        assert!(!opens(&sealer("b"), "token", &answer), "another endpoint's");
        let theirs = AnswerSealer::new(b"a secret of another deployment's workers", b"a").unwrap();
        assert!(!opens(&ours, "token", &sealed(&theirs, "token", NOW)), "another secret's");
        for purpose in [Purpose::Invalidation, Purpose::Epoch] {
            let other = ours.seal(purpose, b"token", NOW, 60_000, b"yes").unwrap();
            assert!(!opens(&ours, "token", &other), "{purpose:?}");
        }
    }

    #[test]
    fn an_invalidation_drops_what_was_asked_before() {
        let sealer = sealer("a");
        let invalidation = sealer.seal(Purpose::Invalidation, b"token", NOW, 0, b"").unwrap();
        let epoch = sealer.seal(Purpose::Epoch, b"", NOW, 0, b"").unwrap();
        let later = NOW + 60_000;
        for (asked, serves) in [(NOW - 1, false), (NOW, false), (NOW + CLOCK_SKEW, false), (NOW + CLOCK_SKEW + 1, true)]
        {
            let answer = sealed(&sealer, "token", asked);
            let opens = |token: Option<&[u8]>, all: Option<&[u8]>| {
                sealer.answer(b"token", &answer, token, all, later).is_some()
            };
            assert!(opens(None, None));
            assert_eq!(opens(Some(&invalidation), None), serves, "{asked}");
            assert_eq!(opens(None, Some(&epoch)), serves, "{asked}");
            assert!(
                !opens(Some(b"garbage"), None) && !opens(None, Some(b"")),
                "an answer that cannot be opened is none"
            );
            assert!(!opens(Some(&epoch), None) && !opens(None, Some(&invalidation)));
        }
    }

    #[test]
    fn an_answer_from_the_future_is_none() {
        let sealer = sealer("a");
        assert!(opens(&sealer, "token", &sealed(&sealer, "token", NOW + CLOCK_SKEW)));
        assert!(!opens(&sealer, "token", &sealed(&sealer, "token", NOW + CLOCK_SKEW + 1)));
    }

    #[test]
    fn names_tell_nothing_and_differ() {
        let purposes = [Purpose::Answer, Purpose::Invalidation, Purpose::Epoch];
        let mut names: Vec<String> = ["a", "b"]
            .iter()
            .flat_map(|scope| {
                purposes.map(|purpose| ["", "token", "tokens"].map(|t| sealer(scope).name(purpose, t.as_bytes())))
            })
            .flatten()
            .collect();
        assert!(names.iter().all(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 18);
    }

    #[test]
    fn a_short_secret_is_an_error() {
        assert!(AnswerSealer::new(&[0; 31], b"").is_err());
        assert!(AnswerSealer::new(&[0; 32], b"").is_ok());
    }
}
