//! Reads claims with the scan and with the strict parser, and compares the results. The fuzzer does so too.

use fastmcp_rs::jose::json::{Object, Value, parse_object};
use fastmcp_rs::jose::jwt::{Claims, MalformedClaims, NumericDate, REGISTERED};
use fastmcp_rs::jose::plain_json::{Piece, Reader};

#[path = "same_json.rs"]
mod same_json;

use same_json::is_object;

/// Whether a payload is a claims set. Panics where a scan of it and the strict parser disagree.
pub(crate) fn is_claims_set(payload: &[u8]) -> bool {
    let strict = parse_object(payload).map_err(|_| MalformedClaims { claim: None });
    let (scanned, strict) = match (Claims::parse(payload), strict.and_then(|object| Claims::read(object, &REGISTERED)))
    {
        (Ok(scanned), Ok(strict)) => (scanned, strict),
        (scanned, strict) => {
            assert_eq!(scanned.err(), strict.err());
            return false;
        }
    };
    let said = |claims: &Claims| {
        let times = [claims.expires(), claims.not_before(), claims.issued_at()];
        let texts = [
            claims.issuer(),
            claims.subject(),
            claims.user(),
            claims.issued_to(),
            claims.client_id(),
            claims.token_id(),
            claims.tenant(),
            claims.token_use(),
        ];
        format!(
            "{:?} {texts:?} {:?} {:?} {:?} {} {} {}",
            times.map(|time| time.map(NumericDate::seconds)),
            claims.audiences().collect::<Vec<_>>(),
            claims.scopes(),
            claims.kind(),
            claims.is_bound(),
            claims.is_of_other_use(),
            claims.has_client_or_scope(),
        )
    };
    assert_eq!(said(&scanned), said(&strict));
    for scope in strict.scopes().into_iter().chain(["", " ", "read", "\""]) {
        assert_eq!(scanned.grants(scope), strict.grants(scope), "{scope:?}");
    }
    let with_members = Claims::take_with_members(&mut payload.to_vec()).unwrap();
    assert_eq!(said(&with_members), said(&strict));
    for claims in [&scanned, &with_members] {
        for (name, value) in strict.object().iter() {
            assert_eq!(claims.member(name), Some(value));
        }
        assert_eq!(claims.member("a name that no text has"), None);
    }
    assert_eq!(scanned.object(), strict.object());
    if let Some(text) = scanned.plain_json() {
        let read = Reader::of_object(text).and_then(|mut reader| is_object(&mut reader, strict.object()));
        assert_eq!(read, Some(true));
    }
    true
}
