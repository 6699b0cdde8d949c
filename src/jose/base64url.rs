//! Base64url without padding, as JOSE writes it (RFC 7515 section 2).

use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::Simd;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, URL_SAFE_NO_PAD};

/// Reads exactly the base64url of RFC 7515, with vector instructions where the processor has them.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static STRICT: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static STRICT: LazyLock<GeneralPurpose> = LazyLock::new(|| URL_SAFE_NO_PAD);

/// Reads what lenient decoders accept as well.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// Decodes base64url: no padding, no line ends or spaces, no spare bits set. `None` for anything else.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STRICT.decode(text).ok()
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
    fn every_length_and_every_place_of_a_wrong_byte_is_read_as_without_vector_instructions() {
        // As long as two rounds of the widest vectors, and a rest.
        for length in 0..150_usize {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            let text = encode(&bytes);
            assert_eq!(decode(text.as_bytes()), Some(bytes));
            for at in 0..text.len() {
                for wrong in [b'+', b'/', b'=', b'.', b' ', 0, 0x80, 0xff] {
                    let mut text = text.clone().into_bytes();
                    text[at] = wrong;
                    assert_eq!(decode(&text), None, "{wrong} at {at} of {}", text.len());
                }
            }
        }
        for byte in 0..=u8::MAX {
            let text = [byte; 64];
            assert_eq!(decode(&text), URL_SAFE_NO_PAD.decode(text).ok(), "{byte}");
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
