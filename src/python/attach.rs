//! Calls into Python from threads that Python did not start.
//!
//! They must be over before the interpreter is: until 3.14, a thread that asks a finalizing interpreter for its lock is
//! unwound by force, and the process aborts. So when Python is about to end, no further call is made, and the end waits
//! for those that are under way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyModule;

use crate::http;

/// How long the end of the process waits for a call, such as of a log handler that hangs.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static OVER: AtomicBool = AtomicBool::new(false);

struct Call;

impl Call {
    fn begin() -> Option<Self> {
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        let call = Self;
        // In this order, so that either the setter sees this call, or this call sees that it is set.
        if OVER.load(Ordering::SeqCst) { None } else { Some(call) }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // A call from before a fork may end in the child, where it is not counted.
        let _ = UNDER_WAY.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |calls| calls.checked_sub(1));
    }
}

/// Does this with Python, unless it is ending or has ended.
pub(super) fn attach_if_running(work: impl FnOnce(Python<'_>)) {
    if let Some(_call) = Call::begin() {
        Python::try_attach(work);
    }
}

/// Runs the work of an HTTP thread with one Python thread state, which lasts as long as the thread. Without it, each call
/// into Python would make a thread state and delete it.
fn with_thread_state(work: Box<dyn FnOnce() + Send>) {
    let mut work = Some(work);
    let mut run = move || {
        if let Some(work) = work.take() {
            work();
        }
    };
    if let Some(call) = Call::begin() {
        Python::try_attach(|py| {
            // Python can end from here on: the thread is detached, and no call is under way.
            drop(call);
            py.detach(&mut run);
        });
    }
    // Only where Python was ending: else the work is done.
    run();
}

/// The one interpreter that has the module, known by where its builtins are; 0 for none so far.
static INTERPRETER: AtomicUsize = AtomicUsize::new(0);

/// Is called at the interpreter's end, and at forks.
///
/// A thread that is not Python's own can attach to the first interpreter of a process alone, so that another one would hear
/// of nothing. Python refuses by itself only from 3.12 on.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let here = py.import("builtins")?.as_ptr() as usize;
    if INTERPRETER.compare_exchange(0, here, Ordering::SeqCst, Ordering::SeqCst).is_err_and(|there| there != here) {
        return Err(PyImportError::new_err("fastmcp_rs serves one interpreter of a process, and another one has it"));
    }
    http::wrap_request_threads(with_thread_state);
    py.import("atexit")?.call_method1("register", (wrap_pyfunction!(end_calls, py)?,))?;
    // Only where there are forks.
    if let Ok(register) = py.import("os")?.getattr("register_at_fork") {
        let arguments = pyo3::types::PyDict::new(py);
        arguments.set_item("after_in_child", wrap_pyfunction!(forget_calls, py)?)?;
        register.call((), Some(&arguments))?;
    }
    Ok(())
}

#[pyfunction]
fn end_calls(py: Python<'_>) {
    OVER.store(true, Ordering::SeqCst);
    py.detach(|| {
        let start = Instant::now();
        while UNDER_WAY.load(Ordering::SeqCst) > 0 && start.elapsed() < LONGEST_WAIT {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// The threads that made them stayed with the parent.
#[pyfunction]
fn forget_calls() {
    UNDER_WAY.store(0, Ordering::SeqCst);
}
