//! A dict of claims, made in one pass over their JSON where that is plain.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString};

use super::convert::{self, member_name};
use crate::jose::jwt::Claims;
use crate::jose::plain_json::{Piece, Reader};

/// A new dict of claims, as Python's own `json` would make it.
pub(super) fn claims_to_dict<'py>(py: Python<'py>, claims: &Claims) -> PyResult<Bound<'py, PyDict>> {
    if let Some(mut reader) = claims.plain_json().and_then(Reader::of_object)
        && let Some(dict) = dict(py, &mut reader)?
    {
        return Ok(dict);
    }
    convert::object_to_dict(py, claims.object())
}

/// The members of an object whose beginning was read; `None` if the reader cannot go on.
fn dict<'py>(py: Python<'py>, reader: &mut Reader<'_>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let dict = PyDict::new(py);
    let mut is_first = true;
    loop {
        let Some(next) = reader.next_name(is_first) else { return Ok(None) };
        let Some(name) = next else { return Ok(Some(dict)) };
        let Some(value) = value(py, reader)? else { return Ok(None) };
        dict.set_item(member_name(py, name), value)?;
        is_first = false;
    }
}

fn list<'py>(py: Python<'py>, reader: &mut Reader<'_>) -> PyResult<Option<Bound<'py, PyList>>> {
    let list = PyList::empty(py);
    loop {
        let Some(has_next) = reader.next_item(list.is_empty()) else { return Ok(None) };
        if !has_next {
            return Ok(Some(list));
        }
        let Some(item) = value(py, reader)? else { return Ok(None) };
        list.append(item)?;
    }
}

/// The next value; `None` if the reader cannot go on.
pub(super) fn value<'py>(py: Python<'py>, reader: &mut Reader<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(piece) = reader.value() else { return Ok(None) };
    Ok(match piece {
        Piece::Null => Some(py.None().into_bound(py)),
        Piece::Bool(value) => Some(PyBool::new(py, value).to_owned().into_any()),
        Piece::Int(value) => Some(value.into_pyobject(py)?.into_any()),
        Piece::Text(text) => Some(PyString::new(py, &text.read()).into_any()),
        Piece::Array => list(py, reader)?.map(Bound::into_any),
        Piece::Object => dict(py, reader)?.map(Bound::into_any),
    })
}
