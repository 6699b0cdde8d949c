//! Recognises what was given in place of a token, such as a whole header or a quoted text.

use crate::jose::base64url;
use crate::jose::json;

/// A common mistake: a text that is not a token.
fn no_token(text: &str) -> Option<&'static str> {
    let trimmed = text.trim();
    let starts = |word: &str| trimmed.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let in_quotes = |c: char| trimmed.starts_with(c) || trimmed.ends_with(c);
    if trimmed.is_empty() {
        Some("there is no token: the text is empty")
    } else if starts("Authorization:") || starts("Bearer ") {
        Some("the text starts with \"Bearer\", which belongs to the HTTP header: give the token behind it alone")
    } else if starts("-----BEGIN ") {
        Some("the text is a key or a certificate, not a token")
    } else if in_quotes('"') || in_quotes('\'') {
        Some("the token stands in quotes: leave them out")
    } else if trimmed.starts_with('{') {
        Some("the text is JSON, perhaps a whole answer of the token endpoint: give the value of access_token alone")
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("the text holds spaces, line ends or control characters, which no token has: give the token on one line")
    } else {
        None
    }
}

/// Why no server is asked about this text.
pub(super) fn not_asked_about(token: &[u8]) -> String {
    let advice = no_token(&String::from_utf8_lossy(token));
    advice.unwrap_or("the text holds a character that no bearer token has (RFC 6750 section 2.1), so that no server is asked about it")
        .to_owned()
}

/// Describes a text that is not a JWS.
pub(super) fn shape(token: &[u8]) -> String {
    let text = String::from_utf8_lossy(token);
    let trimmed = text.trim();
    let dots = trimmed.matches('.').count();
    let advice = if let Some(advice) = no_token(&text) {
        advice
    } else if dots == 4 && encrypts_for_itself(trimmed) {
        "the token has five parts and alg \"dir\": the issuer encrypted it for itself, as some do where the client does not ask \
         for an audience: have the client ask for that of this server"
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
    advice.to_owned()
}

/// Whether an encrypted token has `alg` `dir`: only the issuer has its key.
fn encrypts_for_itself(token: &str) -> bool {
    let header = base64url::decode(token.split('.').next().unwrap_or_default().as_bytes());
    let header = header.and_then(|header| json::parse_object(&header).ok());
    header.is_some_and(|header| header.get("alg").and_then(json::Value::as_str) == Some("dir"))
}
