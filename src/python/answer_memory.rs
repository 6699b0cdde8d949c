//! Remembers the access tokens that a verifier of FastMCP's returned.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PySet, PyString};

use super::cache_options::CacheOptions;
use super::wall_clock::now;
use super::{convert, endpoint_answers};
use crate::oauth::server::answer_cache::{self, AnswerCache};
use crate::runtime::clock;

/// How deep lists and dicts are copied here. What is deeper may hold itself, and is left to Python's own copy.
const MAX_DEPTH: usize = 32;

/// A remembered access token, without the token.
struct Template {
    fields: Py<PyDict>,
    fields_set: Py<PySet>,
    expires: Option<i64>,
}

/// What makes access tokens of FastMCP's class.
struct Model {
    class: Py<PyAny>,
    new: Py<PyAny>,
    /// The setters of what pydantic keeps of a model: its fields, which of them were set, extra and private ones.
    setters: [Py<PyAny>; 4],
    deepcopy: Py<PyAny>,
}

/// A question about a token that is about to be asked.
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

/// What one verifier returned for tokens. Each caller gets an access token of its own.
#[pyclass(frozen, weakref, module = "fastmcp_rs._native")]
pub(super) struct AnswerMemory {
    answers: Arc<AnswerCache<Arc<Template>>>,
    model: Model,
}

#[pymethods]
impl AnswerMemory {
    /// `model` is FastMCP's class of access tokens, `setters` those of what pydantic keeps of one.
    #[new]
    fn new(
        py: Python<'_>,
        options: &CacheOptions,
        model: Bound<'_, PyAny>,
        setters: [Bound<'_, PyAny>; 4],
    ) -> PyResult<Self> {
        let off = || PyValueError::new_err("nothing is remembered without cache_ttl_seconds");
        let model = Model {
            new: model.getattr("__new__")?.unbind(),
            class: model.unbind(),
            setters: setters.map(Bound::unbind),
            deepcopy: py.import("copy")?.getattr("deepcopy")?.unbind(),
        };
        Ok(Self { answers: options.cache().ok_or_else(off)?, model })
    }

    /// The access token that serves now, for this token.
    fn get<'py>(&self, token: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Ok(text) = token.to_str() else { return Ok(None) };
        let found = self.answers.get(text.as_bytes(), clock::now(), |template| template.lasts());
        found.map(|template| self.model.make(&template, token)).transpose()
    }

    /// Begins a question; `None` about what is no Unicode text.
    fn question(&self, token: &Bound<'_, PyString>) -> Option<AnswerQuestion> {
        Some(AnswerQuestion(self.answers.question(token.to_str().ok()?.as_bytes(), clock::now())))
    }

    /// The access token that came while the question was about to be asked.
    fn answered_meanwhile<'py>(
        &self,
        question: &AnswerQuestion,
        token: &Bound<'py, PyString>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.answers.answered_meanwhile(&question.0).filter(|template| template.lasts());
        found.map(|template| self.model.make(&template, token)).transpose()
    }

    /// Counts a question that is asked.
    fn asked(&self) {
        self.answers.asked();
    }

    /// Remembers the access token that came of a question, if it is of FastMCP's class and keeps nothing beside its fields.
    /// One from elsewhere is so old, and serves so long from its question on, in seconds.
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
        let Some((template, bytes)) = self.model.template(answer)? else {
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

    /// Forgets what was remembered before this question, which was answered otherwise.
    fn forget(&self, question: &AnswerQuestion) {
        self.answers.forget(&question.0);
    }

    /// The endpoint is out of reach: the access token that serves nevertheless.
    fn out_of_reach<'py>(
        &self,
        question: &AnswerQuestion,
        token: &Bound<'py, PyString>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.answers.out_of_reach(&question.0, clock::now()).filter(|template| template.lasts());
        found.map(|template| self.model.make(&template, token)).transpose()
    }

    /// The endpoint answered.
    fn within_reach(&self) {
        self.answers.within_reach();
    }

    /// Another copy of an access token.
    fn copy<'py>(&self, answer: &Bound<'py, PyAny>, token: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        match self.model.template(answer)? {
            Some((template, _)) => self.model.make(&template, token),
            None => self.model.deepcopy.bind(answer.py()).call1((answer,)),
        }
    }

    /// Forgets a token, or all where there is none.
    #[pyo3(signature = (token=None))]
    fn invalidate(&self, token: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        endpoint_answers::invalidate(Some(&self.answers), token)
    }

    /// How the memory is doing.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        endpoint_answers::counts(py, &self.answers)
    }

    /// Whether access tokens from before serve since the endpoint is out of reach.
    #[getter]
    fn serves_stale(&self) -> bool {
        self.answers.serves_stale()
    }
}

impl Template {
    fn lasts(&self) -> bool {
        self.expires.is_none_or(|expires| now().whole_seconds() < expires)
    }
}

impl Model {
    fn template(&self, answer: &Bound<'_, PyAny>) -> PyResult<Option<(Template, usize)>> {
        let py = answer.py();
        if !answer.get_type().is(self.class.bind(py)) {
            return Ok(None);
        }
        let is_none = |name| answer.getattr(name).map(|kept| kept.is_none());
        if !is_none(intern!(py, "__pydantic_extra__"))? || !is_none(intern!(py, "__pydantic_private__"))? {
            return Ok(None);
        }
        let fields = answer.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
        let fields = self.copied_dict(&fields, 0)?;
        fields.set_item(intern!(py, "token"), py.None())?;
        let expires = fields.get_item(intern!(py, "expires_at"))?.filter(|expires| !expires.is_none());
        let expires = expires.map(|expires| convert::nearest_i64(&expires)).transpose()?;
        let fields_set = answer.getattr(intern!(py, "__pydantic_fields_set__"))?.cast_into::<PySet>()?;
        let bytes = memory(&fields, 0);
        let fields_set = PySet::new(py, fields_set.iter())?.unbind();
        Ok(Some((Template { fields: fields.unbind(), fields_set, expires }, bytes)))
    }

    fn make<'py>(&self, template: &Template, token: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let py = token.py();
        let made = self.new.bind(py).call1((self.class.bind(py),))?;
        let fields = self.copied_dict(template.fields.bind(py), 0)?;
        fields.set_item(intern!(py, "token"), token)?;
        let fields_set = template.fields_set.bind(py).call_method0(intern!(py, "copy"))?;
        let [put_fields, put_set, put_extra, put_private] = &self.setters;
        put_fields.bind(py).call1((&made, fields))?;
        put_set.bind(py).call1((&made, fields_set))?;
        put_extra.bind(py).call1((&made, py.None()))?;
        put_private.bind(py).call1((&made, py.None()))?;
        Ok(made)
    }

    fn copied_dict<'py>(&self, dict: &Bound<'py, PyDict>, depth: usize) -> PyResult<Bound<'py, PyDict>> {
        let copied = dict.copy()?;
        // Of the copy, which no other code can change meanwhile.
        for (name, value) in copied.iter() {
            if !is_unchangeable(&value) {
                copied.set_item(name, self.copied(&value, depth)?)?;
            }
        }
        Ok(copied)
    }

    fn copied<'py>(&self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        if is_unchangeable(value) {
            return Ok(value.clone());
        }
        if depth < MAX_DEPTH {
            if let Ok(dict) = value.cast_exact::<PyDict>() {
                return self.copied_dict(dict, depth + 1).map(Bound::into_any);
            }
            if let Ok(list) = value.cast_exact::<PyList>() {
                let copied = PyList::empty(value.py());
                for item in list.iter() {
                    copied.append(self.copied(&item, depth + 1)?)?;
                }
                return Ok(copied.into_any());
            }
        }
        self.deepcopy.bind(value.py()).call1((value,))
    }
}

fn is_unchangeable(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyString>()
        || value.is_none()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyFloat>()
}

/// What a value takes in memory, in bytes, by estimate.
fn memory(value: &Bound<'_, PyAny>, depth: usize) -> usize {
    const OBJECT: usize = 56;
    const MEMBER: usize = 32;
    if let Ok(text) = value.cast::<PyString>() {
        return OBJECT + text.len().unwrap_or_default();
    }
    if depth >= MAX_DEPTH {
        return OBJECT;
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let members = dict.iter().map(|(name, value)| MEMBER + memory(&name, depth + 1) + memory(&value, depth + 1));
        return 2 * OBJECT + members.sum::<usize>();
    }
    if let Ok(list) = value.cast::<PyList>() {
        return OBJECT + list.iter().map(|item| 8 + memory(&item, depth + 1)).sum::<usize>();
    }
    OBJECT
}
