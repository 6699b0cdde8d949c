//! How a client proves to an authorization server who it is: by a secret (RFC 6749 section 2.3.1), or by a signature.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use crate::config::{self, ConfigError};
use crate::http::header::AUTHORIZATION;
use crate::http::{EndpointUrl, HttpError, Request, secret_value};
use crate::oauth::client::client_assertion::{ASSERTION_TYPE, ClientAssertions};
use crate::untrusted::secrets::Secrets;

const SCHEME: &str = "Basic ";

/// Where the secret stands in a request. The names are those of RFC 7591 section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthMethod {
    /// `client_secret_basic`: in the `Authorization` header.
    #[default]
    Basic,
    /// `client_secret_post`: in the body.
    Post,
}

impl AuthMethod {
    /// Every method.
    pub const ALL: [Self; 2] = [Self::Basic, Self::Post];

    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// A client's identifier, and the secret or key that it authenticates with.
pub struct Credentials {
    id: Box<str>,
    proof: ClientProof,
}

enum ClientProof {
    Secret(Zeroizing<String>),
    /// `private_key_jwt`.
    Key(ClientAssertions),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How a request identifies its client.
pub struct Authentication<'c> {
    /// The value of the `Authorization` header, if the method has one.
    pub authorization: Option<Zeroizing<String>>,
    /// Further fields of the form.
    pub fields: Vec<(&'static str, Cow<'c, str>)>,
}

impl fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentication").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Takes an identifier and a secret. Either may hold any characters that can be seen, and spaces.
    ///
    /// # Errors
    /// One of them is blank, or not fit to be sent.
    pub fn new(id: &str, secret: Zeroizing<String>) -> Result<Self, ConfigError> {
        check("client_id", id)?;
        check("client_secret", &secret)?;
        Ok(Self { id: id.into(), proof: ClientProof::Secret(secret) })
    }

    /// Takes an identifier, with the name of its parameter, and a key that signs an assertion for each request.
    ///
    /// # Errors
    /// The identifier is blank, or not fit to be sent.
    pub fn with_key(id: &str, argument: &str, assertions: ClientAssertions) -> Result<Self, ConfigError> {
        check(argument, id)?;
        Ok(Self { id: id.into(), proof: ClientProof::Key(assertions) })
    }

    /// The identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What an authenticated request carries. This method says where a secret is put; an assertion is for this server. `None`
    /// where the system gives no random numbers to sign with.
    #[must_use]
    pub fn authentication(&self, method: AuthMethod, server: &str) -> Option<Authentication<'_>> {
        let id = ("client_id", Cow::Borrowed(&*self.id));
        let (authorization, fields) = match (&self.proof, method) {
            (ClientProof::Secret(secret), AuthMethod::Basic) => (Some(self.basic(secret)), Vec::new()),
            (ClientProof::Secret(secret), AuthMethod::Post) => {
                (None, vec![id, ("client_secret", Cow::Borrowed(secret.as_str()))])
            }
            (ClientProof::Key(assertions), _) => {
                let assertion = assertions.assertion(&self.id, server)?;
                let kind = ("client_assertion_type", Cow::Borrowed(ASSERTION_TYPE));
                (None, vec![id, kind, ("client_assertion", Cow::Owned(assertion))])
            }
        };
        Some(Authentication { authorization, fields })
    }

    /// A POST of a form, authenticated by this method. An assertion is for this `issuer`, or for the endpoint where that
    /// is not known.
    ///
    /// # Errors
    /// The system gives no random numbers to sign with.
    pub fn post(
        &self,
        method: AuthMethod,
        endpoint_url: &EndpointUrl,
        issuer: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result<Request, HttpError> {
        let server = issuer.unwrap_or_else(|| endpoint_url.url().as_str());
        let Some(authentication) = self.authentication(method, server) else {
            return Err(HttpError::NoClient("the client assertion could not be signed".to_owned()));
        };
        let proof = authentication.fields.iter().map(|(name, value)| (*name, &**value));
        let request = Request::post_form(endpoint_url, fields.iter().copied().chain(proof));
        // Base64 is always a valid header value.
        Ok(match authentication.authorization.and_then(secret_value) {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        })
    }

    /// Both parts are form-encoded before they are joined and encoded again: an identifier may hold a colon.
    fn basic(&self, secret: &str) -> Zeroizing<String> {
        let mut pair = with_capacity(self.id.len() + secret.len() + 1);
        pair.extend(byte_serialize(self.id.as_bytes()));
        pair.push(':');
        pair.extend(byte_serialize(secret.as_bytes()));
        let mut value = with_capacity(SCHEME.len() + pair.len());
        value.push_str(SCHEME);
        STANDARD.encode_string(pair.as_bytes(), &mut value);
        value
    }

    /// What must be removed from a text that a server wrote.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        // A server accepts an assertion once.
        let ClientProof::Secret(secret) = &self.proof else { return Secrets::none() };
        let mut form = with_capacity(secret.len());
        form.extend(byte_serialize(secret.as_bytes()));
        Secrets::none().with(secret).with(&form).with(self.basic(secret).trim_start_matches(SCHEME))
    }
}

/// Checks a text that was issued to a client.
fn check(argument: &str, text: &str) -> Result<(), ConfigError> {
    if text.trim().is_empty() {
        return Err(ConfigError::new(format!("{argument} is blank: give the one that was issued to the client")));
    }
    config::check_visible(argument, text)
}

/// A text with room for this many octets, each encoded. A text that has to grow would leave copies of the secret in memory.
fn with_capacity(octets: usize) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(3 * octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::untrusted::secrets::REDACTED;

    const SERVER: &str = "https://issuer.example/token";

    fn credentials(id: &str, secret: &str) -> Credentials {
        Credentials::new(id, Zeroizing::new(secret.to_owned())).unwrap()
    }

    fn basic(id: &str, secret: &str) -> String {
        let credentials = credentials(id, secret);
        let authentication = credentials.authentication(AuthMethod::Basic, SERVER).unwrap();
        assert!(authentication.fields.is_empty(), "the secret stands in one place only");
        authentication.authorization.unwrap().to_string()
    }

    #[test]
    fn rfc_6749_2_3_1_both_parts_are_form_encoded_before_base64() {
        let value = basic("a:b", "p+ &é%");
        let pair = STANDARD.decode(value.strip_prefix(SCHEME).unwrap()).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "a%3Ab:p%2B+%26%C3%A9%25");
    }

    #[test]
    fn the_example_of_rfc_6749_2_3_1() {
        let value = basic("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw");
        assert_eq!(value, "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
    }

    #[test]
    fn client_secret_post_puts_both_into_the_body_and_nothing_into_the_header() {
        let credentials = credentials("a:b", "p+ &é%");
        let authentication = credentials.authentication(AuthMethod::Post, SERVER).unwrap();
        assert!(authentication.authorization.is_none());
        assert_eq!(authentication.fields, [("client_id", "a:b".into()), ("client_secret", "p+ &é%".into())]);
    }

    #[test]
    fn a_blank_or_broken_credential_is_refused_by_name_and_not_shown() {
        for (id, secret, argument) in [
            ("", "s", "client_id"),
            (" ", "s", "client_id"),
            ("a\n", "s", "client_id"),
            ("a", "", "client_secret"),
            ("a", "\t", "client_secret"),
            ("a", "hush hush\n", "client_secret"),
            ("a", "hush\0hush", "client_secret"),
            ("a", "\u{feff}hush", "client_secret"),
        ] {
            let error = Credentials::new(id, Zeroizing::new(secret.to_owned())).unwrap_err().to_string();
            assert!(error.starts_with(argument) && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn the_methods_of_a_secret_are_known_by_their_names_alone() {
        for method in AuthMethod::ALL {
            assert_eq!(AuthMethod::from_name(method.name()), Some(method));
        }
        for name in ["", "basic", "CLIENT_SECRET_BASIC", "private_key_jwt", "none"] {
            assert_eq!(AuthMethod::from_name(name), None);
        }
    }

    #[test]
    fn nothing_that_is_shown_holds_the_secret() {
        let credentials = credentials("robot", "what only/the robot knows");
        let authentication = credentials.authentication(AuthMethod::Post, SERVER).unwrap();
        assert_eq!(format!("{credentials:?}"), "Credentials { id: \"robot\", .. }");
        assert_eq!(format!("{authentication:?}"), "Authentication { .. }");
        let basic = credentials.authentication(AuthMethod::Basic, SERVER).unwrap().authorization.unwrap();
        for echoed in ["what only/the robot knows", "what+only%2Fthe+robot+knows", &basic] {
            let redacted = credentials.secrets().redact(&format!("no {echoed}, sorry")).into_owned();
            assert!(redacted.contains(REDACTED) && !redacted.contains(echoed), "{redacted}");
        }
    }
}
