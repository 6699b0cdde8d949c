//! Errors in an operator's configuration, and their texts.

use std::fmt;

use crate::jose::jws::MAX_TOKEN_BYTES;

/// A configuration that cannot work or would not be safe. The text says what is wrong and what would be right.
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

/// Checks a text that is sent to another party: that party must read exactly what the operator sees.
///
/// # Errors
/// It holds an invisible character, such as the line end or the byte order mark of the file that it was read from,
/// or is longer than 64 KiB.
pub fn check_visible(argument: &str, text: &str) -> Result<(), ConfigError> {
    // No token can hold a longer one.
    if text.len() > MAX_TOKEN_BYTES {
        return Err(ConfigError::new(format!(
            "{argument} is longer than 64 KiB: no token and no request holds that much"
        )));
    }
    if text.chars().any(is_invisible) {
        return Err(ConfigError::new(format!(
            "{argument} holds a control character, or another invisible one: strip the line end or the byte order mark \
             if it was read from a file"
        )));
    }
    Ok(())
}

/// Checks a text that is compared with one from another party.
///
/// # Errors
/// As `check_visible`, or the text has a space at an end.
pub fn check_exact(argument: &str, text: &str) -> Result<(), ConfigError> {
    check_visible(argument, text)?;
    if text.trim() != text {
        return Err(ConfigError::new(format!("{argument} has a space at an end, which is compared as well: strip it")));
    }
    Ok(())
}

/// Control characters, and characters without width: spaces, joiners, the byte order mark, marks of writing direction.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
