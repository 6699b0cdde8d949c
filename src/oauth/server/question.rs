//! One question about a token, and how this server authenticates to the one that is asked.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::wire_format::WireFormat;
use crate::http::header::{CONNECTION, HeaderName, HeaderValue};
use crate::http::{EndpointUrl, HttpError, Request};
use crate::oauth::client::authentication::{AuthMethod, Credentials};

/// How this server authenticates at the endpoint. Each part may be a secret, and none is ever shown.
pub enum ClientAuth {
    /// A client's credentials (RFC 6749 section 2.3), and where a secret of it stands.
    Client(Arc<Credentials>, AuthMethod),
    /// Headers that the operator set, and a client's credentials where there are some.
    Headers(Vec<(HeaderName, HeaderValue)>, Option<Credentials>),
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client(..) => "Client",
            Self::Headers(..) => "Headers",
        })
    }
}

/// Writes one question, once its turn has come: an assertion is good for a short time only.
pub(super) struct QuestionWriter {
    pub(super) endpoint_url: EndpointUrl,
    pub(super) wire_format: WireFormat,
    pub(super) client_auth: Arc<ClientAuth>,
    pub(super) issuer: Option<Arc<str>>,
    pub(super) token: Zeroizing<String>,
}

impl QuestionWriter {
    pub(super) fn request(&self) -> Result<Request, HttpError> {
        // RFC 7662 section 2.1: some servers look for the token among all kinds, and tell a refresh token from an access
        // token by nothing else.
        let fields = [("token", self.token.as_str()), ("token_type_hint", "access_token")];
        let bare = || match self.wire_format {
            WireFormat::Introspection => Request::post_form(&self.endpoint_url, fields),
            // The syntax of a token leaves nothing to escape, whatever is allowed.
            WireFormat::Json => Request::post_json(&self.endpoint_url, format!("{{\"token\":\"{}\"}}", *self.token)),
        };
        let request = match &*self.client_auth {
            ClientAuth::Client(credentials, method) => {
                credentials.post(*method, &self.endpoint_url, self.issuer.as_deref(), &fields)?
            }
            ClientAuth::Headers(headers, credentials) => {
                let request = match credentials {
                    Some(credentials) => credentials.post(AuthMethod::default(), &self.endpoint_url, None, &fields)?,
                    None => bare(),
                };
                headers.iter().fold(request, |request, (name, value)| request.header(name.clone(), value.clone()))
            }
        };
        // A connection that is kept may bring a late answer to an earlier question, which nothing tells from that to this one.
        Ok(request.header(CONNECTION, HeaderValue::from_static("close")))
    }
}
