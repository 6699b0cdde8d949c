//! Files of test vectors.

use std::path::Path;

use super::root::root;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of `tests/vectors`.
pub(crate) fn vector_file(name: &str) -> String {
    read(&root().join("tests/vectors").join(name))
}

/// A file of `tests/vectors/keys`.
pub(crate) fn key_file(name: &str) -> String {
    read(&root().join("tests/vectors/keys").join(name))
}

/// A file of the vectors that lie beside the checkout, or `None` where they are absent and may be.
pub(crate) fn shared_vectors(name: &str) -> Option<String> {
    let path = root().join("../shared/vectors").join(name);
    if path.exists() {
        return Some(read(&path));
    }
    let demanded = std::env::var_os("FASTMCP_RS_NO_SKIP").is_some_and(|value| value == "1");
    assert!(!demanded, "{} is absent and FASTMCP_RS_NO_SKIP=1", path.display());
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: {} is absent", path.display());
    }
    None
}
