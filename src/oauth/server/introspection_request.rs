//! The request that asks an endpoint about a token, and how this server authenticates there.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::wire_format::WireFormat;
use crate::http::header::{CONNECTION, HeaderName, HeaderValue};
use crate::http::{EndpointUrl, HttpError, Request};
use crate::oauth::client::authentication::{AuthMethod, Credentials};

/// How this server authenticates at the endpoint. Each part may be a secret, so none is shown.
pub enum ClientAuth {
    /// A client's credentials (RFC 6749 section 2.3), and where in the request a secret is put.
    Client(Arc<Credentials>, AuthMethod),
    /// Headers that the operator set, and a client's credentials if there are any.
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

/// What a request is made of. It is written when it is sent, since an assertion is valid for a short time.
pub(super) struct IntrospectionRequest {
    pub(super) endpoint_url: EndpointUrl,
    pub(super) wire_format: WireFormat,
    pub(super) client_auth: Arc<ClientAuth>,
    pub(super) issuer: Option<Arc<str>>,
    pub(super) token: Zeroizing<String>,
}

impl IntrospectionRequest {
    pub(super) fn request(&self) -> Result<Request, HttpError> {
        // RFC 7662 section 2.1. Some servers search the tokens of every type, and only the hint keeps them from finding a refresh
        // token.
        let fields = [("token", self.token.as_str()), ("token_type_hint", "access_token")];
        let bare = || match self.wire_format {
            WireFormat::Introspection => Request::post_form(&self.endpoint_url, fields),
            // No character that a token may have needs an escape.
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
        // On a connection that is reused, a late answer to an earlier question could be taken for the answer to this one.
        Ok(request.header(CONNECTION, HeaderValue::from_static("close")))
    }
}
