//! A client that says exactly what a test wants it to say, on a blocking socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use updraft::mqtt::packet::{
    ConnAck, Connect, Filter, Packet, PubAck, Publish, PublishProperties, QoS, ReasonCode, Subscribe,
    Version, decode, encode, frame,
};

use super::world::PATIENCE;

pub struct Client {
    pub socket: TcpStream,
    pub version: Version,
    bytes: Vec<u8>,
}

/// The CONNECT of a device of the default tenant.
pub fn login(version: Version, name: &str, token: &str) -> Connect {
    Connect {
        user_name: Some(name.to_owned()),
        password: Some(Bytes::copy_from_slice(token.as_bytes())),
        ..Connect::new(version, name.rsplit('/').next().unwrap())
    }
}

impl Client {
    pub fn open(address: SocketAddr, version: Version) -> Client {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, version, bytes: Vec::new() }
    }

    /// Connects, and asserts that it is let in.
    pub fn connect(address: SocketAddr, connect: Connect) -> Client {
        let (client, connack) = Client::try_connect(address, connect);
        assert_eq!(connack.code, ReasonCode::Success);
        client
    }

    pub fn try_connect(address: SocketAddr, connect: Connect) -> (Client, ConnAck) {
        let mut client = Client::open(address, connect.version);
        client.send(&Packet::Connect(Box::new(connect)));
        match client.next() {
            Packet::ConnAck(connack) => (client, connack),
            other => panic!("{other:?}"),
        }
    }

    pub fn send(&mut self, packet: &Packet) {
        let mut out = Vec::new();
        encode(self.version, packet, &mut out);
        self.socket.write_all(&out).unwrap();
    }

    pub fn publish(&mut self, topic: &str, packet_id: u16, payload: &str) {
        let qos = if packet_id == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        self.send(&Packet::Publish(Publish::new(topic, qos, packet_id, payload.to_owned())));
    }

    pub fn publish_with(&mut self, mut publish: Publish, properties: PublishProperties) {
        publish.properties = Some(Box::new(properties));
        self.send(&Packet::Publish(publish));
    }

    /// Subscribes and returns the codes.
    pub fn subscribe(&mut self, filters: &[(&str, QoS)]) -> Vec<ReasonCode> {
        let filters = filters.iter().map(|(path, qos)| Filter::new(*path, *qos)).collect();
        self.send(&Packet::Subscribe(Subscribe { packet_id: 9, filters, subscription_identifier: None }));
        match self.next() {
            Packet::SubAck(suback) => suback.codes,
            other => panic!("{other:?}"),
        }
    }

    /// The next packet; panics when the connection ends first.
    pub fn next(&mut self) -> Packet {
        self.read().expect("the connection has ended")
    }

    /// The next packet, which is a message; acknowledges it.
    pub fn message(&mut self) -> Publish {
        match self.next() {
            Packet::Publish(publish) => {
                if publish.qos == QoS::AtLeastOnce {
                    self.send(&Packet::PubAck(PubAck::new(publish.packet_id, ReasonCode::Success)));
                }
                publish
            }
            other => panic!("{other:?}"),
        }
    }

    /// Asserts that the next packet acknowledges `packet_id`, and returns its code.
    pub fn puback(&mut self, packet_id: u16) -> ReasonCode {
        match self.next() {
            Packet::PubAck(ack) => {
                assert_eq!(ack.packet_id, packet_id);
                ack.reason
            }
            other => panic!("{other:?}"),
        }
    }

    /// Asserts that nothing is on its way: a ping overtakes nothing.
    pub fn quiet(&mut self) {
        self.send(&Packet::PingReq);
        assert_eq!(self.next(), Packet::PingResp);
    }

    /// Reads to the end of the connection; what came before it.
    pub fn rest(&mut self) -> Vec<Packet> {
        std::iter::from_fn(|| self.read()).collect()
    }

    fn read(&mut self) -> Option<Packet> {
        loop {
            if let Some(len) = frame(&self.bytes, usize::MAX).unwrap().filter(|len| *len <= self.bytes.len())
            {
                let rest = self.bytes.split_off(len);
                let packet = Bytes::from(std::mem::replace(&mut self.bytes, rest));
                return Some(decode(self.version, packet).unwrap());
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.bytes.extend_from_slice(&buffer[..count]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("nothing came: {e}"),
            }
        }
    }
}
