//! Tokens of the client credentials grant: what a token endpoint's responses lead to, and when it is asked, by a
//! clock that the test sets.

#![allow(clippy::unwrap_used, reason = "a test that gets no token has failed")]

use std::cell::Cell;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use fastmcp_rs::http::HttpError;
use fastmcp_rs::oauth::client::credentials_grant::{ClientCredentials, OnToken, TokenOutcome, TokenRequester};
use fastmcp_rs::oauth::client::resource_indicator::{Resource, ResourceBinding};
use fastmcp_rs::oauth::client::token_request::{
    ASSUMED_LIFETIME, IssuedToken, LONGEST_LIFETIME, TokenError, TokenRequest, WantedType, read_answer,
};
use fastmcp_rs::runtime::clock::Moment;

fn read(body: &str) -> Result<IssuedToken, TokenError> {
    read_answer(200, body.as_bytes(), WantedType::Bearer, str::to_owned)
}

/// A good answer with this `expires_in`.
fn with_expires_in(expires_in: &str) -> String {
    format!(r#"{{"access_token":"t","token_type":"Bearer","expires_in":{expires_in}}}"#)
}

#[test]
fn rfc_6749_5_1_the_token_type_is_bearer_in_any_case_and_a_token_is_there() {
    for token_type in ["Bearer", "bearer", "BEARER"] {
        let issued = read(&format!(r#"{{"access_token":"a.b-c","token_type":"{token_type}","x":[1]}}"#)).unwrap();
        assert_eq!(issued.token.expose(), "a.b-c");
    }
    for body in [
        r#"{"access_token":"t"}"#,
        r#"{"access_token":"t","token_type":"DPoP"}"#,
        r#"{"access_token":"t","token_type":"mac"}"#,
        r#"{"access_token":"t","token_type":"Bearer "}"#,
        r#"{"access_token":"t","token_type":["Bearer"]}"#,
        r#"{"token_type":"Bearer"}"#,
        r#"{"access_token":"","token_type":"Bearer"}"#,
        r#"{"access_token":1,"token_type":"Bearer"}"#,
        r#"{"access_token":"a b","token_type":"Bearer"}"#,
        r#"{"access_token":"a\r\nX-Evil: 1","token_type":"Bearer"}"#,
        r#"{"access_token":"t","access_token":"u","token_type":"Bearer"}"#,
        r#"[{"access_token":"t","token_type":"Bearer"}]"#,
        "access_token=t&token_type=Bearer",
        "",
    ] {
        assert!(matches!(read(body), Err(TokenError::Unusable(_))), "{body}");
    }
}

#[test]
fn rfc_9449_5_a_token_that_is_to_be_bound_is_of_that_type() {
    let read = |token_type: &str| {
        let body = format!(r#"{{"access_token":"t","token_type":"{token_type}"}}"#);
        read_answer(200, body.as_bytes(), WantedType::Dpop, str::to_owned)
    };
    for token_type in ["DPoP", "dpop", "DPOP"] {
        assert_eq!(read(token_type).unwrap().token.expose(), "t");
    }
    for token_type in ["Bearer", "bearer", "DPoP ", "", "pop"] {
        assert!(matches!(read(token_type), Err(TokenError::Unusable(_))), "{token_type}");
    }
}

#[test]
fn rfc_6749_5_1_any_other_status_is_no_token() {
    for status in [201, 202, 204, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503] {
        let answer = read_answer(status, with_expires_in("60").as_bytes(), WantedType::Bearer, str::to_owned);
        let redirected = matches!(answer, Err(TokenError::Http(HttpError::Redirect(_))));
        assert_eq!(redirected, (300..400).contains(&status));
        let error = answer.unwrap_err();
        assert_eq!(error.status(), Some(status));
        assert_eq!(error.is_temporary(), status == 429 || status >= 500, "{error}");
    }
    let moved = read_answer(302, br#"{"error":"moved"}"#, WantedType::Bearer, str::to_owned);
    assert_eq!(moved.unwrap_err(), TokenError::Http(HttpError::Redirect(302)), "whatever else it says");
}

#[test]
fn rfc_6749_5_1_each_expires_in_has_its_outcome() {
    for (expires_in, lifetime) in [
        ("null", ASSUMED_LIFETIME),
        ("0", Duration::ZERO),
        ("3600", Duration::from_secs(3600)),
        ("1.5", Duration::from_millis(1500)),
        ("\"3600\"", Duration::from_secs(3600)),
        ("86401", LONGEST_LIFETIME),
        ("9223372036854775808", LONGEST_LIFETIME),
        ("1e999", LONGEST_LIFETIME),
        ("\"99999999999999999999999\"", LONGEST_LIFETIME),
    ] {
        assert_eq!(read(&with_expires_in(expires_in)).unwrap().lifetime, lifetime, "{expires_in}");
    }
    assert_eq!(read(r#"{"access_token":"t","token_type":"Bearer"}"#).unwrap().lifetime, ASSUMED_LIFETIME);
    for expires_in in
        ["-1", "-0.5", "-9223372036854775809", "\"\"", "\"soon\"", "\"-1\"", "\"1.5\"", "true", "[60]", "{}"]
    {
        assert!(matches!(read(&with_expires_in(expires_in)), Err(TokenError::Unusable(_))), "{expires_in}");
    }
}

#[test]
fn rfc_6749_5_2_a_refusal_carries_its_code_and_description_and_no_secret() {
    let body = r#"{"error":"invalid_client","error_description":"no such secret: hush\nTry\u202e \u0000again"}"#;
    let error =
        read_answer(401, body.as_bytes(), WantedType::Bearer, |text| text.replace("hush", "[redacted]")).unwrap_err();
    let TokenError::Refused { status, error: code, description } = &error else { panic!("{error:?}") };
    assert_eq!((*status, &**code), (401, "invalid_client"));
    assert_eq!(description.as_deref(), Some("no such secret: [redacted] Try   again"));
    assert!(!error.is_temporary());
    let long = format!(r#"{{"error":"{0}","error_description":"{0}"}}"#, "x".repeat(10_000));
    assert!(read_answer(400, long.as_bytes(), WantedType::Bearer, str::to_owned).unwrap_err().to_string().len() < 500);
    for (status, body) in [(200, r#"{"error":"invalid_scope"}"#), (503, r#"{"error":"temporarily_unavailable"}"#)] {
        let error = read_answer(status, body.as_bytes(), WantedType::Bearer, str::to_owned).unwrap_err();
        assert!(matches!(error, TokenError::Refused { .. }), "{error}");
        assert_eq!(error.is_temporary(), status == 503);
    }
}

proptest::proptest! {
    #[test]
    fn no_token_response_panics(status: u16, body: Vec<u8>, error: String, expires_in: String) {
        let _ = read_answer(status, &body, WantedType::Bearer, str::to_owned);
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let refusal = format!(r#"{{"error":{0},"error_description":{0}}}"#, quoted(&error));
        if let Err(error) = read_answer(status, refusal.as_bytes(), WantedType::Bearer, str::to_owned) {
            let shown = error.to_string();
            assert!(shown.len() < 2000 && !shown.contains(char::is_control));
        }
        let answer = with_expires_in(&quoted(&expires_in));
        let issued = read_answer(status, answer.as_bytes(), WantedType::Bearer, str::to_owned);
        assert!(issued.is_err() || (status == 200 && expires_in.bytes().all(|byte| byte.is_ascii_digit())));
    }
}

#[test]
fn a_request_asks_for_what_is_configured() {
    let scopes = ["mcp:access".into(), "read".into()];
    let request = TokenRequest::new(&scopes, Some("mcp-server")).unwrap();
    let asked = request.fields(Some("https://a.example/mcp"));
    let expected = [
        ("grant_type", "client_credentials"),
        ("scope", "mcp:access read"),
        ("audience", "mcp-server"),
        ("resource", "https://a.example/mcp"),
    ];
    assert_eq!(asked, expected);
    assert_eq!(TokenRequest::new(&[], None).unwrap().fields(None), expected[..1]);
    for scope in ["", "a b", "a\"", "a\\", "é", "a\n"] {
        assert!(TokenRequest::new(&[scope.into()], None).is_err(), "{scope:?}");
    }
    assert!(TokenRequest::new(&[], Some(" ")).is_err());
}

/// A request's resource, and the callback for its end.
type Asked = (Option<String>, OnToken);

/// An endpoint that holds requests until the test answers.
#[derive(Clone, Default)]
struct Endpoint(Arc<Mutex<Vec<Asked>>>);

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Endpoint")
    }
}

impl TokenRequester for Endpoint {
    fn request(&self, resource: Option<&str>, done: OnToken) {
        self.0.lock().unwrap().push((resource.map(str::to_owned), done));
    }
}

impl Endpoint {
    fn pending(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Answers the request that is pending, and tells for which resource it was.
    fn answer(&self, answer: Result<IssuedToken, TokenError>) -> Option<String> {
        let (resource, done) = self.0.lock().unwrap().pop().unwrap();
        done(answer);
        resource
    }

    fn issue(&self, seconds: u64) -> Option<String> {
        self.answer(read(&with_expires_in(&seconds.to_string())))
    }
}

thread_local!(static NOW: Cell<Moment> = const { Cell::new(Duration::from_secs(1_000_000)) });

fn pass(seconds: u64) {
    NOW.set(NOW.get() + Duration::from_secs(seconds));
}

fn client(binding: ResourceBinding) -> (Arc<ClientCredentials>, Endpoint) {
    let endpoint = Endpoint::default();
    (ClientCredentials::new(binding, Box::new(endpoint.clone()), || NOW.get()), endpoint)
}

fn ask(client: &Arc<ClientCredentials>, refused: Option<&TokenOutcome>) -> mpsc::Receiver<TokenOutcome> {
    let (sender, receiver) = mpsc::channel();
    let refused = refused.map(|outcome| outcome.as_ref().unwrap());
    client.token(refused, Box::new(move |outcome| drop(sender.send(outcome))));
    receiver
}

#[test]
fn many_callers_cause_one_request_and_a_token_is_kept_until_shortly_before_it_expires() {
    let (client, endpoint) = client(ResourceBinding::new(None, None));
    let waiting: Vec<_> = (0..100).map(|_| ask(&client, None)).collect();
    assert_eq!(endpoint.pending(), 1);
    endpoint.issue(600);
    for waiting in waiting {
        assert_eq!(waiting.try_recv().unwrap().unwrap().expose(), "t");
    }
    pass(569);
    assert!(ask(&client, None).try_recv().is_ok(), "it is at hand");
    pass(1);
    assert!(ask(&client, None).try_recv().is_err(), "30 seconds before its end it is not");
    assert_eq!(endpoint.pending(), 1);
}

#[test]
fn a_short_expires_in_is_used_for_four_fifths() {
    let (client, endpoint) = client(ResourceBinding::new(None, None));
    let _ = ask(&client, None);
    endpoint.issue(10);
    pass(7);
    assert!(ask(&client, None).try_recv().is_ok());
    pass(1);
    assert!(ask(&client, None).try_recv().is_err());
}

#[test]
fn expires_in_counts_from_the_request() {
    let (client, endpoint) = client(ResourceBinding::new(None, None));
    let _ = ask(&client, None);
    pass(570);
    endpoint.issue(600);
    assert!(ask(&client, None).try_recv().is_err());
}

#[test]
fn a_token_that_expires_at_once_goes_to_waiting_callers_and_is_not_kept() {
    let (client, endpoint) = client(ResourceBinding::new(None, None));
    let waiting = ask(&client, None);
    endpoint.issue(0);
    assert!(waiting.try_recv().unwrap().is_ok());
    assert!(ask(&client, None).try_recv().is_err());
}

#[test]
fn a_refused_token_is_replaced_once_for_all_its_callers() {
    let (client, endpoint) = client(ResourceBinding::new(None, None));
    let first = ask(&client, None);
    endpoint.issue(600);
    let first = first.recv().unwrap();
    let mut waiting: Vec<_> = (0..10).map(|_| ask(&client, Some(&first))).collect();
    // A caller that does not know of it waits with the others, rather than to be refused in turn.
    waiting.push(ask(&client, None));
    assert_eq!(endpoint.pending(), 1);
    endpoint.issue(600);
    let second = waiting[0].try_recv().unwrap();
    assert!(waiting[1..].iter().all(|waiting| waiting.try_recv().is_ok()));
    // A caller that learns late of the refusal of the first token gets the second.
    let late = ask(&client, Some(&first)).try_recv().unwrap();
    assert!(Arc::ptr_eq(&late.unwrap(), second.as_ref().unwrap()));
    assert_eq!(endpoint.pending(), 0);
}

#[test]
fn a_failure_reaches_every_waiting_caller_and_is_not_kept() {
    let (client, endpoint) = client(ResourceBinding::new(None, None));
    let waiting = [ask(&client, None), ask(&client, None)];
    endpoint.answer(Err(HttpError::Timeout.into()));
    for waiting in waiting {
        assert_eq!(waiting.try_recv().unwrap().unwrap_err(), TokenError::Http(HttpError::Timeout));
    }
    let again = ask(&client, None);
    endpoint.issue(600);
    assert!(again.try_recv().unwrap().is_ok());
}

#[test]
fn a_request_that_is_dropped_is_a_failure() {
    let (client, endpoint) = client(ResourceBinding::new(None, None));
    let waiting = ask(&client, None);
    endpoint.0.lock().unwrap().clear();
    assert!(waiting.try_recv().unwrap().unwrap_err().is_temporary());
}

#[test]
fn the_resource_is_the_server_that_the_token_is_sent_to() {
    let (client, endpoint) = client(ResourceBinding::new(None, None));
    let _ = ask(&client, None);
    assert_eq!(endpoint.issue(600), None, "the server is not known yet");
    assert!(client.binding().admits("https://a.example/mcp/"));
    let for_server = ask(&client, None);
    assert!(for_server.try_recv().is_err(), "a token without a resource is not for the server");
    assert_eq!(endpoint.issue(600).as_deref(), Some("https://a.example/mcp"));
    assert!(ask(&client, None).try_recv().is_ok());
}

#[test]
fn a_configured_resource_is_in_the_first_request() {
    let resource = Resource::parse("https://a.example/mcp", "resource").unwrap();
    let (client, endpoint) = client(ResourceBinding::new(Some(resource), None));
    let _ = ask(&client, None);
    assert_eq!(endpoint.issue(600).as_deref(), Some("https://a.example/mcp"));
}
