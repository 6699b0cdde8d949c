//! Reads settings that Python keeps, by the same rules as those that Rust keeps.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::convert;
use crate::oauth::client::resource_indicator::Resource;

/// `True` or `False`. Other truthy and falsy values are errors.
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

/// Scopes that a token grants, in any accepted form. `None` means no scopes.
#[pyfunction]
pub(super) fn scopes(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<Vec<String>> {
    Ok(convert::wanted_scopes(Some(value), argument)?.into_iter().map(String::from).collect())
}

/// A URL as text, from a text or from an object that stands for one, such as pydantic's.
#[pyfunction]
pub(super) fn url_text<'py>(value: &Bound<'py, PyAny>, argument: &str) -> PyResult<Bound<'py, PyString>> {
    // Python's message for an integer that is too long to be shown would not name the argument.
    let shown = if value.is_instance_of::<PyString>() { value.clone() } else { shown(value, argument)?.into_any() };
    text(&shown, argument)
}

fn shown<'py>(value: &Bound<'py, PyAny>, argument: &str) -> PyResult<Bound<'py, PyString>> {
    let wrong = || PyValueError::new_err(format!("{argument} must be a URL as str, not {}", convert::type_name(value)));
    // URL types of pydantic, httpx and yarl convert so.
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
