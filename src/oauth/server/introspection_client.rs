//! Asks an endpoint about tokens: sends the question, reads the answer, and remembers it.

use std::fmt;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use zeroize::Zeroizing;

use super::answer::{Answer, outlasts};
use super::answer_cache::{Question, UnsentAnswer};
use super::fair_queue::FairQueue;
use super::introspection_request::{ClientAuth, IntrospectionRequest};
use super::introspection_result::IntrospectionResult;
use super::introspection_settings::{Answers, IntrospectionSettings};
use super::token_introspection::{AskOutcome, TokenIntrospection};
use super::wire_format::WireFormat;
use crate::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use crate::http::{self, EndpointUrl, HttpError, SsrfPolicy, cache_control};
use crate::jose::jwt::NumericDate;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, Policy, Source};
use crate::runtime::clock;
use crate::runtime::per_process::PerProcess;
use crate::runtime::single_flight::{SingleFlight, Waiter};
use crate::untrusted::secrets::Secrets;
use crate::verify::Decision;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// The status of an answer that another worker got.
const STATUS_OK: u16 = 200;
/// Why a question that was dropped has no answer.
const ABANDONED: &str = "the question ended without an answer";
/// Why a question that got no permit has no answer.
const TOO_MANY: &str = "too many questions wait for the endpoint";

/// An endpoint that is asked about tokens.
pub struct IntrospectionClient {
    endpoint_url: EndpointUrl,
    wire_format: WireFormat,
    client_auth: Arc<ClientAuth>,
    settings: Arc<IntrospectionSettings>,
    issuer: Option<Arc<str>>,
    /// By token and generation, so that no caller joins a question from before an invalidation.
    calls: Arc<SingleFlight<(Box<str>, u64), Answer>>,
    /// A child process starts with an empty queue: the permits of its parent are never dropped there.
    queue: PerProcess<Arc<FairQueue>>,
}

impl fmt::Debug for IntrospectionClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionClient").field("wire_format", &self.wire_format).finish_non_exhaustive()
    }
}

impl IntrospectionClient {
    /// Questions to this endpoint.
    #[must_use]
    pub fn new(
        endpoint_url: EndpointUrl,
        wire_format: WireFormat,
        client_auth: ClientAuth,
        settings: Arc<IntrospectionSettings>,
    ) -> Self {
        let calls = SingleFlight::new(Answer::Unavailable(wire_format.no_answer(ABANDONED)));
        Self {
            endpoint_url,
            wire_format,
            client_auth: Arc::new(client_auth),
            settings,
            issuer: None,
            calls,
            queue: PerProcess::new(|_| Arc::default()),
        }
    }

    /// This client, with the issuer that the endpoint answers for.
    #[must_use]
    pub fn with_issuer(self, issuer: Option<Arc<str>>) -> Self {
        Self { issuer, ..self }
    }

    /// The issuer that the endpoint answers for, where that is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&Arc<str>> {
        self.issuer.as_ref()
    }

    /// The decision by a remembered answer, if that accepts the token. In every other case the endpoint is asked.
    #[must_use]
    pub fn remembered(&self, token: &str, policy: &Policy, now: NumericDate) -> Option<Decision> {
        let answers = self.settings.answers.as_ref()?;
        let still_serves = |claims: &Arc<AuthenticClaims>| outlasts(claims, now) && self.has_its_type(claims);
        let claims = answers.get(token.as_bytes(), clock::now(), still_serves)?;
        let decision = Answer::Known(claims).decide(policy, now);
        if matches!(decision, Decision::Accepted(_)) {
            return Some(decision);
        }
        // The next question must go to the endpoint.
        answers.discard(token.as_bytes());
        None
    }

    /// Asks about a token whose syntax was checked, or joins the same question if it is on its way. `done` gets the answer, on any
    /// thread. `peer` is the address that sent the token, or empty.
    pub fn ask(&self, token: &str, peer: &str, done: Waiter<Answer>) {
        let question = self.settings.answers.as_ref().map(|answers| answers.question(token.as_bytes(), clock::now()));
        let generation = question.map_or(0, |question| question.generation);
        let Some(call) = self.calls.join((token.into(), generation), done) else { return };
        let asked = self.settings.answers.clone().zip(question);
        if let Some(claims) = asked.as_ref().and_then(|(answers, question)| answers.answered_meanwhile(question)) {
            return call.end(Answer::Known(claims));
        }
        if let Some((answers, _)) = &asked {
            answers.asked();
        }
        let reader = AnswerReader {
            wire_format: self.wire_format,
            settings: Arc::clone(&self.settings),
            issuer: self.issuer.clone(),
            asked,
        };
        let queue = self.queue.with(|queue| Arc::clone(queue));
        let mark = queue.mark(token);
        let Ok(permit) = queue.acquire(peer, mark) else {
            return call.end(reader.read(Err(NotSent::TooMany)));
        };
        let question = self.question(token);
        http::spawn(
            SsrfPolicy::TrustedUrl,
            self.settings.timeout,
            self.endpoint_url.shown(),
            |http| async move {
                let _permit = permit.await.map_err(|_| NotSent::TooMany)?;
                let response = http.send(question.request()?).await?;
                let (status, max_age) = (response.status(), max_age(response.header(CACHE_CONTROL)));
                Ok((status, max_age, response.body(MAX_ANSWER).await?))
            },
            move |response: Result<_, NotSent>| {
                let answer = reader.read(response);
                match &answer {
                    Answer::Known(_) => queue.note(mark, true),
                    Answer::Refused(_) => queue.note(mark, false),
                    Answer::Stale(..) | Answer::Unavailable(_) => {}
                }
                call.end(answer);
            },
        );
    }

    /// Whether a remembered answer still meets the demand on the type, which may have been learned since.
    fn has_its_type(&self, claims: &AuthenticClaims) -> bool {
        let lacks_type = self.settings.type_demand.lacks_type(claims.claims.kind(), self.wire_format);
        matches!(claims.source, Source::Introspection { lacks_type: then } if then == lacks_type)
    }

    fn question(&self, token: &str) -> IntrospectionRequest {
        IntrospectionRequest {
            endpoint_url: self.endpoint_url.clone(),
            wire_format: self.wire_format,
            client_auth: Arc::clone(&self.client_auth),
            issuer: self.issuer.clone(),
            token: Zeroizing::new(token.to_owned()),
        }
    }
}

impl TokenIntrospection for IntrospectionClient {
    fn decide(&self, token: &str, policy: &Policy, now: NumericDate) -> Poll<Decision> {
        match self.settings.syntax.check(token) {
            Ok(()) => self.remembered(token, policy, now).map_or(Poll::Pending, Poll::Ready),
            Err(refused) => Poll::Ready(Decision::Rejected(refused)),
        }
    }

    fn ask_uncached(self: Arc<Self>, token: &str, done: Box<dyn FnOnce(AskOutcome) + Send>) {
        match self.settings.syntax.explain(token) {
            Ok(()) => self.ask(token, "", Box::new(move |answer| done(Ok(answer)))),
            Err(refused) => done(Err(Decision::Rejected(refused))),
        }
    }

    fn decide_later(
        self: Arc<Self>,
        token: &str,
        peer: &str,
        policy: Arc<Policy>,
        clock: fn() -> NumericDate,
        done: Box<dyn FnOnce(Decision) + Send>,
    ) {
        self.ask(token, peer, Box::new(move |answer: Answer| done(answer.decide(&policy, clock()))));
    }

    fn admit(
        &self,
        token: &str,
        generation: u64,
        shared: &UnsentAnswer,
        policy: &Policy,
        now: NumericDate,
    ) -> Option<Decision> {
        let answers = self.settings.answers.as_ref()?;
        let question = answers.question(token.as_bytes(), clock::now());
        let result = self
            .settings
            .type_demand
            .check_unverified(self.wire_format.read(STATUS_OK, &shared.body), self.wire_format);
        let Answer::Known(claims) = result.into_answer(self.issuer.clone()) else { return None };
        if question.generation != generation || !outlasts(&claims, now) {
            return None;
        }
        let bytes = claims.memory();
        let serves = answers.insert(&question, Arc::clone(&claims), bytes, shared.age, Some(shared.lifetime));
        if serves.is_zero() {
            return None;
        }
        let decision = Answer::Known(claims).decide(policy, now);
        if matches!(decision, Decision::Accepted(_)) {
            return Some(decision);
        }
        answers.discard(token.as_bytes());
        None
    }

    fn update_size(&self, token: &str, authentic: &Arc<AuthenticClaims>) -> bool {
        let is_it = |claims: &Arc<AuthenticClaims>| Arc::ptr_eq(claims, authentic);
        self.settings
            .answers
            .as_ref()
            .is_some_and(|answers| answers.update_size(token.as_bytes(), authentic.memory(), is_it))
    }

    fn unanswered(&self) -> Unavailable {
        self.wire_format.no_answer(ABANDONED)
    }

    fn secrets(&self, token: &str) -> Secrets {
        let secrets = match &*self.client_auth {
            ClientAuth::Client(credentials, _) => credentials.secrets(),
            ClientAuth::Headers(headers, _) => {
                let secret = headers.iter().filter(|(name, _)| *name != CONTENT_TYPE && *name != ACCEPT);
                secret.fold(Secrets::none(), |secrets, (_, value)| {
                    secrets.with_header(value.to_str().unwrap_or_default())
                })
            }
        };
        self.endpoint_url
            .url()
            .query_pairs()
            .fold(secrets.with_token(token), |secrets, (_, value)| secrets.with_header(&value))
    }
}

/// How long the endpoint lets an answer serve. Many servers send `no-store` with an age of zero for every answer: the operator
/// who turns the cache on overrides that.
fn max_age(cache_control: Option<&str>) -> Option<Duration> {
    let directives = cache_control?;
    let max_age = cache_control::max_age(directives)?;
    (!max_age.is_zero() || !cache_control::forbids(directives)).then_some(max_age)
}

/// Why a question has no answer.
#[derive(Debug)]
enum NotSent {
    /// Too many questions wait.
    TooMany,
    /// The endpoint gave none.
    Http(HttpError),
}

impl From<HttpError> for NotSent {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

/// Reads the answer to one question.
struct AnswerReader {
    wire_format: WireFormat,
    settings: Arc<IntrospectionSettings>,
    issuer: Option<Arc<str>>,
    asked: Option<(Arc<Answers>, Question)>,
}

impl AnswerReader {
    fn read(self, response: Result<(u16, Option<Duration>, Vec<u8>), NotSent>) -> Answer {
        let mut body_read = None;
        let (result, max_age, out_of_reach) = match response {
            Ok((status, max_age, body)) => {
                let result =
                    self.settings.type_demand.check_unverified(self.wire_format.read(status, &body), self.wire_format);
                let failed = matches!(result, IntrospectionResult::Unavailable(_));
                body_read = Some(body);
                (result, max_age, failed && matches!(status, 408 | 429 | 500..600))
            }
            Err(NotSent::TooMany) => {
                (IntrospectionResult::Unavailable(self.wire_format.no_answer(TOO_MANY)), None, false)
            }
            Err(NotSent::Http(error)) => {
                let no_answer = IntrospectionResult::Unavailable(self.wire_format.no_answer(&error.to_string()));
                (no_answer, None, error.is_outage())
            }
        };
        let answer = result.into_answer(self.issuer);
        let Some((answers, question)) = self.asked else { return answer };
        if !out_of_reach {
            answers.within_reach();
        }
        match answer {
            Answer::Known(claims) => {
                let bytes = claims.memory();
                let serves = answers.insert(&question, Arc::clone(&claims), bytes, Duration::ZERO, max_age);
                if let Some(body) = body_read.filter(|_| !serves.is_zero()) {
                    answers.keep_unsent(&question, body, max_age);
                }
                Answer::Known(claims)
            }
            Answer::Unavailable(why) if out_of_reach => match answers.out_of_reach(&question, clock::now()) {
                Some(claims) => Answer::Stale(claims, why),
                None => Answer::Unavailable(why),
            },
            // A refusal takes effect at once.
            Answer::Refused(_) => {
                answers.forget(&question);
                answer
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::token_syntax::TokenSyntax;
    use super::super::type_demand::TypeDemand;
    use super::*;
    use crate::http::header::{HeaderName, HeaderValue};

    fn client(url: &str, secret: &'static str) -> IntrospectionClient {
        let headers = vec![(HeaderName::from_static("x-key"), HeaderValue::from_static(secret))];
        IntrospectionClient::new(
            EndpointUrl::parse(url, "verify_url", false).unwrap(),
            WireFormat::Json,
            ClientAuth::Headers(headers, None),
            Arc::new(IntrospectionSettings {
                timeout: Duration::from_secs(1),
                type_demand: TypeDemand::new(None),
                answers: None,
                syntax: TokenSyntax::default(),
            }),
        )
    }

    #[test]
    fn credentials_for_the_endpoint_are_known_as_secrets() {
        let client = client("https://a.example/verify?key=in-the-query", "in-a-header");
        for secret in ["in-the-query", "in-a-header", "a-token"] {
            assert_eq!(client.secrets("a-token").redact(secret), "[redacted]");
        }
    }

    #[test]
    fn nothing_that_is_shown_holds_a_header() {
        let client = client("https://a.example/verify", "hush");
        assert_eq!(format!("{client:?}"), "IntrospectionClient { wire_format: Json, .. }");
        assert!(!format!("{:?}", client.question("token").request().unwrap()).contains("hush"));
    }
}
