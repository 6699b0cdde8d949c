//! The native half of `StaticTokenVerifier`.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::access_token::from_datetime;
use super::convert;
use super::decision::Decision;
use super::metadata::Metadata;
use super::policy::{CurrentPolicy, SharedPolicy};
use super::principal::{Principal, StaticPrincipal};
use super::wall_clock::now;
use crate::config;
use crate::jose::jwt::NumericDate;
use crate::oauth::scope;
use crate::policy::Policy;
use crate::verify::{StaticToken, StaticTokens};

/// Verifies tokens that were listed at construction.
#[pyclass(frozen, module = "fastmcp_rs._native")]
pub(super) struct StaticVerifier {
    tokens: StaticTokens<Owner>,
    token_type: Box<str>,
    policy: Arc<CurrentPolicy>,
}

/// The owner of a listed token.
struct Owner {
    user_id: Option<Box<str>>,
    client_id: Box<str>,
    subject: Option<Box<str>>,
    metadata: Metadata,
}

/// Reads an entry in either dialect: `user_id`, `scope` and a datetime, or `client_id`, `scopes` and seconds.
fn entry(metadata: &Bound<'_, PyAny>) -> PyResult<StaticToken<Owner>> {
    let Ok(metadata) = metadata.cast::<PyDict>() else {
        return Err(PyValueError::new_err(format!(
            "the metadata of a token must be a dict, not {}",
            convert::type_name(metadata)
        )));
    };
    let text = |name: &str| convert::optional_text(metadata.get_item(name)?.as_ref(), name);
    let (user_id, client_id, subject) = (text("user_id")?, text("client_id")?, text("sub")?);
    let scopes = match metadata.get_item("scopes")? {
        Some(scopes) => convert::scopes(Some(&scopes), "scopes")?,
        None => convert::scopes(metadata.get_item("scope")?.as_ref(), "scope")?,
    };
    let scopes = scopes.unwrap_or_default();
    scope::check_scopes("scope", &scopes)?;
    let first = |names: [&Option<Box<str>>; 3]| names.into_iter().flatten().find(|name| !name.is_empty()).cloned();
    Ok(StaticToken {
        expires: metadata.get_item("expires_at")?.as_ref().map_or(Ok(None), expiry)?,
        scopes,
        extra: Owner {
            user_id: first([&user_id, &subject, &client_id]),
            client_id: first([&client_id, &user_id, &subject]).unwrap_or_else(|| "unknown".into()),
            subject: first([&subject, &user_id, &None]),
            metadata: Metadata::copy_of(metadata.as_any())?,
        },
    })
}

fn expiry(value: &Bound<'_, PyAny>) -> PyResult<Option<NumericDate>> {
    let wrong = || PyValueError::new_err("expires_at must be a datetime or a number of seconds of the years 1 to 9999");
    if let Ok(Some(seconds)) = convert::seconds(Some(value), "expires_at") {
        return NumericDate::new(seconds).map(Some).ok_or_else(wrong);
    }
    if value.is_none() {
        return Ok(None);
    }
    let datetime = from_datetime(value).map_err(|_| wrong())?;
    #[allow(clippy::cast_precision_loss, reason = "microseconds of any year that matters fit 53 bits")]
    NumericDate::new(datetime.timestamp_micros() as f64 / 1e6).map(Some).ok_or_else(wrong)
}

#[pymethods]
impl StaticVerifier {
    #[new]
    fn new(valid_tokens: &Bound<'_, PyAny>, token_type: &Bound<'_, PyAny>) -> PyResult<Self> {
        let token_type = convert::text(token_type, "token_type")?;
        if token_type.trim().is_empty() {
            return Err(PyValueError::new_err("token_type is blank: name the kind of the tokens, such as \"bearer\""));
        }
        config::check_exact("token_type", token_type)?;
        let bare = |token| (token, PyDict::new(valid_tokens.py()).into_any());
        let listed: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = if let Ok(dict) = valid_tokens.cast::<PyDict>() {
            dict.iter().collect()
        } else if let Ok(list) = valid_tokens.cast::<PyList>() {
            list.iter().map(bare).collect()
        } else if let Ok(tuple) = valid_tokens.cast::<PyTuple>() {
            tuple.iter().map(bare).collect()
        } else {
            let found = convert::type_name(valid_tokens);
            return Err(PyValueError::new_err(format!(
                "valid_tokens must be a dict of token to metadata or a list of tokens, not {found}"
            )));
        };
        let mut entries = Vec::with_capacity(listed.len());
        for (token, metadata) in &listed {
            entries.push((convert::text(token, "each token")?, entry(metadata)?));
        }
        Ok(Self {
            tokens: StaticTokens::new(entries)?,
            token_type: token_type.into(),
            policy: Arc::new(CurrentPolicy::new(Policy::default())),
        })
    }

    /// Metadata from an operator may refer back to this object.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.tokens.extras().try_for_each(|owner| owner.metadata.traverse(&visit))
    }

    /// The policy for its tokens.
    #[getter]
    fn policy(&self) -> SharedPolicy {
        SharedPolicy::of(&self.policy)
    }

    /// Decides about a token.
    fn decide(&self, token: &Bound<'_, PyAny>) -> Decision {
        Decision::about(token, |token, text| match self.tokens.verify(text.as_bytes(), &self.policy.fixed(), now()) {
            Ok(entry) => {
                let listed = StaticPrincipal {
                    token_type: self.token_type.clone(),
                    expires: entry.expires,
                    scopes: entry.scopes.clone(),
                    user_id: entry.extra.user_id.clone(),
                    client_id: entry.extra.client_id.clone(),
                    subject: entry.extra.subject.clone(),
                    metadata: entry.extra.metadata.clone_ref(token.py()),
                };
                Decision::accepted(Principal::listed(listed, token.clone().unbind()))
            }
            Err((rejection, None)) => Decision::rejected(rejection),
            Err((rejection, Some(listed))) => {
                Decision::rejected_for(rejection, Some(&listed.extra.client_id), listed.extra.subject.as_deref())
            }
        })
    }
}
