//! Untrusted text, made safe for a log, a header or a terminal.

pub mod secrets;

/// The longest untrusted text in a message, in bytes.
const LONGEST_QUOTE: usize = 64;
/// How many texts are quoted.
const MOST_QUOTED: usize = 3;

/// A text on one line, shortened, with escapes for characters that are not printable.
#[must_use]
pub fn sanitize(text: &str) -> Box<str> {
    let mut sanitize = String::new();
    for c in text.chars() {
        if sanitize.len() >= LONGEST_QUOTE {
            sanitize.push_str("...");
            break;
        }
        sanitize.extend(c.escape_debug());
    }
    sanitize.into()
}

/// Sanitized texts in quotes, at most three of them.
#[must_use]
pub fn quoted(texts: &[Box<str>]) -> String {
    if texts.is_empty() {
        return "none".to_owned();
    }
    let mut shown: Vec<_> = texts.iter().take(MOST_QUOTED).map(|text| format!("\"{text}\"")).collect();
    if texts.len() > MOST_QUOTED {
        shown.push("...".to_owned());
    }
    shown.join(", ")
}

/// Untrusted texts, sanitized and in quotes.
#[must_use]
pub fn sanitize_all(texts: &[Box<str>]) -> String {
    quoted(&texts.iter().take(MOST_QUOTED + 1).map(|text| sanitize(text)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_short_line_of_printable_characters() {
        let hostile = "a\u{1b}[31m\r\n\u{202e}\u{0}\u{7f}\u{9b}\"".to_owned() + &"x".repeat(10_000);
        let shown = sanitize(&hostile);
        assert!(shown.len() < LONGEST_QUOTE + 16, "{shown}");
        assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{shown}");
        assert_eq!(&*sanitize("é日本"), "é日本");
    }

    #[test]
    fn at_most_three_are_quoted() {
        let texts: Vec<Box<str>> = ["a", "b\n", "c", "d"].map(Box::from).into();
        assert_eq!(sanitize_all(&texts[..2]), r#""a", "b\n""#);
        assert_eq!(sanitize_all(&texts), r#""a", "b\n", "c", ..."#);
        assert_eq!(sanitize_all(&[]), "none");
    }
}
