//! A resource server that trusts one authorization server: it verifies JWTs with that server's keys, and asks the server about
//! every other token.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::answer_cache::UnsentAnswer;
use super::introspection_client::IntrospectionClient;
use super::introspection_request::ClientAuth;
use super::introspection_settings::IntrospectionSettings;
use super::token_introspection::{AskOutcome, TokenIntrospection};
use super::wire_format::WireFormat;
use crate::discovery::IntrospectionEndpoint;
use crate::http::EndpointUrl;
use crate::jose::jws;
use crate::jose::jwt::NumericDate;
use crate::keys::remote::RemoteKeys;
use crate::keys::{KeySource, KeyWait, Keys};
use crate::oauth::client::authentication::{AuthMethod, Credentials};
use crate::outcome::finding::Finding;
use crate::outcome::rejection::Rejection;
use crate::outcome::unavailable::Unavailable;
use crate::policy::{AuthenticClaims, NoOverrides, Policy};
use crate::untrusted::secrets::Secrets;
use crate::verify::{Decision, RejectedToken, Verifier};
use std::task::Poll;

const NO_METADATA: &str = "the server's metadata, which would name it, could not be used";

/// Decides about the tokens of one authorization server.
#[derive(Debug)]
pub struct ResourceServer {
    verifier: Arc<Verifier>,
    /// `None` asks the server about JWTs as well.
    keys: Option<Arc<RemoteKeys>>,
    introspection: IntrospectionAt,
    credentials: Arc<Credentials>,
    settings: Arc<IntrospectionSettings>,
    asked: ArcSwapOption<CurrentIntrospector>,
    resume: Resume,
}

/// Runs the rest of a decision once keys are there. It is called on the thread that fetched them.
pub type Resume = fn(Box<dyn FnOnce() + Send>);

/// Where the URL of the introspection endpoint comes from.
#[derive(Debug)]
pub enum IntrospectionAt {
    /// The operator named it.
    Named(EndpointUrl),
    /// The metadata that comes with these keys names it.
    MetadataOf(Arc<RemoteKeys>),
}

/// The endpoint that was asked last. It is kept while the metadata names the same one, so that callers can join its questions.
#[derive(Debug)]
struct CurrentIntrospector {
    endpoint_url: EndpointUrl,
    method: AuthMethod,
    client: IntrospectionClient,
}

/// Which endpoint can be asked about a token that is no JWT.
enum Introspector {
    /// This endpoint.
    Ask(Arc<CurrentIntrospector>),
    /// The server has no such endpoint, so it issues no such tokens.
    Absent,
    /// The metadata is being fetched.
    Pending,
    /// The endpoint cannot be used, for this reason.
    Unavailable(Unavailable),
}

impl ResourceServer {
    /// A server that verifies JWTs with this verifier, which reads these keys, and asks about other tokens with these credentials.
    /// Without keys it asks about JWTs as well.
    #[must_use]
    pub fn new(
        verifier: Arc<Verifier>,
        keys: Option<Arc<RemoteKeys>>,
        introspection: IntrospectionAt,
        credentials: Credentials,
        settings: IntrospectionSettings,
    ) -> Self {
        let (credentials, settings) = (Arc::new(credentials), Arc::new(settings));
        let (asked, resume): (_, Resume) = (ArcSwapOption::empty(), |work| work());
        Self { verifier, keys, introspection, credentials, settings, asked, resume }
    }

    /// This server, which continues in this way once keys are there.
    #[must_use]
    pub fn with_resume(self, resume: Resume) -> Self {
        Self { resume, ..self }
    }

    /// The keys to verify this token with, if it looks like a JWT and there are any.
    fn keys_for(&self, token: &str) -> Option<&Arc<RemoteKeys>> {
        self.keys.as_ref().filter(|_| jws::looks_like_jws(token.as_bytes()))
    }

    /// Verifies a JWT once no fetch of keys is on its way. `waits` is how often its caller waited.
    fn verify_later(
        self: Arc<Self>,
        token: Box<str>,
        keys: &Arc<RemoteKeys>,
        policy: Arc<Policy>,
        clock: fn() -> NumericDate,
        done: Box<dyn FnOnce(Decision) + Send>,
        waits: u8,
    ) {
        let (resume, source) = (self.resume, Arc::clone(keys));
        let verify = move || {
            let key_wait = KeyWait::after(waits);
            match self.verifier.verify(token.as_bytes(), &policy, &NoOverrides, clock(), key_wait) {
                Poll::Ready(decision) => done(decision),
                Poll::Pending if key_wait == KeyWait::Never => done(Decision::Unavailable(Unavailable::Keys)),
                Poll::Pending => self.verify_later(token, &source, policy, clock, done, waits + 1),
            }
        };
        keys.endpoint().on_idle(Box::new(move || resume(Box::new(verify))));
    }

    /// Asks about a token, once the endpoint is known.
    fn ask_when_known(self: Arc<Self>, token: &str, peer: &str, done: Box<dyn FnOnce(AskOutcome) + Send>) {
        let (this, text, sender) = (Arc::clone(&self), token.to_owned(), peer.to_owned());
        match (&self.introspection, self.introspector()) {
            (IntrospectionAt::MetadataOf(keys), Introspector::Pending) => {
                let ask = move || this.ask(this.introspector(), &text, &sender, done);
                keys.endpoint().on_idle(Box::new(ask));
            }
            (_, introspector) => self.ask(introspector, token, peer, done),
        }
    }

    fn ask(&self, introspector: Introspector, token: &str, peer: &str, done: Box<dyn FnOnce(AskOutcome) + Send>) {
        match introspector {
            Introspector::Ask(asked) => asked.client.ask(token, peer, Box::new(move |answer| done(Ok(answer)))),
            Introspector::Absent => done(Err(not_introspected())),
            Introspector::Pending => done(Err(Decision::Unavailable(self.unanswered()))),
            Introspector::Unavailable(why) => done(Err(Decision::Unavailable(why))),
        }
    }

    fn introspector(&self) -> Introspector {
        let keys = match &self.introspection {
            IntrospectionAt::Named(endpoint_url) => {
                return Introspector::Ask(self.introspector_at(endpoint_url, AuthMethod::Basic, None));
            }
            IntrospectionAt::MetadataOf(keys) => keys,
        };
        let keys = match keys.keys() {
            Keys::Snapshot(keys) => keys,
            Keys::Pending => return Introspector::Pending,
            Keys::Unavailable(_) => return Introspector::Unavailable(self.unanswered()),
        };
        let Some(server) = &keys.server else { return Introspector::Absent };
        match &server.introspection {
            IntrospectionEndpoint::Absent => Introspector::Absent,
            IntrospectionEndpoint::Unusable(why) => {
                Introspector::Unavailable(Unavailable::Introspection((*why).into()))
            }
            IntrospectionEndpoint::At { endpoint_url, in_body } => {
                let method = if *in_body { AuthMethod::Post } else { AuthMethod::Basic };
                Introspector::Ask(self.introspector_at(endpoint_url, method, Some(&server.issuer)))
            }
        }
    }

    fn introspector_at(
        &self,
        endpoint_url: &EndpointUrl,
        method: AuthMethod,
        issuer: Option<&Arc<str>>,
    ) -> Arc<CurrentIntrospector> {
        let fits = |asked: &&Arc<CurrentIntrospector>| {
            asked.endpoint_url == *endpoint_url && asked.method == method && asked.client.issuer() == issuer
        };
        let current = self.asked.load_full();
        if let Some(asked) = current.as_ref().filter(fits) {
            return Arc::clone(asked);
        }
        let client_auth = ClientAuth::Client(Arc::clone(&self.credentials), method);
        let client = IntrospectionClient::new(
            endpoint_url.clone(),
            WireFormat::Introspection,
            client_auth,
            Arc::clone(&self.settings),
        )
        .with_issuer(issuer.cloned());
        let made = Arc::new(CurrentIntrospector { endpoint_url: endpoint_url.clone(), method, client });
        // If two threads come here at once, the later one uses the client of the other.
        let before = self.asked.compare_and_swap(&current, Some(Arc::clone(&made)));
        if let Some(winner) = before.as_ref().filter(fits) {
            return Arc::clone(winner);
        }
        // The remembered answers are those of another endpoint.
        if let Some(answers) = self.settings.answers.as_ref().filter(|_| current.is_some()) {
            answers.invalidate_all();
        }
        made
    }
}

impl TokenIntrospection for ResourceServer {
    fn decide(&self, token: &str, policy: &Policy, now: NumericDate) -> Poll<Decision> {
        if let Err(refused) = self.settings.syntax.check(token) {
            return Poll::Ready(Decision::Rejected(refused));
        }
        if self.keys_for(token).is_some() {
            return self.verifier.verify(token.as_bytes(), policy, &NoOverrides, now, KeyWait::MayWait);
        }
        match self.introspector() {
            Introspector::Ask(asked) => asked.client.remembered(token, policy, now).map_or(Poll::Pending, Poll::Ready),
            Introspector::Pending => Poll::Pending,
            Introspector::Absent => Poll::Ready(not_introspected()),
            Introspector::Unavailable(why) => Poll::Ready(Decision::Unavailable(why)),
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
        if let Some(keys) = self.keys_for(token) {
            return Arc::clone(&self).verify_later(token.into(), keys, policy, clock, done, 1);
        }
        let decide = move |outcome: AskOutcome| {
            done(outcome.map_or_else(|decided| decided, |answer| answer.decide(&policy, clock())));
        };
        self.ask_when_known(token, peer, Box::new(decide));
    }

    fn verifies(&self, token: &str) -> bool {
        self.keys_for(token).is_some()
    }

    fn ask_uncached(self: Arc<Self>, token: &str, done: Box<dyn FnOnce(AskOutcome) + Send>) {
        match self.settings.syntax.explain(token) {
            Ok(()) => self.ask_when_known(token, "", done),
            Err(refused) => done(Err(Decision::Rejected(refused))),
        }
    }

    fn admit(
        &self,
        token: &str,
        generation: u64,
        shared: &UnsentAnswer,
        policy: &Policy,
        now: NumericDate,
    ) -> Option<Decision> {
        let Introspector::Ask(asked) = self.introspector() else { return None };
        asked.client.admit(token, generation, shared, policy, now)
    }

    fn update_size(&self, token: &str, authentic: &Arc<AuthenticClaims>) -> bool {
        if self.keys_for(token).is_some() {
            self.verifier.update_size(token.as_bytes(), authentic);
            return true;
        }
        let Introspector::Ask(asked) = self.introspector() else { return false };
        asked.client.update_size(token, authentic)
    }

    fn unanswered(&self) -> Unavailable {
        Unavailable::Introspection(NO_METADATA.into())
    }

    fn secrets(&self, token: &str) -> Secrets {
        self.credentials.secrets().with_token(token)
    }
}

/// The decision about an opaque token of a server that, by its own metadata, cannot be asked.
fn not_introspected() -> Decision {
    let finding = Some(Finding::NotIntrospected);
    Decision::Rejected(Box::new(RejectedToken { finding, ..RejectedToken::new(Rejection::MalformedToken) }))
}
