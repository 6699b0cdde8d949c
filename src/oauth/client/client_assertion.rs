//! How a client proves to an authorization server who it is, by a signature (`private_key_jwt`: RFC 7521 section 4.2 and
//! RFC 7523 sections 2.2 and 3).

use std::fmt;

use aws_lc_rs::rand;

use super::key_file::KeyFile;
use crate::config::{self, ConfigError};
use crate::jose::base64url;
use crate::jose::json_text::escaped;
use crate::jose::jwt::NumericDate;

/// The value of `client_assertion_type` (RFC 7523 section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is valid, in seconds: it is sent at once, and used once.
const LIFETIME_SECONDS: i64 = 60;

/// Makes an assertion for each request of a client.
pub struct ClientAssertions {
    key_file: KeyFile,
    audience: Option<Box<str>>,
    wall_clock: fn() -> NumericDate,
}

impl fmt::Debug for ClientAssertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertions").field("key_file", &self.key_file).finish_non_exhaustive()
    }
}

impl ClientAssertions {
    /// Makes assertions for this audience, or, without one, for the server that each is sent to.
    ///
    /// # Errors
    /// The audience is blank, or not fit to be compared.
    pub fn new(
        key_file: KeyFile,
        audience: Option<&str>,
        wall_clock: fn() -> NumericDate,
    ) -> Result<Self, ConfigError> {
        if let Some(audience) = audience {
            if audience.is_empty() {
                return Err(ConfigError::new(
                    "assertion_audience is empty: name the issuer of the authorization server, or leave it out",
                ));
            }
            config::check_exact("assertion_audience", audience)?;
        }
        Ok(Self { key_file, audience: audience.map(Box::from), wall_clock })
    }

    /// A new assertion of this client, for `server` where no audience was given. `None` where the system gives no random numbers.
    #[must_use]
    pub fn assertion(&self, client_id: &str, server: &str) -> Option<String> {
        let key = self.key_file.key();
        let mut jti = [0; 16];
        rand::fill(&mut jti).ok()?;
        let kid = key.kid().map(|kid| format!(r#","kid":"{}""#, escaped(kid))).unwrap_or_default();
        let header = format!(r#"{{"alg":"{}"{kid}}}"#, key.algorithm());
        let (now, client) = ((self.wall_clock)().whole_seconds(), escaped(client_id));
        let claims = format!(
            r#"{{"iss":"{client}","sub":"{client}","aud":"{}","jti":"{}","iat":{now},"exp":{}}}"#,
            escaped(self.audience.as_deref().unwrap_or(server)),
            base64url::encode(&jti),
            now + LIFETIME_SECONDS
        );
        let signing_input =
            format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(claims.as_bytes()));
        let signature = key.sign(signing_input.as_bytes())?;
        Some(format!("{signing_input}.{}", base64url::encode(&signature)))
    }
}
