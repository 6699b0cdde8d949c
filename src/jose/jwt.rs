//! The claims of a JSON Web Token (RFC 7519 section 4), read by type before any of them is judged.

use std::time::Duration;

use memchr::memchr_iter;
use x509_cert::der::DateTime;

use super::json::{self, Object, Value};

/// Seconds since 1970-01-01T00:00:00Z, possibly with a fraction (RFC 7519 section 2).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    /// The first and the last second that Python's `datetime` can tell, years 1 and 9999.
    const RANGE: std::ops::RangeInclusive<f64> = -62_135_596_800.0..=253_402_300_799.0;

    /// A whole number of seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "seconds of any year that matters fit 53 bits")]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds as f64)
    }

    /// Seconds with a fraction. `None` unless they lie in the years 1 to 9999: a time in milliseconds does not.
    #[must_use]
    pub fn new(seconds: f64) -> Option<Self> {
        Self::RANGE.contains(&seconds).then_some(Self(seconds))
    }

    /// The seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0
    }

    /// The last whole second at or before this time.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the range is that of 38 bits")]
    pub fn whole_seconds(self) -> i64 {
        self.0.floor() as i64
    }

    /// This time, so many seconds later.
    #[must_use]
    pub fn later(self, seconds: f64) -> Self {
        Self(self.0 + seconds)
    }

    /// This time by the calendar, to the second, such as `2027-01-15T08:00:00Z`. `None` before 1970.
    #[must_use]
    pub fn in_utc(self) -> Option<String> {
        let seconds = u64::try_from(self.whole_seconds()).ok()?;
        DateTime::from_unix_duration(Duration::from_secs(seconds)).ok().map(|time| time.to_string())
    }

    /// The time that a claim holds, if it holds one.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(seconds) => Self::new(Self::from_seconds(*seconds).0),
            Value::Float(seconds) => Self::new(*seconds),
            _ => None,
        }
    }
}

/// The payload is not a strict JSON object, or a claim has a type or value that it must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedClaims {
    /// The claim at fault, where it is one.
    pub claim: Option<&'static str>,
}

/// The names that a kind of claims set has for the same things. Of several that are there, the first counts.
#[derive(Debug)]
pub struct Names {
    /// When the token expires. Of several dates that are there, the earliest counts.
    pub expires: &'static [&'static str],
    /// Whom the token stands for.
    pub subject: &'static [&'static str],
    /// Who uses it: the subject, or what is to be taken for a user where there is none.
    pub user: &'static [&'static str],
    /// What the token grants.
    pub scopes: &'static [&'static str],
}

/// The names of JSON Web Tokens: RFC 7519 section 4.1, RFC 8693 section 4.2, and `scp`, which some issuers write.
pub static REGISTERED: Names =
    Names { expires: &["exp"], subject: &["sub"], user: &["sub"], scopes: &["scope", "scp"] };

/// A claims set whose registered claims all have the right type.
#[derive(Debug, Clone)]
pub struct Claims {
    object: Object,
    names: &'static Names,
    expires: Option<NumericDate>,
    not_before: Option<NumericDate>,
}

impl Claims {
    /// Reads the claims set of a JSON Web Token.
    ///
    /// # Errors
    /// `MalformedClaims`, without a claim where the payload is no strict JSON object.
    pub fn parse(payload: &[u8]) -> Result<Self, MalformedClaims> {
        let object = json::parse_object(payload).map_err(|_| MalformedClaims { claim: None })?;
        Self::read(object, &REGISTERED)
    }

    /// Reads a claims set that has these names.
    ///
    /// Expiry, `nbf` and `iat` must be dates; `iss`, `client_id`, `azp`, `jti` and the subject strings; `aud` and the scopes a
    /// string or an array of strings; `cnf` an object. A claim of another type is not the same as an absent one.
    ///
    /// # Errors
    /// `MalformedClaims`, with the claim at fault.
    pub fn read(object: Object, names: &'static Names) -> Result<Self, MalformedClaims> {
        let date = |claim: &'static str| match object.get(claim) {
            None => Ok(None),
            Some(value) => match NumericDate::from_value(value) {
                Some(date) => Ok(Some(date)),
                None => Err(MalformedClaims { claim: Some(claim) }),
            },
        };
        let mut expires: Option<NumericDate> = None;
        for claim in names.expires {
            if let Some(date) = date(claim)?.filter(|date| expires.is_none_or(|earliest| *date < earliest)) {
                expires = Some(date);
            }
        }
        let not_before = date("nbf")?;
        date("iat")?;
        for claim in ["iss", "client_id", "azp", "jti"].iter().chain(names.subject) {
            check(&object, claim, |value| value.as_str().is_some())?;
        }
        for claim in ["aud"].iter().chain(names.scopes) {
            check(&object, claim, is_text_or_texts)?;
        }
        check(&object, "cnf", |value| matches!(value, Value::Object(_)))?;
        Ok(Self { object, names, expires, not_before })
    }

    /// All claims, registered or not.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// `exp`, or what stands for it.
    #[must_use]
    pub fn expires(&self) -> Option<NumericDate> {
        self.expires
    }

    /// `nbf`
    #[must_use]
    pub fn not_before(&self) -> Option<NumericDate> {
        self.not_before
    }

    /// `iss`
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// `sub`, or what stands for it.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.names.subject.iter().find_map(|claim| self.text(claim))
    }

    /// Who uses the token.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.names.user.iter().find_map(|claim| self.text(claim))
    }

    /// Who the token was issued to: `client_id` (RFC 9068 section 2.2), else `azp`. Empty is absent.
    #[must_use]
    pub fn issued_to(&self) -> Option<&str> {
        ["client_id", "azp"].iter().find_map(|claim| self.text(claim).filter(|text| !text.is_empty()))
    }

    /// Who the token was issued to, else its subject. Empty is absent.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.issued_to().or_else(|| self.subject().filter(|text| !text.is_empty()))
    }

    /// Each value of `aud`.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.texts("aud")
    }

    /// The granted scopes: the space-separated words of `scope` or the members of the array, and `scp` only where there
    /// is no `scope` (RFC 8693 section 4.2).
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        let there = self.names.scopes.iter().find(|claim| self.object.get(claim).is_some());
        let Some(claim) = there else { return Vec::new() };
        match self.object.get(claim) {
            Some(Value::String(text)) => words(text).collect(),
            _ => self.texts(claim).filter(|scope| !scope.is_empty()).collect(),
        }
    }

    /// Whether the token is bound to a proof of possession (RFC 7800 section 3.1), or is of a type that is (RFC 9449
    /// section 5).
    #[must_use]
    pub fn is_bound(&self) -> bool {
        let bound_type =
            self.text("token_type").is_some_and(|named| ["dpop", "pop"].iter().any(|p| named.eq_ignore_ascii_case(p)));
        bound_type || self.object.get("cnf").is_some()
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.object.get(claim).and_then(Value::as_str)
    }

    fn texts(&self, claim: &str) -> impl Iterator<Item = &str> {
        let value = self.object.get(claim);
        let items = match value {
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        items.iter().filter_map(Value::as_str)
    }
}

/// What stands between the spaces of a text, which may be hundreds of scopes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    memchr_iter(b' ', text.as_bytes()).chain([text.len()]).filter_map(move |end| {
        let word = &text[start..end];
        start = end + 1;
        Some(word).filter(|word| !word.is_empty())
    })
}

fn check(object: &Object, claim: &'static str, right: impl Fn(&Value) -> bool) -> Result<(), MalformedClaims> {
    match object.get(claim) {
        Some(value) if !right(value) => Err(MalformedClaims { claim: Some(claim) }),
        _ => Ok(()),
    }
}

fn is_text_or_texts(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(items) => items.iter().all(|item| item.as_str().is_some()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(members: &str) -> Result<Claims, MalformedClaims> {
        Claims::parse(format!("{{{members}}}").as_bytes())
    }

    fn malformed(claim: &'static str) -> MalformedClaims {
        MalformedClaims { claim: Some(claim) }
    }

    #[test]
    fn dates_are_numbers_of_the_years_1_to_9999() {
        for claim in ["exp", "nbf", "iat"] {
            for bad in [
                "\"1\"",
                "\"9999999999\"",
                "true",
                "[]",
                "{}",
                "null",
                "1e999",
                "1e300",
                "253402300800",
                "-62135596801",
            ] {
                assert_eq!(claims(&format!("\"{claim}\":{bad}")).unwrap_err(), malformed(claim), "{bad}");
            }
            assert_eq!(claims(&format!("\"{claim}\":{}", "1".repeat(400))).unwrap_err(), malformed(claim));
            for good in ["0", "-1", "1.5", "1e9", "253402300799"] {
                assert!(claims(&format!("\"{claim}\":{good}")).is_ok(), "{good}");
            }
        }
        assert_eq!(claims("\"exp\":1.5").unwrap().expires().unwrap().whole_seconds(), 1);
        assert_eq!(claims("\"exp\":-0.5").unwrap().expires().unwrap().whole_seconds(), -1);
    }

    #[test]
    fn texts_are_texts() {
        for claim in ["iss", "sub", "client_id", "azp"] {
            for bad in ["1", "null", "[]", "[\"a\"]", "{}", "true"] {
                assert_eq!(claims(&format!("\"{claim}\":{bad}")).unwrap_err(), malformed(claim), "{bad}");
            }
        }
        for claim in ["aud", "scope", "scp"] {
            for bad in ["1", "null", "{\"a\":1}", "[1]", "[[\"read\"]]", "[\"a\",null]", "true"] {
                assert_eq!(claims(&format!("\"{claim}\":{bad}")).unwrap_err(), malformed(claim), "{bad}");
            }
        }
        assert_eq!(claims("\"cnf\":null").unwrap_err(), malformed("cnf"));
    }

    #[test]
    fn the_payload_is_an_object() {
        for payload in ["", "[]", "[{}]", "\"x\"", "1", "null", "true", "{"] {
            assert_eq!(Claims::parse(payload.as_bytes()).unwrap_err(), MalformedClaims { claim: None });
        }
    }

    #[test]
    fn the_client_is_the_first_that_is_not_empty() {
        for (members, client) in [
            (r#""client_id":"c","azp":"a","sub":"s""#, Some("c")),
            (r#""client_id":"","azp":"a","sub":"s""#, Some("a")),
            (r#""azp":"","sub":"s""#, Some("s")),
            (r#""sub":"""#, None),
            ("", None),
        ] {
            assert_eq!(claims(members).unwrap().client_id(), client, "{members}");
        }
    }

    #[test]
    fn scopes_never_grow_by_a_trick_of_shape() {
        for (members, scopes) in [
            (r#""scope":"""#, &[][..]),
            (r#""scope":"read  write ""#, &["read", "write"]),
            (r#""scope":"read\twrite""#, &["read\twrite"]),
            (r#""scope":"READ""#, &["READ"]),
            (r#""scope":"read read""#, &["read", "read"]),
            (r#""scope":["read","write admin"]"#, &["read", "write admin"]),
            (r#""scope":"","scp":"read""#, &[]),
            (r#""scope":[],"scp":"read""#, &[]),
            (r#""scope":["","read"]"#, &["read"]),
            (r#""scp":"read write""#, &["read", "write"]),
            (r#""scp":["read"]"#, &["read"]),
            ("", &[]),
        ] {
            assert_eq!(claims(members).unwrap().scopes(), scopes, "{members}");
        }
    }
}
