//! The members of an object of plain JSON, each of which is read when it is asked for.

use std::sync::OnceLock;

use super::json::{self, Value};
use super::plain_json::Place;

/// How many members there is room for before the list grows.
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
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(USUAL_MEMBERS))
    }

    /// Takes a member that was found.
    pub(super) fn add(&mut self, name: Place, value: Place) {
        self.0.push(Member { name, value, read: OnceLock::new() });
    }

    /// The value under a name.
    pub(super) fn get<'m>(&'m self, name: &str, text: &str) -> Option<&'m Value> {
        let member = self.0.iter().find(|member| member.name.of(text) == name)?;
        // The strict parser accepts every value that was scanned: tests and a fuzzer check that.
        Some(member.read.get_or_init(|| json::parse_value(member.value.of(text)).unwrap_or(Value::Null)))
    }

    /// Their estimated memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        let read = self.0.iter().filter_map(|member| member.read.get()).map(Value::memory);
        self.0.capacity() * size_of::<Member>() + read.sum::<usize>()
    }
}
