//! The path of a claim: its name, or a JSON Pointer (RFC 6901) to a member inside a claim.

use crate::config::{self, ConfigError};
use crate::jose::json::{MAX_DEPTH, Value};
use crate::jose::jwt::Claims;

/// The path of a claim, as an operator writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath {
    text: Box<str>,
    first: Box<str>,
    rest: Vec<Box<str>>,
}

impl ClaimPath {
    /// Reads a name, or a JSON Pointer, which begins with a slash. A name that begins with a slash is written `/~1name`.
    ///
    /// # Errors
    /// It is empty, has spaces at an end or invisible characters, is a malformed JSON Pointer, or is deeper than any token.
    pub fn parse(argument: &str, text: &str) -> Result<Self, ConfigError> {
        if text.trim().is_empty() {
            return Err(ConfigError::new(format!(
                "{argument} holds an empty text: give the name of a claim, or a JSON Pointer such as \"/realm_access/roles\""
            )));
        }
        config::check_exact(argument, text)?;
        let Some(pointer) = text.strip_prefix('/') else {
            return Ok(Self { text: text.into(), first: text.into(), rest: Vec::new() });
        };
        let mut steps = pointer.split('/').map(|step| unescaped(argument, step));
        let first = steps.next().unwrap_or_else(|| Ok("".into()))?;
        let rest = steps.collect::<Result<Vec<_>, _>>()?;
        if rest.len() >= MAX_DEPTH {
            return Err(ConfigError::new(format!(
                "{argument} holds a JSON Pointer that is deeper than any token is read"
            )));
        }
        Ok(Self { text: text.into(), first, rest })
    }

    /// The path as the operator wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is exactly this top-level name.
    #[must_use]
    pub fn is_name(&self, name: &str) -> bool {
        self.rest.is_empty() && *self.first == *name
    }

    /// The value at the path. `null` counts as absent.
    #[must_use]
    pub fn get<'c>(&self, claims: &'c Claims) -> Option<&'c Value> {
        let mut value = claims.member(&self.first)?;
        for step in &self.rest {
            value = match value {
                Value::Object(object) => object.get(step)?,
                Value::Array(items) => items.get(index(step)?)?,
                _ => return None,
            };
        }
        Some(value).filter(|value| **value != Value::Null)
    }

    /// The text at the path. An empty one counts as absent.
    #[must_use]
    pub fn text_in<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        self.get(claims).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// The index of a member of an array, without leading zeros (RFC 6901 section 4).
fn index(step: &str) -> Option<usize> {
    let is_index = step == "0" || !step.starts_with('0') && step.bytes().all(|byte| byte.is_ascii_digit());
    if is_index { step.parse().ok() } else { None }
}

/// A reference token, in which `~1` stands for a slash and `~0` for a tilde (RFC 6901 section 4).
fn unescaped(argument: &str, step: &str) -> Result<Box<str>, ConfigError> {
    let mut plain = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(c) = characters.next() {
        plain.push(match (c, c == '~') {
            (_, true) => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => {
                    return Err(ConfigError::new(format!(
                        "{argument} holds a JSON Pointer with a tilde that is not ~0 or ~1 (RFC 6901 section 3)"
                    )));
                }
            },
            (c, false) => c,
        });
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6901 section 5.
    const EXAMPLE: &str =
        r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;

    fn at(pointer: &str, text: &str) -> Option<Value> {
        ClaimPath::parse("x", pointer).unwrap().get(&Claims::parse(text.as_bytes()).unwrap()).cloned()
    }

    #[test]
    fn pointers_are_those_of_rfc_6901() {
        for (pointer, value) in [
            ("/foo/0", Value::String("bar".into())),
            ("/", Value::Int(0)),
            ("/a~1b", Value::Int(1)),
            ("/c%d", Value::Int(2)),
            ("/e^f", Value::Int(3)),
            ("/g|h", Value::Int(4)),
            ("/i\\j", Value::Int(5)),
            ("/k\"l", Value::Int(6)),
            ("/m~0n", Value::Int(8)),
        ] {
            assert_eq!(at(pointer, EXAMPLE), Some(value), "{pointer}");
        }
        assert!(matches!(at("/foo", EXAMPLE), Some(Value::Array(_))));
        for absent in
            ["/foo/2", "/foo/-", "/foo/00", "/foo/01", "/foo/+1", "/foo/", "/foo/0/0", "/foo/99999999999999999999"]
        {
            assert_eq!(at(absent, EXAMPLE), None, "{absent}");
        }
    }

    #[test]
    fn a_name_is_a_name_whatever_it_holds() {
        let claims = r#"{"https://a.example/roles":1,"cognito:groups":2,"a~b":3,"a":{"b":4},"n":null}"#;
        assert_eq!(at("https://a.example/roles", claims), Some(Value::Int(1)));
        assert_eq!(at("cognito:groups", claims), Some(Value::Int(2)));
        assert_eq!(at("a~b", claims), Some(Value::Int(3)));
        assert_eq!(at("a/b", claims), None);
        assert_eq!(at("/a/b", claims), Some(Value::Int(4)));
        assert_eq!(at("n", claims), None, "null is no value");
    }

    #[test]
    fn what_no_claim_can_have_is_an_error() {
        for bad in ["", " ", "/a~", "/a~2", "/~", " a", "a\n", &"/a".repeat(MAX_DEPTH + 1)] {
            let error = ClaimPath::parse("scope_claims", bad).unwrap_err().to_string();
            assert!(error.starts_with("scope_claims "), "{error}");
        }
        assert!(ClaimPath::parse("scope_claims", &"/a".repeat(MAX_DEPTH)).is_ok());
    }
}
