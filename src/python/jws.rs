//! The signature alone, for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::convert;
use crate::config::ConfigError;
use crate::keys;
use crate::keys::Algorithms;
use crate::outcome::rejection::Rejection;
use crate::verify;

/// Verifies a compact JWS and returns its payload; raises `fastmcp_rs.errors.TokenRejectedError` with the reason.
#[pyfunction]
#[pyo3(signature = (token, key, algorithms=None))]
pub(super) fn verify_jws<'py>(
    token: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    algorithms: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let key = convert::key_bytes(key, "key")?;
    let wrong = |error: ConfigError| PyValueError::new_err(format!("key: {error}"));
    let (keys, algorithms) = match convert::texts(algorithms, "algorithms")? {
        None => keys::from_public_text(key).map_err(wrong)?,
        Some(names) => {
            let algorithms = Algorithms::parse(names.iter().map(|name| &**name))?;
            (keys::from_text(key, &algorithms).map_err(wrong)?.keys, algorithms)
        }
    };
    match verify::verify_jws(token_bytes(token), &algorithms, &keys) {
        Ok(payload) => Ok(PyBytes::new(token.py(), &payload)),
        Err(rejection) => Err(rejected(token.py(), &rejection)),
    }
}

/// The bytes of a token. A value that is neither text nor bytes is not a token.
fn token_bytes<'a>(token: &'a Bound<'_, PyAny>) -> &'a [u8] {
    if let Ok(bytes) = token.cast::<PyBytes>() {
        return bytes.as_bytes();
    }
    token.cast::<PyString>().ok().and_then(|text| text.to_str().ok()).map_or(&[], str::as_bytes)
}

fn rejected(py: Python<'_>, rejection: &Rejection) -> PyErr {
    let error = py.import("fastmcp_rs.errors").and_then(|errors| errors.getattr("TokenRejectedError"));
    match error.and_then(|class| class.call1((rejection.code(), rejection.to_string()))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}
