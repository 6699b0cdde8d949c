use super::super::json::{Object, Value, parse_object};
use super::*;

#[path = "../../../tests/common/same_json.rs"]
mod same_json;

use same_json::is_object;

/// Whether a text is read, and then as the strict parser reads it.
fn is_read(text: &str) -> bool {
    let read = || {
        let mut reader = Reader::of_object(text)?;
        reader.finish(Piece::Object, &mut SeenNames::new())?;
        reader.is_at_end().then_some(())
    };
    let is_read = read().is_some();
    if is_read {
        let strict = parse_object(text.as_bytes()).unwrap();
        let mut reader = Reader::of_object(text).unwrap();
        assert_eq!(is_object(&mut reader, &strict), Some(true), "{text}");
    }
    is_read
}

#[test]
fn plain_json_is_read() {
    for text in [
        "{}",
        " { } ",
        r#"{"a":1}"#,
        "\t{\r\n\"a\" : [ 1 , \"b\" , { } ] ,\"c\":{\"a\":null}}\n",
        r#"{"a":[],"b":[[]],"c":[{"a":true},{"a":false}],"d":0,"e":10,"f":999999999999999999}"#,
        r#"{"short":"","eight":"12345678","seven":"1234567","more":"123456789012345678901234567890"}"#,
        r#"{"a":"\"\\\/\b\f\n\r\t\u0000\u00e9\uFFFF","b":"x\u0041\"","c":"é😀"}"#,
        r#"{"":1,"b":2,"ab":3,"ba":4,"aab":5}"#,
        r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
    ] {
        assert!(is_read(text), "{text}");
    }
}

#[test]
fn what_is_rare_or_no_json_is_left_to_the_other_parser() {
    let many: Vec<String> = (0..33).map(|at| format!("\"n{at}\":0")).collect();
    assert!(is_read(&format!("{{{}}}", many[..32].join(","))));
    assert!(!is_read(&format!("{{{}}}", many.join(","))));
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(is_read(&nested(7)));
    for depth in [9, 33, 100_000] {
        assert!(!is_read(&nested(depth)));
    }
    for value in [
        "-1",
        "-0",
        "1.0",
        "1e2",
        "1E2",
        "0.5",
        "00",
        "01",
        "1000000000000000000",
        "+1",
        "1_0",
        "0x1",
        ".5",
        "NaN",
        "nul",
        "nullx",
        "truefalse",
        "True",
        "'a'",
        "",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "{",
        "]",
        "}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\"}",
        "{\"a\" 1}",
        "{1:1}",
        "{a:1}",
        "\"",
        "\"a",
        "\"a\nb\"",
        "\"\u{1f}\"",
        "\"12345678\u{0}\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        r#""\ud83d\ude00""#,
        r#""\ud800""#,
        r#""\"#,
        "1,1",
        "1}x",
        "/**/1",
        "1 /**/",
    ] {
        assert!(!is_read(&format!("{{\"a\":{value}}}")), "{value}");
    }
    for text in
        ["", " ", "[]", "1", "{}{}", "{} x", "{,}", "{\"a\":1,\"a\":1}", r#"{"\u0061":1}"#, "\u{feff}{}", "{}\0"]
    {
        assert!(!is_read(text), "{text:?}");
    }
    for twice in [r#"{"x":{"a":1,"b":2,"a":3}}"#, r#"{"x":[{"a":1,"a":1}]}"#, r#"{"b":{},"a":1,"c":0,"a":1}"#] {
        assert!(!is_read(twice), "{twice}");
    }
}

#[test]
fn each_byte_at_each_place_of_a_string_is_read_as_the_strict_parser_reads_it() {
    for length in 1..20 {
        for at in 0..length {
            for byte in 0..=0x7f_u8 {
                let mut string = vec![b'x'; length];
                string[at] = byte;
                let text = format!("{{\"a\":\"{}\"}}", String::from_utf8(string).unwrap());
                let is_plain = !(byte < 0x20 || byte == b'"' || byte == b'\\');
                assert!(!is_plain || is_read(&text), "{text}");
                assert!(is_plain || !is_read(&text) || parse_object(text.as_bytes()).is_ok(), "{text}");
            }
        }
    }
}
