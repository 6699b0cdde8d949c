//! How keys are fetched, for Python.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::convert;
use crate::config;

/// How keys are fetched. The options are checked even if nothing is to be fetched.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct FetchOptions {
    pub(super) allow_http: bool,
    pub(super) ssrf_safe: bool,
    pub(super) refresh_interval: Duration,
    pub(super) max_stale: Duration,
    pub(super) key_use: Option<Box<str>>,
}

#[pymethods]
impl FetchOptions {
    #[new]
    #[pyo3(signature = (*, allow_http, ssrf_safe, refresh_interval, max_stale, key_use=None))]
    fn new(
        allow_http: &Bound<'_, PyAny>,
        ssrf_safe: &Bound<'_, PyAny>,
        refresh_interval: &Bound<'_, PyAny>,
        max_stale: &Bound<'_, PyAny>,
        key_use: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let key_use = convert::optional_text(key_use, "key_use")?;
        if let Some(key_use) = &key_use {
            config::check_exact("key_use", key_use).map_err(|error| PyValueError::new_err(error.to_string()))?;
            if key_use.is_empty() || **key_use == *"enc" {
                return Err(PyValueError::new_err(
                    "key_use is the value of \"use\" that marks keys which verify signatures, such as \"jwt-svid\"; keys for \
                     encryption (\"enc\") are none",
                ));
            }
        }
        Ok(Self {
            allow_http: convert::flag(allow_http, "allow_http")?,
            ssrf_safe: convert::flag(ssrf_safe, "ssrf_safe")?,
            refresh_interval: span(refresh_interval, "jwks_refresh_interval")?,
            max_stale: span(max_stale, "jwks_max_stale")?,
            key_use,
        })
    }

    /// Whether http to other machines is allowed.
    #[getter]
    fn allow_http(&self) -> bool {
        self.allow_http
    }

    /// Whether URLs are not trusted: https and public addresses only.
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
