//! Requests as endpoints see them, and answers of every status, over real connections.

#![allow(clippy::unwrap_used, reason = "a test that cannot listen has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use fastmcp_rs::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use fastmcp_rs::http::{ANY_JSON, Client, EndpointUrl, HttpError, Request, Response, SsrfPolicy, spawn};

const LONG: Duration = Duration::from_secs(10);

/// An endpoint that gives the same answer to each request, and keeps what it was asked.
struct Server {
    port: u16,
    /// Each request, with the number of its connection.
    seen: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Server {
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
        let (answer, seen) = (answer.into(), Arc::clone(&server.seen));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (answer, seen) = (answer.clone(), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream.unwrap(), number, &answer, &seen));
            }
        });
        server
    }

    fn endpoint_url(&self) -> EndpointUrl {
        EndpointUrl::parse(&format!("http://127.0.0.1:{}/path?query", self.port), "url", false).unwrap()
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, request)| request.clone()).collect()
    }
}

fn serve(stream: TcpStream, number: usize, answer: &[u8], seen: &Mutex<Vec<(usize, String)>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head += &line;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        seen.lock().unwrap().push((number, head + &String::from_utf8(body).unwrap()));
        if answer.is_empty() || reader.get_mut().write_all(answer).is_err() {
            // Neither an answer nor an end, until the client gives up.
            let _ = reader.read(&mut [0]);
            return;
        }
    }
}

/// An answer with a status, headers and a body.
fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Text\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Runs the work as the keys and the introspection do, and waits for its end.
fn run<T, F>(total: Duration, work: impl FnOnce(Client) -> F) -> Result<T, HttpError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, HttpError>> + Send + 'static,
{
    let (ended, end) = mpsc::channel();
    spawn(SsrfPolicy::TrustedUrl, total, "an endpoint", work, move |result| ended.send(result).unwrap());
    end.recv_timeout(LONG + LONG).unwrap()
}

fn ask(request: Request) -> Result<Response, HttpError> {
    run(LONG, |client| async move { client.send(request).await })
}

fn body_of(request: Request, most: usize) -> Result<Vec<u8>, HttpError> {
    run(LONG, move |client| async move { client.send(request).await?.body(most).await })
}

#[test]
fn a_form_and_a_json_text_arrive_as_they_were_given() {
    let server = Server::answering(answer(200, "", "{}"));
    let fields = [("token", "a+b/c=&é %"), ("token_type_hint", "access_token")];
    let secret = HeaderValue::from_static("Basic c2VjcmV0");
    let form = Request::post_form(&server.endpoint_url(), fields).header(AUTHORIZATION, secret);
    assert!(!format!("{form:?}").contains("c2VjcmV0"));
    assert_eq!(body_of(form, 2).unwrap(), b"{}");
    let json = Request::post_json(&server.endpoint_url(), r#"{"token":"x"}"#.to_owned());
    assert_eq!(body_of(json, 2).unwrap(), b"{}");
    let [form, json]: [String; 2] = server.requests().try_into().unwrap();
    let (head, body) = form.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /path?query HTTP/1.1\r\n"), "{head}");
    for header in [
        "content-type: application/x-www-form-urlencoded",
        "accept: application/json",
        "authorization: Basic c2VjcmV0",
        "user-agent: fastmcp-rs/",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert_eq!(body, "token=a%2Bb%2Fc%3D%26%C3%A9+%25&token_type_hint=access_token");
    assert!(
        json.contains("content-type: application/json\r\n") && json.ends_with("\r\n\r\n{\"token\":\"x\"}"),
        "{json}"
    );
}

#[test]
fn every_status_is_an_answer_with_its_headers_and_its_body() {
    for status in [200, 201, 204, 400, 401, 403, 404, 429, 500, 502, 503] {
        let headers = "retry-after: 7\r\nwww-authenticate: Bearer\r\n";
        let server = Server::answering(answer(status, headers, if status == 204 { "" } else { "why" }));
        let response = ask(Request::get(&server.endpoint_url(), ANY_JSON)).unwrap();
        assert_eq!(response.status(), status);
        assert_eq!((response.header(RETRY_AFTER), response.header(WWW_AUTHENTICATE)), (Some("7"), Some("Bearer")));
        assert_eq!(response.header(AUTHORIZATION), None);
        assert_eq!(
            body_of(Request::get(&server.endpoint_url(), ANY_JSON), 3).unwrap().len(),
            if status == 204 { 0 } else { 3 }
        );
    }
}

#[test]
fn h4_cve_2026_102267_redirects_are_answers_and_are_not_followed() {
    let target = Server::answering(answer(200, "", "{}"));
    for status in [301, 302, 303, 307, 308] {
        let to = format!("location: http://127.0.0.1:{}/elsewhere\r\n", target.port);
        let server = Server::answering(answer(status, &to, ""));
        for request in [
            Request::get(&server.endpoint_url(), ANY_JSON),
            Request::post_form(&server.endpoint_url(), [("token", "x")]),
            Request::post_json(&server.endpoint_url(), "{}".to_owned()),
        ] {
            let response = ask(request).unwrap();
            assert_eq!(HttpError::of_status(response.status()), HttpError::Redirect(status));
        }
        assert_eq!(server.requests().len(), 3);
    }
    assert_eq!(target.requests(), [""; 0]);
}

#[test]
fn a_body_is_read_up_to_its_bound() {
    let server = Server::answering(answer(200, "", "12345"));
    assert_eq!(body_of(Request::get(&server.endpoint_url(), ANY_JSON), 5).unwrap(), b"12345");
    assert_eq!(body_of(Request::get(&server.endpoint_url(), ANY_JSON), 4), Err(HttpError::TooLarge));
    let chunked =
        Server::answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n");
    assert_eq!(body_of(Request::get(&chunked.endpoint_url(), ANY_JSON), 5).unwrap(), b"12345");
    assert_eq!(body_of(Request::get(&chunked.endpoint_url(), ANY_JSON), 4), Err(HttpError::TooLarge));
}

#[test]
fn a_request_ends_at_the_total_timeout_of_its_caller() {
    let server = Server::answering("");
    let start = Instant::now();
    let request = Request::get(&server.endpoint_url(), ANY_JSON);
    let ended = run(Duration::from_millis(200), |client| async move { client.send(request).await.map(drop) });
    assert_eq!(ended, Err(HttpError::Timeout));
    assert!(start.elapsed() < LONG);
    let body = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
    let request = Request::get(&body.endpoint_url(), ANY_JSON);
    let ended = run(Duration::from_millis(200), |client| async move { client.send(request).await?.body(9).await });
    assert_eq!(ended, Err(HttpError::Timeout), "the body counts");
}

#[test]
fn each_failure_has_a_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = Server { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
    drop(listener);
    assert!(matches!(body_of(Request::get(&closed.endpoint_url(), ANY_JSON), 1), Err(HttpError::Connect(_))));
    for broken in ["220 mail.example ESMTP\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n"] {
        let server = Server::answering(broken);
        assert_eq!(body_of(Request::get(&server.endpoint_url(), ANY_JSON), 9), Err(HttpError::Broken), "{broken}");
    }
}

#[test]
fn connections_are_kept_for_the_next_requests() {
    let server = Server::answering(answer(200, "", "{}"));
    for _ in 0..10 {
        assert_eq!(body_of(Request::get(&server.endpoint_url(), ANY_JSON), 2).unwrap(), b"{}");
    }
    assert!(server.seen.lock().unwrap().iter().all(|(connection, _)| *connection == 0));
}

#[test]
fn an_endpoint_that_keeps_its_thread_busy_delays_no_other() {
    let server = Server::answering(answer(200, "", "{}"));
    let (started, start) = mpsc::channel();
    let (released, release) = mpsc::channel::<()>();
    let (ended, end) = mpsc::channel();
    // As an endpoint of endless informational responses keeps it, whose bytes are read without a pause.
    let busy = move |_: Client| async move {
        started.send(()).unwrap();
        release.recv().unwrap();
        Ok(())
    };
    spawn(SsrfPolicy::TrustedUrl, LONG, "a busy endpoint", busy, move |result: Result<(), HttpError>| {
        ended.send(result).unwrap();
    });
    start.recv_timeout(LONG).unwrap();
    assert_eq!(ask(Request::get(&server.endpoint_url(), ANY_JSON)).unwrap().status(), 200);
    released.send(()).unwrap();
    assert_eq!(end.recv_timeout(LONG).unwrap(), Ok(()));
}
