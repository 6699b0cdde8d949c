//! A decision that comes later, from any thread.

use std::sync::Arc;
use std::task::Poll;

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::attach::attach_if_running;
use super::decision::Decision;
use crate::policy::Policy;
use crate::untrusted::secrets::Secrets;
use crate::verify;

/// Gives the texts that no record of a decision about this token may have.
pub(super) type KnownSecrets = Box<dyn FnOnce(&str) -> Secrets + Send>;

/// A decision that is made later, on any thread, and the callback that gets it.
pub(super) struct PendingDecision {
    secrets: KnownSecrets,
    token: Py<PyString>,
    policy: Arc<Policy>,
    done: Py<PyAny>,
}

impl PendingDecision {
    pub(super) fn new(
        token: &Bound<'_, PyString>,
        policy: &Arc<Policy>,
        done: Py<PyAny>,
        secrets: KnownSecrets,
    ) -> Self {
        Self { secrets, token: token.clone().unbind(), policy: Arc::clone(policy), done }
    }

    /// Calls back with the decision.
    pub(super) fn complete(self, decided: verify::Decision) {
        // `done` is moved in, so that it is dropped while attached: dropped elsewhere it would take a lock that a fork can freeze.
        attach_if_running(move |py| {
            let token = self.token.bind(py);
            let secrets = || (self.secrets)(token.to_str().unwrap_or_default());
            let decision = Decision::of(Poll::Ready(decided), token, &self.policy, None, secrets);
            if let Err(error) = self.done.call1(py, (decision,)) {
                error.write_unraisable(py, None);
            }
        });
    }
}
