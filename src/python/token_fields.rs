//! The fields of FastMCP's access token: made from the claims of an accepted token, or, if that was seen before, from a template
//! that is cached with the claims.

use std::sync::{Arc, Weak};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::attach::attach_if_running;
use super::decision::Decision;
use super::decision_counters::DecisionCounters;
use super::json_copy::{copied, is_container};
use super::principal::Principal;
use crate::policy::{AuthenticClaims, Policy};

/// What a dict and a list take in memory by themselves, and for each member, and an object of another type, in bytes. A text
/// takes as much as that beside itself.
const DICT_BYTES: usize = 240;
const MEMBER_BYTES: usize = 40;
const OBJECT_BYTES: usize = 56;

/// The parts of the installed FastMCP's access token.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct TokenFields {
    /// Every field with its default, in their order, and the attribute that keeps the decision.
    blank: Py<PyDict>,
    /// Fields that this FastMCP does not have.
    unknown: Vec<Py<PyString>>,
    /// The name of the attribute that keeps the decision.
    carrier: Py<PyString>,
}

#[pymethods]
impl TokenFields {
    #[new]
    fn new(blank: Py<PyDict>, unknown: Vec<Py<PyString>>, carrier: Py<PyString>) -> Self {
        Self { blank, unknown, carrier }
    }
}

impl TokenFields {
    /// Decides about a token. If it is accepted, it is counted, and the result is a dict of the fields of FastMCP's access token;
    /// else the result is the decision. `update_size` is called if cached claims take more memory than before, and returns whether
    /// they may.
    pub(super) fn accept<'py>(
        &self,
        token: &Bound<'py, PyAny>,
        policy: &Arc<Policy>,
        counters: &DecisionCounters,
        decide: impl FnOnce(&Bound<'py, PyString>, &str) -> Decision,
        update_size: impl FnOnce(&str, &Arc<AuthenticClaims>) -> bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = token.py();
        let decision = Decision::about(token, decide);
        if !decision.is_accepted() {
            return Ok(decision.into_pyobject(py)?.into_any());
        }
        counters.count_accepted();
        let fields = self.of(py, decision, policy, |authentic| {
            let text = token.cast::<PyString>().ok().and_then(|token| token.to_str().ok());
            text.is_some_and(|text| update_size(text, authentic))
        })?;
        Ok(fields.into_any())
    }

    /// The fields of an accepted token, in new containers.
    fn of<'py>(
        &self,
        py: Python<'py>,
        decision: Decision,
        policy: &Arc<Policy>,
        update_size: impl FnOnce(&Arc<AuthenticClaims>) -> bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let Some(principal) = decision.principal() else { return Ok(PyDict::new(py)) };
        let authentic = principal.authentic();
        let template = authentic.and_then(|authentic| authentic.derived().get::<Template>());
        let objects = template.as_ref().and_then(|template| template.objects_of(policy, self));
        let fields = if let Some(objects) = objects {
            objects.fields(py, principal)?
        } else {
            let fields = principal.fastmcp_fields(self.blank.bind(py).copy()?)?;
            for name in &self.unknown {
                fields.del_item(name)?;
            }
            if let Some(authentic) = authentic.filter(|authentic| authentic.derived().wants_value()) {
                let (template, memory) = Template::of(&fields, policy, self)?;
                authentic.derived().put(Arc::new(template), memory);
                if !update_size(authentic) {
                    authentic.derived().give_up();
                }
            }
            fields
        };
        fields.set_item(&self.carrier, decision)?;
        Ok(fields)
    }
}

/// The fields of a token that was seen before, in containers that no caller has. It does not refer to the claims.
struct Template {
    /// The policy that accepted the token: under another one the fields may differ.
    policy: Weak<Policy>,
    /// `None` only while it is dropped.
    objects: Option<TemplateObjects>,
}

struct TemplateObjects {
    blank: Py<PyDict>,
    /// All fields but the token and the two below.
    fields: Py<PyDict>,
    scopes: Py<PyList>,
    /// The claims, where this FastMCP has them.
    claims: Option<Py<PyDict>>,
    /// Whether there is a dict or list inside the claims.
    is_nested: bool,
}

impl Template {
    /// The template of a token with these fields, and its estimated memory in bytes.
    fn of(fields: &Bound<'_, PyDict>, policy: &Arc<Policy>, host: &TokenFields) -> PyResult<(Self, usize)> {
        let py = fields.py();
        let kept = fields.copy()?;
        let scopes = copied(&field(fields, intern!(py, "scopes"))?)?.cast_into::<PyList>()?;
        let claims = fields.get_item(intern!(py, "claims"))?;
        let claims = claims.map(|claims| copied(&claims)?.cast_into::<PyDict>().map_err(PyErr::from)).transpose()?;
        for name in [intern!(py, "token"), intern!(py, "scopes"), intern!(py, "claims")] {
            if kept.contains(name)? {
                kept.set_item(name, py.None())?;
            }
        }
        let is_nested = claims.as_ref().is_some_and(|claims| claims.values().iter().any(|value| is_container(&value)));
        let memory = size_of::<Self>()
            + memory(kept.as_any())
            + memory(scopes.as_any())
            + claims.as_ref().map_or(0, |claims| memory(claims.as_any()));
        let objects = TemplateObjects {
            blank: host.blank.clone_ref(py),
            fields: kept.unbind(),
            scopes: scopes.unbind(),
            claims: claims.map(Bound::unbind),
            is_nested,
        };
        Ok((Self { policy: Arc::downgrade(policy), objects: Some(objects) }, memory))
    }

    /// The objects of the fields, if the template was made with this policy and for this FastMCP.
    fn objects_of(&self, policy: &Arc<Policy>, host: &TokenFields) -> Option<&TemplateObjects> {
        let is_theirs = std::ptr::eq(self.policy.as_ptr(), Arc::as_ptr(policy));
        self.objects.as_ref().filter(|objects| is_theirs && objects.blank.is(&host.blank))
    }
}

impl Drop for Template {
    /// A template may be evicted on a thread that Python did not start. Dropping Python objects there would take a lock that a fork can
    /// freeze.
    fn drop(&mut self) {
        let objects = self.objects.take();
        attach_if_running(move |_| drop(objects));
    }
}

impl TemplateObjects {
    /// The fields for a caller, in new containers.
    fn fields<'py>(&self, py: Python<'py>, principal: &Principal) -> PyResult<Bound<'py, PyDict>> {
        let fields = self.fields.bind(py).copy()?;
        fields.set_item(intern!(py, "token"), &principal.token)?;
        let scopes = self.scopes.bind(py);
        fields.set_item(intern!(py, "scopes"), scopes.get_slice(0, scopes.len()))?;
        if let Some(claims) = &self.claims {
            let claims = claims.bind(py);
            let copy = if self.is_nested { copied(claims)? } else { claims.copy()?.into_any() };
            fields.set_item(intern!(py, "claims"), copy)?;
        }
        Ok(fields)
    }
}

fn field<'py>(fields: &Bound<'py, PyDict>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    fields.as_any().get_item(name)
}

/// The estimated memory of a JSON value, in bytes.
fn memory(value: &Bound<'_, PyAny>) -> usize {
    if let Ok(text) = value.cast::<PyString>() {
        return OBJECT_BYTES + text.len().unwrap_or(0);
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return DICT_BYTES + dict.iter().map(|(_, value)| MEMBER_BYTES + memory(&value)).sum::<usize>();
    }
    if let Ok(list) = value.cast::<PyList>() {
        return OBJECT_BYTES + list.iter().map(|item| size_of::<usize>() + memory(&item)).sum::<usize>();
    }
    if value.is_none() { 0 } else { OBJECT_BYTES }
}
