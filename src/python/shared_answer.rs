//! Answers in a store that several workers share, for Python.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::convert;
use crate::oauth::server::sealed_answer::{self, Purpose};

/// Seals the answers of one endpoint, and opens them.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct AnswerSealer(sealed_answer::AnswerSealer);

#[pymethods]
impl AnswerSealer {
    /// `scope` separates the answers from those of other endpoints.
    #[new]
    fn new(cache_secret: &Bound<'_, PyAny>, scope: &str) -> PyResult<Self> {
        let secret = convert::key_bytes(cache_secret, "cache_secret")?;
        Ok(Self(sealed_answer::AnswerSealer::new(secret, scope.as_bytes())?))
    }

    /// The names under which an answer, the invalidation of its token and that of all tokens are stored.
    fn names(&self, token: &str) -> (String, String, String) {
        let name = |purpose, token: &str| self.0.name(purpose, token.as_bytes());
        (name(Purpose::Answer, token), name(Purpose::Invalidation, token), name(Purpose::Epoch, ""))
    }

    /// Seals an answer, with the age of its question and its lifetime.
    fn seal<'py>(
        &self,
        py: Python<'py>,
        token: &str,
        payload: &[u8],
        age: f64,
        lifetime: f64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let asked = wall_clock().saturating_sub(milliseconds(age));
        bytes(py, self.0.seal(Purpose::Answer, token.as_bytes(), asked, milliseconds(lifetime), payload))
    }

    /// Seals the invalidation of a token, or of all tokens without one.
    fn seal_invalidation<'py>(&self, py: Python<'py>, token: Option<&str>) -> PyResult<Bound<'py, PyBytes>> {
        let purpose = if token.is_some() { Purpose::Invalidation } else { Purpose::Epoch };
        bytes(py, self.0.seal(purpose, token.unwrap_or_default().as_bytes(), wall_clock(), 0, b""))
    }

    /// Opens an answer: its text, its age and its whole lifetime, in seconds.
    fn open<'py>(
        &self,
        py: Python<'py>,
        token: &str,
        answer: &[u8],
        invalidation: Option<&[u8]>,
        epoch: Option<&[u8]>,
    ) -> Option<(Bound<'py, PyBytes>, f64, f64)> {
        let opened = self.0.answer(token.as_bytes(), answer, invalidation, epoch, wall_clock())?;
        let seconds = |milliseconds| Duration::from_millis(milliseconds).as_secs_f64();
        Some((PyBytes::new(py, &opened.payload), seconds(opened.age), seconds(opened.lifetime)))
    }
}

fn bytes(py: Python<'_>, sealed: Option<Vec<u8>>) -> PyResult<Bound<'_, PyBytes>> {
    let sealed = sealed.ok_or_else(|| PyValueError::new_err("the system gives no random numbers"))?;
    Ok(PyBytes::new(py, &sealed))
}

/// Milliseconds since 1970, a clock that all machines share.
fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}

fn milliseconds(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds).map_or(0, |span| span.as_millis().try_into().unwrap_or(u64::MAX))
}
