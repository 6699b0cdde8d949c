//! Any bytes as a key text, for each family of algorithms: what is a public key to one is no secret to another.

#![no_main]

use fastmcp_rs::jose::pem;
use fastmcp_rs::keys::Algorithms;
use fastmcp_rs::keys::{from_public_text, from_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let is_public = pem::public_key(text).is_ok();
    for names in [&["HS256", "HS512"][..], &["RS256", "PS384"], &["ES256", "ES512"], &["EdDSA", "Ed25519", "Ed448"]] {
        let algorithms = Algorithms::parse(names.iter().copied()).expect("known names");
        match from_text(text, &algorithms) {
            Ok(loaded) => {
                assert!(!loaded.keys.is_empty());
                assert!(!(is_public && names[0] == "HS256"), "a public key is taken for a secret");
            }
            Err(error) => assert!(!error.to_string().contains('\0') && error.to_string().len() < 1000),
        }
    }
    if let Ok((keys, algorithms)) = from_public_text(text) {
        assert_eq!(algorithms.iter().collect::<Vec<_>>(), keys.algorithms());
    }
});
