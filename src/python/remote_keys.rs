//! Keys that are fetched, for Python: the shared endpoints, and a verifier's own with a client of the caller's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::calls::with_python;
use super::convert;
use crate::http::{FetchPolicy, HttpError, Location};
use crate::keys::remote::{
    self, Done, Endpoint, Event, FetchError, Fetcher, Observer, Origin, RemoteKeys as Source, Request,
};
use crate::keys::{KeySource, Keys};

/// Keys that are fetched from a URL or from where an issuer's metadata says.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct RemoteKeys(Arc<Source>);

impl RemoteKeys {
    pub(super) fn source(&self) -> Arc<dyn KeySource> {
        Arc::clone(&self.0) as Arc<dyn KeySource>
    }
}

fn span(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<Duration> {
    let seconds = convert::seconds(Some(value), argument)?.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| PyValueError::new_err(format!("{argument} must be a finite number of seconds, 0 or more")))
}

#[pymethods]
impl RemoteKeys {
    /// `url` is that of a JWK Set, or an issuer's with `discover`. `fetch`, where given, does the fetching: it is called
    /// with an entity tag or None and a `FetchResult`.
    #[new]
    #[pyo3(signature = (url, *, discover, allow_http, ssrf_safe, refresh_interval, max_stale, fetch=None))]
    fn new(
        url: &str,
        discover: bool,
        allow_http: bool,
        ssrf_safe: bool,
        refresh_interval: &Bound<'_, PyAny>,
        max_stale: &Bound<'_, PyAny>,
        fetch: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let location = Location::parse(url, if discover { "issuer" } else { "jwks_uri" }, allow_http)?;
        if ssrf_safe && !location.is_https() {
            return Err(PyValueError::new_err("ssrf_safe=True fetches over https only: give an https URL"));
        }
        let refresh_interval = span(refresh_interval, "jwks_refresh_interval")?;
        let max_stale = span(max_stale, "jwks_max_stale")?;
        let endpoint = if let Some(fetch) = fetch {
            Endpoint::new(url, Box::new(PythonFetcher(fetch)), Box::new(remote::now), observer())
        } else {
            let origin = if discover { Origin::Issuer(location, url.into()) } else { Origin::KeySet(location) };
            let policy = if ssrf_safe { FetchPolicy::SsrfSafe } else { FetchPolicy::Plain };
            remote::shared(&origin, policy, observer())
        };
        Ok(Self(Arc::new(Source::new(endpoint, refresh_interval, max_stale))))
    }

    /// Asks for keys: `"ready"`, `"pending"` while a fetch is on its way, or `"unavailable"`.
    fn request(&self) -> &'static str {
        match self.0.keys() {
            Keys::Snapshot(_) => "ready",
            Keys::Pending => "pending",
            Keys::Unavailable(_) => "unavailable",
        }
    }

    /// Calls `wake` once, from whatever thread, when no fetch is on its way.
    fn when_settled(&self, py: Python<'_>, wake: Py<PyAny>) {
        let wake = move || {
            // Moved in, so that it is also dropped here: dropped elsewhere it would take a lock that a fork can freeze.
            with_python(move |py| {
                if let Err(error) = wake.call0(py) {
                    error.write_unraisable(py, None);
                }
            });
        };
        py.detach(|| self.0.endpoint().when_settled(Box::new(wake)));
    }

    /// What is held: keys, ages in seconds, the last error and counters.
    fn held<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let held = self.0.endpoint().held();
        let keys = PyList::empty(py);
        for info in &held.keys {
            let key = PyDict::new(py);
            key.set_item("kid", info.kid.as_deref())?;
            key.set_item("kty", info.kty)?;
            key.set_item("alg", info.alg.map(crate::jose::jwa::Algorithm::name))?;
            keys.append(key)?;
        }
        let answer = PyDict::new(py);
        answer.set_item("keys", keys)?;
        answer.set_item("age", held.age.map(|age| age.as_secs_f64()))?;
        answer.set_item("next_refresh", held.next_refresh.map(|next| next.as_secs_f64()))?;
        answer.set_item("last_error", held.last_error)?;
        answer.set_item("fetches", held.fetches.0)?;
        answer.set_item("failures", held.fetches.1)?;
        Ok(answer)
    }
}

/// Tells Python's `logging` of what an operator should hear of, from whatever thread.
fn observer() -> Observer {
    Arc::new(|name: &str, event: &Event| {
        let (level, text) = match event {
            Event::Failing(error) => (30, format!("keys of {name:?} cannot be refreshed: {error}")),
            Event::Recovered => (30, format!("keys of {name:?} are refreshed again")),
            Event::Skipped(reason) => (30, format!("keys of {name:?}: {reason}; it is skipped")),
        };
        with_python(|py| {
            let logged = py
                .import("logging")
                .and_then(|logging| logging.call_method1("getLogger", ("fastmcp_rs.keys",)))
                .and_then(|logger| logger.call_method1("log", (level, "%s", text)));
            if let Err(error) = logged {
                error.write_unraisable(py, None);
            }
        });
    })
}

/// Leaves the fetching to a Python callable.
#[derive(Debug)]
struct PythonFetcher(Py<PyAny>);

impl Fetcher for PythonFetcher {
    fn fetch(&self, request: Request, done: Done) {
        let result = FetchResult(Mutex::new(Some(done)));
        with_python(|py| {
            if let Err(error) = self.0.call1(py, (request.etag.as_deref(), result)) {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// Takes the end of a fetch that Python does. Forgotten, it is a failure.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct FetchResult(Mutex<Option<Done>>);

impl FetchResult {
    fn finish(&self, result: Result<remote::Reply, FetchError>) {
        let done = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(done) = done {
            done(result);
        }
    }
}

impl Drop for FetchResult {
    fn drop(&mut self) {
        self.finish(Err(HttpError::NoClient("its event loop ended before the answer came".to_owned()).into()));
    }
}

#[pymethods]
impl FetchResult {
    /// The endpoint answered.
    fn answered(&self, py: Python<'_>, status: u16, etag: Option<&str>, cache_control: Option<&str>, body: Vec<u8>) {
        let reply = remote::read_foreign(status, etag, cache_control, body);
        py.detach(|| self.finish(reply));
    }

    /// It did not.
    fn failed(&self, py: Python<'_>, why: String) {
        py.detach(|| self.finish(Err(HttpError::NoClient(why).into())));
    }
}

/// Where an issuer's metadata may be, in the order in which to ask.
#[pyfunction]
pub(super) fn well_known_urls(issuer: &str) -> Vec<String> {
    remote::well_known_urls(issuer)
}

/// The `jwks_uri` of an issuer's metadata.
#[pyfunction]
pub(super) fn jwks_uri_of(metadata: &[u8], issuer: &str, allow_http: bool) -> PyResult<String> {
    let location = Location::parse(issuer, "issuer", allow_http)?;
    let found =
        remote::jwks_uri(metadata, &location, issuer).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(found.url().to_string())
}
