//! The folder of the project, in which the tests read files.

use std::path::PathBuf;

/// What cargo tells at run time comes first, so that a test binary reads the files of another copy of the project:
/// where its checkout was moved to, or an unpacked source distribution.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
