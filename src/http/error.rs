//! Why a request returned no usable response.

use std::error::Error;
use std::{fmt, io};

use super::tls_error;

/// The longest text of a cause that is passed on, in characters.
const LONGEST_CAUSE: usize = 200;

/// Why there is no usable answer. It holds nothing that was sent, and no text of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// It took too long.
    Timeout,
    /// No connection: name, network or TLS.
    Connect(String),
    /// No connection: the endpoint's certificate is not trusted. A file that `SSL_CERT_FILE` names can make it trusted.
    UntrustedCertificate(String),
    /// The connection broke before the answer was complete.
    Broken,
    /// The endpoint answered with a status that the caller cannot use.
    Status(u16),
    /// The endpoint redirected.
    Redirect(u16),
    /// The answer is too long.
    TooLarge,
    /// The answer has this content coding, which is not supported.
    UnknownCoding(&'static str),
    /// The answer has another content coding than its header says, or too many.
    Coding(&'static str),
    /// The address is not a public one, and only such are allowed.
    NotPublic,
    /// No request could be sent: the client could not be made, or its event loop is not running.
    NoClient(String),
}

impl HttpError {
    /// The error of a status that cannot be used. A redirect has an error of its own, since none is followed; 304 is not a redirect.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            304 => Self::Status(status),
            300..400 => Self::Redirect(status),
            _ => Self::Status(status),
        }
    }

    /// Whether the endpoint is out of reach, and did not merely give an unusable answer.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Connect(_) | Self::UntrustedCertificate(_) | Self::Broken | Self::NoClient(_)
        )
    }

    /// Whether there was an answer, whose body cannot be read.
    #[must_use]
    pub fn is_of_an_answer(&self) -> bool {
        matches!(self, Self::TooLarge | Self::UnknownCoding(_) | Self::Coding(_))
    }

    /// The same error, of a connection through the proxy that this environment variable names.
    pub(super) fn through_proxy(self, variable: &str) -> Self {
        let through = |cause| format!("through the proxy that {variable} names: {cause}");
        match self {
            Self::Connect(cause) => Self::Connect(through(cause)),
            Self::UntrustedCertificate(cause) => Self::UntrustedCertificate(through(cause)),
            other => other,
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
        } else if let Some(refused) = causes(&error).find_map(tls_error) {
            let explained = tls_error::explain(refused);
            if explained.is_untrusted {
                Self::UntrustedCertificate(explained.text)
            } else {
                Self::Connect(explained.text)
            }
        } else if error.is_connect() {
            Self::Connect(innermost(&error))
        } else {
            Self::Broken
        }
    }
}

/// The error of TLS. An `io::Error` does not return it as its source.
fn tls_error<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = |error: &&'e (dyn Error + 'static)| -> Option<&'e (dyn Error + 'static)> {
        Some(error.downcast_ref::<io::Error>()?.get_ref()?)
    };
    std::iter::successors(Some(cause), inner).find_map(<dyn Error>::downcast_ref)
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the endpoint did not answer in time"),
            Self::Connect(cause) | Self::UntrustedCertificate(cause) => {
                write!(f, "no connection to the endpoint: {cause}")
            }
            Self::Broken => f.write_str("the connection broke before the answer was complete"),
            Self::Status(status) => write!(f, "the endpoint answered with status {status}"),
            Self::Redirect(status) => {
                write!(f, "the endpoint answered with a redirect ({status}), which is not followed")
            }
            Self::TooLarge => f.write_str("the answer is larger than is read"),
            Self::UnknownCoding(coding) => write!(
                f,
                "the endpoint compressed its answer with {coding}, though it was asked for a plain one: gzip and deflate \
                 are read as well, and {coding} is not, also with http_client"
            ),
            Self::Coding(what) => write!(f, "the answer is {what}"),
            Self::NotPublic => f.write_str("the endpoint's address is not a public one (ssrf_safe)"),
            Self::NoClient(why) => write!(f, "nothing could be fetched: {why}"),
        }
    }
}

impl Error for HttpError {}

/// The error of a resolver for a name that leads to an address which is not public.
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

/// The root cause of an error, on one line and shortened: a certificate may list very many names.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let root = causes(error).last().unwrap_or(error).to_string();
    root.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_CAUSE).collect()
}
