//! From a socket to a proven client: TLS, CONNECT, token. Each has its time, and until the proof is there no
//! session is touched and no more than a CONNECT is read.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::connection::{Stream, part};
use super::limits::Failures;
use super::listen::{self, Counted};
use super::worker::{Mail, home};
use crate::domain::ids::{DeviceId, DeviceKey, TenantId};
use crate::engine::access::Identity;
use crate::engine::query::Reader;
use crate::mqtt::acl::{self, Verb};
use crate::mqtt::packet::{
    self, ConnAck, ConnAckProperties, Connect, Packet, PacketError, QoS, ReasonCode, Version,
};
use crate::mqtt::topic;

/// What all handshakes share.
pub(super) struct Door {
    pub(super) shared: Arc<Shared>,
    reader: Reader,
    mailboxes: Vec<mpsc::Sender<Mail>>,
    failures: Mutex<Failures>,
}

/// A client that has proven who it is, on its way to its worker.
pub(super) struct Admission {
    pub(super) connect: Connect,
    pub(super) identity: Identity,
    pub(super) stream: Handed,
    /// What it has sent after its CONNECT.
    pub(super) rest: Vec<u8>,
    pub(super) place: Place,
    /// When its token was looked up, or shortly before.
    pub(super) asked: Instant,
}

/// A socket between two threads.
pub(super) enum Handed {
    /// Plain sockets move to the worker's reactor.
    Tcp(std::net::TcpStream),
    /// Encrypted ones stay with the accepting thread's.
    Other(Stream),
}

impl Handed {
    fn give(stream: Stream) -> std::io::Result<Handed> {
        match stream {
            Stream::Tcp(stream) => stream.into_std().map(Handed::Tcp),
            stream @ Stream::Tls(_) => Ok(Handed::Other(stream)),
        }
    }

    /// Takes it, on the worker's thread.
    pub(super) fn adopt(self) -> std::io::Result<Stream> {
        match self {
            Handed::Tcp(stream) => TcpStream::from_std(stream).map(Stream::Tcp),
            Handed::Other(stream) => Ok(stream),
        }
    }
}

/// A connection, counted for as long as it lasts.
pub(super) struct Place(Arc<Shared>);

impl Place {
    pub(super) fn take(shared: &Arc<Shared>, most: usize) -> Option<Place> {
        listen::take(&shared.connections, most).then(|| Place(Arc::clone(shared)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Door {
    pub(super) fn new(shared: Arc<Shared>, reader: Reader, mailboxes: Vec<mpsc::Sender<Mail>>) -> Door {
        Door { shared, reader, mailboxes, failures: Mutex::default() }
    }
}

/// Why a client is not let in.
enum Refusal {
    /// It is told, in the words of its version.
    Said(Version, ReasonCode),
    /// It is not even a client.
    Silent,
}

/// Shakes hands with one client and hands it to its worker.
pub(super) async fn run(
    door: Arc<Door>,
    stream: TcpStream,
    peer: IpAddr,
    tls: Option<TlsAcceptor>,
    place: Place,
    counted: Counted,
) {
    let time = door.shared.settings.limits.handshake_timeout;
    let mut stream = match tls {
        None => Stream::Tcp(stream),
        Some(tls) => match tokio::time::timeout(time, tls.accept(stream)).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
            Ok(Err(_)) | Err(_) => return,
        },
    };
    let asked = Instant::now();
    let Ok(met) = tokio::time::timeout(time, meet(&door, &mut stream, peer)).await else { return };
    drop(counted);
    match met {
        Ok((connect, identity, rest)) => {
            let Ok(stream) = Handed::give(stream) else { return };
            let worker = home(&identity, door.mailboxes.len());
            let admission = Box::new(Admission { connect, identity, stream, rest, place, asked });
            // A worker that has stopped lets the socket close.
            let _ = door.mailboxes[worker].send(Mail::Admit(admission)).await;
        }
        Err(Refusal::Silent) => {}
        Err(Refusal::Said(version, code)) => {
            let mut last = Vec::new();
            let connack = ConnAck { session_present: false, code, properties: ConnAckProperties::default() };
            packet::encode(version, &Packet::ConnAck(connack), &mut last);
            part(stream, last).await;
        }
    }
}

async fn meet(
    door: &Arc<Door>,
    stream: &mut Stream,
    peer: IpAddr,
) -> Result<(Connect, Identity, Vec<u8>), Refusal> {
    let (connect, rest) = read_connect(stream, door.shared.settings.limits.connect_bytes).await?;
    let refuse = |code| Refusal::Said(connect.version, code);
    let identity = prove(door, &connect, peer).await.map_err(refuse)?;
    admissible(&identity, &connect).map_err(refuse)?;
    Ok((connect, identity, rest))
}

/// Reads until the first packet is complete; it has to be a CONNECT. Returns what came after it too.
async fn read_connect(stream: &mut Stream, max: usize) -> Result<(Connect, Vec<u8>), Refusal> {
    let mut bytes = Vec::new();
    loop {
        let frame = packet::frame(&bytes, max).map_err(|_| Refusal::Silent)?;
        // Anything but a CONNECT is found by its first byte, not waited for.
        if bytes.first().is_some_and(|first| *first != 0x10) {
            return Err(Refusal::Silent);
        }
        if let Some(len) = frame.filter(|len| *len <= bytes.len()) {
            let rest = bytes.split_off(len);
            let connect = packet::decode_connect(Bytes::from(bytes)).map_err(refuse_packet)?;
            return Ok((connect, rest));
        }
        let room = max - bytes.len();
        let read = (&mut *stream).take(room as u64).read_buf(&mut bytes).await;
        if !matches!(read, Ok(count) if count > 0) {
            return Err(Refusal::Silent);
        }
    }
}

/// A version that is not spoken is told so in the words of 3.1.1, which every client can read (3.1.2.2); whatever
/// else is wrong with a CONNECT, its sender is no client of either version.
fn refuse_packet(error: PacketError) -> Refusal {
    match error {
        PacketError::UnsupportedVersion(5..) => {
            Refusal::Said(Version::V5, ReasonCode::UnsupportedProtocolVersion)
        }
        PacketError::UnsupportedVersion(_) => {
            Refusal::Said(Version::V4, ReasonCode::UnsupportedProtocolVersion)
        }
        PacketError::Malformed(_)
        | PacketError::Protocol(_)
        | PacketError::TooLarge { .. }
        | PacketError::ProtocolName
        | PacketError::TopicName(_)
        | PacketError::TopicAlias => Refusal::Silent,
    }
}

/// Asks who the token belongs to; the names have to agree with it.
async fn prove(door: &Arc<Door>, connect: &Connect, peer: IpAddr) -> Result<Identity, ReasonCode> {
    if connect.authentication_method.is_some() {
        return Err(ReasonCode::BadAuthenticationMethod);
    }
    let name = connect.user_name.clone().unwrap_or_default();
    let token =
        connect.password.as_ref().and_then(|p| String::from_utf8(p.to_vec()).ok()).unwrap_or_default();
    let reader = door.reader.clone();
    let found = tokio::task::spawn_blocking(move || reader.authenticate(&token)).await;
    let proven = match found {
        Ok(Ok(Some(identity))) => agree(identity, connect),
        Ok(Ok(None)) => Err(ReasonCode::BadUserNameOrPassword),
        Ok(Err(error)) => {
            tracing::error!(%error, "a token cannot be looked up");
            return Err(ReasonCode::ServerUnavailable);
        }
        Err(_) => return Err(ReasonCode::ServerUnavailable),
    };
    proven.map_err(|code| failed(door, peer, &name).unwrap_or(code))
}

/// Counts a failed login; the code for one that has failed too often. Whoever holds a valid token is never refused for
/// what others behind the same address do.
fn failed(door: &Door, peer: IpAddr, name: &str) -> Option<ReasonCode> {
    let now = Instant::now();
    let mut failures = door.failures.lock().unwrap_or_else(PoisonError::into_inner);
    if !failures.allows(&door.shared.settings.limits, peer, name, now) {
        return Some(ReasonCode::ConnectionRateExceeded);
    }
    failures.note(peer, name, now);
    None
}

/// Whether the names that the client uses are those of the token's owner.
fn agree(identity: Identity, connect: &Connect) -> Result<Identity, ReasonCode> {
    let name = connect.user_name.as_deref().unwrap_or_default();
    let agrees = match &identity {
        Identity::Device(key) => claimed(name).as_ref() == Some(key),
        Identity::Operator { name: own, .. } => **own == *name,
    };
    if agrees { Ok(identity) } else { Err(ReasonCode::BadUserNameOrPassword) }
}

/// `device` or `tenant/device`.
fn claimed(name: &str) -> Option<DeviceKey> {
    let (tenant, device) = match name.split_once('/') {
        Some((tenant, device)) => (TenantId::parse(tenant).ok()?, device),
        None => (TenantId::default(), name),
    };
    Some(DeviceKey { tenant, device: DeviceId::parse(device).ok()? })
}

/// What a proven client may still get wrong.
fn admissible(identity: &Identity, connect: &Connect) -> Result<(), ReasonCode> {
    if let Identity::Device(key) = identity
        && (connect.client_id != key.device.as_str() || !topic::fits(key))
    {
        return Err(ReasonCode::ClientIdentifierNotValid);
    }
    if let Some(will) = &connect.will {
        if will.qos == QoS::ExactlyOnce {
            return Err(ReasonCode::QosNotSupported);
        }
        if will.retain {
            return Err(ReasonCode::RetainNotSupported);
        }
        acl::authorize(identity, Verb::Will, &will.topic).map_err(|_| ReasonCode::NotAuthorized)?;
    }
    Ok(())
}
