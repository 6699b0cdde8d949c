//! Base64url without padding, as JOSE writes it (RFC 7515 section 2).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, URL_SAFE_NO_PAD};

/// Reads what others may read as well.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// Decodes base64url: no padding, no line ends or spaces, no spare bits set. `None` for anything else.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes base64url as a lenient reader would: with or without padding, whatever the spare bits are.
#[must_use]
pub fn decode_leniently(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    LENIENT.decode(&text[..text.len() - padding]).ok()
}

/// Encodes to base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_it_encodes() {
        for bytes in [&b""[..], b"f", b"fo", b"foo", &[0xff, 0xef, 0xfe]] {
            assert_eq!(decode(encode(bytes).as_bytes()).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn one_spelling_for_each_value() {
        assert_eq!(decode(b"Zg").as_deref(), Some(&b"f"[..]));
        for other in ["Zh", "Zg=", "Zg==", "Zg\n", " Zg", "Z g", "Zg!", "Zg\t", "+/8", "Z", "Zg\0"] {
            assert_eq!(decode(other.as_bytes()), None, "{other:?}");
        }
    }
}
