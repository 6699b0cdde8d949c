//! Requests to untrusted URLs: over real TLS, with names that lead where the test says.
//!
//! The server listens on loopback, so the tests say which loopback addresses count as public; the last ones ask the
//! predicate that is in use.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Certificate;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::super::endpoint_url::EndpointUrl;
use super::*;

const HOST: &str = "keys.example";
/// What the tests take for a public address, and one that they do not.
const PUBLIC: &str = "127.0.0.1";
const PRIVATE: &str = "127.0.0.2";

fn is_first_loopback(address: IpAddr) -> bool {
    address == IpAddr::V4(Ipv4Addr::LOCALHOST)
}

/// Serves one response to each connection, at any address of loopback.
struct Server {
    port: u16,
    certificate: Certificate,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn answering(answer: String) -> Self {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let (config, connections) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            certificate: Certificate::from_der(made.cert.der()).unwrap(),
            connections: Arc::clone(&connections),
        };
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(tls, connection.unwrap());
                // Whatever the client makes of it is what is tested.
                let _ = stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(answer.as_bytes()));
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        server
    }

    fn endpoint_url(&self, scheme: &str, host: &str) -> EndpointUrl {
        EndpointUrl::parse(&format!("{scheme}://{host}:{}/jwks", self.port), "jwks_uri", true).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A transport that trusts the server, with a resolver that gives these answers in turn.
    fn transport<const N: usize>(&self, answers: [&[&str]; N], allowed: Allowed) -> (Transport, Arc<Scripted>) {
        let resolver = Arc::new(Scripted::new(answers));
        let builder = reqwest::Client::builder().add_root_certificate(self.certificate.clone());
        (Transport::ssrf_safe(builder, Arc::clone(&resolver) as Arc<dyn Resolve>, allowed).unwrap(), resolver)
    }
}

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Gives its answers in turn, and none beyond.
struct Scripted(Mutex<VecDeque<Vec<SocketAddr>>>);

impl Scripted {
    fn new<const N: usize>(answers: [&[&str]; N]) -> Self {
        let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
        Self(Mutex::new(answers.iter().map(|answer| answer.iter().map(address).collect()).collect()))
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Resolve for Scripted {
    fn resolve(&self, name: Name) -> Resolving {
        assert_eq!(name.as_str(), HOST);
        let answer = self.0.lock().unwrap().pop_front().unwrap();
        Box::pin(async move { Ok(Box::new(answer.into_iter()) as Addrs) })
    }
}

fn ask(transport: &Transport, endpoint_url: &EndpointUrl, most: usize) -> Result<Vec<u8>, HttpError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { transport.send(Request::get(endpoint_url, "application/json")).await?.body(most).await })
}

#[test]
fn a_public_host_is_fetched_from() {
    let server = Server::answering(answer("{}"));
    let (transport, resolver) = server.transport([&[PUBLIC]], is_first_loopback);
    assert_eq!(ask(&transport, &server.endpoint_url("https", HOST), 2).unwrap(), b"{}");
    assert_eq!((resolver.left(), server.connections()), (0, 1));
}

#[test]
fn what_is_public_is_bounded_all_the_same() {
    let server = Server::answering(answer(&"x".repeat(64 * 1024 + 1)));
    let (transport, _) = server.transport([&[PUBLIC]], is_first_loopback);
    assert_eq!(ask(&transport, &server.endpoint_url("https", HOST), 64 * 1024), Err(HttpError::TooLarge));
}

#[test]
fn one_private_address_among_public_ones_rules_the_name_out() {
    let server = Server::answering(answer("{}"));
    for mixed in [&[PUBLIC, PRIVATE][..], &[PRIVATE, PUBLIC], &[PUBLIC, PUBLIC, "::1"], &[PRIVATE], &[]] {
        let (transport, _) = server.transport([mixed], is_first_loopback);
        assert_eq!(ask(&transport, &server.endpoint_url("https", HOST), 2), Err(HttpError::NotPublic), "{mixed:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_connection_is_made_to_the_address_that_was_checked() {
    let server = Server::answering(answer("{}"));
    // A second look-up of the name would lead elsewhere: there is none.
    let (transport, resolver) = server.transport([&[PUBLIC], &[PRIVATE]], is_first_loopback);
    let endpoint_url = server.endpoint_url("https", HOST);
    assert_eq!(ask(&transport, &endpoint_url, 2).unwrap(), b"{}");
    assert_eq!((resolver.left(), server.connections()), (1, 1));
    // The next request looks anew, and what it finds is checked anew.
    assert_eq!(ask(&transport, &endpoint_url, 2), Err(HttpError::NotPublic));
    assert_eq!((resolver.left(), server.connections()), (0, 1));
}

#[test]
fn no_form_of_a_private_address_is_connected_to() {
    let server = Server::answering(answer("{}"));
    for private in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fd00::1",
        "fe80::1",
    ] {
        let (transport, _) = server.transport([&[private]], is_public);
        assert_eq!(ask(&transport, &server.endpoint_url("https", HOST), 2), Err(HttpError::NotPublic), "{private}");
        let host = if private.contains(':') { format!("[{private}]") } else { private.to_owned() };
        let (transport, _) = server.transport([], is_public);
        assert_eq!(ask(&transport, &server.endpoint_url("https", &host), 2), Err(HttpError::NotPublic), "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn only_https_and_only_with_a_certificate_for_the_name() {
    let server = Server::answering(answer("{}"));
    let (transport, _) = server.transport([&[PUBLIC]], is_first_loopback);
    assert!(ask(&transport, &server.endpoint_url("http", HOST), 2).is_err());
    assert_eq!(server.connections(), 0);
    // The name is right and the address is public, but the certificate is another's.
    let other = Server::answering(answer("{}"));
    let (transport, _) = other.transport([&[PUBLIC]], is_first_loopback);
    assert!(matches!(ask(&transport, &server.endpoint_url("https", HOST), 2), Err(HttpError::Connect(_))));
}
