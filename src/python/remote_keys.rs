//! Keys that are fetched, for Python: the shared endpoints, and a verifier's own with a client of the caller's.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::calls::with_python;
use super::convert;
use super::fetch_options::FetchOptions;
use crate::clock;
use crate::http::{FetchPolicy, HttpError, Location};
use crate::keys::remote::{
    self, Done, Endpoint, EntityTag, Event, Fetcher, Issuer, Observer, Origin, Page, RemoteKeys as Source, Search,
    TokenEndpoint,
};
use crate::keys::{KeySource, Keys};

/// Keys that are fetched from a URL or from where an issuer's metadata says.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct RemoteKeys(Arc<Source>);

impl RemoteKeys {
    pub(super) fn source(&self) -> Arc<dyn KeySource> {
        self.remote() as Arc<dyn KeySource>
    }

    pub(super) fn remote(&self) -> Arc<Source> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl RemoteKeys {
    /// `url` is that of a JWK Set, or an issuer's with `discover`. `fetch`, where given, does the fetching: it is called
    /// with a `KeyFetch`.
    #[new]
    #[pyo3(signature = (url, options, *, discover, fetch=None))]
    fn new(url: &str, options: &FetchOptions, discover: bool, fetch: Option<Py<PyAny>>) -> PyResult<Self> {
        let origin = if discover {
            Origin::Issuer(Issuer::parse(url, options.allow_http)?)
        } else {
            Origin::KeySet(Location::parse(url, "jwks_uri", options.allow_http)?)
        };
        if options.ssrf_safe && !origin.is_https() {
            return Err(PyValueError::new_err("ssrf_safe=True fetches over https only: give an https URL"));
        }
        let endpoint = if let Some(fetch) = fetch {
            let name = origin.name().to_owned();
            let fetcher = PythonFetcher { origin, fetch };
            Endpoint::new(&name, Box::new(fetcher), Box::new(clock::now), observer())
        } else {
            let policy = if options.ssrf_safe { FetchPolicy::SsrfSafe } else { FetchPolicy::Plain };
            remote::shared(&origin, policy, observer())
        };
        Ok(Self(Arc::new(Source::new(endpoint, options.refresh_interval, options.max_stale))))
    }

    /// The keys of the authorization server that has this token endpoint; they know whose they are. `issuer` and
    /// `jwks_uri` stand in the place of what is sought and what the metadata says.
    #[staticmethod]
    #[pyo3(signature = (token_url, options, *, issuer, jwks_uri))]
    fn of_token_endpoint(
        token_url: &Bound<'_, PyAny>,
        options: &FetchOptions,
        issuer: Option<&Bound<'_, PyAny>>,
        jwks_uri: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let token_url = convert::text(token_url, "token_url")?;
        let issuer = issuer.map(|issuer| convert::text(issuer, "issuer")).transpose()?;
        let jwks_uri = jwks_uri.map(|uri| convert::text(uri, "jwks_uri")).transpose()?;
        let endpoint = TokenEndpoint::parse(token_url, issuer, jwks_uri, options.allow_http)?;
        let endpoint = remote::shared(&Origin::TokenEndpoint(endpoint), FetchPolicy::Plain, observer());
        Ok(Self(Arc::new(Source::new(endpoint, options.refresh_interval, options.max_stale))))
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

    /// What is held: where it comes from, keys, ages in seconds, the last error and counters.
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
        answer.set_item("source", &*held.source)?;
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
            Event::Skipped(reason) => (30, format!("keys of {name:?}, skipped: {reason}")),
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
struct PythonFetcher {
    origin: Origin,
    fetch: Py<PyAny>,
}

impl Fetcher for PythonFetcher {
    fn fetch(&self, known: Option<EntityTag>, done: Done) {
        let search = Search::new(&self.origin, FetchPolicy::Plain, known);
        let fetch = KeyFetch(Mutex::new(Some((search, done))));
        with_python(|py| {
            if let Err(error) = self.fetch.call1(py, (fetch,)) {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// A fetch that Python does: it asks what there is to ask until that is over. Forgotten, it is a failure.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct KeyFetch(Mutex<Option<(Search, Done)>>);

impl KeyFetch {
    fn take(&self) -> Option<(Search, Done)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, why: &str) {
        if let Some((_, done)) = self.take() {
            done(Err(HttpError::NoClient(why.to_owned()).into()));
        }
    }
}

impl Drop for KeyFetch {
    fn drop(&mut self) {
        self.fail("its event loop ended before the answer came");
    }
}

#[pymethods]
impl KeyFetch {
    /// The URL to ask, and the entity tag to send along; None when the fetch is over.
    fn question(&self) -> Option<(String, Option<String>)> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (location, tag) = current.as_ref()?.0.question();
        Some((location.url().to_string(), tag.map(str::to_owned)))
    }

    /// The most bytes of a body that need be read: more are too many.
    #[getter]
    fn most_bytes(&self) -> usize {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map_or(0, |(search, _)| search.most_bytes())
    }

    /// How long the fetch may take, in seconds.
    #[getter]
    #[allow(clippy::unused_self, reason = "a property of a fetch")]
    fn total_seconds(&self) -> f64 {
        remote::total_timeout(FetchPolicy::Plain).as_secs_f64()
    }

    /// The URL answered.
    fn answered(&self, py: Python<'_>, status: u16, etag: Option<&str>, cache_control: Option<&str>, body: Vec<u8>) {
        let Some((mut search, done)) = self.take() else { return };
        let page = Page { status, etag, cache_control, body };
        // Not so `done`: with it may go the last of an endpoint, and its Python objects may be dropped only here.
        match py.detach(|| search.answered(&page)) {
            Some(end) => done(end),
            None => *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((search, done)),
        }
    }

    /// There is no answer.
    fn failed(&self, why: &str) {
        self.fail(why);
    }
}
