//! Lets a request pass at once, if its token has the scopes for all operations of the server, or for one that was looked up before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use super::operation::{Message, headers_of, name};
use crate::oauth::server::operation::{Method, Operation};
use crate::oauth::server::operation_headers::HeaderView;
use crate::runtime::bounded_map::BoundedMap;
use crate::runtime::clock::{self, Moment};

const MOST_OPERATIONS: usize = 1024;
const MOST_BYTES: usize = 1 << 20;
/// An estimate of the memory of an operation beside its texts, in bytes.
const OPERATION_BYTES: usize = 160;

/// The scopes that one operation needs, or those of all operations.
type Scopes = Arc<[Py<PyString>]>;

/// What was read of a server. It does not change; when it is out of date, the server is read again into another one.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct ScopePrecheck {
    app: Py<PyAny>,
    path: Option<Box<str>>,
    /// The scopes of all operations. `None` if they are not all known: then each operation is looked up.
    all_scopes: Option<Scopes>,
    /// Collections of the server, with their sizes: a component that is added or removed changes a size.
    collections: Vec<(Py<PyAny>, usize)>,
    valid_until: Moment,
    /// Operations that were looked up, and the scopes that each needs.
    recent: Mutex<BoundedMap<Operation, Scopes>>,
}

#[pymethods]
impl ScopePrecheck {
    /// Checks requests to an application's path, for this many seconds.
    #[new]
    fn new(
        app: Py<PyAny>,
        path: Option<String>,
        all_scopes: Option<Vec<Py<PyString>>>,
        collections: Vec<Bound<'_, PyAny>>,
        seconds: f64,
    ) -> PyResult<Self> {
        let sized = collections.into_iter().map(|each| Ok((each.len()?, each.unbind())));
        Ok(Self {
            app,
            path: path.map(Into::into),
            all_scopes: all_scopes.map(Scopes::from),
            collections: sized.map(|each| each.map(|(size, each)| (each, size))).collect::<PyResult<_>>()?,
            valid_until: clock::now().saturating_add(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)),
            recent: Mutex::new(BoundedMap::new(MOST_OPERATIONS, MOST_BYTES)),
        })
    }

    /// Checks a request by the scopes of its token: `None` lets it pass; the method and the name, if the headers have them, are to
    /// be looked up; `True` asks for the body; `False` says that this precheck is out of date.
    fn check_request<'py>(
        &self,
        scope: &Bound<'py, PyDict>,
        granted: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = scope.py();
        let app = scope.get_item(intern!(py, "app"))?;
        let is_its_app = app.map_or_else(|| self.app.is_none(py), |app| app.is(&self.app));
        if !is_its_app || !self.is_current(py)? {
            return Ok(Some(PyBool::new(py, false).to_owned().into_any()));
        }
        // A token with all scopes, and a server that demands none, need no look at the operation.
        if let Some(all_scopes) = &self.all_scopes
            && grants_all(granted, all_scopes)?
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
                // An empty version: the headers do not have it.
                let operation = Operation { method, target: target.into(), version: Some("".into()) };
                if self.is_known_to_pass(&operation, granted)? {
                    return Ok(None);
                }
                Some((name(py, method), target).into_pyobject(py)?.into_any())
            }
        })
    }

    /// Whether this message has the whole body, and the token has the scopes that its operation needed when it was looked up.
    fn passes(&self, message: &Bound<'_, PyAny>, granted: &Bound<'_, PyAny>) -> PyResult<bool> {
        match Message::read(message)? {
            Message::Incomplete => Ok(false),
            Message::NoOperation => Ok(true),
            Message::Operation(operation) => self.is_known_to_pass(&operation, granted),
        }
    }

    /// Remembers the scopes that an operation needs.
    fn remember(&self, method: &str, target: &str, version: Option<&str>, scopes: Vec<Py<PyString>>) {
        let Some(method) = Method::named(method.as_bytes()) else { return };
        let bytes = OPERATION_BYTES + target.len() + version.map_or(0, str::len);
        let operation = Operation { method, target: target.into(), version: version.map(Into::into) };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let displaced = recent.insert(operation, scopes.into(), bytes);
        drop(recent);
        drop(displaced);
    }

    /// For the garbage collector: the server holds objects that hold this, a cycle.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.app)?;
        self.collections.iter().try_for_each(|(each, _)| visit.call(each))
    }
}

impl ScopePrecheck {
    fn is_current(&self, py: Python<'_>) -> PyResult<bool> {
        for (each, size) in &self.collections {
            if each.bind(py).len()? != *size {
                return Ok(false);
            }
        }
        Ok(clock::now() < self.valid_until)
    }

    /// Whether a request is for the path of the server. `root_path` is where the application is mounted.
    fn is_at(&self, scope: &Bound<'_, PyDict>) -> PyResult<bool> {
        let py = scope.py();
        let root = scope.get_item(intern!(py, "root_path"))?;
        let root = root.as_ref().and_then(text).unwrap_or_default();
        let path = scope.get_item(intern!(py, "path"))?;
        let path = path.as_ref().and_then(text);
        Ok(path.is_some() && path.map(|path| path.strip_prefix(root).unwrap_or(path)) == self.path.as_deref())
    }

    fn is_known_to_pass(&self, operation: &Operation, granted: &Bound<'_, PyAny>) -> PyResult<bool> {
        let known = self.recent.lock().unwrap_or_else(PoisonError::into_inner).get(operation).cloned();
        known.map_or(Ok(false), |needed| grants_all(granted, &needed))
    }
}

fn grants_all(granted: &Bound<'_, PyAny>, needed: &[Py<PyString>]) -> PyResult<bool> {
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
