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

pub use super::not_an_object::NotAnObject;

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 32;

/// How many members the top object has room for before it grows: headers and most claims sets need no more.
const USUAL_MEMBERS: usize = 12;

/// Below this many members, comparing every name is quicker than hashing every name.
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
    pub(super) fn memory(&self) -> usize {
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

    /// The estimated memory behind this object, in bytes, without the object itself.
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

    /// The same object with every text changed: names and values, at every depth.
    #[must_use]
    pub fn with_texts(&self, change: &dyn Fn(&str) -> String) -> Self {
        fn changed(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
            match value {
                Value::String(text) => Value::String(change(text).into()),
                Value::Array(items) => Value::Array(items.iter().map(|item| changed(item, change)).collect()),
                Value::Object(object) => Value::Object(object.with_texts(change)),
                other => other.clone(),
            }
        }
        let member = |(name, value): &(Name, Value)| (Cow::Owned(change(name)), changed(value, change));
        Self { members: self.members.iter().map(member).collect() }
    }

    /// Whether this object, or one inside it, has a member name twice. Only [`parse_document`] lets such objects through.
    #[must_use]
    pub fn has_a_name_twice(&self) -> bool {
        fn below(value: &Value) -> bool {
            match value {
                Value::Object(object) => object.has_a_name_twice(),
                Value::Array(items) => items.iter().any(below),
                _ => false,
            }
        }
        self.has_duplicates() || self.members.iter().any(|(_, value)| below(value))
    }

    #[inline]
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

/// The byte order mark in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Parses one JSON object.
///
/// # Errors
/// [`NotAnObject`] for everything that is not exactly one object in UTF-8 without a byte order mark: another type at
/// the top, a duplicate member name, a lone surrogate, an integer of more than 4300 digits, nesting deeper than
/// [`MAX_DEPTH`], or anything behind the object.
pub fn parse_object(text: &[u8]) -> Result<Object, NotAnObject> {
    parse::<true>(text)
}

/// Parses the value of a member of an object.
///
/// # Errors
/// As of [`parse_object`].
pub(super) fn parse_value(text: &str) -> Result<Value, NotAnObject> {
    let mut reader = Jiter::new(text.as_bytes());
    let peek = reader.peek()?;
    let value = value::<true>(&mut reader, peek, MAX_DEPTH - 1)?;
    reader.finish()?;
    Ok(value)
}

/// Parses a document that the operator named, which is read more leniently than what a client sends: a byte order mark is
/// ignored, as RFC 8259 section 8.1 allows, and a name may stand twice in an object below the top one, which is then for
/// its reader to skip ([`Object::has_a_name_twice`]).
///
/// # Errors
/// As of [`parse_object`], but for these two.
pub fn parse_document(text: &[u8]) -> Result<Object, NotAnObject> {
    parse::<false>(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

/// `STRICT` refuses a name twice in every object, and else only in the one at the top.
fn parse<const STRICT: bool>(text: &[u8]) -> Result<Object, NotAnObject> {
    if std::str::from_utf8(text).is_err() {
        return Err(NotAnObject::NotUtf8);
    }
    let mut reader = Jiter::new(text);
    if reader.peek()? != Peek::Object {
        return Err(other_than_an_object(text));
    }
    let object = object::<STRICT>(&mut reader, MAX_DEPTH, Object { members: Vec::with_capacity(USUAL_MEMBERS) })?;
    if !STRICT && object.has_duplicates() {
        return Err(NotAnObject::NameTwice);
    }
    reader.finish()?;
    Ok(object)
}

fn other_than_an_object(text: &[u8]) -> NotAnObject {
    match text.trim_ascii() {
        b"true" | b"false" | b"null" | [b'[' | b'"' | b'-' | b'0'..=b'9', ..] => NotAnObject::OtherType,
        text if text.starts_with(BYTE_ORDER_MARK) => NotAnObject::ByteOrderMark,
        _ => NotAnObject::Syntax,
    }
}

fn value<const STRICT: bool>(reader: &mut Jiter<'_>, peek: Peek, depth: usize) -> Result<Value, NotAnObject> {
    Ok(match peek {
        Peek::Null => {
            reader.known_null()?;
            Value::Null
        }
        Peek::True | Peek::False => Value::Bool(reader.known_bool(peek)?),
        Peek::String => Value::String(reader.known_str()?.into()),
        Peek::Array => Value::Array(array::<STRICT>(reader, depth)?),
        Peek::Object => Value::Object(object::<STRICT>(reader, depth, Object::default())?),
        Peek::NaN | Peek::Infinity => return Err(NotAnObject::Number),
        _ => match reader.known_number(peek)? {
            NumberAny::Int(NumberInt::Int(int)) => Value::Int(int),
            NumberAny::Int(NumberInt::BigInt(int)) => Value::BigInt(int),
            NumberAny::Float(float) => Value::Float(float),
        },
    })
}

fn array<const STRICT: bool>(reader: &mut Jiter<'_>, depth: usize) -> Result<Vec<Value>, NotAnObject> {
    let depth = depth.checked_sub(1).ok_or(NotAnObject::TooDeep)?;
    let mut items = Vec::new();
    let mut next = reader.known_array()?;
    while let Some(peek) = next {
        items.push(value::<STRICT>(reader, peek, depth)?);
        next = reader.array_step()?;
    }
    Ok(items)
}

/// Reads an object into this one. Only the one at the top has room beforehand: there may be very many below it.
fn object<const STRICT: bool>(reader: &mut Jiter<'_>, depth: usize, mut object: Object) -> Result<Object, NotAnObject> {
    let depth = depth.checked_sub(1).ok_or(NotAnObject::TooDeep)?;
    let mut next = reader.known_object()?.map(name);
    while let Some(name_of_member) = next {
        let peek = reader.peek()?;
        object.members.push((name_of_member, value::<STRICT>(reader, peek, depth)?));
        next = reader.next_key()?.map(name);
    }
    if STRICT && object.has_duplicates() {
        return Err(NotAnObject::NameTwice);
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
mod tests;
