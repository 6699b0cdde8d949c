//! Any bytes as a header: what is understood is an object to another parser too, and names a known algorithm once.

#![no_main]

use fastmcp_rs::jose::jws::Header;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let Ok(header) = Header::parse(text) else { return };
    let theirs: Value = match serde_json::from_slice(text) {
        Ok(theirs) => theirs,
        // A number beyond every float is infinite to us, in a parameter that is not understood.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => panic!("an object to one parser is none to the other: {error}"),
    };
    assert_eq!(theirs["alg"], header.algorithm.name());
    assert_eq!(theirs.get("kid").and_then(Value::as_str), header.kid());
    assert_eq!(theirs.get("typ").and_then(Value::as_str), header.typ());
    assert!(theirs.get("crit").is_none() && theirs.get("b64").is_none_or(|it| *it == Value::Bool(true)));
    assert_eq!(header.parameters().iter().len(), theirs.as_object().map_or(0, serde_json::Map::len));
});
