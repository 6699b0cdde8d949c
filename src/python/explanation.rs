//! An explanation, for Python: a dict of nothing but what JSON has.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::jwt_verifier::policy;
use super::{convert, now};
use crate::config::Algorithms;
use crate::explain::{self, Checked, Explanation, Verdict};
use crate::jose::json::Object;
use crate::verifier::Decision;

/// Explains what can be said of a token without any key.
#[pyfunction]
#[pyo3(signature = (token, algorithms=None, *, issuer=None, audience=None, required_scopes=None, leeway=None, typ=None))]
#[allow(clippy::too_many_arguments, reason = "they are those of a verifier")]
pub(super) fn explain_without_keys<'py>(
    token: &Bound<'py, PyAny>,
    algorithms: Option<&Bound<'_, PyAny>>,
    issuer: Option<&Bound<'_, PyAny>>,
    audience: Option<&Bound<'_, PyAny>>,
    required_scopes: Option<&Bound<'_, PyAny>>,
    leeway: Option<&Bound<'_, PyAny>>,
    typ: Option<&Bound<'_, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let names = convert::texts(algorithms, "algorithms")?;
    let algorithms = names.map(|names| Algorithms::parse(names.iter().map(|name| &**name))).transpose()?;
    let policy = policy(leeway, typ, false)?
        .with_issuers(convert::texts(issuer, "issuer")?)?
        .with_audiences(convert::texts(audience, "audience")?)?
        .with_required_scopes(convert::scopes(required_scopes, "required_scopes")?.unwrap_or_default())?;
    to_dict(token.py(), &explain::without_keys(token_text(token).as_bytes(), algorithms, &policy, now()))
}

/// The text to explain; what is no text is no token.
pub(super) fn token_text<'t>(token: &'t Bound<'_, PyAny>) -> Cow<'t, str> {
    token.cast::<PyString>().map_or(Cow::Borrowed(""), |text| text.to_string_lossy())
}

/// The explanation as a dict. Texts under `reason`, `text`, `words` and `fix` are tame; those under `got`, `expected`, `header` and
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
    dict.set_item("signature_verified", explanation.is_signed())?;
    let checks = PyList::empty(py);
    for checked in &explanation.checks {
        checks.append(check(py, checked)?)?;
    }
    dict.set_item("checks", checks)?;
    dict.set_item("header", object(py, explanation.header.as_ref())?)?;
    dict.set_item("claims", object(py, explanation.claims.as_ref())?)?;
    let times = PyDict::new(py);
    for time in &explanation.times {
        let told = PyDict::new(py);
        told.set_item("at", time.at.as_deref())?;
        told.set_item("words", &*time.words)?;
        times.set_item(time.claim, told)?;
    }
    dict.set_item("times", times)?;
    Ok(dict)
}

fn check<'py>(py: Python<'py>, checked: &Checked) -> PyResult<Bound<'py, PyDict>> {
    let (result, code) = match &checked.verdict {
        Verdict::Passed => ("passed", None),
        Verdict::Failed(rejection) => ("failed", Some(rejection.code())),
        Verdict::Unavailable(why) => ("unavailable", Some(why.code())),
        Verdict::NotReached => ("not_reached", None),
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
