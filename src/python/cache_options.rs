//! How answers about tokens are remembered, for Python.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::convert;
use crate::oauth::server::answer_cache::{AnswerCache, CacheSettings, DEFAULT_ENTRIES};

/// The longest time that can be asked for, in seconds: a year.
const LONGEST: f64 = 31_536_000.0;
/// The most answers that can be asked for.
const MOST_ENTRIES: usize = 10_000_000;

/// How answers are remembered, if they are.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct CacheOptions(Option<CacheSettings>);

#[pymethods]
impl CacheOptions {
    /// `cache_local_seconds` takes effect only with a shared store.
    #[new]
    #[pyo3(signature = (cache_ttl_seconds, max_cache_size, stale_if_error_seconds, cache_local_seconds, *, shared))]
    fn new(
        cache_ttl_seconds: Option<&Bound<'_, PyAny>>,
        max_cache_size: Option<&Bound<'_, PyAny>>,
        stale_if_error_seconds: &Bound<'_, PyAny>,
        cache_local_seconds: &Bound<'_, PyAny>,
        shared: bool,
    ) -> PyResult<Self> {
        let lifetime = cache_ttl_seconds.map_or(Ok(Duration::ZERO), |value| span(value, "cache_ttl_seconds"))?;
        let most_entries = max_cache_size
            .map_or(Ok(DEFAULT_ENTRIES), |value| convert::whole_number(value, "max_cache_size", MOST_ENTRIES))?;
        let stale = span(stale_if_error_seconds, "stale_if_error_seconds")?;
        let local = Some(span(cache_local_seconds, "cache_local_seconds")?).filter(|_| shared);
        if lifetime.is_zero() || most_entries == 0 {
            let asked_for = [(!stale.is_zero(), "stale_if_error_seconds"), (shared, "cache_store")];
            if let Some((_, argument)) = asked_for.into_iter().find(|(given, _)| *given) {
                return Err(PyValueError::new_err(format!(
                    "{argument} is for answers that are remembered, and none is: set cache_ttl_seconds as well"
                )));
            }
            return Ok(Self(None));
        }
        Ok(Self(Some(CacheSettings { lifetime, stale, local, most_entries })))
    }

    /// Whether answers are remembered.
    #[getter]
    fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// How long an answer serves, with what `stale_if_error_seconds` adds, in seconds.
    #[getter]
    fn longest_seconds(&self) -> f64 {
        self.0.map_or(0.0, |settings| (settings.lifetime + settings.stale).as_secs_f64())
    }
}

impl CacheOptions {
    /// A cache of this kind, if answers are remembered.
    pub(super) fn cache<V: Clone>(&self) -> Option<Arc<AnswerCache<V>>> {
        self.0.map(|settings| Arc::new(AnswerCache::new(settings)))
    }
}

fn span(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<Duration> {
    convert::seconds(Some(value), argument)?
        .filter(|seconds| (0.0..=LONGEST).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| PyValueError::new_err(format!("{argument} must be a number of seconds from 0 to {LONGEST}")))
}
