//! No circle of files in the Rust sources, with what a `mod.rs` re-exports. Cargo lets any module use any other.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{
    files_below, leaves, module_path, paths_from, paths_from_super, relative, without_comments, words,
};

/// What a graph of files has: each file, and those that it needs.
type Needs = BTreeMap<String, BTreeSet<String>>;

/// The Rust files by their module path, and what each hands on under a name of its own.
struct Crate {
    files: BTreeMap<Vec<String>, String>,
    code: BTreeMap<String, String>,
    reexports: BTreeMap<(Vec<String>, String), Vec<String>>,
}

fn owned(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}

/// The code that counts: no comments, and no tests at the foot of a file.
fn code_of(source: &str) -> String {
    let code = without_comments(source);
    let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    code[..end].to_owned()
}

/// The statements of a file that start with one of these words at the start of a line, and the rest.
fn parted(code: &str) -> (Vec<String>, String) {
    let (mut statements, mut rest) = (Vec::new(), String::new());
    let mut open: Option<String> = None;
    for line in code.lines() {
        let starts = ["use ", "pub use ", "pub(crate) use ", "pub(super) use ", "mod ", "pub mod "];
        if open.is_none() && starts.iter().any(|start| line.starts_with(start)) {
            open = Some(String::new());
        }
        let Some(statement) = &mut open else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        statement.push_str(line);
        statement.push('\n');
        if line.trim_end().ends_with(';') || line.trim_end().ends_with('{') {
            statements.extend(open.take());
        }
    }
    (statements, rest)
}

impl Crate {
    fn read(sources: &[(String, String)]) -> Self {
        let files: BTreeMap<_, _> = sources
            .iter()
            .map(|(name, _)| (module_path(name).into_iter().map(str::to_owned).collect::<Vec<_>>(), name.clone()))
            .collect();
        let code: BTreeMap<_, _> = sources.iter().map(|(name, source)| (name.clone(), code_of(source))).collect();
        let mut reexports = BTreeMap::new();
        for (module, name) in &files {
            for statement in parted(&code[name]).0 {
                let Some((visibility, tree)) = statement.split_once("use ") else { continue };
                if !visibility.starts_with("pub") {
                    continue;
                }
                let mut paths = Vec::new();
                leaves(tree, "", &mut paths);
                for path in paths {
                    let path = owned(&path);
                    if let Some(last) = path.last().cloned() {
                        reexports.insert((module.clone(), last), [module.as_slice(), &path].concat());
                    }
                }
            }
        }
        Self { files, code, reexports }
    }

    /// The file in which a path from the root of the crate ends, and whether that is a module rather than an item of it.
    fn resolve(&self, path: &[String]) -> (Vec<String>, bool) {
        let path: Vec<String> = path.iter().filter(|name| *name != "self").cloned().collect();
        let mut module = Vec::new();
        let mut rest = path.as_slice();
        while let Some((next, further)) = rest.split_first() {
            let inner = [module.as_slice(), std::slice::from_ref(next)].concat();
            if !self.files.contains_key(&inner) {
                break;
            }
            (module, rest) = (inner, further);
        }
        let Some(name) = rest.first() else { return (module, true) };
        match self.reexports.get(&(module.clone(), name.clone())) {
            Some(target) if *target != path => self.resolve(target),
            _ => (module, false),
        }
    }

    fn needs(&self) -> Needs {
        let mut needs = Needs::new();
        for (module, name) in &self.files {
            let code = &self.code[name];
            let here: Vec<&str> = module.iter().map(String::as_str).collect();
            let mut used = paths_from("crate", code);
            used.extend(paths_from_super(&here, code));
            let (_, rest) = parted(code);
            let mut paths: Vec<Vec<String>> = used.iter().map(|path| owned(path)).collect();
            // What a module uses of its own children, by their names or by names that it hands on.
            for word in words(&rest) {
                let child = [module.as_slice(), &[word.to_owned()]].concat();
                if (self.files.contains_key(&child) && rest.contains(&format!("{word}::")))
                    || self.reexports.contains_key(&(module.clone(), word.to_owned()))
                {
                    paths.push(child);
                }
            }
            let mut targets = BTreeSet::new();
            for path in paths {
                let (target, is_module) = self.resolve(&path);
                if is_module && self.files[&target].ends_with("mod.rs") {
                    // An imported folder: what is used of it, by its name.
                    let prefix = format!("{}::", target.last().map_or("", String::as_str));
                    for (at, _) in code.match_indices(&prefix) {
                        let item = words(&code[at + prefix.len()..]).next().unwrap_or_default().to_owned();
                        targets.insert(self.resolve(&[target.as_slice(), &[item]].concat()).0);
                    }
                } else {
                    targets.insert(target);
                }
            }
            targets.remove(module);
            needs.insert(name.clone(), targets.iter().map(|target| self.files[target].clone()).collect());
        }
        needs
    }
}

/// The files of one circle, if there is one.
fn circle(needs: &Needs) -> Option<Vec<String>> {
    fn visit(file: &str, needs: &Needs, path: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
        if let Some(at) = path.iter().position(|earlier| earlier == file) {
            return Some(path[at..].to_vec());
        }
        if !done.contains(file) {
            path.push(file.to_owned());
            let found = needs.get(file).into_iter().flatten().find_map(|next| visit(next, needs, path, done));
            if found.is_some() {
                return found;
            }
            path.pop();
            done.insert(file.to_owned());
        }
        None
    }
    let mut done = BTreeSet::new();
    needs.keys().find_map(|file| visit(file, needs, &mut Vec::new(), &mut done))
}

fn circle_of(sources: &[(&str, &str)]) -> Option<Vec<String>> {
    let sources: Vec<_> = sources.iter().map(|&(name, source)| (name.to_owned(), source.to_owned())).collect();
    circle(&Crate::read(&sources).needs())
}

#[test]
fn no_two_rust_files_use_each_other_in_a_circle() {
    let read = |path: std::path::PathBuf| (relative(&path), std::fs::read_to_string(path).unwrap());
    let sources: Vec<_> = files_below("src", "rs").into_iter().map(read).collect();
    let needs = Crate::read(&sources).needs();
    assert!(needs.values().map(BTreeSet::len).sum::<usize>() > 200, "the imports were read");
    assert_eq!(circle(&needs), None);
}

#[test]
fn a_circle_is_found_however_the_import_is_written() {
    for other in [
        "use crate::a::One;",
        "use super::One;",
        "use super::one::One;",
        "fn f() -> crate::a::One {}",
        "use crate::{config, a::{One}};",
        "use crate::a;\nfn f() -> a::One {}",
    ] {
        let found = circle_of(&[
            ("src/lib.rs", "pub mod a;"),
            ("src/a/mod.rs", "mod one;\nmod two;\n\npub use one::One;\npub use two::Two;\n"),
            ("src/a/one.rs", "use super::two::Two;\npub struct One;"),
            ("src/a/two.rs", other),
        ]);
        assert_eq!(found, Some(vec!["src/a/one.rs".to_owned(), "src/a/two.rs".to_owned()]), "{other}");
    }
    let through_a_folder = [
        ("src/a/mod.rs", "mod one;\n\npub struct Two;\nfn f() {\n    one::g();\n}\n"),
        ("src/a/one.rs", "use super::Two;\npub(super) fn g() {}"),
    ];
    assert!(circle_of(&through_a_folder).is_some());
    let handed_on = [
        ("src/a/mod.rs", "mod one;\nmod two;\n\npub use one::One;\n"),
        ("src/a/one.rs", "use super::two::Two;\n\n#[cfg(test)]\nmod tests {\n    use super::super::two;\n}"),
        ("src/a/two.rs", "pub struct Two;\n\n#[cfg(test)]\nmod tests {\n    use crate::a::One;\n}"),
    ];
    assert_eq!(circle_of(&handed_on), None, "tests at the foot of a file do not count");
}
