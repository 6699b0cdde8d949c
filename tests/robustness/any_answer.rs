//! Whatever another server answers: nothing panics, no secret is taken for a key, a token is accepted only by a positive
//! response, and a search for keys ends and stays on https.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::NOW;
use fastmcp_rs::discovery::{Issuer, TokenEndpoint};
use fastmcp_rs::http::SsrfPolicy;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::keys::remote::{FetchedKeySet, HttpAnswer, KeyLocator, Retrieval};
use fastmcp_rs::oauth::client::token_request::{WantedType, read_answer};
use fastmcp_rs::oauth::server::introspection_result::IntrospectionResult;
use fastmcp_rs::oauth::server::{introspection, json_verification};
use fastmcp_rs::policy::Policy;
use fastmcp_rs::verify::Decision;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

const NAMES: [&str; 27] = [
    "active",
    "valid",
    "exp",
    "nbf",
    "sub",
    "aud",
    "iss",
    "scope",
    "client_id",
    "keys",
    "kty",
    "kid",
    "crv",
    "x",
    "y",
    "n",
    "e",
    "k",
    "use",
    "alg",
    "access_token",
    "token_type",
    "expires_in",
    "issuer",
    "jwks_uri",
    "token_endpoint",
    "error",
];

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec!["EC", "RSA", "OKP", "oct", "P-256", "AQAB", "sig", "ES256", "HS256", "Bearer", "bearer", ""])
            .prop_map(Value::from),
        select(vec!["https://a.example", "https://a.example/jwks", "http://a.example/jwks", "https://b.example/token"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from), members(inner)]
    })
}

fn members(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = prop_oneof![9 => select(NAMES.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec((name, inner), 0..8).prop_map(|members| Value::Object(Map::from_iter(members)))
}

/// Good answers of every kind, in which some members are others.
fn answers() -> impl Strategy<Value = Value> {
    // RFC 7517 appendix A.1.
    let key = json!({"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"});
    let good = vec![
        json!({"active": true, "sub": "alice", "exp": NOW + 60}),
        json!({"valid": true, "user_id": "alice"}),
        json!({"keys": [key, {"kty": "oct", "k": "AAAA"}]}),
        json!({"access_token": "t", "token_type": "Bearer", "expires_in": 60}),
        json!({"issuer": "https://a.example", "jwks_uri": "https://a.example/jwks", "token_endpoint": "https://a.example/token"}),
    ];
    (select(good), members(values())).prop_map(|(mut good, changes)| {
        if let (Value::Object(good), Value::Object(changes)) = (&mut good, changes) {
            good.extend(changes.into_iter().take(2));
        }
        good
    })
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let text = |value: Value| value.to_string().into_bytes();
    prop_oneof![
        4 => answers().prop_map(text),
        2 => members(values()).prop_map(text),
        1 => values().prop_map(text),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

fn statuses() -> impl Strategy<Value = u16> {
    prop_oneof![3 => Just(200), 1 => 100_u16..600]
}

fn read(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_token_is_accepted_only_by_an_active_response(status in statuses(), body in bodies()) {
        let now = NumericDate::from_seconds(NOW);
        let accepts = |result: IntrospectionResult| {
            matches!(result.into_answer(None).decide(&Policy::default(), now), Decision::Accepted(_))
        };
        let theirs = read(&body);
        let lasts = |theirs: &Value| theirs.get("exp").is_none_or(|exp| exp.as_f64().is_some_and(|exp| exp > now.seconds()));
        if accepts(introspection::read(status, &body)) {
            prop_assert!((200..300).contains(&status));
            prop_assert!(theirs.as_ref().is_some_and(|theirs| theirs["active"] == true && lasts(theirs)));
        }
        if accepts(json_verification::read(status, &body)) {
            prop_assert!((200..300).contains(&status));
            prop_assert!(theirs.as_ref().is_some_and(|theirs| theirs.is_object() && lasts(theirs)));
            let says_no = |theirs: &Value| ["active", "valid"].iter().any(|name| theirs[name] == false);
            prop_assert!(!theirs.as_ref().is_some_and(says_no));
        }
    }

    #[test]
    fn no_published_key_is_accepted_as_a_secret(body in bodies()) {
        match FetchedKeySet::parse(&body, None) {
            Ok(document) => {
                prop_assert!(!document.keys.is_empty());
                prop_assert!(document.infos.iter().all(|info| ["RSA", "EC", "OKP"].contains(&info.kty)));
                prop_assert!(document.keys.select(Algorithm::HS256, None).is_err());
                prop_assert!(document.notices.iter().all(|why| !why.contains(char::is_control) && why.len() < 1_000));
            }
            Err(error) => prop_assert!(error.to_string().len() < 300),
        }
    }

    #[test]
    fn a_token_is_taken_only_from_a_200_with_token_type_bearer(status in statuses(), body in bodies()) {
        match read_answer(status, &body, WantedType::Bearer, |text| text.replace("hush", "...")) {
            Ok(_) => {
                prop_assert_eq!(status, 200);
                let theirs = read(&body).unwrap_or_default();
                prop_assert!(theirs["access_token"].is_string());
                prop_assert!(theirs["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
            }
            Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
        }
    }

    #[test]
    fn a_search_for_keys_ends_and_stays_on_https(
        of_issuer in any::<bool>(),
        pages in prop::collection::vec((statuses(), bodies()), 20),
    ) {
        let locator = if of_issuer {
            KeyLocator::Issuer(Issuer::parse("https://a.example", false).unwrap())
        } else {
            KeyLocator::TokenEndpoint(TokenEndpoint::parse("https://a.example/token", None, None, false).unwrap())
        };
        let mut retrieval = Retrieval::new(&locator, SsrfPolicy::TrustedUrl, None);
        let ended = pages.into_iter().any(|(status, body)| {
            assert!(retrieval.next_request().0.is_https());
            retrieval.on_response(&HttpAnswer { status, body, ..HttpAnswer::default() }).is_some()
        });
        prop_assert!(ended);
    }
}
