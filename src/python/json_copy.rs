//! Copies JSON values, so that a caller can change its own.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// Whether a JSON value is a dict or a list.
pub(super) fn is_container(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyDict>() || value.is_instance_of::<PyList>()
}

/// The same JSON value in new containers.
pub(super) fn copied<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(dict) = value.cast::<PyDict>() {
        let copy = dict.copy()?;
        for (name, value) in dict.iter() {
            if is_container(&value) {
                copy.set_item(name, copied(&value)?)?;
            }
        }
        return Ok(copy.into_any());
    }
    if let Ok(list) = value.cast::<PyList>() {
        let copy = list.get_slice(0, list.len());
        for (at, item) in list.iter().enumerate() {
            if is_container(&item) {
                copy.set_item(at, copied(&item)?)?;
            }
        }
        return Ok(copy.into_any());
    }
    Ok(value.clone())
}
