//! The path of a request as it was sent: percent-encoded, with or without the path that an application is mounted at.

use std::fmt::Write as _;

/// The path of an ASGI request, percent-encoded: `raw` where that is the path as it was sent, else encoded again. The path that
/// the application is mounted at (`root`) is removed, or, where it is `wanted` and not part of the path, put before it.
#[must_use]
pub fn request_path(path: &str, raw: Option<&str>, root: &str, wanted: bool) -> String {
    let raw = raw.filter(|raw| decoded(raw).is_some_and(|decoded| decoded == path.as_bytes()));
    let root = root.trim_end_matches('/');
    let beyond = path.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (beyond, wanted) {
        (Some(_), true) => raw.map_or_else(|| encoded(path), str::to_owned),
        (Some(rest), false) => raw.map_or_else(|| encoded(rest), |raw| behind(raw, root.len()).to_owned()),
        // Older applications do not repeat there where they are mounted.
        (None, true) => encoded(root) + &raw.map_or_else(|| encoded(path), str::to_owned),
        (None, false) => raw.map_or_else(|| encoded(path), str::to_owned),
    }
}

/// The rest of a percent-encoded text after a number of decoded octets.
fn behind(raw: &str, octets: usize) -> &str {
    let mut rest = raw;
    for _ in 0..octets {
        let step = if rest.starts_with('%') { 3 } else { 1 };
        rest = rest.get(step..).unwrap_or_default();
    }
    rest
}

fn decoded(raw: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
            octets.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else if octet.is_ascii() {
            octets.push(octet);
        } else {
            return None;
        }
    }
    Some(octets)
}

fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for octet in path.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&octet) {
            text.push(char::from(octet));
        } else {
            let written = write!(text, "%{octet:02X}");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_one_that_was_sent() {
        for (path, raw, root, beyond, whole) in [
            ("/mcp", Some("/mcp"), "", "/mcp", "/mcp"),
            ("/mcp", None, "", "/mcp", "/mcp"),
            ("/a b", Some("/a%20b"), "", "/a%20b", "/a%20b"),
            ("/a/b", Some("/a%2Fb"), "", "/a%2Fb", "/a%2Fb"),
            ("/\u{e9}", None, "", "/%C3%A9", "/%C3%A9"),
            ("/a%b", None, "", "/a%25b", "/a%25b"),
            ("/api/mcp", Some("/api/mcp"), "/api", "/mcp", "/api/mcp"),
            ("/api/mcp", Some("/api/mcp"), "/api/", "/mcp", "/api/mcp"),
            ("/api/mcp", None, "/api", "/mcp", "/api/mcp"),
            ("/\u{e9}/mcp", Some("/%c3%a9/mcp"), "/\u{e9}", "/mcp", "/%c3%a9/mcp"),
            ("/api", Some("/api"), "/api", "", "/api"),
            // Not where it is mounted, but another path with the same beginning.
            ("/apiary", Some("/apiary"), "/api", "/apiary", "/api/apiary"),
            // An older application.
            ("/mcp", Some("/mcp"), "/api", "/mcp", "/api/mcp"),
            // The client sent another path than the one that the application got.
            ("/mcp", Some("/other"), "", "/mcp", "/mcp"),
            ("/mcp", Some("/mcp?query"), "", "/mcp", "/mcp"),
            ("/mcp", Some("/%zz"), "", "/mcp", "/mcp"),
            ("/\u{e9}", Some("/\u{e9}"), "", "/%C3%A9", "/%C3%A9"),
            ("//mcp", Some("//mcp"), "", "//mcp", "//mcp"),
        ] {
            assert_eq!(request_path(path, raw, root, false), beyond, "{path} {raw:?} {root}");
            assert_eq!(request_path(path, raw, root, true), whole, "{path} {raw:?} {root}");
        }
    }
}
