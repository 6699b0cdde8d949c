//! The constants of the core that Python shows in its signatures.

use pyo3::prelude::*;
use pyo3::types::{PyModule, PyTuple};

use crate::jose::jwa::Algorithm;
use crate::keys::{DEFAULT_PUBLIC_KEY_ALGORITHM, DEFAULT_SECRET_ALGORITHM};

/// Adds them to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let asymmetric = PyTuple::new(module.py(), Algorithm::ASYMMETRIC.map(Algorithm::name))?;
    module.add("ASYMMETRIC_ALGORITHMS", asymmetric)?;
    module.add("DEFAULT_PUBLIC_KEY_ALGORITHM", DEFAULT_PUBLIC_KEY_ALGORITHM.name())?;
    module.add("DEFAULT_SECRET_ALGORITHM", DEFAULT_SECRET_ALGORITHM.name())
}
