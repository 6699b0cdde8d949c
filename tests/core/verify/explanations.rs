//! An explanation says what the verifier says, check by check, and more.

#![allow(clippy::unwrap_used, reason = "a test that cannot sign has failed")]

use std::sync::Arc;

use crate::common::{
    ISSUER, NOW, NoKeysYet, Signer, TestVerifier, algorithms, claim, claims, claims_with, compact, policy, rsa_signer,
};
use fastmcp_rs::explain::{CheckOutcome, Checked, Explanation, SettingNames, explain, without_keys};
use fastmcp_rs::jose::base64url;
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::jose::jwt::{Claims, NumericDate};
use fastmcp_rs::keys::{FixedKeys, KeySnapshot, KeySource, KeyWait, Keys, Miss};
use fastmcp_rs::outcome::check::Check;
use fastmcp_rs::outcome::rejection::Rejection;
use fastmcp_rs::outcome::unavailable::Unavailable;
use fastmcp_rs::policy::{CustomCheckFailed, NoOverrides, Overrides, Policy};
use fastmcp_rs::verify::{Decision, Verifier};
use std::task::Poll;

fn failed(explanation: &Explanation) -> Vec<(&'static str, &'static str)> {
    let failed = |checked: &Checked| match &checked.outcome {
        CheckOutcome::Failed(rejection) => Some((checked.check.name(), rejection.code())),
        _ => None,
    };
    explanation.checks.iter().filter_map(failed).collect()
}

fn not_reached(explanation: &Explanation) -> Vec<Check> {
    let unreached = explanation.checks.iter().filter(|checked| checked.outcome == CheckOutcome::NotReached);
    unreached.map(|checked| checked.check).collect()
}

fn at(explanation: &Explanation, check: Check) -> &Checked {
    explanation.checks.iter().find(|checked| checked.check == check).unwrap()
}

fn fix(explanation: &Explanation) -> &str {
    explanation.fix.as_deref().unwrap_or("")
}

fn keyless(token: &str) -> Explanation {
    without_keys(token.as_bytes(), None, &policy(), NumericDate::from_seconds(NOW), SettingNames::Options)
}

#[test]
fn every_check_of_an_accepted_token_passed() {
    let signer = rsa_signer();
    let explanation = TestVerifier::new(signer.public_key(), &["RS256"]).explain(signer.token(claims()));
    let ended =
        |outcome: &CheckOutcome| explanation.checks.iter().filter(|checked| checked.outcome == *outcome).count();
    let unchecked: Vec<_> =
        explanation.checks.iter().filter(|checked| checked.outcome == CheckOutcome::Unchecked).collect();
    assert_eq!(ended(&CheckOutcome::Passed) + unchecked.len(), Check::OF_JWT.len());
    let names: Vec<_> = unchecked.iter().map(|checked| (checked.check, checked.text())).collect();
    assert_eq!(
        names,
        [
            (Check::NotBefore, "the token has no nbf".to_owned()),
            (Check::Client, "not checked".to_owned()),
            (Check::ClaimRules, "not checked".to_owned()),
            (Check::Denylist, "not checked".to_owned()),
        ]
    );
    assert_eq!(explanation.checks.iter().map(|checked| checked.check).collect::<Vec<_>>(), Check::OF_JWT);
    assert!(explanation.is_authentic() && explanation.fix.is_none());
}

#[test]
fn checks_after_the_first_failure_are_reported_too() {
    let signer = rsa_signer();
    let wrong = claims_with(&[
        ("exp", Some("1000")),
        ("iss", Some("\"https://other.example\"")),
        ("aud", None),
        ("cnf", Some("{}")),
        ("scope", None),
    ]);
    let explanation = TestVerifier::new(signer.public_key(), &["RS256"]).explain(signer.token(wrong));
    assert_eq!(
        failed(&explanation),
        [
            ("expiry", "expired"),
            ("issuer", "issuer_mismatch"),
            ("audience", "audience_mismatch"),
            ("binding", "bound_token"),
            ("scope", "insufficient_scope"),
        ]
    );
    assert!(explanation.is_authentic());
    assert_eq!(not_reached(&explanation), []);
}

#[test]
fn claims_without_a_valid_signature_are_marked_as_such() {
    let (signer, other_signer) = (rsa_signer(), Signer::fresh(Algorithm::RS256));
    let explanation =
        TestVerifier::new(signer.public_key(), &["RS256"]).explain(other_signer.token(claim("aud", "\"x\"")));
    assert_eq!(failed(&explanation), [("signature", "invalid_signature"), ("audience", "audience_mismatch")]);
    assert!(!explanation.is_authentic() && explanation.claims.is_some());
}

#[test]
fn a_check_without_its_subject_is_not_reached() {
    let verifier = TestVerifier::new(rsa_signer().public_key(), &["RS256"]);
    let opaque = verifier.explain("opaque");
    assert_eq!(not_reached(&opaque), Check::OF_JWT[2..]);
    assert!(opaque.header.is_none() && opaque.claims.is_none());
    let unsigned = verifier.explain(compact(r#"{"alg":"none"}"#, claims(), ""));
    assert_eq!(not_reached(&unsigned), Check::OF_JWT[4..]);
    assert!(unsigned.header.is_some() && unsigned.claims.is_some());
    let symmetric = verifier.explain(compact(r#"{"alg":"HS256"}"#, claims(), "x"));
    assert_eq!(not_reached(&symmetric), [Check::Key, Check::Signature]);
}

#[test]
fn keys_out_of_reach_are_an_outcome_of_their_own() {
    #[derive(Debug)]
    struct OutOfReach;
    impl KeySource for OutOfReach {
        fn keys(&self) -> Keys {
            Keys::Unavailable(Unavailable::Keys)
        }
    }
    let signer = rsa_signer();
    let explanation = TestVerifier::with_source(Arc::new(OutOfReach), &["RS256"]).explain(signer.token(claims()));
    assert!(matches!(explanation.decision, Decision::Unavailable(Unavailable::Keys)));
    assert_eq!(at(&explanation, Check::Key).outcome, CheckOutcome::Unavailable(Unavailable::Keys));
    assert_eq!(not_reached(&explanation), [Check::Signature]);
}

#[test]
fn without_keys_the_other_checks_are_reported() {
    let signer = rsa_signer();
    for token in [signer.token(claims()), Signer::fresh(Algorithm::HS256).token(claims())] {
        let explanation = keyless(&token);
        assert!(matches!(explanation.decision, Decision::Unavailable(_)));
        assert_eq!((failed(&explanation), not_reached(&explanation)), (vec![], vec![Check::Signature]));
        assert!(!explanation.is_authentic());
    }
    let expired = keyless(&signer.token(claim("exp", &(NOW - 180).to_string())));
    assert_eq!(failed(&expired), [("expiry", "expired")]);
    assert!(fix(&expired).contains("expired 3 minutes ago"));
    let named = without_keys(
        signer.token(claims()).as_bytes(),
        Some(algorithms(&["ES256"])),
        &policy(),
        NumericDate::from_seconds(NOW),
        SettingNames::Options,
    );
    assert_eq!(failed(&named), [("accepted_algorithm", "algorithm_not_allowed")]);
}

#[test]
fn there_is_no_explanation_while_keys_are_being_fetched() {
    let verifier = Verifier::new(algorithms(&["RS256"]), Arc::new(NoKeysYet));
    let token = rsa_signer().token(claims());
    let explained = |key_wait| {
        let now = NumericDate::from_seconds(NOW);
        explain(&verifier, token.as_bytes(), &policy(), None, now, key_wait, SettingNames::Parameters)
    };
    assert!(explained(KeyWait::MayWait).is_none());
    assert!(matches!(explained(KeyWait::Never).unwrap().decision, Decision::Unavailable(_)));
}

#[test]
fn results_of_older_keys_are_dropped_when_newer_ones_decide() {
    #[derive(Debug)]
    struct Rotated(Arc<KeySnapshot>, Arc<KeySnapshot>);
    impl KeySource for Rotated {
        fn keys(&self) -> Keys {
            Keys::Snapshot(Arc::clone(&self.0))
        }
        fn keys_after_miss(&self, _: &Arc<KeySnapshot>, _: Miss<'_>, _: KeyWait) -> Keys {
            Keys::Snapshot(Arc::clone(&self.1))
        }
    }
    let (old, new) = (Signer::fresh(Algorithm::RS256), rsa_signer());
    let set = |signer: &Signer, kid: &str| {
        let loaded = crate::common::load(signer.jwk(&format!(r#","kid":"{kid}""#)), &["RS256"]).unwrap();
        Arc::new(KeySnapshot::from(loaded.keys))
    };
    let token = new.sign(r#"{"alg":"RS256","kid":"new"}"#, claims());
    for old_kid in ["old", "new"] {
        let rotated = Arc::new(Rotated(set(&old, old_kid), set(&new, "new")));
        let explanation = TestVerifier::with_source(rotated, &["RS256"]).explain(&token);
        assert!(matches!(explanation.decision, Decision::Accepted(_)));
        assert!(failed(&explanation).is_empty() && not_reached(&explanation).is_empty(), "{old_kid}");
    }
}

#[test]
fn overrides_are_called_for_signed_claims_only() {
    #[derive(Default)]
    struct Counting(std::cell::Cell<u32>);
    impl Overrides for Counting {
        fn accepts_issuer(&self, _: &Claims) -> Option<Result<bool, CustomCheckFailed>> {
            self.0.set(self.0.get() + 1);
            Some(Ok(true))
        }
    }
    let (signer, other_signer) = (rsa_signer(), Signer::fresh(Algorithm::RS256));
    let keys = crate::common::load(signer.public_key(), &["RS256"]).unwrap().keys;
    let verifier = Verifier::new(algorithms(&["RS256"]), Arc::new(FixedKeys::new(keys)));
    for (by, asked) in [(&signer, 1), (&other_signer, 0)] {
        let counting = Counting::default();
        let token = by.token(claim("exp", "1"));
        let now = NumericDate::from_seconds(NOW);
        let explanation = explain(
            &verifier,
            token.as_bytes(),
            &policy(),
            Some(&counting),
            now,
            KeyWait::Never,
            SettingNames::Parameters,
        );
        assert_eq!(counting.0.get(), asked);
        let scope = at(&explanation.unwrap(), Check::Scope).outcome.clone();
        assert_eq!(scope == CheckOutcome::NotReached, asked == 0);
    }
}

/// A decision is the same whether it is traced or not, whatever becomes of the token.
#[test]
fn tracing_changes_no_decision() {
    let signer = rsa_signer();
    let keys = crate::common::load(signer.public_key(), &["RS256"]).unwrap().keys;
    let verifier = Verifier::new(algorithms(&["RS256"]), Arc::new(FixedKeys::new(keys)));
    let now = NumericDate::from_seconds(NOW);
    for token in [signer.token(claims()), signer.token(claim("iss", "1")), signer.token(claim("exp", "1"))] {
        let plain = verifier.verify(token.as_bytes(), &policy(), &NoOverrides, now, KeyWait::Never);
        let traced =
            explain(&verifier, token.as_bytes(), &policy(), None, now, KeyWait::Never, SettingNames::Parameters)
                .unwrap();
        let Poll::Ready(plain) = plain else { panic!("fixed keys decide") };
        assert_eq!(format!("{plain:?}"), format!("{:?}", traced.decision));
    }
}

#[test]
fn the_fix_names_the_value_and_what_is_expected() {
    let signer = rsa_signer();
    let verifier = || TestVerifier::new(signer.public_key(), &["RS256"]);
    let of_claim = |name, value: &str| fix(&verifier().explain(signer.token(claim(name, value)))).to_owned();
    let slash = of_claim("iss", &format!("\"{ISSUER}/\""));
    assert!(slash.contains("iss=\"https://issuer.example/\" and this verifier expects \"https://issuer.example\""));
    assert!(slash.contains("differ in the slash at the end"), "{slash}");
    assert!(of_claim("iss", "\"https://ISSUER.example\"").contains("differ in case"));
    assert!(of_claim("iss", "\"http://issuer.example/\"").contains("differ in http and https"));
    assert!(of_claim("iss", "\"https://other.example\"").ends_with("else get one that is"));
    let aud = of_claim("aud", "\"api://x\"");
    assert!(aud.contains("aud=\"api://x\" and this verifier expects \"https://server.example/mcp\""), "{aud}");
    assert!(of_claim("scope", "\"write\"").contains("grants \"write\" and \"read\" is missing"));
    assert!(of_claim("exp", &format!("{NOW}000")).contains("milliseconds"));
    assert!(of_claim("exp", "\"1\"").contains("exp is a text"));
    assert!(of_claim("exp", &(NOW - 10).to_string()).contains("compare the clocks"));
    assert!(!of_claim("exp", &(NOW - 100_000).to_string()).contains("clocks"));
    assert!(of_claim("nbf", &(NOW + 7_200).to_string()).contains("not valid for another 2 hours"));
    let hostile = of_claim("aud", r#""\u001b[31m\u202e\r\n""#);
    assert!(hostile.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{hostile}");
    let other_signer = Signer::fresh(Algorithm::RS256);
    let other = verifier().explain(other_signer.token(claim("iss", "\"https://other.example\"")));
    assert!(fix(&other).contains("another issuer's token"), "{:?}", other.fix);
    assert!(fix(&verifier().explain(other_signer.token(claims()))).contains("another key signed the token"));
    let wrong = |header: &str| fix(&verifier().explain(compact(header, claims(), "x"))).to_owned();
    assert!(wrong(r#"{"alg":"HS256"}"#).contains("signed with a shared secret, and here are public keys"));
    assert!(wrong(r#"{"alg":"ES256"}"#).contains("alg=\"ES256\" and this verifier accepts RS256"));
    assert!(wrong(r#"{"alg":"none"}"#).contains("unsigned"));
    let secret = TestVerifier::new("x".repeat(64), &["HS256"]);
    assert!(fix(&secret.explain(signer.token(claims()))).contains("signed with a private key"));
}

#[test]
fn a_secret_that_fits_in_another_encoding_is_reported() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let secret = "?>-a secret of more than thirty-two bytes->?";
    let hexadecimal =
        "3f3e2d6120736563726574206f66206d6f7265207468616e207468697274792d74776f2062797465732d3e3f".to_owned();
    let (base64, base64url) = (STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret));
    for (given, signs, told) in [
        (format!(" {secret}\r\n"), secret.to_owned(), "without the line end or the spaces around it"),
        (secret.to_owned(), format!("{secret}\n"), "with a line end behind it"),
        (secret.to_owned(), format!("{secret}\r\n"), "with a carriage return and a line feed behind it"),
        (base64.clone(), secret.to_owned(), "decoded from base64"),
        (base64url, secret.to_owned(), "decoded from base64url"),
        (format!("{base64}\n"), secret.to_owned(), "decoded from base64"),
        (hexadecimal, secret.to_owned(), "decoded from hexadecimal"),
        (secret.to_owned(), base64, "encoded in base64"),
        (
            secret.to_owned(),
            "another secret of more than thirty-two bytes".to_owned(),
            "another secret signed the token",
        ),
    ] {
        let token = Signer::of_secret(Algorithm::HS256, signs.as_bytes()).token(claims());
        let explanation = TestVerifier::new(&given, &["HS256"]).explain(&token);
        assert!(fix(&explanation).contains(told), "{told}: {}", fix(&explanation));
        assert!(!fix(&explanation).contains(secret));
    }
}

#[test]
fn a_text_that_is_no_jwt_is_named_for_what_it_is() {
    let good = rsa_signer().token(claims());
    let (signing_input, _) = good.rsplit_once('.').unwrap();
    for (text, told) in [
        (String::new(), "there is no token"),
        (format!("Bearer {good}"), "starts with \"Bearer\""),
        (format!("bearer {good}"), "starts with \"Bearer\""),
        (format!("\"{good}\""), "stands in quotes"),
        (format!("'{good}'"), "stands in quotes"),
        (format!("{good}\n"), "line ends"),
        (good.replacen('.', ".\n", 1), "line ends"),
        (format!("{{\"access_token\":\"{good}\"}}"), "the value of access_token alone"),
        ("-----BEGIN PUBLIC KEY-----".to_owned(), "a key or a certificate"),
        ("gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned(), "an opaque token"),
        (format!("{good}.{}.{}", base64url::encode(b"x"), base64url::encode(b"y")), "encrypted (JWE)"),
        (signing_input.to_owned(), "cut off"),
        (format!("{good}=="), "padded"),
        (format!("{signing_input}.A"), "cut off or damaged"),
        ("x".repeat(70_000), "70000 bytes"),
        (compact("[]", claims(), "x"), "no JSON object with an alg"),
        (compact(r#"{"alg":"RS256","kid":1}"#, claims(), "x"), "a kid or typ that is no text"),
        (compact(r#"{"alg":"RS256","crit":["x"]}"#, claims(), "x"), "demands an extension"),
        (compact(r#"{"alg":"RS\u001b"}"#, claims(), "x"), "which is unknown here"),
    ] {
        let explanation = keyless(&text);
        assert!(fix(&explanation).contains(told), "{text:.30}: {:?}", explanation.fix);
        assert!(!fix(&explanation).contains(char::is_control));
    }
}

#[test]
fn for_an_id_token_and_a_refresh_token_the_fix_names_the_access_token() {
    let signer = rsa_signer();
    let verifier = TestVerifier::new(signer.public_key(), &["RS256"]);
    let id = verifier.explain(signer.token(claim("at_hash", "\"x\"")));
    assert_eq!(failed(&id), [("type", "id_token")]);
    assert!(fix(&id).contains("by its at_hash") && fix(&id).contains("allow_id_tokens=True"), "{}", fix(&id));
    assert_eq!(at(&id, Check::Type).text(), "the token is an ID token (by its at_hash), not an access token");
    let refresh = verifier.explain(signer.token(claim("token_use", "\"refresh\"")));
    assert_eq!(failed(&refresh), [("type", "wrong_type")]);
    assert!(fix(&refresh).contains("refresh token"), "{}", fix(&refresh));
    let strict = TestVerifier::new(signer.public_key(), &["RS256"]).with_policy(policy().with_id_tokens(Some(false)));
    let silent = strict.explain(signer.token("{\"iss\":\"https://issuer.example\"}"));
    assert!(fix(&silent).contains("nothing in the token says"), "{}", fix(&silent));
}

#[test]
fn each_check_says_on_one_line_what_it_found() {
    let signer = rsa_signer();
    let verifier = TestVerifier::new(signer.public_key(), &["RS256"]).with_policy(Policy::default());
    let text = |explanation: &Explanation, check: Check| at(explanation, check).text();
    let lenient = verifier.explain(signer.token(claim("aud", "[\"a\\n\",\"b\"]")));
    assert_eq!(text(&lenient, Check::Audience), r#""a\n", "b", not checked"#);
    assert_eq!(text(&lenient, Check::AcceptedAlgorithm), r#""RS256""#);
    assert_eq!(text(&lenient, Check::Size), "");
    let demanding = policy().with_typ(Some("at+jwt".into())).unwrap();
    let verifier = TestVerifier::new(signer.public_key(), &["RS256"]).with_policy(demanding);
    let strict = verifier.explain(signer.token(claim("scope", "\"write\"")));
    assert_eq!(text(&strict, Check::Type), r#"the token is of another type (got "JWT", expected "at+jwt")"#);
    assert_eq!(text(&strict, Check::Scope), r#"a required scope is missing: "read" (got "write")"#);
    assert_eq!(text(&strict, Check::Issuer), r#""https://issuer.example""#);
    assert!(failed(&strict).contains(&("type", Rejection::WrongType.code())));
}
