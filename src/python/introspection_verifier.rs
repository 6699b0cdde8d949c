//! Asks a server about tokens: the native half of `OAuthProvider` and `RemoteAuthProvider`.

use std::sync::Arc;
use std::task::Poll;

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::convert;
use super::decision::Decision;
use super::decision_counters::DecisionCounters;
use super::endpoint_answers::{self, EndpointAnswers};
use super::explanation::{self, PendingExplanation};
use super::pending_decision::PendingDecision;
use super::policy::{CurrentPolicy, SharedPolicy};
use super::request::with_token_of;
use super::token_fields::TokenFields;
use super::wall_clock::now;
use crate::explain::SettingNames;
use crate::oauth::server::introspection_settings::IntrospectionSettings;
use crate::oauth::server::token_introspection::TokenIntrospection;
use crate::oauth::server::type_demand::TypeDemand;

/// Decides about tokens by asking a server.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct IntrospectionVerifier {
    server: Arc<dyn TokenIntrospection>,
    policy: Arc<CurrentPolicy>,
}

impl IntrospectionVerifier {
    pub(super) fn new(server: Arc<dyn TokenIntrospection>, policy: Arc<CurrentPolicy>) -> Self {
        Self { server, policy }
    }
}

#[pymethods]
impl IntrospectionVerifier {
    /// The policy for its tokens.
    #[getter]
    fn policy(&self) -> SharedPolicy {
        SharedPolicy::of(&self.policy)
    }

    /// Decides about a token, which may be pending.
    fn decide(&self, token: &Bound<'_, PyAny>) -> Decision {
        Decision::about(token, |token, text| {
            let policy = self.policy.get(token.py());
            Decision::of(self.server.decide(text, &policy, now()), token, &policy, None, || self.server.secrets(text))
        })
    }

    /// Decides about a token if that is possible without waiting. If the token is accepted, it is counted, and the result is a dict of
    /// the fields of FastMCP's access token; else the result is the decision.
    fn accept<'py>(
        &self,
        token: &Bound<'py, PyAny>,
        fields: &TokenFields,
        counters: &DecisionCounters,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policy = self.policy.get(token.py());
        let decide = |token: &Bound<'py, PyString>, text: &str| {
            Decision::of(self.server.decide(text, &policy, now()), token, &policy, None, || self.server.secrets(text))
        };
        fields.accept(token, &policy, counters, decide, |text, authentic| self.server.update_size(text, authentic))
    }

    /// The same for the bearer token of a request.
    fn accept_request<'py>(
        &self,
        request: &Bound<'py, PyAny>,
        fields: &TokenFields,
        counters: &DecisionCounters,
    ) -> PyResult<Bound<'py, PyAny>> {
        with_token_of(request, |token| self.accept(token, fields, counters))
    }

    /// Decides about a token that is pending, and calls `done` with the decision, on any thread. `peer` is the address that
    /// sent it.
    #[pyo3(signature = (token, done, peer=""))]
    fn decide_later(&self, token: &Bound<'_, PyString>, done: Py<PyAny>, peer: &str) -> PyResult<()> {
        let policy = self.policy.get(token.py());
        let (server, known) = (Arc::clone(&self.server), Arc::clone(&self.server));
        let later = PendingDecision::new(token, &policy, done, Box::new(move |token| known.secrets(token)));
        let text = token.to_str()?;
        token
            .py()
            .detach(|| server.decide_later(text, peer, policy, now, Box::new(move |decided| later.complete(decided))));
        Ok(())
    }

    /// Whether this token is verified with keys, and no server is asked about it.
    fn verifies(&self, token: &Bound<'_, PyAny>) -> bool {
        self.server.verifies(&explanation::token_text(token))
    }

    /// Asks the server about a token, without using remembered answers, and calls `done` with the explanation, on any thread.
    /// Settings have the names that the `reader` knows.
    #[pyo3(signature = (token, done, *, reader=""))]
    fn explain_later(&self, token: &Bound<'_, PyAny>, done: Py<PyAny>, reader: &str) {
        let text = explanation::token_text(token);
        let (policy, secrets) = (self.policy.get(token.py()), self.server.secrets(&text));
        let names = SettingNames::of_reader(reader);
        let later = PendingExplanation { token: text.clone().into_owned(), policy, secrets, names, done };
        let server = Arc::clone(&self.server);
        token.py().detach(|| server.ask_uncached(&text, Box::new(move |outcome| later.complete(outcome))));
    }

    /// The decision where no answer came in time.
    fn unanswered(&self) -> Decision {
        Decision::unavailable(self.server.unanswered())
    }

    /// Decides by an answer that another worker got `age` seconds ago, with this lifetime; pending if the endpoint has to be asked.
    /// `generation` is that of the token when the store was read.
    fn admit(
        &self,
        token: &Bound<'_, PyString>,
        generation: u64,
        body: Vec<u8>,
        age: f64,
        lifetime: f64,
    ) -> PyResult<Decision> {
        let (text, policy) = (token.to_str()?, self.policy.get(token.py()));
        let shared = endpoint_answers::shared(body, age, lifetime);
        let decided = self.server.admit(text, generation, &shared, &policy, now()).map_or(Poll::Pending, Poll::Ready);
        Ok(Decision::of(decided, token, &policy, None, || self.server.secrets(text)))
    }
}

/// Reads the settings from the parameters that `OAuthProvider` and `RemoteAuthProvider` share.
pub(super) fn settings(
    timeout: &Bound<'_, PyAny>,
    require_token_type: Option<&Bound<'_, PyAny>>,
    answers: &EndpointAnswers,
    token_characters: &Bound<'_, PyAny>,
) -> PyResult<IntrospectionSettings> {
    Ok(IntrospectionSettings {
        timeout: convert::timeout(timeout)?,
        type_demand: TypeDemand::new(convert::optional_flag(require_token_type, "require_token_type")?),
        answers: answers.cache(),
        syntax: convert::token_syntax(token_characters)?,
    })
}
