//! The metadata of a token: its claims, or a caller's dict.

use std::sync::Arc;

use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use super::claims_dict::claims_to_dict;
use super::convert;
use crate::policy::AuthenticClaims;

/// The source of the metadata. Each caller gets a new dict.
#[derive(Debug)]
pub(super) enum Metadata {
    None,
    Claims(Arc<AuthenticClaims>),
    Python(Py<PyDict>),
}

impl Metadata {
    /// A private copy of a caller's dict.
    pub(super) fn copy_of(metadata: &Bound<'_, PyAny>) -> PyResult<Self> {
        let Ok(dict) = metadata.cast::<PyDict>() else {
            let found = convert::type_name(metadata);
            return Err(PyValueError::new_err(format!("metadata must be a dict, not {found}")));
        };
        let copied = deep_copy(dict).map_err(|error| {
            if error.is_instance_of::<PyException>(dict.py()) {
                return PyValueError::new_err("metadata holds what cannot be copied: give what JSON has");
            }
            error
        });
        Ok(Self::Python(copied?.unbind()))
    }

    /// Reports the Python objects to the garbage collector.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Python(dict) => visit.call(dict),
            Self::None | Self::Claims(_) => Ok(()),
        }
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::None => Self::None,
            Self::Claims(authentic) => Self::Claims(Arc::clone(authentic)),
            Self::Python(dict) => Self::Python(dict.clone_ref(py)),
        }
    }

    pub(super) fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        match self {
            Self::None => Ok(None),
            Self::Claims(authentic) => claims_to_dict(py, &authentic.claims).map(Some),
            Self::Python(dict) => deep_copy(dict.bind(py)).map(Some),
        }
    }
}

fn deep_copy<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    Ok(dict.py().import("copy")?.getattr("deepcopy")?.call1((dict,))?.cast_into()?)
}
