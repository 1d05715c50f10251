//! One simulated device: the client's side of MQTT as bytes in, bytes out. It must never touch a socket or a clock.

use bytes::Bytes;

use crate::mqtt::packet::{
    Connect, Filter, Packet, PubAck, Publish, QoS, ReasonCode, Subscribe, Text, Version, decode, encode,
    encode_publish, frame,
};

use super::fleet::Plan;

/// Bytes of the largest packet a device takes; servers send it nothing near that.
const PACKET_MAX: usize = 64 * 1024;

/// The packet id of the one SUBSCRIBE; publishes start above it.
const SUBSCRIBE_ID: u16 = 1;

/// How a device proves who it is: client id and user name are its id, the password is its token.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The device's id.
    pub id: String,
    /// Its token.
    pub token: String,
}

/// Why a device lost its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection was refused or failed before it stood.
    Unreachable,
    /// The CONNACK said no.
    Refused,
    /// The SUBACK said no.
    NotSubscribed,
    /// What arrived is not MQTT, or not what a server may send now.
    Malformed,
    /// The server closed the connection, or it broke.
    Closed,
}

/// What came of the bytes that arrived.
pub(super) enum Happening {
    /// Connected and subscribed.
    Ready,
    /// A publish was acknowledged.
    Acked,
    /// A publish was answered with a failure (MQTT 5).
    Refused,
    /// A message arrived; it is acknowledged already.
    Message(Publish),
}

/// Told of everything that happens, with the device it happens to and the bytes that are about to be sent for it.
pub(super) type Observer<'a> = dyn FnMut(&mut Device, Happening, &mut Vec<u8>) + 'a;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Greeting,
    Subscribing,
    Ready,
}

/// A device's half of one connection.
pub(super) struct Device {
    /// Its place in the fleet.
    pub(super) index: usize,
    /// Publishes that wait for their PUBACK.
    pub(super) in_flight: u32,
    login: Login,
    stage: Stage,
    topic: Text,
    seq: u64,
    packet_id: u16,
    partial: Vec<u8>,
}

impl Device {
    pub(super) fn new(index: usize, login: Login) -> Device {
        Device {
            index,
            in_flight: 0,
            login,
            stage: Stage::Connecting,
            topic: Text::default(),
            seq: 0,
            packet_id: SUBSCRIBE_ID,
            partial: Vec::new(),
        }
    }

    /// Whether the CONNECT is still to be sent.
    pub(super) fn is_connecting(&self) -> bool {
        self.stage == Stage::Connecting
    }

    /// Writes the CONNECT, once the socket stands.
    pub(super) fn greet(&mut self, plan: &Plan, out: &mut Vec<u8>) {
        let mut connect = Connect::new(plan.version, self.login.id.as_str());
        connect.keep_alive = plan.keep_alive_s;
        connect.user_name = Some(self.login.id.clone());
        connect.password = Some(Bytes::copy_from_slice(self.login.token.as_bytes()));
        encode(plan.version, &Packet::Connect(Box::new(connect)), out);
        self.stage = Stage::Greeting;
    }

    /// The sequence number of its latest publish; 0 before the first.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// Chooses the leaf of the device's own topics that is published to, or listened for, from now on.
    pub(super) fn aim(&mut self, plan: &Plan, leaf: &str) {
        self.topic = plan.topic(&self.login.id, leaf).into();
    }

    /// Whether a message is for the leaf that was aimed at.
    pub(super) fn aims_at(&self, publish: &Publish) -> bool {
        self.topic == publish.topic
    }

    /// Writes the next QoS 1 publish, its payload made from the next sequence number.
    pub(super) fn publish(&mut self, plan: &Plan, payload: &dyn Fn(u64) -> Vec<u8>, out: &mut Vec<u8>) {
        self.seq += 1;
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(SUBSCRIBE_ID + 1);
        self.in_flight += 1;
        let payload = payload(self.seq);
        let publish = Publish::new(self.topic.clone(), QoS::AtLeastOnce, self.packet_id, payload);
        encode_publish(plan.version, &publish, out);
    }

    /// Takes what arrived, complete packets or not, and writes the answers that the protocol wants.
    pub(super) fn receive(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        out: &mut Vec<u8>,
        observer: &mut Observer<'_>,
    ) -> Result<(), Fault> {
        if self.partial.is_empty() {
            let used = self.packets(plan, bytes, out, observer)?;
            self.partial.extend_from_slice(&bytes[used..]);
        } else {
            let mut gathered = std::mem::take(&mut self.partial);
            gathered.extend_from_slice(bytes);
            let used = self.packets(plan, &gathered, out, observer)?;
            self.partial.extend_from_slice(&gathered[used..]);
        }
        Ok(())
    }

    /// Takes all complete packets and says how many bytes they were.
    fn packets(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        out: &mut Vec<u8>,
        observer: &mut Observer<'_>,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        while let Some(len) = frame(&bytes[used..], PACKET_MAX).map_err(|_| Fault::Malformed)? {
            let Some(packet) = bytes.get(used..used + len) else { break };
            self.packet(plan, packet, out, observer)?;
            used += len;
        }
        Ok(used)
    }

    fn packet(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        out: &mut Vec<u8>,
        observer: &mut Observer<'_>,
    ) -> Result<(), Fault> {
        // The plain PUBACK, nearly all that arrives in a storm, is read without an allocation.
        if let [0x40, 2, _, _] = bytes {
            return self.acked(ReasonCode::Success, out, observer);
        }
        let packet = decode(plan.version, Bytes::copy_from_slice(bytes)).map_err(|_| Fault::Malformed)?;
        match (self.stage, packet) {
            (Stage::Greeting, Packet::ConnAck(ack)) if ack.code.is_failure() => Err(Fault::Refused),
            (Stage::Greeting, Packet::ConnAck(_)) => self.subscribe(plan, out, observer),
            (Stage::Subscribing, Packet::SubAck(ack)) if ack.codes.iter().any(|code| code.is_failure()) => {
                Err(Fault::NotSubscribed)
            }
            (Stage::Subscribing, Packet::SubAck(_)) => self.ready(out, observer),
            (Stage::Ready, Packet::PubAck(ack)) => self.acked(ack.reason, out, observer),
            (Stage::Subscribing | Stage::Ready, Packet::Publish(publish)) => {
                self.message(plan.version, publish, out, observer)
            }
            (_, Packet::PingResp) => Ok(()),
            (_, Packet::Disconnect(_)) => Err(Fault::Closed),
            (_, _) => Err(Fault::Malformed),
        }
    }

    fn subscribe(
        &mut self,
        plan: &Plan,
        out: &mut Vec<u8>,
        observer: &mut Observer<'_>,
    ) -> Result<(), Fault> {
        if plan.leaves.is_empty() {
            return self.ready(out, observer);
        }
        let filter = |leaf: &String| Filter::new(plan.topic(&self.login.id, leaf), QoS::AtLeastOnce);
        let filters = plan.leaves.iter().map(filter).collect();
        let subscribe = Subscribe { packet_id: SUBSCRIBE_ID, filters, subscription_identifier: None };
        encode(plan.version, &Packet::Subscribe(subscribe), out);
        self.stage = Stage::Subscribing;
        Ok(())
    }

    fn ready(&mut self, out: &mut Vec<u8>, observer: &mut Observer<'_>) -> Result<(), Fault> {
        self.stage = Stage::Ready;
        observer(self, Happening::Ready, out);
        Ok(())
    }

    fn acked(
        &mut self,
        reason: ReasonCode,
        out: &mut Vec<u8>,
        observer: &mut Observer<'_>,
    ) -> Result<(), Fault> {
        self.in_flight = self.in_flight.checked_sub(1).ok_or(Fault::Malformed)?;
        let happening = if reason.is_failure() { Happening::Refused } else { Happening::Acked };
        observer(self, happening, out);
        Ok(())
    }

    fn message(
        &mut self,
        version: Version,
        publish: Publish,
        out: &mut Vec<u8>,
        observer: &mut Observer<'_>,
    ) -> Result<(), Fault> {
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => {
                let ack = PubAck::new(publish.packet_id, ReasonCode::Success);
                encode(version, &Packet::PubAck(ack), out);
            }
            QoS::ExactlyOnce => return Err(Fault::Malformed),
        }
        observer(self, Happening::Message(publish), out);
        Ok(())
    }
}
