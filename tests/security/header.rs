//! The header: rows C1 to C6 of SECURITY.md, one test each.
//!
//! Left to the Python tests: C5's log line.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use crate::common::{ACCEPTED, Signer, TestVerifier, claims, rsa_signer};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;

/// A verifier, and the key whose signature it checks: every token below is signed by it, however odd.
fn hs256() -> (TestVerifier, Signer) {
    let signer = Signer::fresh(Algorithm::HS256);
    (TestVerifier::new(signer.public_key(), &["HS256"]), signer)
}

#[test]
fn c1_cve_2025_59420_cve_2026_32597_cve_2026_35042_crit_is_refused_whatever_it_holds() {
    let (verifier, signer) = hs256();
    for crit in [
        r#"["x"]"#,
        r#"["x"],"x":true"#,
        r#""exp""#,
        "null",
        "1",
        "{}",
        "[1]",
        r#"["x","x"]"#,
        r#"["x","x"],"x":1"#,
        "[]",
        r#"["alg"]"#,
        r#"["kid"],"kid":"a""#,
        r#"["exp"],"exp":1"#,
        r#"["crit"]"#,
        "true",
        r#""""#,
        "[null]",
        "[[]]",
    ] {
        let token = signer.sign(signer.header(&format!(r#","crit":{crit}"#)), claims());
        assert_eq!(verifier.code(token), "critical_header", "{crit}");
    }
    for harmless in ["", r#","x":true"#, r#","Crit":["x"]"#, r#","critical":["x"]"#, r#","y":{"crit":["x"]}"#] {
        assert_eq!(verifier.code(signer.sign(signer.header(harmless), claims())), ACCEPTED, "{harmless}");
    }
}

#[test]
fn c2_cve_2026_48525_unencoded_payloads_are_refused() {
    let (verifier, signer) = hs256();
    for b64 in [
        r#","b64":false,"crit":["b64"]"#,
        r#","b64":false"#,
        r#","b64":true,"crit":["b64"]"#,
        r#","b64":null"#,
        r#","b64":"true""#,
        r#","b64":0"#,
    ] {
        let header = signer.header(b64);
        assert_eq!(verifier.code(signer.sign(&header, claims())), "critical_header", "{b64}");
        // As in RFC 7797: the payload is not encoded, and so is no base64url.
        let bare =
            signer.sign_input(&format!("{}.{}", base64url::encode(header.as_bytes()), claims().replace('.', "")));
        assert_eq!(verifier.code(bare), "malformed_token", "{b64}");
    }
    assert_eq!(verifier.code(signer.sign(signer.header(r#","b64":true"#), claims())), ACCEPTED, "what every JWS says");
}

#[test]
fn c3_fastmcp_4282_unknown_header_parameters_of_any_type_are_accepted() {
    let (verifier, signer) = hs256();
    for name in ["cat", "x", "cty", "x5t", "jti", "iss", "__proto__", "", "é"] {
        for value in ["1", "-1.5e3", "\"x\"", "true", "null", "[]", "[1,[2]]", "{}", r#"{"alg":"none"}"#] {
            let header = signer.header(&format!(",{name:?}:{value}"));
            assert_eq!(verifier.code(signer.sign(&header, claims())), ACCEPTED, "{header}");
        }
    }
}

#[test]
fn c4_cve_2026_27896_one_text_has_one_meaning() {
    let (verifier, signer) = hs256();
    for header in [r#"{"Alg":"none","alg":"HS256"}"#, r#"{"alg":"HS256","ALG":"none","aLg":null,"alg ":1}"#] {
        assert_eq!(verifier.code(signer.sign(header, claims())), ACCEPTED, "only alg is alg: {header}");
    }
    assert_eq!(verifier.code(signer.sign(r#"{"Alg":"HS256"}"#, claims())), "malformed_token");

    // Each of these turns a good header, or good claims, into something that another parser may read differently.
    let spellings: [(&str, Spelling); 17] = [
        ("a name twice", |json| spliced(json, r#","typ":"JWT","typ":"JWT""#)),
        ("a name twice, once escaped", |json| spliced(json, r#","a":1,"\u0061":2"#)),
        ("a name twice further down", |json| spliced(json, r#","a":{"b":1,"b":2}"#)),
        ("UTF-16", |json| json.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16, big-endian", |json| json.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("UTF-32", |json| json.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("a byte order mark", |json| format!("\u{feff}{json}").into_bytes()),
        ("invalid UTF-8", |json| [&spliced(json, r#","a":""#)[..json.len() + 5], b"\xff\"}"].concat()),
        ("a surrogate in UTF-8", |json| [&spliced(json, r#","a":""#)[..json.len() + 5], b"\xed\xa0\x80\"}"].concat()),
        ("an overlong byte", |json| [&spliced(json, r#","a":""#)[..json.len() + 5], b"\xc0\xaf\"}"].concat()),
        ("a lone surrogate", |json| spliced(json, r#","a":"\ud800""#)),
        ("a lone surrogate in a name", |json| spliced(json, r#","\udc00":1"#)),
        ("another object behind", |json| format!("{json}{{}}").into_bytes()),
        ("a byte behind", |json| format!("{json}\0").into_bytes()),
        ("a comma at the end", |json| spliced(json, ",")),
        ("a comment", |json| format!("/**/{json}").into_bytes()),
        ("NaN", |json| spliced(json, r#","a":NaN"#)),
    ];
    let (header, payload) = (signer.header(""), claims());
    for (what, spell) in spellings {
        assert_eq!(verifier.code(signer.sign(spell(&header), &payload)), "malformed_token", "{what} in the header");
        assert_eq!(verifier.code(signer.sign(&header, spell(&payload))), "malformed_claims", "{what} in the claims");
    }
    for benign in [r#","a":"\u00e9\ud83d\ude00""#, ",\"é\":\"\u{10ffff}\"", "\n", r#","a":1,"A":2"#] {
        let (header, payload) = (spliced(&header, benign), spliced(&payload, benign));
        assert_eq!(verifier.code(signer.sign(header, payload)), ACCEPTED, "{benign}");
    }
}

/// Another way to write a JSON object.
type Spelling = fn(&str) -> Vec<u8>;

/// The object with these further members.
fn spliced(json: &str, more: &str) -> Vec<u8> {
    format!("{}{more}}}", json.strip_suffix('}').unwrap()).into_bytes()
}

#[test]
fn c5_rfc_8725bis_3_10_kid_is_only_ever_compared() {
    let signer = rsa_signer();
    let set = format!(
        r#"{{"keys":[{},{}]}}"#,
        signer.jwk(r#","kid":"good""#),
        Signer::fresh(Algorithm::RS256).jwk(r#","kid":"other""#)
    );
    let (fixed, set) = (TestVerifier::new(signer.public_key(), &["RS256"]), TestVerifier::new(set, &["RS256"]));
    let with_kid = |kid: &str| signer.sign(signer.header(&format!(r#","kid":{kid}"#)), claims());
    let long = "k".repeat(32 * 1024);
    for hostile in [
        "../../x",
        "' OR 1=1",
        "' OR 1=1 --",
        r"a\nb",
        r"\u0000",
        r"good\u0000",
        "GOOD",
        " good",
        "",
        "file:///etc/passwd",
        r"\u001b[2J",
        "%s%n",
        "${jndi:ldap://x}",
        "goo\u{0308}d",
        &long,
    ] {
        let token = with_kid(&format!("\"{hostile}\""));
        assert_eq!(set.code(&token), "unknown_key", "{hostile:.40}");
        assert_eq!(fixed.code(&token), ACCEPTED, "{hostile:.40}: a fixed key without a name takes any");
    }
    let longest = with_kid(&format!("{:?}", "k".repeat(64 * 1024)));
    assert_eq!((set.code(&longest), fixed.code(&longest)), ("token_too_large", "token_too_large"));
    for value in ["1", "true", "[]", "{}", "null", r#"["good"]"#] {
        let token = with_kid(value);
        assert_eq!((set.code(&token), fixed.code(&token)), ("malformed_token", "malformed_token"), "{value}");
    }
    assert_eq!(set.code(with_kid("\"good\"")), ACCEPTED);
    assert_eq!(set.code(with_kid(r#""\u0067ood""#)), ACCEPTED, "the same string, escaped");
    assert_eq!(set.code(with_kid("\"other\"")), "invalid_signature");
}

#[test]
fn c6_cve_2026_102269_a_token_has_one_spelling() {
    let signer = Signer::fresh(Algorithm::EdDSA);
    let verifier = TestVerifier::new(signer.public_key(), &["EdDSA"]);
    // Payloads of each length modulo 3, so that the parts end with 0, 2 and 4 spare bits.
    for padding in ["", "1", "12"] {
        let token = signer
            .sign(signer.header(&format!(r#","x":"{padding}""#)), crate::common::claim("x", &format!("\"{padding}\"")));
        assert_eq!(verifier.code(&token), ACCEPTED);
        let parts: Vec<_> = token.split('.').collect();
        for (at, part) in parts.iter().enumerate() {
            for other in other_spellings(part) {
                let mut parts = parts.clone();
                parts[at] = &other;
                assert_eq!(verifier.code(parts.join(".")), "malformed_token", "part {at} as {other:?}");
                // Even where the signer himself signed the odd spelling.
                let resigned = signer.sign_input(&parts[..2].join("."));
                let expected = if at == 2 { ACCEPTED } else { "malformed_token" };
                assert_eq!(verifier.code(resigned), expected, "part {at} as {other:?}, signed so");
            }
        }
        for around in [
            format!(" {token}"),
            format!("{token} "),
            format!("{token}\n"),
            format!("{token}\r\n"),
            format!("\0{token}"),
        ] {
            assert_eq!(verifier.code(&around), "malformed_token", "{around:?}");
        }
    }
}

/// Texts that a lenient decoder reads as the same bytes.
fn other_spellings(part: &str) -> Vec<String> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let middle = part.len() / 2;
    let (start, end) = part.split_at(middle);
    let mut spellings: Vec<String> =
        ["\n", "\r\n", " ", "\t", "!", "\0", "=", "\u{a0}"].iter().map(|junk| format!("{start}{junk}{end}")).collect();
    for padding in ["=", "==", "===", "====", "\n", " ", "!"] {
        spellings.push(format!("{part}{padding}"));
    }
    spellings.extend(["=", " ", "\n"].map(|before| format!("{before}{part}")));
    if part.contains(['-', '_']) {
        spellings.push(part.replace('-', "+").replace('_', "/"));
    }
    let (most, last) = part.split_at(part.len() - 1);
    let value = DIGITS.find(last).unwrap();
    let spare_bits = match part.len() % 4 {
        2 => 0b1111,
        3 => 0b11,
        _ => 0,
    };
    spellings.extend((1..=spare_bits).map(|bits| format!("{most}{}", &DIGITS[value | bits..=value | bits])));
    spellings
}
