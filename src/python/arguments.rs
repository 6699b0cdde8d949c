//! Settings that Python keeps itself, read as those are that are kept here.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::convert;
use crate::oauth::client::resource_indicator::Resource;

/// `True` or `False`, and nothing that is merely true or false.
#[pyfunction]
pub(super) fn flag(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<bool> {
    convert::flag(value, argument)
}

/// One text.
#[pyfunction]
pub(super) fn text<'py>(value: &Bound<'py, PyAny>, argument: &str) -> PyResult<Bound<'py, PyString>> {
    convert::text(value, argument).map(|text| PyString::new(value.py(), text))
}

/// One text, or a list, tuple or set of texts, as a list; None stays None.
#[pyfunction]
#[pyo3(signature = (value, argument))]
pub(super) fn texts(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Option<Vec<String>>> {
    Ok(convert::texts(value, argument)?.map(|texts| texts.into_iter().map(String::from).collect()))
}

/// Scopes that are to be granted, in any form that a caller may have them in; None is none.
#[pyfunction]
pub(super) fn scopes(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<Vec<String>> {
    Ok(convert::wanted_scopes(Some(value), argument)?.into_iter().map(String::from).collect())
}

/// A URL as text, from a text or from an object that stands for one, such as pydantic's.
#[pyfunction]
pub(super) fn url_text<'py>(value: &Bound<'py, PyAny>, argument: &str) -> PyResult<Bound<'py, PyString>> {
    // Python's own message for an integer that is too long to be shown would name no argument.
    let shown = if value.is_instance_of::<PyString>() { value.clone() } else { shown(value, argument)?.into_any() };
    text(&shown, argument)
}

fn shown<'py>(value: &Bound<'py, PyAny>, argument: &str) -> PyResult<Bound<'py, PyString>> {
    let wrong = || PyValueError::new_err(format!("{argument} must be a URL as str, not {}", convert::type_name(value)));
    // As those of pydantic, httpx and yarl have it.
    let is_url = value.hasattr("host").unwrap_or(false);
    if is_url { value.str().map_err(|_| wrong()) } else { Err(wrong()) }
}

/// Checks the URL of this server, in either form.
#[pyfunction]
pub(super) fn check_server_url(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<()> {
    let url = url_text(value, argument)?;
    Resource::parse(convert::text(url.as_any(), argument)?, argument)?;
    Ok(())
}
