//! Any details, scopes and URL in a challenge: it stays one well-formed header (RFC 6750 section 3, RFC 9110 11.6.1).

#![no_main]

use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::oauth::server::challenge::ErrorResponse;
use fastmcp_rs::outcome::rejection::Rejection;
use libfuzzer_sys::fuzz_target;

/// Reads a challenge as the grammar has it, and gives its parameters.
fn parameters(challenge: &str) -> Vec<(&str, &str)> {
    let Some(mut rest) = challenge.strip_prefix("Bearer ") else {
        assert_eq!(challenge, "Bearer");
        return Vec::new();
    };
    let mut found = Vec::new();
    loop {
        let (name, value) = rest.split_once("=\"").expect("a parameter is quoted");
        let (value, after) = value.split_once('"').expect("a quote ends");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert!(value.chars().all(|c| matches!(c, ' '..='~') && c != '\\'), "{value}");
        found.push((name, value));
        if after.is_empty() {
            return found;
        }
        rest = after.strip_prefix(", ").expect("a comma between parameters");
    }
}

fuzz_target!(|input: (u8, f64, &str, Vec<&str>, Option<&str>)| {
    let (kind, time, details, scopes, url) = input;
    let at = NumericDate::new(time).unwrap_or(NumericDate::from_seconds(0));
    let rejection = match kind % 7 {
        0 => Rejection::MissingToken,
        1 => Rejection::InvalidRequest,
        2 => Rejection::InsufficientScope { missing: scopes.iter().map(|&scope| scope.into()).collect() },
        3 => Rejection::Expired { at },
        4 => Rejection::NotYetValid { from: at },
        5 => Rejection::CriticalHeader,
        _ => Rejection::IssuerMismatch,
    };
    let plain = ErrorResponse::to(&rejection);
    for answer in [plain.clone(), plain.with_details(details)] {
        let challenge = answer.challenge(scopes.iter().copied(), url).expect("credentials would help");
        let found = parameters(&challenge);
        let mut names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), found.len(), "each parameter at most once: {challenge}");
        for (name, value) in found {
            match name {
                "scope" => assert!(value.split(' ').all(|scope| scopes.contains(&scope))),
                "resource_metadata" => assert_eq!(Some(value), url),
                "error" => assert_eq!(Some(value), answer.error),
                "error_description" => assert!(value.len() <= 300),
                other => panic!("{other}"),
            }
        }
    }
});
