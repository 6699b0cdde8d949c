//! Why a text is not one strict JSON object (RFC 8259).

use std::fmt;

use jiter::JsonErrorType;

/// Why a text is not one strict JSON object. Repeats nothing of it: the text is untrusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnObject {
    /// It does not follow the grammar (RFC 8259 section 2), or there is something behind the object.
    Syntax,
    /// It ends before the object does.
    CutOff,
    /// It is not UTF-8 (RFC 8259 section 8.1).
    NotUtf8,
    /// It begins with a byte order mark (RFC 8259 section 8.1).
    ByteOrderMark,
    /// It is JSON of another type.
    OtherType,
    /// A member name stands twice in one object (RFC 8259 section 4).
    NameTwice,
    /// A string holds half of a surrogate pair, which is no character (RFC 7493 section 2.1).
    LoneSurrogate,
    /// It is nested deeper than the reader's bound.
    TooDeep,
    /// A number cannot be read: `NaN`, an infinity, or an integer of more than 4300 digits.
    Number,
}

impl fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "it is not JSON (RFC 8259)",
            Self::CutOff => "it is JSON that was cut off: it ends before its object does",
            Self::NotUtf8 => "it is not text in UTF-8",
            Self::ByteOrderMark => "it begins with a byte order mark, which JSON must not have",
            Self::OtherType => "it is JSON, but not an object",
            Self::NameTwice => "it has a member name twice in one object",
            Self::LoneSurrogate => "it has half of a surrogate pair in a string, which is no character",
            Self::TooDeep => "it is nested deeper than 32 levels",
            Self::Number => "it has a number that JSON does not have, or that is too long to be read",
        })
    }
}

impl From<jiter::JiterError> for NotAnObject {
    fn from(error: jiter::JiterError) -> Self {
        let jiter::JiterErrorType::JsonError(error) = error.error_type else { return Self::Syntax };
        error.into()
    }
}

impl From<jiter::JsonError> for NotAnObject {
    fn from(error: jiter::JsonError) -> Self {
        error.error_type.into()
    }
}

impl From<JsonErrorType> for NotAnObject {
    fn from(error: JsonErrorType) -> Self {
        match error {
            JsonErrorType::EofWhileParsingList
            | JsonErrorType::EofWhileParsingObject
            | JsonErrorType::EofWhileParsingString
            | JsonErrorType::EofWhileParsingValue => Self::CutOff,
            JsonErrorType::LoneLeadingSurrogateInHexEscape
            | JsonErrorType::UnexpectedEndOfHexEscape
            | JsonErrorType::InvalidUnicodeCodePoint => Self::LoneSurrogate,
            JsonErrorType::InvalidNumber | JsonErrorType::NumberOutOfRange => Self::Number,
            JsonErrorType::RecursionLimitExceeded => Self::TooDeep,
            _ => Self::Syntax,
        }
    }
}
