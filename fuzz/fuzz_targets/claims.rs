//! Any bytes as a claims set, judged at any time: no claim of a wrong type passes, and no time that is over. A scan says what
//! the strict parser and another one say.

#![no_main]

#[path = "../../tests/common/read_twice.rs"]
mod read_twice;

use std::sync::{Arc, Weak};

use fastmcp_rs::jose::jws::Header;
use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::policy::{AuthenticClaims, NoOverrides, Policy, Source};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Some((clock, payload)) = input.split_first_chunk::<8>() else { return };
    if !read_twice::is_claims_set(payload) {
        return;
    }
    let Ok(claims) = Claims::parse(payload) else { return };
    let theirs: Value = match serde_json::from_slice(payload) {
        Ok(theirs) => theirs,
        // A number beyond every float is infinite to Python and to us, which no claim that counts may be.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => panic!("an object to one parser is none to the other: {error}"),
    };
    for (name, ours) in [("iss", claims.issuer()), ("sub", claims.subject())] {
        assert_eq!(theirs.get(name).and_then(Value::as_str), ours);
    }
    assert_eq!(theirs.get("exp").and_then(Value::as_f64), claims.expires().map(NumericDate::seconds));
    let audiences: Vec<&str> = match theirs.get("aud") {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(other) => panic!("{other} is no audience"),
    };
    assert_eq!(claims.audiences().collect::<Vec<_>>(), audiences);
    // A list's members are scopes as they stand: what is no scope token grants nothing, and is never taken apart.
    let granted: Vec<&str> = match theirs.get("scope").or_else(|| theirs.get("scp")) {
        None => Vec::new(),
        Some(Value::String(words)) => words.split(' ').filter(|word| !word.is_empty()).collect(),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).filter(|scope| !scope.is_empty()).collect()
        }
        Some(other) => panic!("{other} is no scope"),
    };
    assert_eq!(claims.scopes(), granted);

    let Some(now) = NumericDate::new(f64::from_le_bytes(*clock)) else { return };
    let (expires, not_before) = (claims.expires(), claims.not_before());
    let header = Header::parse(br#"{"alg":"ES256"}"#).expect("a plain header");
    let policy = Policy::default();
    let authentic =
        AuthenticClaims::new(Source::Signature { header, key: Weak::new(), key_issuer: None }, None, claims);
    if policy.validate(Arc::new(authentic), &NoOverrides, now).is_ok() {
        assert!(expires.is_none_or(|end| now.seconds() < end.seconds()), "accepted after its end");
        assert!(not_before.is_none_or(|start| start.seconds() <= now.seconds() + 30.0), "accepted before its start");
    }
});
