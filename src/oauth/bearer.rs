//! Bearer credentials in a request (RFC 6750 section 2.1).

use crate::rejection::Rejection;

/// The token of the `Authorization` headers of a request. The scheme is compared without case (RFC 9110 section 11.1).
///
/// What stands behind the scheme is not judged here, so that a token that no syntax allows is refused for what it is.
/// None is ever taken from the query (MCP authorization, "Access Token Usage"), but one there is a second way of
/// presenting it, which RFC 6750 section 2 forbids.
///
/// # Errors
/// `MissingToken` where there is no header, or one of another scheme; `InvalidRequest` where there are several, or a
/// query that presents a token as well.
pub fn token<'h>(mut headers: impl Iterator<Item = &'h [u8]>, query: &[u8]) -> Result<&'h [u8], Rejection> {
    let value = headers.next().ok_or(Rejection::MissingToken)?;
    if headers.next().is_some() {
        return Err(Rejection::InvalidRequest);
    }
    let value = value.trim_ascii();
    let (scheme, rest) = value.iter().position(|&byte| byte == b' ').map_or((value, &[][..]), |at| value.split_at(at));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Rejection::MissingToken);
    }
    let token = rest.trim_ascii();
    // RFC 9110 section 5.3: a proxy may have joined two headers into one, with a comma between them.
    if token.is_empty() || token.contains(&b',') || presents_token(query) {
        return Err(Rejection::InvalidRequest);
    }
    Ok(token)
}

/// Whether the text is one that a bearer token may be: `b64token`.
#[must_use]
pub fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// Whether a query holds the parameter of RFC 6750 section 2.3.
fn presents_token(query: &[u8]) -> bool {
    !query.is_empty() && form_urlencoded::parse(query).any(|(name, _)| name == "access_token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_of_few_characters() {
        for token in ["t", "a.b.c", "AZaz09-._~+/", "YQ=="] {
            assert!(is_token(token), "{token:?}");
        }
        for text in ["", "=", "==", "a=b", "a b", " a", "a\n", "a,b", "a\"b", "a\\b", "a:b", "a|b", "é", "a\0", "%41"]
        {
            assert!(!is_token(text), "{text:?}");
        }
    }

    fn read(headers: &[&'static str]) -> Result<&'static str, Rejection> {
        token(headers.iter().map(|header| header.as_bytes()), b"").map(|token| std::str::from_utf8(token).unwrap())
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        for header in ["Bearer t", "bearer t", "BEARER t", "Bearer  t ", " Bearer t"] {
            assert_eq!(read(&[header]), Ok("t"), "{header:?}");
        }
        for header in ["Basic t", "Token t", "t", "BearerX t", "", "Bearer\tt"] {
            assert_eq!(read(&[header]), Err(Rejection::MissingToken), "{header:?}");
        }
        assert_eq!(read(&[]), Err(Rejection::MissingToken));
    }

    #[test]
    fn credentials_are_given_once() {
        for headers in [
            &["Bearer a", "Bearer b"][..],
            &["Bearer a", "Basic b"],
            &["Bearer a, Bearer b"],
            &["Bearer "],
            &["Bearer"],
        ] {
            assert_eq!(read(headers), Err(Rejection::InvalidRequest), "{headers:?}");
        }
    }
    #[test]
    fn i2_a_token_in_the_query_is_never_taken_and_spoils_one_in_the_header() {
        let header = || std::iter::once(&b"Bearer t"[..]);
        for query in ["access_token=x", "a=b&access_token=", "access%5Ftoken=x", "access_token"] {
            assert_eq!(token(header(), query.as_bytes()), Err(Rejection::InvalidRequest), "{query}");
            assert_eq!(token(std::iter::empty(), query.as_bytes()), Err(Rejection::MissingToken), "{query}");
        }
        for query in ["", "x=access_token", "Access_Token=x", "access_token2=x"] {
            assert_eq!(token(header(), query.as_bytes()), Ok(&b"t"[..]), "{query}");
        }
    }
}
