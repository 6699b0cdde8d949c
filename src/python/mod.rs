//! The Python face of the core. It translates arguments and answers, and decides nothing about a token.

mod access_token;
mod adopted_key;
mod bearer_token;
mod calls;
mod client_credentials;
mod convert;
mod current_policy;
mod decision;
mod explanation;
mod fetch_options;
mod jws;
mod jwt_verifier;
mod key_pair;
mod oauth_verifier;
mod principal;
mod refusal;
mod remote_keys;
mod remote_verifier;
mod request;
mod settings;
mod static_verifier;
mod tally;

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::config::ConfigError;
use crate::jose::jwt::NumericDate;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::access_token::AccessToken;
    #[pymodule_export]
    use super::adopted_key::AdoptedKey;
    #[pymodule_export]
    use super::bearer_token::BearerToken;
    #[pymodule_export]
    use super::client_credentials::ClientCredentials;
    #[pymodule_export]
    use super::decision::Decision;
    #[pymodule_export]
    use super::explanation::explain_without_keys;
    #[pymodule_export]
    use super::fetch_options::FetchOptions;
    #[pymodule_export]
    use super::jws::verify_jws;
    #[pymodule_export]
    use super::jwt_verifier::{JwtVerifier, scopes_of};
    #[pymodule_export]
    use super::key_pair::KeyPair;
    #[pymodule_export]
    use super::oauth_verifier::OAuthVerifier;
    #[pymodule_export]
    use super::remote_keys::{KeyFetch, RemoteKeys};
    #[pymodule_export]
    use super::remote_verifier::RemoteVerifier;
    #[pymodule_export]
    use super::request::bearer_token;
    #[pymodule_export]
    use super::settings::{check_server_url, flag, scopes, text, texts, url_text};
    #[pymodule_export]
    use super::static_verifier::StaticVerifier;
    #[pymodule_export]
    use super::tally::{Tally, counts_of_process};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        super::calls::register(module)
    }
}

impl From<ConfigError> for PyErr {
    fn from(error: ConfigError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

/// The one place where the clock is read. A clock before 1970 or past 9999 makes every token with an expiry expired.
fn now() -> NumericDate {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| NumericDate::new(since.as_secs_f64()))
        .unwrap_or_else(|| NumericDate::from_seconds(i64::MAX))
}
