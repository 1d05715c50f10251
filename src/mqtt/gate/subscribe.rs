//! How a proven client gets its session, and what it may listen to.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use super::connection::{End, put};
use super::deliver::Downlink;
use super::session::{Closing, Down, Live, Session, State, Subscriptions};
use super::will::{Parting, Will};
use super::worker::{Seat, Worker, epoch_document, granted};
use super::{observer, uplink};
use crate::engine::access::Identity;
use crate::mqtt::acl::{self, Denial, Scope, Verb};
use crate::mqtt::packet::{
    ConnAck, ConnAckProperties, Connect, Filter, Packet, QoS, ReasonCode, SubAck, Subscribe, UnsubAck,
    Unsubscribe, Version,
};
use crate::mqtt::topic::Topic;

/// Finds or makes the session of a proven client, ends the connection that it had, and says CONNACK. Returns the
/// session's place and the generation of the new connection.
pub(super) fn open_session(worker: &Rc<Worker>, identity: Identity, connect: &Connect) -> Option<(u32, u32)> {
    let will = connect.will.clone().map(|will| Will::take(&identity, will)).transpose().ok()?;
    let device = match &identity {
        Identity::Device(key) => Some(key.clone()),
        Identity::Operator { .. } => None,
    };
    let generation = worker.next_generation();
    let seat = seat(&identity, connect, generation);
    let known = match (&device, &seat) {
        (Some(key), _) => worker.devices.borrow().get(key).copied(),
        (None, Some(seat)) => worker.operators.borrow().get(seat).copied(),
        (None, None) => None,
    };
    let present = known.is_some_and(|slot| take_over(worker, slot, connect.clean_start));
    let mut sessions = worker.sessions.borrow_mut();
    let slot = match known {
        Some(slot) => slot,
        None => {
            worker.parts.shared.sessions.fetch_add(1, Ordering::Relaxed);
            sessions.insert(Session::new(identity.clone()))
        }
    };
    let session = sessions.get_mut(slot)?;
    if !present {
        session.subscriptions = Subscriptions::default();
        session.delivery = None;
        if let Some(wishes) = session.observer.take() {
            wishes.leave();
        }
    }
    // An operator may have been removed and added anew, in another tenant, while its session was still ending.
    session.identity = identity;
    session.will = will;
    session.generation = generation;
    session.expiry_s = expiry(worker, connect, device.is_some());
    session.state = State::Live(live(worker, connect, device.is_some()));
    put(worker, session, &Packet::ConnAck(welcome(worker, session, connect, present)));
    session.resume(worker.now.get());
    drop(sessions);
    if let Some(seat) = seat {
        worker.operators.borrow_mut().insert(seat, slot);
    }
    if let Some(key) = device {
        worker.devices.borrow_mut().insert(key.clone(), slot);
        worker.say_linked(&key, true);
    }
    Some((slot as u32, generation))
}

/// Under what an operator's session is found again: the second connection of one client ends the first
/// [MQTT-3.1.4-3], but several clients may share an operator's token. Without an id every client is another one.
fn seat(identity: &Identity, connect: &Connect, generation: u32) -> Option<Seat> {
    match identity {
        // No client can send the NUL.
        Identity::Operator { name, .. } if connect.client_id.is_empty() => {
            Some((name.clone(), format!("\0{generation}").into()))
        }
        Identity::Operator { name, .. } => Some((name.clone(), connect.client_id.as_str().into())),
        Identity::Device(_) => None,
    }
}

/// Ends the connection that the session has. Its task sees that the session is no longer its own and says 0x8E.
/// Whether the session goes on: one that was to end with its connection has ended [MQTT-3.1.2-6].
fn take_over(worker: &Worker, slot: usize, clean: bool) -> bool {
    let mut sessions = worker.sessions.borrow_mut();
    let Some(session) = sessions.get_mut(slot) else { return false };
    let clean = clean || session.expiry_s == 0;
    let will = match session.live() {
        Some(live) => {
            uplink::release(worker, live);
            live.closing = Some(Closing { reason: ReasonCode::SessionTakenOver, since: worker.now.get() });
            if let Some(waker) = live.waker.take() {
                waker.wake();
            }
            worker.parting_will(session, if clean { Parting::Ended } else { Parting::Lost })
        }
        // The client has come back in time: a will that waits is not said, unless its session ends now.
        None => session.will.take().filter(|_| clean),
    };
    worker.fire(will, &session.identity);
    !clean
}

fn expiry(worker: &Worker, connect: &Connect, device: bool) -> u32 {
    if device { connect.session_expiry.min(worker.limits().session_expiry_s) } else { 0 }
}

fn keep_alive(worker: &Worker, connect: &Connect) -> u16 {
    match (connect.version, connect.keep_alive) {
        // 3.1.1 cannot be told another value, so its own is used; without one ours, or a dead client stays for good.
        (Version::V4, 0) => worker.limits().keep_alive_s,
        (Version::V4, wanted) => wanted,
        (Version::V5, 0) => worker.limits().keep_alive_s,
        (Version::V5, wanted) => wanted.min(worker.limits().keep_alive_s),
    }
}

fn live(worker: &Worker, connect: &Connect, device: bool) -> Live {
    let (limits, now) = (worker.limits(), worker.now.get());
    Live {
        version: connect.version,
        waker: None,
        outbox: Vec::new(),
        written: 0,
        outbox_max: if device { limits.outbox_bytes } else { limits.observer_outbox_bytes },
        progress: now,
        heard: now,
        keep_alive_s: keep_alive(worker, connect),
        closing: None,
        inflight_max: connect.receive_maximum.min(limits.inflight_downlinks),
        packet_max: connect.maximum_packet_size.unwrap_or(u32::MAX),
        uplinks: VecDeque::new(),
        serial: 0,
        aliases: None,
        chunks: false,
        drained: None,
    }
}

fn welcome(worker: &Worker, session: &Session, connect: &Connect, present: bool) -> ConnAck {
    let limits = worker.limits();
    let keep_alive_s = keep_alive(worker, connect);
    let device = session.device().is_some();
    let properties = ConnAckProperties {
        session_expiry: (session.expiry_s != connect.session_expiry).then_some(session.expiry_s),
        receive_maximum: Some(limits.uplinks),
        maximum_qos: Some(QoS::AtLeastOnce),
        retain_available: Some(false),
        maximum_packet_size: Some(limits.packet_bytes as u32),
        topic_alias_maximum: Some(limits.topic_aliases),
        wildcard_available: device.then_some(false),
        subscription_ids_available: Some(false),
        shared_available: Some(false),
        server_keep_alive: (keep_alive_s != connect.keep_alive).then_some(keep_alive_s),
        ..ConnAckProperties::default()
    };
    ConnAck { session_present: present, code: ReasonCode::Success, properties }
}

impl Session {
    fn new(identity: Identity) -> Session {
        Session {
            identity,
            subscriptions: Subscriptions::default(),
            delivery: None,
            expiry_s: 0,
            will: None,
            state: State::Away(0),
            generation: 0,
            observer: None,
        }
    }
}

/// Takes a SUBSCRIBE: every filter is granted or refused by itself.
pub(super) fn subscribe(
    worker: &Rc<Worker>,
    slot: u32,
    session: &mut Session,
    subscribe: Subscribe,
) -> Result<(), End> {
    if subscribe.subscription_identifier.is_some() {
        return Err(End::Refuse(ReasonCode::SubscriptionIdentifiersNotSupported));
    }
    let mut greet = false;
    let mut codes = Vec::with_capacity(subscribe.filters.len());
    for filter in &subscribe.filters {
        codes.push(match one(worker, session, filter, &mut greet) {
            Ok(qos) => qos.granted(),
            Err(code) => code,
        });
    }
    let suback = SubAck { packet_id: subscribe.packet_id, codes };
    if session.device().is_none() {
        observer::listen(worker, slot, session, suback);
        return Ok(());
    }
    put(worker, session, &Packet::SubAck(suback));
    if greet {
        greeting(worker, session);
    }
    Ok(())
}

fn one(worker: &Worker, session: &mut Session, filter: &Filter, greet: &mut bool) -> Result<QoS, ReasonCode> {
    let qos = granted(filter.qos);
    let scope = acl::authorize(&session.identity, Verb::Subscribe, &filter.path)
        .map_err(|denial| refusal(denial, &filter.path))?;
    let room = session.subscriptions.len() < worker.limits().filters;
    let down = match &scope {
        Scope::Topic(Topic::Device { leaf, .. }) => Down::of(*leaf),
        Scope::Topic(_) | Scope::Filter => None,
    };
    match down {
        Some(down) => session.subscriptions.want(down, qos),
        None if room || session.subscriptions.has(&filter.path) => {
            session.subscriptions.want_other(&filter.path, qos);
        }
        None => return Err(ReasonCode::QuotaExceeded),
    }
    *greet |= matches!(scope, Scope::Topic(Topic::Server { .. }));
    Ok(qos)
}

fn refusal(denial: Denial, path: &str) -> ReasonCode {
    match denial {
        Denial::Dollar if path.starts_with("$share/") => ReasonCode::SharedSubscriptionsNotSupported,
        Denial::NoFilter => ReasonCode::TopicFilterInvalid,
        Denial::Dollar
        | Denial::Wildcard
        | Denial::NoTopic(_)
        | Denial::OtherTenant
        | Denial::OtherDevice
        | Denial::ServerSpeaks
        | Denial::DeviceSpeaks
        | Denial::WillElsewhere
        | Denial::ResponseElsewhere
        | Denial::OperatorsHear
        | Denial::OperatorsListen
        | Denial::FilterRoot => ReasonCode::NotAuthorized,
    }
}

/// Tells a new listener of `ota/v1/<tenant>/server` which run of the server this is.
fn greeting(worker: &Worker, session: &mut Session) {
    let Some(key) = session.device() else { return };
    let topic = Topic::Server { tenant: key.tenant.clone() }.to_string();
    let qos = session.subscriptions.others().iter().find(|(path, _)| **path == *topic).map(|(_, qos)| *qos);
    let downlink = Downlink {
        topic: topic.into(),
        payload: epoch_document(&worker.parts.shared).into(),
        content_type: Some("application/json"),
        correlation_data: None,
        expires: None,
    };
    if let Some(qos) = qos {
        session.send(downlink, qos, worker.limits(), worker.now.get());
    }
}

/// Takes an UNSUBSCRIBE.
pub(super) fn unsubscribe(
    worker: &Worker,
    session: &mut Session,
    unsubscribe: Unsubscribe,
) -> Result<(), End> {
    let mut codes = Vec::with_capacity(unsubscribe.filters.len());
    for path in &unsubscribe.filters {
        let down = match Topic::parse(path) {
            Ok(Topic::Device { key, leaf }) if session.device() == Some(&key) => Down::of(leaf),
            Ok(_) | Err(_) => None,
        };
        let had = match down {
            Some(down) => session.subscriptions.forget(down),
            None => session.subscriptions.forget_other(path),
        };
        codes.push(if had { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted });
    }
    put(worker, session, &Packet::UnsubAck(UnsubAck { packet_id: unsubscribe.packet_id, codes }));
    Ok(())
}
