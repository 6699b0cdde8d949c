//! Which URLs a fetch requests, one after the other, with any HTTP client.

#![allow(clippy::unwrap_used, reason = "a test whose own texts do not parse has failed")]

use crate::common::Signer;
use fastmcp_rs::discovery::Issuer;
use fastmcp_rs::http::{EndpointUrl, HttpError, SsrfPolicy};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::keys::remote::{EntityTag, FetchContent, FetchError, FetchReply, HttpAnswer, KeyLocator, Retrieval};

const ISSUER: &str = "https://issuer.example";

fn retrieval(known: Option<EntityTag>) -> Retrieval {
    Retrieval::new(&KeyLocator::Issuer(Issuer::parse(ISSUER, false).unwrap()), SsrfPolicy::TrustedUrl, known)
}

/// The current request: the URL, and whether it has an entity tag.
fn asked(retrieval: &Retrieval) -> (String, Option<&str>) {
    let (endpoint_url, tag) = retrieval.next_request();
    (endpoint_url.url().to_string(), tag)
}

fn metadata(jwks_uri: &str) -> HttpAnswer<'static> {
    let body = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{jwks_uri}"}}"#).into_bytes();
    HttpAnswer { status: 200, body, ..HttpAnswer::default() }
}

fn keys(etag: Option<&str>) -> HttpAnswer<'_> {
    let jwk = Signer::fresh(Algorithm::EdDSA).jwk("");
    HttpAnswer { status: 200, etag, body: format!(r#"{{"keys":[{jwk}]}}"#).into_bytes(), ..HttpAnswer::default() }
}

fn status(status: u16) -> HttpAnswer<'static> {
    HttpAnswer { status, ..HttpAnswer::default() }
}

fn told(end: Option<Result<FetchReply, FetchError>>) -> String {
    end.unwrap().unwrap_err().to_string()
}

/// The entity tag that a search from the issuer brought with the keys of this URL.
fn tag_from(jwks_uri: &str, etag: &str) -> Option<EntityTag> {
    let mut retrieval = retrieval(None);
    assert!(retrieval.on_response(&metadata(jwks_uri)).is_none());
    match retrieval.on_response(&keys(Some(etag))).unwrap().unwrap().answer {
        FetchContent::KeySet { etag, .. } => etag,
        FetchContent::NotModified | FetchContent::ServerAlone { .. } => None,
    }
}

#[test]
fn an_entity_tag_goes_to_the_url_that_gave_it_and_to_no_other() {
    let known = tag_from("https://keys.example/a", "\"v1\"");
    assert!(known.is_some());
    let mut same = retrieval(known.clone());
    assert_eq!(asked(&same).1, None, "the metadata has no tag");
    assert!(same.on_response(&metadata("https://keys.example/a")).is_none());
    assert_eq!(asked(&same), ("https://keys.example/a".to_owned(), Some("\"v1\"")));
    let end = same.on_response(&status(304)).unwrap().unwrap();
    assert!(matches!(end.answer, FetchContent::NotModified));

    let mut moved = retrieval(known);
    assert!(moved.on_response(&metadata("https://keys.example/b")).is_none());
    assert_eq!(asked(&moved), ("https://keys.example/b".to_owned(), None));
    assert!(told(moved.on_response(&status(304))).contains("status 304"), "the request was not conditional");
}

#[test]
fn discovery_is_part_of_each_fetch_and_skips_what_is_no_metadata() {
    for other in [404, 301, 302, 304, 307, 401, 403, 500, 503, 204] {
        let mut retrieval = retrieval(None);
        assert_eq!(asked(&retrieval).0, "https://issuer.example/.well-known/openid-configuration");
        assert!(retrieval.on_response(&status(other)).is_none(), "{other}");
        assert_eq!(asked(&retrieval).0, "https://issuer.example/.well-known/oauth-authorization-server");
        assert!(retrieval.on_response(&metadata("https://keys.example/a")).is_none());
        assert!(retrieval.on_response(&keys(None)).unwrap().is_ok());
    }
    let mut retrieval = retrieval(None);
    assert!(retrieval.on_response(&status(404)).is_none());
    assert!(told(retrieval.on_response(&status(404))).contains("status 404"));
}

#[test]
fn a_redirect_of_the_keys_themselves_is_a_failure() {
    for redirect in [301, 302, 303, 307, 308] {
        let mut retrieval = retrieval(None);
        retrieval.on_response(&metadata("https://keys.example/a"));
        assert!(told(retrieval.on_response(&status(redirect))).contains(&format!("redirect ({redirect})")));
    }
}

#[test]
fn a_response_is_bounded_and_more_tightly_where_the_url_is_not_trusted() {
    let locator = KeyLocator::KeySet(EndpointUrl::parse("https://keys.example/a", "jwks_uri", false).unwrap());
    for (policy, most, seconds) in [(SsrfPolicy::TrustedUrl, 1024 * 1024, 10), (SsrfPolicy::PublicOnly, 64 * 1024, 30)]
    {
        let answer = |bytes: usize| {
            let mut answer = keys(None);
            answer.body.resize(bytes, b' ');
            Retrieval::new(&locator, policy, None).on_response(&answer).unwrap()
        };
        assert!(answer(most).is_ok());
        assert_eq!(answer(most + 1).unwrap_err().to_string(), "the answer is larger than is read");
        assert_eq!(Retrieval::new(&locator, policy, None).most_bytes(), most);
        assert_eq!(fastmcp_rs::keys::remote::total_timeout(policy).as_secs(), seconds);
    }
}

#[test]
fn the_error_for_a_set_of_certificates_names_the_jwks_uri_of_the_issuer() {
    let certificates = || HttpAnswer {
        status: 200,
        body: br#"{"k1":"-----BEGIN CERTIFICATE-----\nMII","k2":"-----BEGIN CERTIFICATE-----"}"#.to_vec(),
        ..HttpAnswer::default()
    };
    let locator =
        KeyLocator::KeySet(EndpointUrl::parse("https://keys.example/x509?secret", "jwks_uri", false).unwrap());
    let of_url = |issuer: Option<&Issuer>| Retrieval::new(&locator, SsrfPolicy::TrustedUrl, None).with_issuer(issuer);
    let plain = told(of_url(None).on_response(&certificates()));
    assert!(plain.contains("a map of certificates by key id") && plain.contains("calls jwks_uri"), "{plain}");
    assert!(plain.ends_with("(status 200, no media type, from https://keys.example/x509)"), "{plain}");

    let issuer = Issuer::parse(ISSUER, false).unwrap();
    let advised = |answers: &[HttpAnswer<'_>]| {
        let mut retrieval = of_url(Some(&issuer));
        assert!(!retrieval.seeks_advice());
        assert!(retrieval.on_response(&certificates()).is_none() && retrieval.seeks_advice());
        assert_eq!(asked(&retrieval).0, format!("{ISSUER}/.well-known/openid-configuration"));
        let (last, others) = answers.split_last().unwrap();
        assert!(others.iter().all(|answer| retrieval.on_response(answer).is_none()));
        told(retrieval.on_response(last))
    };
    let found = advised(&[status(404), metadata("https://keys.example/jwk?secret")]);
    assert!(found.contains("give https://keys.example/jwk, the JWK Set"), "{found}");
    assert!(found.ends_with("(status 200, no media type, from https://keys.example/x509)"), "{found}");
    let other = br#"{"issuer":"https://other.example","jwks_uri":"https://evil.example/jwks"}"#.to_vec();
    let too_large = vec![b' '; 2 * 1024 * 1024];
    for answers in [
        &[status(404), status(500)][..],
        &[HttpAnswer { status: 200, body: other, ..HttpAnswer::default() }],
        &[HttpAnswer { status: 200, body: too_large, ..HttpAnswer::default() }, status(404)],
        &[HttpAnswer {
            status: 200,
            body: br#"{"issuer":"https://issuer.example"}"#.to_vec(),
            ..HttpAnswer::default()
        }],
    ] {
        assert_eq!(advised(answers), plain);
    }
    let mut broken_off = of_url(Some(&issuer));
    assert!(broken_off.on_response(&certificates()).is_none());
    assert_eq!(broken_off.on_error(HttpError::Timeout.into()).unwrap_err().to_string(), plain);
}

#[test]
fn a_body_that_cannot_be_read_is_no_metadata_and_leads_on() {
    for unread in [HttpError::UnknownCoding("br"), HttpError::Coding("compressed twice"), HttpError::TooLarge] {
        let mut search = retrieval(None);
        let first = asked(&search).0;
        assert!(search.on_unread_body(unread.clone()).is_none(), "{unread}");
        assert_ne!(asked(&search).0, first);
        assert!(search.on_response(&metadata("https://keys.example/a")).is_none());
        assert_eq!(told(search.on_unread_body(unread.clone())), unread.to_string(), "keys are at one URL");

        let mut nowhere = retrieval(None);
        assert!(nowhere.on_unread_body(unread.clone()).is_none());
        let error = told(nowhere.on_response(&status(404)));
        assert!(error.contains(&unread.to_string()) && error.contains("status 404"), "{error}");
    }
    let mut broken = retrieval(None);
    assert!(broken.on_unread_body(HttpError::Broken).is_some(), "the server is out of reach");
    let mut page = retrieval(None);
    let answer = HttpAnswer { status: 200, body: vec![b' '; 1024 * 1024 + 1], ..HttpAnswer::default() };
    assert!(page.on_response(&answer).is_none(), "nor is a page that is too long");
}
