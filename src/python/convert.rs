//! Conversions between Rust and Python: JSON to Python objects, and arguments to Rust types.

use std::convert::Infallible;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};

use crate::jose::json::{Object, Value};
use crate::oauth::scope;
use crate::oauth::server::token_syntax::TokenSyntax;

/// The longest time to wait for an answer, in seconds.
const LONGEST_TIMEOUT: f64 = 300.0;

/// A new Python dict of a JSON object, equal to what Python's `json` would make.
pub(super) fn object_to_dict<'py>(py: Python<'py>, object: &Object) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in object.iter() {
        dict.set_item(member_name(py, name), value_to_object(py, value)?)?;
    }
    Ok(dict)
}

/// The name of a member. Common names are made once for the process, with their hash.
pub(super) fn member_name<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyString> {
    macro_rules! common {
        ($($known:literal),*) => {
            match name {
                $($known => intern!(py, $known).clone(),)*
                _ => PyString::new(py, name),
            }
        };
    }
    common!(
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "scope",
        "scp",
        "client_id",
        "azp",
        "sid",
        "typ",
        "ver",
        "tid",
        "oid",
        "acr",
        "amr",
        "nonce",
        "name",
        "email",
        "email_verified",
        "preferred_username",
        "given_name",
        "family_name",
        "groups",
        "roles",
        "auth_time",
        "token_use"
    )
}

fn value_to_object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Int(value) => value.into_pyobject(py)?.into_any(),
        Value::BigInt(value) => value.into_pyobject(py)?.into_any(),
        Value::Float(value) => PyFloat::new(py, *value).into_any(),
        Value::String(value) => PyString::new(py, value).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(value_to_object(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(object) => object_to_dict(py, object)?.into_any(),
    })
}

/// Text or bytes of a key, where they are: no copy of a secret is made, nor of what is too long.
pub(super) fn key_bytes<'k>(key: &'k Bound<'_, PyAny>, argument: &str) -> PyResult<&'k [u8]> {
    if let Ok(text) = key.cast::<PyString>() {
        return unicode(text, argument).map(str::as_bytes);
    }
    if let Ok(bytes) = key.cast::<PyBytes>() {
        return Ok(bytes.as_bytes());
    }
    let advice = if key.is_instance_of::<PyDict>() {
        ": give a JWK as JSON text, with json.dumps()"
    } else if key.hasattr("read_text").unwrap_or(false) {
        ": give the text of the file, with .read_text()"
    } else {
        ""
    };
    Err(PyValueError::new_err(format!("{argument} must be str or bytes, not {}{advice}", type_name(key))))
}

/// One text.
pub(super) fn text<'a>(value: &'a Bound<'_, PyAny>, argument: &str) -> PyResult<&'a str> {
    let wrong = |_| PyValueError::new_err(format!("{argument} must be a str, not {}", type_name(value)));
    unicode(value.cast::<PyString>().map_err(wrong)?, argument)
}

/// The bytes of a Python text. Its surrogates stand for octets that were not valid where the text was read.
fn unicode<'a>(text: &'a Bound<'_, PyString>, argument: &str) -> PyResult<&'a str> {
    let wrong = |_| PyValueError::new_err(format!("{argument} holds a lone surrogate, which is no Unicode text"));
    text.to_str().map_err(wrong)
}

/// An argument with a default, which keeps `None` apart from an argument that was not given.
pub(super) struct ArgumentOrDefault<'py>(pub(super) Option<Bound<'py, PyAny>>);

impl<'py> FromPyObject<'_, 'py> for ArgumentOrDefault<'py> {
    type Error = Infallible;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Self(Some(value.to_owned())))
    }
}

/// One text, or a list, tuple or set of texts. `None` stays `None`.
pub(super) fn texts(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Option<Vec<Box<str>>>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    let wrong =
        || PyValueError::new_err(format!("{argument} must be a str or a list of str, not {}", type_name(value)));
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(vec![unicode(text, argument)?.into()]));
    }
    if !is_collection(value) {
        return Err(wrong());
    }
    let text = |item: PyResult<Bound<'_, PyAny>>| -> PyResult<Box<str>> {
        // A subclass of list may raise anything.
        let item = item.map_err(|_| wrong())?;
        let wrong = |_| PyValueError::new_err(format!("{argument} must hold only str, not {}", type_name(&item)));
        unicode(item.cast::<PyString>().map_err(wrong)?, argument).map(Box::from)
    };
    value.try_iter().map_err(|_| wrong())?.map(text).collect::<PyResult<Vec<_>>>().map(Some)
}

/// `True` or `False`. Other truthy and falsy values are errors.
pub(super) fn token_syntax(characters: &Bound<'_, PyAny>) -> PyResult<TokenSyntax> {
    const ARGUMENT: &str = "token_characters";
    if characters.cast::<PyString>().is_ok_and(|text| text.is_empty().unwrap_or(false)) {
        return Ok(TokenSyntax::default());
    }
    Ok(TokenSyntax::with(text(characters, ARGUMENT)?, ARGUMENT)?)
}

pub(super) fn flag(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<bool> {
    let wrong = |_| PyValueError::new_err(format!("{argument} must be True or False, not {}", type_name(value)));
    value.cast::<PyBool>().map(PyBoolMethods::is_true).map_err(wrong)
}

/// `True`, `False`, or `None`.
pub(super) fn optional_flag(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Option<bool>> {
    let Some(value) = value else { return Ok(None) };
    let wrong = |_| PyValueError::new_err(format!("{argument} must be True, False or None, not {}", type_name(value)));
    value.cast::<PyBool>().map(|flag| Some(flag.is_true())).map_err(wrong)
}

/// One text. `None` stays `None`.
pub(super) fn optional_text(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Option<Box<str>>> {
    let value = value.filter(|value| !value.is_none());
    value.map(|value| text(value, argument).map(Box::from)).transpose()
}

/// A whole number from 0 to `most`.
pub(super) fn whole_number(value: &Bound<'_, PyAny>, argument: &str, most: usize) -> PyResult<usize> {
    let is_number = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    let number = if is_number { value.extract::<usize>().ok() } else { None };
    let wrong = || PyValueError::new_err(format!("{argument} must be a whole number from 0 to {most}"));
    number.filter(|&number| number <= most).ok_or_else(wrong)
}

/// Scopes: a list, tuple or set of them, or one text with spaces between them (or commas, as in FastMCP).
pub(super) fn scopes(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Option<Vec<Box<str>>>> {
    let Some(scopes) = texts(value, argument)? else { return Ok(None) };
    if value.is_some_and(PyAnyMethods::is_instance_of::<PyString>) {
        let words = scopes.iter().flat_map(|text| text.split([' ', ',', '\t', '\n', '\r']));
        return Ok(Some(words.filter(|word| !word.is_empty()).map(Box::from).collect()));
    }
    Ok(Some(scopes))
}

/// Scopes that are demanded or asked for, in any of these forms. A text without scopes is an error: it may come from an empty
/// variable, and would switch the check off.
pub(super) fn wanted_scopes(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Vec<Box<str>>> {
    let scopes = scopes(value, argument)?.unwrap_or_default();
    if scopes.is_empty() && value.is_some_and(PyAnyMethods::is_instance_of::<PyString>) {
        return Err(PyValueError::new_err(format!(
            "{argument} names no scope: leave it out, or give None, where none is needed"
        )));
    }
    scope::check_scopes(argument, &scopes)?;
    Ok(scopes)
}

/// A number of seconds. `True` is not a number.
pub(super) fn seconds(value: Option<&Bound<'_, PyAny>>, argument: &str) -> PyResult<Option<f64>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    let number =
        (value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>()) && !value.is_instance_of::<PyBool>();
    match value.extract::<f64>() {
        Ok(seconds) if number => Ok(Some(seconds)),
        // An integer that no float can hold is beyond every bound.
        Err(_) if number => Ok(Some(f64::INFINITY)),
        _ => Err(PyValueError::new_err(format!("{argument} must be a number of seconds, not {}", type_name(value)))),
    }
}

/// An integer from Python, or the nearest one that fits 64 bits.
pub(super) fn nearest_i64(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    value.extract().or_else(|_| Ok(if value.lt(0)? { i64::MIN } else { i64::MAX }))
}

/// How long to wait for an answer.
pub(super) fn timeout(value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds = seconds(Some(value), "timeout")?.filter(|seconds| (0.0..=LONGEST_TIMEOUT).contains(seconds));
    seconds
        .filter(|&seconds| seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| PyValueError::new_err("timeout must be a number of seconds, more than 0 and at most 300"))
}

/// The name of a value's type, for a message: the value itself may be a secret.
pub(super) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "another type".to_owned(), |name| name.to_string())
}

fn is_collection(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyFrozenSet>()
}
