//! The policy of a verifier, which its owner may change while requests are judged.

use std::sync::{Arc, PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::convert;
use crate::config::ConfigError;
use crate::policy::Policy;

/// A policy that is swapped as a whole: whoever judges keeps to the one that they began with.
#[derive(Default)]
pub(super) struct CurrentPolicy(RwLock<Arc<Policy>>);

impl CurrentPolicy {
    pub(super) fn new(policy: Policy) -> Self {
        Self(RwLock::new(Arc::new(policy)))
    }

    pub(super) fn get(&self) -> Arc<Policy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change(&self, change: impl FnOnce(Policy) -> Result<Policy, ConfigError>) -> PyResult<()> {
        let mut policy = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *policy = Arc::new(change((**policy).clone())?);
        Ok(())
    }

    /// Takes the expected issuers: a str, a list of them, or None for any.
    pub(super) fn set_issuer(&self, issuer: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let issuers = convert::texts(issuer, "issuer")?;
        self.change(|policy| policy.with_issuers(issuers))
    }

    /// Takes the expected audiences: a str, a list of them, or None for any.
    pub(super) fn set_audience(&self, audience: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let audiences = convert::texts(audience, "audience")?;
        self.change(|policy| policy.with_audiences(audiences))
    }

    /// Takes the scopes that a token must grant, in any form that a caller may have them in and under the name that they
    /// have there.
    pub(super) fn set_required_scopes(&self, scopes: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<()> {
        let scopes = convert::wanted_scopes(scopes, argument)?;
        self.change(|policy| policy.with_required_scopes(scopes))
    }

    /// The scopes that a token must grant, as they were parsed.
    pub(super) fn required_scopes(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        Ok(PyList::new(py, self.get().required_scopes().iter().map(|scope| &**scope))?.unbind())
    }
}
