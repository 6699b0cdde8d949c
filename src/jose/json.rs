//! Strict JSON objects (RFC 8259) for headers, claims and keys.
//!
//! jiter reads the grammar. On top of it: UTF-8 only, an object at the top, no member name twice in one object, and
//! a bound on nesting, so that one text has one meaning and cannot exhaust the stack. A token is parsed once, by
//! this parser; policy and Python read the value that it returns.

use std::borrow::Cow;
use std::collections::HashSet;

use jiter::{Jiter, NumberAny, NumberInt, Peek};
use num_bigint::BigInt;
use zeroize::Zeroize;

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 32;

/// For how many members the object at the top has room at once: headers and most claims sets need no more.
const USUAL_MEMBERS: usize = 12;

/// Below this many members a look at each is quicker than a hash of each.
const LINEAR_DUPLICATE_CHECK: usize = 16;

/// A JSON value that owns its text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// An integer that does not.
    BigInt(BigInt),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string.
    String(Box<str>),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

impl Value {
    fn memory(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::BigInt(int) => usize::try_from(int.bits() / 8).unwrap_or(usize::MAX),
            Self::Array(items) => items.capacity() * size_of::<Self>() + items.iter().map(Self::memory).sum::<usize>(),
            Self::Object(object) => object.memory(),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) => 0,
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Overwrites the strings, which may be secrets.
impl Zeroize for Value {
    fn zeroize(&mut self) {
        match self {
            Self::String(text) => text.zeroize(),
            Self::Array(items) => items.iter_mut().for_each(Self::zeroize),
            Self::Object(object) => object.zeroize(),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::BigInt(_) | Self::Float(_) => (),
        }
    }
}

/// A JSON object: its members in the order of the text, no name twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object {
    members: Vec<(Name, Value)>,
}

/// The name of a member. Those that most tokens have take no memory of their own.
type Name = Cow<'static, str>;

impl Object {
    /// The value under `name`.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
    }

    /// What the object takes in memory beside itself, in bytes, by estimate.
    #[must_use]
    pub fn memory(&self) -> usize {
        let texts_and_values: usize = self.members.iter().map(|(name, value)| name.len() + value.memory()).sum();
        self.members.capacity() * size_of::<(Name, Value)>() + texts_and_values
    }

    /// The members, in the order of the text.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.members.iter().map(|(key, value)| (&**key, value))
    }

    fn has_duplicates(&self) -> bool {
        let members = &self.members;
        if members.len() <= LINEAR_DUPLICATE_CHECK {
            return (1..members.len()).any(|i| members[..i].iter().any(|(name, _)| *name == members[i].0));
        }
        let mut seen = HashSet::with_capacity(members.len());
        !members.iter().all(|(name, _)| seen.insert(name))
    }
}

/// Overwrites the strings among the values, which may be secrets.
impl Zeroize for Object {
    fn zeroize(&mut self) {
        self.members.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

/// The text is not one strict JSON object. Says no more: the text is a stranger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnObject;

impl From<jiter::JiterError> for NotAnObject {
    fn from(_: jiter::JiterError) -> Self {
        Self
    }
}

/// Parses one JSON object.
///
/// # Errors
/// [`NotAnObject`] for everything that is not exactly one object in UTF-8 without a byte order mark: another type at
/// the top, a duplicate member name, a lone surrogate, an integer of more than 4300 digits, nesting deeper than
/// [`MAX_DEPTH`], or anything behind the object.
pub fn parse_object(text: &[u8]) -> Result<Object, NotAnObject> {
    if std::str::from_utf8(text).is_err() {
        return Err(NotAnObject);
    }
    let mut reader = Jiter::new(text);
    if reader.peek()? != Peek::Object {
        return Err(NotAnObject);
    }
    let object = object(&mut reader, MAX_DEPTH, Object { members: Vec::with_capacity(USUAL_MEMBERS) })?;
    reader.finish()?;
    Ok(object)
}

fn value(reader: &mut Jiter<'_>, peek: Peek, depth: usize) -> Result<Value, NotAnObject> {
    Ok(match peek {
        Peek::Null => {
            reader.known_null()?;
            Value::Null
        }
        Peek::True | Peek::False => Value::Bool(reader.known_bool(peek)?),
        Peek::String => Value::String(reader.known_str()?.into()),
        Peek::Array => Value::Array(array(reader, depth)?),
        Peek::Object => Value::Object(object(reader, depth, Object::default())?),
        Peek::NaN | Peek::Infinity => return Err(NotAnObject),
        _ => match reader.known_number(peek)? {
            NumberAny::Int(NumberInt::Int(int)) => Value::Int(int),
            NumberAny::Int(NumberInt::BigInt(int)) => Value::BigInt(int),
            NumberAny::Float(float) => Value::Float(float),
        },
    })
}

fn array(reader: &mut Jiter<'_>, depth: usize) -> Result<Vec<Value>, NotAnObject> {
    let depth = depth.checked_sub(1).ok_or(NotAnObject)?;
    let mut items = Vec::new();
    let mut next = reader.known_array()?;
    while let Some(peek) = next {
        items.push(value(reader, peek, depth)?);
        next = reader.array_step()?;
    }
    Ok(items)
}

/// Reads an object into this one. Only the one at the top has room beforehand: there may be very many below it.
fn object(reader: &mut Jiter<'_>, depth: usize, mut object: Object) -> Result<Object, NotAnObject> {
    let depth = depth.checked_sub(1).ok_or(NotAnObject)?;
    let mut next = reader.known_object()?.map(name);
    while let Some(name_of_member) = next {
        let peek = reader.peek()?;
        object.members.push((name_of_member, value(reader, peek, depth)?));
        next = reader.next_key()?.map(name);
    }
    if object.has_duplicates() {
        return Err(NotAnObject);
    }
    Ok(object)
}

fn name(text: &str) -> Name {
    macro_rules! usual {
        ($($usual:literal)*) => {
            match text {
                $($usual => Cow::Borrowed($usual),)*
                _ => Cow::Owned(text.to_owned()),
            }
        };
    }
    usual!("alg" "typ" "kid" "iss" "sub" "aud" "exp" "nbf" "iat" "jti" "scope" "scp" "client_id" "azp")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Object, NotAnObject> {
        parse_object(text.as_bytes())
    }

    fn only(text: &str) -> Value {
        parse(&format!("{{\"v\":{text}}}")).unwrap().get("v").unwrap().clone()
    }

    #[test]
    fn reads_every_type() {
        assert_eq!(only("null"), Value::Null);
        assert_eq!(only("true"), Value::Bool(true));
        assert_eq!(only("-0"), Value::Int(0));
        assert_eq!(only("9223372036854775807"), Value::Int(i64::MAX));
        assert_eq!(only("9223372036854775808"), Value::BigInt(BigInt::from(1_u64 << 63)));
        assert_eq!(only("1.5"), Value::Float(1.5));
        assert_eq!(only("1e2"), Value::Float(100.0));
        assert_eq!(only("1e999"), Value::Float(f64::INFINITY));
        assert_eq!(only(r#""\u00e9\ud83d\ude00\n""#), Value::String("é😀\n".into()));
        assert_eq!(only("[]"), Value::Array(vec![]));
        assert_eq!(only(" [ 1 , {} ] "), Value::Array(vec![Value::Int(1), Value::Object(Object::default())]));
    }

    #[test]
    fn keeps_the_order_of_members() {
        let object = parse(r#"{"b":1,"a":2,"c":3}"#).unwrap();
        assert_eq!(object.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a", "c"]);
    }

    #[test]
    fn refuses_what_is_not_one_object() {
        for text in ["", " ", "[]", "[{}]", "1", "\"x\"", "null", "true", "{} {}", "{}x", "{},", "{", "}", "\u{feff}{}"]
        {
            assert_eq!(parse(text), Err(NotAnObject), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_rfc_8259_does_not_know() {
        for text in [
            "NaN",
            "Infinity",
            "-Infinity",
            "01",
            "+1",
            ".5",
            "1.",
            "1e",
            "0x1",
            "'a'",
            "nul",
            "True",
            "[1,]",
            "{\"a\":1,}",
            "/**/1",
            "\"\t\"",
            "\"\u{0}\"",
            "\"\\x41\"",
            "\"\\",
            "1_000",
        ] {
            assert!(parse(&format!("{{\"v\":{text}}}")).is_err(), "{text:?}");
        }
    }

    #[test]
    fn refuses_lone_surrogates_and_other_encodings() {
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800x""#, r#""\udc00\ud800""#] {
            assert!(parse(&format!("{{\"v\":{text}}}")).is_err(), "{text}");
            assert!(parse(&format!("{{{text}:1}}")).is_err(), "{text} as a name");
        }
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(parse_object(&utf16).is_err());
        assert!(parse_object(b"{\"v\":\"\xff\"}").is_err());
        assert!(parse_object(b"{\"v\":\"\xed\xa0\x80\"}").is_err());
    }

    #[test]
    fn refuses_a_name_twice_however_it_is_spelt() {
        assert!(parse(r#"{"a":1,"a":1}"#).is_err());
        assert!(parse(r#"{"a":1,"\u0061":2}"#).is_err());
        assert!(parse(r#"{"x":{"a":1,"b":2,"a":3}}"#).is_err());
        assert!(parse(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
        let many: Vec<String> = (0..100).map(|i| format!("\"n{i}\":{i}")).collect();
        assert!(parse(&format!("{{{}}}", many.join(","))).is_ok());
        assert!(parse(&format!("{{{},\"n50\":0}}", many.join(","))).is_err());
    }

    #[test]
    fn bounds_nesting_at_the_stated_depth() {
        let nested = |depth: usize| parse(&format!("{{\"v\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1)));
        assert!(nested(MAX_DEPTH).is_ok());
        assert!(nested(MAX_DEPTH + 1).is_err());
        for depth in [100, 1_000, 20_000, 100_000] {
            assert!(nested(depth).is_err());
            assert!(parse(&format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))).is_err());
        }
    }

    #[test]
    fn many_small_objects_take_little_memory_and_all_of_it_is_counted() {
        let object = parse(&format!(r#"{{"v":[{}]}}"#, vec![r#"{"":1}"#; 1000].join(","))).unwrap();
        let Some(Value::Array(items)) = object.get("v") else { panic!("an array") };
        let member = size_of::<(Name, Value)>();
        let mut counted = USUAL_MEMBERS * member + "v".len() + items.capacity() * size_of::<Value>();
        for item in items {
            let Value::Object(small) = item else { panic!("an object") };
            assert!(small.members.capacity() <= 4);
            counted += small.members.capacity() * member;
        }
        assert_eq!(object.memory(), counted);
    }

    #[test]
    fn bounds_the_length_of_an_integer() {
        assert!(matches!(only(&"9".repeat(4300)), Value::BigInt(_)));
        assert!(parse(&format!("{{\"v\":{}}}", "9".repeat(4301))).is_err());
    }
}
