//! From the engine to the workers: receipts and desired documents by mail, commands over the bus.
//!
//! A command is addressed to the worker that holds the device, on one topic for each worker: the router then neither
//! hands it to workers that do not need it nor keeps a topic for each device. As long as an observer listens, the
//! public topics are published beside that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::stamp::Mark;
use super::worker::{Mail, home_of, home_of_operator};
use super::{Death, Fatal};
use crate::domain::device::Format;
use crate::domain::event::Event;
use crate::domain::ids::DeviceKey;
use crate::domain::news::News;
use crate::engine;
use crate::engine::access::Principal;
use crate::engine::call::{self, Downlink, Receipt, Stamp};
use crate::mqtt::bus::{self, Bus, Message};
use crate::mqtt::payload;
use crate::mqtt::topic::{Leaf, Topic};

/// Bytes of commands that a worker has not yet taken from the bus: an eighth of the router's log.
const UNHEARD_BYTES: u64 = (bus::LOG_BYTES / 8) as u64;
/// How long the engine waits for a worker that does not take its commands. Then they are lost, which costs
/// nothing that a later `get` or `hello` does not bring back.
const UNHEARD_WAIT: Duration = Duration::from_secs(2);

/// The end of the topics on which travels what devices said at other doors: the engine, which has heard it, drops it,
/// and observers see the topic of the message that a device of MQTT sends.
pub(super) const HEARD: &str = "heard";

/// The topic on which a worker hears commands. It is outside the public grammar, so that nobody can subscribe to it.
pub(super) fn worker_topic(worker: usize) -> String {
    format!("updraft/worker/{worker}")
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

    /// Waits until every worker has taken all but `room` of what was `said` to it. False when one does not.
    fn wait(&self, said: &[u64], room: u64, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while self.unheard(said) > room {
            if Instant::now() >= deadline {
                return false;
            }
            // A short wait, because `heard` does not take the lock and its call may be missed.
            let waited = self.moved.wait_timeout(guard, Duration::from_millis(5));
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The most that one worker has not taken.
    fn unheard(&self, said: &[u64]) -> u64 {
        let left = |(said, heard): (&u64, &AtomicU64)| said.saturating_sub(heard.load(Ordering::Acquire));
        said.iter().zip(&self.heard).map(left).max().unwrap_or(0)
    }

    /// Takes all that was said as heard.
    fn forgive(&self, said: &[u64]) {
        for (said, heard) in said.iter().zip(&self.heard) {
            heard.fetch_max(*said, Ordering::AcqRel);
        }
    }
}

/// Where the engine's words go.
pub(super) struct Outlet {
    bus: Bus,
    sender: bus::Sender,
    mailboxes: Vec<mpsc::Sender<Mail>>,
    window: Arc<Window>,
    base_url: String,
    fatal: Fatal,
    /// Bytes of commands said to each worker.
    said: Vec<u64>,
    topics: Vec<String>,
}

impl Outlet {
    pub(super) fn new(
        bus: Bus,
        sender: bus::Sender,
        mailboxes: Vec<mpsc::Sender<Mail>>,
        window: Arc<Window>,
        base_url: String,
        fatal: Fatal,
    ) -> Outlet {
        let said = vec![0; mailboxes.len()];
        let topics = (0..mailboxes.len()).map(worker_topic).collect();
        Outlet { bus, sender, mailboxes, window, base_url, fatal, said, topics }
    }

    /// Sends each worker its share.
    fn mail<T>(&self, shares: Vec<Vec<T>>, mail: impl Fn(Vec<T>) -> Mail) {
        for (mailbox, share) in self.mailboxes.iter().zip(shares).filter(|(_, share)| !share.is_empty()) {
            // A worker that has stopped has no connections left that wait.
            let _ = mailbox.blocking_send(mail(share));
        }
    }

    fn shares<T>(&self) -> Vec<Vec<T>> {
        self.mailboxes.iter().map(|_| Vec::new()).collect()
    }

    /// Says a command to the worker that holds the device. Returns its weight.
    fn command(&mut self, worker: usize, device: DeviceKey, format: Format, command: &call::Message) -> u64 {
        let mut message = encode(device, format, command, &self.base_url);
        if self.bus.is_observed() {
            self.sender.push(message.clone());
        }
        message.public = Some(std::mem::replace(&mut message.topic, self.topics[worker].clone().into()));
        let weight = weight(&message);
        self.said[worker] += weight;
        self.sender.push(message);
        weight
    }

    fn flush(&mut self) {
        if self.sender.flush().is_err() {
            (self.fatal)(Death::RouterDead);
        }
        if !self.window.wait(&self.said, UNHEARD_BYTES, UNHEARD_WAIT) {
            tracing::warn!("a worker does not take its commands; some are lost");
            self.window.forgive(&self.said);
        }
    }
}

impl engine::Outlet for Outlet {
    fn receipts(&mut self, receipts: Vec<(Stamp, Receipt)>) {
        let mut shares = self.shares();
        for (stamp, receipt) in receipts {
            let mark = Mark::from(stamp);
            // A will has nobody who waits for its receipt: its stamp names no worker.
            if let Some(share) = shares.get_mut(usize::from(mark.worker)) {
                share.push((mark, receipt));
            }
        }
        self.mail(shares, Mail::Receipts);
    }

    fn downlinks(&mut self, downlinks: Vec<Downlink>) {
        let observed = self.bus.is_observed();
        let mut documents = self.shares();
        let mut commands = Vec::new();
        for downlink in downlinks {
            let worker = home_of(&downlink.device, self.mailboxes.len());
            match downlink.message {
                call::Message::Command(_) => commands.push((worker, downlink)),
                call::Message::Desired(_) if observed => {
                    let Downlink { device, format, message } = &downlink;
                    self.sender.push(encode(device.clone(), *format, message, &self.base_url));
                    documents[worker].push(downlink);
                }
                call::Message::Desired(_) => documents[worker].push(downlink),
            }
        }
        self.mail(documents, Mail::Desired);
        let mut unflushed = 0;
        for (worker, downlink) in commands {
            unflushed += self.command(worker, downlink.device, downlink.format, &downlink.message);
            if unflushed > UNHEARD_BYTES / 2 {
                unflushed = 0;
                self.flush();
            }
        }
        self.flush();
    }

    fn heard(&mut self, heard: Vec<(DeviceKey, Event)>) {
        if !self.bus.is_observed() {
            return;
        }
        for (device, event) in heard {
            for (leaf, payload) in payload::overheard(&event) {
                self.sender.push(Message {
                    topic: format!("ota/v1/{}/d/{}/{HEARD}", device.tenant, device.device).into(),
                    public: Some(Topic::Device { key: device.clone(), leaf }.to_string().into()),
                    payload: payload.into(),
                    content_type: Some(payload::content_type(Format::Json).to_owned()),
                    ..Message::default()
                });
            }
        }
        self.flush();
    }

    fn news(&mut self, news: &[News]) {
        if !self.bus.is_observed() {
            return;
        }
        for news in news {
            self.sender.push(Message {
                // Where observers' links listen; no device has this name.
                topic: format!("ota/v1/{}/d/-/{HEARD}", news.tenant).into(),
                public: Some(topic_of(news).into()),
                payload: payload::encode_news(news).into(),
                content_type: Some(payload::content_type(Format::Json).to_owned()),
                ..Message::default()
            });
        }
        self.flush();
    }

    fn evict(&mut self, principals: Vec<Principal>) {
        for principal in principals {
            let home = match &principal {
                Principal::Device(key) => home_of(key, self.mailboxes.len()),
                Principal::Operator(name) => home_of_operator(name, self.mailboxes.len()),
            };
            // A worker that has stopped has no sessions left.
            let _ = self.mailboxes[home].blocking_send(Mail::Evict(principal));
        }
    }
}

/// Where news are published.
fn topic_of(news: &News) -> String {
    format!("ota/v1/{}/events/{}/{}", news.tenant, news.what.subject(), news.what.change())
}

/// The message as observers see it.
fn encode(device: DeviceKey, format: Format, message: &call::Message, base_url: &str) -> Message {
    let (leaf, expiry_s) = match message {
        call::Message::Desired(_) => (Leaf::Desired, None),
        call::Message::Command(command) => {
            let left_ms = command.deadline.0.saturating_sub(engine::now().0);
            (Leaf::Cmd, Some(u32::try_from(left_ms / 1000).unwrap_or(u32::MAX).max(1)))
        }
    };
    Message {
        topic: Topic::Device { key: device, leaf }.to_string().into(),
        payload: payload::encode_message(message, format, base_url).into(),
        content_type: Some(payload::content_type(format).to_owned()),
        expiry_s,
        ..Message::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_waits_only_for_bytes_that_a_worker_has_not_taken() {
        let window = Window::new(2);
        assert!(window.wait(&[10, 10], 10, Duration::ZERO));
        assert!(!window.wait(&[11, 11], 10, Duration::ZERO));
        window.heard(0, 1);
        assert!(window.wait(&[11, 0], 10, Duration::ZERO));
        assert!(!window.wait(&[11, 11], 10, Duration::ZERO));
        window.heard(1, 1);
        assert!(window.wait(&[11, 11], 10, Duration::ZERO));
        window.forgive(&[100, 100]);
        assert!(window.wait(&[100, 100], 0, Duration::ZERO));
    }
}
