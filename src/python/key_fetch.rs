//! One fetch of keys that a Python callable carries out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use crate::http::{self, HttpError, SsrfPolicy};
use crate::keys::remote::{self, HttpAnswer, OnFetched, Retrieval};

/// A fetch that Python carries out: it sends one request after another until the fetch is over. If it is dropped before that, the
/// fetch failed.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct KeyFetch(pub(super) Mutex<Option<(Retrieval, OnFetched)>>);

impl KeyFetch {
    fn take(&self) -> Option<(Retrieval, OnFetched)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, why: &str) {
        if let Some((mut retrieval, done)) = self.take() {
            done(retrieval.on_error(HttpError::NoClient(why.to_owned()).into()));
        }
    }
}

impl Drop for KeyFetch {
    fn drop(&mut self) {
        self.fail("its event loop ended before the answer came");
    }
}

#[pymethods]
impl KeyFetch {
    /// The URL to ask, and the headers to send along; None when the fetch is over.
    fn next_request(&self) -> Option<(String, HashMap<&'static str, String>)> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let retrieval = &current.as_ref()?.0;
        let (endpoint_url, tag) = retrieval.next_request();
        let mut headers = HashMap::from([
            ("accept", retrieval.accept().to_owned()),
            ("accept-encoding", http::ACCEPTED_CODINGS.to_owned()),
        ]);
        headers.extend(tag.map(|tag| ("if-none-match", tag.to_owned())));
        Some((endpoint_url.url().to_string(), headers))
    }

    /// The most bytes of a body that need be read: more are too many.
    #[getter]
    fn most_bytes(&self) -> usize {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map_or(0, |(retrieval, _)| retrieval.most_bytes())
    }

    /// How long the fetch may take, in seconds.
    #[getter]
    #[allow(clippy::unused_self, reason = "a property of a fetch")]
    fn total_seconds(&self) -> f64 {
        remote::total_timeout(SsrfPolicy::TrustedUrl).as_secs_f64()
    }

    /// The URL answered, with a body behind these content codings.
    #[pyo3(signature = (status, etag, cache_control, media_type, body, content_encoding))]
    #[allow(clippy::too_many_arguments, reason = "they are what there is to an answer")]
    fn on_response(
        &self,
        py: Python<'_>,
        status: u16,
        etag: Option<&str>,
        cache_control: Option<&str>,
        media_type: Option<&str>,
        body: Vec<u8>,
        content_encoding: &str,
    ) {
        let Some((mut retrieval, done)) = self.take() else { return };
        let read = || match http::decode(body, content_encoding, retrieval.most_bytes()) {
            Ok(body) => retrieval.on_response(&HttpAnswer { status, etag, cache_control, media_type, body }),
            Err(error) => retrieval.on_unread_body(error),
        };
        // `done` is dropped while attached: it may be the last reference to an endpoint with Python objects.
        match py.detach(read) {
            Some(end) => done(end),
            None => *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((retrieval, done)),
        }
    }

    /// There is no answer.
    fn failed(&self, why: &str) {
        self.fail(why);
    }
}
