//! Nobody holds on to the server for longer than it allows.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

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
