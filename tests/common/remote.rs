//! An endpoint whose fetches the test ends by hand, on a clock that the test holds.

#![allow(dead_code, reason = "each test crate uses its own part of this module")]

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastmcp_rs::http::{EndpointUrl, HttpError, SsrfPolicy};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::KeyWait;
use fastmcp_rs::keys::remote::{
    Endpoint, EndpointEvent, EndpointStatus, EntityTag, FetchError, FetchReply, Fetcher, HttpAnswer, KeyLocator,
    OnFetched, RemoteKeys, Retrieval,
};
use fastmcp_rs::policy::NoOverrides;
use fastmcp_rs::verify::TokenCache;
use fastmcp_rs::verify::{Decision, Verifier};
use std::task::Poll;

use crate::common::{ACCEPTED, NOW, Signer, algorithms, claims, policy};

/// What [`RemoteTestVerifier::ask`] says of a token that waits for keys, and of one that cannot be decided now.
pub(crate) const PENDING: &str = "pending";
pub(crate) const UNAVAILABLE: &str = "keys_unavailable";

pub(crate) const INTERVAL: Duration = Duration::from_secs(30);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

const URL: &str = "https://keys.example/jwks";

/// Takes requests, each with what was known at its start, and leaves their end to the test.
#[derive(Default)]
struct HeldFetches {
    requests: Mutex<Vec<Option<EntityTag>>>,
    open: Mutex<VecDeque<(Option<EntityTag>, OnFetched)>>,
}

#[derive(Clone)]
struct HeldFetcher(Arc<HeldFetches>);

impl fmt::Debug for HeldFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldFetcher")
    }
}

impl Fetcher for HeldFetcher {
    fn fetch(&self, known: Option<EntityTag>, done: OnFetched) {
        self.0.requests.lock().unwrap().push(known.clone());
        self.0.open.lock().unwrap().push_back((known, done));
    }
}

/// One endpoint with all that a test holds of it.
pub(crate) struct World {
    fetches: Arc<HeldFetches>,
    clock: Arc<AtomicU64>,
    events: Arc<Mutex<Vec<String>>>,
    pub(crate) endpoint: Arc<Endpoint>,
}

impl World {
    pub(crate) fn new() -> Self {
        let fetches = Arc::new(HeldFetches::default());
        // A machine that has been up for a while.
        let clock = Arc::new(AtomicU64::new(1_000_000_000));
        let events = Arc::new(Mutex::new(Vec::new()));
        let (time, log) = (Arc::clone(&clock), Arc::clone(&events));
        let endpoint = Endpoint::new(
            URL,
            Box::new(HeldFetcher(Arc::clone(&fetches))),
            Box::new(move || Duration::from_millis(time.load(Ordering::SeqCst))),
            Arc::new(move |name: &str, event: &EndpointEvent| {
                assert_eq!(name, URL);
                let text = match event {
                    EndpointEvent::Failing(error) => format!("failing: {error}"),
                    EndpointEvent::Recovered => "recovered".to_owned(),
                    EndpointEvent::Notice(notice) => notice.clone(),
                };
                log.lock().unwrap().push(text);
            }),
        );
        Self { fetches, clock, events, endpoint }
    }

    /// A world whose endpoint gave these keys at its first fetch.
    pub(crate) fn with_keys(keys: &[String]) -> Self {
        let world = Self::new();
        let verifier = world.verifier(INTERVAL, DAY);
        assert_eq!(verifier.ask(&named(&Signer::fresh(Algorithm::EdDSA), "unknown")), PENDING);
        world.publish(keys);
        world
    }

    pub(crate) fn verifier(&self, interval: Duration, max_stale: Duration) -> RemoteTestVerifier {
        RemoteTestVerifier::new(&self.endpoint, interval, max_stale)
    }

    /// A verifier of tokens of these algorithms.
    pub(crate) fn verifier_for(&self, names: &[&str]) -> RemoteTestVerifier {
        RemoteTestVerifier::accepting(&self.endpoint, INTERVAL, DAY, names)
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.clock.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn wait_seconds(&self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }

    /// How many fetches were started.
    pub(crate) fn requests(&self) -> usize {
        self.fetches.requests.lock().unwrap().len()
    }

    /// The entity tag that the last fetch was to send.
    pub(crate) fn last_tag(&self) -> Option<String> {
        let requests = self.fetches.requests.lock().unwrap();
        retrieval(requests.last().unwrap().clone()).next_request().1.map(str::to_owned)
    }

    /// How many fetches are on their way.
    pub(crate) fn open(&self) -> usize {
        self.fetches.open.lock().unwrap().len()
    }

    /// Takes the oldest fetch that is on its way, to end it later.
    pub(crate) fn take(&self) -> OnFetched {
        self.fetches.open.lock().unwrap().pop_front().unwrap().1
    }

    /// Ends the oldest fetch.
    pub(crate) fn end(&self, result: Result<FetchReply, FetchError>) {
        self.take()(result);
    }

    /// Ends the oldest fetch with an HTTP answer.
    pub(crate) fn answer(&self, status: u16, etag: Option<&str>, cache_control: Option<&str>, body: &str) {
        let (known, done) = self.fetches.open.lock().unwrap().pop_front().unwrap();
        let answer =
            HttpAnswer { status, etag, cache_control, body: body.as_bytes().to_vec(), ..HttpAnswer::default() };
        done(retrieval(known).on_response(&answer).unwrap());
    }

    /// Ends the oldest fetch with these keys.
    pub(crate) fn publish(&self, keys: &[String]) {
        self.answer(200, None, None, &set(keys));
    }

    /// Ends the oldest fetch with a failure.
    pub(crate) fn fail(&self) {
        self.end(Err(HttpError::Timeout.into()));
    }

    /// What the operator heard, once.
    pub(crate) fn events(&self) -> Vec<String> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    pub(crate) fn status(&self) -> EndpointStatus {
        self.endpoint.status()
    }
}

fn retrieval(known: Option<EntityTag>) -> Retrieval {
    Retrieval::new(
        &KeyLocator::KeySet(EndpointUrl::parse(URL, "jwks_uri", false).unwrap()),
        SsrfPolicy::TrustedUrl,
        known,
    )
}

/// What an answer with this status and body means to a fetch that knows nothing.
pub(crate) fn read(status: u16, body: &str) -> Result<FetchReply, FetchError> {
    retrieval(None)
        .on_response(&HttpAnswer { status, body: body.as_bytes().to_vec(), ..HttpAnswer::default() })
        .unwrap()
}

/// A verifier of asymmetric tokens on an endpoint.
pub(crate) struct RemoteTestVerifier {
    verifier: Verifier,
}

impl RemoteTestVerifier {
    pub(crate) fn new(endpoint: &Arc<Endpoint>, interval: Duration, max_stale: Duration) -> Self {
        Self::accepting(endpoint, interval, max_stale, &["EdDSA", "ES256", "RS256"])
    }

    fn accepting(endpoint: &Arc<Endpoint>, interval: Duration, max_stale: Duration, names: &[&str]) -> Self {
        let source = Arc::new(RemoteKeys::new(Arc::clone(endpoint), interval, max_stale));
        Self { verifier: Verifier::new(algorithms(names), source).with_cache(TokenCache::new(100)) }
    }

    /// How many tokens were found in the verifier's memory.
    pub(crate) fn hits(&self) -> u64 {
        self.verifier.cache().unwrap().counts().hits
    }

    /// What becomes of a token while its caller can wait.
    pub(crate) fn ask(&self, token: &str) -> &'static str {
        self.verdict(token, KeyWait::MayWait, NOW)
    }

    /// What becomes of it when the wall clock shows this.
    pub(crate) fn ask_at(&self, token: &str, wall_clock: i64) -> &'static str {
        self.verdict(token, KeyWait::MayWait, wall_clock)
    }

    /// What becomes of it when its caller has waited.
    pub(crate) fn ask_after_waiting(&self, token: &str) -> &'static str {
        self.verdict(token, KeyWait::Never, NOW)
    }

    fn verdict(&self, token: &str, key_wait: KeyWait, wall_clock: i64) -> &'static str {
        let now = NumericDate::from_seconds(wall_clock);
        match self.verifier.verify(token.as_bytes(), &policy(), &NoOverrides, now, key_wait) {
            Poll::Pending => PENDING,
            Poll::Ready(Decision::Accepted(_)) => ACCEPTED,
            Poll::Ready(Decision::Rejected(refusal)) => refusal.rejection.code(),
            Poll::Ready(Decision::Unavailable(why)) => why.code(),
        }
    }
}

/// A fresh key, its JWK under this name, and a token that it signed under this name.
pub(crate) struct Named {
    pub(crate) signer: Signer,
    pub(crate) jwk: String,
    pub(crate) token: String,
}

impl Named {
    pub(crate) fn new(kid: &str) -> Self {
        let signer = Signer::fresh(Algorithm::EdDSA);
        let (jwk, token) = (signer.jwk(&format!(r#","kid":"{kid}""#)), named(&signer, kid));
        Self { signer, jwk, token }
    }
}

/// A perfect token under this key id.
pub(crate) fn named(signer: &Signer, kid: &str) -> String {
    signer.sign(signer.header(&format!(r#","kid":"{kid}""#)), claims())
}

/// A perfect token but for a key id that no key has.
pub(crate) fn made_up(number: usize) -> String {
    // One signature for all: it is never checked.
    let header = format!(r#"{{"alg":"EdDSA","kid":"made-up-{number}"}}"#);
    crate::common::compact(header, claims(), [0; 64])
}

/// A JWK Set.
pub(crate) fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}
