use super::*;

fn claims(members: &str) -> Result<Claims, MalformedClaims> {
    Claims::parse(format!("{{{members}}}").as_bytes())
}

fn malformed(claim: &'static str) -> MalformedClaims {
    MalformedClaims { claim: Some(claim) }
}

#[test]
fn dates_are_numbers_of_the_years_1_to_9999() {
    for claim in ["exp", "nbf", "iat"] {
        for bad in
            ["\"1\"", "\"9999999999\"", "true", "[]", "{}", "null", "1e999", "1e300", "253402300800", "-62135596801"]
        {
            assert_eq!(claims(&format!("\"{claim}\":{bad}")).unwrap_err(), malformed(claim), "{bad}");
        }
        assert_eq!(claims(&format!("\"{claim}\":{}", "1".repeat(400))).unwrap_err(), malformed(claim));
        for good in ["0", "-1", "1.5", "1e9", "253402300799"] {
            assert!(claims(&format!("\"{claim}\":{good}")).is_ok(), "{good}");
        }
    }
    assert_eq!(claims("\"exp\":1.5").unwrap().expires().unwrap().whole_seconds(), 1);
    assert_eq!(claims("\"exp\":-0.5").unwrap().expires().unwrap().whole_seconds(), -1);
}

#[test]
fn texts_are_texts() {
    for claim in ["iss", "sub", "client_id", "azp"] {
        for bad in ["1", "null", "[]", "[\"a\"]", "{}", "true"] {
            assert_eq!(claims(&format!("\"{claim}\":{bad}")).unwrap_err(), malformed(claim), "{bad}");
        }
    }
    for claim in ["aud", "scope", "scp"] {
        for bad in ["1", "null", "{\"a\":1}", "[1]", "[[\"read\"]]", "[\"a\",null]", "true"] {
            assert_eq!(claims(&format!("\"{claim}\":{bad}")).unwrap_err(), malformed(claim), "{bad}");
        }
    }
    assert_eq!(claims("\"cnf\":null").unwrap_err(), malformed("cnf"));
}

#[test]
fn the_payload_is_an_object() {
    for payload in ["", "[]", "[{}]", "\"x\"", "1", "null", "true", "{"] {
        assert_eq!(Claims::parse(payload.as_bytes()).unwrap_err(), MalformedClaims { claim: None });
    }
}

#[test]
fn the_client_is_the_first_that_is_not_empty() {
    for (members, client) in [
        (r#""client_id":"c","azp":"a","sub":"s""#, Some("c")),
        (r#""client_id":"","azp":"a","sub":"s""#, Some("a")),
        (r#""azp":"","sub":"s""#, Some("s")),
        (r#""sub":"""#, None),
        ("", None),
    ] {
        assert_eq!(claims(members).unwrap().client_id(), client, "{members}");
    }
}

#[test]
fn scopes_never_grow_by_a_trick_of_shape() {
    for (members, scopes) in [
        (r#""scope":"""#, &[][..]),
        (r#""scope":"read  write ""#, &["read", "write"]),
        (r#""scope":"read\twrite""#, &["read\twrite"]),
        (r#""scope":"READ""#, &["READ"]),
        (r#""scope":"read read""#, &["read", "read"]),
        (r#""scope":["read","write admin"]"#, &["read", "write admin"]),
        (r#""scope":"","scp":"read""#, &[]),
        (r#""scope":[],"scp":"read""#, &[]),
        (r#""scope":["","read"]"#, &["read"]),
        (r#""scp":"read write""#, &["read", "write"]),
        (r#""scp":["read"]"#, &["read"]),
        ("", &[]),
    ] {
        assert_eq!(claims(members).unwrap().scopes(), scopes, "{members}");
    }
}
