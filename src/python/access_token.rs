//! The documented `AccessToken`: immutable; each value it returns is the caller's own copy.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::convert::{self, ArgumentOrDefault};
use super::metadata::Metadata;
use super::principal::Principal;
use super::principal::fastmcp_seconds;
use crate::jose::jwt::NumericDate;

/// An access token and what it stands for.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct AccessToken {
    token: Py<PyString>,
    token_type: Box<str>,
    expires_at: Option<DateTime<Utc>>,
    scope: Option<Vec<Box<str>>>,
    user_id: Option<Box<str>>,
    metadata: Metadata,
    /// The principal of an accepted token; absent where a caller made the token.
    principal: Option<Arc<Principal>>,
}

/// The time as Python's `datetime` has it, to the microsecond.
#[allow(clippy::cast_possible_truncation, reason = "microseconds of the years 1 to 9999 fit 64 bits")]
pub(super) fn to_datetime(date: NumericDate) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros((date.seconds() * 1e6).floor() as i64)
}

/// A `datetime` in any time zone; a naive one is UTC.
pub(super) fn from_datetime(value: &Bound<'_, PyAny>) -> PyResult<DateTime<Utc>> {
    if let Ok(naive) = value.extract::<NaiveDateTime>() {
        return Ok(naive.and_utc());
    }
    let utc = value.py().import("datetime")?.getattr("timezone")?.getattr("utc")?;
    value.call_method1("astimezone", (utc,)).and_then(|utc| utc.extract::<DateTime<Utc>>()).map_err(|_| {
        PyTypeError::new_err(format!("expires_at must be a datetime or None, not {}", convert::type_name(value)))
    })
}

impl AccessToken {
    /// The token of an accepted decision. It keeps what only FastMCP's own access token shows.
    pub(super) fn of(principal: &Arc<Principal>, py: Python<'_>) -> Self {
        if principal.user_id().is_none() {
            principal.named_client(py);
        }
        Self {
            token: principal.token.clone_ref(py),
            token_type: principal.token_type().into(),
            expires_at: principal.expires().and_then(to_datetime),
            scope: Some(principal.scopes().into_iter().map(Box::from).collect()),
            user_id: principal.user_id().map(Box::from),
            metadata: principal.metadata(py),
            principal: Some(Arc::clone(principal)),
        }
    }
}

#[pymethods]
impl AccessToken {
    #[new]
    #[pyo3(
        signature = (token, token_type=ArgumentOrDefault(None), expires_at=None, scope=None, user_id=None, metadata=None),
        text_signature = "(token, token_type='bearer', expires_at=None, scope=None, user_id=None, metadata=None)"
    )]
    fn new(
        token: &Bound<'_, PyAny>,
        token_type: ArgumentOrDefault<'_>,
        expires_at: Option<&Bound<'_, PyAny>>,
        scope: Option<&Bound<'_, PyAny>>,
        user_id: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let read = |given: Bound<'_, PyAny>| convert::text(&given, "token_type").map(Box::from);
        Ok(Self {
            token: PyString::new(token.py(), convert::text(token, "token")?).unbind(),
            token_type: token_type.0.map_or_else(|| Ok("bearer".into()), read)?,
            expires_at: expires_at.map(from_datetime).transpose()?,
            scope: convert::scopes(scope, "scope")?,
            user_id: convert::optional_text(user_id, "user_id")?,
            metadata: metadata.map_or(Ok(Metadata::None), Metadata::copy_of)?,
            principal: None,
        })
    }

    /// Metadata from a caller may refer back to this object.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.metadata.traverse(&visit)?;
        match &self.principal {
            // Objects that others hold as well must not be reported.
            Some(principal) if Arc::strong_count(principal) == 1 => principal.traverse(&visit),
            _ => Ok(()),
        }
    }

    /// The token as the client sent it.
    #[getter]
    fn token(&self, py: Python<'_>) -> Py<PyString> {
        self.token.clone_ref(py)
    }

    /// The kind of token, `"bearer"` for a JWT.
    #[getter]
    fn token_type(&self) -> &str {
        &self.token_type
    }

    /// When it stops being valid, in UTC; `None` for never.
    #[getter]
    fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// Its scopes, in a new list.
    #[getter]
    fn scope<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        self.scope.as_ref().map(|scope| PyList::new(py, scope.iter().map(|scope| &**scope))).transpose()
    }

    /// The user that it belongs to; `sub` of a JWT.
    #[getter]
    fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// Anything else, in a new dict; all claims of a JWT.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.metadata.to_dict(py)
    }

    /// Whether `expires_at` has come; at that moment the token is expired.
    fn is_expired(&self) -> bool {
        self.expires_at
            .is_some_and(|expires_at| to_datetime(super::wall_clock::now()).is_none_or(|now| now >= expires_at))
    }

    /// Whether this is one of the scopes; case counts.
    fn has_scope(&self, required_scope: &Bound<'_, PyAny>) -> PyResult<bool> {
        let required = convert::text(required_scope, "required_scope")?;
        Ok(self.scope.iter().flatten().any(|scope| **scope == *required))
    }

    /// The fields of FastMCP's own access token for this one, in a dict that the caller has for them, or in a new one.
    #[pyo3(name = "_fastmcp_fields", signature = (fields=None))]
    fn fastmcp_fields<'py>(&self, py: Python<'py>, fields: Option<Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyDict>> {
        let fields = fields.unwrap_or_else(|| PyDict::new(py));
        if let Some(principal) = &self.principal {
            return principal.fastmcp_fields(fields);
        }
        let metadata = self.metadata.to_dict(py)?.unwrap_or_else(|| PyDict::new(py));
        let text = |name: &str| -> PyResult<Option<String>> {
            let value = metadata.get_item(name)?;
            Ok(value.and_then(|value| value.extract::<String>().ok()).filter(|text| !text.is_empty()))
        };
        let user_id = self.user_id.as_deref().map(str::to_owned);
        let client_id = match (text("client_id")?, text("azp")?) {
            (Some(client_id), _) | (None, Some(client_id)) => client_id,
            (None, None) => user_id.clone().or(text("sub")?).unwrap_or_else(|| "unknown".to_owned()),
        };
        fields.set_item("token", self.token.bind(py))?;
        fields.set_item("client_id", client_id)?;
        fields.set_item("scopes", self.scope(py)?.unwrap_or_else(|| PyList::empty(py)))?;
        fields.set_item("expires_at", self.expires_at.map(|expires_at| fastmcp_seconds(expires_at.timestamp())))?;
        fields.set_item("resource", py.None())?;
        fields.set_item("subject", user_id.or(text("sub")?))?;
        fields.set_item("claims", metadata)?;
        Ok(fields)
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Self>() else { return Ok(false) };
        let other = other.get();
        let same = self.token.bind(py).as_any().eq(other.token.bind(py))?
            && self.token_type == other.token_type
            && self.expires_at == other.expires_at
            && self.scope == other.scope
            && self.user_id == other.user_id;
        if !same {
            return Ok(false);
        }
        match (self.metadata.to_dict(py)?, other.metadata.to_dict(py)?) {
            (Some(mine), Some(theirs)) => mine.eq(theirs),
            (mine, theirs) => Ok(mine.is_none() && theirs.is_none()),
        }
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<u64> {
        let mut hasher = DefaultHasher::new();
        self.token.bind(py).hash()?.hash(&mut hasher);
        (&self.token_type, self.expires_at, &self.scope, &self.user_id).hash(&mut hasher);
        Ok(hasher.finish())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let parts = (&*self.token_type, self.expires_at, self.scope(py)?, self.user_id()).into_pyobject(py)?;
        let format = "AccessToken(token=..., token_type={!r}, expires_at={!r}, scope={!r}, user_id={!r})";
        PyString::new(py, format).call_method1("format", parts)?.extract()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let (py, this) = (slf.py(), slf.get());
        let arguments =
            (this.token(py), this.token_type(), this.expires_at(), this.scope(py)?, this.user_id(), this.metadata(py)?);
        Ok((slf.get_type().into_any(), arguments.into_pyobject(py)?))
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }
}
