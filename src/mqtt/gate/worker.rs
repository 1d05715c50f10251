//! A worker: one thread, one loop, all sessions of its share of the devices. A device always lives on the same
//! worker, so that takeover and resumption are between two lines of this file and never between threads.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher as _};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::sync::{Notify, mpsc};
use tokio::task::{LocalSet, spawn_local};

use super::deliver::Downlink;
use super::handshake::Admission;
use super::outlet::{self, Window};
use super::pump;
use super::session::{Down, Session, State, Subscriptions, Tick};
use super::stamp::Mark;
use super::will::{Fate, Parting};
use super::{MqttError, Shared, connection, probe, uplink};
use crate::domain::ids::DeviceKey;
use crate::engine::access::{Identity, Principal};
use crate::engine::call::{self, Receipt};
use crate::engine::query::Reader;
use crate::mqtt::bus::{self, Message};
use crate::mqtt::packet::{QoS, ReasonCode};
use crate::mqtt::payload::{self};
use crate::mqtt::topic::{Leaf, Topic};
use crate::store::artifacts::Artifacts;

/// One read from a socket takes at most this; all connections of a worker share the buffer.
const SCRATCH: usize = 64 << 10;
/// How long a stop waits for receipts, and then for the last words to leave.
const PARTING: Duration = Duration::from_secs(2);
/// A connection that is to end, and whose client does not take the last bytes, is cut after this many seconds.
const CLOSING_S: Tick = 3;
/// How long the end of a token is remembered: longer than a handshake takes.
const REMEMBERED: Duration = Duration::from_secs(30);

/// What reaches a worker from other threads.
pub(super) enum Mail {
    /// A client that has proven who it is.
    Admit(Box<Admission>),
    /// Receipts from the engine, in its order.
    Receipts(Vec<(Mark, Receipt)>),
    /// Desired documents from the engine.
    Desired(Vec<call::Downlink>),
    /// The token of a device or an operator has ended, and so do its sessions.
    Evict(Principal),
    /// The door closes.
    Stop,
}

/// What a worker is made of.
pub(super) struct Parts {
    pub(super) number: u16,
    pub(super) shared: Arc<Shared>,
    pub(super) reader: Reader,
    pub(super) artifacts: Arc<Artifacts>,
    pub(super) window: Arc<Window>,
}

/// Under what an operator's session is found: its name and its client id.
pub(super) type Seat = (Box<str>, Box<str>);

/// The state of a worker. Its tasks hold it together and never across an await.
pub(super) struct Worker {
    pub(super) parts: Parts,
    pub(super) sessions: RefCell<Slab<Session>>,
    pub(super) devices: RefCell<HashMap<DeviceKey, usize>>,
    pub(super) operators: RefCell<BTreeMap<Seat, usize>>,
    bus: RefCell<bus::Sender>,
    flush: Notify,
    pub(super) scratch: RefCell<Vec<u8>>,
    pub(super) now: Cell<Tick>,
    generation: Cell<u32>,
    /// Uplinks of all its sessions that wait for their receipts.
    pub(super) uplinks: Cell<usize>,
    /// Connections that wait until there are fewer.
    pub(super) blocked: RefCell<Vec<Waker>>,
    pub(super) stopping: Cell<bool>,
    /// Whose tokens have ended lately; few, because orders are.
    evicted: RefCell<Vec<(Principal, Instant)>>,
}

/// Which of `workers` holds the client.
pub(super) fn home(identity: &Identity, workers: usize) -> usize {
    match identity {
        Identity::Device(key) => home_of(key, workers),
        Identity::Operator { name, .. } => home_of_operator(name, workers),
    }
}

/// Which of `workers` holds the device.
pub(super) fn home_of(key: &DeviceKey, workers: usize) -> usize {
    share(key, workers)
}

/// Which of `workers` holds all sessions of the operator.
pub(super) fn home_of_operator(name: &str, workers: usize) -> usize {
    share(&name, workers)
}

fn share(key: &impl std::hash::Hash, workers: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    (hasher.finish() % workers as u64) as usize
}

/// Starts a worker's thread.
pub(super) fn start(parts: Parts, mail: mpsc::Receiver<Mail>) -> Result<thread::JoinHandle<()>, MqttError> {
    let (mut sender, line) =
        parts.shared.bus.link(&format!("worker-{}", parts.number)).map_err(|_| MqttError::Bus)?;
    let commands = outlet::worker_topic(usize::from(parts.number));
    sender.subscribe(&commands).map_err(|_| MqttError::Bus)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(MqttError::Thread)?;
    let run = move || {
        let worker = Rc::new(Worker {
            parts,
            sessions: RefCell::default(),
            devices: RefCell::default(),
            operators: RefCell::default(),
            bus: RefCell::new(sender),
            flush: Notify::new(),
            scratch: RefCell::new(vec![0; SCRATCH]),
            now: Cell::new(1),
            generation: Cell::new(0),
            uplinks: Cell::new(0),
            blocked: RefCell::default(),
            stopping: Cell::new(false),
            evicted: RefCell::default(),
        });
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, work(worker, line, mail));
        // Connections that did not end in time are cut with their tasks.
        drop(tasks);
        runtime.shutdown_timeout(PARTING);
    };
    thread::Builder::new().name("mqtt-worker".into()).spawn(run).map_err(MqttError::Thread)
}

/// Takes mail and downlinks. The engine sends a receipt before the downlinks that follow from it, so mail goes first.
async fn work(worker: Rc<Worker>, mut line: bus::Receiver, mut mail: mpsc::Receiver<Mail>) {
    spawn_local(flush(Rc::clone(&worker)));
    spawn_local(sweep(Rc::clone(&worker)));
    spawn_local(probe::run(Rc::clone(&worker)));
    let mut messages = VecDeque::new();
    loop {
        let alive = tokio::select! {
            biased;
            next = mail.recv() => {
                if next.is_some_and(|next| worker.take(next)) {
                    continue;
                }
                break;
            }
            alive = line.next(&mut messages) => alive,
        };
        while let Ok(next) = mail.try_recv() {
            if !worker.take(next) {
                return worker.stop(mail).await;
            }
        }
        for message in messages.drain(..) {
            worker.parts.window.heard(worker.parts.number, outlet::weight(&message));
            worker.deliver(&message);
        }
        if alive.is_err() {
            worker.parts.shared.died();
            break;
        }
    }
    worker.stop(mail).await;
}

/// Publishes what the connections have said since it last ran: one entry in the router's queue for all of it.
async fn flush(worker: Rc<Worker>) {
    loop {
        worker.flush.notified().await;
        let flushed = worker.bus.borrow_mut().flush();
        if flushed.is_err() {
            worker.parts.shared.died();
            return;
        }
    }
}

/// Looks at every session once a second: the only timer that sessions have.
async fn sweep(worker: Rc<Worker>) {
    let began = Instant::now();
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        worker.now.set(began.elapsed().as_secs() as Tick + 1);
        worker.look_after_sessions();
    }
}

impl Worker {
    /// The bounds.
    pub(super) fn limits(&self) -> &super::Limits {
        &self.parts.shared.settings.limits
    }

    /// Puts a message on the bus, with everything else that is said in this turn of the loop.
    pub(super) fn say(&self, message: Message) {
        self.bus.borrow_mut().push(message);
        self.flush.notify_one();
    }

    /// The next connection's generation.
    pub(super) fn next_generation(&self) -> u32 {
        self.generation.set(self.generation.get().wrapping_add(1));
        self.generation.get()
    }

    /// Tells the engine that a device has a connection or has none. It travels the same filter as the device's own
    /// words and so keeps its place among them.
    pub(super) fn say_linked(&self, key: &DeviceKey, linked: bool) {
        self.say(pump::link(key, linked));
    }

    /// Acts on mail. False when the door closes.
    fn take(self: &Rc<Self>, mail: Mail) -> bool {
        match mail {
            Mail::Admit(admission) => self.admit(*admission),
            Mail::Receipts(receipts) => self.settle(receipts),
            Mail::Desired(documents) => self.deliver_desired(documents),
            Mail::Evict(principal) => self.evict(principal),
            Mail::Stop => return false,
        }
        true
    }

    fn settle(&self, receipts: Vec<(Mark, Receipt)>) {
        for (mark, receipt) in receipts {
            if mark.slot == Mark::PROBE {
                self.parts.shared.proofs.prove(self.parts.number);
            } else {
                self.settle_one(mark, &receipt, uplink::reason(&receipt.outcome));
            }
        }
        self.wake_blocked();
    }

    fn settle_one(&self, mark: Mark, receipt: &Receipt, code: ReasonCode) {
        let mut sessions = self.sessions.borrow_mut();
        let session = sessions.get_mut(mark.slot as usize).filter(|s| s.generation == mark.generation);
        if let Some(session) = session {
            uplink::settle(self, session, mark.serial, receipt, code);
        }
    }

    fn wake_blocked(&self) {
        for waker in self.blocked.take() {
            waker.wake();
        }
    }

    /// Brings a command from the bus to its device, when it is here and listens.
    fn deliver(&self, message: &Message) {
        let Some(topic) = &message.public else { return };
        let Ok(text) = std::str::from_utf8(topic) else { return };
        let Ok(Topic::Device { key, leaf: Leaf::Cmd }) = Topic::parse(text) else { return };
        let now = self.now.get();
        self.tell(&key, Down::Cmd, || Downlink {
            topic: topic.clone(),
            payload: message.payload.clone(),
            content_type: message.content_type.as_deref().and_then(uplink::known_type),
            correlation_data: None,
            expires: message.expiry_s.map(|s| now.saturating_add(s)),
        });
    }

    /// Brings desired documents to their devices; one that nobody listens to is not even written out.
    fn deliver_desired(&self, documents: Vec<call::Downlink>) {
        let base_url = &self.parts.shared.settings.base_url;
        for call::Downlink { device: key, format, message } in documents {
            self.tell(&key, Down::Desired, || Downlink {
                topic: Topic::Device { key: key.clone(), leaf: Leaf::Desired }.to_string().into(),
                payload: payload::encode_message(&message, format, base_url).into(),
                content_type: Some(payload::content_type(format)),
                correlation_data: None,
                expires: None,
            });
        }
    }

    /// Sends what `make` makes to a device that is here and listens to the leaf.
    fn tell(&self, key: &DeviceKey, down: Down, make: impl FnOnce() -> Downlink) {
        let Some(slot) = self.devices.borrow().get(key).copied() else { return };
        let mut sessions = self.sessions.borrow_mut();
        let Some(session) = sessions.get_mut(slot) else { return };
        if let Some(qos) = session.subscriptions.qos(down) {
            session.send(make(), qos, self.limits(), self.now.get());
        }
    }

    fn look_after_sessions(&self) {
        let now = self.now.get();
        let mut over = Vec::new();
        for (slot, session) in self.sessions.borrow_mut().iter_mut() {
            match &mut session.state {
                State::Live(live) => self.look_after(live, now),
                State::Away(since) => {
                    if session.will.as_ref().is_some_and(|will| will.is_due(now)) {
                        self.fire(session.will.take(), &session.identity);
                    } else if now.saturating_sub(*since) >= session.expiry_s {
                        over.push(slot);
                    }
                }
            }
        }
        for slot in over {
            self.forget(slot);
        }
        self.evicted.borrow_mut().retain(|(_, at)| at.elapsed() < REMEMBERED);
        self.wake_blocked();
    }

    fn look_after(&self, live: &mut super::session::Live, now: Tick) {
        let limits = self.limits();
        let grace = Tick::from(live.keep_alive_s) + Tick::from(live.keep_alive_s) / 2;
        let since = |then: Tick| now.saturating_sub(then);
        let receipt = limits.receipt_timeout.as_secs() as Tick;
        if !live.is_open(limits) || uplink::full(self) {
            // It may well have said something that is not read yet; these cases have times of their own.
            live.heard = now;
        }
        if live.keep_alive_s != 0 && since(live.heard) > grace {
            live.close(ReasonCode::KeepAliveTimeout, now);
        } else if live.waiting() > 0 && since(live.progress) > limits.write_stall.as_secs() as Tick {
            live.close(ReasonCode::QuotaExceeded, now);
        } else if live.uplinks.front().is_some_and(|u| since(u.since) > receipt) {
            live.close(ReasonCode::ServerBusy, now);
        }
        if live.closing.is_some_and(|c| since(c.since) > CLOSING_S)
            && let Some(waker) = &live.waker
        {
            waker.wake_by_ref();
        }
    }

    /// Whether a connection that is to end has had its time.
    pub(super) fn overdue(&self, closing: super::session::Closing) -> bool {
        self.now.get().saturating_sub(closing.since) > CLOSING_S
    }

    /// Says a will.
    pub(super) fn fire(&self, will: Option<Box<super::will::Will>>, identity: &Identity) {
        if let Some(message) = will.and_then(|will| will.fire(identity)) {
            self.say(message);
        }
    }

    /// Ends a session for good.
    pub(super) fn forget(&self, slot: usize) {
        let session = self.sessions.borrow_mut().remove(slot);
        match &session.identity {
            Identity::Device(key) => drop(self.devices.borrow_mut().remove(key)),
            Identity::Operator { .. } => self.operators.borrow_mut().retain(|_, at| *at != slot),
        }
        if let Some(wishes) = &session.observer {
            wishes.leave();
        }
        self.parts.shared.sessions.fetch_sub(1, Ordering::Relaxed);
        self.fire(session.will, &session.identity);
    }

    /// A connection has ended; its session stays or goes. Does nothing when another connection has taken over.
    pub(super) fn leave(&self, slot: usize, generation: u32, normal: bool) {
        let mut sessions = self.sessions.borrow_mut();
        let Some(session) = sessions.get_mut(slot).filter(|s| s.generation == generation) else { return };
        if let Some(live) = session.live() {
            uplink::release(self, live);
        }
        session.state = State::Away(self.now.get());
        let stays = session.expiry_s > 0 && self.may_retain() && session.device().is_some();
        let parting = match (normal, stays) {
            (true, _) => Parting::Normal,
            (false, true) => Parting::Lost,
            (false, false) => Parting::Ended,
        };
        let will = self.parting_will(session, parting);
        self.fire(will, &session.identity);
        if let Some(key) = session.device() {
            self.say_linked(key, false);
        }
        drop(sessions);
        if !stays {
            self.forget(slot);
        }
    }

    /// The will, when it is to be said now; the session keeps it while it waits.
    pub(super) fn parting_will(
        &self,
        session: &mut Session,
        parting: Parting,
    ) -> Option<Box<super::will::Will>> {
        let mut will = session.will.take()?;
        match will.part(parting, self.now.get()) {
            Fate::Fires => Some(will),
            Fate::Deleted => None,
            Fate::Waits => {
                session.will = Some(will);
                None
            }
        }
    }

    /// Whether one more session may outlive its connection.
    fn may_retain(&self) -> bool {
        let shared = &self.parts.shared;
        let away = shared
            .sessions
            .load(Ordering::Relaxed)
            .saturating_sub(shared.connections.load(Ordering::Relaxed));
        away < self.limits().retained_sessions
    }

    /// Ends the sessions of a token that has ended. A client that proved itself with that token is remembered for
    /// as long as it can still be on its way here.
    fn evict(&self, principal: Principal) {
        let slots: Vec<usize> = match &principal {
            Principal::Device(key) => self.devices.borrow().get(key).copied().into_iter().collect(),
            Principal::Operator(name) => {
                let operators = self.operators.borrow();
                operators.iter().filter(|((own, _), _)| own == name).map(|(_, slot)| *slot).collect()
            }
        };
        for slot in slots {
            self.evict_one(slot);
        }
        self.evicted.borrow_mut().push((principal, Instant::now()));
    }

    fn evict_one(&self, slot: usize) {
        let mut sessions = self.sessions.borrow_mut();
        let Some(session) = sessions.get_mut(slot) else { return };
        session.expiry_s = 0;
        session.subscriptions = Subscriptions::default();
        session.delivery = None;
        session.will = None;
        match session.live() {
            Some(live) => live.close(ReasonCode::NotAuthorized, self.now.get()),
            None => {
                drop(sessions);
                self.forget(slot);
            }
        }
    }

    /// Whether the proof is older than the end of its token.
    fn is_evicted(&self, admission: &Admission) -> bool {
        let owns = |principal: &Principal| match (principal, &admission.identity) {
            (Principal::Device(key), Identity::Device(own)) => key == own,
            (Principal::Operator(name), Identity::Operator { name: own, .. }) => name == own,
            (Principal::Device(_) | Principal::Operator(_), _) => false,
        };
        self.evicted.borrow().iter().any(|(principal, at)| *at >= admission.asked && owns(principal))
    }

    fn admit(self: &Rc<Self>, admission: Admission) {
        if self.is_evicted(&admission) {
            return;
        }
        if let Some(connection) = connection::Connection::open(self, admission) {
            spawn_local(connection);
        }
    }

    /// Waits briefly for receipts, tells everyone, and lets the last words leave.
    async fn stop(self: &Rc<Self>, mut mail: mpsc::Receiver<Mail>) {
        self.stopping.set(true);
        self.parts.window.leave(self.parts.number);
        let deadline = tokio::time::Instant::now() + PARTING;
        while self.uplinks.get() > 0 {
            match tokio::time::timeout_at(deadline, mail.recv()).await {
                // Nobody is let in any more: the socket closes.
                Ok(Some(Mail::Admit(_))) => {}
                Ok(Some(next)) => drop(self.take(next)),
                Ok(None) | Err(_) => break,
            }
        }
        let now = self.now.get();
        for (_, session) in self.sessions.borrow_mut().iter_mut() {
            if let Some(live) = session.live() {
                live.close(ReasonCode::ServerShuttingDown, now);
            }
        }
        let deadline = tokio::time::Instant::now() + PARTING;
        while self.any_live() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let _ = self.bus.borrow_mut().flush();
    }

    fn any_live(&self) -> bool {
        self.sessions.borrow().iter().any(|(_, s)| matches!(s.state, State::Live(_)))
    }
}

/// The epoch document that a subscriber of `ota/v1/<tenant>/server` gets at once.
pub(super) fn epoch_document(shared: &Shared) -> Vec<u8> {
    format!("{{\"epoch\":{},\"state\":\"online\"}}", shared.settings.epoch).into_bytes()
}

/// At most QoS 1.
pub(super) fn granted(qos: QoS) -> QoS {
    qos.min(QoS::AtLeastOnce)
}
