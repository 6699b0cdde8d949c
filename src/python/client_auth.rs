//! How a client authenticates, as an operator gave it: a secret, or a private key in a file.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use zeroize::Zeroizing;

use super::attach::attach_if_running;
use super::{convert, wall_clock};
use crate::oauth::client::authentication::Credentials;
use crate::oauth::client::client_assertion::ClientAssertions;
use crate::oauth::client::key_file::KeyFile;

const KEY_FILE: &str = "private_key_file";
const CLIENT_ID: &str = "assertion_client_id";

/// The credentials of a client: an identifier, and either a secret or the file of a key. Assertions are for this audience, where
/// it is given.
pub(super) fn credentials(
    id: &Bound<'_, PyAny>,
    secret: Option<&Bound<'_, PyAny>>,
    private_key_file: Option<&Bound<'_, PyAny>>,
    audience: Option<&Bound<'_, PyAny>>,
) -> PyResult<Credentials> {
    let id = convert::text(id, "client_id")?;
    match (secret, private_key_file) {
        (Some(secret), None) if audience.is_none() => {
            let secret = Zeroizing::new(convert::text(secret, "client_secret")?.to_owned());
            Ok(Credentials::new(id, secret)?)
        }
        (None, Some(file)) => Ok(Credentials::with_key(id, "client_id", assertions(file, audience)?)?),
        (Some(_), Some(_)) => Err(PyValueError::new_err(format!(
            "client_secret and {KEY_FILE} are two ways to authenticate (RFC 6749 section 2.3): give one of them"
        ))),
        (None, None) => Err(PyValueError::new_err(format!("client_secret is missing: give it, or a {KEY_FILE}"))),
        (Some(_), None) => Err(PyValueError::new_err(format!(
            "assertion_audience is for assertions that a key signs: give a {KEY_FILE} in the place of the secret"
        ))),
    }
}

/// The credentials of a client that has a key alone, where a file is given.
pub(super) fn assertions_only(
    id: Option<&Bound<'_, PyAny>>,
    private_key_file: Option<&Bound<'_, PyAny>>,
    audience: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<Credentials>> {
    match (id, private_key_file, audience) {
        (Some(id), Some(file), _) => {
            let id = convert::text(id, CLIENT_ID)?;
            Ok(Some(Credentials::with_key(id, CLIENT_ID, assertions(file, audience)?)?))
        }
        (None, Some(_), _) => {
            Err(PyValueError::new_err(format!("{KEY_FILE} needs {CLIENT_ID}, by which the server knows who signed")))
        }
        (None, None, None) => Ok(None),
        (id, None, _) => Err(PyValueError::new_err(format!(
            "{} is for assertions that a key signs: give a {KEY_FILE}",
            if id.is_some() { CLIENT_ID } else { "assertion_audience" }
        ))),
    }
}

fn assertions(file: &Bound<'_, PyAny>, audience: Option<&Bound<'_, PyAny>>) -> PyResult<ClientAssertions> {
    let path: PathBuf = file.extract().map_err(|_| {
        PyValueError::new_err(format!("{KEY_FILE} must be the path of a file, as a str or an os.PathLike"))
    })?;
    // The message does not have the path: an operator may have given the key itself.
    if path.to_string_lossy().contains(['\n', '{']) {
        return Err(PyValueError::new_err(format!("{KEY_FILE} must be the path of a file, and not the text of a key")));
    }
    let audience = audience.map(|audience| convert::text(audience, "assertion_audience")).transpose()?;
    let key_file = KeyFile::open(&path, KEY_FILE, tell_trouble)?;
    Ok(ClientAssertions::new(key_file, audience, wall_clock::now)?)
}

/// Writes a warning to the log of clients.
fn tell_trouble(text: String) {
    attach_if_running(move |py| {
        let logged = py
            .import("logging")
            .and_then(|logging| logging.call_method1("getLogger", ("fastmcp_rs.client",)))
            .and_then(|logger| logger.call_method1("warning", ("%s %s", KEY_FILE, text)));
        if let Err(error) = logged {
            error.write_unraisable(py, None);
        }
    });
}
