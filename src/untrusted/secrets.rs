//! Known secrets, and how they are taken out of a text that another party wrote: a server may repeat what it was sent, whole,
//! in part or encoded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

use crate::jose::jws::MAX_TOKEN_BYTES;

/// Replaces a secret in a message.
pub const REDACTED: &str = "[redacted]";
/// A part of a secret of at least this length, in bytes, is redacted too.
const PART: usize = 8;
/// A value shorter than this, in bytes, counts as a secret only if it is a whole one.
const SHORTEST_PART: usize = 4;
/// How much of a text is searched, in bytes. The rest is cut off.
const LONGEST_TEXT: usize = 4096;
/// How many nested encodings are decoded.
const ENCODINGS: usize = 2;

/// Reads base64 leniently: with or without padding and spare bits.
static LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Texts that no log, error or answer may have. They are overwritten when dropped, and never shown.
#[derive(Default)]
pub struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// No secrets.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These and this one. An empty text is ignored.
    #[must_use]
    pub fn with(mut self, secret: &str) -> Self {
        if !secret.is_empty() {
            self.0.push(Zeroizing::new(secret.to_ascii_lowercase().into_bytes()));
        }
        self
    }

    /// These and a token. A token that is too large is never sent, so no answer can repeat it.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        if token.len() > MAX_TOKEN_BYTES { self } else { self.with(token) }
    }

    /// These and the value of a header: credentials without their scheme, and the parts of Basic credentials and cookies, which may be
    /// too short to be found as parts of the value.
    #[must_use]
    pub fn with_header(mut self, value: &str) -> Self {
        let is_scheme = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let credentials = match value.split_once(' ') {
            Some((scheme, credentials)) if is_scheme(scheme) && !credentials.contains(' ') => credentials,
            _ => value,
        };
        let basic = Zeroizing::new(STANDARD.decode(credentials).unwrap_or_default());
        let password = std::str::from_utf8(&basic).ok().and_then(|pair| Some(pair.split_once(':')?.1));
        let separators = |c: char| c.is_whitespace() || matches!(c, ';' | ',' | '=' | ':' | '"');
        let words = credentials.split(separators).filter(|word| word.len() >= SHORTEST_PART);
        for secret in words.chain(password) {
            self = self.with(secret);
        }
        self.with(credentials)
    }

    /// The text, with every secret, and each part and encoding of one, replaced.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        let redacted = self.without_plain(beginning(text));
        let hidden = encodings(redacted.as_bytes()).iter().any(|decoded| self.is_in(decoded, ENCODINGS - 1));
        if hidden { Cow::Borrowed(REDACTED) } else { redacted }
    }

    /// The text without the secrets that it has unencoded.
    fn without_plain<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let secret = self.marks(text.as_bytes(), 0);
        if !secret.contains(&true) {
            return Cow::Borrowed(text);
        }
        let mut redacted = String::with_capacity(text.len());
        let mut before = false;
        for (at, c) in text.char_indices() {
            let is_secret = secret[at..at + c.len_utf8()].contains(&true);
            match (is_secret, before) {
                (true, false) => redacted.push_str(REDACTED),
                (true, true) => (),
                (false, _) => redacted.push(c),
            }
            before = is_secret;
        }
        Cow::Owned(redacted)
    }

    /// Whether a secret, or a part of one, is in a text or in a text that it encodes.
    fn is_in(&self, text: &[u8], depth: usize) -> bool {
        self.marks(text, SHORTEST_PART).contains(&true)
            || depth > 0 && encodings(text).iter().any(|decoded| self.is_in(decoded, depth - 1))
    }

    /// The bytes of a text that belong to secrets of at least this length. Case is ignored.
    fn marks(&self, text: &[u8], shortest: usize) -> Vec<bool> {
        let text = Zeroizing::new(text.to_ascii_lowercase());
        let mut marks = vec![false; text.len()];
        let mut parts: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (at, part) in text.windows(PART).enumerate() {
            parts.entry(part).or_default().push(at);
        }
        for secret in self.0.iter().filter(|secret| secret.len() >= shortest) {
            if secret.len() < PART {
                let found = text.windows(secret.len()).enumerate().filter(|(_, window)| *window == &***secret);
                found.for_each(|(at, _)| marks[at..at + secret.len()].fill(true));
                continue;
            }
            for at in secret.windows(PART).filter_map(|part| parts.get(part)).flatten() {
                marks[*at..at + PART].fill(true);
            }
        }
        marks
    }
}

/// The part of a text that is searched.
fn beginning(text: &str) -> &str {
    let end = (0..=LONGEST_TEXT.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or_default()]
}

/// The decodings of a text: percent-encoding, also of forms, base64 of either alphabet, hexadecimal digits, and
/// escapes of JSON.
fn encodings(text: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut found = Vec::new();
    if text.iter().any(|byte| matches!(byte, b'%' | b'+' | b'\\')) {
        let spaces: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
        found.extend([text, &spaces].map(|text| Zeroizing::new(unescaped(text))));
    }
    let in_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    for run in text.split(|byte| !in_base64(byte)).filter(|run| run.len() >= SHORTEST_PART) {
        let standard = |&byte: &u8| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte,
        };
        let run: Vec<u8> = run.iter().map(standard).collect();
        // The position of a secret in the encoded text decides where its first bit is.
        for start in 0..4.min(run.len()) {
            // A single character does not hold a whole byte.
            let whole = run.len() - usize::from((run.len() - start) % 4 == 1);
            found.extend(LENIENT.decode(&run[start..whole]).ok().map(Zeroizing::new));
        }
    }
    for run in text.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() >= 2 * SHORTEST_PART) {
        for run in [run, &run[1..]] {
            let bytes = run.chunks_exact(2).filter_map(|pair| hex(pair).and_then(|byte| u8::try_from(byte).ok()));
            found.push(Zeroizing::new(bytes.collect()));
        }
    }
    found
}

/// A text with `%XX` and `\uXXXX` decoded.
fn unescaped(mut text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    while let [first, rest @ ..] = text {
        let (decoded, used) = match (first, rest) {
            (b'%', [a, b, ..]) => (hex(&[*a, *b]), 3),
            (b'\\', [b'u', digits @ ..]) => (digits.get(..4).and_then(hex), 6),
            // Any other escape stands for the character after it.
            (b'\\', [_, ..]) => (None, 1),
            _ => (Some(u32::from(*first)), 1),
        };
        match decoded {
            Some(byte) if byte < 0x100 => plain.extend(u8::try_from(byte)),
            Some(wide) => plain.extend(char::from_u32(wide).map(String::from).unwrap_or_default().bytes()),
            None if *first == b'\\' => (),
            None => plain.push(*first),
        }
        text = &text[if decoded.is_some() { used } else { 1 }..];
    }
    plain
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &str = "kE7/what only+the robot";

    fn redacted(text: &str) -> String {
        Secrets::none().with(SECRET).redact(text).into_owned()
    }

    #[test]
    fn a_secret_is_replaced_and_what_is_around_it_stays() {
        assert_eq!(redacted(&format!("no {SECRET}, sorry")), "no [redacted], sorry");
        assert_eq!(redacted(&format!("{SECRET}{SECRET}é")), "[redacted]é");
        assert_eq!(redacted("nothing of it"), "nothing of it");
        assert_eq!(Secrets::none().redact(SECRET), SECRET);
        assert_eq!(Secrets::none().with("").redact(SECRET), SECRET);
        assert_eq!(format!("{:?}", Secrets::none().with(SECRET)), "Secrets");
    }

    #[test]
    fn parts_and_other_cases_are_replaced_too() {
        assert_eq!(redacted("a hat only+the b"), "a [redacted]b");
        assert_eq!(redacted(&SECRET.to_uppercase()), REDACTED);
        assert_eq!(redacted("the r"), "the r", "less than eight bytes are no part");
        assert_eq!(Secrets::none().with("hush").redact("a hush, a HUSH, a hus"), "a [redacted], a [redacted], a hus");
    }

    #[test]
    fn an_encoding_is_not_shown() {
        let in_hex = SECRET.bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat();
        let escaped = SECRET.bytes().map(|byte| format!("\\u00{byte:02x}")).collect::<Vec<_>>().concat();
        let percent = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        let form: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        let pair = STANDARD.encode(format!("robot:{form}"));
        for encoded in [
            in_hex.clone(),
            format!("0{in_hex}"),
            escaped,
            percent.clone(),
            form,
            SECRET.replace('/', "\\/"),
            pair,
            STANDARD.encode(percent),
            STANDARD.encode(SECRET),
            STANDARD.encode(format!("x{SECRET}")),
            URL_SAFE.encode(format!("xy{SECRET}z")),
            URL_SAFE_NO_PAD.encode(format!("xyz{SECRET}")),
            format!("ab{}", STANDARD.encode(SECRET)),
        ] {
            let text = format!("echo: {encoded}.");
            let shown = redacted(&text);
            assert!(shown.contains(REDACTED) && !shown.contains(&encoded), "{shown}");
        }
        for plain in
            ["https://issuer.example/a?b=%20+", "0123456789abcdef", "a-client_of/ours+", "%", "\\", "\\u12", "%f"]
        {
            assert_eq!(redacted(plain), plain);
        }
    }

    #[test]
    fn of_a_header_the_credentials_count_and_not_their_scheme() {
        let secrets = Secrets::none()
            .with_header("Basic cm9ib3Q6aHVzaA==")
            .with_header("Bearer t0k")
            .with_header("sid=abcd; x=1");
        for (text, shown) in [
            ("cm9ib3Q6aHVzaA==", REDACTED),
            ("hush", REDACTED),
            ("abcd", REDACTED),
            ("Basic", "Basic"),
            ("robot", "robot"),
            ("Bearer", "Bearer"),
        ] {
            assert_eq!(secrets.redact(text), shown);
        }
        assert_eq!(Secrets::none().with_header("k7").redact("k7"), REDACTED);
    }

    #[test]
    fn of_a_long_text_no_more_than_is_looked_at_is_left() {
        assert_eq!(redacted(&"é".repeat(5000)).len(), LONGEST_TEXT);
    }
}
