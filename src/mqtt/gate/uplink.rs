//! What clients publish: the rules of a PUBLISH, the way to the bus, and the acknowledgement after the receipt.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::chunks;
use super::connection::{End, put};
use super::deliver::Downlink;
use super::session::{Down, Live, ReplyTo, Session, Uplink};
use super::stamp::Mark;
use super::worker::Worker;
use crate::domain::device::Format;
use crate::domain::ids::DeviceKey;
use crate::engine::access::Identity;
use crate::engine::call::{Outcome, Receipt};
use crate::mqtt::acl::{self, Scope, Verb};
use crate::mqtt::bus::Message;
use crate::mqtt::packet::{Packet, PubAck, Publish, QoS, ReasonCode, Text, Version};
use crate::mqtt::payload::{self, Answer, Body, PayloadError};
use crate::mqtt::topic::{Leaf, Topic};

/// When a device may ask again while the disk is full: an operator has to do something first.
const NO_ROOM_RETRY_S: u32 = 60;
/// Stands for every content type that is not spoken here. No MIME type is a mere question mark.
const UNKNOWN_TYPE: &str = "?";

/// Takes a PUBLISH: to the bus, to the answering beside the engine, or to its refusal.
pub(super) fn publish(
    worker: &Rc<Worker>,
    slot: u32,
    session: &mut Session,
    mut publish: Publish,
) -> Result<(), End> {
    if publish.qos == QoS::ExactlyOnce {
        return Err(End::Refuse(ReasonCode::QosNotSupported));
    }
    if publish.retain {
        return Err(End::Refuse(ReasonCode::RetainNotSupported));
    }
    resolve_alias(worker, session, &mut publish)?;
    let named = publish.properties.as_ref().and_then(|p| p.response_topic.as_deref());
    if let Some(topic) = named
        && acl::authorize(&session.identity, Verb::Respond, topic).is_err()
    {
        return deny(worker, session, &publish);
    }
    let topic = match acl::authorize(&session.identity, Verb::Publish, &publish.topic) {
        Ok(Scope::Topic(Topic::Device { key, leaf })) => (key, leaf),
        Ok(_) | Err(_) => return deny(worker, session, &publish),
    };
    carry(worker, slot, session, &publish, topic);
    Ok(())
}

/// MQTT 5, 3.3.2.3.4: an alias with a topic sets it, an alias without one uses it.
fn resolve_alias(worker: &Worker, session: &mut Session, publish: &mut Publish) -> Result<(), End> {
    let Some(alias) = publish.properties.as_ref().and_then(|p| p.topic_alias) else { return Ok(()) };
    let max = usize::from(worker.limits().topic_aliases);
    let at = usize::from(alias).checked_sub(1).filter(|at| *at < max);
    let at = at.ok_or(End::Refuse(ReasonCode::TopicAliasInvalid))?;
    let Some(live) = session.live() else { return Err(End::Lost) };
    let aliases = live.aliases.get_or_insert_with(|| vec![None; max].into());
    if publish.topic.as_bytes().is_empty() {
        publish.topic = aliases[at].clone().ok_or(End::Refuse(ReasonCode::ProtocolError))?;
    } else {
        // A copy: the text itself would keep its whole frame alive.
        aliases[at] = Some(Text::from(publish.topic.as_str()));
    }
    Ok(())
}

/// MQTT 5 has a word for it in the PUBACK; a QoS 0 message is dropped; 3.1.1 can only be hung up on.
fn deny(worker: &Worker, session: &mut Session, publish: &Publish) -> Result<(), End> {
    let Some(live) = session.live() else { return Err(End::Lost) };
    if live.version == Version::V4 {
        return Err(End::Refuse(ReasonCode::NotAuthorized));
    }
    if publish.qos == QoS::AtLeastOnce {
        let serial = expect(worker, live, publish, (Leaf::State, Format::Json), None);
        verdict(worker, session, serial, ReasonCode::NotAuthorized);
    }
    Ok(())
}

/// Notes an uplink that will be answered.
fn expect(
    worker: &Worker,
    live: &mut Live,
    publish: &Publish,
    about: (Leaf, Format),
    reply: Option<Box<ReplyTo>>,
) -> u32 {
    let serial = live.serial;
    live.serial = serial.wrapping_add(1);
    let data = publish.properties.as_ref().and_then(|p| p.correlation_data.as_ref());
    let bytes = (publish.topic.as_bytes().len() + publish.payload.len() + data.map_or(0, Bytes::len)) as u32;
    let shared = &worker.parts.shared;
    worker.uplinks.set(worker.uplinks.get() + 1);
    shared.uplinks.fetch_add(1, Ordering::Relaxed);
    shared.uplink_bytes.fetch_add(bytes as usize, Ordering::Relaxed);
    live.uplinks.push_back(Uplink {
        serial,
        packet_id: publish.packet_id,
        since: worker.now.get(),
        bytes,
        about,
        reply,
        verdict: None,
    });
    serial
}

/// Whether the worker has as many unanswered uplinks as it may, or all workers as many bytes.
pub(super) fn full(worker: &Worker) -> bool {
    let limits = worker.limits();
    worker.uplinks.get() >= limits.worker_uplinks
        || worker.parts.shared.uplink_bytes.load(Ordering::Relaxed) >= limits.uplink_bytes
}

/// Gives up the uplinks of a connection that ends: its client sends them again.
pub(super) fn release(worker: &Worker, live: &mut Live) {
    for uplink in live.uplinks.drain(..) {
        give_back(worker, &uplink);
    }
    // Whoever waits to send chunks finds the connection gone.
    if let Some(waker) = live.drained.take() {
        waker.wake();
    }
}

fn give_back(worker: &Worker, uplink: &Uplink) {
    worker.uplinks.set(worker.uplinks.get().saturating_sub(1));
    worker.parts.shared.uplinks.fetch_sub(1, Ordering::Relaxed);
    worker.parts.shared.uplink_bytes.fetch_sub(uplink.bytes as usize, Ordering::Relaxed);
}

fn carry(worker: &Rc<Worker>, slot: u32, session: &mut Session, publish: &Publish, topic: (DeviceKey, Leaf)) {
    let (key, leaf) = topic;
    let generation = session.generation;
    let content_type = publish.properties.as_ref().and_then(|p| p.content_type.as_deref());
    let format = payload::answer_format(content_type, &publish.payload);
    let asks = matches!(leaf, Leaf::Get | Leaf::Explain | Leaf::ChunkGet);
    let decoded = if asks { Some(payload::decode(leaf, content_type, &publish.payload)) } else { None };
    let reply =
        decoded.as_ref().map(|decoded| Box::new(reply_to(publish, decoded.as_ref().ok().map(|d| &d.body))));
    let Some(live) = session.live() else { return };
    let serial = expect(worker, live, publish, (leaf, format), reply);
    let mark = Mark { worker: worker.parts.number, slot, generation, serial };
    match (leaf, decoded) {
        (Leaf::Explain | Leaf::ChunkGet, Some(Ok(decoded))) => {
            chunks::answer(worker, mark, session, key, decoded);
        }
        (Leaf::Explain | Leaf::ChunkGet, Some(Err(error))) => {
            settle(worker, session, serial, &rejected(&error), ReasonCode::PayloadFormatInvalid);
        }
        (_, _) => worker.say(Message {
            // Copies: slices would keep the whole frame alive in the bus's log.
            payload: Bytes::copy_from_slice(&publish.payload),
            stamp: Some(mark.stamp().0),
            content_type: content_type.and_then(door_type).map(str::to_owned),
            ..addressed(key, leaf)
        }),
    }
}

/// The router keeps every distinct topic for good, so those with a number of the device's choice travel one topic
/// for each device, with the real one beside it.
fn addressed(key: DeviceKey, leaf: Leaf) -> Message {
    let bounded = match leaf {
        Leaf::Attr(_) => Some("attr"),
        Leaf::Fb(_) => Some("fb"),
        Leaf::Hello
        | Leaf::Report
        | Leaf::Get
        | Leaf::Explain
        | Leaf::ChunkGet
        | Leaf::State
        | Leaf::Ack
        | Leaf::Desired
        | Leaf::Cmd
        | Leaf::Resp
        | Leaf::Chunk { .. } => None,
    };
    let below = bounded.map(|leaf| format!("ota/v1/{}/d/{}/{leaf}", key.tenant, key.device));
    let topic = Bytes::from(Topic::Device { key, leaf }.to_string());
    match below {
        Some(below) => Message { topic: below.into(), public: Some(topic), ..Message::default() },
        None => Message { topic, ..Message::default() },
    }
}

fn reply_to(publish: &Publish, body: Option<&Body>) -> ReplyTo {
    let properties = publish.properties.as_deref();
    let cid = match body {
        Some(Body::Get { cid } | Body::Explain { cid, .. }) => cid.clone(),
        Some(Body::ChunkGet(request)) => request.cid.clone(),
        Some(Body::Event(_)) | None => None,
    };
    ReplyTo {
        cid,
        correlation_data: properties
            .and_then(|p| p.correlation_data.as_ref())
            .map(|d| Bytes::copy_from_slice(d)),
        named: properties.is_some_and(|p| p.response_topic.is_some()),
    }
}

/// The receipt of a payload that cannot be read: it never reached the engine.
pub(super) fn rejected(error: &PayloadError) -> Receipt {
    let outcome = Outcome::Unreadable { code: error.code(), message: error.to_string() };
    Receipt { seq: None, outcome }
}

/// Acts on a receipt: the PUBACK in its place, the `ack`, and the answer where one was asked for.
pub(super) fn settle(
    worker: &Worker,
    session: &mut Session,
    serial: u32,
    receipt: &Receipt,
    code: ReasonCode,
) {
    let Some(live) = session.live() else { return };
    let Some(uplink) = live.uplinks.iter_mut().find(|u| u.serial == serial && u.verdict.is_none()) else {
        return;
    };
    // 3.1.1 has no way to refuse a PUBLISH but to hang up: an acknowledgement would say that it is stored.
    if receipt.outcome == Outcome::NoRoom && live.version == Version::V4 {
        return live.close(ReasonCode::QuotaExceeded, worker.now.get());
    }
    let ((leaf, format), reply) = (uplink.about, uplink.reply.take());
    verdict(worker, session, serial, code);
    match reply {
        None => tell(worker, session, Down::Ack, format, payload::encode_ack(leaf, receipt, format), None),
        Some(reply) => {
            let answer = match &receipt.outcome {
                Outcome::Stored => Answer::Accepted,
                Outcome::NoRoom => {
                    let (code, message) = payload::NO_ROOM;
                    Answer::Rejected { code, message, retry_after_s: Some(NO_ROOM_RETRY_S) }
                }
                Outcome::Unreadable { code, message } | Outcome::Rejected { code, message } => {
                    Answer::Rejected { code, message, retry_after_s: None }
                }
            };
            respond(worker, session, format, answer, &reply);
        }
    }
}

/// Sets the code of an uplink's PUBACK, and sends all PUBACKs whose turn it is: they leave in the order of their
/// PUBLISHes [MQTT-4.6.0-2].
pub(super) fn verdict(worker: &Worker, session: &mut Session, serial: u32, code: ReasonCode) {
    let Some(live) = session.live() else { return };
    if let Some(uplink) = live.uplinks.iter_mut().find(|u| u.serial == serial) {
        uplink.verdict = Some(code);
    }
    while let Some(live) = session.live()
        && live.uplinks.front().is_some_and(|uplink| uplink.verdict.is_some())
        && let Some(uplink) = live.uplinks.pop_front()
    {
        give_back(worker, &uplink);
        if uplink.packet_id != 0 {
            let ack = PubAck::new(uplink.packet_id, uplink.verdict.unwrap_or(code));
            put(worker, session, &Packet::PubAck(ack));
        }
    }
    if let Some(live) = session.live() {
        if live.uplinks.is_empty() {
            live.uplinks = std::collections::VecDeque::new();
        }
        // It may have stopped reading for want of room.
        if let Some(waker) = &live.waker {
            waker.wake_by_ref();
        }
    }
}

/// Sends an answer to a question.
pub(super) fn respond(
    worker: &Worker,
    session: &mut Session,
    format: Format,
    answer: Answer<'_>,
    reply: &ReplyTo,
) {
    let answer = payload::encode_resp(reply.cid.as_ref(), answer, format);
    if reply.named && session.subscriptions.qos(Down::Resp).is_none() {
        let downlink = downlink(session, Leaf::Resp, format, answer, reply.correlation_data.clone());
        if let Some(downlink) = downlink {
            session.send(downlink, QoS::AtLeastOnce, worker.limits(), worker.now.get());
        }
    } else {
        tell(worker, session, Down::Resp, format, answer, reply.correlation_data.clone());
    }
}

/// Sends something on a leaf, when the device listens to it.
fn tell(
    worker: &Worker,
    session: &mut Session,
    down: Down,
    format: Format,
    payload: Vec<u8>,
    data: Option<Bytes>,
) {
    let Some(qos) = session.subscriptions.qos(down) else { return };
    if let Some(downlink) = downlink(session, down.leaf(), format, payload, data) {
        session.send(downlink, qos, worker.limits(), worker.now.get());
    }
}

fn downlink(
    session: &Session,
    leaf: Leaf,
    format: Format,
    payload: Vec<u8>,
    correlation_data: Option<Bytes>,
) -> Option<Downlink> {
    let Identity::Device(key) = &session.identity else { return None };
    let topic = Topic::Device { key: key.clone(), leaf }.to_string();
    Some(Downlink {
        topic: topic.into(),
        payload: payload.into(),
        content_type: Some(payload::content_type(format)),
        correlation_data,
        expires: None,
    })
}

/// The MIME types that are spoken here.
pub(super) fn known_type(text: &str) -> Option<&'static str> {
    ["application/json", "application/cbor", "application/octet-stream", "text/plain"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(text))
}

/// What the bus carries of a client's content type, whose length the bounds of the router's log do not see: none
/// where there is none, and of an unknown one only that it is unknown.
pub(super) fn door_type(text: &str) -> Option<&'static str> {
    match text.split(';').next().unwrap_or_default().trim() {
        "" => None,
        essence => Some(known_type(essence).unwrap_or(UNKNOWN_TYPE)),
    }
}

/// The PUBACK code of an outcome (`contracts/mqtt.md`, rule 3).
pub(super) fn reason(outcome: &Outcome) -> ReasonCode {
    match outcome {
        Outcome::Stored => ReasonCode::Success,
        Outcome::NoRoom => ReasonCode::QuotaExceeded,
        Outcome::Unreadable { .. } => ReasonCode::PayloadFormatInvalid,
        Outcome::Rejected { code: "no-such-device" | "no-such-action", .. } => ReasonCode::NotAuthorized,
        Outcome::Rejected { .. } => ReasonCode::ImplementationSpecificError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The topic on the bus and the one that observers see, if it is another.
    fn check(leaf: &str, travels: &str, public: Option<&str>) {
        let Ok(Topic::Device { key, leaf }) = Topic::parse(&format!("ota/v1/acme/d/lamp/{leaf}")) else {
            panic!("{leaf}");
        };
        let message = addressed(key, leaf);
        let expected = Message {
            topic: format!("ota/v1/acme/d/lamp/{travels}").into(),
            public: public.map(|leaf| format!("ota/v1/acme/d/lamp/{leaf}").into()),
            ..Message::default()
        };
        assert_eq!(message, expected);
    }

    #[test]
    fn numbers_of_a_devices_choice_make_no_topics_on_the_bus() {
        check("fb/1", "fb", Some("fb/1"));
        check("fb/2147483647", "fb", Some("fb/2147483647"));
        check("attr/1", "attr", Some("attr/1"));
        check("attr/65535", "attr", Some("attr/65535"));
        check("hello", "hello", None);
        check("state", "state", None);
    }

    #[test]
    fn of_a_content_type_only_what_is_known_goes_on() {
        let long = "x".repeat(60_000);
        let table = [
            ("", None),
            (" ; charset=utf-8", None),
            ("application/json", Some("application/json")),
            ("Application/CBOR; v=1", Some("application/cbor")),
            ("text/plain;charset=utf-8", Some("text/plain")),
            ("image/png", Some("?")),
            (&long, Some("?")),
        ];
        for (text, expected) in table {
            let carried = door_type(text);
            assert_eq!(carried, expected, "{text}");
            let read = |content_type| payload::decode(Leaf::State, content_type, b"online");
            assert_eq!(read(carried), read(Some(text)), "{text}");
        }
    }
}
