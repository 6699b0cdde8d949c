//! What a request presents: a token under one of two schemes, and proofs (RFC 9449 section 7.1).

use super::target_uri::TargetUri;
use crate::oauth::bearer;
use crate::outcome::rejection::Rejection;

/// The scheme under which a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthScheme {
    /// RFC 6750 section 2.1.
    Bearer,
    /// RFC 9449 section 7.1.
    Dpop,
}

/// The credentials of the `Authorization` headers of a request: scheme and token.
///
/// # Errors
/// As [`bearer::token`]: presenting a token in two ways is an error.
pub fn credentials<'h>(
    headers: impl Iterator<Item = &'h [u8]>,
    query: &[u8],
) -> Result<(AuthScheme, &'h [u8]), Rejection> {
    bearer::credentials(headers, query, |scheme| {
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return Some(AuthScheme::Bearer);
        }
        scheme.eq_ignore_ascii_case(b"dpop").then_some(AuthScheme::Dpop)
    })
}

/// The parts of a request that a proof is compared with.
#[derive(Debug, Clone)]
pub struct PresentedRequest {
    /// The scheme of its token.
    pub scheme: AuthScheme,
    /// Its `DPoP` headers, as they came.
    pub proofs: Vec<Box<[u8]>>,
    /// Its method, if it is known.
    pub method: Option<Box<str>>,
    /// Its URL as clients of the server use it, if it is known.
    pub url: Option<TargetUri>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[&'static str]) -> Result<(AuthScheme, String), Rejection> {
        credentials(headers.iter().map(|header| header.as_bytes()), b"")
            .map(|(scheme, token)| (scheme, String::from_utf8(token.to_vec()).unwrap()))
    }

    #[test]
    fn a_token_comes_under_one_of_two_schemes_in_any_case() {
        for (header, scheme) in [
            ("Bearer t", AuthScheme::Bearer),
            ("BEARER t", AuthScheme::Bearer),
            ("DPoP t", AuthScheme::Dpop),
            ("dpop t", AuthScheme::Dpop),
        ] {
            assert_eq!(read(&[header]), Ok((scheme, "t".to_owned())), "{header}");
        }
        for header in ["Basic t", "DPoPX t", "DPoP", "DPoP  ", "t"] {
            assert_eq!(read(&[header]), Err(Rejection::MissingToken), "{header}");
        }
    }

    #[test]
    fn credentials_are_given_once_under_whatever_scheme() {
        for headers in
            [&["DPoP a", "DPoP b"][..], &["DPoP a", "Bearer a"], &["DPoP a, Bearer a"], &["Bearer a, DPoP a"]]
        {
            assert_eq!(read(headers), Err(Rejection::InvalidRequest), "{headers:?}");
        }
        let header = || std::iter::once(&b"DPoP t"[..]);
        assert_eq!(credentials(header(), b"access_token=x"), Err(Rejection::InvalidRequest));
    }
}
