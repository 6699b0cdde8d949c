//! Tokens of the client credentials grant (RFC 6749 section 4.4). A token is kept until shortly before it expires, and one
//! request gets the next one for all callers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::http::header::HeaderName;
use crate::http::{self, EndpointUrl, HttpError, Request, SsrfPolicy, secret_value};
use crate::oauth::client::authentication::{AuthMethod, Credentials};
use crate::oauth::client::proof_key::{ProofKey, ServerNonce};
use crate::oauth::client::resource_indicator::ResourceBinding;
use crate::oauth::client::token_request::{
    BearerToken, IssuedToken, TokenError, TokenRequest, WantedType, read_answer,
};
use crate::runtime::clock::Moment;
use crate::runtime::per_process::PerProcess;
use crate::runtime::single_flight::{SingleFlight, Waiter};

/// How long before its expiry a token is no longer used, so that it does not expire on its way; a fifth of its life if that
/// is less.
const AHEAD: Duration = Duration::from_secs(30);
/// How long a token request may take.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How many bytes of an answer are read.
const MAX_BODY: usize = 64 * 1024;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// The error that asks for a nonce (RFC 9449 section 8).
const USE_NONCE: &str = "use_dpop_nonce";

/// A token, or why there is none.
pub type TokenOutcome = Result<Arc<BearerToken>, TokenError>;
/// Takes the end of a token request.
pub type OnToken = Box<dyn FnOnce(Result<IssuedToken, TokenError>) + Send>;

/// Issues tokens. `request` returns at once and calls `done` later, once, from whatever thread.
pub trait TokenRequester: Send + Sync + fmt::Debug {
    /// Starts one token request for this `resource`.
    fn request(&self, resource: Option<&str>, done: OnToken);
}

/// The tokens of one client for one server.
#[derive(Debug)]
pub struct ClientCredentials {
    binding: ResourceBinding,
    endpoint: Box<dyn TokenRequester>,
    clock: fn() -> Moment,
    held: PerProcess<HashMap<TokenKey, CachedAccessToken>>,
    calls: Arc<SingleFlight<TokenKey, TokenOutcome>>,
}

/// The `resource` that tokens are asked for. A token that was asked for before the server was known is not for that server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TokenKey(Option<Box<str>>);

#[derive(Debug)]
struct CachedAccessToken {
    token: Arc<BearerToken>,
    until: Moment,
}

impl ClientCredentials {
    /// No tokens so far.
    #[must_use]
    pub fn new(binding: ResourceBinding, endpoint: Box<dyn TokenRequester>, clock: fn() -> Moment) -> Arc<Self> {
        let abandoned = HttpError::NoClient("the request ended without an answer".to_owned());
        Arc::new(Self {
            binding,
            endpoint,
            clock,
            held: PerProcess::new(|_| HashMap::new()),
            calls: SingleFlight::new(Err(abandoned.into())),
        })
    }

    /// Which server the tokens are for.
    #[must_use]
    pub fn binding(&self) -> &ResourceBinding {
        &self.binding
    }

    /// Gets a token: the one at hand, unless it is about to expire or is the one that the server `refused`, or else the
    /// next that the endpoint issues.
    pub fn token(self: &Arc<Self>, refused: Option<&Arc<BearerToken>>, done: Waiter<TokenOutcome>) {
        let token_key = TokenKey(self.binding.resource());
        if let Some(refused) = refused {
            self.forget(&token_key, refused);
        }
        if let Some(token) = self.at_hand(&token_key) {
            return done(Ok(token));
        }
        let Some(call) = self.calls.join(token_key.clone(), done) else { return };
        // Another request may have brought a token since.
        if let Some(token) = self.at_hand(&token_key) {
            return call.end(Ok(token));
        }
        let (this, asked_at, kept) = (Arc::clone(self), (self.clock)(), token_key.clone());
        let answered =
            move |answer: Result<IssuedToken, _>| call.end(answer.map(|issued| this.keep(kept, asked_at, issued)));
        self.endpoint.request(token_key.0.as_deref(), Box::new(answered));
    }

    fn at_hand(&self, token_key: &TokenKey) -> Option<Arc<BearerToken>> {
        let now = (self.clock)();
        let token = |held: &CachedAccessToken| (now < held.until).then(|| Arc::clone(&held.token));
        self.held.with(|held| held.get(token_key).and_then(token))
    }

    /// A token that the server refused is not used again; a newer one that took its place stays.
    fn forget(&self, token_key: &TokenKey, refused: &Arc<BearerToken>) {
        self.held.with(|held| {
            if held.get(token_key).is_some_and(|held| Arc::ptr_eq(&held.token, refused)) {
                held.remove(token_key);
            }
        });
    }

    /// Its lifetime counts from the request, since the server may have started to count at any time after it.
    fn keep(&self, token_key: TokenKey, asked_at: Moment, issued: IssuedToken) -> Arc<BearerToken> {
        let IssuedToken { token, lifetime } = issued;
        let until = asked_at.saturating_add(lifetime.saturating_sub(AHEAD.min(lifetime / 5)));
        self.held.with(|held| held.insert(token_key, CachedAccessToken { token: Arc::clone(&token), until }));
        token
    }
}

/// A token endpoint on the network.
#[derive(Debug)]
pub struct HttpTokenRequester(Arc<EndpointClient>);

#[derive(Debug)]
struct EndpointClient {
    endpoint_url: EndpointUrl,
    credentials: Credentials,
    method: AuthMethod,
    request: TokenRequest,
    /// The key that tokens are bound to, where they are, and the newest nonce of this endpoint.
    proofs: Option<(Arc<ProofKey>, ServerNonce)>,
}

impl HttpTokenRequester {
    /// The endpoint at this location, which alone sees the credentials. With a key, it is asked for tokens that are bound to it.
    #[must_use]
    pub fn new(
        endpoint_url: EndpointUrl,
        credentials: Credentials,
        method: AuthMethod,
        request: TokenRequest,
        key: Option<Arc<ProofKey>>,
    ) -> Self {
        let proofs = key.map(|key| (key, ServerNonce::default()));
        Self(Arc::new(EndpointClient { endpoint_url, credentials, method, request, proofs }))
    }
}

impl EndpointClient {
    fn request(&self, resource: Option<&str>) -> Result<Request, HttpError> {
        let request = self.credentials.post(self.method, &self.endpoint_url, None, &self.request.fields(resource))?;
        let Some((key, nonce)) = &self.proofs else { return Ok(request) };
        let url = self.endpoint_url.url().as_str();
        let proof = nonce.with(|nonce| key.proof("POST", url, None, nonce));
        Ok(match proof.and_then(|proof| secret_value(Zeroizing::new(proof))) {
            Some(proof) => request.header(DPOP, proof),
            None => request,
        })
    }

    async fn ask(&self, client: &http::Client, resource: Option<&str>) -> Result<IssuedToken, TokenError> {
        let (answer, has_newer_nonce) = self.ask_once(client, resource).await?;
        match answer {
            // RFC 9449 section 8: the same again, with the nonce of the answer.
            Err(TokenError::Refused { error, .. }) if has_newer_nonce && &*error == USE_NONCE => {
                self.ask_once(client, resource).await?.0
            }
            answer => answer,
        }
    }

    /// Asks once. Also returns whether the answer has another nonce than the one that was sent.
    async fn ask_once(
        &self,
        client: &http::Client,
        resource: Option<&str>,
    ) -> Result<(Result<IssuedToken, TokenError>, bool), TokenError> {
        let response = client.send(self.request(resource)?).await?;
        let status = response.status();
        let has_newer_nonce = self
            .proofs
            .as_ref()
            .is_some_and(|(_, known)| response.header(DPOP_NONCE).is_some_and(|nonce| known.note(nonce)));
        let body = Zeroizing::new(response.body(MAX_BODY).await?);
        let wanted = if self.proofs.is_some() { WantedType::Dpop } else { WantedType::Bearer };
        let secrets = |text: &str| self.credentials.secrets().redact(text).into_owned();
        Ok((read_answer(status, &body, wanted, secrets), has_newer_nonce))
    }
}

impl TokenRequester for HttpTokenRequester {
    fn request(&self, resource: Option<&str>, done: OnToken) {
        let (endpoint, resource) = (Arc::clone(&self.0), resource.map(str::to_owned));
        let shown_url = self.0.endpoint_url.shown();
        let ask = |client: http::Client| async move { endpoint.ask(&client, resource.as_deref()).await };
        http::spawn(SsrfPolicy::TrustedUrl, TOTAL_TIMEOUT, shown_url, ask, done);
    }
}
