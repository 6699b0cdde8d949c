//! The credentials of a request, whatever object a framework makes of it.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::decision::Decision;
use crate::oauth::bearer;
use crate::rejection::Rejection;

/// The bearer token of a request, or the decision to refuse it: a Starlette request or connection, an ASGI scope, or
/// anything with `headers`, a mapping or pairs, in any case, of str or bytes.
#[pyfunction]
pub(super) fn bearer_token<'py>(request: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = request.py();
    let values = authorization_values(request).unwrap_or_default();
    let query = query(request).unwrap_or_default();
    let token = bearer::token(values.iter().map(Vec::as_slice), &query)
        .and_then(|token| std::str::from_utf8(token).map_err(|_| Rejection::MalformedToken));
    match token {
        Ok(token) => Ok(PyString::new(py, token).into_any()),
        Err(rejection) => Ok(Decision::rejected(rejection).into_pyobject(py)?.into_any()),
    }
}

fn authorization_values(request: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<u8>>> {
    let headers = match request.cast::<PyDict>() {
        Ok(scope) => scope.as_any().get_item("headers")?,
        Err(_) => request.getattr("headers")?,
    };
    let pairs = if headers.hasattr("items")? { headers.call_method0("items")? } else { headers };
    let mut values = Vec::new();
    for pair in pairs.try_iter()? {
        let pair = pair?;
        let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
        if octets(&name).is_some_and(|name| name.eq_ignore_ascii_case(b"authorization")) {
            // What is no text is no token; it still is a second credential beside a good one.
            values.push(octets(&value).unwrap_or_else(|| b"Bearer \xff".to_vec()));
        }
    }
    Ok(values)
}

/// The query of an ASGI scope, or of a request that has one.
fn query(request: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let scope = if request.is_instance_of::<PyDict>() { request.clone() } else { request.getattr("scope")? };
    Ok(octets(&scope.get_item("query_string")?).unwrap_or_default())
}

fn octets(value: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    if let Ok(text) = value.cast::<PyString>() {
        return text.to_str().ok().map(|text| text.as_bytes().to_vec());
    }
    value.cast::<PyBytes>().ok().map(|bytes| bytes.as_bytes().to_vec())
}
