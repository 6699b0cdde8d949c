//! The syntax that a token must have before a server is asked about it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::ConfigError;
use crate::jose::jws::MAX_TOKEN_BYTES;
use crate::oauth::bearer;
use crate::outcome::finding::Finding;
use crate::outcome::rejection::Rejection;
use crate::verify::RejectedToken;

/// The characters that an operator may allow beside those of RFC 6750: visible, and without a meaning in JSON or in a header.
const FURTHER: &[u8] = b"!#$%&'()*:;<>?@[]^`{|}";
/// The shortest text that may be a token with unusual characters, in bytes. A shorter one is taken for junk.
const SHORTEST_TOKEN: usize = 16;
/// The longest text that is searched for unusual characters, in bytes.
const LONGEST_TOKEN: usize = 8 * 1024;

/// The syntax of the tokens of one server: RFC 6750 section 2.1, and what the operator allows beside it.
#[derive(Debug, Default)]
pub struct TokenSyntax {
    further: Box<[u8]>,
    /// Whether a refusal for a character that could be allowed was reported. It is reported once.
    is_reported: AtomicBool,
}

impl TokenSyntax {
    /// The syntax with these characters.
    ///
    /// # Errors
    /// One of them cannot be allowed. `argument` is the name of the parameter.
    pub fn with(characters: &str, argument: &str) -> Result<Self, ConfigError> {
        if characters.bytes().all(|byte| FURTHER.contains(&byte)) {
            return Ok(Self { further: characters.as_bytes().into(), is_reported: AtomicBool::new(false) });
        }
        Err(ConfigError::new(format!(
            "{argument} holds more than characters that a token may have beside those of RFC 6750: give some of {}",
            String::from_utf8_lossy(FURTHER)
        )))
    }

    /// Checks the length and the characters of a token.
    ///
    /// # Errors
    /// `TokenTooLarge` or `MalformedToken`. The first refusal for a character that could be allowed names it.
    pub fn check(&self, token: &str) -> Result<(), Box<RejectedToken>> {
        self.fits(token).map_err(|rejection| {
            let was_reported = self.is_reported.load(Ordering::Relaxed);
            let finding = if was_reported { None } else { self.finding(token) };
            let finding = finding.filter(|_| !self.is_reported.swap(true, Ordering::Relaxed));
            Box::new(RejectedToken { finding, ..RejectedToken::new(rejection) })
        })
    }

    /// Does the same, and names such a character in every refusal.
    ///
    /// # Errors
    /// As of [`check`](Self::check).
    pub fn explain(&self, token: &str) -> Result<(), Box<RejectedToken>> {
        self.fits(token).map_err(|rejection| {
            let finding = self.finding(token);
            Box::new(RejectedToken { finding, ..RejectedToken::new(rejection) })
        })
    }

    fn fits(&self, token: &str) -> Result<(), Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TokenTooLarge);
        }
        let is_token =
            bearer::is_token(token) || (!self.further.is_empty() && bearer::is_token_with(token, &self.further));
        if is_token { Ok(()) } else { Err(Rejection::MalformedToken) }
    }

    /// The character for which this token is refused, if the operator could allow it.
    fn finding(&self, token: &str) -> Option<Finding> {
        let could_be = (SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&token.len()) && bearer::is_token_with(token, FURTHER);
        let is_new = |byte: &u8| FURTHER.contains(byte) && !self.further.contains(byte);
        let byte = token.bytes().filter(|_| could_be).find(is_new)?;
        Some(Finding::UnusualCharacter(char::from(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALESFORCE: &str = "00D5e000000xyz!AQcAQ.0123456789_abc";

    fn refusal(syntax: &TokenSyntax, token: &str) -> Option<(Rejection, Option<Finding>)> {
        syntax.check(token).err().map(|refused| (refused.rejection, refused.finding))
    }

    #[test]
    fn only_a_token_of_64_kib_at_most_is_worth_a_question() {
        let syntax = TokenSyntax::default();
        assert_eq!(refusal(&syntax, "an.opaque~token=="), None);
        for bad in ["", " ", "a b", "a\n", "a\0", "a\"b", "é", "a!b"] {
            assert_eq!(refusal(&syntax, bad), Some((Rejection::MalformedToken, None)), "{bad:?}");
        }
        assert_eq!(refusal(&syntax, &"a".repeat(MAX_TOKEN_BYTES)), None);
        assert_eq!(refusal(&syntax, &"a".repeat(MAX_TOKEN_BYTES + 1)), Some((Rejection::TokenTooLarge, None)));
    }

    #[test]
    fn further_characters_are_allowed_by_name_and_reported_once_otherwise() {
        let (plain, allowing) = (TokenSyntax::default(), TokenSyntax::with("!", "token_characters").unwrap());
        assert_eq!(refusal(&allowing, SALESFORCE), None);
        assert_eq!(
            refusal(&allowing, "00D5e000000xyz!AQ|cAQ"),
            Some((Rejection::MalformedToken, Some(Finding::UnusualCharacter('|'))))
        );
        let found = Some(Finding::UnusualCharacter('!'));
        assert_eq!(refusal(&plain, SALESFORCE), Some((Rejection::MalformedToken, found)));
        assert_eq!(refusal(&plain, SALESFORCE), Some((Rejection::MalformedToken, None)));
        for junk in ["a \"quoted\" text, with spaces", "0123456789abcdef!\u{7f}", "!!!"] {
            assert_eq!(refusal(&TokenSyntax::default(), junk), Some((Rejection::MalformedToken, None)), "{junk}");
        }
    }

    #[test]
    fn what_means_something_elsewhere_cannot_be_allowed() {
        for characters in [" ", "\"", "\\", ",", "\n", "é", "!,"] {
            let error = TokenSyntax::with(characters, "token_characters").unwrap_err().to_string();
            assert!(error.starts_with("token_characters holds"), "{error}");
        }
        assert!(TokenSyntax::with(std::str::from_utf8(FURTHER).unwrap(), "token_characters").is_ok());
    }
}
