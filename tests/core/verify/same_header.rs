//! A verifier reads the header of the last accepted token once: every check still decides by the header of its own token.

#![allow(clippy::unwrap_used, reason = "a test that cannot make its token has failed")]

use std::sync::{Arc, Mutex};

use crate::common::{ACCEPTED, Signer, TestVerifier, claims, load};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::keys::{KeySource, Keys};

/// Keys that a test replaces.
#[derive(Debug)]
struct Replaced(Mutex<Keys>);

impl Replaced {
    fn with(&self, keys: &str) {
        *self.0.lock().unwrap() = of(keys);
    }
}

impl KeySource for Replaced {
    fn keys(&self) -> Keys {
        self.0.lock().unwrap().clone()
    }
}

fn of(keys: &str) -> Keys {
    Keys::Snapshot(Arc::new(load(keys, &["HS256"]).unwrap().keys.into()))
}

fn set(signer: &Signer, kid: &str) -> String {
    format!(r#"{{"keys":[{}]}}"#, signer.jwk(&format!(r#","kid":"{kid}""#)))
}

fn token(signer: &Signer, members: &str) -> String {
    signer.sign(signer.header(members), claims())
}

#[test]
fn a_key_that_is_replaced_or_removed_counts_at_once() {
    let [old, new] = [Signer::fresh(Algorithm::HS256), Signer::fresh(Algorithm::HS256)];
    let keys = Arc::new(Replaced(Mutex::new(of(&set(&old, "a")))));
    let verifier = TestVerifier::with_source(Arc::clone(&keys) as _, &["HS256"]);
    let [by_old, by_new] = [&old, &new].map(|signer| token(signer, r#","kid":"a""#));
    assert_eq!(by_old.split('.').next(), by_new.split('.').next());
    assert_eq!(
        [verifier.code(&by_old), verifier.code(&by_old), verifier.code(&by_new)],
        [ACCEPTED, ACCEPTED, "invalid_signature"]
    );
    keys.with(&set(&new, "a"));
    assert_eq!([verifier.code(&by_old), verifier.code(&by_new)], ["invalid_signature", ACCEPTED]);
    keys.with(&set(&new, "b"));
    assert_eq!([verifier.code(&by_old), verifier.code(&by_new)], ["unknown_key", "unknown_key"]);
}

#[test]
fn a_different_header_is_read_anew() {
    let signer = Signer::fresh(Algorithm::HS256);
    let verifier = TestVerifier::new(set(&signer, "a"), &["HS256"]);
    let good = token(&signer, r#","kid":"a""#);
    for (members, code) in [
        (r#","kid":"b""#, "unknown_key"),
        (r#","kid":"A""#, "unknown_key"),
        (r#","kid":"a","crit":["x"]"#, "critical_header"),
        (r#","kid":"a","b64":false"#, "critical_header"),
        (r#","kid":"a","zip":"DEF""#, "critical_header"),
        (r#","kid":"a","kid":"a""#, "malformed_token"),
        (r#","kid":1"#, "malformed_token"),
        (r#","kid":"\u0061""#, ACCEPTED),
        (r#","kid":"a","x":[{"y":-1.5}]"#, ACCEPTED),
    ] {
        assert_eq!(verifier.code(&good), ACCEPTED);
        assert_eq!(verifier.code(token(&signer, members)), code, "{members}");
        assert_eq!(verifier.code(&good), ACCEPTED);
    }
    for (typ, code) in [("refresh+jwt", "wrong_type"), ("at+jwt", ACCEPTED), ("JWT", ACCEPTED)] {
        let header = format!(r#"{{"alg":"HS256","kid":"a","typ":"{typ}"}}"#);
        assert_eq!([verifier.code(signer.sign(header, claims())), verifier.code(&good)], [code, ACCEPTED], "{typ}");
    }
    let (header, rest) = good.split_once('.').unwrap();
    for header in [format!("{header}="), format!("{header}A"), header[1..].to_owned(), header.to_uppercase()] {
        assert_ne!(verifier.code(format!("{header}.{rest}")), ACCEPTED, "{header}");
    }
    let forged = token(&Signer::fresh(Algorithm::HS256), r#","kid":"a""#);
    assert_eq!(verifier.code(forged), "invalid_signature");
    assert_eq!(verifier.code(good), ACCEPTED);
}
