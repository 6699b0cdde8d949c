//! A deny list, for Python: entries that an operator adds, and entries that the operator's callable lists.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::access_token::from_datetime;
use super::convert;
use super::wall_clock::now;
use crate::jose::jwt::NumericDate;
use crate::policy;
use crate::policy::{Denied, DenyEntry, Full, MOST_ENTRIES};

/// The shortest and the longest interval of reading, in seconds.
const INTERVALS: std::ops::RangeInclusive<f64> = 1.0..=86_400.0;

/// A deny list.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct DenyList {
    list: Arc<policy::DenyList>,
    /// Starts to read the list, and returns at once.
    read: Option<Py<PyAny>>,
}

impl DenyList {
    pub(super) fn list(&self) -> Arc<policy::DenyList> {
        Arc::clone(&self.list)
    }

    /// Has the list read where that is due.
    pub(super) fn poll(&self, py: Python<'_>) {
        let Some(read) = self.read.as_ref().filter(|_| self.list.is_due(now())) else { return };
        if let Err(error) = read.call0(py) {
            error.write_unraisable(py, Some(read.bind(py)));
        }
    }
}

#[pymethods]
impl DenyList {
    /// A list. With `read`, which starts a reading, it is read from a source as well.
    #[new]
    #[pyo3(signature = (read=None, interval=None))]
    fn new(read: Option<Py<PyAny>>, interval: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let interval = convert::seconds(interval, "denylist_interval")?.filter(|seconds| INTERVALS.contains(seconds));
        let list = match (&read, interval) {
            (None, _) => policy::DenyList::default(),
            (Some(_), Some(interval)) => policy::DenyList::with_source(interval),
            (Some(_), None) => {
                return Err(PyValueError::new_err("denylist_interval must be a number of seconds from 1 to 86400"));
            }
        };
        Ok(Self { list: Arc::new(list), read })
    }

    /// Denies a token, a subject or a client from now on.
    #[allow(clippy::too_many_arguments, reason = "they are those of the Python method, which names each")]
    #[pyo3(signature = (*, jti=None, subject=None, client_id=None, issuer=None, issued_before=None, expires_at=None))]
    fn add(
        &self,
        py: Python<'_>,
        jti: Option<&Bound<'_, PyAny>>,
        subject: Option<&Bound<'_, PyAny>>,
        client_id: Option<&Bound<'_, PyAny>>,
        issuer: Option<&Bound<'_, PyAny>>,
        issued_before: Option<&Bound<'_, PyAny>>,
        expires_at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let entry = entry([jti, subject, client_id], issuer, issued_before, expires_at)?;
        self.list.add(entry, now()).map_err(|full| raised(py, full))
    }

    /// Takes what was read: dicts of what `add` takes.
    fn replace(&self, entries: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut read = Vec::new();
        for item in entries.try_iter()? {
            let item = item?;
            let item = item.cast::<PyDict>().map_err(|_| {
                PyValueError::new_err(format!("a deny list holds dicts, not {}", convert::type_name(&item)))
            })?;
            let known = ["jti", "subject", "client_id", "issuer", "issued_before", "expires_at"];
            let [jti, subject, client_id, issuer, issued_before, expires_at] = known.map(|name| item.get_item(name));
            if item.keys().iter().any(|key| !known.iter().any(|name| key.eq(name).unwrap_or(false))) {
                return Err(PyValueError::new_err(format!(
                    "an entry of a deny list has no names but {}",
                    known.join(", ")
                )));
            }
            let named = [jti?, subject?, client_id?];
            let named = [named[0].as_ref(), named[1].as_ref(), named[2].as_ref()];
            read.push(entry(named, issuer?.as_ref(), issued_before?.as_ref(), expires_at?.as_ref())?);
        }
        self.list.replace(read, now()).map_err(|full| raised(entries.py(), full))
    }

    fn __len__(&self) -> usize {
        self.list.len()
    }
}

fn entry(
    [jti, subject, client_id]: [Option<&Bound<'_, PyAny>>; 3],
    issuer: Option<&Bound<'_, PyAny>>,
    issued_before: Option<&Bound<'_, PyAny>>,
    expires_at: Option<&Bound<'_, PyAny>>,
) -> PyResult<DenyEntry> {
    let named = [
        (Denied::Token, convert::optional_text(jti, "jti")?),
        (Denied::Subject, convert::optional_text(subject, "subject")?),
        (Denied::Client, convert::optional_text(client_id, "client_id")?),
    ];
    let mut named = named.into_iter().filter_map(|(denied, value)| value.map(|value| (denied, value)));
    let (Some((denied, value)), None) = (named.next(), named.next()) else {
        return Err(PyValueError::new_err("deny one thing: give jti, subject or client_id, and only one of them"));
    };
    let issuer = convert::optional_text(issuer, "issuer")?;
    let times = (moment(issued_before, "issued_before")?, moment(expires_at, "expires_at")?);
    Ok(DenyEntry::new(denied, value, issuer, times.0, times.1)?)
}

/// A datetime, or seconds since 1970.
fn moment(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Option<NumericDate>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    let wrong = || {
        PyValueError::new_err(format!("{argument} must be a datetime or a number of seconds of the years 1 to 9999"))
    };
    if let Ok(Some(seconds)) = convert::seconds(Some(value), argument) {
        return NumericDate::new(seconds).map(Some).ok_or_else(wrong);
    }
    let datetime = from_datetime(value).map_err(|_| wrong())?;
    #[allow(clippy::cast_precision_loss, reason = "microseconds of any year that matters fit 53 bits")]
    NumericDate::new(datetime.timestamp_micros() as f64 / 1e6).map(Some).ok_or_else(wrong)
}

fn raised(py: Python<'_>, Full: Full) -> PyErr {
    let text = format!(
        "the deny list holds {MOST_ENTRIES} entries, all of which count: nothing was denied. Give expires_at, so that entries \
         go, or deny subjects or clients in the place of tokens"
    );
    let error = py.import("fastmcp_rs.errors").and_then(|errors| errors.getattr("DenylistFullError"));
    error.and_then(|error| error.call1((text,))).map_or_else(|error| error, PyErr::from_value)
}
