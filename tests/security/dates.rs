//! Claims that are dates: rows E3, E4, E9, E11 and E14 of SECURITY.md, one test each.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{ACCEPTED, NOW, Signer, TestVerifier, claim, claims, claims_with, policy, without};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::outcome::rejection::Rejection;
use fastmcp_rs::policy::Policy;

/// A verifier with a policy, and the key whose signature it checks.
struct Server {
    verifier: TestVerifier,
    signer: Signer,
}

impl Server {
    fn new(policy: Policy) -> Self {
        let signer = Signer::fresh(Algorithm::HS256);
        Self { verifier: TestVerifier::new(signer.public_key(), &["HS256"]).with_policy(policy), signer }
    }

    fn code_with(&self, name: &str, value: &str) -> &'static str {
        self.verifier.code(self.signer.token(claim(name, value)))
    }

    fn rejection(&self, name: &str, value: &str) -> Rejection {
        self.verifier.verify(self.signer.token(claim(name, value))).unwrap_err()
    }
}

#[test]
fn e3_cve_2026_25537_a_date_of_another_type_is_not_an_absent_one() {
    let server = Server::new(policy());
    for name in ["exp", "nbf", "iat"] {
        let malformed =
            Rejection::MalformedClaims { claim: ["exp", "nbf", "iat"].into_iter().find(|claim| *claim == name) };
        for value in ["\"1\"", "\"9999999999\"", "\"\"", "true", "false", "[]", "[9999999999]", "{}", "null"] {
            assert_eq!(server.rejection(name, value), malformed, "{name} {value}");
        }
        assert_eq!(server.verifier.code(server.signer.token(without(name))), ACCEPTED, "{name} may be absent");
    }
    for (name, value) in [("exp", NOW + 1), ("nbf", NOW), ("iat", NOW)] {
        assert_eq!(server.code_with(name, &value.to_string()), ACCEPTED);
    }
}

#[test]
fn e4_fastmcp_3724_exp_at_the_edges_of_numbers() {
    let server = Server::new(policy());
    let past = |at: i64| Rejection::Expired { at: NumericDate::from_seconds(at) };
    for exp in [0, -1, NOW, NOW - 1, -62_135_596_800] {
        assert_eq!(server.rejection("exp", &exp.to_string()), past(exp));
    }
    for (exp, at) in [("0.0", 0), ("-0", 0), ("1e9", 1_000_000_000), ("1.8e9", NOW)] {
        assert_eq!(server.rejection("exp", exp), past(at), "{exp}");
    }
    let malformed = Rejection::MalformedClaims { claim: Some("exp") };
    let digits = "9".repeat(400);
    for exp in [
        "1e999",
        "-1e999",
        "1e300",
        "1e17",
        &digits,
        &format!("-{digits}"),
        &format!("{digits}.5"),
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "253402300800",
        "1800000600000",
    ] {
        assert_eq!(server.rejection("exp", exp), malformed, "{exp}");
        for name in ["nbf", "iat"] {
            assert_eq!(server.rejection(name, exp).code(), "malformed_claims", "{name} {exp}");
        }
    }
    for exp in
        ["NaN", "Infinity", "-Infinity", "01800000600", "0x6b49d458", "+1800000600", "1800000600.", "1_800_000_600"]
    {
        assert_eq!(server.rejection("exp", exp), Rejection::MalformedClaims { claim: None }, "{exp} is no JSON");
    }
    assert_eq!(server.code_with("exp", &format!("{}.5", NOW + 1)), ACCEPTED, "a fraction is a date");
    assert_eq!(server.code_with("exp", &format!("{NOW}.001")), ACCEPTED);
    assert_eq!(server.code_with("exp", "1.8000006e9"), ACCEPTED);
    assert_eq!(server.code_with("exp", "253402300799"), ACCEPTED);
}

#[test]
fn e9_cve_2026_107721_leeway_is_from_0_to_600_seconds() {
    let year = 365.0 * 24.0 * 3600.0;
    for leeway in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -f64::MIN_POSITIVE, 600.1, year, f64::MAX] {
        assert!(Policy::default().with_leeway(Some(leeway)).is_err(), "{leeway}");
    }
    for leeway in [0.0, -0.0, 0.5, 60.0, 600.0] {
        let server = Server::new(policy().with_leeway(Some(leeway)).unwrap());
        let token = server.signer.token(claim("exp", &NOW.to_string()));
        let at = |seconds: f64| server.verifier.code_at(&token, NumericDate::from_seconds(NOW).later(seconds));
        assert_eq!(at(leeway), "expired", "{leeway}");
        assert_eq!(at(leeway - 0.001), ACCEPTED, "{leeway}");
    }
}

#[test]
fn e11_cve_2026_103001_one_policy_leaves_no_trace_in_the_next() {
    let signer = Signer::fresh(Algorithm::HS256);
    let verifier = |policy| TestVerifier::new(signer.public_key(), &["HS256"]).with_policy(policy);
    let base = policy();
    let (lax, strict) = (base.clone().with_leeway(Some(600.0)).unwrap(), base.clone().with_leeway(Some(0.0)).unwrap());
    let verifiers = [verifier(base), verifier(lax), verifier(strict)];
    let token =
        signer.token(claims_with(&[("exp", Some(&(NOW - 1).to_string())), ("nbf", Some(&(NOW - 60).to_string()))]));
    for _ in 0..3 {
        assert_eq!(verifiers.each_ref().map(|verifier| verifier.code(&token)), ["expired", ACCEPTED, "expired"]);
    }
    assert_eq!(verifiers.each_ref().map(|verifier| verifier.code(signer.token(claims()))), [ACCEPTED; 3]);
}

#[test]
fn e14_fastmcp_4_1_nbf_counts_beyond_its_leeway_and_iat_does_not() {
    let server = Server::new(policy());
    let early = |from: i64| Rejection::NotYetValid { from: NumericDate::from_seconds(from) };
    assert_eq!(server.code_with("nbf", &(NOW + 30).to_string()), ACCEPTED, "the edge of the leeway");
    assert_eq!(server.rejection("nbf", &(NOW + 31).to_string()), early(NOW + 31));
    assert_eq!(server.code_with("nbf", &format!("{}.5", NOW + 30)), "not_yet_valid");
    assert_eq!(server.rejection("nbf", "253402300799"), early(253_402_300_799));
    for past in ["0", "-1", "1.5"] {
        assert_eq!(server.code_with("nbf", past), ACCEPTED);
    }
    for iat in [NOW + 1, NOW + 100_000, 253_402_300_799, 0] {
        assert_eq!(server.code_with("iat", &iat.to_string()), ACCEPTED, "iat alone decides nothing: {iat}");
    }
    let exact = Server::new(policy().with_leeway(Some(0.0)).unwrap());
    assert_eq!(exact.code_with("nbf", &NOW.to_string()), ACCEPTED);
    assert_eq!(exact.rejection("nbf", &(NOW + 1).to_string()), early(NOW + 1));
}
