//! Properties that hold for whatever a client sends: nothing panics, nothing unsigned is accepted, and what is
//! accepted was read as another parser reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::common::{ACCEPTED, Signer, TestVerifier, algorithms, claims, compact};
use fastmcp_rs::jose::json::{Value, parse_object};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::keys::{from_public_text, from_text};
use num_bigint::BigInt;
use proptest::prelude::*;
use proptest::sample::Index;

fn config(cases: u32) -> ProptestConfig {
    // A failure prints its smallest input; no file needs to remember it.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A verifier of each key type, with a token that it accepts.
static VERIFIERS: LazyLock<Vec<(TestVerifier, String)>> = LazyLock::new(|| {
    [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .map(|algorithm| {
            let signer = Signer::fresh(algorithm);
            (TestVerifier::new(signer.public_key(), &[algorithm.name()]), signer.token(claims()))
        })
        .into()
});

fn no_verifier_accepts(token: &[u8]) -> Result<(), TestCaseError> {
    for (verifier, good) in VERIFIERS.iter().filter(|(_, good)| good.as_bytes() != token) {
        prop_assert_ne!(verifier.code(token), ACCEPTED, "{}", good);
    }
    Ok(())
}

/// Headers that come close to being one.
fn headers() -> impl Strategy<Value = String> {
    let alg = prop_oneof![
        Just("\"HS256\"".to_owned()),
        Just("\"RS256\"".to_owned()),
        Just("\"ES256\"".to_owned()),
        Just("\"EdDSA\"".to_owned()),
        Just("\"none\"".to_owned()),
        json().prop_map(|tree| tree.text(false)),
    ];
    (alg, json()).prop_map(|(alg, tree)| format!(r#"{{"alg":{alg},"x":{}}}"#, tree.text(true)))
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn arbitrary_bytes_are_never_accepted(token in prop::collection::vec(any::<u8>(), 0..2_000)) {
        no_verifier_accepts(&token)?;
    }

    #[test]
    fn arbitrary_texts_in_parts_are_never_accepted(token in r"[A-Za-z0-9_=-]{0,80}(\.[A-Za-z0-9_-]{0,200}){0,5}") {
        no_verifier_accepts(token.as_bytes())?;
    }

    #[test]
    fn well_formed_tokens_with_an_arbitrary_signature_are_never_accepted(
        header in headers(),
        payload in prop_oneof![Just(claims()), object().prop_map(|tree| tree.text(false))],
        signature in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        no_verifier_accepts(compact(header, payload, signature).as_bytes())?;
    }

    #[test]
    fn a_signed_token_is_accepted_only_unchanged(
        at in any::<Index>(),
        cut in 0_usize..8,
        new in prop::collection::vec(prop_oneof![any::<u8>(), 0x2d_u8..0x7b], 0..8),
        other in any::<Index>(),
    ) {
        for (verifier, good) in VERIFIERS.iter() {
            let mut token = good.clone().into_bytes();
            let start = at.index(token.len());
            let end = (start + cut).min(token.len());
            token.splice(start..end, new.iter().copied());
            prop_assert_eq!(verifier.code(&token) == ACCEPTED, token == good.as_bytes());

            let mut swapped = good.clone().into_bytes();
            swapped.swap(start, other.index(good.len()));
            prop_assert_eq!(verifier.code(&swapped) == ACCEPTED, swapped == good.as_bytes());
        }
    }

    #[test]
    fn arbitrary_key_texts_never_panic(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..500),
            any::<String>().prop_map(String::into_bytes),
            (r"-{0,6}(BEGIN|begin) ?[A-Z ]{0,12}-{0,6}[\n ]?", any::<String>()).prop_map(|(head, rest)| (head + &rest).into_bytes()),
            object().prop_map(|tree| tree.text(false).into_bytes()),
            (any::<bool>(), "(oct|RSA|EC|OKP)", "[A-Za-z0-9_-]{0,90}", "(P-256|P-521|Ed25519)").prop_map(|(set, kty, text, crv)| {
                let jwk = format!(r#"{{"kty":"{kty}","crv":"{crv}","k":"{text}","n":"{text}","e":"AQAB","x":"{text}","y":"{text}"}}"#);
                if set { format!(r#"{{"keys":[{jwk}]}}"#) } else { jwk }.into_bytes()
            }),
        ],
        flip in any::<Index>(),
    ) {
        for names in [&["HS256", "HS512"][..], &["RS256", "PS384"], &["ES256", "ES512"], &["EdDSA", "Ed25519"]] {
            drop(from_text(&text, &algorithms(names)));
        }
        drop(from_public_text(&text));
        // A real key with one byte changed.
        let mut key = crate::common::key_file("p256.certificate.pem").into_bytes();
        let at = flip.index(key.len());
        key[at] ^= text.first().copied().unwrap_or(1) | 1;
        drop(from_public_text(&key));
    }
}

/// A JSON value, with its meaning known before any parser reads it.
#[derive(Debug, Clone)]
enum Tree {
    Null,
    Bool(bool),
    Int(BigInt),
    Float(f64),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

fn text(content: &str, escaped: bool) -> String {
    if escaped {
        let units: Vec<_> = content.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        return format!("\"{}\"", units.concat());
    }
    serde_json::to_string(content).unwrap()
}

impl Tree {
    /// The value as JSON; `odd` with every character escaped and space wherever it may stand.
    fn text(&self, odd: bool) -> String {
        let (open, comma, colon) = if odd { ("\n ", " ,\t", " :\r\n ") } else { ("", ",", ":") };
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) if odd => format!("{value:e}"),
            Self::Float(value) => format!("{value:?}"),
            Self::Text(value) => text(value, odd),
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| item.text(odd)).collect();
                format!("[{open}{}{open}]", items.join(comma))
            }
            Self::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("{}{colon}{}", text(name, odd), value.text(odd)))
                    .collect();
                format!("{{{open}{}{open}}}", members.join(comma))
            }
        }
    }

    /// Whether the parser read what was written.
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(one), Value::Bool(other)) => one == other,
            (Self::Int(one), Value::Int(other)) => *one == BigInt::from(*other),
            (Self::Int(one), Value::BigInt(other)) => one == other && i64::try_from(one.clone()).is_err(),
            (Self::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Text(one), Value::String(other)) => **one == **other,
            (Self::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is(other))
            }
            (Self::Object(one), Value::Object(other)) => {
                one.len() == other.iter().len()
                    && one.iter().zip(other.iter()).all(|((name, value), (key, read))| name == key && value.is(read))
            }
            _ => false,
        }
    }
}

/// Whether both parsers read the same. `serde_json` has no integers beyond 64 bits, so these are compared as floats.
fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value as Theirs;
    match (ours, theirs) {
        (Value::Null, Theirs::Null) => true,
        (Value::Bool(one), Theirs::Bool(other)) => one == other,
        (Value::Int(one), Theirs::Number(other)) => other.as_i64() == Some(*one),
        (Value::BigInt(one), Theirs::Number(other)) => match other.as_u64() {
            Some(other) => *one == BigInt::from(other),
            None => one.to_string().parse() == Ok(other.as_f64().unwrap()),
        },
        (Value::Float(one), Theirs::Number(other)) => other.as_f64().map(f64::to_bits) == Some(one.to_bits()),
        (Value::String(one), Theirs::String(other)) => **one == **other,
        (Value::Array(one), Theirs::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Theirs::Object(other)) => {
            one.iter().len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => false,
    }
}

fn distinct(members: Vec<(String, Tree)>) -> Tree {
    let mut seen = HashSet::new();
    Tree::Object(members.into_iter().filter(|(name, _)| seen.insert(name.clone())).collect())
}

fn json() -> impl Strategy<Value = Tree> {
    let integer = prop_oneof![
        any::<i64>().prop_map(BigInt::from),
        any::<u64>().prop_map(BigInt::from),
        any::<i128>().prop_map(BigInt::from),
        "-?[1-9][0-9]{0,80}".prop_map(|digits| digits.parse().unwrap()),
        (-3_i64..3).prop_map(|offset| BigInt::from(i64::MAX) + offset),
    ];
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        integer.prop_map(Tree::Int),
        any::<f64>().prop_filter("JSON has only finite numbers", |float| float.is_finite()).prop_map(Tree::Float),
        any::<String>().prop_map(Tree::Text),
    ];
    // With the object around it, at most the 32 levels that are read.
    leaf.prop_recursive(31, 64, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(distinct),
        ]
    })
}

fn object() -> impl Strategy<Value = Tree> {
    prop::collection::vec((any::<String>(), json()), 0..20).prop_map(distinct)
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn an_object_is_read_as_it_was_written_and_as_serde_json_reads_it(tree in object(), odd in any::<bool>()) {
        let text = tree.text(odd);
        let read = Value::Object(parse_object(text.as_bytes()).unwrap());
        prop_assert!(tree.is(&read), "{}", text);
        let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert!(same(&read, &theirs), "{}", text);
    }

    #[test]
    fn a_repeated_member_name_is_refused_at_any_depth(members in prop::collection::vec((any::<String>(), json()), 1..20), again in any::<Index>(), to in any::<Index>(), odd in any::<bool>()) {
        let Tree::Object(mut members) = distinct(members) else { unreachable!() };
        let name = members[again.index(members.len())].0.clone();
        members.insert(to.index(members.len() + 1), (name, Tree::Null));
        let twice = Tree::Object(members);
        prop_assert!(parse_object(twice.text(odd).as_bytes()).is_err());
        let deeper = Tree::Object(vec![("a".to_owned(), Tree::Array(vec![twice]))]);
        prop_assert!(parse_object(deeper.text(odd).as_bytes()).is_err());
    }

    #[test]
    fn bytes_are_an_object_only_where_serde_json_agrees(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            r#"[ \n]?\{("[a-c\\"u0]{0,6}"[:,;]? ?[-+0-9.eE]{0,6},?){0,3}\}[ x]?"#.prop_map(String::into_bytes),
            (object(), any::<Index>(), any::<u8>()).prop_map(|(tree, at, byte)| {
                let mut bytes = tree.text(false).into_bytes();
                let at = at.index(bytes.len());
                bytes[at] = byte;
                bytes
            }),
        ],
    ) {
        if let Ok(read) = parse_object(&bytes) {
            // Read as a float where it is too large for one, which serde_json refuses.
            let Ok(theirs) = serde_json::from_slice(&bytes) else {
                prop_assert!(format!("{read:?}").contains("inf"), "{}", String::from_utf8_lossy(&bytes));
                return Ok(());
            };
            prop_assert!(same(&Value::Object(read), &theirs), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}
