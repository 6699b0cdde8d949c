//! Why a request brought nothing that can be used.

use std::error::Error;
use std::fmt;

/// The longest text of a cause that is passed on, in characters.
const LONGEST_CAUSE: usize = 200;

/// Why there is no answer, or none that can be used. Holds nothing that was sent, and no text of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// It took too long.
    Timeout,
    /// No connection: name, network or TLS.
    Connect(String),
    /// The connection broke before the answer was complete.
    Broken,
    /// The endpoint answered with a status that the caller cannot use.
    Status(u16),
    /// The endpoint sent us elsewhere.
    Redirect(u16),
    /// The answer is too long.
    TooLarge,
    /// The address is not a public one, and only such are allowed.
    NotPublic,
    /// Nobody is there to ask: the client could not be made, or its event loop is not running.
    NoClient(String),
}

impl HttpError {
    /// The error of a status that cannot be used. A redirect has its own, for none is followed; 304 is none.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            304 => Self::Status(status),
            300..400 => Self::Redirect(status),
            _ => Self::Status(status),
        }
    }

    pub(super) fn no_client(error: &(dyn Error + 'static)) -> Self {
        Self::NoClient(innermost(error))
    }
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        if causes(&error).any(<dyn Error>::is::<NotPublic>) {
            Self::NotPublic
        } else if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() {
            Self::Connect(innermost(&error))
        } else {
            Self::Broken
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the endpoint did not answer in time"),
            Self::Connect(cause) => write!(f, "no connection to the endpoint: {cause}"),
            Self::Broken => f.write_str("the connection broke before the answer was complete"),
            Self::Status(status) => write!(f, "the endpoint answered with status {status}"),
            Self::Redirect(status) => {
                write!(f, "the endpoint answered with a redirect ({status}), which is not followed")
            }
            Self::TooLarge => f.write_str("the answer is larger than is read"),
            Self::NotPublic => f.write_str("the endpoint's address is not a public one (ssrf_safe)"),
            Self::NoClient(why) => write!(f, "nothing could be fetched: {why}"),
        }
    }
}

impl Error for HttpError {}

/// What a resolver says of a name that leads to an address which is not public.
#[derive(Debug)]
pub(super) struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HttpError::NotPublic.fmt(f)
    }
}

impl Error for NotPublic {}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What an error goes back to, on one line and cut: a certificate may list names without end.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let root = causes(error).last().unwrap_or(error).to_string();
    root.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_CAUSE).collect()
}
