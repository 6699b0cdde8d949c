//! The likeliest fix for a token that is refused, on one line. A token's own texts stand in it tamed.

use super::times::span;
use super::{Checked, Verdict, passed};
use crate::checks::{Check, Comparison};
use crate::jose::json::{Object, Value};
use crate::jose::jwa::Algorithm;
use crate::jose::jwt::NumericDate;
use crate::rejection::Rejection;
use crate::tame::{tame, tamed};

/// What is most likely to help. For a token that cannot be judged, what would refuse it in any case.
pub(super) fn likeliest(
    token: &[u8],
    checks: &[Checked],
    header: Option<&Object>,
    claims: Option<&Object>,
    now: NumericDate,
) -> Option<String> {
    let (checked, rejection) = checks.iter().find_map(|checked| match &checked.verdict {
        Verdict::Failed(rejection) => Some((checked, rejection)),
        _ => None,
    })?;
    let none = Comparison::default();
    let compared = checked.comparison.as_ref().unwrap_or(&none);
    Some(match rejection {
        Rejection::TokenTooLarge => {
            format!("the text is {} bytes long and no token is longer than 65536: paste the token alone", token.len())
        }
        Rejection::MalformedToken if checked.check == Check::Parts => shape(token),
        Rejection::MalformedToken if checked.check == Check::Header => {
            "the header is no JSON object with an alg: the text is no JWT, or was damaged on its way here".to_owned()
        }
        Rejection::MalformedToken => "the issuer writes a kid or typ that is no text: only it can mend that".to_owned(),
        Rejection::UnsupportedAlgorithm if text_of(header, "alg").is_some_and(|alg| alg.eq_ignore_ascii_case("none")) => {
            "the token is unsigned (alg is \"none\"): have the issuer sign its tokens, with RS256 for one".to_owned()
        }
        Rejection::UnsupportedAlgorithm => format!(
            "the token says alg=\"{}\", which is unknown here: have the issuer sign with one of {}",
            tame(text_of(header, "alg").unwrap_or_default()),
            Algorithm::ALL.map(Algorithm::name).join(", ")
        ),
        Rejection::CriticalHeader => {
            "the header demands an extension (crit, b64 or zip) that is not understood here: have the issuer leave it out"
                .to_owned()
        }
        Rejection::AlgorithmNotAllowed => algorithm(compared),
        Rejection::UnknownKey | Rejection::InvalidSignature if other_issuer(checks).is_some() => {
            let Comparison { got, expected } = other_issuer(checks).unwrap_or(&none);
            format!(
                "the token says iss={} and this verifier expects {}: it is another issuer's token, whose key is not here",
                tamed(got),
                tamed(expected)
            )
        }
        Rejection::UnknownKey => unknown_key(compared),
        Rejection::AmbiguousKey => {
            "several keys fit the token: have the issuer name one by kid, or give the one key alone".to_owned()
        }
        Rejection::InvalidSignature => signature(text_of(header, "alg"), text_of(claims, "iss")),
        Rejection::WrongType => format!(
            "the token says typ={} and this verifier expects {}: send an access token, not an ID or refresh token, or \
             change typ",
            tamed(&compared.got),
            tamed(&compared.expected)
        ),
        Rejection::MalformedClaims { claim } => malformed(*claim, claims),
        Rejection::Expired { at } => format!(
            "the token expired {} ago: get a new one{}",
            span(now.seconds() - at.seconds()),
            clocks(now.seconds() - at.seconds())
        ),
        Rejection::NotYetValid { from } => format!(
            "the token is not valid for another {} (nbf): wait{}",
            span(from.seconds() - now.seconds()),
            clocks(from.seconds() - now.seconds())
        ),
        Rejection::IssuerMismatch => issuer(compared),
        Rejection::AudienceMismatch => mismatch("aud", "audience", compared),
        Rejection::ClientMismatch => mismatch("client_id", "client", compared),
        Rejection::BoundToken => {
            "the token is bound to a key of the client (cnf, DPoP): have the issuer make a bearer token, or set \
             allow_bound_tokens=True"
                .to_owned()
        }
        Rejection::InsufficientScope { missing } => format!(
            "the token grants {} and {} is missing: have the client ask for it, or take it out of required_scopes",
            tamed(&compared.got),
            tamed(missing)
        ),
        Rejection::CustomCheckFailed => {
            "a check of the verifier's own subclass failed or gave no answer: its error has the cause".to_owned()
        }
        other => other.to_string(),
    })
}

fn text_of<'o>(object: Option<&'o Object>, name: &str) -> Option<&'o str> {
    object.and_then(|object| object.get(name)).and_then(Value::as_str)
}

/// What stands where a token should.
fn shape(token: &[u8]) -> String {
    let text = String::from_utf8_lossy(token);
    let trimmed = text.trim();
    let starts = |word: &str| trimmed.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let dots = trimmed.matches('.').count();
    let in_quotes = |c: char| trimmed.starts_with(c) || trimmed.ends_with(c);
    let told = if trimmed.is_empty() {
        "there is no token: the text is empty"
    } else if starts("Authorization:") || starts("Bearer ") {
        "the text starts with \"Bearer\", which belongs to the HTTP header: give the token behind it alone"
    } else if starts("-----BEGIN ") {
        "the text is a key or a certificate, not a token"
    } else if in_quotes('"') || in_quotes('\'') {
        "the token stands in quotes: leave them out"
    } else if trimmed.starts_with('{') {
        "the text is JSON, perhaps a whole answer of the token endpoint: give the value of access_token alone"
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        "the text holds spaces, line ends or control characters, which no token has: give the token on one line"
    } else if dots == 4 {
        "the token has five parts, so it is encrypted (JWE): have the issuer make signed tokens"
    } else if dots == 0 {
        "the text is no JWT but an opaque token: have the issuer make JWTs (some do only if the client asks for an audience), \
         or use OAuthProvider, which asks the server about it"
    } else if dots != 2 {
        "a JWT has three parts with dots between them, and this text has not: it may be cut off"
    } else if text.contains(['=', '+', '/']) {
        "a part is padded or is not in the alphabet of base64url: whatever made or passed on the token changed it"
    } else {
        "a part is no base64url: the token was cut off or damaged on its way here"
    };
    told.to_owned()
}

fn algorithm(compared: &Comparison) -> String {
    let symmetric = |names: &[Box<str>]| names.iter().any(|name| name.starts_with("HS"));
    let advice = match (symmetric(&compared.got), symmetric(&compared.expected)) {
        (true, false) => {
            "it was signed with a shared secret, and here are public keys: if the issuer does so, give the secret, \
             else somebody made this token from a public key"
        }
        (false, true) => "it was signed with a private key, and here is a shared secret: give public_key or jwks_uri",
        _ => "if that is what the issuer uses, name it as the algorithm",
    };
    format!("the token says alg={} and this verifier accepts {}: {advice}", tamed(&compared.got), listed(compared))
}

fn listed(compared: &Comparison) -> String {
    compared.expected.join(", ")
}

fn unknown_key(compared: &Comparison) -> String {
    let named = if compared.got.is_empty() { "no key".to_owned() } else { format!("the key {}", tamed(&compared.got)) };
    let here = if compared.expected.is_empty() {
        "have no id".to_owned()
    } else {
        format!("are {}", tamed(&compared.expected))
    };
    format!(
        "the token names {named}, and the keys here {here}: they are those of another issuer or environment, or the issuer \
         has changed its keys"
    )
}

fn signature(alg: Option<&str>, issuer: Option<&str>) -> String {
    let whose = issuer.map(|issuer| format!(" (the token says iss=\"{}\")", tame(issuer))).unwrap_or_default();
    if alg.is_some_and(|alg| alg.starts_with("HS")) {
        return format!(
            "another secret signed the token{whose}, or the token was changed: compare the secrets, line ends and base64 too"
        );
    }
    format!("another key signed the token{whose}, or the token was changed: give the key of the issuer that made it")
}

fn malformed(claim: Option<&str>, claims: Option<&Object>) -> String {
    let Some(claim) = claim else {
        return "the payload is no strict JSON object, so the token is no JWT".to_owned();
    };
    let wrong = match claims.and_then(|claims| claims.get(claim)) {
        Some(Value::Int(_) | Value::Float(_) | Value::BigInt(_)) if ["exp", "nbf", "iat"].contains(&claim) => {
            "is past the year 9999, as milliseconds are: RFC 7519 wants seconds"
        }
        Some(Value::String(_)) => "is a text: RFC 7519 wants a number",
        Some(Value::Null) => "is null: leave it out instead",
        _ => "has a type that RFC 7519 does not allow",
    };
    format!("the claim {claim} {wrong}; only the issuer can mend that")
}

/// Clocks that differ are to be thought of where little is missing.
fn clocks(seconds: f64) -> &'static str {
    const LITTLE: f64 = 300.0;
    if seconds <= LITTLE { "; if it is new, compare the clocks, or set leeway" } else { "" }
}

/// What the check of the issuer compared, where it failed.
fn other_issuer(checks: &[Checked]) -> Option<&Comparison> {
    if passed(checks, Check::Issuer) {
        return None;
    }
    let issuer = checks.iter().find(|checked| checked.check == Check::Issuer)?;
    issuer.comparison.as_ref()
}

fn issuer(compared: &Comparison) -> String {
    let says = mismatch("iss", "issuer", compared);
    let bare = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
    let close = |got: &str| compared.expected.iter().find(|expected| bare(expected) == bare(got));
    match compared.got.first().and_then(|got| close(got).map(|expected| (got, expected))) {
        Some((got, expected)) if got.trim_end_matches('/') == expected.trim_end_matches('/') => {
            format!("{says} (they differ in the slash at the end, and issuers are compared character by character)")
        }
        Some(_) => format!("{says} (they differ in case, and issuers are compared character by character)"),
        None => says,
    }
}

fn mismatch(claim: &str, parameter: &str, compared: &Comparison) -> String {
    let (got, expected) = (tamed(&compared.got), tamed(&compared.expected));
    if compared.got.is_empty() {
        return format!("the token has no {claim} and this verifier expects {expected}: have the issuer set it");
    }
    format!(
        "the token says {claim}={got} and this verifier expects {expected}: if the token is meant for this server, \
         set {parameter} to what the token says, else get one that is"
    )
}
