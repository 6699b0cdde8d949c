//! Whom an accepted token stands for, in the words of both contracts.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::access_token::{Metadata, host_seconds};
use crate::jose::jwt::{Claims, NumericDate};
use crate::policy::{Policy, Verified};

/// Whom an accepted token stands for.
pub(super) struct Principal {
    pub(super) token: Py<PyString>,
    standing: Standing,
}

/// What says so.
enum Standing {
    /// Claims that passed every check.
    Verified {
        verified: Verified,
        resource: Option<Box<str>>,
    },
    Listed(Listed),
}

/// An operator's word.
pub(super) struct Listed {
    pub(super) token_type: Box<str>,
    pub(super) expires: Option<NumericDate>,
    pub(super) scopes: Vec<Box<str>>,
    pub(super) user_id: Option<Box<str>>,
    pub(super) client_id: Box<str>,
    pub(super) subject: Option<Box<str>>,
    pub(super) metadata: Metadata,
}

impl Principal {
    pub(super) fn verified(verified: Verified, token: Py<PyString>, policy: &Policy) -> Self {
        let resource = resource(verified.claims(), policy).map(Box::from);
        Self { token, standing: Standing::Verified { verified, resource } }
    }

    pub(super) fn listed(listed: Listed, token: Py<PyString>) -> Self {
        Self { token, standing: Standing::Listed(listed) }
    }

    pub(super) fn token_type(&self) -> &str {
        match &self.standing {
            Standing::Verified { .. } => "bearer",
            Standing::Listed(listed) => &listed.token_type,
        }
    }

    pub(super) fn expires(&self) -> Option<NumericDate> {
        match &self.standing {
            Standing::Verified { verified, .. } => verified.claims().expires(),
            Standing::Listed(listed) => listed.expires,
        }
    }

    fn accepted_until(&self) -> Option<NumericDate> {
        match &self.standing {
            Standing::Verified { verified, .. } => verified.accepted_until(),
            Standing::Listed(listed) => listed.expires,
        }
    }

    pub(super) fn scopes(&self) -> Vec<&str> {
        match &self.standing {
            Standing::Verified { verified, .. } => verified.scopes(),
            Standing::Listed(listed) => listed.scopes.iter().map(|scope| &**scope).collect(),
        }
    }

    pub(super) fn user_id(&self) -> Option<&str> {
        match &self.standing {
            Standing::Verified { verified, .. } => verified.claims().user(),
            Standing::Listed(listed) => listed.user_id.as_deref(),
        }
    }

    pub(super) fn client_id(&self) -> &str {
        match &self.standing {
            Standing::Verified { verified, .. } => verified.claims().client_id().unwrap_or("unknown"),
            Standing::Listed(listed) => &listed.client_id,
        }
    }

    pub(super) fn subject(&self) -> Option<&str> {
        match &self.standing {
            Standing::Verified { verified, .. } => verified.claims().subject(),
            Standing::Listed(listed) => listed.subject.as_deref(),
        }
    }

    fn resource(&self) -> Option<&str> {
        match &self.standing {
            Standing::Verified { resource, .. } => resource.as_deref(),
            Standing::Listed(_) => None,
        }
    }

    pub(super) fn metadata(&self, py: Python<'_>) -> Metadata {
        match &self.standing {
            Standing::Verified { verified, .. } => Metadata::Claims(Arc::clone(verified.vouched())),
            Standing::Listed(listed) => listed.metadata.clone_ref(py),
        }
    }

    /// Puts the fields of FastMCP's own access token into a dict.
    pub(super) fn host_fields<'py>(&self, fields: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let py = fields.py();
        fields.set_item(intern!(py, "token"), self.token.bind(py))?;
        fields.set_item(intern!(py, "client_id"), self.client_id())?;
        fields.set_item(intern!(py, "scopes"), PyList::new(py, self.scopes())?)?;
        let expires_at = self.accepted_until().map(|until| host_seconds(until.whole_seconds()));
        fields.set_item(intern!(py, "expires_at"), expires_at)?;
        fields.set_item(intern!(py, "resource"), self.resource())?;
        fields.set_item(intern!(py, "subject"), self.subject())?;
        fields.set_item(intern!(py, "claims"), self.metadata(py).to_dict(py)?)?;
        Ok(fields)
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
