//! The policy of a verifier. Its provider may change it while tokens are verified.

use std::sync::{Arc, PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::convert;
use super::deny_list::DenyList;
use crate::config::ConfigError;
use crate::policy::{Policy, Tenants};

/// A policy that is replaced as a whole: a verification keeps the one that it began with.
pub(super) struct CurrentPolicy(RwLock<Current>);

struct Current {
    policy: Arc<Policy>,
    /// A callable that lists the audiences of the request at hand, where these are not fixed.
    audiences: Option<Py<PyAny>>,
    /// The policy with the audiences that it listed last.
    with_audiences: Option<Arc<Policy>>,
    /// A deny list that is read from a source when that is due.
    denylist: Option<Py<DenyList>>,
}

impl std::fmt::Debug for CurrentPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CurrentPolicy")
    }
}

impl CurrentPolicy {
    pub(super) fn new(policy: Policy) -> Self {
        Self(RwLock::new(Current { policy: Arc::new(policy), audiences: None, with_audiences: None, denylist: None }))
    }

    pub(super) fn get(&self, py: Python<'_>) -> Arc<Policy> {
        let (policy, audiences, denylist) = {
            let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let audiences = current.audiences.as_ref().map(|audiences| audiences.clone_ref(py));
            (Arc::clone(&current.policy), audiences, current.denylist.as_ref().map(|denylist| denylist.clone_ref(py)))
        };
        if let Some(denylist) = denylist {
            denylist.get().poll(py);
        }
        // The callable is called without the lock, since it may need the lock itself.
        let Some(audiences) = audiences else { return policy };
        let listed = audiences.call0(py).and_then(|listed| listed.extract::<Vec<String>>(py));
        let listed = listed.unwrap_or_else(|error| {
            error.write_unraisable(py, Some(audiences.bind(py)));
            Vec::new()
        });
        self.with_audiences(&policy, listed)
    }

    /// The policy with these audiences of a request: the same as for the last one, if nothing has changed.
    fn with_audiences(&self, policy: &Arc<Policy>, listed: Vec<String>) -> Arc<Policy> {
        let is_same = |known: &&Arc<Policy>| {
            known.audiences().is_some_and(|audiences| audiences.iter().map(|audience| &**audience).eq(&listed))
        };
        if let Some(known) =
            self.0.read().unwrap_or_else(PoisonError::into_inner).with_audiences.as_ref().filter(is_same)
        {
            return Arc::clone(known);
        }
        let audiences = listed.into_iter().map(String::into_boxed_str).collect();
        let made = Arc::new((**policy).clone().with_audiences_of_resource(audiences));
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current.policy, policy) {
            current.with_audiences = Some(Arc::clone(&made));
        }
        made
    }

    /// The policy without the audiences of a request.
    pub(super) fn fixed(&self) -> Arc<Policy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).policy)
    }

    pub(super) fn change(&self, change: impl FnOnce(Policy) -> Result<Policy, ConfigError>) -> PyResult<()> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        current.policy = Arc::new(change((*current.policy).clone())?);
        current.with_audiences = None;
        Ok(())
    }

    fn set_audiences_of_request(&self, audiences: Option<Py<PyAny>>) {
        let before = {
            let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut current.audiences, audiences)
        };
        // Dropped without the lock: dropping a Python object may run code that needs it.
        drop(before);
    }
}

/// The policy of a verifier, as its provider changes it.
#[pyclass(frozen, name = "Policy", module = "fastmcp_rs._native")]
pub(super) struct SharedPolicy(Arc<CurrentPolicy>);

impl SharedPolicy {
    /// The policy that this verifier has.
    pub(super) fn of(policy: &Arc<CurrentPolicy>) -> Self {
        Self(Arc::clone(policy))
    }
}

#[pymethods]
impl SharedPolicy {
    /// Leaves bound tokens to the check of proofs of possession: a decision about a good token is then unproven.
    fn demand_proofs(&self) -> PyResult<()> {
        self.0.change(Policy::with_proofs)
    }

    /// The expected issuers: a str, a list of them, or None for any.
    fn set_issuer(&self, issuer: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let issuers = convert::texts(issuer, "issuer")?;
        self.0.change(|policy| policy.with_issuers(issuers))
    }

    /// The expected audiences: a str, a list of them, or None for any.
    fn set_audience(&self, audience: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let audiences = convert::texts(audience, "audience")?;
        self.0.change(|policy| policy.with_audiences(audiences))?;
        self.0.set_audiences_of_request(None);
        Ok(())
    }

    /// A callable that lists the expected audiences of the request at hand; while it lists none, no token is accepted.
    fn set_audience_source(&self, audiences: Py<PyAny>) {
        self.0.set_audiences_of_request(Some(audiences));
    }

    /// The expected clients: a str, a list of them, or None for any; `argument` is the name of the parameter.
    #[pyo3(signature = (client_id, argument="client_id"))]
    fn set_client_id(&self, client_id: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<()> {
        let clients = convert::texts(client_id, argument)?;
        self.0.change(|policy| policy.with_clients(clients, argument))
    }

    /// Takes a deny list.
    fn set_denylist(&self, denylist: &Bound<'_, DenyList>) -> PyResult<()> {
        self.0.change(|policy| Ok(policy.with_denylist(denylist.get().list())))?;
        let mut current = self.0.0.write().unwrap_or_else(PoisonError::into_inner);
        current.denylist = Some(denylist.clone().unbind());
        Ok(())
    }

    /// The scopes that a token must grant, in any form that a caller may have them in; `argument` is what the operator calls
    /// them.
    #[pyo3(signature = (required_scopes, argument="required_scopes"))]
    fn set_required_scopes(&self, required_scopes: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<()> {
        let scopes = convert::wanted_scopes(required_scopes, argument)?;
        self.0.change(|policy| policy.with_required_scopes(scopes))
    }

    /// The scopes that a token must grant, as they were parsed.
    #[getter]
    fn required_scopes(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        Ok(PyList::new(py, self.0.fixed().required_scopes().iter().map(|scope| &**scope))?.unbind())
    }

    /// Whether a token's issuer is an expected one.
    fn accepts_issuer(&self, issuer: Option<&str>) -> bool {
        self.0.fixed().accepts_issuer(issuer)
    }
}

/// The parts of a policy that a verifier and an explanation without keys share.
pub(super) fn policy(leeway: Option<&Bound<'_, PyAny>>, typ: Option<&Bound<'_, PyAny>>) -> PyResult<Policy> {
    let policy = Policy::default()
        .with_leeway(convert::seconds(leeway, "leeway")?)?
        .with_typ(convert::optional_text(typ, "typ")?)?;
    Ok(policy)
}

/// The tenants of an issuer that is a template: "any", or GUIDs.
pub(super) fn tenants(tenants: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Tenants>> {
    let Some(given) = convert::texts(tenants, "tenants")? else { return Ok(None) };
    let is_any =
        given.len() == 1 && &*given[0] == "any" && tenants.is_some_and(PyAnyMethods::is_instance_of::<PyString>);
    Ok(Some(if is_any { Tenants::Any } else { Tenants::listed(&given)? }))
}
