//! The scopes of a token by the operator's rules: which claims hold them, and which scopes imply others.

use std::collections::HashMap;

use super::claim_path::ClaimPath;
use crate::config::ConfigError;
use crate::jose::json::Value;
use crate::jose::jwt::{Claims, words};
use crate::oauth::scope::{check_scopes, is_scope_token};

/// The most scopes that a hierarchy may name.
const MOST_SCOPES: usize = 1000;

/// The claims that hold scopes. Their union is granted.
#[derive(Debug, Clone)]
pub struct ScopeClaims(Vec<ClaimPath>);

/// What some claims grant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Granted<'c> {
    pub(super) scopes: Vec<&'c str>,
    /// Texts that are not scopes (RFC 6749 section 3.3), and grant nothing.
    pub(super) skipped: Vec<&'c str>,
}

impl ScopeClaims {
    /// The claims at these places.
    ///
    /// # Errors
    /// There is none.
    pub fn new(paths: Vec<ClaimPath>) -> Result<Self, ConfigError> {
        if paths.is_empty() {
            return Err(ConfigError::new(
                "scope_claims is empty, so that no token would grant anything: name claims, or give None for scope and scp",
            ));
        }
        Ok(Self(paths))
    }

    /// The first claim whose value is neither a text nor a list.
    pub(super) fn malformed<'s, 'c>(&'s self, claims: &'c Claims) -> Option<(&'s ClaimPath, &'c Value)> {
        let value_of = |path: &'s ClaimPath| path.get(claims).map(|value| (path, value));
        self.0.iter().filter_map(value_of).find(|(_, value)| !matches!(value, Value::String(_) | Value::Array(_)))
    }

    /// The scopes that the claims grant. Only the text of `scope` and `scp` is split at spaces. Any other text, and each member of a
    /// list, is one scope: a role named `admin write` does not grant `admin`.
    pub(super) fn granted<'c>(&self, claims: &'c Claims) -> Granted<'c> {
        let mut granted = Granted::default();
        for path in &self.0 {
            match path.get(claims) {
                Some(Value::String(text)) if path.is_name("scope") || path.is_name("scp") => {
                    words(text).for_each(|word| granted.add(word));
                }
                Some(Value::String(text)) => granted.add(text),
                Some(Value::Array(items)) => items.iter().for_each(|item| match item {
                    Value::String(text) => granted.add(text),
                    _ => granted.skipped.push(""),
                }),
                _ => (),
            }
        }
        granted
    }
}

impl<'c> Granted<'c> {
    fn add(&mut self, text: &'c str) {
        if is_scope_token(text) {
            self.scopes.push(text);
        } else {
            self.skipped.push(text);
        }
    }
}

/// Which scopes imply others.
#[derive(Debug, Clone)]
pub struct ScopeHierarchy {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, usize>,
    implied: Vec<Vec<usize>>,
}

impl ScopeHierarchy {
    /// A hierarchy in which each scope implies the listed ones, and what those imply.
    ///
    /// # Errors
    /// There are no scopes, or more than 1000; one is not a scope, or implies itself, directly or through others.
    pub fn new(implications: &[(Box<str>, Vec<Box<str>>)]) -> Result<Self, ConfigError> {
        let mut hierarchy = Self { names: Vec::new(), numbers: HashMap::new(), implied: Vec::new() };
        for (scope, implied) in implications {
            check_scopes("scope_hierarchy", std::slice::from_ref(scope))?;
            check_scopes("scope_hierarchy", implied)?;
            let at = hierarchy.number(scope)?;
            for scope in implied {
                let number = hierarchy.number(scope)?;
                hierarchy.implied[at].push(number);
            }
        }
        if hierarchy.names.is_empty() {
            return Err(ConfigError::new("scope_hierarchy is empty: give the scopes that imply others, or None"));
        }
        hierarchy.check_for_cycles()?;
        Ok(hierarchy)
    }

    fn number(&mut self, scope: &str) -> Result<usize, ConfigError> {
        if let Some(&number) = self.numbers.get(scope) {
            return Ok(number);
        }
        if self.names.len() == MOST_SCOPES {
            return Err(ConfigError::new(format!("scope_hierarchy names more than {MOST_SCOPES} scopes")));
        }
        self.names.push(scope.into());
        self.implied.push(Vec::new());
        self.numbers.insert(scope.into(), self.names.len() - 1);
        Ok(self.names.len() - 1)
    }

    /// Removes, again and again, the scopes that imply no remaining one. What remains is in a circle or leads into one.
    fn check_for_cycles(&self) -> Result<(), ConfigError> {
        let mut left: Vec<usize> = self.implied.iter().map(Vec::len).collect();
        let mut implying = vec![Vec::new(); left.len()];
        for (scope, implied) in self.implied.iter().enumerate() {
            for &implied in implied {
                implying[implied].push(scope);
            }
        }
        let mut done: Vec<usize> = (0..left.len()).filter(|&scope| left[scope] == 0).collect();
        while let Some(scope) = done.pop() {
            for &above in &implying[scope] {
                left[above] -= 1;
                if left[above] == 0 {
                    done.push(above);
                }
            }
        }
        let Some(first) = left.iter().position(|&implied| implied > 0) else { return Ok(()) };
        let next = |at: usize| self.implied[at].iter().copied().find(|&implied| left[implied] > 0).unwrap_or(at);
        let inside = left.iter().fold(first, |at, _| next(at));
        Err(ConfigError::new(format!(
            "scope_hierarchy goes round in a circle: \"{}\" implies a scope that implies it",
            self.names[inside]
        )))
    }

    /// The scopes that these imply and that are not among them.
    pub(super) fn implied<'s>(&'s self, granted: &[&str]) -> Vec<&'s str> {
        let mut seen = vec![false; self.names.len()];
        let mut open = Vec::new();
        for &number in granted.iter().filter_map(|scope| self.numbers.get(*scope)) {
            if !std::mem::replace(&mut seen[number], true) {
                open.push(number);
            }
        }
        let mut added = Vec::new();
        while let Some(scope) = open.pop() {
            for &number in &self.implied[scope] {
                if !std::mem::replace(&mut seen[number], true) {
                    added.push(&*self.names[number]);
                    open.push(number);
                }
            }
        }
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(paths: &[&str], claims: &str) -> (Vec<String>, Vec<String>) {
        let paths = paths.iter().map(|path| ClaimPath::parse("scope_claims", path).unwrap()).collect();
        let claims = Claims::parse(claims.as_bytes()).unwrap();
        let scope_claims = ScopeClaims::new(paths).unwrap();
        let Granted { scopes, skipped } = scope_claims.granted(&claims);
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        (owned(scopes), owned(skipped))
    }

    fn hierarchy(implications: &[(&str, &[&str])]) -> Result<ScopeHierarchy, ConfigError> {
        let boxed = |scopes: &[&str]| scopes.iter().map(|&scope| scope.into()).collect();
        let implications: Vec<_> =
            implications.iter().map(|&(scope, implied)| (scope.into(), boxed(implied))).collect();
        ScopeHierarchy::new(&implications)
    }

    #[test]
    fn only_the_text_of_scope_and_scp_is_split() {
        let claims = r#"{"scope":"a  b","scp":"c d","roles":["e","admin write","",7],"role":"f","groups":"g h",
            "realm_access":{"roles":["i"],"scope":"j k"}}"#;
        let paths = ["scope", "scp", "roles", "role", "groups", "/realm_access/roles", "/realm_access/scope", "absent"];
        let (scopes, skipped) = granted(&paths, claims);
        assert_eq!(scopes, ["a", "b", "c", "d", "e", "f", "i"]);
        assert_eq!(skipped, ["admin write", "", "", "g h", "j k"]);
        assert_eq!(granted(&["scope"], r#"{"scope":["a b","c"]}"#).0, ["c"]);
        assert!(ScopeClaims::new(Vec::new()).is_err());
    }

    #[test]
    fn what_is_implied_implies_in_turn_and_is_added_once() {
        let hierarchy =
            hierarchy(&[("admin", &["write", "audit"]), ("write", &["read"]), ("audit", &["read"])]).unwrap();
        let implied = |granted: &[&str]| {
            let mut implied = hierarchy.implied(granted);
            implied.sort_unstable();
            implied
        };
        assert_eq!(implied(&["admin"]), ["audit", "read", "write"]);
        assert_eq!(implied(&["write", "read"]), [""; 0]);
        assert_eq!(implied(&["admin", "admin", "write", "x"]), ["audit", "read"]);
        assert_eq!(implied(&["read"]), [""; 0]);
        assert_eq!(implied(&[]), [""; 0]);
    }

    #[test]
    fn circles_and_what_is_no_scope_are_errors() {
        for circle in [
            &[("a", &["a"][..])][..],
            &[("a", &["b"]), ("b", &["a"])],
            &[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a", "y"])],
        ] {
            let error = hierarchy(circle).unwrap_err().to_string();
            assert!(error.contains("circle") && !error.contains("\"x\"") && !error.contains("\"y\""), "{error}");
        }
        for bad in [&[][..], &[("a b", &["c"][..])], &[("a", &[""])], &[("", &["a"])]] {
            assert!(hierarchy(bad).unwrap_err().to_string().starts_with("scope_hierarchy "));
        }
        let many: Vec<(Box<str>, Vec<Box<str>>)> =
            (0..=MOST_SCOPES).map(|i| (format!("s{i}").into(), Vec::new())).collect();
        assert!(ScopeHierarchy::new(&many).is_err() && ScopeHierarchy::new(&many[..MOST_SCOPES]).is_ok());
    }
}
