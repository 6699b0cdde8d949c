//! Asking a server about tokens: how the question is put and proven, and how its answer is read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::bearer;
use super::client_authentication::{Credentials, Method};
use super::verdict::Verdict;
use super::{introspection, remote_verification};
use crate::flights::{Done, Flights};
use crate::http::header::{HeaderName, HeaderValue};
use crate::http::{self, FetchPolicy, HttpError, Location, Request};
use crate::jose::jws::MAX_TOKEN_BYTES;
use crate::per_process::PerProcess;
use crate::rejection::{Rejection, Unavailable};

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// The end of a question that is forgotten.
const LOST: &str = "the question ended without an answer";
/// How many questions are on their way to one endpoint; further ones wait for their turn, within their own time.
const AT_ONCE: usize = 64;

/// Checks what can be checked of a token before anybody is asked about it: its length, and its syntax (RFC 6750 section
/// 2.1).
///
/// # Errors
/// `TokenTooLarge`, `MalformedToken`.
pub fn check_token(token: &str) -> Result<(), Rejection> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Rejection::TokenTooLarge);
    }
    if bearer::is_token(token) { Ok(()) } else { Err(Rejection::MalformedToken) }
}

/// The language of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A form, as RFC 7662 has it.
    Introspection,
    /// `{"token": ...}`, for a service that knows no RFC.
    Json,
}

impl Language {
    fn read(self, status: u16, body: &[u8]) -> Verdict {
        match self {
            Self::Introspection => introspection::read(status, body),
            Self::Json => remote_verification::read(status, body),
        }
    }

    fn no_answer(self, why: &str) -> Unavailable {
        match self {
            Self::Introspection => Unavailable::Introspection(why.into()),
            Self::Json => Unavailable::RemoteVerifier(why.into()),
        }
    }
}

/// By what the server knows who asks. Each part may be a secret, and none is ever shown.
pub enum Proof {
    /// A client's credentials (RFC 6749 section 2.3.1).
    Client(Arc<Credentials>, Method),
    /// Headers that the operator set.
    Headers(Vec<(HeaderName, HeaderValue)>),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client(..) => "Client",
            Self::Headers(_) => "Headers",
        })
    }
}

/// An endpoint that is asked about tokens, each question within a time.
pub struct Inquiry {
    location: Location,
    language: Language,
    proof: Proof,
    timeout: Duration,
    flights: Arc<Flights<Box<str>, Verdict>>,
    turns: PerProcess<Turns>,
}

/// Whoever held a turn when a process was forked gives none back in the child.
struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Inquiry {
    /// Questions to this endpoint.
    #[must_use]
    pub fn new(location: Location, language: Language, proof: Proof, timeout: Duration) -> Self {
        let flights = Flights::new(Verdict::Unavailable(language.no_answer(LOST)));
        Self { location, language, proof, timeout, flights, turns: PerProcess::new(|_| Turns::default()) }
    }

    /// Asks about a token that [`check_token`] lets pass, unless that question is on its way already; `done` hears the
    /// answer on whatever thread. Nothing is remembered.
    pub fn ask(&self, token: &str, done: Done<Verdict>) {
        let language = self.language;
        let Some(flight) = self.flights.join(token.into(), done) else { return };
        let (request, turns) = (self.request(token), self.turns.with(|turns| Arc::clone(&turns.0)));
        http::spawn(
            FetchPolicy::Plain,
            self.timeout,
            |client| async move {
                // Closed it never is; a turn that cannot be had is no reason not to ask.
                let _turn = turns.acquire().await.ok();
                let response = client.send(request).await?;
                let status = response.status();
                Ok((status, response.body(MAX_ANSWER).await?))
            },
            move |answered: Result<(u16, Vec<u8>), HttpError>| {
                flight.end(match answered {
                    Ok((status, body)) => language.read(status, &body),
                    Err(error) => Verdict::Unavailable(language.no_answer(&error.to_string())),
                });
            },
        );
    }

    /// Why nobody can tell about a token to whose question no answer came.
    #[must_use]
    pub fn unanswered(&self) -> Unavailable {
        self.language.no_answer(LOST)
    }

    fn request(&self, token: &str) -> Request {
        let fields = [("token", token)];
        let bare = || match self.language {
            Language::Introspection => Request::post_form(&self.location, fields),
            // The syntax of a token leaves nothing to escape.
            Language::Json => Request::post_json(&self.location, format!("{{\"token\":\"{token}\"}}")),
        };
        match &self.proof {
            Proof::Client(credentials, method) => credentials.post(*method, &self.location, fields),
            Proof::Headers(headers) => {
                headers.iter().fold(bare(), |request, (name, value)| request.header(name.clone(), value.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h10_only_a_token_of_64_kib_at_most_is_worth_a_question() {
        assert_eq!(check_token("an.opaque~token=="), Ok(()));
        for bad in ["", " ", "a b", "a\n", "a\0", "a\"b", "é"] {
            assert_eq!(check_token(bad), Err(Rejection::MalformedToken), "{bad:?}");
        }
        assert_eq!(check_token(&"a".repeat(MAX_TOKEN_BYTES)), Ok(()));
        assert_eq!(check_token(&"a".repeat(MAX_TOKEN_BYTES + 1)), Err(Rejection::TokenTooLarge));
    }

    #[test]
    fn nothing_that_is_shown_holds_a_header() {
        let location = Location::parse("https://a.example/verify", "verify_url", false).unwrap();
        let headers = vec![(HeaderName::from_static("x-key"), HeaderValue::from_static("hush"))];
        let inquiry = Inquiry::new(location, Language::Json, Proof::Headers(headers), Duration::from_secs(1));
        assert_eq!(format!("{inquiry:?}"), "Inquiry { language: Json, .. }");
        assert!(!format!("{:?}", inquiry.request("token")).contains("hush"));
    }
}
