//! Which responses of a server are remembered, whatever the clock does.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use fastmcp_rs::http::EndpointUrl;
use fastmcp_rs::jose::jwt::NumericDate;
use fastmcp_rs::oauth::server::answer_cache::{AnswerCache, CacheSettings, UnsentAnswer};
use fastmcp_rs::oauth::server::introspection_client::IntrospectionClient;
use fastmcp_rs::oauth::server::introspection_request::ClientAuth;
use fastmcp_rs::oauth::server::introspection_settings::IntrospectionSettings;
use fastmcp_rs::oauth::server::token_introspection::TokenIntrospection;
use fastmcp_rs::oauth::server::token_syntax::TokenSyntax;
use fastmcp_rs::oauth::server::type_demand::TypeDemand;
use fastmcp_rs::oauth::server::wire_format::WireFormat;
use fastmcp_rs::policy::Policy;
use fastmcp_rs::verify::Decision;

use crate::common::NOW;

const TOKEN: &str = "opaque";

fn client() -> IntrospectionClient {
    let cache =
        CacheSettings { lifetime: Duration::from_secs(3600), stale: Duration::ZERO, local: None, most_entries: 10 };
    let url = EndpointUrl::parse("https://service.example/verify", "verify_url", false).unwrap();
    let settings = IntrospectionSettings {
        timeout: Duration::from_secs(1),
        type_demand: TypeDemand::new(None),
        answers: Some(Arc::new(AnswerCache::new(cache))),
        syntax: TokenSyntax::default(),
    };
    IntrospectionClient::new(url, WireFormat::Json, ClientAuth::Headers(Vec::new(), None), Arc::new(settings))
}

fn answered(client: &IntrospectionClient, body: &str) {
    let answer = UnsentAnswer { body: body.into(), age: Duration::ZERO, lifetime: Duration::from_secs(3600) };
    let decision = client.admit(TOKEN, 0, &answer, &Policy::default(), NumericDate::from_seconds(NOW));
    assert!(matches!(decision, Some(Decision::Accepted(_))), "{body}: {decision:?}");
}

fn accepts(client: &IntrospectionClient, seconds: i64) -> bool {
    match client.decide(TOKEN, &Policy::default(), NumericDate::from_seconds(seconds)) {
        Poll::Pending => false,
        Poll::Ready(decision) => {
            assert!(matches!(decision, Decision::Accepted(_)), "what is remembered does not refuse: {decision:?}");
            true
        }
    }
}

#[test]
fn a_clock_that_jumps_ahead_ends_what_expires_and_nothing_else() {
    let client = client();
    answered(&client, &format!(r#"{{"active":true,"sub":"a","exp":{}}}"#, NOW + 100));
    assert!(accepts(&client, NOW + 99));
    assert!(!accepts(&client, NOW + 100) && !accepts(&client, NOW + 100_000));
    let client = self::client();
    answered(&client, r#"{"active":true,"sub":"a"}"#);
    assert!(accepts(&client, NOW + 100_000), "the lifetime of an answer does not depend on a clock that is set");
}

#[test]
fn a_clock_that_jumps_back_accepts_nothing_before_its_time() {
    let client = client();
    answered(&client, &format!(r#"{{"active":true,"sub":"a","nbf":{},"exp":{}}}"#, NOW - 10, NOW + 100));
    assert!(accepts(&client, NOW - 40), "nbf has 30 seconds");
    assert!(!accepts(&client, NOW - 100_000));
}
