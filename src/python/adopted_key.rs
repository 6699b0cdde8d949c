//! The native step inside FastMCP's own verifiers: one key of theirs, and tokens under it.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::convert;
use crate::config::Algorithms;
use crate::keys::{AdoptedKey as Key, KeySet};
use crate::rejection::Rejection;
use crate::stand_in::{self, Verdict};

/// A key of a library's, adopted for one algorithm.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct AdoptedKey {
    algorithms: Algorithms,
    key: Result<KeySet, &'static str>,
}

/// What is said about a token: its header and claims, or why it is refused.
#[derive(IntoPyObject)]
pub(super) enum Answer<'py> {
    Decoded((Bound<'py, PyDict>, Bound<'py, PyDict>)),
    Refused(&'static str),
}

#[pymethods]
impl AdoptedKey {
    /// Reads a key; `None` where the key or its algorithm is nothing that is read here.
    #[staticmethod]
    fn read(key: &Bound<'_, PyAny>, algorithm: &str) -> PyResult<Option<Self>> {
        let text = convert::key_bytes(key, "the key")?;
        let Ok(algorithms) = Algorithms::parse([algorithm]) else { return Ok(None) };
        let key = algorithms.iter().map(|algorithm| Key::read(text, algorithm)).next();
        Ok(match key {
            Some(Key::Ready(keys)) => Some(Self { algorithms, key: Ok(keys) }),
            Some(Key::Unsound(why)) => Some(Self { algorithms, key: Err(why) }),
            Some(Key::Foreign) | None => None,
        })
    }

    /// Why no token under this key can be trusted.
    #[getter]
    fn unsound(&self) -> Option<&'static str> {
        self.key.as_ref().err().copied()
    }

    /// Checks the signature and reads the claims by type; `None` where a library may see the token otherwise.
    fn decode<'py>(&self, token: &Bound<'py, PyAny>, only_registered: bool) -> PyResult<Option<Answer<'py>>> {
        let py = token.py();
        let Some(text) = token.cast::<PyString>().ok().and_then(|text| text.to_str().ok()) else { return Ok(None) };
        let Ok(keys) = &self.key else { return Ok(Some(Answer::Refused(Rejection::UnknownKey.code()))) };
        Ok(match stand_in::decode(text, &self.algorithms, keys, only_registered) {
            Verdict::Unsettled => None,
            Verdict::Refused(rejection) => Some(Answer::Refused(rejection.code())),
            Verdict::Decoded(decoded) => {
                let (header, claims) = *decoded;
                let header = convert::object_to_dict(py, header.parameters())?;
                Some(Answer::Decoded((header, convert::object_to_dict(py, claims.object())?)))
            }
        })
    }
}
