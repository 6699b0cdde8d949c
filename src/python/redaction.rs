//! Redaction, for texts that Python reads from a server.

use pyo3::prelude::*;

use crate::untrusted::secrets::Secrets;

/// The text without the credentials in these values of headers, their parts and encodings.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "Python's lists are extracted by value")]
pub(super) fn redacted(text: &str, headers: Vec<String>) -> String {
    headers.iter().fold(Secrets::none(), |secrets, value| secrets.with_header(value)).redact(text).into_owned()
}
