//! Any bytes as a JWK: what is usable holds nothing private, and verifies for its own algorithms without a panic.

#![no_main]

use fastmcp_rs::jose::json::parse_object;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwk::Jwk;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(object) = parse_object(text) else { return };
    match Jwk::from_object(&object) {
        Ok(key) => {
            assert!(object.get("d").is_none(), "a private key");
            assert_eq!(object.get("kid").and_then(|kid| kid.as_str()), key.kid.as_deref());
            for algorithm in Algorithm::ALL {
                if key.supports(algorithm) {
                    let prepared = key.material.prepare(algorithm).expect("a usable key can be prepared");
                    assert!(!prepared.verifies(b"message", &[0; 64]) && !prepared.verifies(b"message", b""));
                } else if !algorithm.accepts_key(key.material.key_type()) {
                    assert!(key.material.prepare(algorithm).is_err(), "a key of another type");
                }
            }
        }
        Err(unusable) => assert!(unusable.to_string().len() < 200),
    }
});
