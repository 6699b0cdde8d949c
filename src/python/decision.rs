//! One decision about a token, for Python. The answers of both entry points and the log record are made from it.

use std::sync::Arc;
use std::task::Poll;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::access_token::AccessToken;
use super::claim_templates::ClaimTemplates;
use super::convert;
use super::notices;
use super::principal::Principal;
use super::rejection_record::RejectionRecord;
use super::wall_clock::now;
use crate::jose::jwt::NumericDate;
use crate::oauth::server::challenge::ErrorResponse;
use crate::outcome::check::Comparison;
use crate::outcome::rejection::{Rejection, Severity};
use crate::outcome::unavailable::Unavailable;
use crate::policy::{BoundTokens, DenylistStatus, Policy};
use crate::untrusted::secrets::Secrets;
use crate::verify;

/// What became of a token.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct Decision(Outcome);

enum Outcome {
    Accepted(Arc<Principal>),
    Rejected(Box<RejectionRecord>),
    Unavailable(Unavailable),
    /// Keys are being fetched; the caller may wait and ask again.
    Pending,
    /// The token is good. A proof of possession still has to show that its presenter may use it.
    Unproven(Arc<Principal>),
}

impl Decision {
    pub(super) fn accepted(principal: Principal) -> Self {
        Self(Outcome::Accepted(Arc::new(principal)))
    }

    /// The decision about a value that may be a token. A value that is not Unicode text is malformed.
    pub(super) fn about<'py>(
        token: &Bound<'py, PyAny>,
        decide: impl FnOnce(&Bound<'py, PyString>, &str) -> Self,
    ) -> Self {
        match token.cast::<PyString>().ok().and_then(|token| Some((token, token.to_str().ok()?))) {
            Some((token, text)) => decide(token, text),
            None => Self::rejected(Rejection::MalformedToken),
        }
    }

    /// A rejection without any details of the token.
    pub(super) fn rejected(rejection: Rejection) -> Self {
        Self::rejected_for(rejection, None, None)
    }

    /// No decision, for this reason: keys or a remote verifier are unreachable.
    pub(super) fn unavailable(why: Unavailable) -> Self {
        Self(Outcome::Unavailable(why))
    }

    /// The same decision, with the exception that a subclass's check raised.
    pub(super) fn with_cause(mut self, cause: Option<PyErr>) -> Self {
        if let Outcome::Rejected(refusal) = &mut self.0 {
            refusal.cause = cause;
        }
        self
    }

    /// A rejection of a token with a known owner.
    pub(super) fn rejected_for(rejection: Rejection, client_id: Option<&str>, subject: Option<&str>) -> Self {
        Self(Outcome::Rejected(Box::new(RejectionRecord::of_owner(rejection, client_id, subject))))
    }

    /// The owner of an accepted token.
    pub(super) fn principal(&self) -> Option<&Arc<Principal>> {
        match &self.0 {
            Outcome::Accepted(principal) => Some(principal),
            _ => None,
        }
    }

    /// The owner of a good token with a proof of possession still to be checked.
    pub(super) fn unproven(&self) -> Option<&Arc<Principal>> {
        match &self.0 {
            Outcome::Unproven(principal) => Some(principal),
            _ => None,
        }
    }

    /// The decision after a valid proof of possession.
    pub(super) fn proven(principal: &Arc<Principal>) -> Self {
        Self(Outcome::Accepted(Arc::clone(principal)))
    }

    /// The rejection of a good token without a valid proof of possession; with its owner, if that is known.
    pub(super) fn not_proven(owner: Option<&Principal>, rejection: Rejection, comparison: Option<Comparison>) -> Self {
        let record =
            RejectionRecord::of_owner(rejection, owner.map(Principal::client_id), owner.and_then(Principal::subject));
        Self(Outcome::Rejected(Box::new(record.with_comparison(comparison))))
    }

    /// The answer to a client, with all details or only with those that an untrusted client may learn.
    pub(super) fn error_response(&self, detailed: bool) -> ErrorResponse {
        let answer = match &self.0 {
            Outcome::Rejected(refusal) => ErrorResponse::to(&refusal.rejection),
            Outcome::Accepted(_) | Outcome::Unavailable(_) | Outcome::Pending | Outcome::Unproven(_) => {
                ErrorResponse::to_unavailable()
            }
        };
        if detailed { answer.with_details(&self.message()) } else { answer }
    }

    /// The rejection of a good token that lacks a scope of this policy, or that its deny list names.
    pub(super) fn refused_by(&self, policy: &Policy, now: NumericDate) -> Option<Self> {
        let (Outcome::Accepted(principal) | Outcome::Unproven(principal)) = &self.0 else { return None };
        let granted = principal.scopes();
        let rejection = match principal.denylist_status(policy, now) {
            DenylistStatus::Denied => Rejection::DeniedToken,
            DenylistStatus::Unread => return Some(Self::unavailable(Unavailable::Denylist)),
            DenylistStatus::NotDenied => policy.check_scopes(|required| granted.contains(&required)).err()?,
        };
        Some(Self::rejected_for(rejection, Some(principal.client_id()), principal.subject()))
    }

    /// The outcome of a verification. `templates` is what the verifier knows of the claims of other tokens. `secrets` gives the
    /// texts that no record of it may have.
    pub(super) fn of(
        decided: Poll<verify::Decision>,
        token: &Bound<'_, PyString>,
        policy: &Policy,
        templates: Option<&Arc<ClaimTemplates>>,
        secrets: impl FnOnce() -> Secrets,
    ) -> Self {
        Self(match decided {
            Poll::Pending => Outcome::Pending,
            Poll::Ready(verify::Decision::Unavailable(why)) => Outcome::Unavailable(why),
            Poll::Ready(verify::Decision::Accepted(verified)) => {
                if !verified.skipped_scopes().is_empty() {
                    notices::skipped_scopes(token.py(), &verified);
                }
                let principal =
                    Arc::new(Principal::verified(*verified, token.clone().unbind(), policy, templates.cloned()));
                match policy.bound_tokens() {
                    BoundTokens::Proven => Outcome::Unproven(principal),
                    BoundTokens::Refused | BoundTokens::AcceptedAsBearer => Outcome::Accepted(principal),
                }
            }
            Poll::Ready(verify::Decision::Rejected(refusal)) => {
                Outcome::Rejected(Box::new(RejectionRecord::of(*refusal, policy, &secrets())))
            }
        })
    }
}

fn texts(texts: &[Box<str>]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

#[pymethods]
impl Decision {
    /// The rejection of a token after a subclass's check failed.
    #[staticmethod]
    fn custom_check_failed() -> Self {
        Self::rejected(Rejection::CustomCheckFailed)
    }

    /// No decision: a subclass says that it cannot make one.
    #[staticmethod]
    fn custom_check_unavailable() -> Self {
        Self::unavailable(Unavailable::CustomCheck)
    }

    /// No decision: FastMCP's own verifier could not get its keys.
    #[staticmethod]
    fn keys_unavailable() -> Self {
        Self::unavailable(Unavailable::Keys)
    }

    /// The rejection of a request that a subclass refuses without a reason.
    #[staticmethod]
    fn denied() -> Self {
        Self::rejected(Rejection::Denied)
    }

    /// The rejection of a good token that lacks these scopes for an operation.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value, reason = "Python's lists are extracted by value")]
    fn insufficient_scope(missing: Vec<String>, client_id: Option<&str>, subject: Option<&str>) -> Self {
        let missing = missing.into_iter().map(Into::into).collect();
        Self::rejected_for(Rejection::InsufficientScope { missing }, client_id, subject)
    }

    /// The rejection of a token that a subclass hands out with this `expires_at`, in seconds since 1970, once that is
    /// past; `None` while the token lasts. The second itself still counts, as it does to FastMCP: its access token has
    /// no fractions, and integers of any size.
    #[staticmethod]
    fn of_expiry(expires_at: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Self>> {
        let at = expires_at.map(convert::nearest_i64).transpose()?.filter(|&at| at < now().whole_seconds());
        Ok(at.map(|at| Self::rejected(Rejection::Expired { at: NumericDate::from_seconds(at) })))
    }

    /// `"accepted"`, `"rejected"`, `"unavailable"`; `"pending"` until the keys are there, `"unproven"` until a proof of
    /// possession was looked at.
    #[getter]
    fn outcome(&self) -> &'static str {
        match self.0 {
            Outcome::Accepted(_) => "accepted",
            Outcome::Rejected(_) => "rejected",
            Outcome::Unavailable(_) => "unavailable",
            Outcome::Pending => "pending",
            Outcome::Unproven(_) => "unproven",
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
            Outcome::Accepted(_) | Outcome::Pending | Outcome::Unproven(_) => None,
            Outcome::Rejected(refusal) => Some(refusal.rejection.code()),
            Outcome::Unavailable(why) => Some(why.code()),
        }
    }

    /// The level of Python's `logging` at which to report the reason.
    #[getter]
    fn level(&self) -> u8 {
        let severity = match &self.0 {
            Outcome::Accepted(_) | Outcome::Pending | Outcome::Unproven(_) => Severity::Debug,
            Outcome::Rejected(refusal) => refusal.severity(),
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
            Outcome::Unproven(_) => "the token is good, and a proof of possession is looked at next".to_owned(),
        }
    }

    /// The client of a token whose signature holds.
    #[getter]
    fn client_id(&self) -> Option<&str> {
        match &self.0 {
            Outcome::Accepted(principal) | Outcome::Unproven(principal) => Some(principal.client_id()),
            Outcome::Rejected(refusal) => refusal.client_id.as_deref(),
            Outcome::Unavailable(_) | Outcome::Pending => None,
        }
    }

    /// The subject of a token whose signature holds.
    #[getter]
    fn subject(&self) -> Option<&str> {
        match &self.0 {
            Outcome::Accepted(principal) | Outcome::Unproven(principal) => principal.subject(),
            Outcome::Rejected(refusal) => refusal.subject.as_deref(),
            Outcome::Unavailable(_) | Outcome::Pending => None,
        }
    }

    /// The key id that a rejected token names, if its header could be read: untrusted, sanitized.
    #[getter]
    fn kid(&self) -> Option<&str> {
        let Outcome::Rejected(refusal) = &self.0 else { return None };
        refusal.kid.as_deref()
    }

    /// What a subclass's own check raised, if that is why the token is refused.
    #[getter]
    fn cause<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let Outcome::Rejected(refusal) = &self.0 else { return None };
        refusal.cause.as_ref().map(|cause| cause.value(py).clone().into_any())
    }

    /// For a mismatch, what came and what was expected.
    #[getter]
    fn mismatch(&self) -> Option<(Vec<&str>, Vec<&str>)> {
        let Outcome::Rejected(refusal) = &self.0 else { return None };
        let mismatch = refusal.mismatch.as_ref()?;
        Some((texts(&mismatch.got), texts(&mismatch.expected)))
    }

    /// How many checks the token passed, to choose the most specific of several refusals. Unavailable outranks all of them: the
    /// token may be good.
    #[getter]
    fn progress(&self) -> usize {
        match &self.0 {
            Outcome::Rejected(refusal) => {
                Rejection::CODES.iter().position(|code| *code == refusal.rejection.code()).unwrap_or_default()
            }
            Outcome::Accepted(_) | Outcome::Unavailable(_) | Outcome::Pending | Outcome::Unproven(_) => usize::MAX,
        }
    }

    /// The answer to a client, with all details or only with those that an untrusted client may learn: the status, the error code,
    /// the description, and the value of `WWW-Authenticate`.
    #[pyo3(signature = (*, detailed, scopes, resource_metadata))]
    #[allow(clippy::needless_pass_by_value, reason = "Python's lists are extracted by value")]
    fn answer(
        &self,
        detailed: bool,
        scopes: Vec<String>,
        resource_metadata: Option<&str>,
    ) -> (u16, Option<&'static str>, Option<String>, Option<String>) {
        let answer = self.error_response(detailed);
        let challenge = answer.challenge(scopes.iter().map(String::as_str), resource_metadata);
        (answer.status, answer.error, answer.description, challenge)
    }

    /// The documented access token of an accepted decision, else `None`.
    fn access_token(&self, py: Python<'_>) -> Option<AccessToken> {
        let Outcome::Accepted(principal) = &self.0 else { return None };
        Some(AccessToken::of(principal, py))
    }

    /// The claims of an accepted JWT, in a new dict.
    fn claims<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.principal().map_or(Ok(None), |principal| principal.claims_dict(py))
    }

    /// The fields of FastMCP's own access token of an accepted decision, in a dict that the caller has for them, or in a
    /// new one.
    #[pyo3(name = "_fastmcp_fields", signature = (fields=None))]
    fn fastmcp_fields<'py>(&self, py: Python<'py>, fields: Option<Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyDict>> {
        let Outcome::Accepted(principal) = &self.0 else {
            return Err(PyValueError::new_err("the token was not accepted"));
        };
        principal.fastmcp_fields(fields.unwrap_or_else(|| PyDict::new(py)))
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    /// An accepted decision is pickled and copied as the access token that it made.
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
