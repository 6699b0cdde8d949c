//! One word has one meaning: no two types of the core have the same name.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::BTreeMap;

use crate::sources::{files_below, relative, without_comments};

/// The names of the types that a file defines, private ones among them, without those of its tests.
fn types_of(source: &str) -> Vec<String> {
    let code = without_comments(source);
    let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    let name = |line: &str| {
        let line = line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
        let (kind, rest) = line.split_once(' ')?;
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        ["struct", "enum", "trait", "type", "union"].contains(&kind).then(|| name.to_owned())
    };
    code[..end].lines().filter_map(name).collect()
}

#[test]
fn no_two_types_of_the_core_have_one_name() {
    let mut files = BTreeMap::<String, Vec<String>>::new();
    for path in files_below("src", "rs") {
        let name = relative(&path);
        if name.starts_with("src/python/") || name.ends_with("/tests.rs") {
            continue;
        }
        for found in types_of(&std::fs::read_to_string(path).unwrap()) {
            files.entry(found).or_default().push(name.clone());
        }
    }
    assert!(files.len() > 100, "the types were read");
    files.retain(|_, files| files.len() > 1);
    assert_eq!(files, BTreeMap::new());
}

#[test]
fn types_are_found_whatever_their_visibility() {
    let source = "struct A;\npub(super) enum B {}\n// struct C;\npub trait D {\n    type E;\n}\n#[cfg(test)]\nmod tests {\nstruct F;\n}";
    assert_eq!(types_of(source), ["A", "B", "D"]);
}
