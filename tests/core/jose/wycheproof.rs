//! The JOSE vectors of C2SP Wycheproof: all 510, of which exactly ten differ, each for a reason.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its vectors has failed")]

use std::collections::BTreeMap;

use crate::common::shared_vectors;
use fastmcp_rs::keys::from_public_text;
use fastmcp_rs::verify::verify_jws;
use serde_json::Value;

/// The vectors on which this project and Wycheproof differ: file, number, what Wycheproof says, and why.
const DIFFERENCES: [(&str, u64, &str, &str); 10] = [
    ("signature", 346, "valid", "a PS384 token under a key whose alg is PS256; 340 demands that such a key is refused"),
    ("signature", 347, "valid", "an ES512 token under a key whose alg is \"ES521\"; key 19 demands that it is refused"),
    ("signature", 350, "valid", "as 346"),
    ("signature", 351, "valid", "as 347"),
    ("signature", 367, "invalid", "byte for byte the same as 357, which is valid"),
    ("signature", 370, "invalid", "byte for byte the same as 357, which is valid"),
    ("signature", 372, "valid", "a \"?\" inside the header, which the MAC does not cover"),
    ("signature", 373, "valid", "a \"?\" inside the payload, which the MAC does not cover"),
    ("crypto", 50, "valid", "a JWE: there is no decryption here"),
    ("crypto", 67, "valid", "a JWE: there is no decryption here"),
];

/// How many vectors each file must have, so that a shortened file does not pass for an agreement.
const FILES: [(&str, usize); 3] = [("signature", 401), ("key", 26), ("crypto", 83)];

struct Vector {
    accepted: bool,
    result: String,
    token: String,
}

/// Every vector of a file, as this project decides about it. The key is the public one where the group has one; otherwise it
/// is symmetric, or a set of symmetric keys, and stands under "private". A key that is refused accepts no token.
fn judged(file: &str) -> Option<BTreeMap<u64, Vector>> {
    let file: Value = serde_json::from_str(&shared_vectors(&format!("wycheproof/json_web_{file}_test.json"))?).unwrap();
    let mut vectors = BTreeMap::new();
    for group in file["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]).to_string();
        let keys = from_public_text(key.as_bytes());
        for test in group["tests"].as_array().unwrap() {
            let token = match test.get("jws").or_else(|| test.get("jwe")).unwrap_or(&Value::Null) {
                Value::Null => String::new(),
                Value::String(token) => token.clone(),
                json => json.to_string(),
            };
            let accepted =
                keys.as_ref().is_ok_and(|(keys, algorithms)| verify_jws(token.as_bytes(), algorithms, keys).is_ok());
            let result = test["result"].as_str().unwrap().to_owned();
            vectors.insert(test["tcId"].as_u64().unwrap(), Vector { accepted, result, token });
        }
    }
    Some(vectors)
}

#[test]
fn wycheproof_all_510_vectors_agree_but_for_ten_with_a_reason() {
    let (mut seen, mut unexpected) = (0, Vec::new());
    for (file, count) in FILES {
        let Some(vectors) = judged(file) else { return };
        assert_eq!(vectors.len(), count, "{file}");
        seen += vectors.len();
        for (number, vector) in &vectors {
            let differs = vector.accepted != (vector.result == "valid");
            let listed = DIFFERENCES.iter().find(|(of, listed, ..)| *of == file && listed == number);
            if differs != listed.is_some() || listed.is_some_and(|(.., result, _)| *result != vector.result) {
                unexpected
                    .push(format!("{file} {number}: {} there, accepted here: {}", vector.result, vector.accepted));
            }
        }
    }
    assert_eq!(unexpected, Vec::<String>::new());
    assert_eq!(seen, 510);
}

#[test]
fn the_reasons_for_the_differences_hold() {
    let (Some(signature), Some(crypto)) = (judged("signature"), judged("crypto")) else { return };
    assert!(signature[&357].accepted && signature[&357].result == "valid");
    for twin in [367, 370] {
        assert_eq!(signature[&twin].token, signature[&357].token);
    }
    for stray in [372, 373] {
        assert_eq!(signature[&stray].token.replace('?', ""), signature[&357].token);
    }
    assert_eq!(signature[&340].result, "invalid");
    assert!(!signature[&340].accepted, "a key's own alg binds");
    for jwe in [50, 67] {
        assert_eq!(crypto[&jwe].token.matches('.').count(), 4);
    }
}
