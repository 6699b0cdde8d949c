//! What endpoints answered about tokens, for Python.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::cache_options::CacheOptions;
use super::convert;
use crate::oauth::server::answer_cache::{AnswerCache, UnsentAnswer};
use crate::oauth::server::introspection_settings::Answers;
use crate::runtime::clock;

/// The answers of one provider's endpoint, if answers are remembered.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct EndpointAnswers(Option<Arc<Answers>>);

#[pymethods]
impl EndpointAnswers {
    #[new]
    fn new(options: &CacheOptions) -> Self {
        Self(options.cache())
    }

    /// Takes an answer that is to be written to the shared store: the answer, its age, and its lifetime from the question on, in
    /// seconds.
    fn take_unsent<'py>(&self, token: &Bound<'py, PyString>) -> Option<(Bound<'py, PyBytes>, f64, f64)> {
        let answer = self.0.as_ref()?.take_unsent(token.to_str().ok()?.as_bytes(), clock::now())?;
        Some((PyBytes::new(token.py(), &answer.body), answer.age.as_secs_f64(), answer.lifetime.as_secs_f64()))
    }

    /// The generation of a token, which changes when it, or another one in the same part, is invalidated.
    fn generation(&self, token: &Bound<'_, PyString>) -> u64 {
        let Some(answers) = &self.0 else { return 0 };
        answers.question(token.to_str().unwrap_or_default().as_bytes(), clock::now()).generation
    }

    /// Forgets a token, or all where there is none.
    #[pyo3(signature = (token=None))]
    fn invalidate(&self, token: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        invalidate(self.0.as_ref(), token)
    }

    /// The counters of the cache, if there is one.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.0.as_ref().map(|answers| counts(py, answers)).transpose()
    }

    /// Whether expired answers serve because the endpoint is out of reach.
    #[getter]
    fn serves_stale(&self) -> bool {
        self.0.as_ref().is_some_and(|answers| answers.serves_stale())
    }
}

impl EndpointAnswers {
    /// The cache, for what asks the endpoint.
    pub(super) fn cache(&self) -> Option<Arc<Answers>> {
        self.0.clone()
    }
}

/// Forgets a token, or all where there is none.
pub(super) fn invalidate<V: Clone>(
    cache: Option<&Arc<AnswerCache<V>>>,
    token: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let token = match token.map(|token| (token, token.cast::<PyString>())) {
        None => None,
        Some((_, Ok(token))) => Some(token),
        Some((other, Err(_))) => {
            let kind = convert::type_name(other);
            return Err(PyTypeError::new_err(format!("token must be a str, or None for every token, not {kind}")));
        }
    };
    match (cache, token) {
        (Some(cache), None) => cache.invalidate_all(),
        // No endpoint was asked about a value that is not Unicode text.
        (Some(cache), Some(token)) => token.to_str().into_iter().for_each(|token| cache.invalidate(token.as_bytes())),
        (None, _) => {}
    }
    Ok(())
}

/// An answer that another worker got.
pub(super) fn shared(body: Vec<u8>, age: f64, lifetime: f64) -> UnsentAnswer {
    // A value that is not a time means the greatest age and no lifetime.
    let age = Duration::try_from_secs_f64(age).unwrap_or(Duration::MAX);
    UnsentAnswer { body, age, lifetime: Duration::try_from_secs_f64(lifetime).unwrap_or_default() }
}

/// The counters of a cache.
pub(super) fn counts<'py, V: Clone>(py: Python<'py>, cache: &AnswerCache<V>) -> PyResult<Bound<'py, PyDict>> {
    let counts = cache.counts();
    let dict = PyDict::new(py);
    dict.set_item("entries", counts.entries)?;
    dict.set_item("bytes", counts.bytes)?;
    dict.set_item("hits", counts.hits)?;
    dict.set_item("misses", counts.misses)?;
    dict.set_item("questions", counts.questions)?;
    dict.set_item("stale", counts.stale)?;
    Ok(dict)
}
