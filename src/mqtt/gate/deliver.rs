//! Messages to a client: QoS 1 in flight until acknowledged, at most as many as the client takes, the rest in a
//! short queue, and everything again after a resumption.

use std::collections::VecDeque;

use bytes::Bytes;

use super::limits::Limits;
use super::session::{Live, Session, State, Tick};
use crate::engine::access::Identity;
use crate::mqtt::packet::{
    Publish, PublishProperties, QoS, ReasonCode, Version, encode_publish, publish_len,
};

/// A message for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Downlink {
    /// The topic as the client sees it.
    pub(super) topic: Bytes,
    /// The payload.
    pub(super) payload: Bytes,
    /// MIME type; MQTT 5 only.
    pub(super) content_type: Option<&'static str>,
    /// To be returned with an answer; MQTT 5 only.
    pub(super) correlation_data: Option<Bytes>,
    /// Of no use after this tick.
    pub(super) expires: Option<Tick>,
}

/// The unfinished QoS 1 messages of a session.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    last_id: u16,
    inflight: VecDeque<(u16, Downlink)>,
    /// What was in flight on an earlier connection and is to be sent again, before anything new.
    again: VecDeque<(u16, Downlink)>,
    queue: VecDeque<Downlink>,
}

impl Session {
    /// Sends a message, or keeps it until it can be sent. Returns false when the client will not see it.
    pub(super) fn send(&mut self, message: Downlink, qos: QoS, limits: &Limits, now: Tick) -> bool {
        match (&mut self.state, qos) {
            (State::Away(_), QoS::AtMostOnce) => false,
            (State::Live(live), QoS::AtMostOnce) => write(live, &message, None, false, now),
            (_, QoS::AtLeastOnce | QoS::ExactlyOnce) => {
                let delivery = self.delivery.get_or_insert_default();
                if let (Identity::Operator { .. }, State::Live(live)) = (&self.identity, &mut self.state) {
                    // Nobody may take a gap for the whole: an operator that is too slow is cut.
                    if delivery.queue.len() >= limits.queued_for_observer {
                        live.close(ReasonCode::QuotaExceeded, now);
                        return false;
                    }
                } else if delivery.queue.len() >= limits.queued_downlinks {
                    // Commands are hints and desired documents are sent anew; the newest says the most.
                    delivery.queue.pop_front();
                }
                delivery.queue.push_back(message);
                self.advance(now);
                true
            }
        }
    }

    /// Notes a PUBACK. False when no message has that identifier.
    pub(super) fn acknowledged(&mut self, packet_id: u16, now: Tick) -> bool {
        let Some(delivery) = &mut self.delivery else { return false };
        let Some(at) = delivery.inflight.iter().position(|(id, _)| *id == packet_id) else { return false };
        delivery.inflight.remove(at);
        self.advance(now);
        true
    }

    /// Sends again what was in flight, marked as a repeat, then what waits (MQTT 5, 4.4): no more at a time than the
    /// client takes now, which may be less than before.
    pub(super) fn resume(&mut self, now: Tick) {
        if let Some(delivery) = &mut self.delivery {
            delivery.inflight.append(&mut delivery.again);
            delivery.again = std::mem::take(&mut delivery.inflight);
        }
        self.advance(now);
    }

    /// Moves messages into flight, as many as the client takes: repeats first.
    fn advance(&mut self, now: Tick) {
        let Some(delivery) = &mut self.delivery else { return };
        if let State::Live(live) = &mut self.state {
            while delivery.inflight.len() < usize::from(live.inflight_max) {
                let Some((id, message, dup)) = delivery.next() else { break };
                if !expired(&message, now) && write(live, &message, Some(id), dup, now) {
                    delivery.inflight.push_back((id, message));
                }
            }
        }
        if delivery.inflight.is_empty() && delivery.again.is_empty() && delivery.queue.is_empty() {
            self.delivery = None;
        }
    }
}

impl Delivery {
    /// What goes into flight next, and whether it is a repeat.
    fn next(&mut self) -> Option<(u16, Downlink, bool)> {
        if let Some((id, message)) = self.again.pop_front() {
            return Some((id, message, true));
        }
        let message = self.queue.pop_front()?;
        Some((self.next_id(), message, false))
    }

    /// A packet identifier that nothing in flight has: with at most 32 in flight, or to be sent again, there is
    /// always one.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.inflight.iter().chain(&self.again).all(|(id, _)| *id != self.last_id) {
                return self.last_id;
            }
        }
    }
}

fn expired(message: &Downlink, now: Tick) -> bool {
    message.expires.is_some_and(|at| at <= now)
}

/// Encodes the message into the outbox; with an identifier it is QoS 1. False when it is larger than the client
/// takes: then it is as if it had been sent (MQTT 5, 3.1.2.11.4).
fn write(live: &mut Live, message: &Downlink, id: Option<u16>, dup: bool, now: Tick) -> bool {
    let qos = if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
    let mut publish = Publish::new(topic(message), qos, id.unwrap_or(0), message.payload.clone());
    publish.dup = dup;
    if live.version == Version::V5 {
        publish.properties = properties(message, now);
    }
    let len = publish_len(live.version, &publish);
    if len > live.packet_max as usize {
        return false;
    }
    if live.waiting() == 0 {
        live.progress = now;
    }
    encode_publish(live.version, &publish, &mut live.outbox);
    live.put(now);
    true
}

fn topic(message: &Downlink) -> crate::mqtt::packet::Text {
    crate::mqtt::packet::Text::from_wire(message.topic.clone()).unwrap_or_default()
}

fn properties(message: &Downlink, now: Tick) -> Option<Box<PublishProperties>> {
    let some =
        message.content_type.is_some() || message.correlation_data.is_some() || message.expires.is_some();
    some.then(|| {
        Box::new(PublishProperties {
            message_expiry_s: message.expires.map(|at| at.saturating_sub(now)),
            content_type: message.content_type.map(str::to_owned),
            correlation_data: message.correlation_data.clone(),
            ..PublishProperties::default()
        })
    })
}
