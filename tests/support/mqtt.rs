//! A client that says exactly what a test wants it to say, on a blocking socket and in the program's own codec.
//!
//! [`Mqtt::say`] and [`Mqtt::heard`] are for clients that behave; [`Mqtt::send`], [`Mqtt::raw`] and
//! [`Mqtt::next`] for those that do not.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use updraft::mqtt::packet::{
    ConnAck, Connect, Filter, Packet, PubAck, Publish, PublishProperties, QoS, ReasonCode, Subscribe,
    Version, decode, encode, frame,
};

/// Longer than any wait that succeeds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection of a client.
pub struct Mqtt {
    /// The socket.
    pub socket: TcpStream,
    /// What both sides speak.
    pub version: Version,
    bytes: Vec<u8>,
    heard: VecDeque<Publish>,
    last_id: u16,
}

/// The CONNECT of a device (`device` or `tenant/device`), or of an operator.
pub fn login(version: Version, name: &str, token: &str) -> Connect {
    let device = name.rsplit('/').next().expect("a split has a last part");
    Connect {
        user_name: Some(name.to_owned()),
        password: Some(Bytes::copy_from_slice(token.as_bytes())),
        ..Connect::new(version, device)
    }
}

/// The topic of a device of the default tenant.
pub fn topic(device: &str, leaf: &str) -> String {
    format!("ota/v1/default/d/{device}/{leaf}")
}

impl Mqtt {
    /// A socket over which nothing has been said.
    pub fn open(address: SocketAddr, version: Version) -> io::Result<Mqtt> {
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        Ok(Mqtt { socket, version, bytes: Vec::new(), heard: VecDeque::new(), last_id: 0 })
    }

    /// Connects and returns the server's word on it.
    pub fn meet(address: SocketAddr, connect: Connect) -> io::Result<(Mqtt, ConnAck)> {
        let mut client = Mqtt::open(address, connect.version)?;
        client.send(&Packet::Connect(Box::new(connect)))?;
        match client.next()? {
            Packet::ConnAck(connack) => Ok((client, connack)),
            other => panic!("a CONNECT is answered with {other:?}"),
        }
    }

    /// Connects, and is let in.
    pub fn connect(address: SocketAddr, connect: Connect) -> Mqtt {
        let (client, connack) = Mqtt::meet(address, connect).unwrap();
        assert_eq!(connack.code, ReasonCode::Success);
        client
    }

    /// Connects as a device and subscribes to all that the server says to it.
    pub fn device(address: SocketAddr, version: Version, device: &str, token: &str) -> Mqtt {
        let mut client = Mqtt::connect(address, login(version, device, token));
        let topics = ["ack", "desired", "cmd", "resp"].map(|leaf| topic(device, leaf));
        let codes = client.subscribe(&topics.each_ref().map(String::as_str)).unwrap();
        assert_eq!(codes, [ReasonCode::GrantedQos1; 4]);
        client
    }

    /// Sends a packet.
    pub fn send(&mut self, packet: &Packet) -> io::Result<()> {
        let mut out = Vec::new();
        encode(self.version, packet, &mut out);
        self.raw(&out)
    }

    /// Sends bytes.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Sends a PUBLISH with QoS 1 and does not wait; returns its id.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> io::Result<u16> {
        self.publish_with(topic, payload, None)
    }

    /// The same with properties.
    pub fn publish_with(
        &mut self,
        topic: &str,
        payload: &[u8],
        properties: Option<PublishProperties>,
    ) -> io::Result<u16> {
        self.last_id = self.last_id % u16::MAX + 1;
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, self.last_id, payload.to_vec());
        publish.properties = properties.map(Box::new);
        self.send(&Packet::Publish(publish))?;
        Ok(self.last_id)
    }

    /// Publishes with QoS 1 and waits for the PUBACK.
    pub fn say(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> io::Result<ReasonCode> {
        let id = self.publish(topic, payload.as_ref())?;
        self.puback(id)
    }

    /// Waits for the PUBACK of an id; messages that come before it are kept.
    pub fn puback(&mut self, id: u16) -> io::Result<ReasonCode> {
        loop {
            match self.next()? {
                Packet::PubAck(ack) => {
                    assert_eq!(ack.packet_id, id, "PUBACKs come in the order of their PUBLISHes");
                    return Ok(ack.reason);
                }
                Packet::Publish(publish) => self.keep(publish)?,
                other => return Err(unexpected(&other)),
            }
        }
    }

    /// Subscribes with QoS 1 and returns the codes.
    pub fn subscribe(&mut self, filters: &[&str]) -> io::Result<Vec<ReasonCode>> {
        let filters = filters.iter().map(|path| Filter::new(*path, QoS::AtLeastOnce)).collect();
        self.send(&Packet::Subscribe(Subscribe { packet_id: 9, filters, subscription_identifier: None }))?;
        loop {
            match self.next()? {
                Packet::SubAck(suback) => return Ok(suback.codes),
                Packet::Publish(publish) => self.keep(publish)?,
                other => return Err(unexpected(&other)),
            }
        }
    }

    /// The next message whose topic ends with this, acknowledged; what else comes is kept.
    pub fn hear(&mut self, end: &str) -> io::Result<Publish> {
        loop {
            if let Some(at) = self.heard.iter().position(|p| p.topic.ends_with(end)) {
                return Ok(self.heard.remove(at).expect("the position was just found"));
            }
            match self.next()? {
                Packet::Publish(publish) => self.keep(publish)?,
                other => return Err(unexpected(&other)),
            }
        }
    }

    /// [`Mqtt::hear`], which has to come.
    pub fn heard(&mut self, end: &str) -> Publish {
        self.hear(end).unwrap_or_else(|error| panic!("waited for {end}: {error}"))
    }

    /// The JSON of [`Mqtt::heard`], or its CBOR.
    pub fn told(&mut self, end: &str) -> Value {
        let heard = self.heard(end);
        match heard.payload.first() {
            Some(b'{') => serde_json::from_slice(&heard.payload).unwrap(),
            _ => ciborium::from_reader(&heard.payload[..]).unwrap(),
        }
    }

    /// All that has been said to this client: a ping overtakes nothing.
    pub fn all(&mut self) -> io::Result<Vec<Publish>> {
        self.send(&Packet::PingReq)?;
        loop {
            match self.next()? {
                Packet::PingResp => return Ok(self.heard.drain(..).collect()),
                Packet::Publish(publish) => self.keep(publish)?,
                other => return Err(unexpected(&other)),
            }
        }
    }

    /// What has been kept so far, without waiting for more.
    pub fn kept(&mut self) -> Vec<Publish> {
        self.heard.drain(..).collect()
    }

    /// The next packet; an error when the connection ends first.
    pub fn next(&mut self) -> io::Result<Packet> {
        loop {
            let length = frame(&self.bytes, usize::MAX).map_err(io::Error::other)?;
            if let Some(length) = length.filter(|length| *length <= self.bytes.len()) {
                let rest = self.bytes.split_off(length);
                let packet = Bytes::from(std::mem::replace(&mut self.bytes, rest));
                return decode(self.version, packet).map_err(io::Error::other);
            }
            let mut buffer = [0; 16 << 10];
            match self.socket.read(&mut buffer)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Reads to the end of the connection; what came before it.
    pub fn rest(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        loop {
            match self.next() {
                Ok(packet) => packets.push(packet),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("the connection does not end; there came {packets:?}")
                }
                Err(_) => return packets,
            }
        }
    }

    fn keep(&mut self, publish: Publish) -> io::Result<()> {
        if publish.qos == QoS::AtLeastOnce {
            self.send(&Packet::PubAck(PubAck::new(publish.packet_id, ReasonCode::Success)))?;
        }
        self.heard.push_back(publish);
        Ok(())
    }
}

fn unexpected(packet: &Packet) -> io::Error {
    io::Error::other(format!("there came {packet:?}"))
}
