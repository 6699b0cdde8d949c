//! The layers of the project, enforced on the text of its sources.
//!
//! Cargo checks none of this: inside one crate every module may use every other. The rules are those of `src/lib.rs`:
//! the standards know nothing of keys, HTTP nothing of tokens, keys nothing of policy, and only `src/python` knows that
//! there is a Python.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use crate::sources::{files_below, module_path, paths_from, paths_from_super, relative, without_comments, words};

/// What files below a path may use of the crate. Their own folder is always allowed.
const MAY_USE: [(&str, &[&str]); 12] = [
    ("src/jose/", &["jose"]),
    ("src/config.rs", &["config", "jose"]),
    ("src/untrusted/", &["jose::jws", "untrusted"]),
    ("src/runtime/", &["runtime"]),
    ("src/outcome/", &["jose::base64url", "jose::json", "jose::jws", "jose::jwt", "outcome"]),
    ("src/http/", &["config", "http", "runtime", "untrusted"]),
    ("src/discovery/", &["config", "discovery", "http", "jose", "untrusted"]),
    (
        "src/keys/",
        &[
            "config",
            "discovery",
            "http",
            "jose",
            "keys",
            "outcome::rejection",
            "outcome::unavailable",
            "runtime",
            "untrusted",
        ],
    ),
    ("src/policy/", &["config", "jose", "oauth::scope", "outcome", "policy"]),
    ("src/verify/", &["config", "jose", "keys", "outcome", "policy", "verify"]),
    (
        "src/oauth/",
        &[
            "config",
            "discovery",
            "http",
            "jose",
            "keys",
            "oauth",
            "outcome",
            "policy",
            "runtime",
            "untrusted",
            "verify",
        ],
    ),
    (
        "src/explain/",
        &[
            "explain",
            "jose",
            "keys",
            "oauth::server::answer",
            "oauth::server::token_introspection",
            "outcome",
            "policy",
            "untrusted",
            "verify",
        ],
    ),
];

/// The files that decide about tokens, which have neither a clock nor files nor a network.
const PURE: [&str; 9] = [
    "src/explain/",
    "src/jose/",
    "src/patch/",
    "src/policy/",
    "src/verify/",
    "src/oauth/server/dpop/",
    "src/oauth/server/introspection.rs",
    "src/oauth/server/introspection_result.rs",
    "src/oauth/server/json_verification.rs",
];
const IMPURE: [&str; 4] = ["std::fs", "std::net", "SystemTime", "Instant"];

/// Files whose one clock is `src/runtime/clock.rs`, which no wall clock moves.
const TIMED: [&str; 3] = ["src/discovery/", "src/http/", "src/keys/"];
const OTHER_CLOCKS: [&str; 2] = ["SystemTime", "Instant"];

/// FastMCP and its dependencies, which the files of one folder alone import.
const FASTMCP_PACKAGES: [&str; 4] = ["fastmcp", "mcp", "httpx", "httpx2"];
const COMPAT_FOLDER: &str = "python/fastmcp_rs/_compat/";

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

/// Those of [`FASTMCP_PACKAGES`] that a Python file imports, outside its docstrings.
fn python_faults(file: &str, source: &str) -> Vec<String> {
    if file.starts_with(COMPAT_FOLDER) {
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
        let strays =
            modules.into_iter().filter(|module| FASTMCP_PACKAGES.contains(&module.split('.').next().unwrap_or("")));
        faults.extend(strays.map(|module| format!("imports {module}, which only {COMPAT_FOLDER} may")));
    }
    faults
}

/// Each file below the folder, and what it breaks.
fn all_faults(folder: &str, extension: &str, faults: fn(&str, &str) -> Vec<String>) -> (usize, Vec<String>) {
    let files = files_below(folder, extension);
    let faults = files.iter().flat_map(|path| {
        let name = relative(path);
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
fn only_compat_imports_fastmcp_and_mcp() {
    let (_, faults) = all_faults("python/fastmcp_rs", "py", python_faults);
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_rust_file_that_breaks_a_rule_is_noticed() {
    for (file, source) in [
        ("src/jose/jwk.rs", "use crate::keys::KeySet;"),
        ("src/jose/jwk.rs", "use crate::{jose::jwa::Algorithm, outcome};"),
        ("src/jose/jwk.rs", "fn f() -> crate::policy::Policy {}"),
        ("src/jose/jwk.rs", "use super::super::config;"),
        ("src/jose/jwk.rs", "mod tests {\n    use super::super::super::config::Algorithms;\n}"),
        ("src/jose/jwk.rs", "use std::{fmt, fs};"),
        ("src/jose/jwk.rs", "use std::net::TcpStream;"),
        ("src/jose/jwk.rs", "let now = Instant::now();"),
        ("src/jose/mod.rs", "use super::policy;"),
        ("src/outcome/rejection.rs", "use crate::jose::jwa::Algorithm;"),
        ("src/outcome/rejection.rs", "use crate::jose::{jwt::Claims, jwk};"),
        ("src/config.rs", "use crate::outcome::rejection::Rejection;"),
        ("src/http/client.rs", "use crate::keys::KeySet;"),
        ("src/keys/remote/endpoint.rs", "let now = SystemTime::now();"),
        ("src/keys/remote/endpoint.rs", "use std::time::Instant;"),
        ("src/http/message.rs", "use crate::jose::json;"),
        ("src/discovery/search.rs", "use crate::keys::remote::FetchError;"),
        ("src/untrusted/mod.rs", "use crate::outcome::rejection::Rejection;"),
        ("src/keys/set.rs", "use crate::policy::Policy;"),
        ("src/keys/set.rs", "use super::super::verify;"),
        ("src/oauth/bearer.rs", "use crate::explain;"),
        ("src/policy/mod.rs", "use crate::keys::KeySet;"),
        ("src/policy/mod.rs", "use std::time::{Duration, SystemTime};"),
        ("src/verify/verifier.rs", "let text = std::fs::read(path);"),
        ("src/patch/decode.rs", "use crate::python::exceptions;"),
        ("src/testing.rs", "use super::python;"),
        ("src/verify/static_tokens.rs", "use pyo3::prelude::*;"),
        ("src/verify/static_tokens.rs", "// as pyo3 would have it"),
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
        ("src/outcome/rejection.rs", "use crate::jose::jwt::NumericDate;"),
        ("src/keys/set.rs", "use crate::{config, jose::jwa, outcome::unavailable};\nuse super::key_confusion;"),
        ("src/policy/mod.rs", "mod tests { use super::*; fn f() { crate::jose::base64url::encode(b\"\"); } }"),
        ("src/python/mod.rs", "use pyo3::prelude::*;\nuse crate::python::errors;\nuse crate::verify;"),
        ("src/lib.rs", "#[cfg(feature = \"python\")]\nmod python;\nuse pyo3::prelude::*;"),
    ] {
        assert_eq!(rust_faults(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}

#[test]
fn a_python_file_that_imports_fastmcp_is_noticed() {
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
        assert_eq!(python_faults("python/fastmcp_rs/_compat/tokens.py", source), Vec::<String>::new(), "{source}");
    }
    for source in [
        "import fastmcp_rs",
        "from fastmcp_rs._native import mcp",
        "from . import _compat",
        "from ._compat import httpx",
        "import importlib",
        "\"\"\"Example:\n    from fastmcp import FastMCP\n\"\"\"",
        "# import mcp",
    ] {
        assert_eq!(python_faults(file, source), Vec::<String>::new(), "{source}");
    }
}
