//! Warnings that are logged once: one record for each request would fill disks.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use crate::policy::Verified;
use crate::untrusted::{sanitize, sanitize_all};

/// The most notices of a process. The bound is needed because the texts of tokens make notices differ.
const MOST: usize = 100;

static WRITTEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Writes a warning to the log of `fastmcp_rs.claims`, unless it was written before.
fn warn_once(py: Python<'_>, text: String) {
    let is_new = {
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        let written = written.get_or_insert_default();
        written.len() < MOST && written.insert(text.clone())
    };
    if !is_new {
        return;
    }
    let logged = py
        .import("logging")
        .and_then(|logging| logging.call_method1("getLogger", ("fastmcp_rs.claims",)))
        .and_then(|logger| logger.call_method1("warning", ("%s", text)));
    if let Err(error) = logged {
        error.write_unraisable(py, None);
    }
}

/// The token is accepted, and nothing in it names its owner.
#[cold]
pub(super) fn names_no_principal(py: Python<'_>, verified: &Verified) {
    let issuer = verified.claims().issuer().map_or_else(|| "no issuer".into(), sanitize);
    warn_once(
        py,
        format!(
            "accepted a token (iss: {issuer}) that names neither a client nor a subject: all such callers share one identity, \
             and sessions. Set client_id_claim or subject_claim to a claim that tells them apart"
        ),
    );
}

/// Texts of the token are not scopes, and grant nothing.
#[cold]
pub(super) fn skipped_scopes(py: Python<'_>, verified: &Verified) {
    let issuer = verified.claims().issuer().map_or_else(|| "no issuer".into(), sanitize);
    warn_once(
        py,
        format!(
            "a token (iss: {issuer}) has, where scope_claims looks, what is no scope (RFC 6749 section 3.3) and grants nothing: {}",
            sanitize_all(verified.skipped_scopes())
        ),
    );
}
