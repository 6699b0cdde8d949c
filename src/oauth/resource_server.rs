//! A resource server that trusts one authorization server: what looks like a JWT is verified by that server's keys, and
//! about everything else the server is asked.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::client_authentication::{Credentials, Method};
use super::inquiry::{self, Inquiry, Language, Proof};
use super::verdict::Verdict;
use crate::http::Location;
use crate::jose::jws;
use crate::jose::jwt::NumericDate;
use crate::keys::remote::RemoteKeys;
use crate::keys::{Introspection, KeySource, Keys, Patience};
use crate::policy::{Plain, Policy};
use crate::rejection::{Rejection, Unavailable};
use crate::verifier::{Decision, Progress, Verifier};

const METADATA_OUT_OF_REACH: &str = "the server's metadata, which would name it, is out of reach";

/// Decides about the tokens of one authorization server.
#[derive(Debug)]
pub struct ResourceServer {
    verifier: Arc<Verifier>,
    keys: Arc<RemoteKeys>,
    introspection: IntrospectionAt,
    credentials: Arc<Credentials>,
    timeout: Duration,
    asked: ArcSwapOption<Asked>,
    resume: Resume,
}

/// How to go on once keys are there, on the thread that brought them: at once, or as whoever shares the verifier wants it.
pub type Resume = fn(Box<dyn FnOnce() + Send>);

/// How the introspection endpoint is known.
#[derive(Debug)]
pub enum IntrospectionAt {
    /// The operator named it.
    Named(Location),
    /// The metadata that comes with these keys says.
    MetadataOf(Arc<RemoteKeys>),
}

/// The endpoint that was asked last. It is kept while the metadata names the same one, for the questions on their way.
#[derive(Debug)]
struct Asked {
    location: Location,
    method: Method,
    inquiry: Inquiry,
}

/// Who can tell about a token that is no JWT.
enum Whom {
    /// This endpoint, and by the word of this issuer where that is known.
    Ask(Arc<Asked>, Option<Arc<str>>),
    /// Nobody: the server has no such endpoint, and so issues no such tokens.
    Nobody,
    /// Nobody knows yet.
    Pending,
    /// Nobody can be asked.
    Unavailable(Unavailable),
}

impl ResourceServer {
    /// A server that verifies by this verifier, whose keys these are, and asks with these credentials, each time for so
    /// long.
    #[must_use]
    pub fn new(
        verifier: Arc<Verifier>,
        keys: Arc<RemoteKeys>,
        introspection: IntrospectionAt,
        credentials: Credentials,
        timeout: Duration,
    ) -> Self {
        let credentials = Arc::new(credentials);
        let asked = ArcSwapOption::empty();
        Self { verifier, keys, introspection, credentials, timeout, asked, resume: |work| work() }
    }

    /// This server, going on in this way.
    #[must_use]
    pub fn with_resume(self, resume: Resume) -> Self {
        Self { resume, ..self }
    }

    /// Decides about a token, as far as that takes no waiting.
    pub fn decide(&self, token: &str, policy: &Policy, now: NumericDate) -> Progress {
        if let Err(rejection) = inquiry::check_token(token) {
            return Progress::Decided(rejection.into());
        }
        if jws::resembles(token.as_bytes()) {
            return self.verifier.verify(token.as_bytes(), policy, &Plain, now, Patience::MayWait);
        }
        match self.whom() {
            Whom::Ask(..) | Whom::Pending => Progress::Pending,
            Whom::Nobody => Progress::Decided(Rejection::MalformedToken.into()),
            Whom::Unavailable(why) => Progress::Decided(Decision::Unavailable(why)),
        }
    }

    /// Decides about a token that [`decide`](Self::decide) left pending; `done` hears of it on whatever thread.
    pub fn decide_later(
        self: &Arc<Self>,
        token: &str,
        policy: Arc<Policy>,
        clock: fn() -> NumericDate,
        done: Box<dyn FnOnce(Decision) + Send>,
    ) {
        let (this, text) = (Arc::clone(self), token.to_owned());
        if jws::resembles(token.as_bytes()) {
            let resume = self.resume;
            let verify = move || {
                let verifier = &this.verifier;
                done(match verifier.verify(text.as_bytes(), &policy, &Plain, clock(), Patience::None) {
                    Progress::Decided(decision) => decision,
                    Progress::Pending => Decision::Unavailable(Unavailable::Keys),
                });
            };
            return self.keys.endpoint().when_settled(Box::new(move || resume(Box::new(verify))));
        }
        match (&self.introspection, self.whom()) {
            (IntrospectionAt::MetadataOf(keys), Whom::Pending) => {
                let ask = move || this.ask(this.whom(), &text, policy, clock, done);
                keys.endpoint().when_settled(Box::new(ask));
            }
            (_, whom) => self.ask(whom, token, policy, clock, done),
        }
    }

    /// Why nobody can tell about a token to which no answer came.
    #[must_use]
    pub fn unanswered(&self) -> Unavailable {
        Unavailable::Introspection(METADATA_OUT_OF_REACH.into())
    }

    fn ask(
        &self,
        whom: Whom,
        token: &str,
        policy: Arc<Policy>,
        clock: fn() -> NumericDate,
        done: Box<dyn FnOnce(Decision) + Send>,
    ) {
        match whom {
            Whom::Ask(asked, issuer) => {
                let answered = move |verdict: Verdict| done(verdict.decide(issuer, &policy, clock()));
                asked.inquiry.ask(token, Box::new(answered));
            }
            Whom::Nobody => done(Rejection::MalformedToken.into()),
            Whom::Pending => done(Decision::Unavailable(self.unanswered())),
            Whom::Unavailable(why) => done(Decision::Unavailable(why)),
        }
    }

    fn whom(&self) -> Whom {
        let keys = match &self.introspection {
            IntrospectionAt::Named(location) => return Whom::Ask(self.asked_at(location, Method::Basic), None),
            IntrospectionAt::MetadataOf(keys) => keys,
        };
        let keys = match keys.keys() {
            Keys::Snapshot(keys) => keys,
            Keys::Pending => return Whom::Pending,
            Keys::Unavailable(_) => return Whom::Unavailable(self.unanswered()),
        };
        let Some(server) = keys.server() else { return Whom::Nobody };
        match &server.introspection {
            Introspection::Absent => Whom::Nobody,
            Introspection::Unfit(why) => Whom::Unavailable(Unavailable::Introspection((*why).into())),
            Introspection::At { location, in_body } => {
                let method = if *in_body { Method::Post } else { Method::Basic };
                Whom::Ask(self.asked_at(location, method), Some(Arc::clone(&server.issuer)))
            }
        }
    }

    fn asked_at(&self, location: &Location, method: Method) -> Arc<Asked> {
        let fits = |asked: &&Arc<Asked>| asked.location == *location && asked.method == method;
        let current = self.asked.load_full();
        if let Some(asked) = current.as_ref().filter(fits) {
            return Arc::clone(asked);
        }
        let proof = Proof::Client(Arc::clone(&self.credentials), method);
        let inquiry = Inquiry::new(location.clone(), Language::Introspection, proof, self.timeout);
        let made = Arc::new(Asked { location: location.clone(), method, inquiry });
        // Of two threads that come here at once, one is late, and asks with what the other made.
        let before = self.asked.compare_and_swap(&current, Some(Arc::clone(&made)));
        before.as_ref().filter(fits).map_or(made, Arc::clone)
    }
}
