//! Proofs of possession (RFC 9449 section 4.3), rule by rule: of a proof with nothing wrong, one thing is changed.

use std::time::Duration;

use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::oauth::server::dpop::{
    AuthScheme, DpopMode, DpopSettings, PossessionRefusal, PresentedRequest, ProofCheck, Proven, TargetUri, explain,
};

use super::dpop_client::{Client, TOKEN, URL, code, said, verifier};
use crate::common::{NOW, Signer};

/// The resource request of RFC 9449 section 7.1: its token, its proof, and the thumbprint of section 6.1.
const RFC_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const RFC_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const RFC_THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const RFC_IAT: i64 = 1_562_262_618;
/// The token request of section 4.2.
const RFC_TOKEN_REQUEST: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

fn rfc_request(method: &str, url: &str, proof: &str) -> PresentedRequest {
    PresentedRequest {
        scheme: AuthScheme::Dpop,
        proofs: vec![proof.as_bytes().into()],
        method: Some(method.into()),
        url: TargetUri::parse(url),
    }
}

#[test]
fn the_resource_request_of_rfc_9449_7_1_is_accepted() {
    let request = rfc_request("GET", "https://resource.example.org/protectedresource", RFC_PROOF);
    let verifier = verifier(DpopMode::Required, None);
    let bound = format!(r#"{{"cnf":{{"jkt":"{RFC_THUMBPRINT}"}}}}"#);
    let claims = Claims::parse(bound.as_bytes()).unwrap();
    let at =
        |now| verifier.verify(RFC_TOKEN, &claims, &request, NumericDate::from_seconds(now), Duration::from_secs(9));
    assert!(at(RFC_IAT - 301).is_err() && at(RFC_IAT + 301).is_err());
    assert_eq!(at(RFC_IAT), Ok(Proven::ByKey));
}

#[test]
fn the_token_request_of_rfc_9449_4_2_passes_but_for_the_missing_token() {
    let request = rfc_request("POST", "https://server.example.com/token", RFC_TOKEN_REQUEST);
    let settings = DpopSettings::new(DpopMode::Allowed, DpopSettings::ALGORITHMS, 300.0, None).unwrap();
    let now = NumericDate::from_seconds(1_562_262_616);
    let explained = explain(&settings, &request, None, Some(RFC_THUMBPRINT), now);
    let failed = explained.checks.iter().filter(|checked| matches!(checked.outcome, Some(Err(_)))).count();
    let skipped: Vec<_> = explained.checks.iter().filter(|it| it.outcome.is_none()).map(|it| it.check).collect();
    assert_eq!((failed, skipped), (0, vec![ProofCheck::TokenHash, ProofCheck::Replay]));
}

#[test]
fn a_good_proof_of_each_algorithm_is_accepted() {
    let by_default = DpopSettings::ALGORITHMS.into_iter().map(|name| Algorithm::from_name(name).unwrap());
    for algorithm in by_default.filter(|algorithm| *algorithm != Algorithm::ES512) {
        let client = Client::with(algorithm);
        assert_eq!(client.code(&[&client.proof(&[], &[])]), "by key", "{algorithm}");
    }
}

#[test]
fn a_request_has_one_proof() {
    let client = Client::new();
    let proof = client.proof(&[], &[]);
    assert_eq!(client.code(&[]), "dpop_proof_missing");
    assert_eq!(client.code(&[&proof, &proof]), "dpop_proof_malformed");
    assert_eq!(client.code(&[&format!("{proof}, {proof}")]), "dpop_proof_malformed");
    assert_eq!(client.code(&[&format!("{proof},{proof}")]), "dpop_proof_malformed");
}

#[test]
fn a_proof_has_8_kib_at_most() {
    let client = Client::new();
    let long = |len: usize| client.with_claim("more", &format!("\"{}\"", "x".repeat(len)));
    let (mut fits, mut len) = (long(5000), 5000);
    while fits.len() < 8 * 1024 - 4 {
        len += 1;
        fits = long(len);
    }
    assert_eq!(client.code(&[&fits]), "by key");
    assert_eq!(client.code(&[&long(len + 10)]), "dpop_proof_malformed");
}

#[test]
fn a_proof_is_a_jwt_of_its_type() {
    let client = Client::new();
    for text in ["", "x", "a.b", "a.b.c", "a.b.c.d", "a.b.c.d.e", "{}", "\u{e9}", "=.=.="] {
        assert_eq!(client.code(&[text]), "dpop_proof_malformed", "{text}");
    }
    for good in ["\"dpop+jwt\"", "\"DPoP+JWT\"", "\"application/dpop+jwt\""] {
        assert_eq!(client.code(&[&client.proof(&[("typ", Some(good))], &[])]), "by key", "{good}");
    }
    for bad in [None, Some("\"JWT\""), Some("\"dpop\""), Some("\"at+jwt\""), Some("1"), Some("null"), Some("\"\"")] {
        assert_eq!(client.code(&[&client.proof(&[("typ", bad)], &[])]), "dpop_proof_malformed", "{bad:?}");
    }
    for (name, value) in [("crit", "[\"x\"]"), ("b64", "false"), ("zip", "\"DEF\""), ("kid", "1")] {
        assert_eq!(client.code(&[&client.proof(&[(name, Some(value))], &[])]), "dpop_proof_malformed", "{name}");
    }
    assert_eq!(client.code(&[&client.proof(&[("alg", None)], &[])]), "dpop_proof_malformed");
    assert_eq!(client.code(&[&client.proof(&[("more", Some("1"))], &[("more", Some("{}"))])]), "by key");
}

// Without one of these rules another would refuse such a proof with another text: the text shows which rule refused.
#[test]
fn each_rule_about_the_form_says_what_it_found() {
    let client = Client::new();
    let proof = client.proof(&[], &[]);
    let sign = |header: &str, claims: &str| client.keys.sign(header.as_bytes(), claims.as_bytes()).unwrap();
    let several = "several DPoP headers, not one DPoP header";
    assert_eq!(client.told_of_form(&[&proof, &proof]), several);
    assert_eq!(client.told_of_form(&[&proof, ""]), several);
    let long = client.with_claim("more", &format!("\"{}\"", "x".repeat(8 * 1024)));
    let header = "a header with an extension (crit, b64, zip), not none";
    let claims = "claims of another form, not a JSON object";
    for (proof, told) in [
        (long, "a proof of more than 8 KiB, not 8 KiB at most"),
        ("a.b".to_owned(), "a text of another form, not three parts of base64url"),
        (client.proof(&[("alg", None)], &[]), "a header of another form, not a JSON object with alg, typ and jwk"),
        (client.proof(&[("kid", Some("1"))], &[]), "a header of another form, not a JSON object with alg, typ and jwk"),
        (client.proof(&[("crit", Some("[\"exp\"]"))], &[]), header),
        (client.proof(&[("b64", Some("false"))], &[]), header),
        (client.proof(&[("zip", Some("\"DEF\""))], &[]), header),
        (client.proof(&[("typ", Some("\"JWT\""))], &[]), "JWT, not dpop+jwt"),
        (client.proof(&[("typ", None)], &[]), ", not dpop+jwt"),
        (sign(&client.header(), "[]"), claims),
        (sign(&client.header(), r#"{"jti":"a","jti":"b"}"#), claims),
        (client.proof(&[], &[("jti", None)]), "none, not a jti that is a text"),
        (client.proof(&[], &[("jti", Some("\"\""))]), "none, not a jti that is a text"),
        (client.proof(&[], &[("htm", Some("1"))]), "none, not a htm that is a text"),
        (client.proof(&[], &[("htu", None)]), "none, not a htu that is a text"),
        (client.proof(&[], &[("iat", None)]), "none, not an iat in seconds"),
        (client.with_claim("nonce", "1"), "another type, not a nonce that is a text"),
    ] {
        assert_eq!(client.told_of_form(&[&proof]), told);
    }
}

#[test]
fn a_proof_has_its_claims_with_their_types() {
    let client = Client::new();
    for name in ["jti", "htm", "htu", "iat"] {
        for bad in [None, Some("null"), Some("[]"), Some("{}"), Some("true"), Some("\"\"")] {
            assert_eq!(client.code(&[&client.proof(&[], &[(name, bad)])]), "dpop_proof_malformed", "{name} {bad:?}");
        }
    }
    for bad in ["1e300", "\"1800000000\"", "99999999999999999999"] {
        assert_eq!(client.code(&[&client.with_claim("iat", bad)]), "dpop_proof_malformed", "{bad}");
    }
    assert_eq!(client.code(&[&client.with_claim("nonce", "1")]), "dpop_proof_malformed");
    let twice = client.keys.sign(client.header().as_bytes(), br#"{"jti":"a","jti":"b"}"#).unwrap();
    assert_eq!(client.code(&[&twice]), "dpop_proof_malformed");
}

impl Client {
    fn header(&self) -> String {
        format!(r#"{{"typ":"dpop+jwt","alg":"{}","jwk":{}}}"#, self.keys.algorithm(), self.jwk())
    }
}

#[test]
fn the_algorithm_is_asymmetric_and_accepted() {
    let client = Client::new();
    for alg in ["none", "NONE", "HS256", "HS512", "es256", "RS512", "ES256K", "Ed448", "dir"] {
        let proof = client.proof(&[("alg", Some(&format!("{alg:?}")))], &[]);
        assert_eq!(client.code(&[&proof]), "dpop_algorithm_not_allowed", "{alg}");
    }
    let other = Client::with(Algorithm::PS384);
    assert_eq!(other.code(&[&other.proof(&[], &[])]), "dpop_algorithm_not_allowed");
}

#[test]
fn the_key_is_a_sound_public_one_for_the_algorithm() {
    let client = Client::new();
    let jwk = client.jwk();
    let with_member = |more: &str| format!("{},{more}}}", jwk.trim_end_matches('}'));
    for bad in [
        None,
        Some("null".to_owned()),
        Some("{}".to_owned()),
        Some(format!("{jwk:?}")),
        Some(r#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#.to_owned()),
        Some(with_member(r#""d":"AA""#)),
        Some(with_member(r#""use":"enc""#)),
        Some(with_member(r#""key_ops":["sign"]"#)),
        Some(with_member(r#""alg":"ES384""#)),
        Some(with_member(r#""kty":"EC""#)),
        // Of another type.
        Some(Client::with(Algorithm::EdDSA).jwk()),
        Some(Client::with(Algorithm::ES384).jwk()),
        Some(Client::with(Algorithm::RS256).jwk()),
        // A point that is not on the curve.
        Some(r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDB"}"#.to_owned()),
        Some(r#"{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#.to_owned()),
    ] {
        let proof = client.proof(&[("jwk", bad.as_deref())], &[]);
        let code = client.code(&[&proof]);
        // A repeated member name makes the header no JSON object.
        let is_form = bad.as_deref().is_some_and(|bad| bad.matches("kty").count() > 1);
        assert_eq!(code, if is_form { "dpop_proof_malformed" } else { "dpop_key_unusable" }, "{bad:?}");
    }
    // A point of small order, under which anything can be signed.
    let small = r#"{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    let proof = client.proof(&[("alg", Some("\"EdDSA\"")), ("jwk", Some(small))], &[]);
    assert_eq!(client.code(&[&proof]), "dpop_key_unusable");
    let rsa = Client::with(Algorithm::RS256);
    let short = r#"{"kty":"RSA","e":"AQAB","n":"sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4"}"#;
    assert_eq!(rsa.code(&[&rsa.proof(&[("jwk", Some(short))], &[])]), "dpop_key_unusable");
    assert_eq!(
        client.code(&[&client.proof(&[("jwk", Some(&with_member(r#""kid":"a","use":"sig""#)))], &[])]),
        "by key"
    );
}

#[test]
fn the_signature_is_by_the_key_in_the_proof() {
    let (client, other) = (Client::new(), Client::new());
    let good = client.proof(&[], &[]);
    let forged = other.proof(&[("jwk", Some(&client.jwk()))], &[]);
    assert_eq!(client.code(&[&forged]), "dpop_signature_invalid");
    let (signed, signature) = good.rsplit_once('.').unwrap();
    assert_eq!(client.code(&[&format!("{signed}.")]), "dpop_signature_invalid");
    let cut = base64url::encode(&base64url::decode(signature.as_bytes()).unwrap()[..63]);
    assert_eq!(client.code(&[&format!("{signed}.{cut}")]), "dpop_signature_invalid");
    let zeros = base64url::encode(&[0; 64]);
    assert_eq!(client.code(&[&format!("{signed}.{zeros}")]), "dpop_signature_invalid");
    // One byte of what was signed.
    let changed = client.with_claim("jti", "\"two\"");
    let (changed, _) = changed.rsplit_once('.').unwrap();
    assert_eq!(client.code(&[&format!("{changed}.{signature}")]), "dpop_signature_invalid");
}

#[test]
fn the_token_is_bound_to_the_key_of_the_proof() {
    let (client, thief) = (Client::new(), Client::new());
    let proof = thief.proof(&[], &[]);
    assert_eq!(client.code(&[&proof]), "dpop_key_mismatch");
    for jkt in ["", "x", &format!("{}=", client.keys.thumbprint().unwrap())] {
        let claims = format!(r#"{{"cnf":{{"jkt":"{jkt}"}}}}"#);
        let verifier = verifier(DpopMode::Required, None);
        assert_eq!(
            code(&verifier, TOKEN, &claims, &client.request(&[&client.proof(&[], &[])]), NOW),
            "dpop_key_mismatch"
        );
    }
}

#[test]
fn the_proof_is_for_the_token() {
    let client = Client::new();
    let of_another = Client { token: "another.good.token", ..Client::new() }.proof(&[], &[]);
    let ath = of_another.split('.').nth(1).unwrap();
    let claims = String::from_utf8(base64url::decode(ath.as_bytes()).unwrap()).unwrap();
    let start = claims.find("\"ath\":").unwrap() + 6;
    let ath = &claims[start..claims.len() - 1];
    for bad in [None, Some(ath), Some("\"\""), Some("1"), Some("null")] {
        assert_eq!(client.code(&[&client.proof(&[], &[("ath", bad)])]), "dpop_token_hash_mismatch", "{bad:?}");
    }
}

#[test]
fn the_proof_is_for_the_method_and_the_url() {
    let client = Client::new();
    for method in ["GET", "post", "DELETE", "POST "] {
        assert_eq!(client.code(&[&client.with_claim("htm", &format!("{method:?}"))]), "dpop_method_mismatch");
    }
    for url in ["https://other.example/mcp", "http://server.example/mcp", "/mcp", "https://server.example/mcp/", "x"] {
        assert_eq!(client.code(&[&client.with_claim("htu", &format!("{url:?}"))]), "dpop_url_mismatch", "{url}");
    }
    for url in ["HTTPS://SERVER.example:443/mcp", "https://server.example/mcp?a=b#c", "https://server.example/%6dcp"] {
        assert_eq!(client.code(&[&client.with_claim("htu", &format!("{url:?}"))]), "by key", "{url}");
    }
    let proof = client.proof(&[], &[]);
    let verifier = verifier(DpopMode::Required, None);
    let unknown = PresentedRequest { method: None, ..client.request(&[&proof]) };
    assert_eq!(code(&verifier, TOKEN, &client.bound(), &unknown, NOW), "dpop_method_mismatch");
    let unknown = PresentedRequest { url: None, ..client.request(&[&proof]) };
    assert_eq!(code(&verifier, TOKEN, &client.bound(), &unknown, NOW), "dpop_url_mismatch");
    let neither = client.with_claim("htu", "\"x\"");
    let unknown = PresentedRequest { url: None, ..client.request(&[&neither]) };
    assert_eq!(code(&verifier, TOKEN, &client.bound(), &unknown, NOW), "dpop_url_mismatch", "nothing equals nothing");
}

#[test]
fn the_proof_is_made_about_now() {
    let client = Client::new();
    for (iat, expected) in [
        (NOW - 301, "dpop_proof_expired"),
        (NOW - 300, "by key"),
        (NOW + 300, "by key"),
        (NOW + 301, "dpop_proof_in_future"),
        (0, "dpop_proof_expired"),
        (253_402_300_799, "dpop_proof_in_future"),
    ] {
        assert_eq!(client.code(&[&client.with_claim("iat", &iat.to_string())]), expected, "{iat}");
    }
    assert_eq!(client.code(&[&client.with_claim("iat", &format!("{NOW}.5"))]), "by key");
}

#[test]
fn a_mismatch_has_the_value_and_what_was_expected() {
    let client = Client::new();
    let told = |proof: &str| {
        let verifier = verifier(DpopMode::Required, None);
        match said(&verifier, TOKEN, &client.bound(), &client.request(&[proof]), NOW) {
            Err(PossessionRefusal::Rejected(_, Some(comparison))) => (comparison.got, comparison.expected),
            other => panic!("{other:?}"),
        }
    };
    let (got, expected) = told(&client.with_claim("htu", "\"https://a.example/mcp?secret=x\""));
    assert_eq!((&*got[0], &*expected[0]), ("https://a.example/mcp", URL));
    let (got, expected) = told(&client.with_claim("htm", "\"GET\""));
    assert_eq!((&*got[0], &*expected[0]), ("GET", "POST"));
    let (got, _) = told(&client.proof(&[("alg", Some("\"HS256\""))], &[]));
    assert_eq!(&*got[0], "HS256");
    let (got, _) = told(&client.proof(&[("alg", Some("\"none\""))], &[]));
    assert_eq!(&*got[0], "none");
}

#[test]
fn an_es512_and_an_ed448_proof_are_checked_where_they_are_accepted() {
    for algorithm in [Algorithm::ES512, Algorithm::Ed448] {
        let signer = Signer::fresh(algorithm);
        let settings = DpopSettings::new(DpopMode::Required, [algorithm.name()], 300.0, None).unwrap();
        let explained = |proof: &str| {
            let request = PresentedRequest {
                scheme: AuthScheme::Dpop,
                proofs: vec![proof.as_bytes().into()],
                method: Some("POST".into()),
                url: TargetUri::parse(URL),
            };
            let explained = explain(&settings, &request, None, None, NumericDate::from_seconds(NOW));
            explained
                .checks
                .into_iter()
                .filter_map(|it| it.outcome.map(|outcome| (it.check, outcome.is_ok())))
                .all(|(_, ok)| ok)
        };
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"{algorithm}","jwk":{}}}"#, signer.jwk(""));
        let claims = format!(r#"{{"jti":"a","htm":"POST","htu":"{URL}","iat":{NOW}}}"#);
        let proof = signer.sign(&header, &claims);
        assert!(explained(&proof), "{algorithm}");
        let (input, _) = proof.rsplit_once('.').unwrap();
        assert!(!explained(&format!("{input}.AAAA")), "{algorithm}");
    }
}
