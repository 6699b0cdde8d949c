//! Somebody else's texts, as a log, a header or a terminal may hold them.

/// Where to cut a piece of somebody else's text in a message, in bytes.
const LONGEST_QUOTE: usize = 64;
/// How many texts are quoted.
const MOST_QUOTED: usize = 3;

/// A text on one line, with what is not printable escaped, and cut.
#[must_use]
pub fn tame(text: &str) -> Box<str> {
    let mut tame = String::new();
    for c in text.chars() {
        if tame.len() >= LONGEST_QUOTE {
            tame.push_str("...");
            break;
        }
        tame.extend(c.escape_debug());
    }
    tame.into()
}

/// Tame texts in quotes, at most three of them.
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

/// Texts of whatever origin, tamed and in quotes.
#[must_use]
pub fn tamed(texts: &[Box<str>]) -> String {
    quoted(&texts.iter().take(MOST_QUOTED + 1).map(|text| tame(text)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_short_line_of_printable_characters() {
        let hostile = "a\u{1b}[31m\r\n\u{202e}\u{0}\u{7f}\u{9b}\"".to_owned() + &"x".repeat(10_000);
        let shown = tame(&hostile);
        assert!(shown.len() < LONGEST_QUOTE + 16, "{shown}");
        assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{shown}");
        assert_eq!(&*tame("é日本"), "é日本");
    }

    #[test]
    fn at_most_three_are_quoted() {
        let texts: Vec<Box<str>> = ["a", "b\n", "c", "d"].map(Box::from).into();
        assert_eq!(tamed(&texts[..2]), r#""a", "b\n""#);
        assert_eq!(tamed(&texts), r#""a", "b\n", "c", ..."#);
        assert_eq!(tamed(&[]), "none");
    }
}
