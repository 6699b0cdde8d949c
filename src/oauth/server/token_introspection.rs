//! What decides about tokens by asking a server, or by what it answered before.

use std::sync::Arc;
use std::task::Poll;

use super::answer::Answer;
use super::answer_cache::UnsentAnswer;
use crate::jose::jwt::NumericDate;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, Policy};
use crate::untrusted::secrets::Secrets;
use crate::verify::Decision;

/// What came of asking about a token: an answer, or the decision where nothing could be asked.
pub type Inquiry = Result<Answer, Decision>;

/// Decides about tokens by asking a server.
pub trait TokenIntrospection: Send + Sync {
    /// Decides about a token, as far as that takes no waiting.
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

    /// Whether this token is verified by keys here, and not asked about.
    fn verifies(&self, _token: &str) -> bool {
        false
    }

    /// Asks about a token whatever is remembered of it, for an explanation; `done` gets what came of it on any thread.
    fn inquire(self: Arc<Self>, token: &str, done: Box<dyn FnOnce(Inquiry) + Send>);

    /// The decision by what an endpoint answered another worker: so long ago, with so long to serve from then on. `None`
    /// where the endpoint has to be asked, and where the token was invalidated since it had this `generation`.
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

    /// Why there is no decision about a token to whose question no response came.
    fn unanswered(&self) -> Unavailable;

    /// What the server is told and no record may hold: the credentials, and this token.
    fn secrets(&self, token: &str) -> Secrets;
}
