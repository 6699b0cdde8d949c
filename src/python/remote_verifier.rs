//! The native half of `RemoteAuthProvider`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyMapping, PyString};
use zeroize::Zeroizing;

use super::current_policy::CurrentPolicy;
use super::decision::{self, Decision};
use super::{convert, now};
use crate::config;
use crate::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING};
use crate::http::{Location, secret_value};
use crate::oauth::inquiry::{self, Inquiry, Language, Proof};

/// The most headers of a question.
const MOST_HEADERS: usize = 100;

/// Asks a service about each token.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct RemoteVerifier {
    inquiry: Inquiry,
    policy: CurrentPolicy,
}

#[pymethods]
impl RemoteVerifier {
    #[new]
    #[pyo3(signature = (verify_url, headers, timeout, *, allow_http))]
    fn new(
        verify_url: &Bound<'_, PyAny>,
        headers: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
        allow_http: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let allow_http = convert::flag(allow_http, "allow_http")?;
        let location = Location::parse(convert::text(verify_url, "verify_url")?, "verify_url", allow_http)?;
        let headers = headers.map_or(Ok(Vec::new()), read_headers)?;
        let (language, timeout) = (language(&headers)?, convert::timeout(timeout)?);
        let inquiry = Inquiry::new(location, language, Proof::Headers(headers), timeout);
        Ok(Self { inquiry, policy: CurrentPolicy::default() })
    }

    /// The expected issuers, of an answer that names one: a str, a list of them, or None for any.
    fn set_issuer(&self, issuer: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.policy.set_issuer(issuer)
    }

    /// The expected audiences: a str, a list of them, or None for any.
    fn set_audience(&self, audience: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.policy.set_audience(audience)
    }

    /// The expected clients: a str, a list of them, or None for any.
    fn set_client_id(&self, client_id: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let clients = convert::texts(client_id, "client_id")?;
        self.policy.change(|policy| policy.with_clients(clients))
    }

    /// The scopes that a token must grant; `argument` is what the operator calls them.
    #[pyo3(signature = (required_scopes, argument="required_scopes"))]
    fn set_required_scopes(&self, required_scopes: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<()> {
        self.policy.set_required_scopes(required_scopes, argument)
    }

    /// The scopes that a token must grant, as they were parsed.
    #[getter]
    fn required_scopes(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        self.policy.required_scopes(py)
    }

    /// Decides about what is no token; whatever is one is pending.
    #[staticmethod]
    fn decide(token: &Bound<'_, PyAny>) -> Decision {
        Decision::about(token, |_, text| match inquiry::check_token(text) {
            Ok(()) => Decision::pending(),
            Err(rejection) => Decision::rejected(rejection),
        })
    }

    /// Asks about a token that is pending, and calls `done` with the decision, from whatever thread.
    fn decide_later(&self, token: &Bound<'_, PyString>, done: Py<PyAny>) -> PyResult<()> {
        let policy = self.policy.get();
        let later = decision::Later::new(token, &policy, done);
        let text = token.to_str()?;
        token.py().detach(|| {
            self.inquiry.ask(text, Box::new(move |verdict| later.is(verdict.decide(None, &policy, now()))));
        });
        Ok(())
    }

    /// The decision where no answer came in time.
    fn unanswered(&self) -> Decision {
        Decision::unavailable(self.inquiry.unanswered())
    }
}

/// Reads an operator's headers. Their values may be secrets, so that no message shows one.
fn read_headers(headers: &Bound<'_, PyAny>) -> PyResult<Vec<(HeaderName, HeaderValue)>> {
    let wrong = |why: String| Err(PyValueError::new_err(why));
    let pairs = headers.cast::<PyMapping>().ok().and_then(|headers| headers.items().ok());
    let Some(pairs) = pairs else {
        return wrong(format!("headers must be a dict of str to str, not {}", convert::type_name(headers)));
    };
    if pairs.len() > MOST_HEADERS {
        return wrong(format!("headers holds more than {MOST_HEADERS}: give those that the service asks for"));
    }
    let mut read: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for pair in pairs.iter() {
        let Ok((name, value)) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
            return wrong("headers must be a dict of str to str: its items are no pairs".to_owned());
        };
        let Some(name) = name.extract::<String>().ok().and_then(|name| HeaderName::try_from(name).ok()) else {
            return wrong("headers holds a name that is no header's".to_owned());
        };
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            return wrong(format!("headers must not hold {name}: it follows from the body"));
        }
        if read.iter().any(|(other, _)| *other == name) {
            return wrong(format!("headers holds {name} twice, in different cases"));
        }
        let readable = |value: &Zeroizing<String>| {
            value.is_ascii() && !value.is_empty() && config::check_exact("headers", value).is_ok()
        };
        let value = value.extract::<String>().ok().map(Zeroizing::new).filter(readable).and_then(secret_value);
        let Some(value) = value else {
            return wrong(format!(
                "the value of the header {name} must be a str of printable ASCII, not empty, without spaces around it and of 64 KiB at most"
            ));
        };
        read.push((name, value));
    }
    Ok(read)
}

/// The language that the headers ask for by their `Content-Type`; JSON where there is none.
fn language(headers: &[(HeaderName, HeaderValue)]) -> PyResult<Language> {
    let Some((_, value)) = headers.iter().find(|(name, _)| *name == CONTENT_TYPE) else { return Ok(Language::Json) };
    let media_type = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/json" => Ok(Language::Json),
        "application/x-www-form-urlencoded" => Ok(Language::Introspection),
        _ => Err(PyValueError::new_err(
            "the Content-Type among the headers must be application/json or application/x-www-form-urlencoded",
        )),
    }
}
