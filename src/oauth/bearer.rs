//! Bearer credentials in a request (RFC 6750 section 2.1).

use crate::outcome::rejection::Rejection;

/// The token of the `Authorization` headers of a request. The scheme is compared without case (RFC 9110 section 11.1).
///
/// The syntax of the token behind the scheme is not checked here, so that a bad token has its own reason.
/// A token in the query is never used (MCP authorization, "Access Token Usage"). Beside one in a header it is a second way of
/// presenting a token, which RFC 6750 section 2 forbids.
///
/// # Errors
/// `MissingToken` where there is no header, one of another scheme, or one with nothing behind the scheme, which clients
/// send that have no token yet; `InvalidRequest` where there are several, or a query that presents a token as well.
#[inline]
pub fn token<'h>(headers: impl Iterator<Item = &'h [u8]>, query: &[u8]) -> Result<&'h [u8], Rejection> {
    credentials(headers, query, |scheme| scheme.eq_ignore_ascii_case(b"bearer").then_some(())).map(|((), token)| token)
}

/// Does the same for further schemes: those that `known` accepts.
///
/// # Errors
/// As of [`token`].
#[inline]
pub fn credentials<'h, S>(
    mut headers: impl Iterator<Item = &'h [u8]>,
    query: &[u8],
    known: impl FnOnce(&[u8]) -> Option<S>,
) -> Result<(S, &'h [u8]), Rejection> {
    let value = headers.next().ok_or(Rejection::MissingToken)?;
    if headers.next().is_some() {
        return Err(Rejection::InvalidRequest);
    }
    let value = value.trim_ascii();
    let (scheme, rest) = value.iter().position(|&byte| byte == b' ').map_or((value, &[][..]), |at| value.split_at(at));
    let scheme = known(scheme).ok_or(Rejection::MissingToken)?;
    let token = rest.trim_ascii();
    if token.is_empty() {
        return Err(Rejection::MissingToken);
    }
    // RFC 9110 section 5.3: a proxy may have joined two headers into one, with a comma between them.
    if token.contains(&b',') || presents_token(query) {
        return Err(Rejection::InvalidRequest);
    }
    Ok((scheme, token))
}

/// Whether the text has the syntax of a bearer token: `b64token`.
#[must_use]
pub fn is_token(text: &str) -> bool {
    is_token_with(text, b"")
}

/// Whether the text has the syntax of a bearer token, with these further characters.
#[must_use]
pub fn is_token_with(text: &str, further: &[u8]) -> bool {
    let body = text.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte) || further.contains(&byte);
    !body.is_empty() && body.bytes().all(fits)
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
    fn a_scheme_with_nothing_behind_it_presents_no_token() {
        for header in ["Bearer", "Bearer ", "Bearer   ", "bearer", " BEARER \t"] {
            assert_eq!(read(&[header]), Err(Rejection::MissingToken), "{header:?}");
        }
    }

    #[test]
    fn credentials_are_given_once() {
        for headers in [
            &["Bearer a", "Bearer b"][..],
            &["Bearer a", "Basic b"],
            &["Bearer a", "Bearer"],
            &["Bearer a, Bearer b"],
            &["Bearer ,"],
        ] {
            assert_eq!(read(headers), Err(Rejection::InvalidRequest), "{headers:?}");
        }
    }

    #[test]
    fn a_token_in_the_query_is_never_taken_and_spoils_one_in_the_header() {
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
