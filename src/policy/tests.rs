use std::sync::{Arc, Weak};

use super::checks::CHECKS;
use super::*;
use crate::jose::jws::Header;
use crate::jose::jwt::{Claims, NumericDate};

const NOW: i64 = 1_800_000_000;

/// Takes one fault away from a header or from claims.
type Mend<'m> = &'m dyn Fn(&mut String, &mut Vec<String>);

fn validate(policy: &Policy, header: &str, claims: &str) -> Result<Verified, Rejection> {
    validate_with(policy, &NoOverrides, header, claims)
}

fn validate_with(
    policy: &Policy,
    overrides: &dyn Overrides,
    header: &str,
    claims: &str,
) -> Result<Verified, Rejection> {
    let header = Header::parse(format!(r#"{{"alg":"HS256"{header}}}"#).as_bytes())?;
    let authentic = AuthenticClaims::new(
        Source::Signature { header, key: Weak::new(), key_issuer: None },
        None,
        Claims::parse(format!("{{{claims}}}").as_bytes())?,
    );
    policy.validate(Arc::new(authentic), overrides, NumericDate::from_seconds(NOW)).map_err(|refused| refused.rejection)
}

fn code(policy: &Policy, claims: &str) -> &'static str {
    code_of(validate(policy, "", claims))
}

fn code_of(outcome: Result<Verified, Rejection>) -> &'static str {
    outcome.map_or_else(|rejection| rejection.code(), |_| "accepted")
}

fn boxed(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|&text| text.into()).collect()
}

#[test]
fn at_exp_the_token_is_expired() {
    let policy = Policy::default();
    assert_eq!(code(&policy, &format!("\"exp\":{}", NOW + 1)), "accepted");
    assert_eq!(code(&policy, &format!("\"exp\":{NOW}.5")), "accepted");
    for exp in [NOW, NOW - 1, 0, -1] {
        assert_eq!(code(&policy, &format!("\"exp\":{exp}")), "expired");
    }
    assert_eq!(code(&policy, ""), "accepted");
}

#[test]
fn nbf_has_thirty_seconds_and_leeway_sets_both() {
    let policy = Policy::default();
    assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 30)), "accepted");
    assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 31)), "not_yet_valid");
    assert_eq!(code(&policy, &format!("\"iat\":{}", NOW + 1000)), "accepted");
    let policy = policy.with_leeway(Some(60.0)).unwrap();
    assert_eq!(code(&policy, &format!("\"exp\":{}", NOW - 59)), "accepted");
    assert_eq!(code(&policy, &format!("\"exp\":{}", NOW - 60)), "expired");
    assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 60)), "accepted");
    assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 61)), "not_yet_valid");
    let policy = policy.with_leeway(Some(0.0)).unwrap();
    assert_eq!(code(&policy, &format!("\"nbf\":{}", NOW + 1)), "not_yet_valid");
}

#[test]
fn leeway_is_a_number_from_0_to_600() {
    for bad in [-1.0, -0.001, 600.1, 31_536_000.0, f64::NAN, f64::INFINITY] {
        assert!(Policy::default().with_leeway(Some(bad)).is_err(), "{bad}");
    }
    assert!(Policy::default().with_leeway(Some(600.0)).is_ok());
}

#[test]
fn issuers_are_literal_strings() {
    let policy = Policy::default().with_issuers(Some(boxed(&["https://good.example", "https://b.example"]))).unwrap();
    assert_eq!(code(&policy, r#""iss":"https://good.example""#), "accepted");
    assert_eq!(code(&policy, r#""iss":"https://b.example""#), "accepted");
    for iss in [
        "",
        "https://good.exampl",
        "https://good.example/",
        "https://good.example.evil",
        "HTTPS://GOOD.EXAMPLE",
        "good",
    ] {
        assert_eq!(code(&policy, &format!("\"iss\":\"{iss}\"")), "issuer_mismatch", "{iss}");
    }
    assert_eq!(code(&policy, ""), "issuer_mismatch");
    assert_eq!(code(&Policy::default(), r#""iss":"any""#), "accepted");
}

#[test]
fn one_audience_of_the_token_is_one_of_ours() {
    let policy = Policy::default().with_audiences(Some(boxed(&["good", "fine"]))).unwrap();
    for aud in [r#""good""#, r#"["x","good"]"#, r#"["fine"]"#] {
        assert_eq!(code(&policy, &format!("\"aud\":{aud}")), "accepted", "{aud}");
    }
    for aud in [r#""""#, "[]", r#"[""]"#, r#""goo""#, r#""good2""#, r#""Good""#, r#""good fine""#] {
        assert_eq!(code(&policy, &format!("\"aud\":{aud}")), "audience_mismatch", "{aud}");
    }
    assert_eq!(code(&policy, ""), "audience_mismatch");
}

#[test]
fn empty_expectations_are_errors() {
    for empty in [&[][..], &[""], &["a", ""], &[" "]] {
        assert!(Policy::default().with_issuers(Some(boxed(empty))).is_err());
        assert!(Policy::default().with_audiences(Some(boxed(empty))).is_err());
    }
    assert!(Policy::default().with_required_scopes(vec![]).is_ok());
    for scopes in [&[""][..], &["read write"], &["a\t"], &["a\0b"], &["a", "\u{feff}b"]] {
        assert!(Policy::default().with_required_scopes(boxed(scopes)).is_err());
    }
}

#[test]
fn expectations_that_no_token_meets_are_errors() {
    for never in ["a\n", " a", "a ", "a\0b", "\u{feff}a", &"a".repeat(100_000)] {
        let texts = || Some(boxed(&["good", never]));
        let said = [
            Policy::default().with_issuers(texts()).unwrap_err().to_string(),
            Policy::default().with_audiences(texts()).unwrap_err().to_string(),
            Policy::default().with_clients(texts(), "client_id").unwrap_err().to_string(),
            Policy::default().with_typ(Some(never.into())).unwrap_err().to_string(),
        ];
        for (message, argument) in said.iter().zip(["issuer", "audience", "client_id", "typ"]) {
            assert!(message.starts_with(argument), "{message}");
        }
    }
    assert!(Policy::default().with_audiences(Some(boxed(&["My Server", "\u{e9}"]))).is_ok());
}

#[test]
fn all_required_scopes_are_granted() {
    let policy = Policy::default().with_required_scopes(boxed(&["read", "write"])).unwrap();
    assert_eq!(code(&policy, r#""scope":"write x read""#), "accepted");
    let missing = |claims| validate(&policy, "", claims).unwrap_err();
    assert_eq!(missing(r#""scope":"read""#), Rejection::InsufficientScope { missing: boxed(&["write"]) });
    for claims in [
        "",
        r#""scope":"READ WRITE""#,
        r#""scope":["read write"]"#,
        r#""scope":"read\twrite""#,
        r#""scope":"","scp":"read write""#,
    ] {
        assert_eq!(missing(claims).code(), "insufficient_scope", "{claims}");
    }
}

#[test]
fn typ_is_compared_as_a_media_type() {
    let policy = Policy::default().with_typ(Some("at+jwt".into())).unwrap();
    let outcome = |typ: &str| validate(&policy, typ, "").map_or_else(|rejection| rejection.code(), |_| "accepted");
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert_eq!(outcome(&format!(",\"typ\":\"{typ}\"")), "accepted", "{typ}");
    }
    for typ in [
        "",
        ",\"typ\":\"JWT\"",
        ",\"typ\":\"rt+jwt\"",
        ",\"typ\":\"x/at+jwt\"",
        ",\"typ\":\"\"",
        ",\"typ\":\"dpop+jwt\"",
    ] {
        assert_eq!(outcome(typ), "wrong_type", "{typ}");
    }
    let used =
        |token_use: &str| code_of(validate(&policy, ",\"typ\":\"at+jwt\"", &format!("\"token_use\":{token_use}")));
    assert_eq!(used("\"access\""), "accepted");
    for other in ["\"refresh\"", "\"id\"", "\"\"", "1", "null"] {
        assert_eq!(used(other), "wrong_type", "{other}");
    }
    for bad in ["", " ", "JWT", "jwt", "application/jwt", "Application/JWT"] {
        assert!(Policy::default().with_typ(Some(bad.into())).is_err());
    }
}

#[test]
fn what_no_access_token_has_refuses_by_default() {
    let allowing = Policy::default().with_id_tokens(Some(true));
    for typ in ["", ",\"typ\":\"JWT\"", ",\"typ\":\"at+jwt\""] {
        for members in [
            r#""token_use":"id","client_id":"c""#,
            r#""token_use":"ID""#,
            r#""typ":"ID""#,
            r#""at_hash":"x","scope":"a""#,
            r#""at_hash":1"#,
            r#""c_hash":"x""#,
        ] {
            assert_eq!(code_of(validate(&Policy::default(), typ, members)), "id_token", "{typ} {members}");
            assert_eq!(code_of(validate(&allowing, typ, members)), "accepted", "{typ} {members}");
        }
        for other in
            [r#""token_use":"refresh""#, r#""token_type":"refresh""#, r#""typ":"Refresh""#, r#""typ":"Offline""#]
        {
            assert_eq!(code_of(validate(&allowing, typ, other)), "wrong_type", "{typ} {other}");
        }
        for access in [
            r#""token_use":"access""#,
            r#""typ":"Bearer""#,
            r#""token_type":1"#,
            r#""at_hash":null"#,
            r#""nonce":"n","auth_time":1,"acr":"1","azp":"c""#,
        ] {
            assert_eq!(code_of(validate(&Policy::default(), typ, access)), "accepted", "{typ} {access}");
        }
    }
    for typ in ["logout+jwt", "rt+refresh"] {
        assert_eq!(code_of(validate(&Policy::default(), &format!(",\"typ\":\"{typ}\""), "")), "wrong_type", "{typ}");
    }
    assert_eq!(code_of(validate(&Policy::default(), ",\"typ\":\"id+jwt\"", "")), "id_token");
}

#[test]
fn the_access_tokens_of_cognito_have_no_typ_and_pass_without_one() {
    let access = r#""token_use":"access","client_id":"c","scope":"read""#;
    let required = Policy::default().with_typ(Some("at+jwt".into())).unwrap();
    assert_eq!(code_of(validate(&required, "", access)), "wrong_type", "typ is literal");
    for policy in [Policy::default(), Policy::default().with_id_tokens(Some(false))] {
        assert_eq!(code_of(validate(&policy, "", access)), "accepted");
        assert_eq!(code_of(validate(&policy, "", r#""token_use":"id","aud":"c""#)), "id_token");
    }
}

#[test]
fn where_it_is_demanded_a_token_says_that_it_is_an_access_token() {
    let strict = Policy::default().with_id_tokens(Some(false));
    for (typ, members) in [("", r#""nonce":"n","azp":"c""#), (",\"typ\":\"JWT\"", ""), (",\"typ\":\"jwt\"", "")] {
        assert_eq!(code_of(validate(&strict, typ, members)), "id_token", "{typ} {members}");
    }
    for (typ, members) in [
        (",\"typ\":\"at+JWT\"", ""),
        (",\"typ\":\"application/at+jwt\"", ""),
        ("", r#""client_id":"c""#),
        ("", r#""scope":"""#),
        ("", r#""scp":["a"]"#),
        ("", r#""token_use":"access""#),
        ("", r#""typ":"Bearer""#),
    ] {
        assert_eq!(code_of(validate(&strict, typ, members)), "accepted", "{typ} {members}");
    }
}

#[test]
fn a_bound_token_is_no_bearer_token() {
    let proven = Policy::default().with_proofs().unwrap();
    for (cnf, refused, where_proven) in [
        (r#"{"jkt":"x"}"#, "bound_token", "accepted"),
        (r#"{"x5t#S256":"x"}"#, "certificate_bound_token", "certificate_bound_token"),
        (r#"{"x5t#S256":"x","jkt":"x"}"#, "certificate_bound_token", "certificate_bound_token"),
        ("{}", "bound_token", "bound_token"),
    ] {
        let claims = format!("\"cnf\":{cnf}");
        assert_eq!(code(&Policy::default(), &claims), refused);
        assert_eq!(code(&Policy::default().with_bound_tokens(true), &claims), "accepted");
        assert_eq!(code(&proven, &claims), where_proven);
    }
    assert_eq!(code(&proven, ""), "accepted", "whether it has to be bound is another's to say");
}

#[test]
fn a_bound_token_is_not_let_in_with_and_without_a_proof() {
    assert!(Policy::default().with_bound_tokens(true).with_proofs().is_err());
}

fn denying(subject: &str) -> DenyList {
    let list = DenyList::default();
    let entry = DenyEntry::new(Denied::Subject, subject.into(), None, None, None).unwrap();
    list.add(entry, NumericDate::from_seconds(NOW)).unwrap();
    list
}

#[test]
fn a_list_that_was_not_read_leaves_undecided_only_what_is_valid_in_all_else() {
    let policy = Policy::default()
        .with_denylist(Arc::new(DenyList::with_source(60.0)))
        .with_required_scopes(boxed(&["s"]))
        .and_then(|policy| policy.with_issuers(Some(boxed(&["i"]))))
        .unwrap();
    let outcome = |claims: &str| {
        let header = Header::parse(br#"{"alg":"HS256"}"#).unwrap();
        let source = Source::Signature { header, key: Weak::new(), key_issuer: None };
        let claims = Claims::parse(claims.as_bytes()).unwrap();
        let authentic = Arc::new(AuthenticClaims::new(source, None, claims));
        let failed = policy.validate(authentic, &NoOverrides, NumericDate::from_seconds(NOW)).unwrap_err();
        (failed.rejection.code(), failed.unread)
    };
    assert_eq!(outcome(r#"{"iss":"i","scope":"s"}"#), ("denied_token", true));
    assert_eq!(outcome(r#"{"iss":"i","scope":"t"}"#), ("denied_token", true));
    assert_eq!(outcome(r#"{"iss":"j","scope":"s"}"#), ("issuer_mismatch", false));
}

#[test]
fn the_first_check_that_fails_gives_the_reason() {
    let demanding = Policy::default()
        .with_typ(Some("at+jwt".into()))
        .and_then(|policy| policy.with_issuers(Some(boxed(&["i"]))))
        .and_then(|policy| policy.with_audiences(Some(boxed(&["a"]))))
        .and_then(|policy| policy.with_clients(Some(boxed(&["c"])), "client_id"))
        .and_then(|policy| policy.with_required_scopes(boxed(&["s"])))
        .unwrap()
        .with_denylist(Arc::new(denying("u")))
        .with_rules(ClaimRules::default().with_required(vec![ClaimPath::parse("required_claims", "r").unwrap()]));
    let mut header = String::new();
    let mut claims = vec![
        format!("\"exp\":{NOW}"),
        format!("\"nbf\":{}", NOW + 100),
        "\"cnf\":{}".to_owned(),
        "\"sub\":\"u\"".to_owned(),
    ];
    let mut codes = Vec::new();
    let mends: [Mend<'_>; 10] = [
        &|header, _| header.push_str(r#","typ":"at+jwt""#),
        &|_, claims| claims[0] = "\"x\":1".to_owned(),
        &|_, claims| claims[1] = "\"y\":1".to_owned(),
        &|_, claims| claims.push("\"iss\":\"i\"".to_owned()),
        &|_, claims| claims.push("\"aud\":\"a\"".to_owned()),
        &|_, claims| claims.push("\"client_id\":\"c\"".to_owned()),
        &|_, claims| claims.push("\"r\":1".to_owned()),
        &|_, claims| claims[2] = "\"z\":1".to_owned(),
        &|_, claims| claims[3] = "\"sub\":\"v\"".to_owned(),
        &|_, claims| claims.push("\"scope\":\"s\"".to_owned()),
    ];
    for mend in mends {
        codes.push(validate(&demanding, &header, &claims.join(",")).unwrap_err().code());
        mend(&mut header, &mut claims);
    }
    assert!(validate(&demanding, &header, &claims.join(",")).is_ok());
    assert_eq!(
        codes,
        [
            "wrong_type",
            "expired",
            "not_yet_valid",
            "issuer_mismatch",
            "audience_mismatch",
            "client_mismatch",
            "missing_claim",
            "bound_token",
            "denied_token",
            "insufficient_scope"
        ]
    );
    assert_eq!(CHECKS.len(), codes.len());
}

#[test]
fn an_override_has_the_last_word_and_its_failure_refuses() {
    struct Says(Option<bool>, Option<&'static [&'static str]>);
    impl Overrides for Says {
        fn accepts_issuer(&self, _: &Claims) -> Option<Result<bool, CustomCheckFailed>> {
            Some(self.0.ok_or(CustomCheckFailed))
        }
        fn scopes(&self, _: &Claims) -> Option<Result<Vec<Box<str>>, CustomCheckFailed>> {
            Some(self.1.map(boxed).ok_or(CustomCheckFailed))
        }
    }
    let policy = Policy::default().with_required_scopes(boxed(&["s"])).unwrap();
    let outcome = |says: &Says| validate_with(&policy, says, "", r#""iss":"i","scope":"s""#);
    let verified = outcome(&Says(Some(true), Some(&["s", "t"]))).unwrap();
    assert_eq!(verified.scopes(), ["s", "t"]);
    assert_eq!(outcome(&Says(Some(false), Some(&["s"]))).unwrap_err(), Rejection::IssuerMismatch);
    assert_eq!(outcome(&Says(Some(true), Some(&[]))).unwrap_err().code(), "insufficient_scope");
    assert_eq!(outcome(&Says(None, Some(&["s"]))).unwrap_err(), Rejection::CustomCheckFailed);
    assert_eq!(outcome(&Says(Some(true), None)).unwrap_err(), Rejection::CustomCheckFailed);
}

#[test]
fn acceptance_ends_at_exp_and_the_leeway() {
    let policy = Policy::default().with_leeway(Some(60.0)).unwrap();
    let verified = validate(&policy, "", &format!("\"exp\":{NOW}")).unwrap();
    assert_eq!(verified.accepted_until(), Some(NumericDate::from_seconds(NOW + 60)));
}

#[test]
fn the_urls_of_a_resource_are_its_audiences_and_while_none_is_known_no_token_is_for_it() {
    let resource = "https://server.example/mcp";
    let claims = format!("\"aud\":\"{resource}\"");
    for (urls, outcome) in [
        (vec![resource], "accepted"),
        (vec!["https://server.example"], "audience_mismatch"),
        (vec![], "audience_mismatch"),
    ] {
        let policy = Policy::default().with_audiences_of_resource(boxed(&urls));
        assert_eq!(code(&policy, &claims), outcome, "{urls:?}");
        assert_eq!(code(&policy, ""), "audience_mismatch");
    }
}
