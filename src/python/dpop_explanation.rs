//! Why a proof of possession is refused, for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::wall_clock::now;
use crate::oauth::server::dpop::{
    AuthScheme, CheckedProof, DpopMode, DpopSettings, PresentedRequest, TargetUri, explain, likely_fix,
};
use crate::outcome::rejection::Rejection;
use crate::untrusted::sanitize_all;

/// Explains a proof that comes with a token, which is bound to the key with this thumbprint: a dict with the `code` of what is
/// wrong, its `reason` and `fix`, and `checks`.
#[pyfunction]
#[pyo3(signature = (proof, *, method, url, token, bound_to))]
pub(super) fn explain_dpop_proof<'py>(
    py: Python<'py>,
    proof: &str,
    method: &str,
    url: &str,
    token: &str,
    bound_to: Option<&str>,
) -> PyResult<Bound<'py, PyDict>> {
    let target = TargetUri::parse(url)
        .ok_or_else(|| PyValueError::new_err("the URL of the request is no absolute http or https URL"))?;
    let request = PresentedRequest {
        scheme: AuthScheme::Dpop,
        proofs: vec![proof.as_bytes().into()],
        method: Some(method.into()),
        url: Some(target),
    };
    let max_age = DpopSettings::MAX_AGE_SECONDS;
    let settings = DpopSettings::new(DpopMode::Allowed, DpopSettings::ALGORITHMS, max_age, None)?;
    let explained = explain(&settings, &request, Some(token), bound_to, now());
    let fault = explained.checks.iter().find_map(|checked| Some(checked.outcome.as_ref()?.as_ref().err()?.fault));
    let rejection = match (bound_to, fault) {
        (None, _) => Some(Rejection::UnboundToken),
        (Some(_), fault) => fault.map(Rejection::Proof),
    };
    let fix = match rejection {
        Some(Rejection::Proof(fault)) => Some(likely_fix(fault)),
        Some(_) => Some("have the client ask for a token that is bound to its key, or send this one as Bearer"),
        None => None,
    };
    let dict = PyDict::new(py);
    dict.set_item("code", rejection.as_ref().map(Rejection::code))?;
    dict.set_item("reason", rejection.as_ref().map(ToString::to_string))?;
    dict.set_item("fix", fix)?;
    let checks = PyList::empty(py);
    for checked in &explained.checks {
        checks.append(check(py, checked)?)?;
    }
    dict.set_item("checks", checks)?;
    Ok(dict)
}

/// One check, with the members of those of a token.
fn check<'py>(py: Python<'py>, checked: &CheckedProof) -> PyResult<Bound<'py, PyDict>> {
    let (result, code, comparison, text) = match &checked.outcome {
        None => ("not_reached", None, None, String::new()),
        Some(Ok(comparison)) => ("passed", None, Some(comparison), sanitize_all(&comparison.got)),
        Some(Err(failed)) => {
            let (got, expected) = (sanitize_all(&failed.comparison.got), sanitize_all(&failed.comparison.expected));
            let text = format!("{} (got {got}, expected {expected})", failed.fault);
            ("failed", Some(failed.fault.code()), Some(&failed.comparison), text)
        }
    };
    let comparison = comparison.filter(|compared| !compared.got.is_empty() || !compared.expected.is_empty());
    let texts = |texts: &[Box<str>]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let dict = PyDict::new(py);
    dict.set_item("name", checked.check.name())?;
    dict.set_item("result", result)?;
    dict.set_item("code", code)?;
    dict.set_item("text", if comparison.is_some() { text } else { String::new() })?;
    dict.set_item("got", comparison.map(|compared| texts(&compared.got)))?;
    dict.set_item("expected", comparison.map(|compared| texts(&compared.expected)))?;
    Ok(dict)
}
