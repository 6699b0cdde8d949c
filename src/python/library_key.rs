//! The native step inside FastMCP's own verifiers: one of their keys, and the tokens under it.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::claims_dict::claims_to_dict;
use super::convert;
use crate::keys::Algorithms;
use crate::outcome::rejection::Rejection;
use crate::patch::LibraryKey as Key;
use crate::patch::{DecodeResult, Decoder};

/// A key of a library's, adopted for one algorithm.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct LibraryKey {
    key: Result<Decoder, &'static str>,
}

/// What is said about a token: its header and claims, or why it is refused.
#[derive(IntoPyObject)]
pub(super) enum DecodedToken<'py> {
    Decoded((Bound<'py, PyDict>, Bound<'py, PyDict>)),
    Refused(&'static str),
}

#[pymethods]
impl LibraryKey {
    /// Reads a key; `None` if this project does not support the key or its algorithm.
    #[staticmethod]
    fn read(key: &Bound<'_, PyAny>, algorithm: &str) -> PyResult<Option<Self>> {
        let text = convert::key_bytes(key, "the key")?;
        let Ok(algorithms) = Algorithms::parse([algorithm]) else { return Ok(None) };
        let key = algorithms.iter().map(|algorithm| Key::read(text, algorithm)).next();
        Ok(match key {
            Some(Key::Ready(keys)) => Some(Self { key: Ok(Decoder::new(algorithms, keys)) }),
            Some(Key::Unsound(why)) => Some(Self { key: Err(why) }),
            Some(Key::Unsupported) | None => None,
        })
    }

    /// Why no token under this key can be trusted.
    #[getter]
    fn unsound(&self) -> Option<&'static str> {
        self.key.as_ref().err().copied()
    }

    /// Checks the signature and reads the claims by type; `None` if another library might decide differently.
    fn decode<'py>(&self, token: &Bound<'py, PyAny>, only_registered: bool) -> PyResult<Option<DecodedToken<'py>>> {
        let py = token.py();
        let Some(text) = token.cast::<PyString>().ok().and_then(|text| text.to_str().ok()) else { return Ok(None) };
        let Ok(decoder) = &self.key else { return Ok(Some(DecodedToken::Refused(Rejection::UnknownKey.code()))) };
        Ok(match decoder.decode(text, only_registered) {
            DecodeResult::Unsettled => None,
            DecodeResult::Refused(rejection) => Some(DecodedToken::Refused(rejection.code())),
            DecodeResult::Decoded(token) => {
                let Some(header) = token.header() else { return Ok(None) };
                let header = convert::object_to_dict(py, header.parameters())?;
                Some(DecodedToken::Decoded((header, claims_to_dict(py, token.claims())?)))
            }
        })
    }
}
