//! The trait of what decides about tokens by asking a server, or by its remembered answers.

use std::sync::Arc;
use std::task::Poll;

use super::answer::Answer;
use super::answer_cache::UnsentAnswer;
use crate::jose::jwt::NumericDate;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, Policy};
use crate::untrusted::secrets::Secrets;
use crate::verify::Decision;

/// The result of asking about a token: the answer, or the decision where no endpoint could be asked.
pub type AskOutcome = Result<Answer, Decision>;

/// Decides about tokens by asking a server.
pub trait TokenIntrospection: Send + Sync {
    /// Decides about a token if that is possible without waiting.
    fn decide(&self, token: &str, policy: &Policy, now: NumericDate) -> Poll<Decision>;

    /// Decides about a token that [`decide`](Self::decide) left pending; `done` gets the decision on any thread. `peer` is the
    /// address that sent the token, or empty.
    fn decide_later(
        self: Arc<Self>,
        token: &str,
        peer: &str,
        policy: Arc<Policy>,
        clock: fn() -> NumericDate,
        done: Box<dyn FnOnce(Decision) + Send>,
    );

    /// Whether this token is verified with keys, and no server is asked about it.
    fn verifies(&self, _token: &str) -> bool {
        false
    }

    /// Asks about a token for an explanation, without using remembered answers. `done` gets the result on any thread.
    fn ask_uncached(self: Arc<Self>, token: &str, done: Box<dyn FnOnce(AskOutcome) + Send>);

    /// The decision by an answer that another worker got. `None` if the endpoint has to be asked, or if the token was invalidated
    /// since it had this `generation`.
    fn admit(
        &self,
        token: &str,
        generation: u64,
        shared: &UnsentAnswer,
        policy: &Policy,
        now: NumericDate,
    ) -> Option<Decision>;

    /// Counts remembered claims that grew with their new size. Returns whether they may stay that large.
    fn update_size(&self, token: &str, authentic: &Arc<AuthenticClaims>) -> bool;

    /// Why a token has no decision when no response came.
    fn unanswered(&self) -> Unavailable;

    /// What is sent to the server and must not be in a log record: the credentials, and this token.
    fn secrets(&self, token: &str) -> Secrets;
}
