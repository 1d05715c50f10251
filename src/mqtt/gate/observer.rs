//! Operators and integrations that listen with wildcards: each has a link to the bus of its own, because they are
//! few and what they hear is much. One that does not keep up is cut, and nobody else notices.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{spawn_blocking, spawn_local};

use super::connection::put;
use super::deliver::Downlink;
use super::pump;
use super::session::Session;
use super::uplink::known_type;
use super::worker::Worker;
use crate::engine::access::Identity;
use crate::mqtt::acl::filter_matches;
use crate::mqtt::bus::{Bus, Dead, LinkError, Message, Receiver, Sender};
use crate::mqtt::packet::{Packet, QoS, ReasonCode, SubAck};
use crate::mqtt::topic::Topic;

/// What an operator's link and its session have to say to each other.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    gone: Notify,
    /// Whether the link hears the bus.
    listens: Cell<bool>,
    /// SUBACKs that leave when it does.
    subacks: RefCell<Vec<SubAck>>,
}

impl Wishes {
    /// Has the link find out that its session is gone.
    pub(super) fn leave(&self) {
        self.gone.notify_one();
    }
}

/// Says SUBACK once the operator's link listens. With the first one it gets its link.
pub(super) fn listen(worker: &Rc<Worker>, slot: u32, session: &mut Session, suback: SubAck) {
    let generation = session.generation;
    let wishes = session.observer.get_or_insert_with(|| {
        let wishes = Rc::new(Wishes::default());
        let link = Link { worker: Rc::clone(worker), slot, generation, wishes: Rc::clone(&wishes) };
        spawn_local(link.run(filters(&session.identity)));
        wishes
    });
    if wishes.listens.get() {
        put(worker, session, &Packet::SubAck(suback));
    } else {
        wishes.subacks.borrow_mut().push(suback);
    }
}

/// What a link subscribes to on the bus, best first. What of it the operator hears is decided by the filters of its
/// session, because the router keeps a log for every filter that it has ever seen.
fn filters(identity: &Identity) -> Vec<String> {
    let everything = pump::UP.to_owned();
    match identity {
        Identity::Operator { tenant: Some(tenant), .. } => vec![format!("ota/v1/{tenant}/d/#"), everything],
        Identity::Operator { tenant: None, .. } | Identity::Device(_) => vec![everything],
    }
}

/// One operator's line.
struct Link {
    worker: Rc<Worker>,
    slot: u32,
    generation: u32,
    wishes: Rc<Wishes>,
}

impl Link {
    async fn run(self, filters: Vec<String>) {
        let bus = self.worker.parts.shared.bus.clone();
        match spawn_blocking(move || join(&bus, &filters)).await {
            Ok(Ok((sender, receiver))) => self.carry(sender, receiver).await,
            Ok(Err(_)) | Err(_) => {
                self.with_session(|session| close(session, &self.worker));
            }
        }
    }

    /// Until the session is gone. Dropping the sender leaves the bus.
    async fn carry(&self, _sender: Sender, mut receiver: Receiver) {
        self.wishes.listens.set(true);
        self.with_session(|session| {
            for suback in self.wishes.subacks.take() {
                put(&self.worker, session, &Packet::SubAck(suback));
            }
        });
        let mut messages = VecDeque::new();
        while self.with_session(|_| ()).is_some() {
            let alive = tokio::select! {
                () = self.wishes.gone.notified() => Ok(()),
                next = receiver.next(&mut messages) => next,
            };
            if alive == Err(Dead) {
                return self.worker.parts.shared.died();
            }
            for message in messages.drain(..) {
                self.with_session(|session| deliver(&self.worker, session, &message));
            }
        }
    }

    fn with_session<T>(&self, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut sessions = self.worker.sessions.borrow_mut();
        let session = sessions.get_mut(self.slot as usize)?;
        (session.generation == self.generation).then(|| act(session))
    }
}

/// Joins the bus with the first filter that it has room for. Waits for the router.
fn join(bus: &Bus, filters: &[String]) -> Result<(Sender, Receiver), LinkError> {
    let (mut sender, receiver) = bus.observe()?;
    let mut joined = Err(LinkError::Full);
    for filter in filters {
        joined = sender.subscribe(filter);
        if joined != Err(LinkError::Full) {
            break;
        }
    }
    joined.map(|()| (sender, receiver))
}

fn close(session: &mut Session, worker: &Worker) {
    if let Some(live) = session.live() {
        live.close(ReasonCode::QuotaExceeded, worker.now.get());
    }
}

/// Sends what is in the grammar of topics: the gate's own words on the bus are not. The stamp stays here.
fn deliver(worker: &Worker, session: &mut Session, message: &Message) {
    let Ok(text) = std::str::from_utf8(message.seen()) else { return };
    if Topic::parse(text).is_err() {
        return;
    }
    let filters = session.subscriptions.others().iter();
    let qos: Option<QoS> = filters.filter(|(f, _)| filter_matches(f, text)).map(|(_, qos)| *qos).max();
    let now = worker.now.get();
    let downlink = Downlink {
        topic: message.seen().clone(),
        payload: message.payload.clone(),
        content_type: message.content_type.as_deref().and_then(known_type),
        correlation_data: None,
        expires: message.expiry_s.map(|s| now.saturating_add(s)),
    };
    if let Some(qos) = qos {
        session.send(downlink, qos, worker.limits(), now);
    }
}
