//! Copies of pydantic models, made part by part: each caller gets a new model, without another validation.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PySet, PyString};

/// How deep lists and dicts are copied. A deeper value may contain itself, and is left to Python's `copy`.
const MAX_DEPTH: usize = 32;

/// Makes models of one class.
pub(super) struct ModelCopier {
    class: Py<PyAny>,
    new: Py<PyAny>,
    /// The setters of the parts that pydantic keeps of a model: fields, names of set fields, extra and private attributes.
    setters: [Py<PyAny>; 4],
    deepcopy: Py<PyAny>,
}

/// The parts of a model, in containers that no other code refers to.
pub(super) struct ModelParts {
    fields: Py<PyDict>,
    fields_set: Py<PySet>,
}

impl ModelParts {
    /// The fields, to look at and to change before the first copy is made.
    pub(super) fn fields<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.fields.bind(py)
    }

    /// Their estimated memory, in bytes.
    pub(super) fn memory(&self, py: Python<'_>) -> usize {
        memory(self.fields.bind(py), 0)
    }
}

impl ModelCopier {
    pub(super) fn new(py: Python<'_>, class: Bound<'_, PyAny>, setters: [Bound<'_, PyAny>; 4]) -> PyResult<Self> {
        Ok(Self {
            new: class.getattr("__new__")?.unbind(),
            class: class.unbind(),
            setters: setters.map(Bound::unbind),
            deepcopy: py.import("copy")?.getattr("deepcopy")?.unbind(),
        })
    }

    /// The parts of a model of exactly this class that keeps nothing but its fields; `None` for any other.
    pub(super) fn parts(&self, model: &Bound<'_, PyAny>) -> PyResult<Option<ModelParts>> {
        let py = model.py();
        if !model.get_type().is(self.class.bind(py)) {
            return Ok(None);
        }
        let is_none = |name| model.getattr(name).map(|kept| kept.is_none());
        if !is_none(intern!(py, "__pydantic_extra__"))? || !is_none(intern!(py, "__pydantic_private__"))? {
            return Ok(None);
        }
        let fields = model.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
        let fields = self.copied_dict(&fields, 0)?.unbind();
        let fields_set = model.getattr(intern!(py, "__pydantic_fields_set__"))?.cast_into::<PySet>()?;
        Ok(Some(ModelParts { fields, fields_set: PySet::new(py, fields_set.iter())?.unbind() }))
    }

    /// A model of these parts, with changed fields.
    pub(super) fn make<'py>(
        &self,
        py: Python<'py>,
        parts: &ModelParts,
        change: impl FnOnce(&Bound<'py, PyDict>) -> PyResult<()>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let made = self.new.bind(py).call1((self.class.bind(py),))?;
        let fields = self.copied_dict(parts.fields.bind(py), 0)?;
        change(&fields)?;
        let fields_set = parts.fields_set.bind(py).call_method0(intern!(py, "copy"))?;
        let [put_fields, put_set, put_extra, put_private] = &self.setters;
        put_fields.bind(py).call1((&made, fields))?;
        put_set.bind(py).call1((&made, fields_set))?;
        put_extra.bind(py).call1((&made, py.None()))?;
        put_private.bind(py).call1((&made, py.None()))?;
        Ok(made)
    }

    /// Python's own deep copy.
    pub(super) fn deep_copy<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.deepcopy.bind(value.py()).call1((value,))
    }

    fn copied_dict<'py>(&self, dict: &Bound<'py, PyDict>, depth: usize) -> PyResult<Bound<'py, PyDict>> {
        let copied = dict.copy()?;
        // The dict is the copy, which no other code can change meanwhile.
        for (name, value) in copied.iter() {
            if !is_unchangeable(&value) {
                copied.set_item(name, self.copied(&value, depth)?)?;
            }
        }
        Ok(copied)
    }

    fn copied<'py>(&self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        if is_unchangeable(value) {
            return Ok(value.clone());
        }
        if depth < MAX_DEPTH {
            if let Ok(dict) = value.cast_exact::<PyDict>() {
                return self.copied_dict(dict, depth + 1).map(Bound::into_any);
            }
            if let Ok(list) = value.cast_exact::<PyList>() {
                let copied = PyList::empty(value.py());
                for item in list.iter() {
                    copied.append(self.copied(&item, depth + 1)?)?;
                }
                return Ok(copied.into_any());
            }
        }
        self.deep_copy(value)
    }
}

fn is_unchangeable(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyString>()
        || value.is_none()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyFloat>()
}

/// The estimated memory of a value, in bytes.
fn memory(value: &Bound<'_, PyAny>, depth: usize) -> usize {
    const OBJECT: usize = 56;
    const MEMBER: usize = 32;
    if let Ok(text) = value.cast::<PyString>() {
        return OBJECT + text.len().unwrap_or_default();
    }
    if depth >= MAX_DEPTH {
        return OBJECT;
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let members = dict.iter().map(|(name, value)| MEMBER + memory(&name, depth + 1) + memory(&value, depth + 1));
        return 2 * OBJECT + members.sum::<usize>();
    }
    if let Ok(list) = value.cast::<PyList>() {
        return OBJECT + list.iter().map(|item| 8 + memory(&item, depth + 1)).sum::<usize>();
    }
    OBJECT
}
