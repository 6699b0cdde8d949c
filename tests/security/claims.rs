//! Claims: rows E1 to E16 of SECURITY.md, one test each. Dates are in `dates.rs`.
//!
//! Left to the Python tests: E7's warning at start, E9's leeway of other types, E11's changing of the caller's lists.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{
    ACCEPTED, AUDIENCE, BEFORE_CLAIMS, ISSUER, NOW, Signer, TestVerifier, boxed, claim, claims, claims_with, policy,
    without,
};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::outcome::rejection::Rejection;
use fastmcp_rs::policy::Policy;

/// A verifier that demands all of the perfect claims, and the key whose signature it checks.
struct Server {
    verifier: TestVerifier,
    signer: Signer,
}

impl Server {
    fn new() -> Self {
        Self::with_policy(policy())
    }

    fn with_policy(policy: Policy) -> Self {
        let signer = Signer::fresh(Algorithm::HS256);
        Self { verifier: TestVerifier::new(signer.public_key(), &["HS256"]).with_policy(policy), signer }
    }

    fn code(&self, claims: impl AsRef<[u8]>) -> &'static str {
        self.verifier.code(self.signer.token(claims))
    }

    /// What becomes of perfect claims in which this one is as given.
    fn code_with(&self, name: &str, value: &str) -> &'static str {
        self.code(claim(name, value))
    }

    fn rejection(&self, claims: impl AsRef<[u8]>) -> Rejection {
        self.verifier.verify(self.signer.token(claims)).unwrap_err()
    }
}

#[test]
fn e1_cve_2024_53861_the_issuer_is_compared_whole() {
    let server = Server::new();
    for other in [
        "",
        "h",
        "https://issuer",
        "https://issuer.exampl",
        "issuer.example",
        "/issuer.example",
        "https://issuer.example/",
        "https://issuer.example.evil.example",
        "https://evil.example/https://issuer.example",
        "HTTPS://ISSUER.EXAMPLE",
        "https://Issuer.example",
        "https://issuer.example ",
        " https://issuer.example",
        "https://issuer.example#",
        "https://issuer.example?",
        "https://issuer.example:443",
        r"https://issuer.example\u0000",
        "https://issuer%2eexample",
        "https:\u{2f}\u{2f}issuer\u{ff0e}example",
    ] {
        assert_eq!(server.code_with("iss", &format!("\"{other}\"")), "issuer_mismatch", "{other:?}");
    }
    assert_eq!(server.code_with("iss", &format!("{ISSUER:?}")), ACCEPTED);
    assert_eq!(server.code_with("iss", r#""https:\/\/issuer.example""#), ACCEPTED, "the same string, escaped");
}

#[test]
fn e2_cve_2025_30144_the_issuer_is_one_string() {
    let server = Server::new();
    let anybody = Server::with_policy(Policy::default());
    let malformed = Rejection::MalformedClaims { claim: Some("iss") };
    for value in [format!("[{ISSUER:?},\"https://evil.example\"]"), format!("[{ISSUER:?}]")]
        .iter()
        .map(String::as_str)
        .chain(["{}", "1", "null", "true", "[]"])
    {
        assert_eq!(server.rejection(claim("iss", value)), malformed, "{value}");
        assert_eq!(anybody.rejection(claim("iss", value)), malformed, "{value}: a wrong type is not an absent claim");
    }
    assert_eq!(server.code(without("iss")), "issuer_mismatch");
    assert_eq!(anybody.code(without("iss")), ACCEPTED);
    assert_eq!(server.code(claims()), ACCEPTED);
}

#[test]
fn e5_cve_2020_26160_the_audience_names_this_server() {
    let server = Server::new();
    assert_eq!(server.code(without("aud")), "audience_mismatch");
    for value in [
        "\"\"",
        "[]",
        "[\"\"]",
        "\"https://server.example\"",
        "\"https://server.example/mcp/\"",
        "\"mcp\"",
        "[\"x\",\"y\"]",
    ] {
        assert_eq!(server.code_with("aud", value), "audience_mismatch", "{value}");
    }
    let joined = format!("\"x {AUDIENCE}\"");
    assert_eq!(server.code_with("aud", &joined), "audience_mismatch", "a space does not make a list");
    for value in ["[1]", r#"{"a":1}"#, "null", "1", "true", &format!("[{AUDIENCE:?},1]"), &format!("[[{AUDIENCE:?}]]")]
    {
        assert_eq!(server.rejection(claim("aud", value)), Rejection::MalformedClaims { claim: Some("aud") }, "{value}");
    }
    for value in [format!("{AUDIENCE:?}"), format!("[\"x\",{AUDIENCE:?}]"), format!("[{AUDIENCE:?}]")] {
        assert_eq!(server.code_with("aud", &value), ACCEPTED, "{value}");
    }
}

#[test]
fn e6_ghsa_hvvp_67p3_j379_cve_2026_23552_an_empty_expectation_is_an_error() {
    for empty in [&[][..], &[""], &[" "], &[ISSUER, ""], &["\t\n"]] {
        assert!(Policy::default().with_issuers(Some(boxed(empty))).is_err(), "{empty:?}");
        assert!(Policy::default().with_audiences(Some(boxed(empty))).is_err(), "{empty:?}");
    }
    // The token's own issuer never widens the list, however often it is shown.
    let server =
        Server::with_policy(Policy::default().with_issuers(Some(boxed(&[ISSUER, "https://two.example"]))).unwrap());
    for _ in 0..3 {
        assert_eq!(server.code_with("iss", "\"https://evil.example\""), "issuer_mismatch");
    }
    assert_eq!(server.code_with("iss", "\"https://two.example\""), ACCEPTED);
    assert_eq!(server.code(claims()), ACCEPTED);
}

#[test]
fn e7_cve_2026_44428_cve_2026_14541_a_token_for_another_service_is_refused() {
    let server = Server::new();
    for other in ["https://other.example/mcp", "https://server.example/other", ISSUER, "alice", "account"] {
        assert_eq!(server.code_with("aud", &format!("{other:?}")), "audience_mismatch", "{other}");
        assert_eq!(server.code_with("aud", &format!("[{other:?},\"account\"]")), "audience_mismatch", "{other}");
    }
    // Naming this server elsewhere is no audience.
    let elsewhere = claims_with(&[
        ("aud", None),
        ("azp", Some(&format!("{AUDIENCE:?}"))),
        ("resource", Some(&format!("{AUDIENCE:?}"))),
    ]);
    assert_eq!(server.code(elsewhere), "audience_mismatch");
    assert_eq!(server.code(claims()), ACCEPTED);
}

/// RFC 7519 section 4.1.7: a library that looks at the claim at all refuses it.
#[test]
fn cve_2026_25537_jti_is_a_string() {
    let server = Server::new();
    for value in ["1", "null", "true", "[]", r#"["x"]"#, "{}"] {
        let malformed = Rejection::MalformedClaims { claim: Some("jti") };
        assert_eq!(server.rejection(claims_with(&[("jti", Some(value))])), malformed, "{value}");
    }
    for value in ["\"\"", "\"x\""] {
        assert_eq!(server.code(claims_with(&[("jti", Some(value))])), ACCEPTED, "{value}");
    }
}

#[test]
fn e8_cve_2026_107723_a_payload_that_is_no_object_is_refused() {
    for server in [Server::new(), Server::with_policy(Policy::default())] {
        for payload in
            ["[]", &format!("[{}]", claims()), "\"x\"", "1", "null", "true", "", " ", &format!("{:?}", claims())]
        {
            assert_eq!(server.rejection(payload), Rejection::MalformedClaims { claim: None }, "{payload}");
        }
        assert_eq!(server.code(claims()), ACCEPTED);
    }
    assert_eq!(Server::with_policy(Policy::default()).code("{}"), ACCEPTED);
}

#[test]
fn e10_cve_2026_35040_cve_2026_35041_expectations_are_literal_and_without_state() {
    let patterns =
        [".*", "^.*$", "https://.*", "%", "*", "https://issuer.exampl?", "https://issuer[.]example", "(a+)+$"];
    let server = Server::with_policy(
        Policy::default()
            .with_issuers(Some(boxed(&patterns)))
            .and_then(|policy| policy.with_audiences(Some(boxed(&patterns))))
            .unwrap(),
    );
    let (good, bad) =
        (server.signer.token(claim("iss", "\".*\"").replace(AUDIENCE, "*")), server.signer.token(claims()));
    let other_audience = server.signer.token(claim("iss", "\".*\""));
    for _ in 0..10 {
        assert_eq!(server.verifier.code(&bad), "issuer_mismatch");
        assert_eq!(server.verifier.code(&other_audience), "audience_mismatch");
        assert_eq!(server.verifier.code(&good), ACCEPTED, "a pattern means itself, every time");
    }
    let exponential = format!("\"{}!\"", "a".repeat(30_000));
    assert_eq!(server.code_with("iss", &exponential), "issuer_mismatch");
}

#[test]
fn e12_fastmcp_3524_a_token_of_another_type_is_refused_where_a_type_is_required() {
    let typed = Server::with_policy(policy().with_typ(Some("at+jwt".into())).unwrap());
    let untyped = Server::new();
    let code = |server: &Server, typ: &str, token_use: &str| {
        server.verifier.code(server.signer.sign(format!(r#"{{"alg":"HS256"{typ}}}"#), claim("token_use", token_use)))
    };
    for (typ, token_use, otherwise) in [
        (r#","typ":"rt+jwt""#, "\"refresh\"", "wrong_type"),
        (r#","typ":"refresh+jwt""#, "\"refresh\"", "wrong_type"),
        (r#","typ":"id_token""#, "\"id\"", "id_token"),
        (r#","typ":"logout+jwt""#, "\"logout\"", "wrong_type"),
        (r#","typ":"dpop+jwt""#, "\"proof\"", ACCEPTED),
        (r#","typ":"JWT""#, "\"refresh\"", "wrong_type"),
        (r#","typ":"application/at+jwt+x""#, "\"access\"", ACCEPTED),
        (r#","typ":"""#, "\"access\"", ACCEPTED),
        ("", "\"access\"", ACCEPTED),
    ] {
        assert_eq!(code(&typed, typ, token_use), "wrong_type", "{typ}");
        assert_eq!(code(&untyped, typ, token_use), otherwise, "{typ}: what names another kind is refused anyway");
    }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(code(&typed, &format!(r#","typ":"{typ}""#), "\"access\""), ACCEPTED, "{typ}");
    }
    for typ in ["1", "null", r#"["at+jwt"]"#] {
        assert_eq!(code(&typed, &format!(r#","typ":{typ}"#), "\"access\""), "malformed_token", "{typ}");
    }
}

#[test]
fn requiring_the_type_jwt_by_its_full_name_requires_nothing_and_is_an_error() {
    for nothing in ["", " ", "JWT", "jwt", "application/jwt", "application/JWT", "Application/Jwt"] {
        assert!(Policy::default().with_typ(Some(nothing.into())).is_err(), "{nothing:?}");
    }
    assert!(Policy::default().with_typ(Some("application/at+jwt".into())).is_ok());
}

#[test]
fn e13_cve_2024_51744_claims_of_an_unsigned_token_give_no_reason() {
    for algorithm in Algorithm::ALL {
        let (owner, forger) = (Signer::fresh(algorithm), Signer::fresh(algorithm));
        let verifier = TestVerifier::new(owner.public_key(), &[algorithm.name()]);
        let past = (NOW - 1).to_string();
        for (claims, honest) in [
            (claim("exp", &past), "expired"),
            (claim("nbf", &(NOW + 1000).to_string()), "not_yet_valid"),
            (claim("iss", "\"https://evil.example\""), "issuer_mismatch"),
            (claim("aud", "\"https://evil.example\""), "audience_mismatch"),
            (claim("cnf", r#"{"jkt":"x"}"#), "bound_token"),
            (claim("scope", "\"\""), "insufficient_scope"),
            (claim("exp", "\"x\""), "malformed_claims"),
            ("[]".to_owned(), "malformed_claims"),
        ] {
            assert!(!BEFORE_CLAIMS.contains(&honest));
            assert_eq!(verifier.code(forger.token(&claims)), "invalid_signature", "{algorithm}: {claims}");
            assert_eq!(verifier.code(owner.token(&claims)), honest, "{algorithm}: {claims}");
        }
        assert_eq!(verifier.code(owner.token(claims())), ACCEPTED);
    }
}

#[test]
fn e15_rfc_9449_rfc_8705_a_bound_token_is_no_bearer_token() {
    let (strict, lax) = (Server::new(), Server::with_policy(policy().with_bound_tokens(true)));
    for (cnf, refused) in [
        (r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#, "bound_token"),
        (r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}"#, "certificate_bound_token"),
        ("{}", "bound_token"),
    ] {
        assert_eq!(strict.code_with("cnf", cnf), refused, "{cnf}");
        assert_eq!(lax.code_with("cnf", cnf), ACCEPTED, "{cnf}");
    }
    for cnf in ["null", "\"x\"", "[]", "1", "false"] {
        for server in [&strict, &lax] {
            assert_eq!(server.rejection(claim("cnf", cnf)), Rejection::MalformedClaims { claim: Some("cnf") }, "{cnf}");
        }
    }
}

#[test]
fn e16_scopes_are_never_widened_by_their_shape() {
    let server = Server::new();
    let writer = Server::with_policy(policy().with_required_scopes(boxed(&["read", "write"])).unwrap());
    let missing = |scopes: &[&str]| Rejection::InsufficientScope { missing: boxed(scopes) };
    for value in ["{}", "[1]", r#"[["read"]]"#, "1", "null", "true", r#"["read",1]"#] {
        for name in ["scope", "scp"] {
            let malformed = if name == "scope" { "scope" } else { "scp" };
            assert_eq!(
                server.rejection(claim(name, value)),
                Rejection::MalformedClaims { claim: Some(malformed) },
                "{value}"
            );
        }
    }
    for value in [
        "\"\"",
        "\" \"",
        "[]",
        "[\"\"]",
        "\"READ\"",
        "\"Read\"",
        "\"reads\"",
        "\"rea d\"",
        r#""read\twrite""#,
        "\"read,write\"",
        r#"["read write"]"#,
    ] {
        assert_eq!(server.rejection(claim("scope", value)), missing(&["read"]), "{value}");
    }
    assert_eq!(server.rejection(without("scope")), missing(&["read"]));
    for value in ["\"read\"", "\"read read\"", "\"write  read \"", r#"["read"]"#, r#"["write","read"]"#] {
        assert_eq!(server.code_with("scope", value), ACCEPTED, "{value}");
    }
    for value in ["\"read\"", "\"read read\"", r#"["read","read"]"#, r#"["read","read write"]"#] {
        assert_eq!(writer.rejection(claim("scope", value)), missing(&["write"]), "{value}");
    }
    assert_eq!(writer.rejection(claim("scope", r#""read\twrite""#)), missing(&["read", "write"]));
    // `scp` is read only where there is no `scope`: an empty one is an answer.
    for scope in ["\"\"", "[]"] {
        let both = claims_with(&[("scope", Some(scope)), ("scp", Some("\"read\""))]);
        assert_eq!(server.rejection(both), missing(&["read"]), "{scope}");
    }
    for scp in ["\"read\"", r#"["read"]"#] {
        assert_eq!(server.code(claims_with(&[("scope", None), ("scp", Some(scp))])), ACCEPTED, "{scp}");
    }
    assert_eq!(writer.code_with("scope", "\"read write\""), ACCEPTED);
}
