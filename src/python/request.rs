//! The credentials of a request of any framework.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::decision::Decision;
use crate::oauth::bearer;
use crate::outcome::rejection::Rejection;

/// The bearer token of a request, or the decision to refuse it: a Starlette request or connection, an ASGI scope, or
/// anything with `headers`, a mapping or pairs, in any case, of str or bytes.
#[pyfunction]
pub(super) fn bearer_token<'py>(request: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    with_token_of(request, |token| Ok(token.clone().into_any()))
}

/// The result of `accept` for the bearer token of a request, or the decision to refuse the request.
pub(super) fn with_token_of<'py>(
    request: &Bound<'py, PyAny>,
    accept: impl FnOnce(&Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match token_of(request) {
        Ok(token) => accept(&token),
        Err(rejection) => Ok(Decision::rejected(rejection).into_pyobject(request.py())?.into_any()),
    }
}

fn token_of<'py>(request: &Bound<'py, PyAny>) -> Result<Bound<'py, PyString>, Rejection> {
    let values = authorization_values(request).unwrap_or_default();
    // A value that is not text is not a token, but it still counts as a second credential beside a good one.
    let headers = values.iter().map(|value| octets(value).unwrap_or(b"Bearer \xff"));
    let query = query(request).ok();
    let token = bearer::token(headers, query.as_ref().and_then(octets).unwrap_or_default())?;
    PyString::from_bytes(request.py(), token).map_err(|_| Rejection::MalformedToken)
}

fn authorization_values<'py>(request: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut values = Vec::new();
    each_header(request, |name, value| {
        if octets(name).is_some_and(|name| name.eq_ignore_ascii_case(b"authorization")) {
            values.push(value.clone());
        }
    })?;
    Ok(values)
}

/// Shows each header of a request.
pub(super) fn each_header<'py>(
    request: &Bound<'py, PyAny>,
    mut visit: impl FnMut(&Bound<'py, PyAny>, &Bound<'py, PyAny>),
) -> PyResult<()> {
    let py = request.py();
    let headers = match request.cast::<PyDict>() {
        Ok(scope) => scope.as_any().get_item(intern!(py, "headers"))?,
        Err(_) => request.getattr(intern!(py, "headers"))?,
    };
    // The usual types, read without conversions for speed.
    let is_list = headers.is_instance_of::<PyList>();
    let pairs =
        if !is_list && headers.hasattr(intern!(py, "items"))? { headers.call_method0("items")? } else { headers };
    for pair in pairs.try_iter()? {
        let pair = pair?;
        match pair.cast::<PyTuple>() {
            Ok(pair) => visit(&*pair.get_borrowed_item(0)?, &*pair.get_borrowed_item(1)?),
            Err(_) => visit(&pair.get_item(0)?, &pair.get_item(1)?),
        }
    }
    Ok(())
}

/// The query of an ASGI scope, or of a request that has one.
pub(super) fn query<'py>(request: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    scope_of(request)?.get_item(intern!(request.py(), "query_string"))
}

/// The ASGI scope of a request. The request may be the scope itself.
pub(super) fn scope_of<'py>(request: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if request.is_instance_of::<PyDict>() {
        Ok(request.clone())
    } else {
        request.getattr(intern!(request.py(), "scope"))
    }
}

pub(super) fn octets<'v>(value: &'v Bound<'_, PyAny>) -> Option<&'v [u8]> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Some(bytes.as_bytes());
    }
    value.cast::<PyString>().ok()?.to_str().ok().map(str::as_bytes)
}
