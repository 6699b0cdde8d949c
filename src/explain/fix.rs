//! The most likely fix for a refused token, on one line. Texts of the token are sanitized.

use super::checked::{CheckOutcome, Checked};
use super::comparison_advice::{audience, issuer, mismatch};
use super::form_advice::{not_asked_about, shape};
use super::key_advice::{self, text_of};
use super::names::SettingNames;
use super::times::span;
use crate::jose::json::{self, Object, Value};
use crate::jose::jwa::Algorithm;
use crate::jose::jws;
use crate::jose::jwt::NumericDate;
use crate::outcome::check::{Check, Comparison};
use crate::outcome::finding::Finding;
use crate::outcome::rejection::Rejection;
use crate::untrusted::{sanitize, sanitize_all};

const BOUND_TO_CERTIFICATE: &str = "the token is bound to a client certificate (cnf, x5t#S256), which is not looked at here: \
     have the issuer make a bearer token, or one that is bound by DPoP";

/// What is known only with keys.
#[derive(Default)]
pub(super) struct Known<'k> {
    /// Why the published key that the token names cannot be used.
    pub(super) skipped_key: Option<&'k str>,
    /// How the secret would fit, if it would in another form.
    pub(super) other_secret: Option<&'static str>,
    /// What is known about a token that no server could be asked about.
    pub(super) finding: Option<&'k Finding>,
    /// The names of settings for the reader.
    pub(super) names: SettingNames,
}

/// The most likely fix. For a token without a decision: the fix for what would refuse it in any case.
pub(super) fn likely_fix(
    token: &[u8],
    checks: &[Checked],
    header: Option<&Object>,
    claims: Option<&Object>,
    known: &Known<'_>,
    now: NumericDate,
) -> Option<String> {
    let (checked, rejection) = checks.iter().find_map(|checked| match &checked.outcome {
        CheckOutcome::Failed(rejection) => Some((checked, rejection)),
        _ => None,
    })?;
    let none = Comparison::default();
    let compared = checked.comparison.as_ref().unwrap_or(&none);
    let names = known.names;
    Some(match rejection {
        Rejection::TokenTooLarge => {
            format!("the text is {} bytes long and no token is longer than 65536: paste the token alone", token.len())
        }
        Rejection::MalformedToken => malformed_token(token, checked.check, known),
        Rejection::UnsupportedAlgorithm if text_of(header, "alg").is_some_and(|alg| alg.eq_ignore_ascii_case("none")) => {
            "the token is unsigned (alg is \"none\"): have the issuer sign its tokens, with RS256 for one".to_owned()
        }
        Rejection::UnsupportedAlgorithm => format!(
            "the token says alg=\"{}\", which is unknown here: have the issuer sign with one of {}",
            sanitize(text_of(header, "alg").unwrap_or_default()),
            Algorithm::ALL.map(Algorithm::name).join(", ")
        ),
        Rejection::CriticalHeader => {
            "the header demands an extension (crit, b64 or zip) that is not understood here: have the issuer leave it out"
                .to_owned()
        }
        Rejection::AlgorithmNotAllowed => algorithm(compared, names),
        Rejection::UnknownKey | Rejection::InvalidSignature => key(rejection, compared, checks, header, claims, known),
        Rejection::AmbiguousKey => {
            "several keys fit the token: have the issuer name one by kid, or give the one key alone".to_owned()
        }
        Rejection::WrongType if compared.expected.is_empty() => {
            "the token says itself that it is a refresh token, or another that is no access token: send the access token".to_owned()
        }
        Rejection::WrongType => format!(
            "the token says typ={} and this verifier expects {}: send an access token, not an ID or refresh token, or \
             change {}",
            sanitize_all(&compared.got),
            sanitize_all(&compared.expected),
            names.of("typ")
        ),
        Rejection::IdToken { by: Some(by) } => format!(
            "the token is an ID token, by its {by}: have the client send the access token that came with it, or set \
             {} if ID tokens are meant",
            names.of("allow_id_tokens=True")
        ),
        Rejection::IdToken { by: None } => format!(
            "nothing in the token says that it is an access token (typ at+jwt, client_id, scope, scp): send the access token, \
             or leave {} out",
            names.of("allow_id_tokens=False")
        ),
        Rejection::UntypedToken => "the server does not say of what type the token is, and it may be a refresh token: send the \
             access token, or set require_token_type=False if the server never names a type"
            .to_owned(),
        Rejection::InactiveToken => "the server says that the token is not active: it has expired or was revoked, or another \
             server, or this one for another client, issued it: get a new one from this server"
            .to_owned(),
        Rejection::MalformedClaims { claim } => malformed(token, *claim, claims),
        Rejection::Expired { at } => format!(
            "the token expired {} ago: get a new one{}",
            span(now.seconds() - at.seconds()),
            clocks(now.seconds() - at.seconds(), names)
        ),
        Rejection::NotYetValid { from } => format!(
            "the token is not valid for another {} (nbf): wait{}",
            span(from.seconds() - now.seconds()),
            clocks(from.seconds() - now.seconds(), names)
        ),
        Rejection::IssuerMismatch => issuer(compared, checks, names),
        Rejection::AudienceMismatch if compared.expected.is_empty() => {
            "the audience is the URL of the resource that is served, and none is known before a server is made of the \
             provider: give audience= where the provider stands inside another"
                .to_owned()
        }
        Rejection::AudienceMismatch => audience(compared, text_of(claims, "client_id"), names),
        Rejection::ClientMismatch => mismatch("client_id", &names.of("client_id"), compared),
        Rejection::IssuedInFuture { .. }
        | Rejection::MissingClaim { .. }
        | Rejection::ClaimMismatch { .. }
        | Rejection::InsufficientUserAuthentication { .. } => claim_rule(rejection, compared, now),
        Rejection::BoundToken => format!(
            "the token is bound to a key of the client (cnf, DPoP): take proofs of possession with {}, or have the issuer make \
             a bearer token, or set {}",
            names.of("dpop=\"allowed\""),
            names.of("allow_bound_tokens=True")
        ),
        Rejection::CertificateBoundToken => BOUND_TO_CERTIFICATE.to_owned(),
        Rejection::InsufficientScope { missing } => scope(missing, compared, claims, names),
        Rejection::DeniedToken => {
            "it is denied on purpose: take it, its subject or its client off the deny list, or get a new token".to_owned()
        }
        Rejection::CustomCheckFailed => {
            "a check of the verifier's own subclass failed or gave no answer: its error has the cause".to_owned()
        }
        other => other.to_string(),
    })
}

/// Advice for a text that is not a readable token.
fn malformed_token(token: &[u8], check: Check, known: &Known<'_>) -> String {
    match (check, known.finding) {
        (Check::Syntax | Check::Introspection, Some(finding)) => finding.to_string(),
        (Check::Syntax, None) => not_asked_about(token),
        (Check::Parts, _) => shape(token),
        (Check::Header, _) => {
            "the header is no JSON object with an alg: the text is no JWT, or was damaged on its way here".to_owned()
        }
        _ => "the issuer writes a kid or typ that is no text: only it can mend that".to_owned(),
    }
}

/// Advice if no key fits, or the signature is invalid.
fn key(
    rejection: &Rejection,
    compared: &Comparison,
    checks: &[Checked],
    header: Option<&Object>,
    claims: Option<&Object>,
    known: &Known<'_>,
) -> String {
    let elsewhere = || key_advice::for_microsoft_graph(header, claims).or_else(|| key_advice::other_issuer(checks));
    if let Some(advice) = elsewhere().filter(|_| known.skipped_key.is_none() && known.other_secret.is_none()) {
        return advice;
    }
    match rejection {
        Rejection::UnknownKey => key_advice::unknown_key(compared, known.skipped_key, checks),
        _ => key_advice::signature(text_of(header, "alg"), text_of(claims, "iss"), known.other_secret),
    }
}

fn scope(missing: &[Box<str>], compared: &Comparison, claims: Option<&Object>, names: SettingNames) -> String {
    let lack = format!("the token grants {} and {} is missing", sanitize_all(&compared.got), sanitize_all(missing));
    match key_advice::claim_that_grants(claims, missing) {
        Some(claim) => {
            format!("{lack}, but its claim \"{claim}\" has it: name that claim in {}", names.of("scope_claims"))
        }
        None => format!("{lack}: have the client ask for it, or take it out of {}", names.of("required_scopes")),
    }
}

fn algorithm(compared: &Comparison, names: SettingNames) -> String {
    let symmetric = |names: &[Box<str>]| names.iter().any(|name| name.starts_with("HS"));
    let advice = match (symmetric(&compared.got), symmetric(&compared.expected)) {
        (true, false) => {
            "it was signed with a shared secret, and here are public keys: if the issuer does so, give the secret, \
             else this token was forged with a public key as the secret"
                .to_owned()
        }
        (false, true) => format!(
            "it was signed with a private key, and here is a shared secret: give {}",
            names.of("public_key or jwks_uri")
        ),
        _ => format!("if that is what the issuer uses, name it as {}", names.of("algorithm")),
    };
    format!(
        "the token says alg={} and this verifier accepts {}: {advice}",
        sanitize_all(&compared.got),
        listed(compared)
    )
}

fn listed(compared: &Comparison) -> String {
    compared.expected.join(", ")
}

fn malformed(token: &[u8], claim: Option<&str>, claims: Option<&Object>) -> String {
    let Some(claim) = claim else {
        let payload = jws::split(token, jws::MAX_TOKEN_BYTES).map(|parts| parts.payload).unwrap_or_default();
        let rule = json::parse_object(&payload).err().map_or_else(String::new, |rule| format!(": {rule}"));
        return format!("the payload is no strict JSON object{rule}; only the issuer can mend that");
    };
    let wrong = match (claim, claims.and_then(|claims| claims.get(claim))) {
        (_, Some(Value::Null)) => "is null: leave it out instead",
        ("exp" | "nbf" | "iat", Some(Value::Int(_) | Value::Float(_) | Value::BigInt(_))) => {
            "is past the year 9999, as milliseconds are: RFC 7519 wants seconds"
        }
        ("exp" | "nbf" | "iat", Some(Value::String(_))) => "is a text: RFC 7519 wants a number",
        ("cnf", _) => "is no JSON object, as RFC 7800 section 3.1 wants it",
        ("scope" | "scp", Some(Value::String(_))) => "is no scopes with one space between them (RFC 6749 section 3.3)",
        ("scope" | "scp", _) => "is neither a text nor a list of texts",
        _ => "has a type that RFC 7519 does not allow",
    };
    format!("the claim {claim} {wrong}; only the issuer can mend that")
}

/// If the token is only a little too old or too new, the clocks may differ.
fn clocks(seconds: f64, names: SettingNames) -> String {
    const LITTLE: f64 = 300.0;
    let advice = || format!("; if it is new, compare the clocks, or set {}", names.of("leeway"));
    if seconds <= LITTLE { advice() } else { String::new() }
}

/// Advice if a rule about claims is broken.
fn claim_rule(rejection: &Rejection, compared: &Comparison, now: NumericDate) -> String {
    match rejection {
        Rejection::IssuedInFuture { at } => format!(
            "the token says that it is issued in {} (iat): compare the clocks, or set iat_leeway",
            span(at.seconds() - now.seconds())
        ),
        Rejection::MissingClaim { claim } => format!(
            "the token has no claim \"{}\": have the issuer add it, or take it out of required_claims and expected_claims",
            sanitize(claim)
        ),
        Rejection::ClaimMismatch { claim } => format!(
            "the token says {}={} and this verifier expects {}: get another token, or change the rule of that claim",
            sanitize(claim),
            sanitize_all(&compared.got),
            sanitize_all(&compared.expected)
        ),
        Rejection::InsufficientUserAuthentication { max_age, authenticated: Some(_) } => {
            format!(
                "max_age is {max_age} seconds: have the client send the user to sign in again, with max_age={max_age}"
            )
        }
        Rejection::InsufficientUserAuthentication { authenticated: None, .. } => {
            "the token has no auth_time: have the issuer add it, which many do if the client asks with max_age"
                .to_owned()
        }
        other => other.to_string(),
    }
}
