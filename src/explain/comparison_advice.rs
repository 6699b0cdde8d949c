//! Advice for a token that differs from the configuration.

use super::checked::Checked;
use super::names::SettingNames;
use crate::outcome::check::{Check, Comparison};
use crate::untrusted::{sanitize, sanitize_all};

pub(super) fn issuer(compared: &Comparison, checks: &[Checked], names: SettingNames) -> String {
    if are_swapped(checks) {
        return format!(
            "the issuer that is expected is the token's audience, and the audience that is expected is its issuer: swap {} and {}",
            names.of("issuer"),
            names.of("audience")
        );
    }
    mismatch("iss", &names.of("issuer"), compared)
}

/// Some issuers write no `aud`, and only the client says which service a token is for.
pub(super) fn audience(compared: &Comparison, client_id: Option<&str>, names: SettingNames) -> String {
    match client_id {
        Some(client_id) if compared.got.is_empty() => format!(
            "the token has no aud and this verifier expects {}: have the issuer set it; where it cannot (Amazon Cognito), \
             leave {} out and set {} to what the token says, \"{}\"",
            sanitize_all(&compared.expected),
            names.of("audience"),
            names.of("client_id"),
            sanitize(client_id)
        ),
        _ => mismatch("aud", &names.of("audience"), compared),
    }
}

pub(super) fn mismatch(claim: &str, parameter: &str, compared: &Comparison) -> String {
    let (got, expected) = (sanitize_all(&compared.got), sanitize_all(&compared.expected));
    if compared.got.is_empty() {
        return format!("the token has no {claim} and this verifier expects {expected}: have the issuer set it");
    }
    let says = format!(
        "the token says {claim}={got} and this verifier expects {expected}: if the token is meant for this server, \
         set {parameter} to what the token says, else get one that is"
    );
    match difference(compared) {
        Some(difference) => {
            format!("{says} (they differ in {difference}, and they are compared character by character)")
        }
        None => says,
    }
}

/// The small difference between what came and what is expected, such as a slash, if there is only that.
fn difference(compared: &Comparison) -> Option<&'static str> {
    let pairs = || compared.got.iter().flat_map(|got| compared.expected.iter().map(move |expected| (got, expected)));
    let without_slash = |text: &str| text.trim_end_matches('/').to_owned();
    if pairs().any(|(got, expected)| without_slash(got) == without_slash(expected)) {
        return Some("the slash at the end");
    }
    let bare = |text: &str| without_slash(text).to_ascii_lowercase();
    if pairs().any(|(got, expected)| bare(got) == bare(expected)) {
        return Some("case");
    }
    let without_scheme = |text: &str| {
        let bare = bare(text);
        bare.strip_prefix("https://").or(bare.strip_prefix("http://")).map(str::to_owned)
    };
    let differ_in_scheme = |got: &str, expected: &str| {
        let got = without_scheme(got);
        got.is_some() && got == without_scheme(expected)
    };
    pairs().any(|(got, expected)| differ_in_scheme(got, expected)).then_some("http and https")
}

fn are_swapped(checks: &[Checked]) -> bool {
    let compared = |check| checks.iter().find(|checked| checked.check == check)?.comparison.as_ref();
    let (Some(issuer), Some(audience)) = (compared(Check::Issuer), compared(Check::Audience)) else { return false };
    let meet = |some: &[Box<str>], others: &[Box<str>]| some.iter().any(|text| others.contains(text));
    meet(&issuer.got, &audience.expected) && meet(&audience.got, &issuer.expected)
}
