//! Any bytes as a fetched JWK Set: whatever stands in it, no shared secret is taken, and what is said of it is short.

#![no_main]

use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::keys::remote::FetchedKeySet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match FetchedKeySet::parse(body, None) {
        Ok(document) => {
            assert!(!document.keys.is_empty());
            assert!(document.infos.iter().all(|info| ["RSA", "EC", "OKP"].contains(&info.kty)));
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                assert!(document.keys.select(algorithm, None).is_err(), "a secret from a URL");
            }
            assert!(document.notices.iter().all(|reason| !reason.contains(char::is_control) && reason.len() < 1000));
        }
        Err(error) => assert!(error.to_string().len() < 1000),
    }
});
