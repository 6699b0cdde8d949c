//! An explanation, for Python: a dict of JSON types.

use std::borrow::Cow;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::attach::attach_if_running;
use super::convert;
use super::policy::policy;
use super::wall_clock::now;
use crate::explain::{self, CheckOutcome, Checked, Explanation, SettingNames};
use crate::jose::json::Object;
use crate::keys::Algorithms;
use crate::oauth::server::token_introspection::AskOutcome;
use crate::outcome::check::Check;
use crate::policy::Policy;
use crate::untrusted::secrets::Secrets;
use crate::verify::Decision;

/// Explains a token as far as that is possible without keys.
#[pyfunction]
#[pyo3(signature = (token, algorithms=None, *, issuer=None, audience=None, required_scopes=None, leeway=None, typ=None, dpop=false))]
#[allow(clippy::too_many_arguments, reason = "they are those of a verifier")]
pub(super) fn explain_without_keys<'py>(
    token: &Bound<'py, PyAny>,
    algorithms: Option<&Bound<'_, PyAny>>,
    issuer: Option<&Bound<'_, PyAny>>,
    audience: Option<&Bound<'_, PyAny>>,
    required_scopes: Option<&Bound<'_, PyAny>>,
    leeway: Option<&Bound<'_, PyAny>>,
    typ: Option<&Bound<'_, PyAny>>,
    dpop: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let names = convert::texts(algorithms, "algorithms")?;
    let algorithms = names.map(|names| Algorithms::parse(names.iter().map(|name| &**name))).transpose()?;
    let policy = policy(leeway, typ)?
        .with_issuers(convert::texts(issuer, "issuer")?)?
        .with_audiences(convert::texts(audience, "audience")?)?
        .with_required_scopes(convert::scopes(required_scopes, "required_scopes")?.unwrap_or_default())?;
    let policy = if dpop { policy.with_proofs()? } else { policy };
    let explanation =
        explain::without_keys(token_text(token).as_bytes(), algorithms, &policy, now(), SettingNames::Options);
    to_dict(token.py(), &explanation)
}

/// An explanation of a token that a server is asked about, and the callback that gets it.
pub(super) struct PendingExplanation {
    pub(super) token: String,
    pub(super) policy: Arc<Policy>,
    pub(super) secrets: Secrets,
    pub(super) names: SettingNames,
    pub(super) done: Py<PyAny>,
}

impl PendingExplanation {
    /// Calls back with the explanation, on any thread.
    pub(super) fn complete(self, outcome: AskOutcome) {
        // `done` is moved in, so that it is dropped while attached: dropped elsewhere it would take a lock that a fork can freeze.
        attach_if_running(move |py| {
            let Self { token, policy, secrets, names, done } = self;
            let explanation = explain::introspected(token.as_bytes(), outcome, &policy, now(), &secrets, names);
            let called = to_dict(py, &explanation).and_then(|explained| done.call1(py, (explained,)));
            if let Err(error) = called {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// The text to explain. A value that is not text is explained as no token.
pub(super) fn token_text<'t>(token: &'t Bound<'_, PyAny>) -> Cow<'t, str> {
    token.cast::<PyString>().map_or(Cow::Borrowed(""), |text| text.to_string_lossy())
}

/// The explanation as a dict. Texts under `reason`, `text`, `words` and `fix` are sanitized; those under `got`, `expected`, `header` and
/// `claims` stand as they are.
pub(super) fn to_dict<'py>(py: Python<'py>, explanation: &Explanation) -> PyResult<Bound<'py, PyDict>> {
    let (outcome, code, reason) = match &explanation.decision {
        Decision::Accepted(_) => ("accepted", None, None),
        Decision::Rejected(refusal) => {
            ("rejected", Some(refusal.rejection.code()), Some(refusal.rejection.to_string()))
        }
        Decision::Unavailable(why) => ("unavailable", Some(why.code()), Some(why.to_string())),
    };
    let dict = PyDict::new(py);
    dict.set_item("outcome", outcome)?;
    dict.set_item("code", code)?;
    dict.set_item("reason", reason)?;
    dict.set_item("fix", explanation.fix.as_deref())?;
    dict.set_item("signature_verified", explanation.is_authentic())?;
    let checks = PyList::empty(py);
    for checked in &explanation.checks {
        let entry = check(py, checked)?;
        let is_of_claims = checked.check >= Check::Claims && checked.outcome != CheckOutcome::NotReached;
        entry.set_item("unverified", is_of_claims && !explanation.is_authentic())?;
        checks.append(entry)?;
    }
    dict.set_item("checks", checks)?;
    dict.set_item("header", object(py, explanation.header.as_ref())?)?;
    dict.set_item("claims", object(py, explanation.claims.as_ref())?)?;
    let times = PyDict::new(py);
    for time in &explanation.times {
        let entry = PyDict::new(py);
        entry.set_item("at", time.at.as_deref())?;
        entry.set_item("words", &*time.words)?;
        times.set_item(time.claim, entry)?;
    }
    dict.set_item("times", times)?;
    Ok(dict)
}

fn check<'py>(py: Python<'py>, checked: &Checked) -> PyResult<Bound<'py, PyDict>> {
    let (result, code) = match &checked.outcome {
        CheckOutcome::Passed => ("passed", None),
        CheckOutcome::Failed(rejection) => ("failed", Some(rejection.code())),
        CheckOutcome::Unavailable(why) => ("unavailable", Some(why.code())),
        CheckOutcome::Unchecked => ("unchecked", None),
        CheckOutcome::NotReached => ("not_reached", None),
    };
    let texts = |texts: &[Box<str>]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let dict = PyDict::new(py);
    dict.set_item("name", checked.check.name())?;
    dict.set_item("result", result)?;
    dict.set_item("code", code)?;
    dict.set_item("text", checked.text())?;
    dict.set_item("got", checked.comparison.as_ref().map(|comparison| texts(&comparison.got)))?;
    dict.set_item("expected", checked.comparison.as_ref().map(|comparison| texts(&comparison.expected)))?;
    Ok(dict)
}

fn object<'py>(py: Python<'py>, object: Option<&Object>) -> PyResult<Option<Bound<'py, PyDict>>> {
    object.map(|object| convert::object_to_dict(py, object)).transpose()
}
