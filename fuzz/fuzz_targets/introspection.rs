//! Any answer of an introspection endpoint or a verification service: only `active` or a yes lets anybody in.

#![no_main]

use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::oauth::server::introspection_result::IntrospectionResult;
use fastmcp_rs::oauth::server::{introspection, json_verification};
use fastmcp_rs::policy::Policy;
use fastmcp_rs::verify::Decision;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Some((status, body)) = input.split_first_chunk::<2>() else { return };
    let status = u16::from_le_bytes(*status) % 600;
    let now = NumericDate::from_seconds(1_700_000_000);
    let accepts = |result: IntrospectionResult| {
        matches!(result.into_answer(None).decide(&Policy::default(), now), Decision::Accepted(_))
    };
    let theirs: Option<Value> = serde_json::from_slice(body).ok();
    if accepts(introspection::read(status, body)) {
        assert!((200..300).contains(&status), "{status}");
        // A number beyond every float, in a member that is not read, is none to the other parser.
        let Some(theirs) = theirs.as_ref() else { return };
        assert!(theirs["active"] == Value::Bool(true));
        assert!(theirs.get("exp").is_none_or(|exp| exp.as_f64().is_some_and(|exp| exp > now.seconds())));
    }
    if accepts(json_verification::read(status, body)) {
        assert!((200..300).contains(&status) && theirs.is_none_or(|theirs| theirs.is_object()));
    }
});
