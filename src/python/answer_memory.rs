//! Remembers the access tokens that a verifier of FastMCP's returned.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::cache_options::CacheOptions;
use super::model_copy::{ModelCopier, ModelParts};
use super::wall_clock::now;
use super::{convert, endpoint_answers};
use crate::oauth::server::answer_cache::{self, AnswerCache};
use crate::runtime::clock;

/// A remembered access token, without the token.
struct Template {
    parts: ModelParts,
    expires: Option<i64>,
}

/// A question about a token, before it is sent.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct AnswerQuestion(answer_cache::Question);

#[pymethods]
impl AnswerQuestion {
    /// Changes when the token is invalidated.
    #[getter]
    fn generation(&self) -> u64 {
        self.0.generation
    }
}

/// The access tokens that one verifier returned. Each caller gets a new copy.
#[pyclass(frozen, weakref, module = "fastmcp_rs._native")]
pub(super) struct AnswerMemory {
    answers: Arc<AnswerCache<Arc<Template>>>,
    model: ModelCopier,
}

#[pymethods]
impl AnswerMemory {
    /// `model` is FastMCP's class of access tokens; `setters` set the parts that pydantic keeps of a model.
    #[new]
    fn new(
        py: Python<'_>,
        options: &CacheOptions,
        model: Bound<'_, PyAny>,
        setters: [Bound<'_, PyAny>; 4],
    ) -> PyResult<Self> {
        let off = || PyValueError::new_err("nothing is remembered without cache_ttl_seconds");
        Ok(Self { answers: options.cache().ok_or_else(off)?, model: ModelCopier::new(py, model, setters)? })
    }

    /// The access token that serves now, for this token.
    fn get<'py>(&self, token: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Ok(text) = token.to_str() else { return Ok(None) };
        let found = self.answers.get(text.as_bytes(), clock::now(), |template| template.lasts());
        found.map(|template| self.made(&template, token)).transpose()
    }

    /// Begins a question; `None` for a value that is not Unicode text.
    fn question(&self, token: &Bound<'_, PyString>) -> Option<AnswerQuestion> {
        Some(AnswerQuestion(self.answers.question(token.to_str().ok()?.as_bytes(), clock::now())))
    }

    /// The access token of another question that was answered meanwhile.
    fn answered_meanwhile<'py>(
        &self,
        question: &AnswerQuestion,
        token: &Bound<'py, PyString>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.answers.answered_meanwhile(&question.0).filter(|template| template.lasts());
        found.map(|template| self.made(&template, token)).transpose()
    }

    /// Counts a question that is sent.
    fn asked(&self) {
        self.answers.asked();
    }

    /// Remembers the access token of a question, if it is of FastMCP's class and keeps nothing but its fields. One from the shared
    /// store has an age and a lifetime, in seconds.
    ///
    /// Returns whether it serves now.
    #[pyo3(signature = (question, answer, age=0.0, lifetime=None))]
    fn insert(
        &self,
        question: &AnswerQuestion,
        answer: &Bound<'_, PyAny>,
        age: f64,
        lifetime: Option<f64>,
    ) -> PyResult<bool> {
        let Some((template, bytes)) = self.template(answer)? else {
            self.answers.forget(&question.0);
            return Ok(false);
        };
        let lasts = template.lasts();
        let age = Duration::try_from_secs_f64(age).unwrap_or(Duration::MAX);
        let lifetime = lifetime.map(|lifetime| Duration::try_from_secs_f64(lifetime).unwrap_or_default());
        let serves = self.answers.insert(&question.0, Arc::new(template), bytes, age, lifetime);
        Ok(lasts && !serves.is_zero())
    }

    /// How long ago a question was begun, and how long its answer serves from then on, in seconds.
    fn times(&self, question: &AnswerQuestion) -> (f64, f64) {
        let age = AnswerCache::<Arc<Template>>::age(&question.0, clock::now());
        (age.as_secs_f64(), self.answers.settings().lifetime.as_secs_f64())
    }

    /// Removes the entry of a token after an answer that refuses it.
    fn forget(&self, question: &AnswerQuestion) {
        self.answers.forget(&question.0);
    }

    /// Notes that the endpoint is out of reach. Returns an older access token that may serve.
    fn out_of_reach<'py>(
        &self,
        question: &AnswerQuestion,
        token: &Bound<'py, PyString>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.answers.out_of_reach(&question.0, clock::now()).filter(|template| template.lasts());
        found.map(|template| self.made(&template, token)).transpose()
    }

    /// The endpoint answered.
    fn within_reach(&self) {
        self.answers.within_reach();
    }

    /// Another copy of an access token.
    fn copy<'py>(&self, answer: &Bound<'py, PyAny>, token: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        match self.template(answer)? {
            Some((template, _)) => self.made(&template, token),
            None => self.model.deep_copy(answer),
        }
    }

    /// Forgets a token, or all where there is none.
    #[pyo3(signature = (token=None))]
    fn invalidate(&self, token: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        endpoint_answers::invalidate(Some(&self.answers), token)
    }

    /// The counters of the memory.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        endpoint_answers::counts(py, &self.answers)
    }

    /// Whether expired access tokens serve because the endpoint is out of reach.
    #[getter]
    fn serves_stale(&self) -> bool {
        self.answers.serves_stale()
    }
}

impl AnswerMemory {
    /// A template of an access token, and its memory in bytes; `None` if the model cannot be copied part by part.
    fn template(&self, answer: &Bound<'_, PyAny>) -> PyResult<Option<(Template, usize)>> {
        let py = answer.py();
        let Some(parts) = self.model.parts(answer)? else { return Ok(None) };
        let fields = parts.fields(py);
        fields.set_item(intern!(py, "token"), py.None())?;
        let expires = fields.get_item(intern!(py, "expires_at"))?.filter(|expires| !expires.is_none());
        let expires = expires.map(|expires| convert::nearest_i64(&expires)).transpose()?;
        let bytes = parts.memory(py);
        Ok(Some((Template { parts, expires }, bytes)))
    }

    /// A new access token for a caller.
    fn made<'py>(&self, template: &Template, token: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let py = token.py();
        self.model.make(py, &template.parts, |fields| fields.set_item(intern!(py, "token"), token))
    }
}

impl Template {
    fn lasts(&self) -> bool {
        self.expires.is_none_or(|expires| now().whole_seconds() < expires)
    }
}
