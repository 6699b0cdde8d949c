//! Tokens of the client credentials grant (RFC 6749 section 4.4): kept until shortly before they expire, and asked for
//! once, however many need one.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::clock::Moment;
use crate::flights::{Done, Flights};
use crate::http::{self, FetchPolicy, HttpError, Location};
use crate::oauth::client_authentication::{Credentials, Method};
use crate::oauth::resource::Binding;
use crate::oauth::token_request::{BearerToken, Issued, TokenError, TokenRequest, read_answer};
use crate::per_process::PerProcess;

/// How long before its end a token is no longer used, so that it does not expire on its way; a fifth of its life if that
/// is less.
const AHEAD: Duration = Duration::from_secs(30);
/// How long a token request may take.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How many bytes of an answer are read.
const MAX_BODY: usize = 64 * 1024;

/// A token, or why there is none.
pub type Outcome = Result<Arc<BearerToken>, TokenError>;
/// Takes the end of a token request.
pub type Answered = Box<dyn FnOnce(Result<Issued, TokenError>) + Send>;

/// Issues tokens. `request` returns at once and calls `done` later, once, from whatever thread.
pub trait TokenEndpoint: Send + Sync + fmt::Debug {
    /// Starts one token request for this `resource`.
    fn request(&self, resource: Option<&str>, done: Answered);
}

/// The tokens of one client for one server.
#[derive(Debug)]
pub struct ClientCredentials {
    binding: Binding,
    endpoint: Box<dyn TokenEndpoint>,
    clock: fn() -> Moment,
    held: PerProcess<HashMap<Purpose, Held>>,
    flights: Arc<Flights<Purpose, Outcome>>,
}

/// The `resource` that tokens are asked for. What was asked for before the server was known is not for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Purpose(Option<Box<str>>);

#[derive(Debug)]
struct Held {
    token: Arc<BearerToken>,
    until: Moment,
}

impl ClientCredentials {
    /// No tokens so far.
    #[must_use]
    pub fn new(binding: Binding, endpoint: Box<dyn TokenEndpoint>, clock: fn() -> Moment) -> Arc<Self> {
        let lost = HttpError::NoClient("the request ended without an answer".to_owned());
        Arc::new(Self {
            binding,
            endpoint,
            clock,
            held: PerProcess::new(|_| HashMap::new()),
            flights: Flights::new(Err(lost.into())),
        })
    }

    /// Which server the tokens are for.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Gets a token: the one at hand, unless it is about to expire or is the one that the server `refused`, or else the
    /// next that the endpoint issues.
    pub fn token(self: &Arc<Self>, refused: Option<&Arc<BearerToken>>, done: Done<Outcome>) {
        let purpose = Purpose(self.binding.resource());
        if let Some(refused) = refused {
            self.forget(&purpose, refused);
        }
        if let Some(token) = self.at_hand(&purpose) {
            return done(Ok(token));
        }
        let Some(flight) = self.flights.join(purpose.clone(), done) else { return };
        // Another flight may have ended since the look, and left its token.
        if let Some(token) = self.at_hand(&purpose) {
            return flight.end(Ok(token));
        }
        let (this, asked_at, kept) = (Arc::clone(self), (self.clock)(), purpose.clone());
        let answered =
            move |answer: Result<Issued, _>| flight.end(answer.map(|issued| this.keep(kept, asked_at, issued)));
        self.endpoint.request(purpose.0.as_deref(), Box::new(answered));
    }

    fn at_hand(&self, purpose: &Purpose) -> Option<Arc<BearerToken>> {
        let now = (self.clock)();
        let token = |held: &Held| (now < held.until).then(|| Arc::clone(&held.token));
        self.held.with(|held| held.get(purpose).and_then(token))
    }

    /// Nobody is given a token again that was refused; another that took its place stays.
    fn forget(&self, purpose: &Purpose, refused: &Arc<BearerToken>) {
        self.held.with(|held| {
            if held.get(purpose).is_some_and(|held| Arc::ptr_eq(&held.token, refused)) {
                held.remove(purpose);
            }
        });
    }

    /// Its life counts from the request on, since nobody knows when the server began to count.
    fn keep(&self, purpose: Purpose, asked_at: Moment, issued: Issued) -> Arc<BearerToken> {
        let Issued { token, lifetime } = issued;
        let until = asked_at.saturating_add(lifetime.saturating_sub(AHEAD.min(lifetime / 5)));
        self.held.with(|held| held.insert(purpose, Held { token: Arc::clone(&token), until }));
        token
    }
}

/// A token endpoint on the network.
#[derive(Debug)]
pub struct HttpTokenEndpoint {
    location: Location,
    credentials: Arc<Credentials>,
    method: Method,
    request: TokenRequest,
}

impl HttpTokenEndpoint {
    /// The endpoint at this location, which alone sees the credentials.
    #[must_use]
    pub fn new(location: Location, credentials: Credentials, method: Method, request: TokenRequest) -> Self {
        Self { location, credentials: Arc::new(credentials), method, request }
    }
}

impl TokenEndpoint for HttpTokenEndpoint {
    fn request(&self, resource: Option<&str>, done: Answered) {
        let request = self.credentials.post(self.method, &self.location, self.request.fields(resource));
        let credentials = Arc::clone(&self.credentials);
        let ask = |client: http::Client| async move {
            let response = client.send(request).await?;
            let status = response.status();
            let body = Zeroizing::new(response.body(MAX_BODY).await?);
            read_answer(status, &body, |text| credentials.redacted(text))
        };
        http::spawn(FetchPolicy::Plain, TOTAL_TIMEOUT, ask, done);
    }
}
