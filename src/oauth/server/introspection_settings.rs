//! The settings of a resource server for asking about tokens, whichever endpoint it asks.

use std::sync::Arc;
use std::time::Duration;

use super::answer_cache::AnswerCache;
use super::token_syntax::TokenSyntax;
use super::type_demand::TypeDemand;
use crate::policy::AuthenticClaims;

/// What endpoints answered.
pub type Answers = AnswerCache<Arc<AuthenticClaims>>;

/// How a resource server asks about tokens.
#[derive(Debug)]
pub struct IntrospectionSettings {
    /// How long one question may take.
    pub timeout: Duration,
    /// Whether an answer has to name the type of the token.
    pub type_demand: TypeDemand,
    /// The cache of answers, if answers are remembered.
    pub answers: Option<Arc<Answers>>,
    /// The syntax of the tokens that the endpoint is asked about.
    pub syntax: TokenSyntax,
}
