//! Reads the operation of a request from its ASGI scope and messages.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::oauth::server::operation::{Method, Operation};
use crate::oauth::server::operation_headers::HeaderView;

/// The headers of an ASGI scope that an operation can depend on.
pub(super) fn headers_of<'py>(scope: &Bound<'py, PyDict>) -> PyResult<Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>> {
    let Some(headers) = scope.get_item(intern!(scope.py(), "headers"))? else { return Ok(Vec::new()) };
    // Servers give a list of tuples, for which the general iteration would cost more.
    Ok(match headers.cast::<PyList>() {
        Ok(headers) => headers.iter().filter_map(|pair| read(&pair)).collect(),
        Err(_) => headers.try_iter()?.filter_map(|pair| read(&pair.ok()?)).collect(),
    })
}

/// The operation of a message of an ASGI server.
pub(super) enum Message {
    /// More of the body follows in other messages.
    Incomplete,
    /// It names none, or one that cannot be read.
    NoOperation,
    Operation(Operation),
}

impl Message {
    /// Reads a message of an ASGI server.
    pub(super) fn read(message: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = message.py();
        let Ok(message) = message.cast::<PyDict>() else { return Ok(Self::NoOperation) };
        if message.get_item(intern!(py, "more_body"))?.is_some_and(|more| more.is_truthy().unwrap_or(true)) {
            return Ok(Self::Incomplete);
        }
        let is_request = message
            .get_item(intern!(py, "type"))?
            .is_some_and(|of| of.eq(intern!(py, "http.request")).unwrap_or(false));
        let body = message.get_item(intern!(py, "body"))?.filter(|_| is_request);
        let body = body.as_ref().and_then(|body| body.cast::<PyBytes>().ok());
        Ok(body.and_then(|body| Operation::of_body(body.as_bytes())).map_or(Self::NoOperation, Self::Operation))
    }
}

/// The method, the name and the version of an operation.
type NamedOperation<'py> = (Bound<'py, PyString>, String, Option<String>);

/// The method, the name and the version of the operation in a message with the whole body; `None` if it names none that can be
/// read.
#[pyfunction]
pub(super) fn operation_in_message<'py>(message: &Bound<'py, PyAny>) -> PyResult<Option<NamedOperation<'py>>> {
    // An incomplete body, as after a disconnection, names none.
    let Message::Operation(operation) = Message::read(message)? else { return Ok(None) };
    Ok(Some((name(message.py(), operation.method), operation.target.into(), operation.version.map(Into::into))))
}

pub(super) fn name(py: Python<'_>, method: Method) -> Bound<'_, PyString> {
    match method {
        Method::CallTool => intern!(py, "tools/call"),
        Method::ReadResource => intern!(py, "resources/read"),
        Method::GetPrompt => intern!(py, "prompts/get"),
    }
    .clone()
}

/// The name and the value of a header that an operation can depend on.
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
