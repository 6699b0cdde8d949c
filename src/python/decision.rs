//! One decision about a token, for Python: the answers of both faces, the log record and the reason are read off it.

use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::access_token::AccessToken;
use super::calls::with_python;
use super::convert;
use super::now;
use super::principal::Principal;
use super::refusal::Refusal;
use crate::jose::jwt::NumericDate;
use crate::oauth::challenge::Answer;
use crate::policy::Policy;
use crate::rejection::{Rejection, Severity, Unavailable};
use crate::verifier;

/// What became of a token.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct Decision(Outcome);

enum Outcome {
    Accepted(Arc<Principal>),
    Rejected(Box<Refusal>),
    Unavailable(Unavailable),
    /// Keys are on their way; whoever asked may wait and ask again.
    Pending,
}

impl Decision {
    pub(super) fn accepted(principal: Principal) -> Self {
        Self(Outcome::Accepted(Arc::new(principal)))
    }

    /// The decision about what may be a token; what is no Unicode text is none.
    pub(super) fn about<'py>(
        token: &Bound<'py, PyAny>,
        decide: impl FnOnce(&Bound<'py, PyString>, &str) -> Self,
    ) -> Self {
        match token.cast::<PyString>().ok().and_then(|token| Some((token, token.to_str().ok()?))) {
            Some((token, text)) => decide(token, text),
            None => Self::rejected(Rejection::MalformedToken),
        }
    }

    /// A rejection of a token of which nothing is known.
    pub(super) fn rejected(rejection: Rejection) -> Self {
        Self::rejected_for(rejection, None, None)
    }

    /// No decision yet: whoever asked may wait for it.
    pub(super) fn pending() -> Self {
        Self(Outcome::Pending)
    }

    /// Nobody can tell, for this reason.
    pub(super) fn unavailable(why: Unavailable) -> Self {
        Self(Outcome::Unavailable(why))
    }

    /// A rejection of a token whose owner is known.
    pub(super) fn rejected_for(rejection: Rejection, client_id: Option<&str>, subject: Option<&str>) -> Self {
        Self(Outcome::Rejected(Box::new(Refusal::of_owner(rejection, client_id, subject))))
    }

    /// The outcome of a verification.
    pub(super) fn of(progress: verifier::Progress, token: &Bound<'_, PyString>, policy: &Policy) -> Self {
        Self(match progress {
            verifier::Progress::Pending => Outcome::Pending,
            verifier::Progress::Decided(verifier::Decision::Unavailable(why)) => Outcome::Unavailable(why),
            verifier::Progress::Decided(verifier::Decision::Accepted(verified)) => {
                Outcome::Accepted(Arc::new(Principal::verified(*verified, token.clone().unbind(), policy)))
            }
            verifier::Progress::Decided(verifier::Decision::Rejected(refusal)) => {
                Outcome::Rejected(Box::new(Refusal::of(*refusal)))
            }
        })
    }
}

/// A decision that is made later, on whatever thread, and whom to tell.
pub(super) struct Later {
    token: Py<PyString>,
    policy: Arc<Policy>,
    done: Py<PyAny>,
}

impl Later {
    pub(super) fn new(token: &Bound<'_, PyString>, policy: &Arc<Policy>, done: Py<PyAny>) -> Self {
        Self { token: token.clone().unbind(), policy: Arc::clone(policy), done }
    }

    /// Tells it.
    pub(super) fn is(self, decided: verifier::Decision) {
        // Moved in, so that it is also dropped here: dropped elsewhere it would take a lock that a fork can freeze.
        with_python(move |py| {
            let decision = Decision::of(verifier::Progress::Decided(decided), self.token.bind(py), &self.policy);
            if let Err(error) = self.done.call1(py, (decision,)) {
                error.write_unraisable(py, None);
            }
        });
    }
}

fn texts(texts: &[Box<str>]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

#[pymethods]
impl Decision {
    /// The rejection of a token whose check by a subclass failed.
    #[staticmethod]
    fn custom_check_failed() -> Self {
        Self::rejected(Rejection::CustomCheckFailed)
    }

    /// The decision that a subclass, by its own word, cannot make.
    #[staticmethod]
    fn custom_check_unavailable() -> Self {
        Self::unavailable(Unavailable::CustomCheck)
    }

    /// The rejection of a request that a subclass says no to, for reasons of its own.
    #[staticmethod]
    fn denied() -> Self {
        Self::rejected(Rejection::Denied)
    }

    /// The rejection of a token that a subclass hands out with this `expires_at`, in seconds since 1970, once that is
    /// past; `None` while the token lasts. The second itself still counts, as it does to the host: its access token has
    /// no fractions, and integers of any size.
    #[staticmethod]
    fn of_expiry(expires_at: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Self>> {
        let at = expires_at.map(convert::nearest_i64).transpose()?.filter(|&at| at < now().whole_seconds());
        Ok(at.map(|at| Self::rejected(Rejection::Expired { at: NumericDate::from_seconds(at) })))
    }

    /// `"accepted"`, `"rejected"`, `"unavailable"`, or `"pending"` until the keys are there.
    #[getter]
    fn outcome(&self) -> &'static str {
        match self.0 {
            Outcome::Accepted(_) => "accepted",
            Outcome::Rejected(_) => "rejected",
            Outcome::Unavailable(_) => "unavailable",
            Outcome::Pending => "pending",
        }
    }

    /// Whether the token is accepted.
    #[getter]
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.0, Outcome::Accepted(_))
    }

    /// Whether keys, or an answer, are on their way.
    #[getter]
    fn is_pending(&self) -> bool {
        matches!(self.0, Outcome::Pending)
    }

    /// The stable code of the reason; `None` for an accepted token.
    #[getter]
    pub(super) fn code(&self) -> Option<&'static str> {
        match &self.0 {
            Outcome::Accepted(_) | Outcome::Pending => None,
            Outcome::Rejected(refusal) => Some(refusal.rejection.code()),
            Outcome::Unavailable(why) => Some(why.code()),
        }
    }

    /// The level of Python's `logging` at which to report the reason.
    #[getter]
    fn level(&self) -> u8 {
        let severity = match &self.0 {
            Outcome::Accepted(_) | Outcome::Pending => Severity::Debug,
            Outcome::Rejected(refusal) => refusal.rejection.severity(),
            Outcome::Unavailable(_) => Severity::Warning,
        };
        match severity {
            Severity::Debug => 10,
            Severity::Info => 20,
            Severity::Warning => 30,
        }
    }

    /// The reason in words, on one line, for an operator.
    #[getter]
    fn message(&self) -> String {
        match &self.0 {
            Outcome::Accepted(_) => "the token is accepted".to_owned(),
            Outcome::Rejected(refusal) => refusal.message(),
            Outcome::Unavailable(why) => why.to_string(),
            Outcome::Pending => "the keys are on their way".to_owned(),
        }
    }

    /// The client of a token whose signature holds.
    #[getter]
    fn client_id(&self) -> Option<&str> {
        match &self.0 {
            Outcome::Accepted(principal) => Some(principal.client_id()),
            Outcome::Rejected(refusal) => refusal.client_id.as_deref(),
            Outcome::Unavailable(_) | Outcome::Pending => None,
        }
    }

    /// The subject of a token whose signature holds.
    #[getter]
    fn subject(&self) -> Option<&str> {
        match &self.0 {
            Outcome::Accepted(principal) => principal.subject(),
            Outcome::Rejected(refusal) => refusal.subject.as_deref(),
            Outcome::Unavailable(_) | Outcome::Pending => None,
        }
    }

    /// The key id that a rejected token names, if its header could be read: a stranger's word, tamed.
    #[getter]
    fn kid(&self) -> Option<&str> {
        let Outcome::Rejected(refusal) = &self.0 else { return None };
        refusal.kid.as_deref()
    }

    /// For a mismatch, what came and what was expected.
    #[getter]
    fn mismatch(&self) -> Option<(Vec<&str>, Vec<&str>)> {
        let Outcome::Rejected(refusal) = &self.0 else { return None };
        let mismatch = refusal.mismatch.as_ref()?;
        Some((texts(&mismatch.got), texts(&mismatch.expected)))
    }

    /// How far the token came, to tell which of several refusals says most. That nobody can tell outweighs them all:
    /// the token may be good.
    #[getter]
    fn progress(&self) -> usize {
        match &self.0 {
            Outcome::Rejected(refusal) => {
                Rejection::CODES.iter().position(|code| *code == refusal.rejection.code()).unwrap_or_default()
            }
            Outcome::Accepted(_) | Outcome::Unavailable(_) | Outcome::Pending => usize::MAX,
        }
    }

    /// What to answer to a client, with all that is known or with what a stranger may learn: the status, the error
    /// code, the description, and the value of `WWW-Authenticate`.
    #[pyo3(signature = (*, detailed, scopes, resource_metadata))]
    #[allow(clippy::needless_pass_by_value, reason = "Python's lists are extracted by value")]
    fn answer(
        &self,
        detailed: bool,
        scopes: Vec<String>,
        resource_metadata: Option<&str>,
    ) -> (u16, Option<&'static str>, Option<String>, Option<String>) {
        let answer = match &self.0 {
            Outcome::Rejected(refusal) => Answer::to(&refusal.rejection),
            Outcome::Accepted(_) | Outcome::Unavailable(_) | Outcome::Pending => Answer::to_unavailable(),
        };
        let answer = if detailed { answer.with_details(&self.message()) } else { answer };
        let challenge = answer.challenge(scopes.iter().map(String::as_str), resource_metadata);
        (answer.status, answer.error, answer.description, challenge)
    }

    /// The documented access token of an accepted decision, else `None`.
    fn access_token(&self, py: Python<'_>) -> Option<AccessToken> {
        let Outcome::Accepted(principal) = &self.0 else { return None };
        Some(AccessToken::of(principal, py))
    }

    /// The fields of FastMCP's own access token of an accepted decision, in a dict that the caller has for them, or in a
    /// new one.
    #[pyo3(signature = (fields=None))]
    fn host_fields<'py>(&self, py: Python<'py>, fields: Option<Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyDict>> {
        let Outcome::Accepted(principal) = &self.0 else {
            return Err(PyValueError::new_err("the token was not accepted"));
        };
        principal.host_fields(fields.unwrap_or_else(|| PyDict::new(py)))
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    /// An accepted decision goes elsewhere as the access token that it made.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let token =
            self.access_token(py).ok_or_else(|| PyTypeError::new_err("only an accepted decision is pickled"))?;
        token.into_pyobject(py)?.call_method0("__reduce__")
    }

    fn __repr__(&self) -> String {
        match self.code() {
            None => format!("Decision({})", self.outcome()),
            Some(code) => format!("Decision({}, {code})", self.outcome()),
        }
    }
}
