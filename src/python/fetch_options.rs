//! How keys are fetched, for Python.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::convert;

/// How keys are fetched. It is read whether or not there is anything to fetch: what is wrong is wrong then as well.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct FetchOptions {
    pub(super) allow_http: bool,
    pub(super) ssrf_safe: bool,
    pub(super) refresh_interval: Duration,
    pub(super) max_stale: Duration,
}

#[pymethods]
impl FetchOptions {
    #[new]
    #[pyo3(signature = (*, allow_http, ssrf_safe, refresh_interval, max_stale))]
    fn new(
        allow_http: &Bound<'_, PyAny>,
        ssrf_safe: &Bound<'_, PyAny>,
        refresh_interval: &Bound<'_, PyAny>,
        max_stale: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            allow_http: convert::flag(allow_http, "allow_http")?,
            ssrf_safe: convert::flag(ssrf_safe, "ssrf_safe")?,
            refresh_interval: span(refresh_interval, "jwks_refresh_interval")?,
            max_stale: span(max_stale, "jwks_max_stale")?,
        })
    }

    #[getter]
    fn allow_http(&self) -> bool {
        self.allow_http
    }

    #[getter]
    fn ssrf_safe(&self) -> bool {
        self.ssrf_safe
    }
}

fn span(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<Duration> {
    let seconds = convert::seconds(Some(value), argument)?.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| PyValueError::new_err(format!("{argument} must be a finite number of seconds, 0 or more")))
}
