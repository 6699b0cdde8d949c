//! `docs/errors.md` has every reason code, none that there is not, and the status that a client sees.

#![allow(clippy::unwrap_used, reason = "a page that cannot be read fails the test")]

use fastmcp_rs::outcome::rejection::Rejection;
use fastmcp_rs::outcome::unavailable::Unavailable;

use crate::root::root;

/// The cells of each row that starts with a code.
fn rows() -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    page.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

#[test]
fn the_page_and_the_codes_agree() {
    let mut documented: Vec<_> = rows().iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let mut codes: Vec<_> = Rejection::CODES.into_iter().chain(Unavailable::CODES).map(str::to_owned).collect();
    documented.sort();
    codes.sort();
    assert_eq!(documented, codes);
}

#[test]
fn each_code_has_its_status_a_meaning_and_something_to_do() {
    for row in rows() {
        let [code, status, meaning, advice] = &row[..] else { panic!("{row:?}") };
        let expected = match code.trim_matches('`') {
            "invalid_request" => "400",
            "insufficient_scope" => "403",
            code if Unavailable::CODES.contains(&code) => "503",
            _ => "401",
        };
        assert_eq!(status, expected, "{code}");
        assert!(meaning.ends_with('.') && advice.ends_with('.'), "{code}");
    }
}
