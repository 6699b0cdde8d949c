//! The members of an object of plain JSON, each of which is read when it is asked for.

use std::sync::OnceLock;

use super::json::{self, Value};
use super::plain_json::{Place, Reader, SeenNames};

/// The members of an object, in the order of its text, which stays with the caller.
#[derive(Debug, Clone, Default)]
pub(super) struct ScannedMembers(Box<[Member]>);

#[derive(Debug, Clone)]
struct Member {
    name: Place,
    value: Place,
    read: OnceLock<Value>,
}

impl ScannedMembers {
    /// Finds the members of a text. `None` where it is not plain JSON.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut reader = Reader::of_object(text)?;
        let mut names = SeenNames::new();
        let mut found = Vec::with_capacity(16);
        while let Some(name) = reader.next_name(found.is_empty())? {
            let (name, value) = (reader.place_of(name)?, reader.place_of_value(&mut names)?);
            found.push(Member { name, value, read: OnceLock::new() });
        }
        Some(Self(found.into()))
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
        self.0.len() * size_of::<Member>() + read.sum::<usize>()
    }
}
