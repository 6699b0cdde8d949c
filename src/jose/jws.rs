//! Compact JWS (RFC 7515 section 7.1): the three parts and the header, before any key is looked at.

use std::sync::{Arc, OnceLock};

use memchr::memchr_iter;

use super::base64url;
use super::json::{self, Object, Value};
use super::jwa::Algorithm;
use super::plain_json::{Place, Reader};
use super::seen_names::SeenNames;

/// The longest token that is read, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Why a text is not a compact JWS that this project reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwsError {
    /// Longer than the bound.
    TooLarge,
    /// Not three parts of base64url.
    Parts,
    /// The header is no strict JSON object, or names no algorithm.
    Header,
    /// The header's algorithm is not known.
    UnsupportedAlgorithm,
    /// The header demands an extension that is not understood.
    Critical,
    /// A parameter of the header has the wrong type.
    Parameter,
}

/// The parts of a compact JWS as they stand in it.
#[derive(Debug, Clone, Copy)]
pub struct EncodedParts<'t> {
    /// What was signed: header and payload.
    pub signing_input: &'t [u8],
    /// The header.
    pub header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

/// The parts of a compact JWS, decoded.
#[derive(Debug)]
pub struct Parts<'t> {
    /// What was signed: header and payload as they stand in the token.
    pub signing_input: &'t [u8],
    /// The decoded header, not yet parsed. Empty where it is known already.
    pub header: Vec<u8>,
    /// The decoded payload.
    pub payload: Vec<u8>,
    /// The decoded signature.
    pub signature: Vec<u8>,
}

/// Splits a compact JWS into its three parts and decodes them.
///
/// The length is checked before anything is read, the number of parts before anything is decoded.
///
/// # Errors
/// `TooLarge` above `max_bytes`; `Parts` unless there are three parts in strict base64url.
pub fn split(token: &[u8], max_bytes: usize) -> Result<Parts<'_>, JwsError> {
    split_encoded(token, max_bytes)?.decode(false)
}

/// Splits a compact JWS into its three parts.
///
/// # Errors
/// `TooLarge` above `max_bytes`; `Parts` unless there are three parts.
#[inline]
pub fn split_encoded(token: &[u8], max_bytes: usize) -> Result<EncodedParts<'_>, JwsError> {
    if token.len() > max_bytes {
        return Err(JwsError::TooLarge);
    }
    let mut dots = memchr_iter(b'.', token);
    let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
        return Err(JwsError::Parts);
    };
    Ok(EncodedParts {
        signing_input: &token[..second],
        header: &token[..first],
        payload: &token[first + 1..second],
        signature: &token[second + 1..],
    })
}

impl<'t> EncodedParts<'t> {
    /// Decodes the parts, but not a header that is known.
    ///
    /// # Errors
    /// `Parts` unless they are strict base64url.
    #[inline]
    pub fn decode(self, knows_header: bool) -> Result<Parts<'t>, JwsError> {
        let part = |encoded: &[u8]| base64url::decode(encoded).ok_or(JwsError::Parts);
        Ok(Parts {
            signing_input: self.signing_input,
            header: if knows_header { Vec::new() } else { part(self.header)? },
            payload: part(self.payload)?,
            signature: part(self.signature)?,
        })
    }
}

/// Whether a text looks like a JWS: three parts, the first of which holds an object with an `alg`. This is more lenient than
/// [`split`] and [`Header::parse`], so that a malformed JWS is still taken for a JWS.
#[must_use]
pub fn looks_like_jws(token: &[u8]) -> bool {
    let mut parts = token.split(|&byte| byte == b'.');
    let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    base64url::decode_leniently(header).is_some_and(|header| {
        header.trim_ascii_start().starts_with(b"{") && header.windows(5).any(|five| five == b"\"alg\"")
    })
}

/// A protected header that this project understands in full (RFC 7515 section 4).
#[derive(Debug, Clone)]
pub struct Header {
    /// `alg`
    pub algorithm: Algorithm,
    form: Arc<HeaderForm>,
}

/// How the parameters are held: as their JSON text, if it is plain, or as parsed values.
#[derive(Debug)]
enum HeaderForm {
    Scanned { text: String, kid: Option<Place>, typ: Option<Place>, parameters: OnceLock<Object> },
    Read(Object),
}

impl Header {
    /// Reads a protected header. Parameters that are not known, and not critical, are ignored.
    ///
    /// # Errors
    /// `Header` for what is no strict JSON object or lacks `alg`; `UnsupportedAlgorithm`; `Critical` for any `crit` at
    /// all, since no extension is understood here, and for `b64` and `zip`, which change what the payload means;
    /// `Parameter` for a `kid` or `typ` that is no string.
    pub fn parse(text: &[u8]) -> Result<Self, JwsError> {
        Self::take(text.to_vec())
    }

    /// Does the same, and keeps the text.
    ///
    /// # Errors
    /// As of [`Header::parse`].
    pub fn take(text: Vec<u8>) -> Result<Self, JwsError> {
        let text = String::from_utf8(text).map_err(|_| JwsError::Header)?;
        match scanned(&text) {
            Some((algorithm, kid, typ)) => {
                let form = HeaderForm::Scanned { text, kid, typ, parameters: OnceLock::new() };
                Ok(Self { algorithm, form: Arc::new(form) })
            }
            None => Self::read(&text),
        }
    }

    fn read(text: &str) -> Result<Self, JwsError> {
        let parameters = json::parse_object(text.as_bytes()).map_err(|_| JwsError::Header)?;
        let alg = parameters.get("alg").and_then(Value::as_str).ok_or(JwsError::Header)?;
        let algorithm = Algorithm::from_name(alg).ok_or(JwsError::UnsupportedAlgorithm)?;
        let unencoded = parameters.get("b64").is_some_and(|b64| *b64 != Value::Bool(true));
        if unencoded || parameters.get("crit").is_some() || parameters.get("zip").is_some() {
            return Err(JwsError::Critical);
        }
        if ["kid", "typ"].iter().any(|name| parameters.get(name).is_some_and(|value| value.as_str().is_none())) {
            return Err(JwsError::Parameter);
        }
        Ok(Self { algorithm, form: Arc::new(HeaderForm::Read(parameters)) })
    }

    /// `kid`: untrusted until the signature holds, and only compared.
    #[must_use]
    #[inline]
    pub fn kid(&self) -> Option<&str> {
        match &*self.form {
            HeaderForm::Scanned { text, kid, .. } => kid.and_then(|place| place.string_of(text)),
            HeaderForm::Read(parameters) => parameters.get("kid").and_then(Value::as_str),
        }
    }

    /// `typ`
    #[must_use]
    #[inline]
    pub fn typ(&self) -> Option<&str> {
        match &*self.form {
            HeaderForm::Scanned { text, typ, .. } => typ.and_then(|place| place.string_of(text)),
            HeaderForm::Read(parameters) => parameters.get("typ").and_then(Value::as_str),
        }
    }

    /// Every parameter.
    #[must_use]
    pub fn parameters(&self) -> &Object {
        match &*self.form {
            // The strict parser accepts every text that was scanned: tests and a fuzzer check that.
            HeaderForm::Scanned { text, parameters, .. } => {
                parameters.get_or_init(|| json::parse_object(text.as_bytes()).unwrap_or_default())
            }
            HeaderForm::Read(parameters) => parameters,
        }
    }

    /// The estimated memory behind this header, in bytes, without the header itself. Tokens may share it.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<HeaderForm>()
            + match &*self.form {
                HeaderForm::Scanned { text, parameters, .. } => {
                    text.capacity() + parameters.get().map_or(0, Object::memory)
                }
                HeaderForm::Read(parameters) => parameters.memory(),
            }
    }
}

/// The algorithm of a header that is plain JSON, and the places of `kid` and `typ`. `None` leaves it to the strict parser.
fn scanned(text: &str) -> Option<(Algorithm, Option<Place>, Option<Place>)> {
    let (mut algorithm, mut kid, mut typ) = (None, None, None);
    let mut reader = Reader::of_object(text)?;
    let mut names = SeenNames::new();
    let mut members = names.of_object();
    let mut is_first = true;
    while let Some(name) = reader.next_name(is_first)? {
        is_first = false;
        names.add(&mut members, name)?;
        let value = reader.value()?;
        match name {
            "alg" => algorithm = Some(Algorithm::from_name(value.plain()?)?),
            "kid" => kid = Some(reader.place_of_string(value)?),
            "typ" => typ = Some(reader.place_of_string(value)?),
            "crit" | "b64" | "zip" => return None,
            _ => reader.finish(value, &mut names)?,
        }
    }
    if reader.is_at_end() { Some((algorithm?, kid, typ)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_jws_is_one_still() {
        let header = |text: &str| base64url::encode(text.as_bytes());
        for text in [r#"{"alg":"RS256"}"#, r#" {"alg":1"#, r#"{"alg":"a","alg":"b"}"#, r#"{"typ":"JWT","alg":"none"}x"#]
        {
            assert!(looks_like_jws(format!("{}.x.!", header(text)).as_bytes()), "{text}");
        }
        let padded = [r#"{"alg":"RS256"}"#, r#"{"alg":"RS256"} "#, r#"{"alg":"RS256"}  "#].map(header);
        for part in padded {
            assert!(looks_like_jws(format!("{part}==..").as_bytes()), "{part}");
        }
        for text in ["{}", r#"["alg"]"#, r#""alg""#, r#"{"typ":"JWT"}"#, ""] {
            assert!(!looks_like_jws(format!("{}.x.x", header(text)).as_bytes()), "{text}");
        }
        let one = header(r#"{"alg":"RS256"}"#);
        for token in
            [one.clone(), format!("{one}.x"), format!("{one}.x.x.x"), format!("{one}.x.x.x.x"), "a.b.c".to_owned()]
        {
            assert!(!looks_like_jws(token.as_bytes()), "{token}");
        }
    }

    fn header(text: &str) -> Result<Algorithm, JwsError> {
        Header::parse(text.as_bytes()).map(|header| header.algorithm)
    }

    #[test]
    fn three_parts_and_no_other_number() {
        assert_eq!(split(b"YQ.Yg.Yw", 64).unwrap().signature, b"c");
        assert_eq!(split(b"YQ..", 64).unwrap().payload, b"");
        for token in ["", ".", "YQ", "YQ.Yg", "YQ.Yg.Yw.", "YQ.Yg.Yw.ZA.ZQ", "{\"payload\":\"\",\"signatures\":[]}"] {
            assert_eq!(split(token.as_bytes(), 64).unwrap_err(), JwsError::Parts, "{token}");
        }
    }

    #[test]
    fn the_length_is_checked_first() {
        assert!(split(&[b'A'; 8], 8).is_err_and(|error| error == JwsError::Parts));
        assert!(split(&[b'.'; 9], 8).is_err_and(|error| error == JwsError::TooLarge));
    }

    #[test]
    fn unknown_parameters_of_any_type_are_ignored() {
        for value in ["1", "null", "[]", "{\"crit\":[\"x\"]}", "\"x\"", "true"] {
            assert_eq!(header(&format!(r#"{{"alg":"RS256","cat":{value}}}"#)), Ok(Algorithm::RS256));
        }
        assert_eq!(
            header(r#"{"alg":"RS256","Alg":"none","b64":true,"kid":"../../x","typ":"JWT"}"#),
            Ok(Algorithm::RS256)
        );
    }

    #[test]
    fn alg_is_a_known_name() {
        for text in ["{}", r#"{"alg":null}"#, r#"{"alg":1}"#, r#"{"alg":[]}"#, r#"{"ALG":"RS256"}"#, "[]", ""] {
            assert_eq!(header(text), Err(JwsError::Header), "{text}");
        }
        for alg in ["none", "None", "NONE", "nOnE", " none", "none\\u0000", "", "rs256", "RS256 ", "PBES2-HS256+A128KW"]
        {
            assert_eq!(header(&format!(r#"{{"alg":"{alg}","p2c":1000000000}}"#)), Err(JwsError::UnsupportedAlgorithm));
        }
    }

    #[test]
    fn what_changes_the_meaning_is_refused() {
        for more in [
            r#""crit":["x"]"#,
            r#""crit":["x"],"x":1"#,
            r#""crit":"exp""#,
            r#""crit":null"#,
            r#""crit":1"#,
            r#""crit":{}"#,
            r#""crit":[1]"#,
            r#""crit":["x","x"]"#,
            r#""crit":[]"#,
            r#""crit":["alg"]"#,
            r#""crit":["b64"],"b64":true"#,
            r#""crit":["b64"],"b64":false"#,
            r#""b64":false"#,
            r#""b64":null"#,
            r#""zip":"DEF""#,
        ] {
            assert_eq!(header(&format!(r#"{{"alg":"HS256",{more}}}"#)), Err(JwsError::Critical), "{more}");
        }
    }

    #[test]
    fn kid_and_typ_are_strings() {
        for value in ["1", "true", "[]", "{}", "null"] {
            for name in ["kid", "typ"] {
                assert_eq!(header(&format!(r#"{{"alg":"HS256","{name}":{value}}}"#)), Err(JwsError::Parameter));
            }
        }
    }
}
