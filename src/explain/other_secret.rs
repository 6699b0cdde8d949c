//! Whether a shared secret would fit a token if it were given in another form, as secrets in files and variables are.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::jose::base64url;
use crate::jose::jwa::KeyMaterial;
use crate::jose::jws::{self, Header};
use crate::keys::{KeySource, Keys};

/// How this secret would fit this token, if it would.
pub(super) fn form_that_fits(token: &[u8], source: &dyn KeySource) -> Option<&'static str> {
    let Keys::Snapshot(keys) = source.keys() else { return None };
    let secret = keys.keys.lone_secret()?;
    let parts = jws::split(token, jws::MAX_TOKEN_BYTES).ok()?;
    let algorithm = Header::parse(&parts.header).ok()?.algorithm;
    let trimmed = secret.trim_ascii();
    let forms: [(&'static str, Option<Vec<u8>>); 7] = [
        ("without the line end or the spaces around it", Some(trimmed.to_vec())),
        ("decoded from base64url", base64url::decode(trimmed)),
        ("decoded from base64", STANDARD.decode(trimmed).or_else(|_| STANDARD_NO_PAD.decode(trimmed)).ok()),
        ("decoded from hexadecimal", hexadecimal(trimmed)),
        ("with a line end behind it, as the issuer seems to have read it from a file", Some([secret, b"\n"].concat())),
        (
            "with a carriage return and a line feed behind it, as the issuer seems to have it",
            Some([secret, b"\r\n"].concat()),
        ),
        ("encoded in base64, as it may stand where the issuer has it", Some(STANDARD.encode(secret).into_bytes())),
    ];
    let fits = |bytes: Vec<u8>| {
        let material = KeyMaterial::Secret(Zeroizing::new(bytes));
        material.prepare(algorithm).is_ok_and(|key| key.verifies(parts.signing_input, &parts.signature))
    };
    forms.into_iter().find_map(|(how, bytes)| bytes.filter(|bytes| !bytes.is_empty()).is_some_and(fits).then_some(how))
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let octet = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    if text.len().is_multiple_of(2) { text.chunks_exact(2).map(octet).collect() } else { None }
}
