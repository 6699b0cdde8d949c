//! Whatever a payload holds, one scan of it says what the strict parser and a look at each claim say.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::read_twice::is_claims_set;

const NAMES: [&str; 21] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "scope",
    "scp",
    "client_id",
    "azp",
    "tid",
    "token_use",
    "token_usage",
    "token_type",
    "typ",
    "cnf",
    "at_hash",
    "c_hash",
    "realm_access",
    "auth_time",
];

/// Texts of JSON values: what tokens hold, what is rare, and what is none.
const VALUES: [&str; 44] = [
    "\"alice\"",
    "\"\"",
    "\"read write\"",
    "\" read  write \"",
    "\"https://issuer.example\"",
    "\"https:\\/\\/issuer.example\"",
    "\"J\\u00f6rg \\n\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"é😀\"",
    "\"a\tb\"",
    "\"id\"",
    "\"access\"",
    "\"refresh\"",
    "\"DPoP\"",
    "0",
    "1",
    "-1",
    "1800000000",
    "1800000000.5",
    "1e9",
    "-0",
    "01",
    "253402300799",
    "253402300800",
    "999999999999999999",
    "9223372036854775808",
    "1e999",
    "null",
    "true",
    "false",
    "[]",
    "[\"a\"]",
    "[ \"a\" , \"\" , \"b c\" ]",
    "[\"a\\n\"]",
    "[1]",
    "[[\"a\"]]",
    "{}",
    "{\"a\":1,\"b\":[{\"a\":{}}]}",
    "{\"a\":1,\"a\":2}",
    "{\"roles\":[\"x\",\"y\"]}",
    "[\"a\",]",
    "nul",
    "",
];

fn member() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        8 => select(NAMES.as_slice()).prop_map(str::to_owned),
        2 => "[a-c]{0,3}",
        1 => Just("\\u0069ss".to_owned()),
    ];
    (name, select(VALUES.as_slice()), "[ \n]{0,1}", "[ \t]{0,1}")
        .prop_map(|(name, value, before, after)| format!("{before}\"{name}\"{after}:{before}{value}{after}"))
}

/// Payloads in which every other claim has a value that suits it.
fn sound_member() -> impl Strategy<Value = String> {
    let text = select(&["\"\"", "\"alice\"", "\"a longer text than eight bytes\"", "\"access\""][..]);
    let texts = select(&["\"read write\"", "[]", "[\"a\", \"b c\",\"\"]", "\"\""][..]);
    let date = select(&["0", "1800000000", "1800000000.25", "-5", "253402300799"][..]);
    let other = select(&["null", "{\"a\":[1,{\"b\":\"\\\"\"}]}", "-1.5", "\"\\u00e9\"", "[true,false]"][..]);
    prop_oneof![
        (select(&NAMES[7..9]), texts.clone()),
        (select(&["aud"][..]), texts),
        (select(&NAMES[3..6]), date),
        (select(&["iss", "sub", "jti", "client_id", "azp", "tid", "token_use", "typ", "token_type"][..]), text),
        (select(&["groups", "realm_access", "name", "email", "a"][..]), other),
    ]
    .prop_map(|(name, value)| format!("\"{name}\":{value}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn claims_of_any_shape_are_scanned_as_they_are_read(
        members in prop_oneof![
            prop::collection::vec(member(), 0..6),
            prop::collection::vec(sound_member(), 0..8),
            prop::collection::vec("\"n[0-9]{1,2}\":[0-9]{1,20}", 20..40),
        ],
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
        is_changed in any::<bool>(),
    ) {
        let mut payload = format!("{{{}}}", members.join(",")).into_bytes();
        is_claims_set(&payload);
        if is_changed {
            for (at, byte) in changes {
                let at = at.index(payload.len());
                payload[at] = byte;
            }
            is_claims_set(&payload);
        }
    }
}

#[test]
fn valid_claims_are_a_claims_set_however_they_are_written() {
    for payload in [
        r#"{"iss":"https://issuer.example","aud":["a","b"],"exp":1800000000,"scope":"read write","realm_access":{"roles":["x"]}}"#,
        r#"{ "iss" : "https:\/\/issuer.example", "aud" : "a" }"#,
        r#"{"name":"\ud83d\ude00","exp":1800000000.5}"#,
        "{}",
    ] {
        assert!(is_claims_set(payload.as_bytes()), "{payload}");
    }
}
