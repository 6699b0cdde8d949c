//! One request and its answer.

use std::fmt;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::content_coding;
use super::endpoint_url::EndpointUrl;
use super::error::HttpError;

/// The header `Accept` of a request for a JSON document. It accepts any type, since some endpoints send another one, or none.
pub const ANY_JSON: &str = "application/json, */*;q=0.1";
/// The header `Accept` of a request for a JWK Set, which has its own type (RFC 7517 section 8.5.1).
pub const KEY_SET: &str = "application/jwk-set+json, application/json, */*;q=0.1";

/// A request for JSON.
pub struct Request(pub(super) reqwest::Request);

impl Request {
    /// A GET of a document, with this header `Accept`.
    #[must_use]
    pub fn get(endpoint_url: &EndpointUrl, accept: &'static str) -> Self {
        Self::new(Method::GET, endpoint_url, accept)
    }

    /// A POST of a form (`application/x-www-form-urlencoded`, RFC 6749 appendix B).
    #[must_use]
    pub fn post_form<'f>(endpoint_url: &EndpointUrl, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Self {
        let fields: Vec<_> = fields.into_iter().collect();
        let most = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + "=&".len()).sum();
        // A text that has to grow would leave copies of a secret in memory.
        let mut body = Zeroizing::new(String::with_capacity(most));
        form_urlencoded::Serializer::new(&mut *body).extend_pairs(fields);
        Self::post(endpoint_url, "application/x-www-form-urlencoded", body)
    }

    /// A POST of a JSON text.
    #[must_use]
    pub fn post_json(endpoint_url: &EndpointUrl, body: String) -> Self {
        let body = Zeroizing::new(body);
        Self::post(endpoint_url, "application/json", body)
    }

    /// The request with this header, in place of any of the same name. Its value is never shown.
    #[must_use]
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.0.headers_mut().insert(name, value);
        self
    }

    fn post(endpoint_url: &EndpointUrl, content_type: &'static str, body: Zeroizing<String>) -> Self {
        let mut request = Self::new(Method::POST, endpoint_url, "application/json");
        request.0.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        *request.0.body_mut() = Some(Bytes::from_owner(body).into());
        request
    }

    fn new(method: Method, endpoint_url: &EndpointUrl, accept: &'static str) -> Self {
        let mut request = reqwest::Request::new(method, endpoint_url.url().clone());
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(content_coding::ACCEPT_ENCODING));
        Self(request)
    }
}

/// A secret as the value of a header: it is not shown, and overwritten when it is dropped. `None` where the
/// text cannot be one.
#[must_use]
pub fn secret_value(text: Zeroizing<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.0.method(), self.0.url())
    }
}

/// An answer with any status. Its body was not read yet.
pub struct Response(pub(super) reqwest::Response);

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// The body. The bound in bytes holds before and after decompression.
    ///
    /// # Errors
    /// It is longer, is compressed in a way that is not read, or the connection broke.
    pub async fn body(mut self, most: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.0.chunk().await? {
            if bytes.len() + chunk.len() > most {
                return Err(HttpError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        self.0
            .headers()
            .get_all(CONTENT_ENCODING)
            .iter()
            .rev()
            .try_fold(bytes, |bytes, codings| content_coding::decode(bytes, codings.to_str().unwrap_or_default(), most))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({})", self.status())
    }
}
