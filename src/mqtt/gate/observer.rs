//! Operators and integrations that listen with wildcards: each has a link to the bus of its own, because they are
//! few and what they hear is much. One that does not keep up is cut, and nobody else notices.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::{spawn_blocking, spawn_local};

use super::connection::put;
use super::deliver::Downlink;
use super::session::Session;
use super::uplink::known_type;
use super::worker::Worker;
use crate::mqtt::acl::filter_matches;
use crate::mqtt::bus::{Dead, LinkError, Message, Receiver, Sender};
use crate::mqtt::packet::{Packet, QoS, ReasonCode, SubAck};
use crate::mqtt::topic::Topic;

/// What an operator's link has to do: its session's filters have changed, or the session is gone.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    changed: Notify,
    /// SUBACKs that leave when the link listens.
    subacks: RefCell<Vec<SubAck>>,
}

impl Wishes {
    /// Has the link look at its session again.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }
}

/// Subscribes the operator's link to what it now listens to, then says SUBACK. The first time it gets its link.
pub(super) fn listen(worker: &Rc<Worker>, slot: u32, session: &mut Session, suback: SubAck) {
    let generation = session.generation;
    let wishes = session.observer.get_or_insert_with(|| {
        let wishes = Rc::new(Wishes::default());
        let link = Link { worker: Rc::clone(worker), slot, generation, wishes: Rc::clone(&wishes) };
        spawn_local(link.run());
        wishes
    });
    wishes.subacks.borrow_mut().push(suback);
    wishes.changed();
}

/// One operator's line.
struct Link {
    worker: Rc<Worker>,
    slot: u32,
    generation: u32,
    wishes: Rc<Wishes>,
}

impl Link {
    async fn run(self) {
        let bus = self.worker.parts.shared.bus.clone();
        let name = format!("observer-{}-{}", self.worker.parts.number, self.generation);
        match spawn_blocking(move || bus.observe(&name)).await {
            Ok(Ok((sender, receiver))) => self.carry(sender, receiver).await,
            Ok(Err(_)) | Err(_) => {
                self.with_session(|session| close(session, &self.worker));
            }
        }
    }

    /// Until the session is gone. Dropping the sender leaves the bus.
    async fn carry(&self, mut sender: Sender, mut receiver: Receiver) {
        let mut heard = Vec::new();
        let mut messages = VecDeque::new();
        loop {
            if self.align(&mut sender, &mut heard).is_none() {
                return;
            }
            let alive = tokio::select! {
                () = self.wishes.changed.notified() => Ok(()),
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

    /// Subscribes to what is new and ends what is not wanted any more. None when the session is gone.
    fn align(&self, sender: &mut Sender, heard: &mut Vec<Box<str>>) -> Option<()> {
        let wanted: Vec<Box<str>> = self.with_session(|session| {
            session.subscriptions.others().iter().map(|(filter, _)| filter.clone()).collect()
        })?;
        for filter in heard.extract_if(.., |filter| !wanted.contains(filter)) {
            sender.unsubscribe(&filter).ok()?;
        }
        let mut full = false;
        for filter in wanted {
            if heard.contains(&filter) {
                continue;
            }
            match sender.subscribe(&filter) {
                Ok(()) => heard.push(filter),
                Err(LinkError::Full) => {
                    full = true;
                    self.with_session(|session| session.subscriptions.forget_other(&filter))?;
                }
                Err(LinkError::Dead) => return None,
            }
        }
        self.with_session(|session| {
            for mut suback in self.wishes.subacks.take() {
                if full {
                    let refused = |code: &mut ReasonCode| *code = ReasonCode::QuotaExceeded;
                    suback.codes.iter_mut().filter(|code| !code.is_failure()).for_each(refused);
                }
                put(&self.worker, session, &Packet::SubAck(suback));
            }
        })
    }

    fn with_session<T>(&self, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut sessions = self.worker.sessions.borrow_mut();
        let session = sessions.get_mut(self.slot as usize)?;
        (session.generation == self.generation).then(|| act(session))
    }
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
