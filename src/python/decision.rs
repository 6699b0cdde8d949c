//! One decision about a token, for Python: the answers of both faces, the log record and the reason are read off it.

use std::fmt::Write as _;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::access_token::{AccessToken, Metadata, host_seconds};
use super::now;
use crate::jose::jwt::{Claims, NumericDate};
use crate::policy::{Policy, Verified};
use crate::rejection::{Rejection, Severity, Unavailable};
use crate::verifier;

/// Where to cut a piece of somebody else's text in a message, in bytes.
const LONGEST_QUOTE: usize = 64;

/// What became of a token.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct Decision(Outcome);

enum Outcome {
    Accepted(Arc<Principal>),
    Rejected {
        rejection: Rejection,
        message: String,
        client_id: Option<Box<str>>,
        subject: Option<Box<str>>,
    },
    Unavailable(Unavailable),
    /// Keys are on their way; whoever asked may wait and ask again.
    Pending,
}

/// Whom an accepted token stands for, in the words of both contracts.
pub(super) struct Principal {
    pub(super) token: Py<PyString>,
    pub(super) token_type: Box<str>,
    pub(super) expires: Option<NumericDate>,
    pub(super) accepted_until: Option<NumericDate>,
    pub(super) scopes: Vec<Box<str>>,
    pub(super) user_id: Option<Box<str>>,
    pub(super) client_id: Box<str>,
    pub(super) subject: Option<Box<str>>,
    pub(super) resource: Option<Box<str>>,
    pub(super) metadata: Metadata,
}

impl Decision {
    pub(super) fn accepted(principal: Principal) -> Self {
        Self(Outcome::Accepted(Arc::new(principal)))
    }

    /// A rejection of a token of which nothing is known.
    pub(super) fn rejected(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        Self(Outcome::Rejected { rejection, message, client_id: None, subject: None })
    }

    /// A rejection of a token whose owner is known.
    pub(super) fn rejected_for(rejection: Rejection, client_id: Option<&str>, subject: Option<&str>) -> Self {
        let message = describe(&rejection, None);
        Self(Outcome::Rejected {
            rejection,
            message,
            client_id: client_id.map(Box::from),
            subject: subject.map(Box::from),
        })
    }

    /// The outcome of a JWT verification.
    pub(super) fn of_jwt(progress: verifier::Progress, token: &Bound<'_, PyString>, policy: &Policy) -> Self {
        match progress {
            verifier::Progress::Pending => Self(Outcome::Pending),
            verifier::Progress::Decided(verifier::Decision::Unavailable(why)) => Self(Outcome::Unavailable(why)),
            verifier::Progress::Decided(verifier::Decision::Accepted(verified)) => {
                Self::accepted(Principal::of_jwt(*verified, token.clone().unbind(), policy))
            }
            verifier::Progress::Decided(verifier::Decision::Rejected(refusal)) => {
                let Some(signed) = &refusal.signed else { return Self::rejected(refusal.rejection) };
                let message = describe(&refusal.rejection, Some((&signed.claims, policy)));
                let (client_id, subject) = (signed.claims.client_id(), signed.claims.subject());
                Self(Outcome::Rejected {
                    rejection: refusal.rejection,
                    message,
                    client_id: client_id.map(tame),
                    subject: subject.map(tame),
                })
            }
        }
    }
}

impl Principal {
    /// The fields of FastMCP's own access token.
    pub(super) fn host_fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let fields = PyDict::new(py);
        fields.set_item("token", self.token.bind(py))?;
        fields.set_item("client_id", &*self.client_id)?;
        fields.set_item("scopes", self.scopes.iter().map(|scope| &**scope).collect::<Vec<_>>())?;
        let expires_at = self.accepted_until.map(|until| host_seconds(until.whole_seconds()));
        fields.set_item("expires_at", expires_at)?;
        fields.set_item("resource", self.resource.as_deref())?;
        fields.set_item("subject", self.subject.as_deref())?;
        fields.set_item("claims", self.metadata.to_dict(py)?)?;
        Ok(fields)
    }

    fn of_jwt(verified: Verified, token: Py<PyString>, policy: &Policy) -> Self {
        let claims = verified.claims();
        Self {
            token,
            token_type: "bearer".into(),
            expires: claims.expires(),
            accepted_until: verified.accepted_until(),
            scopes: verified.scopes().to_vec(),
            user_id: claims.subject().map(Box::from),
            client_id: claims.client_id().unwrap_or("unknown").into(),
            subject: claims.subject().map(Box::from),
            resource: resource(claims, policy).map(Box::from),
            metadata: Metadata::Claims(Arc::new(verified)),
        }
    }
}

/// The audience that names this server as a resource (RFC 8707 section 2): an expected one that is an absolute URL.
fn resource<'c>(claims: &'c Claims, policy: &Policy) -> Option<&'c str> {
    let expected = policy.audiences()?;
    claims.audiences().find(|audience| {
        (audience.starts_with("https://") || audience.starts_with("http://"))
            && expected.iter().any(|ours| **ours == **audience)
    })
}

/// What an operator reads: the reason, and for a mismatch what came and what was expected.
fn describe(rejection: &Rejection, known: Option<(&Claims, &Policy)>) -> String {
    let mut message = rejection.to_string();
    let written = match (rejection, known) {
        (Rejection::IssuerMismatch, Some((claims, policy))) => {
            let got: Vec<_> = claims.issuer().into_iter().collect();
            write!(message, " (got {}, expected {})", quoted(&got), quoted(policy.issuers().unwrap_or_default()))
        }
        (Rejection::AudienceMismatch, Some((claims, policy))) => {
            let got: Vec<_> = claims.audiences().collect();
            write!(message, " (got {}, expected {})", quoted(&got), quoted(policy.audiences().unwrap_or_default()))
        }
        (Rejection::InsufficientScope { missing }, _) => write!(message, " ({})", quoted(missing)),
        _ => Ok(()),
    };
    debug_assert!(written.is_ok(), "writing to a String does not fail");
    message
}

/// Texts in quotes, on one line and cut to a length that suits a log, at most three of them.
fn quoted<T: AsRef<str>>(texts: &[T]) -> String {
    const MOST: usize = 3;
    if texts.is_empty() {
        return "none".to_owned();
    }
    let mut shown: Vec<_> = texts.iter().take(MOST).map(|text| quoted_text(text.as_ref())).collect();
    if texts.len() > MOST {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}

/// A text as a log record may hold it: on one line, and cut.
fn tame(text: &str) -> Box<str> {
    escaped(text).0.into()
}

/// A text in quotes, with what is not printable escaped, cut where the escaped form gets too long.
fn quoted_text(text: &str) -> String {
    let (escaped, cut) = escaped(text);
    format!("\"{escaped}\"{}", if cut { "..." } else { "" })
}

/// The escaped text, up to a length that suits a log, and whether there was more of it.
fn escaped(text: &str) -> (String, bool) {
    let mut escaped = String::new();
    for c in text.chars() {
        if escaped.len() >= LONGEST_QUOTE {
            return (escaped, true);
        }
        escaped.extend(c.escape_debug());
    }
    (escaped, false)
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
        Self(Outcome::Unavailable(Unavailable::CustomCheck))
    }

    /// The rejection of a token that a subclass hands out with this `expires_at`, in seconds since 1970, once that is
    /// past; `None` while the token lasts. The second itself still counts, as it does to the host: its access token has
    /// no fractions.
    #[staticmethod]
    fn of_expiry(expires_at: Option<i64>) -> Option<Self> {
        let at = expires_at.filter(|&at| at < now().whole_seconds())?;
        Some(Self::rejected(Rejection::Expired { at: NumericDate::from_seconds(at) }))
    }

    /// `"accepted"`, `"rejected"`, `"unavailable"`, or `"pending"` until the keys are there.
    #[getter]
    fn outcome(&self) -> &'static str {
        match self.0 {
            Outcome::Accepted(_) => "accepted",
            Outcome::Rejected { .. } => "rejected",
            Outcome::Unavailable(_) => "unavailable",
            Outcome::Pending => "pending",
        }
    }

    /// The stable code of the reason; `None` for an accepted token.
    #[getter]
    fn code(&self) -> Option<&'static str> {
        match &self.0 {
            Outcome::Accepted(_) | Outcome::Pending => None,
            Outcome::Rejected { rejection, .. } => Some(rejection.code()),
            Outcome::Unavailable(why) => Some(why.code()),
        }
    }

    /// The level of Python's `logging` at which to report the reason.
    #[getter]
    fn level(&self) -> u8 {
        let severity = match &self.0 {
            Outcome::Accepted(_) | Outcome::Pending => Severity::Debug,
            Outcome::Rejected { rejection, .. } => rejection.severity(),
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
            Outcome::Rejected { message, .. } => message.clone(),
            Outcome::Unavailable(why) => why.to_string(),
            Outcome::Pending => "the keys are on their way".to_owned(),
        }
    }

    /// The client of a token whose signature holds.
    #[getter]
    fn client_id(&self) -> Option<&str> {
        match &self.0 {
            Outcome::Accepted(principal) => Some(&principal.client_id),
            Outcome::Rejected { client_id, .. } => client_id.as_deref(),
            Outcome::Unavailable(_) | Outcome::Pending => None,
        }
    }

    /// The subject of a token whose signature holds.
    #[getter]
    fn subject(&self) -> Option<&str> {
        match &self.0 {
            Outcome::Accepted(principal) => principal.subject.as_deref(),
            Outcome::Rejected { subject, .. } => subject.as_deref(),
            Outcome::Unavailable(_) | Outcome::Pending => None,
        }
    }

    /// The documented access token of an accepted decision, else `None`.
    fn access_token(&self, py: Python<'_>) -> Option<AccessToken> {
        let Outcome::Accepted(principal) = &self.0 else { return None };
        Some(AccessToken::of(principal, py))
    }

    /// The fields of FastMCP's own access token of an accepted decision.
    fn host_fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Outcome::Accepted(principal) = &self.0 else {
            return Err(PyValueError::new_err("the token was not accepted"));
        };
        principal.host_fields(py)
    }

    fn __repr__(&self) -> String {
        match self.code() {
            None => format!("Decision({})", self.outcome()),
            Some(code) => format!("Decision({}, {code})", self.outcome()),
        }
    }
}
