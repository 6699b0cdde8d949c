//! Rules about claims, as Python's arguments have them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::convert;
use crate::config::ConfigError;
use crate::jose::json::Value;
use crate::policy;
use crate::policy::{ClaimPath, ScopeClaims, ScopeHierarchy};

/// The longest `max_age`, in seconds: ten years.
const LONGEST_AGE: usize = 315_360_000;

/// Rules about claims.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct ClaimRules(policy::ClaimRules);

impl ClaimRules {
    pub(super) fn rules(&self) -> policy::ClaimRules {
        self.0.clone()
    }
}

#[pymethods]
impl ClaimRules {
    #[new]
    #[pyo3(signature = (
        *, client_id_claim=None, subject_claim=None, scope_claims=None, scope_hierarchy=None, required_claims=None,
        expected_claims=None, max_age=None, iat_leeway=None
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are those of the Python classes, which name each")]
    fn new(
        client_id_claim: Option<&Bound<'_, PyAny>>,
        subject_claim: Option<&Bound<'_, PyAny>>,
        scope_claims: Option<&Bound<'_, PyAny>>,
        scope_hierarchy: Option<&Bound<'_, PyAny>>,
        required_claims: Option<&Bound<'_, PyAny>>,
        expected_claims: Option<&Bound<'_, PyAny>>,
        max_age: Option<&Bound<'_, PyAny>>,
        iat_leeway: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let rules = policy::ClaimRules::default()
            .with_client_id(some_paths(client_id_claim, "client_id_claim")?)
            .with_subject(some_paths(subject_claim, "subject_claim")?)
            .with_scope_claims(paths(scope_claims, "scope_claims")?.map(ScopeClaims::new).transpose()?)
            .with_scope_hierarchy(scope_hierarchy.map(hierarchy).transpose()?)
            .with_required(some_paths(required_claims, "required_claims")?)
            .with_expected(expected_claims.map_or_else(|| Ok(Vec::new()), expected)?)?
            .with_max_age(max_age.map(seconds_of_age).transpose()?)
            .with_iat_leeway(convert::seconds(iat_leeway, "iat_leeway")?)?;
        Ok(Self(rules))
    }
}

/// Places of claims: a str, or a list of them.
fn paths(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Option<Vec<ClaimPath>>> {
    let Some(texts) = convert::texts(value, argument)? else { return Ok(None) };
    Ok(Some(texts.iter().map(|text| ClaimPath::parse(argument, text)).collect::<Result<_, ConfigError>>()?))
}

/// The same. None are `None`, since an empty list looks like a rule and would be none.
fn some_paths(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Vec<ClaimPath>> {
    match paths(value, argument)? {
        Some(paths) if paths.is_empty() => Err(PyValueError::new_err(format!(
            "{argument} is empty: name a claim, or give None where there is no such rule"
        ))),
        paths => Ok(paths.unwrap_or_default()),
    }
}

/// The items of a dict.
fn items<'py>(
    value: &Bound<'py, PyAny>,
    argument: &str,
    of: &str,
) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let wrong =
        || PyValueError::new_err(format!("{argument} must be a dict of {of}, not {}", convert::type_name(value)));
    let dict = value.cast::<PyDict>().map_err(|_| wrong())?;
    // A subclass of dict may raise what it likes.
    let items = dict.call_method0("items").and_then(|items| items.try_iter()).map_err(|_| wrong())?;
    items.map(|item| item.and_then(|item| item.extract()).map_err(|_| wrong())).collect()
}

fn hierarchy(value: &Bound<'_, PyAny>) -> PyResult<ScopeHierarchy> {
    let argument = "scope_hierarchy";
    let mut implications = Vec::new();
    for (scope, implied) in items(value, argument, "scopes and those that they imply")? {
        let implied = convert::texts(Some(&implied), argument)?.ok_or_else(|| {
            PyValueError::new_err("scope_hierarchy has None for a scope: list the scopes that it implies")
        })?;
        implications.push((convert::text(&scope, argument)?.into(), implied));
    }
    Ok(ScopeHierarchy::new(&implications)?)
}

fn expected(value: &Bound<'_, PyAny>) -> PyResult<Vec<(ClaimPath, Vec<Value>)>> {
    let argument = "expected_claims";
    let items = items(value, argument, "claims and what they must be")?;
    if items.is_empty() {
        return Err(PyValueError::new_err("expected_claims is empty: give claims and what they must be, or None"));
    }
    let mut rules = Vec::new();
    for (claim, values) in items {
        let claim = ClaimPath::parse(argument, convert::text(&claim, argument)?)?;
        let values = if values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>() {
            let wrong = |_| PyValueError::new_err("expected_claims has a list that cannot be read");
            values.try_iter().map_err(wrong)?.map(|item| json_value(&item.map_err(wrong)?)).collect::<PyResult<_>>()?
        } else {
            vec![json_value(&values)?]
        };
        rules.push((claim, values));
    }
    Ok(rules)
}

/// What a claim may be compared with. `True` is not 1, and neither is "1".
fn json_value(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Value::Bool(value.is_true()));
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Value::String(convert::text(value, "expected_claims")?.into()));
    }
    if value.is_instance_of::<PyInt>() {
        return value.extract().map_or_else(|_| value.extract().map(Value::BigInt), |int| Ok(Value::Int(int)));
    }
    match value.cast::<PyFloat>().map(PyFloatMethods::value) {
        Ok(float) if float.is_finite() => Ok(Value::Float(float)),
        Ok(_) => Err(PyValueError::new_err("expected_claims holds a number that JSON has not")),
        Err(_) => Err(PyValueError::new_err(format!(
            "expected_claims must hold str, int, float, bool or lists of them, not {}",
            convert::type_name(value)
        ))),
    }
}

fn seconds_of_age(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    let seconds = convert::whole_number(value, "max_age", LONGEST_AGE).ok().filter(|&seconds| seconds > 0);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.ok_or_else(|| {
        PyValueError::new_err(format!("max_age must be a whole number of seconds from 1 to {LONGEST_AGE}"))
    })
}
