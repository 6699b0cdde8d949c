//! Claims in a JSON object: of a token that is not plain JSON, and of an introspection response.

use super::json::{Object, Value};
use super::numeric_date::NumericDate;
use super::token_kind::{TokenKind, names_bound_type};

/// The payload is not a strict JSON object, or a claim has a type or value that it must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedClaims {
    /// The claim at fault, where it is one.
    pub claim: Option<&'static str>,
}

/// The claim names that one kind of claims set uses. Where several of a list are present, the first counts.
#[derive(Debug)]
pub struct ClaimNames {
    /// When the token expires. Where several are present, the earliest counts.
    pub expires: &'static [&'static str],
    /// The user that the token stands for.
    pub subject: &'static [&'static str],
    /// Its user: the subject, or what stands for a user where there is no subject.
    pub user: &'static [&'static str],
    /// What the token grants.
    pub scopes: &'static [&'static str],
}

/// The claims as an object, and the registered ones of the right types.
#[derive(Debug, Clone)]
pub(super) struct ReadClaims {
    pub(super) object: Object,
    pub(super) names: &'static ClaimNames,
    pub(super) expires: Option<NumericDate>,
    pub(super) not_before: Option<NumericDate>,
    pub(super) kind: TokenKind,
    pub(super) is_bound: bool,
}

impl ReadClaims {
    /// Reads a claims set that has these names.
    ///
    /// # Errors
    /// `MalformedClaims`, with the claim at fault.
    pub(super) fn read(object: Object, names: &'static ClaimNames) -> Result<Self, MalformedClaims> {
        let (mut not_before, mut is_bound, mut kind) = (None, false, TokenKind::default());
        for (name, value) in object.iter() {
            match name {
                "nbf" => not_before = Some(date(value, "nbf")?),
                "iat" => drop(date(value, "iat")?),
                "iss" => text(value, "iss")?,
                "client_id" => text(value, "client_id")?,
                "azp" => text(value, "azp")?,
                "jti" => text(value, "jti")?,
                "aud" => text_or_texts(value, "aud")?,
                "cnf" if !matches!(value, Value::Object(_)) => return Err(MalformedClaims { claim: Some("cnf") }),
                "cnf" => is_bound = true,
                "token_type" => {
                    is_bound |= value.as_str().is_some_and(names_bound_type);
                    kind = kind.max(TokenKind::of_member(name, value));
                }
                "at_hash" | "c_hash" | "token_use" | "token_usage" | "typ" => {
                    kind = kind.max(TokenKind::of_member(name, value));
                }
                _ => {}
            }
        }
        let mut expires: Option<NumericDate> = None;
        for claim in names.expires {
            let Some(value) = object.get(claim) else { continue };
            let date = date(value, claim)?;
            expires = Some(expires.map_or(date, |earliest| if date < earliest { date } else { earliest }));
        }
        for claim in names.subject {
            object.get(claim).map_or(Ok(()), |value| text(value, claim))?;
        }
        for claim in names.scopes {
            object.get(claim).map_or(Ok(()), |value| text_or_texts(value, claim))?;
        }
        Ok(Self { object, names, expires, not_before, kind, is_bound })
    }

    /// The text of a claim, if it is one.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.object.get(claim).and_then(Value::as_str)
    }
}

/// The texts of a claim that is one text or several.
pub(super) fn members(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    items.iter().filter_map(Value::as_str)
}

fn date(value: &Value, claim: &'static str) -> Result<NumericDate, MalformedClaims> {
    NumericDate::from_value(value).ok_or(MalformedClaims { claim: Some(claim) })
}

fn text(value: &Value, claim: &'static str) -> Result<(), MalformedClaims> {
    if value.as_str().is_some() { Ok(()) } else { Err(MalformedClaims { claim: Some(claim) }) }
}

fn text_or_texts(value: &Value, claim: &'static str) -> Result<(), MalformedClaims> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| text(item, claim)),
        one => text(one, claim),
    }
}
