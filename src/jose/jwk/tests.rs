use super::super::json::parse_object;
use super::*;

const ED25519: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

fn read(members: &str) -> Result<Jwk, Unusable> {
    Jwk::from_object(&parse_object(format!("{{{members}}}").as_bytes()).unwrap())
}

#[test]
fn use_key_ops_and_alg_reserve_a_key() {
    let with = |more: &str| read(&format!("{ED25519},{more}")).map(|_| ());
    for fine in [
        r#""use":"sig""#,
        r#""key_ops":["verify"]"#,
        r#""key_ops":["sign","verify"]"#,
        r#""alg":"EdDSA""#,
        r#""alg":"Ed25519""#,
        r#""x5c":[],"unknown":{"kty":1}"#,
        r#""kid":null,"use":null,"alg":null,"key_ops":null"#,
        r#""key_ops":[]"#,
        r#""d":null,"p":null,"q":null,"dp":null,"dq":null,"qi":null,"oth":null"#,
        r#""oth":[]"#,
        r#""alg":"Ed25519withSHA""#,
        r#""alg":"""#,
    ] {
        assert_eq!(with(fine), Ok(()), "{fine}");
    }
    for reserved in [r#""use":"jwt-svid""#, r#""use":"""#, r#""key_ops":["sign"]"#] {
        assert!(matches!(with(reserved), Err(Unusable::OtherPurpose(..))), "{reserved}");
    }
    assert_eq!(with(r#""alg":"ES256""#), Err(Unusable::OtherKeyType("ES256".into())));
    for reserved in
        [r#""alg":"ES256K""#, r#""alg":"ES521""#, r#""alg":"ES224""#, r#""alg":"RS1""#, r#""alg":"ML-DSA-44""#]
    {
        assert!(matches!(with(reserved), Err(Unusable::OtherSignatures(_))), "{reserved}");
    }
    for encrypts in [r#""use":"enc""#, r#""key_ops":["encrypt"]"#, r#""alg":"RSA-OAEP""#, r#""alg":"dir""#] {
        assert!(with(encrypts).is_err_and(|unusable| unusable.is_usual()), "{encrypts}");
    }
    for (malformed, name) in [
        (r#""use":["sig"]"#, "use"),
        (r#""alg":1"#, "alg"),
        (r#""key_ops":["verify",1]"#, "key_ops"),
        (r#""key_ops":"verify""#, "key_ops"),
    ] {
        assert_eq!(with(malformed), Err(Unusable::Member(name)), "{malformed}");
    }
    for twice in [r#""key_ops":["verify","verify"]"#, r#""key_ops":["verify","x","x"]"#] {
        assert_eq!(with(twice), Err(Unusable::OperationTwice), "{twice}");
    }
    for kid in ["1", "[]", "[\"a\"]", "{}", "true"] {
        assert_eq!(with(&format!("\"kid\":{kid}")), Err(Unusable::Member("kid")));
    }
}

#[test]
fn private_members_make_a_key_unusable() {
    for name in PRIVATE_MEMBERS {
        for value in ["\"AA\"", "\"\"", "[1]", "{}", "0", "false", "[[]]"] {
            assert_eq!(read(&format!("{ED25519},\"{name}\":{value}")).unwrap_err(), Unusable::Private(name));
        }
    }
    assert_eq!(read(&format!("{ED25519},\"d\":[]")).unwrap_err(), Unusable::Private("d"), "only oth is a list");
}

#[test]
fn coordinates_have_the_length_of_the_curve() {
    assert!(read(P256).is_ok());
    assert!(read(&P256.replace("\"f83O", "\"83O")).is_err(), "another point, which is not on the curve");
    assert!(read(&P256.replace("P-256", "P-384")).is_err());
    assert!(read(&P256.replace("P-256", "secp256k1")).is_err());
    let x = base64url::decode(b"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").unwrap();
    let with = |before: &[u8]| {
        read(&P256.replace("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", &base64url::encode(&[before, &x].concat())))
    };
    assert_eq!(with(&[0]).unwrap().material, read(P256).unwrap().material, "the sign of a number");
    for longer in [&[1][..], &[0, 0]] {
        assert_eq!(with(longer).unwrap_err(), Unusable::Member("x"));
    }
}

#[test]
fn leading_zeros_of_a_coordinate_may_be_left_out() {
    // Made so that x begins with two octets of zeros.
    let (x, y) = ("AAA_XxeKoHBsQjHrblSVqhZCxbiplBJ8iUZfIplKQvk", "wkizN1mfDC8pdy4lbx1VScibqeVzE4LNHjzAnRDQC1U");
    let key = |x: &str| read(&format!(r#""kty":"EC","crv":"P-256","x":"{x}","y":"{y}""#));
    let octets = base64url::decode(x.as_bytes()).unwrap();
    let full = key(x).unwrap().material;
    for zeros in 1..=2 {
        assert_eq!(key(&base64url::encode(&octets[zeros..])).unwrap().material, full);
    }
    assert!(key(&base64url::encode(&octets[3..])).is_err());
    assert_eq!(key("").unwrap_err(), Unusable::Member("x"));
}

#[test]
fn what_is_wrong_is_said_by_name() {
    for (members, expected) in [
        (r#""kty":"RSA","e":"AQAB""#.to_owned(), "the member \"n\" is missing"),
        (r#""kty":"RSA","n":null,"e":"AQAB""#.to_owned(), "the member \"n\" is missing"),
        (r#""kty":"RSA","x5c":["MIIC"]"#.to_owned(), "the member \"n\" is missing: there is a certificate alone"),
        (r#""kty":"RSA","n":"AQAB=","e":"AQAB""#.to_owned(), "\"n\" is padded or in another base64"),
        (r#""kty":"RSA","n":"A+AB","e":"AQAB""#.to_owned(), "\"n\" is padded or in another base64"),
        (r#""kty":"RSA","n":"A AB","e":"AQAB""#.to_owned(), "\"n\" is malformed"),
        (r#""kty":"AKP""#.to_owned(), r#""kty" "AKP": such keys are not supported"#),
        (r#""kty":"AKP\n""#.to_owned(), r#""kty": such keys are not supported"#),
        (format!(r#"{ED25519},"use":"enc""#), "\"use\" \"enc\" reserves it for encryption"),
        (format!(r#"{ED25519},"use":"jwt-svid""#), "unless key_use=\"jwt-svid\""),
        (format!(r#"{ED25519},"key_ops":["verify","verify"]"#), "\"key_ops\" names an operation twice"),
        (format!(r#"{ED25519},"alg":"ES256K""#), "\"alg\" \"ES256K\" reserves it for signatures that are not verified"),
        (format!(r#"{ED25519},"alg":"ES384""#), "\"alg\" \"ES384\" is for keys of another type"),
        (format!(r#"{ED25519},"d":"AA""#), "it holds private members (\"d\")"),
    ] {
        let error = read(&members).unwrap_err().to_string();
        assert!(error.contains(expected), "{members}: {error}");
    }
}

#[test]
fn a_further_use_is_one_that_the_operator_names() {
    let svid = parse_object(format!(r#"{{{ED25519},"use":"jwt-svid"}}"#).as_bytes()).unwrap();
    assert!(Jwk::from_object(&svid).is_err());
    assert!(Jwk::for_use(&svid, Some("JWT-SVID")).is_err());
    assert!(Jwk::for_use(&svid, Some("jwt-svid")).is_ok());
    let usual = parse_object(format!(r#"{{{ED25519},"use":"sig"}}"#).as_bytes()).unwrap();
    assert!(Jwk::for_use(&usual, Some("jwt-svid")).is_ok());
}

#[test]
fn a_point_off_the_curve_is_unsound() {
    assert!(matches!(read(&P256.replace("f83O", "f93O")), Err(Unusable::Unsound(_))));
    assert!(read(P256).unwrap().material.prepare(Algorithm::ES256).is_ok());
}

#[test]
fn a_secret_is_as_long_as_the_hash() {
    let secret = |len: usize| read(&format!(r#""kty":"oct","k":"{}""#, base64url::encode(&vec![1; len])));
    assert_eq!(secret(0).unwrap_err(), Unusable::Member("k"));
    for (algorithm, len) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        assert!(!secret(len - 1).unwrap().supports(algorithm));
        assert!(secret(len).unwrap().supports(algorithm));
    }
}

#[test]
fn other_key_types_are_unusable() {
    for members in [
        r#""kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#,
        r#""kty":"OKP","crv":"X448","x":"AA""#,
        r#""kty":"AKP","pub":"AA""#,
        r#""kty":"rsa","n":"AQAB","e":"AQAB""#,
    ] {
        assert!(matches!(read(members), Err(Unusable::UnknownKeyType(..))), "{members}");
    }
    assert_eq!(read(r#""crv":"P-256""#).unwrap_err(), Unusable::Missing("kty"));
}
