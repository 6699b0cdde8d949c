//! What a fetch asks, one URL after the other, whoever has the client.

#![allow(clippy::unwrap_used, reason = "a test whose own texts do not parse has failed")]

mod common;

use common::Signer;
use fastmcp_rs::http::{FetchPolicy, Location};
use fastmcp_rs::jose::jwa::Algorithm;
use fastmcp_rs::keys::remote::{Answer, EntityTag, FetchError, Issuer, Origin, Page, Reply, Search};

const ISSUER: &str = "https://issuer.example";

fn search(known: Option<EntityTag>) -> Search {
    Search::new(&Origin::Issuer(Issuer::parse(ISSUER, false).unwrap()), FetchPolicy::Plain, known)
}

/// What is asked now: the URL, and whether with an entity tag.
fn asked(search: &Search) -> (String, Option<&str>) {
    let (location, tag) = search.question();
    (location.url().to_string(), tag)
}

fn metadata(jwks_uri: &str) -> Page<'static> {
    let body = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{jwks_uri}"}}"#).into_bytes();
    Page { status: 200, body, ..Page::default() }
}

fn keys(etag: Option<&str>) -> Page<'_> {
    let jwk = Signer::fresh(Algorithm::EdDSA).jwk("");
    Page { status: 200, etag, body: format!(r#"{{"keys":[{jwk}]}}"#).into_bytes(), ..Page::default() }
}

fn status(status: u16) -> Page<'static> {
    Page { status, ..Page::default() }
}

fn told(end: Option<Result<Reply, FetchError>>) -> String {
    end.unwrap().unwrap_err().to_string()
}

/// The entity tag that a search from the issuer brought with the keys of this URL.
fn tag_from(jwks_uri: &str, etag: &str) -> Option<EntityTag> {
    let mut search = search(None);
    assert!(search.answered(&metadata(jwks_uri)).is_none());
    match search.answered(&keys(Some(etag))).unwrap().unwrap().answer {
        Answer::Document { etag, .. } => etag,
        Answer::NotModified => None,
    }
}

#[test]
fn k16_an_entity_tag_goes_to_the_url_that_gave_it_and_to_no_other() {
    let known = tag_from("https://keys.example/a", "\"v1\"");
    assert!(known.is_some());
    let mut same = search(known.clone());
    assert_eq!(asked(&same).1, None, "the metadata has no tag");
    assert!(same.answered(&metadata("https://keys.example/a")).is_none());
    assert_eq!(asked(&same), ("https://keys.example/a".to_owned(), Some("\"v1\"")));
    let end = same.answered(&status(304)).unwrap().unwrap();
    assert!(matches!(end.answer, Answer::NotModified));

    let mut moved = search(known);
    assert!(moved.answered(&metadata("https://keys.example/b")).is_none());
    assert_eq!(asked(&moved), ("https://keys.example/b".to_owned(), None));
    assert!(told(moved.answered(&status(304))).contains("status 304"), "nobody asked whether it is unmodified");
}

#[test]
fn k19_discovery_is_part_of_each_fetch_and_leads_past_what_is_no_document() {
    for other in [404, 301, 302, 304, 307, 401, 403, 500, 503, 204] {
        let mut search = search(None);
        assert_eq!(asked(&search).0, "https://issuer.example/.well-known/openid-configuration");
        assert!(search.answered(&status(other)).is_none(), "{other}");
        assert_eq!(asked(&search).0, "https://issuer.example/.well-known/oauth-authorization-server");
        assert!(search.answered(&metadata("https://keys.example/a")).is_none());
        assert!(search.answered(&keys(None)).unwrap().is_ok());
    }
    let mut search = search(None);
    assert!(search.answered(&status(404)).is_none());
    assert!(told(search.answered(&status(404))).contains("status 404"));
}

#[test]
fn k15_a_redirect_of_the_keys_themselves_is_a_failure() {
    for redirect in [301, 302, 303, 307, 308] {
        let mut search = search(None);
        search.answered(&metadata("https://keys.example/a"));
        assert!(told(search.answered(&status(redirect))).contains(&format!("redirect ({redirect})")));
    }
}

#[test]
fn k14_and_h6_an_answer_is_bounded_and_the_tighter_where_nobody_vouches_for_the_url() {
    let origin = Origin::KeySet(Location::parse("https://keys.example/a", "jwks_uri", false).unwrap());
    for (policy, most, seconds) in [(FetchPolicy::Plain, 1024 * 1024, 10), (FetchPolicy::SsrfSafe, 64 * 1024, 30)] {
        let answer = |bytes: usize| {
            let mut page = keys(None);
            page.body.resize(bytes, b' ');
            Search::new(&origin, policy, None).answered(&page).unwrap()
        };
        assert!(answer(most).is_ok());
        assert_eq!(answer(most + 1).unwrap_err().to_string(), "the answer is larger than is read");
        assert_eq!(Search::new(&origin, policy, None).most_bytes(), most);
        assert_eq!(fastmcp_rs::keys::remote::total_timeout(policy).as_secs(), seconds);
    }
}
