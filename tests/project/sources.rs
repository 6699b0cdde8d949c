//! The text of the sources, as the tests of this folder read it.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::path::{Path, PathBuf};

use crate::root::root;

pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The code without its line comments, whose links go wherever they like.
pub(crate) fn without_comments(source: &str) -> String {
    let code = |line: &str| {
        let start = line.match_indices("//").map(|(at, _)| at);
        let comment = start.into_iter().find(|&at| line[..at].trim_end().len() < at || at == 0);
        line[..comment.unwrap_or(line.len())].to_owned()
    };
    source.lines().map(|line| code(line) + "\n").collect()
}

/// The paths that `use` trees and expressions spell out behind `root::`, one for each leaf.
pub(crate) fn paths_from(root: &str, code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let prefix = format!("{root}::");
    for (at, _) in code.match_indices(&prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        leaves(&code[at + prefix.len()..], "", &mut paths);
    }
    paths
}

/// Adds the leaves of one path or `{...}` group; returns how much of the text it took.
pub(crate) fn leaves(text: &str, parent: &str, paths: &mut Vec<String>) -> usize {
    let joined = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}::{name}") };
    let mut at = text.len() - text.trim_start().len();
    if !text[at..].starts_with('{') {
        let name: String = text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '*').collect();
        at += name.len();
        if let Some(rest) = text[at..].strip_prefix("::") {
            return at + 2 + leaves(rest, &joined(&name), paths);
        }
        paths.push(joined(&name));
        return at;
    }
    at += 1;
    loop {
        at += text[at..].len() - text[at..].trim_start_matches([' ', '\n', ',']).len();
        match text[at..].chars().next() {
            None => return at,
            Some('}') => return at + 1,
            Some(_) => {
                let taken = leaves(&text[at..], parent, paths);
                // What is no path (an operator in a macro, a lifetime) ends the group rather than the loop.
                if taken == 0 {
                    return at;
                }
                at += taken;
            }
        }
    }
}

/// Each `super::` chain as the path from the root of the crate that it means, in the file with this module path.
pub(crate) fn paths_from_super(module: &[&str], code: &str) -> Vec<String> {
    let tests = code.find("mod tests").unwrap_or(code.len());
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("super::") {
        if code[..at].ends_with("::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut here: Vec<&str> = module.to_vec();
        if at > tests {
            here.push("tests");
        }
        while let Some(further) = rest.strip_prefix("super::") {
            rest = further;
            here.pop();
        }
        leaves(rest, &here.join("::"), &mut paths);
    }
    paths
}

/// `src/jose/jwk.rs` is `jose::jwk`, `src/jose/mod.rs` is `jose`.
pub(crate) fn module_path(file: &str) -> Vec<&str> {
    let inner = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    inner.split('/').filter(|name| !matches!(*name, "mod" | "lib")).collect()
}

/// The files with this extension below a folder of the project, in order.
pub(crate) fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                collect(&path, extension, files);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(&root().join(folder), extension, &mut files);
    files.sort();
    files
}

/// The path of a file from the root of the project, with `/` on every system.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}
