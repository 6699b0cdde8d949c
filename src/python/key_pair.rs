//! The native half of `fastmcp_rs.testing.KeyPair`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::convert;
use crate::keys::Algorithms;
use crate::testing;

/// A freshly generated key that signs tokens for tests.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct KeyPair(testing::KeyPair);

#[pymethods]
impl KeyPair {
    #[new]
    fn new(py: Python<'_>, algorithm: &Bound<'_, PyAny>) -> PyResult<Self> {
        let algorithms = Algorithms::parse([convert::text(algorithm, "algorithm")?])?;
        let pairs = py.detach(|| algorithms.iter().map(testing::KeyPair::generate).collect::<Result<Vec<_>, _>>());
        Ok(Self(pairs?.remove(0)))
    }

    /// The algorithm that the key signs with.
    #[getter]
    fn algorithm(&self) -> &'static str {
        self.0.algorithm().name()
    }

    /// The public key as PEM text, or the shared secret.
    #[getter]
    fn public_key(&self) -> &str {
        self.0.public_key()
    }

    /// The members of the public JWK.
    fn jwk<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let jwk = PyDict::new(py);
        for (name, value) in self.0.jwk() {
            jwk.set_item(name, value)?;
        }
        Ok(jwk)
    }

    /// The thumbprint of the public key.
    fn thumbprint(&self) -> PyResult<String> {
        Ok(self.0.thumbprint()?)
    }

    /// Signs a header and a payload, whatever they say.
    fn sign(&self, header: &[u8], payload: &[u8]) -> PyResult<String> {
        Ok(self.0.sign(header, payload)?)
    }
}
