//! Nobody holds on to the server for longer than it allows.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

use crate::world::{Answer, World};

#[test]
fn a_head_that_crawls_is_cut() {
    let world = World::with(|settings| settings.header_timeout = Duration::from_millis(300));
    let start = Instant::now();
    let mut stream = world.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    let mut rest = Vec::new();
    // Whether the server says 408 or nothing, it hangs up.
    let _ = stream.read_to_end(&mut rest);
    assert!(start.elapsed() >= Duration::from_millis(250), "cut after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "cut after {:?}", start.elapsed());
}

#[test]
fn a_connection_that_says_nothing_is_cut() {
    let world = World::with(|settings| settings.header_timeout = Duration::from_millis(300));
    for first in [&b""[..], b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let start = Instant::now();
        let mut stream = world.connect();
        stream.write_all(first).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert_eq!(rest.starts_with(b"HTTP/1.1 200"), !first.is_empty());
        assert!(start.elapsed() < Duration::from_secs(10), "cut after {:?}", start.elapsed());
    }
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let world = World::new();
    let long = "a".repeat(500_000);
    assert_eq!(world.ask("GET", "/", "", "", b"", &[("x-long", &long)]).status, 431);
}

#[test]
fn a_connection_beyond_the_limit_waits_for_its_turn() {
    let world = World::with(|settings| settings.max_connections = 1);
    let first = world.connect();
    let mut second = world.connect();
    second.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    second.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(second.read(&mut [0]).is_err(), "answered while the only slot was taken");
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(Answer::read(second, "GET").status, 200);
}

#[test]
fn a_reader_that_takes_nothing_is_cut() {
    let world = World::with(|settings| {
        settings.max_connections = 1;
        settings.write_timeout = Duration::from_millis(300);
        settings.upload_max_bytes = 64 << 20;
    });
    // More than the sockets of both sides buffer.
    let image = world.image("1", &vec![7; 32 << 20]);
    let path = format!("/artifacts/{}", image["artifacts"][0]["sha256"].as_str().unwrap());
    let mut greedy = world.connect();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", world.admin);
    greedy.write_all(head.as_bytes()).unwrap();
    // There is one slot: this is answered only when the other connection is gone.
    assert_eq!(world.ask("GET", "/healthz", "", "", b"", &[]).status, 200);
    let mut taken = Vec::new();
    let _ = greedy.read_to_end(&mut taken);
    assert!(taken.len() < 32 << 20, "the whole file fitted into buffers");
}

#[test]
fn a_silent_tls_connection_keeps_nobody_out() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let chain = vec![made.cert.der().clone()];
    let server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain.clone(), key.into());
    let tls = Some(Arc::new(server.unwrap()));
    let world = World::with(|settings| {
        settings.tls = tls;
        settings.handshake_timeout = Duration::from_millis(500);
    });
    let mut silent = world.connect();
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let session = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = StreamOwned::new(session, world.connect());
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0, "a silent client hears nothing and is cut");
}

#[test]
fn stopping_closes_the_door_and_cuts_who_stays() {
    let mut world = World::new();
    let mut idle = world.connect();
    idle.write_all(b"GET / HT").unwrap();
    let http = world.http.take().unwrap();
    let start = Instant::now();
    world.runtime.block_on(http.stop(Duration::from_millis(300)));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(std::net::TcpStream::connect(world.address).is_err());
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest);
}
