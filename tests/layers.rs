//! The layers of the project, enforced on the text of its sources.
//!
//! Cargo checks none of this: inside one crate every module may use every other. The rules are those of `src/lib.rs`:
//! the standards know nothing of keys, HTTP nothing of tokens, keys nothing of policy, and nobody but `src/python` that
//! there is a Python.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::path::{Path, PathBuf};

/// What files below a path may use of the crate. Their own module is always allowed.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("src/jose/", &["jose"]),
    ("src/rejection.rs", &["jose::jws", "jose::jwt", "rejection"]),
    ("src/config.rs", &["config", "jose"]),
    ("src/clock.rs", &["clock"]),
    ("src/per_process.rs", &["per_process"]),
    ("src/flights.rs", &["flights", "per_process"]),
    ("src/http/", &["config", "http"]),
    ("src/keys/", &["clock", "config", "http", "jose", "keys", "per_process", "rejection", "tame"]),
    (
        "src/oauth/",
        &[
            "clock",
            "config",
            "flights",
            "http",
            "jose",
            "keys",
            "oauth",
            "per_process",
            "policy",
            "rejection",
            "verifier",
        ],
    ),
    ("src/checks.rs", &["checks", "rejection"]),
    ("src/tame.rs", &["tame"]),
    ("src/policy/", &["checks", "config", "jose", "policy", "rejection"]),
    ("src/explain/", &["checks", "config", "explain", "jose", "keys", "policy", "rejection", "tame", "verifier"]),
];

/// The files that decide about tokens, which have neither a clock nor files nor a network.
const PURE: [&str; 8] = [
    "src/explain/",
    "src/jose/",
    "src/policy/",
    "src/stand_in.rs",
    "src/verifier.rs",
    "src/oauth/introspection.rs",
    "src/oauth/remote_verification.rs",
    "src/oauth/verdict.rs",
];
const IMPURE: [&str; 4] = ["std::fs", "std::net", "SystemTime", "Instant"];

/// Files whose one clock is that of `src/keys/remote/registry.rs`, which no wall clock moves.
const TIMED: [&str; 2] = ["src/http/", "src/keys/"];
const OTHER_CLOCKS: [&str; 2] = ["SystemTime", "Instant"];

/// The host and its dependencies, which one Python file alone imports.
const HOST_PACKAGES: [&str; 4] = ["fastmcp", "mcp", "httpx", "httpx2"];
const HOST_FILE: &str = "host.py";

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The code without its line comments, whose links go wherever they like.
fn without_comments(source: &str) -> String {
    let code = |line: &str| {
        let start = line.match_indices("//").map(|(at, _)| at);
        let comment = start.into_iter().find(|&at| line[..at].trim_end().len() < at || at == 0);
        line[..comment.unwrap_or(line.len())].to_owned()
    };
    source.lines().map(|line| code(line) + "\n").collect()
}

/// The paths that `use` trees and expressions spell out behind `root::`, one for each leaf.
fn paths_from(root: &str, code: &str) -> Vec<String> {
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
fn leaves(text: &str, parent: &str, paths: &mut Vec<String>) -> usize {
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
fn paths_from_super(module: &[&str], code: &str) -> Vec<String> {
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
fn module_path(file: &str) -> Vec<&str> {
    let inner = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    inner.split('/').filter(|name| !matches!(*name, "mod" | "lib")).collect()
}

/// The rules that a Rust file breaks.
fn rust_faults(file: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let code = without_comments(source);
    let binding = file.starts_with("src/python/") || file == "src/python.rs" || file == "src/lib.rs";
    if !binding && words(source).any(|word| word == "pyo3") {
        faults.push("names pyo3".to_owned());
    }
    let mut used = paths_from("crate", &code);
    used.extend(paths_from_super(&module_path(file), &code));
    used.retain(|path| !path.is_empty());
    if !binding {
        faults
            .extend(used.iter().filter(|path| words(path).next() == Some("python")).map(|path| format!("uses {path}")));
    }
    for (below, allowed) in MAY_USE.iter().filter(|(below, _)| file.starts_with(below)) {
        let fits = |path: &str, allowed: &str| {
            path == allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with("::"))
        };
        let strays = used.iter().filter(|path| !allowed.iter().any(|allowed| fits(path, allowed)));
        faults.extend(strays.map(|path| format!("uses {path}, which {below} may not")));
    }
    if TIMED.iter().any(|below| file.starts_with(below)) {
        let strays = OTHER_CLOCKS.iter().filter(|clock| words(&code).any(|word| word == **clock));
        faults.extend(strays.map(|clock| format!("uses {clock}")));
    }
    if PURE.iter().any(|below| file.starts_with(below)) {
        let std_paths: Vec<_> = paths_from("std", &code).iter().map(|path| format!("std::{path}")).collect();
        for impure in IMPURE {
            let by_path = std_paths.iter().any(|path| path == impure || path.starts_with(&format!("{impure}::")));
            if by_path || words(&code).any(|word| word == impure) {
                faults.push(format!("uses {impure}"));
            }
        }
    }
    faults
}

/// The host packages that a Python file imports, outside its docstrings.
fn python_faults(file: &str, source: &str) -> Vec<String> {
    if Path::new(file).file_name().is_some_and(|name| name == HOST_FILE) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let mut in_text = false;
    for line in source.lines() {
        let quotes = line.matches("\"\"\"").count();
        if in_text || quotes > 0 {
            in_text ^= quotes % 2 == 1;
            continue;
        }
        let line = line.trim_start();
        let modules: Vec<&str> = if let Some(rest) = line.strip_prefix("from ") {
            rest.split_whitespace().take(1).collect()
        } else if let Some(rest) = line.strip_prefix("import ") {
            rest.split(',').filter_map(|module| module.split_whitespace().next()).collect()
        } else {
            continue;
        };
        let host = modules.into_iter().filter(|module| HOST_PACKAGES.contains(&module.split('.').next().unwrap_or("")));
        faults.extend(host.map(|module| format!("imports {module}, which only {HOST_FILE} may")));
    }
    faults
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Each file below the folder, and what it breaks.
fn all_faults(folder: &str, extension: &str, faults: fn(&str, &str) -> Vec<String>) -> (usize, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files_below(&root.join(folder), extension);
    let faults = files.iter().flat_map(|path| {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        let found = faults(&name, &std::fs::read_to_string(path).unwrap());
        found.into_iter().map(move |fault| format!("{name} {fault}"))
    });
    (files.len(), faults.collect())
}

#[test]
fn the_rust_sources_keep_their_layers() {
    let (files, faults) = all_faults("src", "rs", rust_faults);
    assert!(files >= 20, "{files} files were found");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn only_one_python_file_imports_the_host() {
    let (_, faults) = all_faults("python/fastmcp_rs", "py", python_faults);
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_rust_file_that_breaks_a_rule_is_noticed() {
    for (file, source) in [
        ("src/jose/jwk.rs", "use crate::keys::KeySet;"),
        ("src/jose/jwk.rs", "use crate::{jose::jwa::Algorithm, rejection};"),
        ("src/jose/jwk.rs", "fn f() -> crate::policy::Policy {}"),
        ("src/jose/jwk.rs", "use super::super::config;"),
        ("src/jose/jwk.rs", "mod tests {\n    use super::super::super::config::Algorithms;\n}"),
        ("src/jose/jwk.rs", "use std::{fmt, fs};"),
        ("src/jose/jwk.rs", "use std::net::TcpStream;"),
        ("src/jose/jwk.rs", "let now = Instant::now();"),
        ("src/jose/mod.rs", "use super::policy;"),
        ("src/rejection.rs", "use crate::jose::jwa::Algorithm;"),
        ("src/rejection.rs", "use crate::jose::{jwt::Claims, jwk};"),
        ("src/config.rs", "use crate::rejection::Rejection;"),
        ("src/http/client.rs", "use crate::keys::KeySet;"),
        ("src/keys/remote/endpoint.rs", "let now = SystemTime::now();"),
        ("src/keys/remote/endpoint.rs", "use std::time::Instant;"),
        ("src/http/message.rs", "use crate::jose::json;"),
        ("src/keys/set.rs", "use crate::policy::Policy;"),
        ("src/keys/set.rs", "use super::super::verifier;"),
        ("src/oauth/bearer.rs", "use crate::static_tokens;"),
        ("src/policy/mod.rs", "use crate::keys::KeySet;"),
        ("src/policy/mod.rs", "use std::time::{Duration, SystemTime};"),
        ("src/verifier.rs", "let text = std::fs::read(path);"),
        ("src/verifier.rs", "use crate::python::exceptions;"),
        ("src/testing.rs", "use super::python;"),
        ("src/static_tokens.rs", "use pyo3::prelude::*;"),
        ("src/static_tokens.rs", "// as pyo3 would have it"),
    ] {
        assert_eq!(rust_faults(file, source).len(), 1, "{file}: {source}: {:?}", rust_faults(file, source));
    }
}

#[test]
fn a_rust_file_that_keeps_the_rules_is_left_alone() {
    for (file, source) in [
        (
            "src/jose/jwk.rs",
            "//! See [`crate::policy`].\nuse super::json::{self, Object};\nuse crate::jose::{jwa, jws::{self, Header}};",
        ),
        ("src/jose/jwk.rs", "use crate::jose::base64url; // crate::policy has the rest"),
        ("src/jose/jwk.rs", "mod tests {\n    use super::super::json::parse_object;\n    use super::*;\n}"),
        ("src/jose/jwk.rs", "let instant = 1; let url = \"https://x\"; use std::fmt;"),
        ("src/rejection.rs", "use crate::jose::jwt::NumericDate;"),
        ("src/keys/set.rs", "use crate::{config, jose::jwa, rejection};\nuse super::disguise;"),
        ("src/policy/mod.rs", "mod tests { use super::*; fn f() { crate::jose::base64url::encode(b\"\"); } }"),
        ("src/python/mod.rs", "use pyo3::prelude::*;\nuse crate::python::errors;\nuse crate::verifier;"),
        ("src/lib.rs", "#[cfg(feature = \"python\")]\nmod python;\nuse pyo3::prelude::*;"),
    ] {
        assert_eq!(rust_faults(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}

#[test]
fn a_python_file_that_imports_the_host_is_noticed() {
    let file = "python/fastmcp_rs/auth/verifiers.py";
    for source in [
        "import fastmcp",
        "from fastmcp.server import x",
        "    import os, httpx",
        "from mcp import y",
        "import httpx2 as h",
        "import mcp.server",
    ] {
        assert_eq!(python_faults(file, source).len(), 1, "{source}");
        assert_eq!(python_faults("python/fastmcp_rs/host.py", source), Vec::<String>::new(), "{source}");
    }
    for source in [
        "import fastmcp_rs",
        "from fastmcp_rs._native import mcp",
        "from . import host",
        "from .host import httpx",
        "import importlib",
        "\"\"\"Example:\n    from fastmcp import FastMCP\n\"\"\"",
        "# import mcp",
    ] {
        assert_eq!(python_faults(file, source), Vec::<String>::new(), "{source}");
    }
}
