//! Advice if no key fits, or the signature is invalid.

use super::checked::{CheckOutcome, Checked, passed};
use crate::jose::json::{Object, Value};
use crate::outcome::check::{Check, Comparison};
use crate::untrusted::{sanitize, sanitize_all};

/// The audiences of Microsoft Graph. No other service can verify its tokens.
const GRAPH: [&str; 3] =
    ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com", "https://graph.microsoft.com/"];

/// The advice for a token that only another service can verify.
pub(super) fn for_microsoft_graph(header: Option<&Object>, claims: Option<&Object>) -> Option<String> {
    let has_nonce = header.is_some_and(|header| header.get("nonce").is_some());
    let audience = text_of(claims, "aud").filter(|audience| GRAPH.contains(audience));
    (has_nonce && audience.is_some()).then(|| {
        "the token is for Microsoft Graph (aud, and nonce in the header), and no other service can verify it: have the client ask \
         for a scope of this server's own application (api://...), not for one of Graph such as User.Read"
            .to_owned()
    })
}

/// The comparison of the issuer check, if that failed.
pub(super) fn other_issuer(checks: &[Checked]) -> Option<String> {
    let failed = |checked: &&Checked| matches!(checked.outcome, CheckOutcome::Failed(_));
    let issuer = checks.iter().find(|checked| checked.check == Check::Issuer).filter(failed)?;
    let Comparison { got, expected } = issuer.comparison.as_ref()?;
    Some(format!(
        "the token says iss={} and this verifier expects {}: it is another issuer's token, whose key is not here",
        sanitize_all(got),
        sanitize_all(expected)
    ))
}

pub(super) fn unknown_key(compared: &Comparison, skipped: Option<&str>, checks: &[Checked]) -> String {
    if let Some(skipped) = skipped {
        return format!(
            "the key that the token names is published and cannot be used here: {skipped}: have the issuer mend it, or sign \
             with another key"
        );
    }
    let named =
        if compared.got.is_empty() { "no key".to_owned() } else { format!("the key {}", sanitize_all(&compared.got)) };
    let here = if compared.expected.is_empty() {
        "have no id".to_owned()
    } else {
        format!("are {}", sanitize_all(&compared.expected))
    };
    // If any issuer is accepted, the issuer is not checked.
    let whose = if passed(checks, Check::Issuer) {
        "the issuer is the expected one, so it has changed its keys, signs this token for another of its services, or publishes \
         its keys at another URL than this one"
    } else {
        "they are those of another issuer or environment, or the issuer has changed its keys"
    };
    format!("the token names {named}, and the keys here {here}: {whose}")
}

/// `other_secret` is the form in which the secret would fit, if there is one.
pub(super) fn signature(alg: Option<&str>, issuer: Option<&str>, other_secret: Option<&str>) -> String {
    if let Some(how) = other_secret {
        return format!("the token verifies under this secret {how}: give it so");
    }
    let whose = issuer.map(|issuer| format!(" (the token says iss=\"{}\")", sanitize(issuer))).unwrap_or_default();
    if alg.is_some_and(|alg| alg.starts_with("HS")) {
        return format!(
            "another secret signed the token{whose}, or the token was changed: compare the secrets, line ends and base64 too"
        );
    }
    format!("another key signed the token{whose}, or the token was changed: give the key of the issuer that made it")
}

/// Another claim that holds a missing scope.
pub(super) fn claim_that_grants(claims: Option<&Object>, missing: &[Box<str>]) -> Option<String> {
    let holds = |value: &Value, scope: &str| match value {
        Value::String(text) => text.split([' ', ',']).any(|word| word == scope),
        Value::Array(items) => items.iter().any(|item| item.as_str() == Some(scope)),
        _ => false,
    };
    let others = claims?.iter().filter(|(name, _)| !["scope", "scp", "aud", "iss", "sub"].contains(name));
    let mut others = others.filter(|(_, value)| missing.iter().all(|scope| holds(value, scope)));
    others.next().map(|(name, _)| sanitize(name).into())
}

/// A member that is a text.
pub(super) fn text_of<'o>(object: Option<&'o Object>, name: &str) -> Option<&'o str> {
    object.and_then(|object| object.get(name)).and_then(Value::as_str)
}
