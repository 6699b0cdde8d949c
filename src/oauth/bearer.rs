//! Bearer credentials in a request (RFC 6750 section 2.1).

use crate::rejection::Rejection;

/// The token of the `Authorization` headers of a request. The scheme is compared without case (RFC 9110 section 11.1).
///
/// What stands behind the scheme is not judged here, so that a token that no syntax allows is refused for what it is.
///
/// # Errors
/// `MissingToken` where there is no header, or one of another scheme; `InvalidRequest` where there are several.
pub fn token<'h>(mut headers: impl Iterator<Item = &'h [u8]>) -> Result<&'h [u8], Rejection> {
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
    if token.is_empty() {
        return Err(Rejection::InvalidRequest);
    }
    if token.contains(&b',') {
        // RFC 9110 section 5.3: a proxy may have joined two headers into one.
        return Err(Rejection::InvalidRequest);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[&'static str]) -> Result<&'static str, Rejection> {
        token(headers.iter().map(|header| header.as_bytes())).map(|token| std::str::from_utf8(token).unwrap())
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
}
