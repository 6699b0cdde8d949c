//! Fetches keys with this project's own client.

use std::time::Duration;

use super::error::FetchError;
use super::fetcher::{EntityTag, FetchReply, Fetcher, OnFetched};
use super::http_answer::HttpAnswer;
use super::retrieval::{KeyLocator, Retrieval};
use crate::discovery::Issuer;
use crate::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use crate::http::{self, Client, HttpError, Request, SsrfPolicy};

/// How long metadata may take that is only fetched for an error text.
const ADVICE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a fetch may take, discovery included.
#[must_use]
pub fn total_timeout(policy: SsrfPolicy) -> Duration {
    Duration::from_secs(match policy {
        SsrfPolicy::TrustedUrl => 10,
        SsrfPolicy::PublicOnly => 30,
    })
}

/// Fetches with this project's own client.
#[derive(Debug)]
pub struct HttpFetcher {
    locator: KeyLocator,
    policy: SsrfPolicy,
    key_use: Option<Box<str>>,
    issuer: Option<Issuer>,
}

impl HttpFetcher {
    /// A fetcher for this locator. `key_use` is a further value of `use` that is accepted beside `sig`.
    #[must_use]
    pub fn new(locator: KeyLocator, policy: SsrfPolicy, key_use: Option<Box<str>>) -> Self {
        Self { locator, policy, key_use, issuer: None }
    }

    /// This fetcher, which looks up where this issuer publishes keys if the URL gives certificates.
    #[must_use]
    pub fn with_issuer(self, issuer: Option<Issuer>) -> Self {
        Self { issuer, ..self }
    }
}

impl Fetcher for HttpFetcher {
    fn fetch(&self, known: Option<EntityTag>, done: OnFetched) {
        let retrieval = Retrieval::new(&self.locator, self.policy, known)
            .with_key_use(self.key_use.as_deref())
            .with_issuer(self.issuer.as_ref());
        let total = total_timeout(self.policy);
        http::spawn(self.policy, total, self.locator.name(), |client| carry_out(retrieval, client), done);
    }
}

async fn carry_out(mut retrieval: Retrieval, client: Client) -> Result<FetchReply, FetchError> {
    while !retrieval.seeks_advice() {
        if let Some(end) = ask(&mut retrieval, &client).await {
            return end;
        }
    }
    // The error is known, and is reported also if the metadata does not come.
    let advised = async {
        loop {
            if let Some(end) = ask(&mut retrieval, &client).await {
                return end;
            }
        }
    };
    let advised = tokio::time::timeout(ADVICE_TIMEOUT, advised).await;
    advised.unwrap_or_else(|_| retrieval.on_error(HttpError::Timeout.into()))
}

/// Sends the next request. Returns the result, if the retrieval ends with it.
async fn ask(retrieval: &mut Retrieval, client: &Client) -> Option<Result<FetchReply, FetchError>> {
    let (endpoint_url, tag) = retrieval.next_request();
    let mut request = Request::get(endpoint_url, retrieval.accept());
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let response = match client.send(request).await {
        Ok(response) => response,
        Err(error) => return Some(retrieval.on_error(error.into())),
    };
    let header = |name: HeaderName| response.header(name).map(str::to_owned);
    let (status, etag, cache_control, media_type) =
        (response.status(), header(ETAG), header(CACHE_CONTROL), header(CONTENT_TYPE));
    let body = if status == 200 { response.body(retrieval.most_bytes()).await } else { Ok(Vec::new()) };
    let body = match body {
        Ok(body) => body,
        Err(error) => return retrieval.on_unread_body(error),
    };
    let answer = HttpAnswer {
        status,
        etag: etag.as_deref(),
        cache_control: cache_control.as_deref(),
        media_type: media_type.as_deref(),
        body,
    };
    retrieval.on_response(&answer)
}
