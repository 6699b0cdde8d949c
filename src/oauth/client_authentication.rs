//! How a client proves to an authorization server who it is, by a secret (RFC 6749 section 2.3.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use crate::config::{self, ConfigError};
use crate::http::header::AUTHORIZATION;
use crate::http::{Location, Request, secret_value};

const SCHEME: &str = "Basic ";
/// What stands in a message in the place of a secret.
const REDACTED: &str = "[redacted]";

/// Where the secret stands in a request. The names are those of RFC 7591 section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// `client_secret_basic`: in the `Authorization` header.
    #[default]
    Basic,
    /// `client_secret_post`: in the body.
    Post,
}

impl Method {
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

/// A client's identifier and its secret.
pub struct Credentials {
    id: Box<str>,
    secret: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a request carries that says who sends it.
pub struct Authentication<'c> {
    /// The value of the `Authorization` header, where there is to be one.
    pub authorization: Option<Zeroizing<String>>,
    /// Further fields of the form.
    pub fields: Vec<(&'static str, &'c str)>,
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
        for (text, argument) in [(id, "client_id"), (secret.as_str(), "client_secret")] {
            if text.trim().is_empty() {
                return Err(ConfigError::new(format!(
                    "{argument} is blank: give the one that was issued to the client"
                )));
            }
            config::check_visible(argument, text)?;
        }
        Ok(Self { id: id.into(), secret })
    }

    /// The identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a request carries that is authenticated by this method: the secret stands in one place only.
    #[must_use]
    pub fn authentication(&self, method: Method) -> Authentication<'_> {
        match method {
            Method::Basic => Authentication { authorization: Some(self.basic()), fields: Vec::new() },
            Method::Post => Authentication {
                authorization: None,
                fields: vec![("client_id", &*self.id), ("client_secret", self.secret.as_str())],
            },
        }
    }

    /// A POST of a form that is authenticated by this method.
    #[must_use]
    pub fn post<'f>(
        &'f self,
        method: Method,
        location: &Location,
        fields: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Request {
        let authentication = self.authentication(method);
        let request = Request::post_form(location, fields.into_iter().chain(authentication.fields));
        // Base64 always is the value of a header.
        match authentication.authorization.and_then(secret_value) {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    /// Both parts are form-encoded before they are joined and encoded again: an identifier may hold a colon.
    fn basic(&self) -> Zeroizing<String> {
        let mut pair = with_capacity(self.id.len() + self.secret.len() + 1);
        pair.extend(byte_serialize(self.id.as_bytes()));
        pair.push(':');
        pair.extend(byte_serialize(self.secret.as_bytes()));
        let mut value = with_capacity(SCHEME.len() + pair.len());
        value.push_str(SCHEME);
        STANDARD.encode_string(pair.as_bytes(), &mut value);
        value
    }

    /// The text without the secret, in whatever form a server may have echoed it.
    #[must_use]
    pub fn redacted(&self, text: &str) -> String {
        let basic = self.basic();
        let mut form = with_capacity(self.secret.len());
        form.extend(byte_serialize(self.secret.as_bytes()));
        [basic.trim_start_matches(SCHEME), &form, &self.secret]
            .into_iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED))
    }
}

/// Text with room for this many octets, each of them encoded: text that grows leaves copies of itself behind.
fn with_capacity(octets: usize) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(3 * octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(id: &str, secret: &str) -> Credentials {
        Credentials::new(id, Zeroizing::new(secret.to_owned())).unwrap()
    }

    fn basic(id: &str, secret: &str) -> String {
        let credentials = credentials(id, secret);
        let authentication = credentials.authentication(Method::Basic);
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
        let authentication = credentials.authentication(Method::Post);
        assert!(authentication.authorization.is_none());
        assert_eq!(authentication.fields, [("client_id", "a:b"), ("client_secret", "p+ &é%")]);
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
    fn i8_cve_2025_27370_cve_2025_27371_no_assertion_is_among_the_methods() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()), Some(method));
        }
        for name in ["", "basic", "CLIENT_SECRET_BASIC", "private_key_jwt", "none"] {
            assert_eq!(Method::from_name(name), None);
        }
    }

    #[test]
    fn nothing_that_is_shown_holds_the_secret() {
        let credentials = credentials("robot", "what only/the robot knows");
        let authentication = credentials.authentication(Method::Post);
        assert_eq!(format!("{credentials:?}"), "Credentials { id: \"robot\", .. }");
        assert_eq!(format!("{authentication:?}"), "Authentication { .. }");
        let basic = credentials.authentication(Method::Basic).authorization.unwrap();
        for echoed in ["what only/the robot knows", "what+only%2Fthe+robot+knows", &basic] {
            let redacted = credentials.redacted(&format!("no {echoed}, sorry"));
            assert!(redacted.starts_with("no ") && redacted.ends_with("[redacted], sorry"), "{redacted}");
        }
    }
}
