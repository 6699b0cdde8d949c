//! A quick reader of the plain JSON (RFC 8259) that most tokens hold. Every text that it reads, [`super::json`] reads with the same
//! values.
//!
//! It stops at rare forms: negative numbers, fractions, integers of more than 18 digits, surrogate pairs, a name with an escape, many
//! names, and deep nesting. The caller then uses the strict parser, which decides.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::seen_names::SeenNames;

/// The most digits of an integer: with 18, every one fits 64 bits.
const MOST_DIGITS: usize = 18;
/// The deepest nesting of arrays and objects inside the outermost object.
const MAX_DEPTH: usize = 8;
/// A string as it stands in the text, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'t> {
    raw: &'t str,
    has_escapes: bool,
}

impl<'t> Text<'t> {
    /// The string, if it has no escapes.
    #[must_use]
    #[inline]
    pub fn plain(self) -> Option<&'t str> {
        if self.has_escapes { None } else { Some(self.raw) }
    }

    /// The string, with its escapes resolved.
    #[must_use]
    pub fn read(self) -> Cow<'t, str> {
        if self.has_escapes { Cow::Owned(unescaped(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// A value, or the beginning of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'t> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A string.
    Text(Text<'t>),
    /// The beginning of an array. Its items follow.
    Array,
    /// The beginning of an object. Its members follow.
    Object,
}

impl<'t> Piece<'t> {
    /// The string, if it is one and has no escapes.
    #[must_use]
    #[inline]
    pub fn plain(self) -> Option<&'t str> {
        match self {
            Self::Text(text) => text.plain(),
            _ => None,
        }
    }
}

/// The place of a name or a value in a text: a string with its quotes, an array with its brackets. It never starts at 0, where the
/// outermost object begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    start: NonZeroU32,
    end: u32,
}

impl Place {
    fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: NonZeroU32::new(u32::try_from(start).ok()?)?, end: u32::try_from(end).ok()? })
    }

    /// The text at this place.
    #[inline]
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start.get() as usize..self.end as usize).unwrap_or_default()
    }

    /// The string at this place, without its quotes, if it is one.
    #[inline]
    pub(super) fn string_of(self, text: &str) -> Option<&str> {
        let place = self.of(text);
        if place.starts_with('"') { place.get(1..place.len() - 1) } else { None }
    }
}

/// Reads a text from its beginning. A method returns `None` if the text is not plain JSON; the reader must not be used after that.
#[derive(Debug)]
pub struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    /// A reader after the opening brace of the outermost object.
    #[must_use]
    #[inline]
    pub fn of_object(text: &'t str) -> Option<Self> {
        let mut reader = Self { text, at: 0 };
        if reader.after_space() != b'{' {
            return None;
        }
        reader.at += 1;
        Some(reader)
    }

    /// A reader of a text that begins with a value.
    #[must_use]
    #[inline]
    pub fn of_value(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The text that was read, and the rest.
    pub(super) fn split(&self) -> (&'t str, &'t str) {
        self.text.split_at_checked(self.at).unwrap_or((self.text, ""))
    }

    /// Reads the name of an object's next member; `Some(None)` after the last one.
    #[inline]
    pub fn next_name(&mut self, is_first: bool) -> Option<Option<&'t str>> {
        if self.ends_with(b'}', is_first)? {
            return Some(None);
        }
        if self.after_space() != b'"' {
            return None;
        }
        self.at += 1;
        let name = self.string()?.plain()?;
        if self.after_space() != b':' {
            return None;
        }
        self.at += 1;
        Some(Some(name))
    }

    /// Whether an array has another item.
    #[inline]
    pub fn next_item(&mut self, is_first: bool) -> Option<bool> {
        Some(!self.ends_with(b']', is_first)?)
    }

    /// Reads the next value. Of an array or an object it reads only the beginning.
    #[inline]
    pub fn value(&mut self) -> Option<Piece<'t>> {
        let first = self.after_space();
        if first.is_ascii_digit() {
            return self.integer().map(Piece::Int);
        }
        let (piece, word) = match first {
            b'"' => {
                self.at += 1;
                return self.string().map(Piece::Text);
            }
            b'[' => (Piece::Array, "["),
            b'{' => (Piece::Object, "{"),
            b't' => (Piece::Bool(true), "true"),
            b'f' => (Piece::Bool(false), "false"),
            b'n' => (Piece::Null, "null"),
            _ => return None,
        };
        if !self.rest().starts_with(word.as_bytes()) {
            return None;
        }
        self.at += word.len();
        Some(piece)
    }

    /// The place of the plain string that was just read.
    #[inline]
    pub(super) fn place_of_string(&self, value: Piece<'t>) -> Option<Place> {
        Place::new(self.at.checked_sub(value.plain()?.len() + 2)?, self.at)
    }

    /// The place of the plain string that was just read. If the beginning of an array was read, reads the rest, which must be plain
    /// strings, and returns the place of the array.
    pub(super) fn place_of_strings(&mut self, value: Piece<'t>) -> Option<Place> {
        if value != Piece::Array {
            return self.place_of_string(value);
        }
        let start = self.at.checked_sub(1)?;
        let mut is_first = true;
        while self.next_item(is_first)? {
            self.value()?.plain()?;
            is_first = false;
        }
        Place::new(start, self.at)
    }

    /// The place of a part of the text.
    pub(super) fn place_of(&self, part: &'t str) -> Option<Place> {
        let start = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        Place::new(start, start + part.len())
    }

    /// The position at which the next value begins.
    pub(super) fn start_of_value(&mut self) -> usize {
        self.after_space();
        self.at
    }

    /// The place of the value that begins at this position and was just read.
    pub(super) fn place_from(&self, start: usize) -> Option<Place> {
        Place::new(start, self.at)
    }

    /// Whether only space is left.
    #[inline]
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.after_space();
        self.at == self.text.len()
    }

    /// Reads the rest of a value after its beginning. `None` also if an object in it has a name twice.
    #[inline]
    pub(crate) fn finish(&mut self, began: Piece<'t>, names: &mut SeenNames<'t>) -> Option<()> {
        match began {
            Piece::Array | Piece::Object => self.finish_nested(began, names, MAX_DEPTH),
            Piece::Null | Piece::Bool(_) | Piece::Int(_) | Piece::Text(_) => Some(()),
        }
    }

    fn finish_nested(&mut self, began: Piece<'t>, names: &mut SeenNames<'t>, depth: usize) -> Option<()> {
        let mut is_first = true;
        match began {
            Piece::Array => {
                let depth = depth.checked_sub(1)?;
                while self.next_item(is_first)? {
                    let item = self.value()?;
                    self.finish_nested(item, names, depth)?;
                    is_first = false;
                }
            }
            Piece::Object => {
                let depth = depth.checked_sub(1)?;
                let mut members = names.of_object();
                while let Some(name) = self.next_name(is_first)? {
                    names.add(&mut members, name)?;
                    let value = self.value()?;
                    self.finish_nested(value, names, depth)?;
                    is_first = false;
                }
                names.end(&members);
            }
            Piece::Null | Piece::Bool(_) | Piece::Int(_) | Piece::Text(_) => {}
        }
        Some(())
    }

    /// Whether an array or object ends here with this byte. If not, reads the comma before the next item or member.
    #[inline]
    fn ends_with(&mut self, end: u8, is_first: bool) -> Option<bool> {
        let byte = self.after_space();
        if byte == end {
            self.at += 1;
            return Some(true);
        }
        if !is_first {
            if byte != b',' {
                return None;
            }
            self.at += 1;
        }
        Some(false)
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Skips space and returns the next byte, without reading it; 0 at the end of the text.
    #[inline]
    fn after_space(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return byte,
                None => return 0,
            }
        }
    }

    #[inline]
    fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let (mut value, mut digits) = (0_i64, 0);
        for byte in rest.iter().take(MOST_DIGITS + 1) {
            match byte {
                b'0'..=b'9' => value = value.wrapping_mul(10).wrapping_add(i64::from(byte - b'0')),
                b'.' | b'e' | b'E' => return None,
                _ => break,
            }
            digits += 1;
        }
        if digits > MOST_DIGITS || digits > 1 && rest.first() == Some(&b'0') {
            return None;
        }
        self.at += digits;
        Some(value)
    }

    /// Reads a string after its opening quote.
    #[inline]
    fn string(&mut self) -> Option<Text<'t>> {
        let (text, start) = (self.text, self.at);
        let mut rest = text.as_bytes().get(start..)?;
        let mut has_escapes = false;
        loop {
            while let Some((eight, behind)) = rest.split_first_chunk() {
                let marked = marked(u64::from_le_bytes(*eight));
                if marked != 0 {
                    rest = rest.get(marked.trailing_zeros() as usize / 8..)?;
                    break;
                }
                rest = behind;
            }
            let (first, behind) = rest.split_first()?;
            match first {
                b'"' => {
                    let raw = text.get(start..text.len() - rest.len())?;
                    self.at = text.len() - behind.len();
                    return Some(Text { raw, has_escapes });
                }
                b'\\' => {
                    rest = behind.get(escape(behind)?.1..)?;
                    has_escapes = true;
                }
                0..0x20 => return None,
                _ => rest = behind,
            }
        }
    }
}

/// Sets the highest bit of each of eight bytes that is a quote, a backslash or a control character. The first marked byte is
/// certainly one; bytes after it may be marked wrongly.
#[inline]
fn marked(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |bound: u8, eight: u64| eight.wrapping_sub(ONES * u64::from(bound));
    // With this bit inverted, a quote (0x22) becomes 0x20, and no other character from the space on is below 0x21.
    let quotes_and_controls = below(0x21, eight ^ (ONES * 0x02));
    let backslashes = below(1, eight ^ (ONES * u64::from(b'\\')));
    (quotes_and_controls | backslashes) & !eight & (ONES << 7)
}

/// The character of an escape, and the length of the escape. Both are without the backslash.
fn escape(rest: &[u8]) -> Option<(char, usize)> {
    let character = match rest.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let mut unit = 0;
            for &digit in rest.get(1..5)? {
                unit = unit * 16 + char::from(digit).to_digit(16)?;
            }
            // A half of a surrogate pair is no character, so this returns `None`.
            return Some((char::from_u32(unit)?, 5));
        }
        _ => return None,
    };
    Some((character, 1))
}

/// A string with its escapes resolved.
fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        // `string` has checked every escape.
        let Some((character, length)) = escape(escaped.as_bytes()) else { break };
        text.push(character);
        rest = &escaped[length..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests;
