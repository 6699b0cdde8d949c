//! Keys that are fetched, for Python: by shared endpoints, or, with a caller's HTTP client, by one of the verifier's own.

use std::sync::{Arc, Mutex};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::attach::attach_if_running;
use super::convert;
use super::fetch_options::FetchOptions;
use super::key_fetch::KeyFetch;
use crate::discovery::{FailureKind, Issuer, TokenEndpoint};
use crate::http::{EndpointUrl, SsrfPolicy};
use crate::keys::remote::{
    self, Endpoint, EndpointEvent, EntityTag, Fetcher, KeyLocator, Observer, OnFetched, RemoteKeys as CoreRemoteKeys,
    Retrieval,
};
use crate::keys::{KeySource, Keys};
use crate::runtime::clock;

/// Keys that are fetched from a URL, or from the one that an issuer's metadata names.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct RemoteKeys(Arc<CoreRemoteKeys>);

impl RemoteKeys {
    fn at(
        locator: KeyLocator,
        options: &FetchOptions,
        fetch: Option<Py<PyAny>>,
        issuer: Option<Issuer>,
    ) -> PyResult<Self> {
        if options.ssrf_safe && !locator.is_https() {
            return Err(PyValueError::new_err("ssrf_safe=True fetches over https only: give an https URL"));
        }
        let endpoint = if let Some(fetch) = fetch {
            let name = locator.name().to_owned();
            let fetcher = PythonFetcher { locator, fetch, key_use: options.key_use.clone(), issuer };
            Endpoint::new(&name, Box::new(fetcher), Box::new(clock::now), observer())
        } else {
            let policy = if options.ssrf_safe { SsrfPolicy::PublicOnly } else { SsrfPolicy::TrustedUrl };
            remote::shared(&locator, policy, options.key_use.clone(), issuer, observer())
        };
        Ok(Self(Arc::new(CoreRemoteKeys::new(endpoint, options.refresh_interval, options.max_stale))))
    }

    pub(super) fn source(&self) -> Arc<dyn KeySource> {
        self.remote() as Arc<dyn KeySource>
    }

    pub(super) fn remote(&self) -> Arc<CoreRemoteKeys> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl RemoteKeys {
    /// Keys at the URL of a JWK Set. `fetch`, if given, is called with a `KeyFetch` and carries it out. If the URL gives certificates,
    /// the error has the URL of the keys in the metadata of `issuer`, if there is one.
    #[new]
    #[pyo3(signature = (url, options, *, issuer=None, fetch=None))]
    fn new(url: &str, options: &FetchOptions, issuer: Option<&str>, fetch: Option<Py<PyAny>>) -> PyResult<Self> {
        let url = EndpointUrl::parse(url, "jwks_uri", options.allow_http)?;
        let issuer = issuer.and_then(|issuer| Issuer::parse(issuer, options.allow_http).ok());
        Self::at(KeyLocator::KeySet(url), options, fetch, issuer)
    }

    /// The keys that the metadata of this issuer names, which is at its well-known places or at `metadata_url`.
    #[staticmethod]
    #[pyo3(signature = (issuer, options, *, metadata_url=None, fetch=None))]
    fn of_issuer(
        issuer: &str,
        options: &FetchOptions,
        metadata_url: Option<&str>,
        fetch: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let issuer = match metadata_url {
            None => Issuer::parse(issuer, options.allow_http)?,
            Some(url) => Issuer::at(issuer, url, options.allow_http)?,
        };
        Self::at(KeyLocator::Issuer(issuer), options, fetch, None)
    }

    /// The keys of the authorization server with this token endpoint, and with them the server itself. `issuer` and `jwks_uri` replace
    /// what would be searched and what the metadata says.
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
        let locator = KeyLocator::TokenEndpoint(endpoint);
        let endpoint = remote::shared(&locator, SsrfPolicy::TrustedUrl, None, None, observer());
        Ok(Self(Arc::new(CoreRemoteKeys::new(endpoint, options.refresh_interval, options.max_stale))))
    }

    /// Asks for keys: `"ready"`, `"pending"` while a fetch is on its way, or `"unavailable"`.
    fn request(&self) -> &'static str {
        match self.0.keys() {
            Keys::Snapshot(_) => "ready",
            Keys::Pending => "pending",
            Keys::Unavailable(_) => "unavailable",
        }
    }

    /// Starts the first fetch when a server starts. If it fails, the log says so at once, and the first token fetches again.
    fn fetch_at_start(&self, py: Python<'_>) {
        py.detach(|| self.0.endpoint().fetch_at_start());
    }

    /// Calls `wake` once, on any thread, when no fetch is on its way.
    fn on_idle(&self, py: Python<'_>, wake: Py<PyAny>) {
        let wake = move || {
            // `wake` is moved in, so that it is dropped while attached: dropped elsewhere it would take a lock that a fork can freeze.
            attach_if_running(move |py| {
                if let Err(error) = wake.call0(py) {
                    error.write_unraisable(py, None);
                }
            });
        };
        py.detach(|| self.0.endpoint().on_idle(Box::new(wake)));
    }

    /// The seconds until the next fetch may start: after a failure, or in the next interval for unknown
    /// keys.
    fn retry_after(&self) -> f64 {
        self.0.retry_after().as_secs_f64()
    }

    /// The kind of the last error, as `doctor` reads it.
    fn failure(&self) -> Option<&'static str> {
        self.0.endpoint().status().last_failure.map(FailureKind::name)
    }

    /// The state: source, keys, ages in seconds, the last error and counters.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let status = self.0.endpoint().status();
        let keys = PyList::empty(py);
        for info in &status.keys {
            let key = PyDict::new(py);
            key.set_item("kid", info.kid.as_deref())?;
            key.set_item("kty", info.kty)?;
            key.set_item("alg", info.alg.map(crate::jose::jwa::Algorithm::name))?;
            keys.append(key)?;
        }
        let skipped = PyList::empty(py);
        for unusable in &status.skipped {
            let key = PyDict::new(py);
            key.set_item("kid", unusable.kid.as_deref())?;
            key.set_item("reason", &*unusable.reason)?;
            skipped.append(key)?;
        }
        let answer = PyDict::new(py);
        answer.set_item("source", &*status.source)?;
        answer.set_item("keys", keys)?;
        answer.set_item("skipped", skipped)?;
        answer.set_item("age", status.age.map(|age| age.as_secs_f64()))?;
        answer.set_item("next_refresh", status.next_refresh.map(|next| next.as_secs_f64()))?;
        answer.set_item("last_error", status.last_error)?;
        answer.set_item("fetches", status.fetches.0)?;
        answer.set_item("failures", status.fetches.1)?;
        Ok(answer)
    }
}

/// Logs events for the operator with Python's `logging`, from any thread.
fn observer() -> Observer {
    Arc::new(|name: &str, event: &EndpointEvent| {
        let (level, text) = match event {
            EndpointEvent::Failing(error) => (30, format!("keys of {name:?} cannot be refreshed: {error}")),
            EndpointEvent::Recovered => (30, format!("keys of {name:?} are refreshed again")),
            EndpointEvent::Notice(notice) => (30, format!("keys of {name:?}, {notice}")),
        };
        attach_if_running(|py| {
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
    locator: KeyLocator,
    fetch: Py<PyAny>,
    key_use: Option<Box<str>>,
    issuer: Option<Issuer>,
}

impl Fetcher for PythonFetcher {
    fn fetch(&self, known: Option<EntityTag>, done: OnFetched) {
        let retrieval = Retrieval::new(&self.locator, SsrfPolicy::TrustedUrl, known)
            .with_key_use(self.key_use.as_deref())
            .with_issuer(self.issuer.as_ref());
        let fetch = KeyFetch(Mutex::new(Some((retrieval, done))));
        attach_if_running(|py| {
            if let Err(error) = self.fetch.call1(py, (fetch,)) {
                error.write_unraisable(py, None);
            }
        });
    }
}
