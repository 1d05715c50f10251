//! What a user of mosquitto would write around it: a publisher that fans a command out, and a subscriber that takes
//! the reports. Both keep as much in flight as mosquitto lets them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use updraft::mqtt::packet::{
    Connect, Filter, Packet, PubAck, Publish, QoS, ReasonCode, Subscribe, Version, decode, encode, frame,
};

use super::wire::{TENANT, now_ns};

const VERSION: Version = Version::V4;

/// The longest silence of the server while an answer is due.
const SILENCE: Duration = Duration::from_secs(30);

/// Bytes read at once.
const READ: usize = 256 * 1024;

/// A connection with packets taken out of it.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    chunk: Vec<u8>,
}

impl Wire {
    /// Connects as `id`.
    fn connect(addr: SocketAddr, id: &str) -> Result<Wire> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut wire = Wire { stream, buffer: Vec::new(), chunk: vec![0; READ] };
        let mut connect = Connect::new(VERSION, id);
        connect.keep_alive = 1800;
        wire.send(&Packet::Connect(Box::new(connect)))?;
        match wire.first()? {
            Packet::ConnAck(ack) if !ack.code.is_failure() => Ok(wire),
            other => bail!("CONNECT was answered with {other:?}"),
        }
    }

    fn send(&mut self, packet: &Packet) -> Result<()> {
        let mut out = Vec::new();
        encode(VERSION, packet, &mut out);
        Ok(self.stream.write_all(&out)?)
    }

    /// Reads once and gives every complete packet to `each`.
    fn read(&mut self, mut each: impl FnMut(&[u8])) -> Result<()> {
        let len = self.stream.read(&mut self.chunk)?;
        ensure!(len > 0, "the server closed the connection");
        self.buffer.extend_from_slice(&self.chunk[..len]);
        let mut used = 0;
        while let Some(len) = frame(&self.buffer[used..], READ)? {
            let Some(packet) = self.buffer.get(used..used + len) else { break };
            each(packet);
            used += len;
        }
        self.buffer.drain(..used);
        Ok(())
    }

    fn first(&mut self) -> Result<Packet> {
        let mut first = None;
        while first.is_none() {
            self.read(|packet| first = Some(decode(VERSION, Bytes::copy_from_slice(packet))))?;
        }
        Ok(first.context("the loop ends with a packet")??)
    }
}

/// Publishes the command to each device, QoS 1, without waiting for acknowledgements in between; returns when it
/// began, after all are acknowledged.
pub fn fan_out(addr: SocketAddr, ids: &[String], command: &str) -> Result<u64> {
    let mut wire = Wire::connect(addr, "operator")?;
    let mut out = Vec::new();
    for (id, packet_id) in ids.iter().zip(1..=u16::MAX) {
        let topic = format!("ota/v1/{TENANT}/d/{id}/cmd");
        let publish = Publish::new(topic, QoS::AtLeastOnce, packet_id, command.as_bytes().to_vec());
        encode(VERSION, &Packet::Publish(publish), &mut out);
    }
    let mut writer = wire.stream.try_clone()?;
    let start = now_ns();
    let writing = thread::spawn(move || writer.write_all(&out));
    let mut acked = 0;
    while acked < ids.len() {
        wire.read(|packet| acked += usize::from(packet[0] == 0x40))?;
    }
    writing.join().expect("writing does not panic")?;
    Ok(start)
}

/// A subscriber to all reports, on a thread of its own, until dropped.
pub struct Subscriber {
    taken: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Subscriber {
    /// Subscribes.
    pub fn start(addr: SocketAddr) -> Result<Subscriber> {
        let mut wire = Wire::connect(addr, "subscriber")?;
        let filters = vec![Filter::new(format!("ota/v1/{TENANT}/d/+/report"), QoS::AtLeastOnce)];
        wire.send(&Packet::Subscribe(Subscribe { packet_id: 1, filters, subscription_identifier: None }))?;
        ensure!(matches!(wire.first()?, Packet::SubAck(_)), "no SUBACK");
        wire.stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (taken, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (taken.clone(), done.clone());
        let thread = thread::spawn(move || take_all(wire, &count, &stop));
        Ok(Subscriber { taken, done, thread: Some(thread) })
    }

    /// Reports taken so far.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Ends it, and says whether it got through.
    pub fn finish(mut self) -> Result<()> {
        self.done.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("finished once")?;
        thread.join().expect("taking reports does not panic")
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

fn take_all(mut wire: Wire, count: &AtomicU64, stop: &AtomicBool) -> Result<()> {
    let mut out = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut taken = 0;
        let read = wire.read(|packet| {
            let Some(packet_id) = packet_id(packet) else { return };
            encode(VERSION, &Packet::PubAck(PubAck::new(packet_id, ReasonCode::Success)), &mut out);
            taken += 1;
        });
        match read {
            Err(error) if is_quiet(&error) => continue,
            other => other?,
        }
        wire.stream.write_all(&out)?;
        out.clear();
        count.fetch_add(taken, Ordering::Relaxed);
    }
    Ok(())
}

fn is_quiet(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// The packet id of a QoS 1 PUBLISH below 128 bytes or above, without copying it.
fn packet_id(packet: &[u8]) -> Option<u16> {
    let header = updraft::mqtt::packet::FixedHeader::parse(packet).ok()??;
    if header.first & 0xF6 != 0x32 {
        return None;
    }
    let body = &packet[header.len..];
    let topic = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
    Some(u16::from_be_bytes([*body.get(2 + topic)?, *body.get(3 + topic)?]))
}
