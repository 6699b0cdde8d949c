//! The members of an object of plain JSON, each of which is read when it is asked for.

use std::sync::OnceLock;

use memchr::{memchr, memchr2};

use super::json::{self, Value};
use super::plain_json::Place;

/// The most members for which there is room at once.
const USUAL_MEMBERS: usize = 24;

/// The members of an object, in the order of its text, which stays with the caller.
#[derive(Debug, Clone)]
pub(super) struct ScannedMembers(Vec<Member>);

#[derive(Debug, Clone)]
struct Member {
    name: Place,
    value: Place,
    read: OnceLock<Value>,
}

impl ScannedMembers {
    /// Finds the members of a text that is known to be plain JSON, so nothing of it is checked again.
    pub(super) fn of_plain_json(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut members = Vec::with_capacity(USUAL_MEMBERS);
        let mut at = 0;
        while let Some((name, value, end)) = next_member(bytes, at) {
            members.push(Member { name, value, read: OnceLock::new() });
            at = end;
        }
        Self(members)
    }

    /// The value under a name.
    pub(super) fn get<'m>(&'m self, name: &str, text: &str) -> Option<&'m Value> {
        let member = self.0.iter().find(|member| member.name.of(text) == name)?;
        // What was scanned is a value to the strict parser, as the tests and the fuzzer hold it to.
        Some(member.read.get_or_init(|| json::parse_value(member.value.of(text)).unwrap_or(Value::Null)))
    }

    /// What they take in memory, in bytes, by estimate.
    pub(super) fn memory(&self) -> usize {
        let read = self.0.iter().filter_map(|member| member.read.get()).map(Value::memory);
        self.0.capacity() * size_of::<Member>() + read.sum::<usize>()
    }
}

/// The next member of an object, of whose text this much was read: its name, its value, and where that ends.
fn next_member(bytes: &[u8], at: usize) -> Option<(Place, Place, usize)> {
    let behind = |byte: u8, at: usize| memchr(byte, bytes.get(at..)?).map(|len| at + len + 1);
    let name = behind(b'"', at)?;
    let name_end = behind(b'"', name)?;
    let mut value = behind(b':', name_end)?;
    while bytes.get(value)?.is_ascii_whitespace() {
        value += 1;
    }
    let end = end_of_value(bytes, value)?;
    Some((Place::new(name, name_end - 1)?, Place::new(value, end)?, end))
}

/// Where a value ends that begins here.
fn end_of_value(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => at = end_of_string(bytes, at + 1)?,
            b'[' | b'{' => {
                depth += 1;
                at += 1;
                continue;
            }
            b']' | b'}' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b',' | b']' | b'}' if depth == 0 => return Some(at),
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// What is behind the closing quote of a string that begins here.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at)? == &b'"' {
            return Some(at + 1);
        }
        // The backslash, and what it is before.
        at += 2;
    }
}
