//! The versions of the lock files, held against the advisories (RUSTSEC) that concern what is depended on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot read the lock file has failed")]

use crate::root::root;

type Version = (u64, u64, u64);

/// Crates that may be absent, and the first version without the advisories on them.
const FLOORS: [(&str, Version); 11] = [
    ("pyo3", (0, 29, 0)),
    ("rustls-webpki", (0, 103, 13)),
    ("rustls", (0, 23, 5)),
    ("aws-lc-sys", (0, 39, 0)),
    ("ring", (0, 17, 12)),
    ("h2", (0, 4, 16)),
    ("idna", (1, 0, 3)),
    ("url", (2, 5, 4)),
    ("curve25519-dalek", (4, 1, 3)),
    ("ed25519-dalek", (2, 0, 0)),
    ("jsonwebtoken", (10, 3, 0)),
];

/// Crates without which the floors would be held against nothing.
const PRESENT: [&str; 4] = ["pyo3", "aws-lc-sys", "curve25519-dalek", "jsonwebtoken"];

/// Crates that no version redeems: the timing of `rsa`'s private keys (RUSTSEC-2023-0071) has no fix.
const ABSENT: [&str; 1] = ["rsa"];

fn version(text: &str) -> Version {
    // A pre-release or build suffix never makes a version newer.
    let release = text.split(['-', '+']).next().unwrap_or(text);
    let mut numbers = release.split('.').map(|number| number.parse().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    (next(), next(), next())
}

/// Name and version of each package of a lock file.
fn packages(lock: &str) -> Vec<(String, Version)> {
    let value =
        |line: &str, name: &str| Some(line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned());
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .map(|block| {
            let find = |name| block.lines().find_map(|line| value(line, name)).expect("every package has one");
            (find("name"), version(&find("version")))
        })
        .collect()
}

/// What is wrong with a lock file.
fn faults(lock: &str) -> Vec<String> {
    let packages = packages(lock);
    let versions_of =
        |name: &str| packages.iter().filter(move |(of, _)| of == name).map(|(_, version)| *version).collect::<Vec<_>>();
    let mut faults = Vec::new();
    for (name, floor) in FLOORS {
        let below = versions_of(name).into_iter().filter(|version| *version < floor);
        faults.extend(below.map(|version| format!("{name} {version:?} is below {floor:?}")));
    }
    faults.extend(PRESENT.iter().filter(|name| versions_of(name).is_empty()).map(|name| format!("{name} is absent")));
    faults.extend(ABSENT.iter().filter(|name| !versions_of(name).is_empty()).map(|name| format!("{name} is present")));
    faults
}

#[test]
fn rustsec_2026_0176_rustsec_2026_0177_rustsec_2023_0071_the_lock_files_are_above_every_floor() {
    for file in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let lock = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(packages(&lock).len() > 50, "the lock file was read whole");
        assert_eq!(faults(&lock), Vec::<String>::new(), "{file}");
    }
}

fn package(name: &str, version: &str) -> String {
    format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
}

/// The newest version below a floor.
fn just_below((major, minor, patch): Version) -> Version {
    match (major, minor, patch) {
        (_, _, 1..) => (major, minor, patch - 1),
        (_, 1.., 0) => (major, minor - 1, 999),
        (_, 0, 0) => (major - 1, 999, 999),
    }
}

#[test]
fn a_lock_file_below_any_floor_is_noticed() {
    let text = |(major, minor, patch): Version| format!("{major}.{minor}.{patch}");
    let good: String = FLOORS.iter().map(|&(name, floor)| package(name, &text(floor))).collect();
    assert_eq!(faults(&good), Vec::<String>::new());
    for (name, floor) in FLOORS {
        // A second version counts too.
        let below = format!("{good}{}", package(name, &text(just_below(floor))));
        assert_eq!(faults(&below).len(), 1, "{name}");
    }
    for (name, version) in [("url", "2.5.3-alpha+1"), ("h2", "0.3.99"), ("rsa", "99.0.0")] {
        assert_eq!(faults(&format!("{good}{}", package(name, version))).len(), 1, "{name}");
    }
    for name in PRESENT {
        let without: String = good.split_inclusive("\n\n").filter(|it| !it.contains(&format!("\"{name}\""))).collect();
        assert_eq!(faults(&without), [format!("{name} is absent")]);
    }
}

#[test]
fn no_crate_of_the_project_may_have_unsafe_code() {
    for file in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let manifest = std::fs::read_to_string(root().join(file)).unwrap();
        let (_, lints) = manifest.split_once("[lints.rust]\n").expect("the compiler's lints are set");
        let lints = lints.split("\n[").next().unwrap_or(lints);
        // Every target of a package is held to its lints: library, tests, benchmarks and examples.
        assert!(lints.lines().any(|line| line == "unsafe_code = \"forbid\""), "{file}");
    }
}
