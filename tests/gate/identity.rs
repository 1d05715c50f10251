//! Who is let in, and as whom.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use updraft::engine::call::Call;
use updraft::mqtt::Limits;
use updraft::mqtt::Tls;
use updraft::mqtt::packet::{Connect, Disconnect, Packet, QoS, ReasonCode, Version, Will, decode, encode};

use super::client::{Client, login};
use super::world::{PATIENCE, Plan, World, key};

fn will(topic: &str) -> Option<Will> {
    Some(Will { topic: topic.into(), payload: Bytes::from_static(b"offline"), ..Will::default() })
}

#[test]
fn only_the_owner_of_a_token_is_let_in_and_only_under_its_name() {
    use ReasonCode::*;
    let limits = Limits { failures_by_name: 100, ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let (lamp, other) = (world.device("lamp"), world.device("other"));
    let acme = world.device_of("acme", "lamp");
    let ops = world.operator("ops", None);
    let named = |user: &str, client: &str, token: &str| Connect {
        client_id: client.to_owned(),
        ..login(Version::V5, user, token)
    };
    let table: &[(Connect, ReasonCode)] = &[
        (named("lamp", "lamp", &lamp), Success),
        (named("default/lamp", "lamp", &lamp), Success),
        (named("acme/lamp", "lamp", &acme), Success),
        (named("lamp", "lamp", &acme), BadUserNameOrPassword),
        (named("acme/lamp", "lamp", &lamp), BadUserNameOrPassword),
        (named("lamp", "lamp", &other), BadUserNameOrPassword),
        (named("lamp", "lamp", "guess"), BadUserNameOrPassword),
        (named("lamp", "lamp", ""), BadUserNameOrPassword),
        (named("lamp", "lamp", &ops), BadUserNameOrPassword),
        (named("a/b/c", "lamp", &lamp), BadUserNameOrPassword),
        (named("lamp", "", &lamp), ClientIdentifierNotValid),
        (named("lamp", "a+b", &lamp), ClientIdentifierNotValid),
        (named("lamp", "other", &lamp), ClientIdentifierNotValid),
        (named("ops", "anything", &ops), Success),
        (named("other", "x", &ops), BadUserNameOrPassword),
        (Connect { user_name: None, ..named("lamp", "lamp", &lamp) }, BadUserNameOrPassword),
        (
            Connect { authentication_method: Some("x".into()), ..named("lamp", "lamp", &lamp) },
            BadAuthenticationMethod,
        ),
        (Connect { will: will("ota/v1/default/d/lamp/state"), ..named("lamp", "lamp", &lamp) }, Success),
        (
            Connect { will: will("ota/v1/default/d/other/state"), ..named("lamp", "lamp", &lamp) },
            NotAuthorized,
        ),
        (
            Connect { will: will("ota/v1/default/d/lamp/hello"), ..named("lamp", "lamp", &lamp) },
            NotAuthorized,
        ),
        (Connect { will: will("ota/v1/default/d/lamp/state"), ..named("ops", "x", &ops) }, NotAuthorized),
    ];
    for version in [Version::V5, Version::V4] {
        for (connect, expected) in table {
            let connect = Connect { version, ..connect.clone() };
            if version == Version::V4
                && (connect.authentication_method.is_some()
                    || connect.user_name.is_none()
                    || (connect.client_id.is_empty() && !connect.clean_start))
            {
                continue; // 3.1.1 cannot say these.
            }
            let (_, connack) = Client::try_connect(world.address, connect.clone());
            assert_eq!(connack.code, *expected, "{connect:?}");
        }
    }
}

#[test]
fn guessing_is_slowed_down_and_never_keeps_out_who_has_a_valid_token() {
    let limits = Limits { failures_by_name: 3, ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let (lamp, other) = (world.device("lamp"), world.device("other"));
    let attempt =
        |name: &str, token: &str| Client::try_connect(world.address, login(Version::V5, name, token)).1.code;
    for _ in 0..3 {
        assert_eq!(attempt("lamp", "guess"), ReasonCode::BadUserNameOrPassword);
    }
    assert_eq!(attempt("lamp", "guess"), ReasonCode::ConnectionRateExceeded);
    assert_eq!(attempt("other", "guess"), ReasonCode::BadUserNameOrPassword);
    assert_eq!(attempt("lamp", &lamp), ReasonCode::Success);
    assert_eq!(attempt("other", &other), ReasonCode::Success);
}

#[test]
fn a_token_that_is_renewed_ends_the_session_that_it_opened() {
    let world = World::new();
    let token = world.device("lamp");
    let mut lamp = Client::connect(world.address, login(Version::V5, "lamp", &token));
    world.call(Call::RenewToken { key: key("default", "lamp") });
    match &lamp.rest()[..] {
        [Packet::Disconnect(said)] => assert_eq!(said.reason, ReasonCode::NotAuthorized),
        other => panic!("{other:?}"),
    }
    let (_, connack) = Client::try_connect(world.address, login(Version::V5, "lamp", &token));
    assert_eq!(connack.code, ReasonCode::BadUserNameOrPassword);
}

#[test]
fn an_operator_who_is_removed_hears_no_more() {
    let world = World::with(Plan { workers: 3, ..Plan::default() });
    let token = world.operator("ops", None);
    let kept = world.operator("root", None);
    let connect = |name: &str, client: &str, token: &str| {
        let connect = Connect { client_id: client.into(), ..login(Version::V5, name, token) };
        let mut client = Client::connect(world.address, connect);
        client.subscribe(&[("ota/v1/+/#", QoS::AtLeastOnce)]);
        client
    };
    let mut removed = [connect("ops", "a", &token), connect("ops", "b", &token), connect("ops", "", &token)];
    let mut root = connect("root", "a", &kept);
    world.call(Call::RemoveOperator { name: "ops".into() });
    for ops in &mut removed {
        let expected = Packet::Disconnect(Disconnect::new(ReasonCode::NotAuthorized));
        assert_eq!(ops.rest(), [expected]);
    }
    root.quiet();
    let (_, connack) = Client::try_connect(world.address, login(Version::V5, "ops", &token));
    assert_eq!(connack.code, ReasonCode::BadUserNameOrPassword);
}

#[test]
fn a_connection_above_the_limit_is_closed_and_its_place_is_free_again_later() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let first = world.connected(Version::V4, "a");
    let _second = world.connected(Version::V4, "b");
    let token = world.device("c");
    for _ in 0..5 {
        let mut third = Client::open(world.address, Version::V4);
        assert_eq!(third.rest(), []);
    }
    drop(first);
    world.wait_for_connections(1);
    Client::connect(world.address, login(Version::V4, "c", &token));
}

#[test]
fn a_client_that_never_finishes_its_connect_is_gone_after_its_time() {
    let limits = Limits { handshake_timeout: Duration::from_millis(200), ..Limits::default() };
    let world = World::with(Plan { limits, ..Plan::default() });
    let mut silent = Client::open(world.address, Version::V4);
    let mut half = Client::open(world.address, Version::V4);
    std::io::Write::write_all(&mut half.socket, &[0x10, 100, 0, 4, b'M']).unwrap();
    assert_eq!((silent.rest(), half.rest()), (vec![], vec![]));
    world.wait_for_connections(0);
}

/// A certificate for `localhost` in a folder of its own.
fn certificate() -> (tempfile::TempDir, Tls, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls {
        listen: "127.0.0.1:0".parse().unwrap(),
        certificate: folder.path().join("certificate.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&tls.certificate, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    let _: PrivateKeyDer<'_> = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (folder, tls, roots)
}

#[test]
fn one_silent_connection_on_the_tls_port_blocks_nobody() {
    let (_folder, tls, roots) = certificate();
    let world = World::with(Plan { tls: Some(tls), ..Plan::default() });
    let address = world.tls.unwrap();
    let _silent = TcpStream::connect(address).unwrap();
    let token = world.device("lamp");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let session =
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = StreamOwned::new(session, socket);
    let mut bytes = Vec::new();
    encode(Version::V4, &Packet::Connect(Box::new(login(Version::V4, "lamp", &token))), &mut bytes);
    encode(Version::V4, &Packet::PingReq, &mut bytes);
    std::io::Write::write_all(&mut stream, &bytes).unwrap();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).unwrap();
    let connack = decode(Version::V4, Bytes::copy_from_slice(&answer[..4])).unwrap();
    assert!(matches!(connack, Packet::ConnAck(connack) if connack.code == ReasonCode::Success));
    assert_eq!(decode(Version::V4, Bytes::copy_from_slice(&answer[4..])).unwrap(), Packet::PingResp);
}
