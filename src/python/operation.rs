//! The operation of a request, as an ASGI server hands requests on.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::oauth::server::operation::{HeaderView, Method, Operation};

/// What the headers of an ASGI scope say: the method and the name of its operation; `True` where its body has to be
/// looked at, and `None` where that need not or cannot be.
#[pyfunction]
pub(super) fn operation_in_headers<'py>(scope: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = scope.py();
    let Some(headers) = scope.get_item(intern!(py, "headers"))? else { return Ok(None) };
    // As a server gives them, which is worth a way without detours.
    let read: Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> = match headers.cast::<PyList>() {
        Ok(headers) => headers.iter().filter_map(|pair| read(&pair)).collect(),
        Err(_) => headers.try_iter()?.filter_map(|pair| read(&pair.ok()?)).collect(),
    };
    let view = HeaderView::of(read.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    Ok(match view {
        HeaderView::Nothing => None,
        HeaderView::InBody => Some(PyBool::new(py, true).to_owned().into_any()),
        HeaderView::Operation(method, target) => Some((name(py, method), target).into_pyobject(py)?.into_any()),
    })
}

/// The method, the name and the version of an operation.
type NamedOperation<'py> = (Bound<'py, PyString>, String, Option<String>);

/// The method, the name and the version of the operation in the message of an ASGI server that has the whole body; `None`
/// where it has none that can be read.
#[pyfunction]
pub(super) fn operation_in_message<'py>(message: &Bound<'py, PyAny>) -> PyResult<Option<NamedOperation<'py>>> {
    let py = message.py();
    let Ok(message) = message.cast::<PyDict>() else { return Ok(None) };
    let is_request =
        message.get_item(intern!(py, "type"))?.is_some_and(|of| of.eq(intern!(py, "http.request")).unwrap_or(false));
    // Without its end, as after a disconnection, it is none.
    let goes_on = message.get_item(intern!(py, "more_body"))?.is_some_and(|more| more.is_truthy().unwrap_or(true));
    let Some(body) = message.get_item(intern!(py, "body"))?.filter(|_| is_request && !goes_on) else { return Ok(None) };
    let Ok(body) = body.cast::<PyBytes>() else { return Ok(None) };
    let Some(operation) = Operation::of_body(body.as_bytes()) else { return Ok(None) };
    Ok(Some((name(py, operation.method), operation.target.into(), operation.version.map(Into::into))))
}

fn name(py: Python<'_>, method: Method) -> Bound<'_, PyString> {
    match method {
        Method::CallTool => intern!(py, "tools/call"),
        Method::ReadResource => intern!(py, "resources/read"),
        Method::GetPrompt => intern!(py, "prompts/get"),
    }
    .clone()
}

/// The name and the value of a header that matters here.
fn read<'py>(pair: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let (name, value) = match pair.cast::<PyTuple>() {
        Ok(pair) => {
            let name = pair.get_borrowed_item(0).ok()?;
            if !HeaderView::reads(name.cast::<PyBytes>().ok()?.as_bytes()) {
                return None;
            }
            (name.to_owned(), pair.get_item(1).ok()?)
        }
        Err(_) => (pair.get_item(0).ok()?, pair.get_item(1).ok()?),
    };
    Some((name.cast_into().ok()?, value.cast_into().ok()?))
}
