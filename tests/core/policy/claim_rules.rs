//! Rules about claims that an operator adds: each refuses what breaks it, and what it names is what Python sees.

use std::sync::Arc;

use fastmcp_rs::jose::json::Value;
use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::outcome::rejection::Rejection;
use fastmcp_rs::policy::{
    AuthenticClaims, ClaimPath, ClaimRules, FailedValidation, NoOverrides, Policy, ScopeClaims, ScopeHierarchy, Source,
    Verified,
};

const NOW: i64 = 1_800_000_000;

fn validate(policy: &Policy, claims: &str) -> Result<Verified, Box<FailedValidation>> {
    let claims = Claims::parse(format!("{{{claims}}}").as_bytes()).unwrap();
    let authentic = AuthenticClaims::new(Source::Introspection { lacks_type: false }, None, claims);
    policy.validate(Arc::new(authentic), &NoOverrides, NumericDate::from_seconds(NOW))
}

fn code(rules: ClaimRules, claims: &str) -> &'static str {
    let policy = Policy::default().with_rules(rules);
    validate(&policy, claims).map_or_else(|failed| failed.rejection.code(), |_| "accepted")
}

fn paths(texts: &[&str]) -> Vec<ClaimPath> {
    texts.iter().map(|text| ClaimPath::parse("claims", text).unwrap()).collect()
}

fn expecting(claim: &str, values: &[Value]) -> ClaimRules {
    let claim = ClaimPath::parse("expected_claims", claim).unwrap();
    ClaimRules::default().with_expected(vec![(claim, values.to_vec())]).unwrap()
}

fn boxed(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|&text| text.into()).collect()
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

#[test]
fn a_required_claim_is_present_and_not_null() {
    let rules = || ClaimRules::default().with_required(paths(&["email", "/org/id"]));
    assert_eq!(code(rules(), r#""email":false,"org":{"id":""}"#), "accepted");
    for lacking in [
        "",
        r#""email":"a""#,
        r#""org":{"id":1}"#,
        r#""email":null,"org":{"id":1}"#,
        r#""email":1,"org":{"ID":1}"#,
        r#""email":1,"org":{"id":null}"#,
        r#""email":1,"org":"id""#,
        r#""email":1,"/org/id":1"#,
    ] {
        assert_eq!(code(rules(), lacking), "missing_claim", "{lacking}");
    }
}

#[test]
fn an_expected_claim_has_one_of_the_values_and_their_types() {
    let one_of = |values: &[Value], claim: &str| code(expecting("tenant", values), &format!("\"tenant\":{claim}"));
    let ab = [text("a"), text("b")];
    for good in [r#""a""#, r#""b""#, r#"["x","b"]"#] {
        assert_eq!(one_of(&ab, good), "accepted", "{good}");
    }
    for bad in [r#""c""#, r#""a ""#, r#""A""#, r#"["c"]"#, "[]", r#"[["a"]]"#, r#"{"a":"a"}"#, "1", "true", r#""a b""#]
    {
        assert_eq!(one_of(&ab, bad), "claim_mismatch", "{bad}");
    }
    assert_eq!(one_of(&ab, "null"), "missing_claim");
    assert_eq!(code(expecting("tenant", &ab), ""), "missing_claim");
    let kinds = [(Value::Bool(true), "true"), (Value::Int(1), "1"), (text("true"), "\"true\""), (text("1"), "\"1\"")];
    for (i, (value, _)) in kinds.iter().enumerate() {
        for (j, (_, claim)) in kinds.iter().enumerate() {
            let expected = if i == j { "accepted" } else { "claim_mismatch" };
            assert_eq!(one_of(std::slice::from_ref(value), claim), expected, "{value:?} {claim}");
        }
    }
    for (value, claim, same) in [
        (Value::Int(7), "7.0", true),
        (Value::Float(7.0), "7", true),
        (Value::Float(0.5), "5e-1", true),
        (Value::Int(7), "7.5", false),
        (Value::Int(9_007_199_254_740_993), "9007199254740992.0", false),
    ] {
        assert_eq!(one_of(&[value], claim), if same { "accepted" } else { "claim_mismatch" }, "{claim}");
    }
    assert!(ClaimRules::default().with_expected(vec![(paths(&["a"]).remove(0), Vec::new())]).is_err());
}

#[test]
fn the_values_of_a_mismatch_are_for_the_log_only() {
    let rules = expecting("/org/id", &[Value::Int(7), text("seven")]);
    let policy = Policy::default().with_rules(rules);
    let failed = validate(&policy, r#""org":{"id":[true,"7",8]}"#).unwrap_err();
    let comparison = failed.comparison.unwrap();
    assert_eq!(failed.rejection, Rejection::ClaimMismatch { claim: "/org/id".into() });
    assert_eq!(comparison.got, boxed(&["true (a boolean)", "7", "8 (a number)"]));
    assert_eq!(comparison.expected, boxed(&["7 (a number)", "seven"]));
}

#[test]
fn auth_time_is_at_most_max_age_and_the_leeway_ago() {
    let aged = |at: &str, leeway| {
        let rules = ClaimRules::default().with_max_age(Some(300));
        let policy = Policy::default().with_rules(rules).with_leeway(leeway).unwrap();
        validate(&policy, at).map_or_else(|failed| failed.rejection.code(), |_| "accepted")
    };
    let at = |ago: i64| format!("\"auth_time\":{}", NOW - ago);
    assert_eq!(aged(&at(299), None), "accepted");
    assert_eq!(aged(&at(309), Some(10.0)), "accepted");
    for (old, leeway) in
        [(at(300), None), (at(310), Some(10.0)), (String::new(), None), ("\"auth_time\":\"0\"".into(), None)]
    {
        assert_eq!(aged(&old, leeway), "insufficient_user_authentication", "{old}");
    }
}

#[test]
fn iat_is_at_most_iat_leeway_in_the_future() {
    let issued = |seconds: i64, leeway| {
        let rules = ClaimRules::default().with_iat_leeway(leeway).unwrap();
        code(rules, &format!("\"iat\":{}", NOW + seconds))
    };
    assert_eq!(issued(60, Some(60.0)), "accepted");
    assert_eq!(issued(61, Some(60.0)), "issued_in_future");
    assert_eq!(issued(1, Some(0.0)), "issued_in_future");
    assert_eq!(issued(1_000_000, None), "accepted");
    assert_eq!(code(ClaimRules::default().with_iat_leeway(Some(0.0)).unwrap(), ""), "accepted");
    for bad in [-1.0, 600.1, f64::NAN, f64::INFINITY] {
        assert!(ClaimRules::default().with_iat_leeway(Some(bad)).is_err());
    }
}

#[test]
fn configured_claims_take_the_place_of_client_id_and_sub() {
    let named = |claims: &str| {
        let rules = ClaimRules::default().with_client_id(paths(&["appid", "/client/id"])).with_subject(paths(&["oid"]));
        let verified = validate(&Policy::default().with_rules(rules), claims).unwrap();
        [verified.client_id(), verified.subject(), verified.user()].map(|text| text.map(str::to_owned))
    };
    let owned = |texts: [Option<&str>; 3]| texts.map(|text| text.map(str::to_owned));
    assert_eq!(named(r#""appid":"a","oid":"o","sub":"s","azp":"z""#), owned([Some("a"), Some("o"), Some("o")]));
    assert_eq!(named(r#""client":{"id":"c"},"appid":"","oid":"o""#), owned([Some("c"), Some("o"), Some("o")]));
    assert_eq!(named(r#""oid":"o","azp":"z","client_id":"x""#), owned([Some("o"), Some("o"), Some("o")]));
    assert_eq!(named(r#""sub":"s","azp":"z""#), owned([None, None, None]));
    let rules = ClaimRules::default().with_client_id(paths(&["appid"]));
    let policy = Policy::default().with_rules(rules).with_clients(Some(boxed(&["ours"])), "client_id").unwrap();
    assert!(validate(&policy, r#""appid":"ours","client_id":"theirs""#).is_ok());
    let theirs = validate(&policy, r#""appid":"theirs","client_id":"ours""#).unwrap_err();
    assert_eq!(theirs.rejection, Rejection::ClientMismatch);
    for wrong in ["7", "[\"ours\"]", "true", "{}"] {
        let rules = ClaimRules::default().with_subject(paths(&["oid"]));
        assert_eq!(code(rules, &format!("\"oid\":{wrong}")), "claim_mismatch", "{wrong}");
    }
}

#[test]
fn scope_claims_and_the_hierarchy_grant_scopes_and_list_items_are_not_split() {
    let claims = ScopeClaims::new(paths(&["scope", "/realm_access/roles", "permissions"])).unwrap();
    let hierarchy =
        ScopeHierarchy::new(&[("admin".into(), boxed(&["write"])), ("write".into(), boxed(&["read"]))]).unwrap();
    let rules = ClaimRules::default().with_scope_claims(Some(claims)).with_scope_hierarchy(Some(hierarchy));
    let policy = Policy::default().with_rules(rules).with_required_scopes(boxed(&["read"])).unwrap();
    let verified =
        validate(&policy, r#""scope":"openid x","realm_access":{"roles":["admin"]},"permissions":"p""#).unwrap();
    assert_eq!(verified.scopes(), ["openid", "x", "admin", "p", "write", "read"]);
    let verified = validate(&policy, r#""scope":"read","permissions":["admin write","b"]"#).unwrap();
    assert_eq!((verified.scopes(), verified.skipped_scopes()), (vec!["read", "b"], &boxed(&["admin write"])[..]));
    let role = validate(&policy, r#""permissions":["admin write"],"scp":"read""#).unwrap_err();
    assert_eq!(role.rejection, Rejection::InsufficientScope { missing: boxed(&["read"]) });
    assert_eq!(role.comparison.unwrap().got, boxed(&["admin write (no scope)"]));
    for wrong in ["7", "true", r#"{"admin":true}"#] {
        let wrong = format!("\"scope\":\"read\",\"permissions\":{wrong}");
        assert_eq!(validate(&policy, &wrong).unwrap_err().rejection.code(), "claim_mismatch", "{wrong}");
    }
    assert!(validate(&policy, r#""scope":"read","permissions":null"#).is_ok());
}

#[test]
fn a_hierarchy_adds_implied_scopes_to_those_of_the_claims() {
    let hierarchy = ScopeHierarchy::new(&[("admin".into(), boxed(&["read"]))]).unwrap();
    let policy = Policy::default().with_rules(ClaimRules::default().with_scope_hierarchy(Some(hierarchy)));
    assert_eq!(validate(&policy, r#""scp":["admin","x y"]"#).unwrap().scopes(), ["admin", "x y", "read"]);
    assert_eq!(validate(&policy, r#""scope":"other""#).unwrap().scopes(), ["other"]);
}

#[test]
fn large_and_deep_claims_are_walked_once() {
    let rules = || ClaimRules::default().with_required(paths(&["/a/9999/b", "/o/n4000"]));
    let array = vec![r#"{"b":1}"#; 10_000].join(",");
    let object: Vec<_> = (0..=4000).map(|i| format!("\"n{i}\":{i}")).collect();
    assert_eq!(code(rules(), &format!("\"a\":[{array}],\"o\":{{{}}}", object.join(","))), "accepted");
    assert_eq!(code(rules(), &format!("\"a\":[{array}]")), "missing_claim");
    let many = vec!["\"admin\""; 20_000].join(",");
    let hierarchy = ScopeHierarchy::new(&[("admin".into(), boxed(&["a", "b", "c"]))]).unwrap();
    let policy = Policy::default().with_rules(ClaimRules::default().with_scope_hierarchy(Some(hierarchy)));
    assert_eq!(validate(&policy, &format!("\"scope\":[{many}]")).unwrap().scopes().len(), 20_003);
}
