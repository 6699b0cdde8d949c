//! The principal of an accepted token, with the fields of both kinds of access token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use pyo3::{PyTraverseError, PyVisit};

use super::claim_templates::ClaimTemplates;
use super::claims_dict::claims_to_dict;
use super::metadata::Metadata;
use super::notices;
use crate::jose::jwt::{Claims, NumericDate};
use crate::policy::{AuthenticClaims, DenylistStatus, Policy, Verified};

/// The client id of FastMCP's access token if nothing names the client.
const UNKNOWN: &str = "unknown";

/// The principal of an accepted token.
pub(super) struct Principal {
    pub(super) token: Py<PyString>,
    source: PrincipalSource,
}

/// Where its fields come from.
enum PrincipalSource {
    /// Claims that passed every check.
    Verified {
        verified: Verified,
        resource: Option<Box<str>>,
        /// Whether the presenter of the token proved possession of the bound key.
        by_key: AtomicBool,
        /// What its verifier knows of the claims of other tokens.
        templates: Option<Arc<ClaimTemplates>>,
    },
    Static(StaticPrincipal),
}

/// An operator's word.
pub(super) struct StaticPrincipal {
    pub(super) token_type: Box<str>,
    pub(super) expires: Option<NumericDate>,
    pub(super) scopes: Vec<Box<str>>,
    pub(super) user_id: Option<Box<str>>,
    pub(super) client_id: Box<str>,
    pub(super) subject: Option<Box<str>>,
    pub(super) metadata: Metadata,
}

impl Principal {
    pub(super) fn verified(
        verified: Verified,
        token: Py<PyString>,
        policy: &Policy,
        templates: Option<Arc<ClaimTemplates>>,
    ) -> Self {
        let resource = resource(verified.claims(), policy).map(Box::from);
        Self {
            token,
            source: PrincipalSource::Verified { verified, resource, by_key: AtomicBool::new(false), templates },
        }
    }

    /// Shows the collector of cycles what a listed token holds.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.source {
            PrincipalSource::Static(listed) => listed.metadata.traverse(visit),
            PrincipalSource::Verified { .. } => Ok(()),
        }
    }

    pub(super) fn listed(listed: StaticPrincipal, token: Py<PyString>) -> Self {
        Self { token, source: PrincipalSource::Static(listed) }
    }

    /// The claims of a verified token.
    pub(super) fn claims(&self) -> Option<&Claims> {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => Some(verified.claims()),
            PrincipalSource::Static(_) => None,
        }
    }

    /// The claims of a verified token, and what makes them authentic.
    pub(super) fn authentic(&self) -> Option<&Arc<AuthenticClaims>> {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => Some(verified.authentic_claims()),
            PrincipalSource::Static(_) => None,
        }
    }

    /// Notes that the presenter of the token proved possession of the bound key.
    pub(super) fn showed_key(&self) {
        if let PrincipalSource::Verified { by_key, .. } = &self.source {
            by_key.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn token_type(&self) -> &str {
        match &self.source {
            PrincipalSource::Verified { by_key, .. } if by_key.load(Ordering::Relaxed) => "DPoP",
            PrincipalSource::Verified { .. } => "bearer",
            PrincipalSource::Static(listed) => &listed.token_type,
        }
    }

    pub(super) fn expires(&self) -> Option<NumericDate> {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => verified.claims().expires(),
            PrincipalSource::Static(listed) => listed.expires,
        }
    }

    fn accepted_until(&self) -> Option<NumericDate> {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => verified.accepted_until(),
            PrincipalSource::Static(listed) => listed.expires,
        }
    }

    pub(super) fn scopes(&self) -> Vec<&str> {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => verified.scopes(),
            PrincipalSource::Static(listed) => listed.scopes.iter().map(|scope| &**scope).collect(),
        }
    }

    pub(super) fn user_id(&self) -> Option<&str> {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => verified.user(),
            PrincipalSource::Static(listed) => listed.user_id.as_deref(),
        }
    }

    pub(super) fn client_id(&self) -> &str {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => verified.client_id().unwrap_or(UNKNOWN),
            PrincipalSource::Static(listed) => &listed.client_id,
        }
    }

    pub(super) fn subject(&self) -> Option<&str> {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => verified.subject(),
            PrincipalSource::Static(listed) => listed.subject.as_deref(),
        }
    }

    /// The client. If nothing in the token names an owner, a log record says so.
    pub(super) fn named_client(&self, py: Python<'_>) -> &str {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => verified.client_id().unwrap_or_else(|| {
                notices::names_no_principal(py, verified);
                UNKNOWN
            }),
            PrincipalSource::Static(listed) => &listed.client_id,
        }
    }

    /// Checks it against the deny list of a policy.
    pub(super) fn denylist_status(&self, policy: &Policy, now: NumericDate) -> DenylistStatus {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => policy.denylist_status(verified, now),
            PrincipalSource::Static(listed) => {
                policy.denylist_status_of_names(&listed.client_id, listed.subject.as_deref(), listed.expires, now)
            }
        }
    }

    fn resource(&self) -> Option<&str> {
        match &self.source {
            PrincipalSource::Verified { resource, .. } => resource.as_deref(),
            PrincipalSource::Static(_) => None,
        }
    }

    /// The claims of a verified token, in a new dict.
    pub(super) fn claims_dict<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        match &self.source {
            PrincipalSource::Verified { verified, templates: Some(templates), .. } => {
                templates.dict(py, verified.claims()).map(Some)
            }
            PrincipalSource::Verified { verified, templates: None, .. } => {
                claims_to_dict(py, verified.claims()).map(Some)
            }
            PrincipalSource::Static(_) => Ok(None),
        }
    }

    pub(super) fn metadata(&self, py: Python<'_>) -> Metadata {
        match &self.source {
            PrincipalSource::Verified { verified, .. } => Metadata::Claims(Arc::clone(verified.authentic_claims())),
            PrincipalSource::Static(listed) => listed.metadata.clone_ref(py),
        }
    }

    /// Puts the fields of FastMCP's own access token into a dict.
    pub(super) fn fastmcp_fields<'py>(&self, fields: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let py = fields.py();
        fields.set_item(intern!(py, "token"), self.token.bind(py))?;
        let client_id = self.named_client(py);
        fields.set_item(intern!(py, "client_id"), client_id)?;
        fields.set_item(intern!(py, "scopes"), PyList::new(py, self.scopes())?)?;
        let expires_at = self.accepted_until().map(|until| fastmcp_seconds(until.whole_seconds()));
        fields.set_item(intern!(py, "expires_at"), expires_at)?;
        fields.set_item(intern!(py, "resource"), self.resource())?;
        fields.set_item(intern!(py, "subject"), self.subject())?;
        let claims = match &self.source {
            PrincipalSource::Verified { .. } => self.claims_dict(py)?,
            PrincipalSource::Static(listed) => listed.metadata.to_dict(py)?,
        };
        fields.set_item(intern!(py, "claims"), claims)?;
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

/// Seconds for FastMCP's access token, where 0 means "never".
pub(super) fn fastmcp_seconds(seconds: i64) -> i64 {
    seconds.max(1)
}
