//! Between the bus and the engine: the engine's link is read by one thread that never waits, and its words are
//! decoded and handed in by another that waits as long as the engine needs. Back comes the outlet.
//!
//! All that devices say travels one filter, [`UP`], because the router keeps the order within a filter only: so a
//! device's words reach the engine in the order in which it said them, and after the word that it is linked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as channel;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::stamp::Mark;
use super::worker::{Mail, home_of};
use super::{Death, Fatal, MqttError, Shared};
use crate::domain::ids::{DeviceId, DeviceKey, TenantId};
use crate::engine::call::{self, Receipt, Stamp};
use crate::engine::{self, Engine, Stopped};
use crate::mqtt::bus::{self, Bus, LinkError, Message};
use crate::mqtt::payload::{self, Body};
use crate::mqtt::topic::{Direction, Leaf, Topic};

/// Everything about devices, in one order. What the engine itself has said comes back here and is dropped.
pub(super) const UP: &str = "ota/v1/+/d/#";
/// Says which devices are linked. No tenant is called `-`, so no operator's filter within a tenant sees it, and it
/// is not in the grammar of topics.
const LINK: &str = "ota/v1/-/d/-/link";
/// Carries the workers' probes.
const PROBE: &str = "ota/v1/-/d/-/probe";

/// Uplinks that wait for the feeding thread. The workers together have fewer outstanding; what is left is for links
/// and wills.
const WAITING: usize = 32_768;
/// Bytes of downlinks that a worker has not yet taken from the bus: an eighth of the router's log.
const UNHEARD_BYTES: u64 = (bus::LOG_BYTES / 8) as u64;
/// How long the engine waits for a worker that does not take its downlinks. Then they are lost, which costs
/// nothing that a later `get` or `hello` does not bring back.
const UNHEARD_WAIT: Duration = Duration::from_secs(2);

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

/// What a message counts for.
pub(super) fn weight(message: &Message) -> u64 {
    (message.topic.len() + message.payload.len()) as u64
}

/// How many bytes of downlinks each worker has taken from the bus, so that the engine does not overrun the log.
pub(super) struct Window {
    heard: Vec<AtomicU64>,
    lock: Mutex<()>,
    moved: Condvar,
}

impl Window {
    pub(super) fn new(workers: usize) -> Window {
        let heard = (0..workers).map(|_| AtomicU64::new(0)).collect();
        Window { heard, lock: Mutex::new(()), moved: Condvar::new() }
    }

    /// Notes that a worker has taken so much.
    pub(super) fn heard(&self, worker: u16, bytes: u64) {
        self.heard[usize::from(worker)].fetch_add(bytes, Ordering::Release);
        self.moved.notify_one();
    }

    /// Notes that a worker takes nothing more and is not to be waited for.
    pub(super) fn leave(&self, worker: u16) {
        // Half of the range, so that what is still counted does not overflow.
        self.heard[usize::from(worker)].store(u64::MAX / 2, Ordering::Release);
    }

    /// Waits until every worker has taken all but `room` of what was `said`. False when one does not.
    fn wait(&self, said: u64, room: u64, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while said.saturating_sub(self.least()) > room {
            if Instant::now() >= deadline {
                return false;
            }
            // A short wait, because `heard` does not take the lock and its call may be missed.
            let waited = self.moved.wait_timeout(guard, Duration::from_millis(5));
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn least(&self) -> u64 {
        self.heard.iter().map(|h| h.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
    }

    /// Takes all that was said as heard.
    fn forgive(&self, said: u64) {
        for heard in &self.heard {
            heard.fetch_max(said, Ordering::AcqRel);
        }
    }
}

/// Where the engine's words go.
pub(super) struct Outlet {
    sender: bus::Sender,
    mailboxes: Vec<mpsc::Sender<Mail>>,
    window: Arc<Window>,
    base_url: String,
    fatal: Fatal,
    said: u64,
}

impl Outlet {
    pub(super) fn new(
        sender: bus::Sender,
        mailboxes: Vec<mpsc::Sender<Mail>>,
        window: Arc<Window>,
        base_url: String,
        fatal: Fatal,
    ) -> Outlet {
        Outlet { sender, mailboxes, window, base_url, fatal, said: 0 }
    }

    fn flush(&mut self) {
        if self.sender.flush().is_err() {
            (self.fatal)(Death::RouterDead);
        }
        if !self.window.wait(self.said, UNHEARD_BYTES, UNHEARD_WAIT) {
            tracing::warn!("a worker does not take its downlinks; some are lost");
            self.window.forgive(self.said);
        }
    }
}

impl engine::Outlet for Outlet {
    fn receipts(&mut self, receipts: Vec<(Stamp, Receipt)>) {
        let receipts = receipts.into_iter().map(|(stamp, receipt)| (Mark::from(stamp), receipt));
        send(&self.mailboxes, receipts.collect());
    }

    fn downlinks(&mut self, downlinks: Vec<call::Downlink>) {
        let mut unflushed = 0;
        for downlink in downlinks {
            let message = encode(downlink, &self.base_url);
            self.said += weight(&message);
            unflushed += weight(&message);
            self.sender.push(message);
            if unflushed > UNHEARD_BYTES / 2 {
                unflushed = 0;
                self.flush();
            }
        }
        self.flush();
    }

    fn evict(&mut self, devices: Vec<DeviceKey>) {
        for key in devices {
            let mailbox = &self.mailboxes[home_of(&key, self.mailboxes.len())];
            // A worker that has stopped has no sessions left.
            let _ = mailbox.blocking_send(Mail::Evict(key));
        }
    }
}

/// Sends receipts to the workers that wait for them.
fn send(mailboxes: &[mpsc::Sender<Mail>], receipts: Vec<(Mark, Receipt)>) {
    let mut shares: Vec<Vec<(Mark, Receipt)>> = mailboxes.iter().map(|_| Vec::new()).collect();
    for (mark, receipt) in receipts {
        if let Some(share) = shares.get_mut(usize::from(mark.worker)) {
            share.push((mark, receipt));
        }
    }
    for (mailbox, share) in mailboxes.iter().zip(shares).filter(|(_, share)| !share.is_empty()) {
        // A worker that has stopped has no connections left that wait.
        let _ = mailbox.blocking_send(Mail::Receipts(share));
    }
}

fn encode(downlink: call::Downlink, base_url: &str) -> Message {
    let leaf = match &downlink.message {
        call::Message::Desired(_) => Leaf::Desired,
        call::Message::Command(_) => Leaf::Cmd,
    };
    let expiry_s = match &downlink.message {
        call::Message::Desired(_) => None,
        call::Message::Command(command) => {
            let left_ms = command.deadline.0.saturating_sub(engine::now().0);
            Some(u32::try_from(left_ms / 1000).unwrap_or(u32::MAX).max(1))
        }
    };
    let payload = payload::encode_message(&downlink.message, downlink.format, base_url);
    Message {
        topic: Topic::Device { key: downlink.device, leaf }.to_string().into(),
        payload: payload.into(),
        stamp: None,
        content_type: Some(payload::content_type(downlink.format).to_owned()),
        expiry_s,
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
pub(super) fn start(
    shared: &Arc<Shared>,
    line: Line,
    engine: Engine,
    mailboxes: &[mpsc::Sender<Mail>],
) -> Result<(), MqttError> {
    let (words, waiting) = channel::sync_channel(WAITING);
    let reading = Arc::clone(shared);
    thread::Builder::new()
        .name("mqtt-read".into())
        .spawn(move || read(line, &words, &reading))
        .map_err(MqttError::Thread)?;
    let mailboxes = mailboxes.to_vec();
    thread::Builder::new()
        .name("mqtt-feed".into())
        .spawn(move || feed(&waiting, &engine, &mailboxes))
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
    topic.ends_with(b"/desired") || topic.ends_with(b"/cmd")
}

/// Decodes and hands in, in the order of the bus, until the engine has stopped.
fn feed(waiting: &channel::Receiver<Message>, engine: &Engine, mailboxes: &[mpsc::Sender<Mail>]) {
    while let Ok(message) = waiting.recv() {
        if hand_in(&message, engine, mailboxes).is_err() {
            return;
        }
    }
}

fn hand_in(message: &Message, engine: &Engine, mailboxes: &[mpsc::Sender<Mail>]) -> Result<(), Stopped> {
    // A will has no connection left that waits for a receipt: its stamp is nobody's.
    let stamp = Stamp(message.stamp.unwrap_or(u128::MAX));
    let Ok(text) = std::str::from_utf8(&message.topic) else { return Ok(()) };
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
                        Body::Get { .. } => engine.uplink(key, crate::domain::event::Event::Get, stamp),
                        Body::Explain { .. } | Body::ChunkGet(_) => Ok(()),
                    },
                    Err(error) => {
                        let mark = Mark::from(stamp);
                        if let Some(mailbox) = mailboxes.get(usize::from(mark.worker)) {
                            // A worker that has stopped has nobody to tell.
                            let _ = mailbox.blocking_send(Mail::Malformed(mark, error));
                        }
                        Ok(())
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

    #[test]
    fn the_engine_waits_only_for_bytes_that_no_worker_has_taken() {
        let window = Window::new(2);
        assert!(window.wait(10, 10, Duration::ZERO));
        assert!(!window.wait(11, 10, Duration::ZERO));
        window.heard(0, 1);
        assert!(!window.wait(11, 10, Duration::ZERO));
        window.heard(1, 1);
        assert!(window.wait(11, 10, Duration::ZERO));
        window.forgive(100);
        assert!(window.wait(100, 0, Duration::ZERO));
    }
}
