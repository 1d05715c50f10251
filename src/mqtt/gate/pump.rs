//! Between the bus and the engine: the engine's link is read by one thread that only reads, and its words are
//! decoded and handed in by another that waits as long as the engine needs. The reading one waits only while
//! [`WAITING`] words are between them; the router's log holds the rest, all that may be outstanding. What the engine says goes back through
//! `outlet`.
//!
//! All that devices say travels one filter, [`UP`], because the router keeps the order within a filter only: so a
//! device's words reach the engine in the order in which it said them, and after the word that it is linked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc as channel;
use std::thread;

use bytes::Bytes;

use super::stamp::Mark;
use super::{MqttError, Shared};
use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, DeviceKey, TenantId};
use crate::engine::call::Stamp;
use crate::engine::{Engine, Stopped};
use crate::mqtt::bus::{self, Bus, LinkError, Message};
use crate::mqtt::payload::{self, Body};
use crate::mqtt::topic::{Direction, Topic};

/// Everything about devices, in one order. What the engine itself has said comes back here and is dropped.
pub(super) const UP: &str = "ota/v1/+/d/#";
/// Says which devices are linked. No tenant is called `-`, so no operator's filter within a tenant sees it, and it
/// is not in the grammar of topics.
const LINK: &str = "ota/v1/-/d/-/link";
/// Carries the workers' probes.
const PROBE: &str = "ota/v1/-/d/-/probe";

/// Messages that wait for the feeding thread: two full workers' uplinks. What comes beyond them stays in the router's
/// log.
const WAITING: usize = 32_768;

/// The message that says whether a device is linked.
pub(super) fn link(key: &DeviceKey, linked: bool) -> Message {
    let sign = if linked { '+' } else { '-' };
    Message {
        topic: Bytes::from_static(LINK.as_bytes()),
        payload: format!("{sign}{key}").into(),
        ..Message::default()
    }
}

/// A worker's probe.
pub(super) fn probe(mark: Mark) -> Message {
    Message {
        topic: Bytes::from_static(PROBE.as_bytes()),
        payload: Bytes::from_static(b"?"),
        stamp: Some(mark.stamp().0),
        ..Message::default()
    }
}

/// The engine's ear on the bus.
pub(super) struct Line {
    receiver: bus::Receiver,
    /// Dropping it would leave the bus.
    _sender: bus::Sender,
}

impl Line {
    /// Listens from now on to what devices say.
    pub(super) fn join(bus: &Bus) -> Result<Line, LinkError> {
        let (mut sender, receiver) = bus.link("engine-hears")?;
        sender.subscribe(UP)?;
        Ok(Line { receiver, _sender: sender })
    }
}

/// Starts the reading and the feeding thread.
pub(super) fn start(shared: &Arc<Shared>, line: Line, engine: Engine) -> Result<(), MqttError> {
    let (words, waiting) = channel::sync_channel(WAITING);
    let reading = Arc::clone(shared);
    thread::Builder::new()
        .name("mqtt-read".into())
        .spawn(move || read(line, &words, &reading))
        .map_err(MqttError::Thread)?;
    thread::Builder::new()
        .name("mqtt-feed".into())
        .spawn(move || feed(&waiting, &engine))
        .map_err(MqttError::Thread)?;
    Ok(())
}

/// Reads the bus. Drops what the engine itself has said.
fn read(mut line: Line, words: &channel::SyncSender<Message>, shared: &Shared) {
    let mut messages = VecDeque::new();
    loop {
        if line.receiver.recv(&mut messages).is_err() {
            return shared.died();
        }
        for message in messages.drain(..) {
            if !is_downlink(&message.topic) && words.send(message).is_err() {
                return;
            }
        }
    }
}

/// Whether the engine said it: judged by the end of the topic, which is cheap.
fn is_downlink(topic: &[u8]) -> bool {
    topic.ends_with(b"/desired") || topic.ends_with(b"/cmd") || topic.ends_with(b"/heard")
}

/// Decodes and hands in, in the order of the bus, until the engine has stopped.
fn feed(waiting: &channel::Receiver<Message>, engine: &Engine) {
    while let Ok(message) = waiting.recv() {
        if hand_in(&message, engine).is_err() {
            return;
        }
    }
}

fn hand_in(message: &Message, engine: &Engine) -> Result<(), Stopped> {
    // A will has no connection left that waits for a receipt: its stamp is nobody's.
    let stamp = Stamp(message.stamp.unwrap_or(u128::MAX));
    let Ok(text) = std::str::from_utf8(message.seen()) else { return Ok(()) };
    match text {
        LINK => match linked(&message.payload) {
            Some((key, linked)) => engine.link(key, linked),
            None => Ok(()),
        },
        PROBE => engine.probe(stamp),
        text => match Topic::parse(text) {
            Ok(Topic::Device { key, leaf }) if leaf.direction() == Direction::Up => {
                match payload::decode(leaf, message.content_type.as_deref(), &message.payload) {
                    Ok(decoded) => match decoded.body {
                        Body::Event(event) => engine.uplink(key, event, stamp),
                        Body::Get { .. } => engine.uplink(key, Event::Get, stamp),
                        Body::Explain { .. } | Body::ChunkGet(_) => Ok(()),
                    },
                    Err(error) => {
                        let (code, message) = (error.code(), error.to_string().into());
                        engine.uplink(key, Event::Unreadable { code, message }, stamp)
                    }
                }
            }
            Ok(_) | Err(_) => Ok(()),
        },
    }
}

/// `+tenant/device` or `-tenant/device`.
fn linked(payload: &[u8]) -> Option<(DeviceKey, bool)> {
    let (sign, key) = std::str::from_utf8(payload).ok()?.split_at_checked(1)?;
    let (tenant, device) = key.split_once('/')?;
    let key = DeviceKey { tenant: TenantId::parse(tenant).ok()?, device: DeviceId::parse(device).ok()? };
    Some((key, sign == "+"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_as_it_is_written() {
        let key = DeviceKey {
            tenant: TenantId::parse("acme").unwrap(),
            device: DeviceId::parse("lamp-1").unwrap(),
        };
        for sign in [true, false] {
            assert_eq!(linked(&link(&key, sign).payload), Some((key.clone(), sign)));
        }
    }
}
