use super::*;

fn parse(text: &str) -> Result<Object, NotAnObject> {
    parse_object(text.as_bytes())
}

fn only(text: &str) -> Value {
    parse(&format!("{{\"v\":{text}}}")).unwrap().get("v").unwrap().clone()
}

#[test]
fn reads_every_type() {
    assert_eq!(only("null"), Value::Null);
    assert_eq!(only("true"), Value::Bool(true));
    assert_eq!(only("-0"), Value::Int(0));
    assert_eq!(only("9223372036854775807"), Value::Int(i64::MAX));
    assert_eq!(only("9223372036854775808"), Value::BigInt(BigInt::from(1_u64 << 63)));
    assert_eq!(only("1.5"), Value::Float(1.5));
    assert_eq!(only("1e2"), Value::Float(100.0));
    assert_eq!(only("1e999"), Value::Float(f64::INFINITY));
    assert_eq!(only(r#""\u00e9\ud83d\ude00\n""#), Value::String("é😀\n".into()));
    assert_eq!(only("[]"), Value::Array(vec![]));
    assert_eq!(only(" [ 1 , {} ] "), Value::Array(vec![Value::Int(1), Value::Object(Object::default())]));
}

#[test]
fn keeps_the_order_of_members() {
    let object = parse(r#"{"b":1,"a":2,"c":3}"#).unwrap();
    assert_eq!(object.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a", "c"]);
}

#[test]
fn refuses_what_is_not_one_object() {
    for text in ["", " ", "[]", "[{}]", "1", "\"x\"", "null", "true", "{} {}", "{}x", "{},", "{", "}", "\u{feff}{}"] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn refuses_what_rfc_8259_does_not_know() {
    for text in [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "0x1",
        "'a'",
        "nul",
        "True",
        "[1,]",
        "{\"a\":1,}",
        "/**/1",
        "\"\t\"",
        "\"\u{0}\"",
        "\"\\x41\"",
        "\"\\",
        "1_000",
    ] {
        assert!(parse(&format!("{{\"v\":{text}}}")).is_err(), "{text:?}");
    }
}

#[test]
fn refuses_lone_surrogates_and_other_encodings() {
    for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800x""#, r#""\udc00\ud800""#] {
        assert!(parse(&format!("{{\"v\":{text}}}")).is_err(), "{text}");
        assert!(parse(&format!("{{{text}:1}}")).is_err(), "{text} as a name");
    }
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(parse_object(&utf16).is_err());
    assert!(parse_object(b"{\"v\":\"\xff\"}").is_err());
    assert!(parse_object(b"{\"v\":\"\xed\xa0\x80\"}").is_err());
}

#[test]
fn refuses_a_name_twice_however_it_is_spelt() {
    assert!(parse(r#"{"a":1,"a":1}"#).is_err());
    assert!(parse(r#"{"a":1,"\u0061":2}"#).is_err());
    assert!(parse(r#"{"x":{"a":1,"b":2,"a":3}}"#).is_err());
    assert!(parse(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    let many: Vec<String> = (0..100).map(|i| format!("\"n{i}\":{i}")).collect();
    assert!(parse(&format!("{{{}}}", many.join(","))).is_ok());
    assert!(parse(&format!("{{{},\"n50\":0}}", many.join(","))).is_err());
}

#[test]
fn the_error_names_the_rule_that_broke() {
    let deep = format!("{{\"v\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    for (text, rule) in [
        ("<html>", NotAnObject::Syntax),
        ("{} {}", NotAnObject::Syntax),
        ("{'a':1}", NotAnObject::Syntax),
        (r#"{"a":[1"#, NotAnObject::CutOff),
        (r#"{"a"#, NotAnObject::CutOff),
        ("", NotAnObject::CutOff),
        ("\u{feff}{}", NotAnObject::ByteOrderMark),
        ("[]", NotAnObject::OtherType),
        ("null", NotAnObject::OtherType),
        (r#"{"a":{"b":1,"b":1}}"#, NotAnObject::NameTwice),
        (r#"{"a":"x \ud83d"}"#, NotAnObject::LoneSurrogate),
        (r#"{"a":"\ud83d\u0041"}"#, NotAnObject::LoneSurrogate),
        (r#"{"a":"\udc00"}"#, NotAnObject::LoneSurrogate),
        (r#"{"a":NaN}"#, NotAnObject::Number),
        (r#"{"a":01}"#, NotAnObject::Number),
        (&deep, NotAnObject::TooDeep),
    ] {
        assert_eq!(parse(text), Err(rule), "{text}");
    }
    assert_eq!(parse_object(b"{\"v\":\"\xff\"}"), Err(NotAnObject::NotUtf8));
}

#[test]
fn a_document_may_begin_with_a_mark_and_spoil_a_part_of_itself() {
    let document =
        parse_document("\u{feff}{\"keys\":[{\"a\":1,\"a\":2},{\"a\":{\"b\":1,\"b\":1}},{\"a\":1}]}".as_bytes());
    let document = document.unwrap();
    let Some(Value::Array(keys)) = document.get("keys") else { panic!("an array") };
    let spoiled = |value: &Value| matches!(value, Value::Object(object) if object.has_a_name_twice());
    assert_eq!(keys.iter().map(spoiled).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(parse_document(br#"{"keys":[],"keys":[]}"#), Err(NotAnObject::NameTwice));
    assert_eq!(parse_document("\u{feff}\u{feff}{}".as_bytes()), Err(NotAnObject::ByteOrderMark));
}

#[test]
fn bounds_nesting_at_the_stated_depth() {
    let nested = |depth: usize| parse(&format!("{{\"v\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1)));
    assert!(nested(MAX_DEPTH).is_ok());
    assert!(nested(MAX_DEPTH + 1).is_err());
    for depth in [100, 1_000, 20_000, 100_000] {
        assert!(nested(depth).is_err());
        assert!(parse(&format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))).is_err());
    }
}

#[test]
fn many_small_objects_take_little_memory_and_all_of_it_is_counted() {
    let object = parse(&format!(r#"{{"v":[{}]}}"#, vec![r#"{"":1}"#; 1000].join(","))).unwrap();
    let Some(Value::Array(items)) = object.get("v") else { panic!("an array") };
    let member = size_of::<(Name, Value)>();
    let mut counted = USUAL_MEMBERS * member + "v".len() + items.capacity() * size_of::<Value>();
    for item in items {
        let Value::Object(small) = item else { panic!("an object") };
        assert!(small.members.capacity() <= 4);
        counted += small.members.capacity() * member;
    }
    assert_eq!(object.memory(), counted);
}

#[test]
fn bounds_the_length_of_an_integer() {
    assert!(matches!(only(&"9".repeat(4300)), Value::BigInt(_)));
    assert!(parse(&format!("{{\"v\":{}}}", "9".repeat(4301))).is_err());
}
