//! What lets a request of a server pass without a further look at its operation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use super::operation::{Message, headers_of, name};
use crate::oauth::server::operation::{HeaderView, Method, Operation};
use crate::runtime::bounded_map::BoundedMap;
use crate::runtime::clock::{self, Moment};

const MOST_OPERATIONS: usize = 1024;
const MOST_BYTES: usize = 1 << 20;
/// What an operation takes in memory beside its texts, in bytes, by estimate.
const OPERATION_BYTES: usize = 160;

/// The scopes that some operation demands, or all of them.
type Scopes = Arc<[Py<PyString>]>;

/// What was found when a server was gone through, for as long as it holds. A later look makes another one.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct OperationGate {
    app: Py<PyAny>,
    path: Option<Box<str>>,
    /// The scopes of all operations; `None` where only the operation at hand can tell.
    every: Option<Scopes>,
    /// What of the server grows when something is added to it, with its size.
    collections: Vec<(Py<PyAny>, usize)>,
    holds_until: Moment,
    /// What operations needed that were looked at.
    recent: Mutex<BoundedMap<Operation, Scopes>>,
}

#[pymethods]
impl OperationGate {
    /// A gate for the requests that an application gets at a path. It holds for so many seconds.
    #[new]
    fn new(
        app: Py<PyAny>,
        path: Option<String>,
        every: Option<Vec<Py<PyString>>>,
        collections: Vec<Bound<'_, PyAny>>,
        seconds: f64,
    ) -> PyResult<Self> {
        let sized = collections.into_iter().map(|each| Ok((each.len()?, each.unbind())));
        Ok(Self {
            app,
            path: path.map(Into::into),
            every: every.map(Scopes::from),
            collections: sized.map(|each| each.map(|(size, each)| (each, size))).collect::<PyResult<_>>()?,
            holds_until: clock::now().saturating_add(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)),
            recent: Mutex::new(BoundedMap::new(MOST_OPERATIONS, MOST_BYTES)),
        })
    }

    /// Whether a request may ask for what a token with these scopes has too few for: `None` if not; the method and the name
    /// where the headers have them; `True` where the body has to be looked at; `False` where this gate no longer holds.
    fn look<'py>(
        &self,
        scope: &Bound<'py, PyDict>,
        granted: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = scope.py();
        let app = scope.get_item(intern!(py, "app"))?;
        let is_its_app = app.map_or_else(|| self.app.is_none(py), |app| app.is(&self.app));
        if !is_its_app || !self.holds(py)? {
            return Ok(Some(PyBool::new(py, false).to_owned().into_any()));
        }
        // A token with all scopes, and a server that demands none, need no look at the operation.
        if let Some(every) = &self.every
            && has_all(granted, every)?
        {
            return Ok(None);
        }
        if !text_is(scope, intern!(py, "method"), "POST")? || !self.is_at(scope)? {
            return Ok(None);
        }
        let headers = headers_of(scope)?;
        Ok(match HeaderView::of(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))) {
            HeaderView::Nothing => None,
            HeaderView::InBody => Some(PyBool::new(py, true).to_owned().into_any()),
            HeaderView::Operation(method, target) => {
                // The headers do not have the version.
                let operation = Operation { method, target: target.into(), version: Some("".into()) };
                if self.was_good_enough(&operation, granted)? {
                    return Ok(None);
                }
                Some((name(py, method), target).into_pyobject(py)?.into_any())
            }
        })
    }

    /// Whether the message with the first part of a body has all of it, and asks for nothing that a token with these scopes
    /// has too few for, as was found a moment ago.
    fn passes(&self, message: &Bound<'_, PyAny>, granted: &Bound<'_, PyAny>) -> PyResult<bool> {
        match Message::read(message)? {
            Message::GoesOn => Ok(false),
            Message::NoOperation => Ok(true),
            Message::Operation(operation) => self.was_good_enough(&operation, granted),
        }
    }

    /// Takes note of the scopes that an operation needs.
    fn keep(&self, method: &str, target: &str, version: Option<&str>, scopes: Vec<Py<PyString>>) {
        let Some(method) = Method::named(method.as_bytes()) else { return };
        let bytes = OPERATION_BYTES + target.len() + version.map_or(0, str::len);
        let operation = Operation { method, target: target.into(), version: version.map(Into::into) };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let displaced = recent.insert(operation, scopes.into(), bytes);
        drop(recent);
        drop(displaced);
    }

    /// A server holds what leads to this in turn.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.app)?;
        self.collections.iter().try_for_each(|(each, _)| visit.call(each))
    }
}

impl OperationGate {
    fn holds(&self, py: Python<'_>) -> PyResult<bool> {
        for (each, size) in &self.collections {
            if each.bind(py).len()? != *size {
                return Ok(false);
            }
        }
        Ok(clock::now() < self.holds_until)
    }

    /// Whether a request is for the path of the server, which may be mounted.
    fn is_at(&self, scope: &Bound<'_, PyDict>) -> PyResult<bool> {
        let py = scope.py();
        let root = scope.get_item(intern!(py, "root_path"))?;
        let root = root.as_ref().and_then(text).unwrap_or_default();
        let path = scope.get_item(intern!(py, "path"))?;
        let path = path.as_ref().and_then(text);
        Ok(path.is_some() && path.map(|path| path.strip_prefix(root).unwrap_or(path)) == self.path.as_deref())
    }

    fn was_good_enough(&self, operation: &Operation, granted: &Bound<'_, PyAny>) -> PyResult<bool> {
        let known = self.recent.lock().unwrap_or_else(PoisonError::into_inner).get(operation).cloned();
        known.map_or(Ok(false), |needed| has_all(granted, &needed))
    }
}

fn has_all(granted: &Bound<'_, PyAny>, needed: &[Py<PyString>]) -> PyResult<bool> {
    for scope in needed {
        if !granted.contains(scope)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn text_is(scope: &Bound<'_, PyDict>, name: &Bound<'_, PyString>, wanted: &str) -> PyResult<bool> {
    Ok(scope.get_item(name)?.as_ref().and_then(text) == Some(wanted))
}

fn text<'v>(value: &'v Bound<'_, PyAny>) -> Option<&'v str> {
    value.cast::<PyString>().ok()?.to_str().ok()
}
