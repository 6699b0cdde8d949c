//! The messages of the client credentials grant: the form of the request, and how the answer is read (RFC 6749 sections 4.4,
//! 5.1 and 5.2). No I/O and no clock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use num_bigint::Sign;
use zeroize::Zeroizing;

use crate::config::{self, ConfigError};
use crate::http::HttpError;
use crate::jose::json::{self, Object, Value};
use crate::oauth::{bearer, scope};

/// The lifetime of a token when the server does not say. RFC 6749 section 5.1 wants this documented.
pub const ASSUMED_LIFETIME: Duration = Duration::from_secs(300);
/// The longest lifetime of a token, whatever the server says.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);
/// The longest text that is passed on from a server, in characters.
const LONGEST_TEXT: usize = 200;

/// What tokens are asked for, apart from the resource.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    scope: Option<Box<str>>,
    audience: Option<Box<str>>,
}

impl TokenRequest {
    /// Asks for these scopes, and for this audience: a request parameter that RFC 8693 section 2.1 names.
    ///
    /// # Errors
    /// A scope is not a scope token (RFC 6749 section 3.3), or the audience is blank or not fit to be compared.
    pub fn new(scopes: &[Box<str>], audience: Option<&str>) -> Result<Self, ConfigError> {
        scope::check_scopes("scope", scopes)?;
        if audience.is_some_and(|audience| audience.trim().is_empty()) {
            return Err(ConfigError::new("audience is blank: leave it out, or name the audience of the tokens"));
        }
        audience.map_or(Ok(()), |audience| config::check_exact("audience", audience))?;
        let scope = if scopes.is_empty() { None } else { Some(scopes.join(" ").into()) };
        Ok(Self { scope, audience: audience.map(Box::from) })
    }

    /// The fields of the form, with the `resource` that the token is for (RFC 8707 section 2.2).
    #[must_use]
    pub fn fields<'f>(&'f self, resource: Option<&'f str>) -> Vec<(&'static str, &'f str)> {
        let optional =
            [("scope", self.scope.as_deref()), ("audience", self.audience.as_deref()), ("resource", resource)];
        let given = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        std::iter::once(("grant_type", "client_credentials")).chain(given).collect()
    }
}

/// An access token as the server made it. It is never shown.
pub struct BearerToken(Zeroizing<String>);

impl BearerToken {
    /// The token of this text, if a request can carry it (RFC 6750 section 2.1).
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        bearer::is_token(&text).then_some(Self(text))
    }

    /// The token, for a request.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

/// A token that a server issued, and how long it lives.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// The token.
    pub token: Arc<BearerToken>,
    /// Its lifetime from the answer on.
    pub lifetime: Duration,
}

/// Why there is no token. It holds no secret; a server's text is shortened to printable characters on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// The server refused the request (RFC 6749 section 5.2).
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its `error`, such as `invalid_client`.
        error: Box<str>,
        /// Its `error_description`.
        description: Option<Box<str>>,
    },
    /// The server issued something that cannot be used.
    Unusable(&'static str),
    /// There is no answer, or only a status.
    Http(HttpError),
}

impl TokenError {
    /// The status of the answer, where there is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Http(HttpError::Status(status) | HttpError::Redirect(status)) => {
                Some(*status)
            }
            Self::Unusable(_) => Some(200),
            Self::Http(_) => None,
        }
    }

    /// Whether the same request may succeed later: there was no answer, or the status is that of a temporary failure.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Refused { status, .. } | Self::Http(HttpError::Status(status)) => *status == 429 || *status >= 500,
            Self::Http(error) if error.is_outage() => true,
            Self::Unusable(_) | Self::Http(_) => false,
        }
    }
}

impl From<HttpError> for TokenError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, error, description } => {
                write!(f, "the token endpoint refused the request: {error}")?;
                description.iter().try_for_each(|description| write!(f, " ({description})"))?;
                write!(f, ", status {status}")
            }
            Self::Unusable(why) => write!(f, "the token endpoint's answer cannot be used: {why}"),
            Self::Http(error) => write!(f, "no token could be had: {error}"),
        }
    }
}

/// The type of the tokens that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WantedType {
    /// Anyone who has one may use it (RFC 6750).
    #[default]
    Bearer,
    /// It is bound to the key of the proof that it was asked for with (RFC 9449 section 5).
    Dpop,
}

/// Reads an answer of a token endpoint. `redacted` takes secrets out of a text: a server may echo what it was sent.
///
/// # Errors
/// It is not 200 with a JSON object that has an `access_token` and says that its `token_type` is the wanted one, in any case.
pub fn read_answer(
    status: u16,
    body: &[u8],
    wanted: WantedType,
    redacted: impl Fn(&str) -> String,
) -> Result<IssuedToken, TokenError> {
    if (300..400).contains(&status) {
        return Err(HttpError::of_status(status).into());
    }
    let object = json::parse_object(body).map(Zeroizing::new);
    if let Ok(object) = &object
        && let Some(error) = text(object, "error").filter(|error| !error.is_empty())
    {
        let shown = |text: &str| one_line(&redacted(text));
        let description = text(object, "error_description").map(shown).filter(|text| !text.is_empty());
        return Err(TokenError::Refused { status, error: shown(error), description });
    }
    if status != 200 {
        return Err(HttpError::of_status(status).into());
    }
    let object = object.map_err(|_| TokenError::Unusable("it is not a JSON object"))?;
    issued(&object, wanted)
}

fn issued(object: &Object, wanted: WantedType) -> Result<IssuedToken, TokenError> {
    let token_type = text(object, "token_type").ok_or(TokenError::Unusable("it has no token_type"))?;
    let (name, why) = match wanted {
        WantedType::Bearer => ("bearer", "its token_type is not Bearer"),
        // It would be a bearer token, and a bound one was asked for.
        WantedType::Dpop => {
            ("dpop", "its token_type is not DPoP, so that the token is not bound to the key of this client")
        }
    };
    if !token_type.eq_ignore_ascii_case(name) {
        return Err(TokenError::Unusable(why));
    }
    let token = text(object, "access_token").ok_or(TokenError::Unusable("it has no access_token"))?;
    let token = BearerToken::new(Zeroizing::new(token.to_owned()))
        .ok_or(TokenError::Unusable("its access_token is not one that a request can bear"))?;
    let lifetime = lifetime(object.get("expires_in"))
        .ok_or(TokenError::Unusable("its expires_in is not a number of seconds, 0 or more"))?;
    Ok(IssuedToken { token: Arc::new(token), lifetime })
}

fn text<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.get(name).and_then(Value::as_str)
}

/// The lifetime that an `expires_in` means. Digits in a string count as a number, since some servers write it so.
fn lifetime(expires_in: Option<&Value>) -> Option<Duration> {
    let lifetime = match expires_in {
        None | Some(Value::Null) => ASSUMED_LIFETIME,
        Some(Value::Int(seconds)) => Duration::from_secs(u64::try_from(*seconds).ok()?),
        Some(Value::BigInt(seconds)) => (seconds.sign() == Sign::Plus).then_some(LONGEST_LIFETIME)?,
        // A number too large to read is above the bound as well.
        Some(Value::Float(seconds)) if *seconds >= 0.0 => {
            Duration::try_from_secs_f64(*seconds).unwrap_or(LONGEST_LIFETIME)
        }
        Some(Value::String(digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_or(LONGEST_LIFETIME, Duration::from_secs)
        }
        Some(_) => return None,
    };
    Some(lifetime.min(LONGEST_LIFETIME))
}

/// A server's text for a message: letters, digits and ASCII signs, on one line, shortened.
fn one_line(text: &str) -> Box<str> {
    let plain = |c: char| if c.is_ascii_graphic() || c.is_alphanumeric() { c } else { ' ' };
    text.chars().map(plain).take(LONGEST_TEXT).collect::<String>().trim().into()
}
