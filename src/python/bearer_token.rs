//! A token in a client. Python code does not see its text until a request carries it.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zeroize::Zeroizing;

use super::convert;
use crate::oauth::client::token_request;

/// A bearer token that no repr, local variable or pickle shows.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct BearerToken(pub(super) Arc<token_request::BearerToken>);

#[pymethods]
impl BearerToken {
    #[new]
    fn new(token: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = Zeroizing::new(convert::text(token, "token")?.to_owned());
        let token = token_request::BearerToken::new(text).ok_or_else(|| {
            PyValueError::new_err(
                "token is not a bearer token (RFC 6750 section 2.1), which has letters, digits and -._~+/ only, with = at \
                 the end: give it without \"Bearer\", spaces and line ends",
            )
        })?;
        Ok(Self(Arc::new(token)))
    }

    /// The token as text. The name says that it is exposed.
    fn expose<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, self.0.expose())
    }

    /// Puts the token into a request's headers, a mutable mapping, in place of any credentials there.
    pub(super) fn authorize(&self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = Zeroizing::new(["Bearer ", self.0.expose()].concat());
        headers.set_item("Authorization", value.as_str())
    }
}
