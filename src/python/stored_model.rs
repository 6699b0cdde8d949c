//! Entries of a proxy's store for `install()`: whether an entry is unchanged, and copies of it.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::model_copy::{ModelCopier, ModelParts};
use crate::runtime::file_identity::{FileNumbers, of as identity_of};

/// A model that was read from a store. Each caller gets a new copy.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct StoredModel {
    model: ModelCopier,
    parts: ModelParts,
    /// Its estimated memory, in bytes.
    #[pyo3(get)]
    bytes: usize,
}

#[pymethods]
impl StoredModel {
    /// The model that was read; `None` where it cannot be copied part by part. `setters` are those of what pydantic keeps of
    /// a model.
    #[staticmethod]
    fn of(model: &Bound<'_, PyAny>, setters: [Bound<'_, PyAny>; 4]) -> PyResult<Option<Self>> {
        let py = model.py();
        let copier = ModelCopier::new(py, model.get_type().into_any(), setters)?;
        let parts = copier.parts(model)?;
        Ok(parts.map(|parts| Self { bytes: parts.memory(py), model: copier, parts }))
    }

    /// A model of the caller's own.
    fn copy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.model.make(py, &self.parts, |_| Ok(()))
    }
}

/// The numbers of a regular file in a folder, where it was last changed before this moment, in seconds since 1970; else
/// `None`.
#[pyfunction]
pub(super) fn file_identity(
    folder: &Bound<'_, PyString>,
    path: &Bound<'_, PyString>,
    before: f64,
) -> Option<FileNumbers> {
    let (names, py) = ((folder.to_str().ok()?, path.to_str().ok()?), folder.py());
    // Other threads run meanwhile: the folder may be on another machine.
    py.detach(|| identity_of(names.0, names.1, before))
}
