//! Scope tokens (RFC 6749 section 3.3): the one place that says what a scope may be.

use crate::config::{self, ConfigError};

/// Whether the text is a scope token: `1*( %x21 / %x23-5B / %x5D-7E )`. It needs no escape in a quoted string.
#[must_use]
pub fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// Checks configured scopes: those that tokens must grant, that a listed token grants, or that a client asks for.
/// `argument` is the name of the parameter.
///
/// # Errors
/// One of them is not a scope token, or is longer than 64 KiB.
pub fn check_scopes(argument: &str, scopes: &[Box<str>]) -> Result<(), ConfigError> {
    if !scopes.iter().all(|scope| is_scope_token(scope)) {
        return Err(ConfigError::new(format!(
            "{argument} holds an empty scope, or one with a space, a quote, a backslash or a character that is not printable \
             ASCII, which no scope may hold (RFC 6749 section 3.3): give a list with one scope an item"
        )));
    }
    scopes.iter().try_for_each(|scope| config::check_visible(argument, scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_token_is_printable_ascii_without_quote_and_backslash() {
        for good in ["read", "a:b/c.d", "!", "#", "[", "]", "~", "https://a.example/scope"] {
            assert!(is_scope_token(good), "{good}");
            assert_eq!(check_scopes("scope", &[good.into()]), Ok(()));
        }
        for bad in ["", " ", "a b", "a\tb", "\"", "a\\b", "\u{e9}", "\u{7f}", "a\n", "\u{feff}a"] {
            assert!(!is_scope_token(bad), "{bad:?}");
            let error = check_scopes("required_scopes", &["read".into(), bad.into()]).unwrap_err().to_string();
            assert!(error.starts_with("required_scopes holds "), "{error}");
        }
        assert!(check_scopes("scope", &["x".repeat(64 * 1024 + 1).into()]).is_err());
    }
}
