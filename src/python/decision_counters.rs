//! Counts of decisions, for Python: those of one provider, and those of the process.

use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

use super::decision::Decision;
use crate::outcome::counters::{DecisionCounters as Counters, OF_PROCESS};

/// Counts the decisions of one provider, which also count for the process.
#[pyclass(frozen, module = "fastmcp_rs._native")]
#[derive(Default)]
pub(super) struct DecisionCounters(Counters);

#[pymethods]
impl DecisionCounters {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Counts a decision that is not pending. Returns whether it is accepted.
    fn count(&self, decision: &Decision) -> bool {
        for counts in [&self.0, &OF_PROCESS] {
            match decision.code() {
                Some(code) => counts.refused(code),
                None if decision.is_accepted() => counts.accepted(),
                None => {}
            }
        }
        decision.is_accepted()
    }

    /// Counts a request that a subclass accepts by itself.
    pub(super) fn count_accepted(&self) {
        self.0.accepted();
        OF_PROCESS.accepted();
    }

    /// The counts: `accepted`, and `rejected` and `unavailable` by the reasons that occurred.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.0)
    }
}

/// The counts of all providers in the life of the process.
#[pyfunction]
pub(super) fn counts_of_process(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    to_dict(py, &OF_PROCESS)
}

fn to_dict<'py>(py: Python<'py>, counts: &Counters) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("accepted", counts.count_of_accepted())?;
    dict.set_item("rejected", counts.counts_of_rejected().into_py_dict(py)?)?;
    dict.set_item("unavailable", counts.counts_of_unavailable().into_py_dict(py)?)?;
    Ok(dict)
}
