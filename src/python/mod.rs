//! The Python binding of the core. It translates arguments and results, and decides nothing about a token.

mod access_token;
mod answer_memory;
mod arguments;
mod attach;
mod bearer_token;
mod cache_options;
mod claim_rules;
mod claim_templates;
mod claims_dict;
mod client_auth;
mod client_credentials;
mod constants;
mod convert;
mod decision;
mod decision_counters;
mod deny_list;
mod dpop;
mod dpop_explanation;
mod endpoint_answers;
mod explanation;
mod fetch_options;
mod introspection_verifier;
mod issuers_verifier;
mod json_copy;
mod jws;
mod jwt_verifier;
mod key_fetch;
mod key_pair;
mod library_key;
mod metadata;
mod model_copy;
mod notices;
mod oauth_verifier;
mod operation;
mod pending_decision;
mod policy;
mod principal;
mod redaction;
mod rejection_record;
mod remote_keys;
mod remote_verifier;
mod request;
mod request_url;
mod scope_precheck;
mod shared_answer;
mod static_verifier;
mod stored_model;
mod token_fields;
mod wall_clock;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::config::ConfigError;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::access_token::AccessToken;
    #[pymodule_export]
    use super::answer_memory::{AnswerMemory, AnswerQuestion};
    #[pymodule_export]
    use super::arguments::{check_server_url, flag, scopes, text, texts, url_text};
    #[pymodule_export]
    use super::bearer_token::BearerToken;
    #[pymodule_export]
    use super::cache_options::CacheOptions;
    #[pymodule_export]
    use super::claim_rules::ClaimRules;
    #[pymodule_export]
    use super::client_credentials::ClientCredentials;
    #[pymodule_export]
    use super::decision::Decision;
    #[pymodule_export]
    use super::decision_counters::{DecisionCounters, counts_of_process};
    #[pymodule_export]
    use super::deny_list::DenyList;
    #[pymodule_export]
    use super::dpop::{Dpop, DpopRequest};
    #[pymodule_export]
    use super::dpop_explanation::explain_dpop_proof;
    #[pymodule_export]
    use super::endpoint_answers::EndpointAnswers;
    #[pymodule_export]
    use super::explanation::explain_without_keys;
    #[pymodule_export]
    use super::fetch_options::FetchOptions;
    #[pymodule_export]
    use super::introspection_verifier::IntrospectionVerifier;
    #[pymodule_export]
    use super::issuers_verifier::IssuersVerifier;
    #[pymodule_export]
    use super::jws::verify_jws;
    #[pymodule_export]
    use super::jwt_verifier::{JwtVerifier, scopes_of};
    #[pymodule_export]
    use super::key_fetch::KeyFetch;
    #[pymodule_export]
    use super::key_pair::KeyPair;
    #[pymodule_export]
    use super::library_key::LibraryKey;
    #[pymodule_export]
    use super::oauth_verifier::oauth_verifier;
    #[pymodule_export]
    use super::operation::operation_in_message;
    #[pymodule_export]
    use super::policy::SharedPolicy;
    #[pymodule_export]
    use super::redaction::redacted;
    #[pymodule_export]
    use super::remote_keys::RemoteKeys;
    #[pymodule_export]
    use super::remote_verifier::remote_verifier;
    #[pymodule_export]
    use super::request::bearer_token;
    #[pymodule_export]
    use super::scope_precheck::ScopePrecheck;
    #[pymodule_export]
    use super::shared_answer::AnswerSealer;
    #[pymodule_export]
    use super::static_verifier::StaticVerifier;
    #[pymodule_export]
    use super::stored_model::{StoredModel, file_identity};
    #[pymodule_export]
    use super::token_fields::TokenFields;

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        super::constants::register(module)?;
        super::attach::register(module)
    }
}

impl From<ConfigError> for PyErr {
    fn from(error: ConfigError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}
