//! What the gate keeps of one client: its subscriptions and unfinished deliveries, which outlive a connection, and
//! the state of the connection that it has now. Data and small moves only; no IO, no bus.

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use bytes::Bytes;

use super::deliver::Delivery;
use super::limits::Limits;
use super::observer::Wishes;
use super::will::Will;
use crate::domain::device::Format;
use crate::domain::ids::DeviceKey;
use crate::engine::access::Identity;
use crate::mqtt::packet::{QoS, ReasonCode, Text, Version};
use crate::mqtt::payload::Cid;
use crate::mqtt::topic::Leaf;

/// Seconds since the worker began; its only clock.
pub(super) type Tick = u32;

/// Written bytes that an outbox may carry along before the rest moves to its front.
const COMPACT: usize = 64 << 10;

/// One client.
pub(super) struct Session {
    /// Who it is, proven.
    pub(super) identity: Identity,
    /// What it has subscribed to.
    pub(super) subscriptions: Subscriptions,
    /// QoS 1 messages that it has not acknowledged; none for most.
    pub(super) delivery: Option<Box<Delivery>>,
    /// How long the session outlives its connection, in seconds.
    pub(super) expiry_s: u32,
    /// What is to be said when the connection is lost.
    pub(super) will: Option<Box<Will>>,
    /// The connection, or since when there is none.
    pub(super) state: State,
    /// What an operator's link to the bus has to do; none for devices.
    pub(super) observer: Option<Rc<Wishes>>,
    /// Which connection of this place it is; counts on when a place is used again.
    pub(super) generation: u32,
}

/// Whether a session has a connection.
pub(super) enum State {
    /// It has one.
    Live(Live),
    /// It has none since then.
    Away(Tick),
}

/// The state of a connection.
pub(super) struct Live {
    /// The version that it speaks.
    pub(super) version: Version,
    /// Wakes the connection's task.
    pub(super) waker: Option<Waker>,
    /// What waits to be written, from `written` on. Empty, and without memory, when nothing does.
    pub(super) outbox: Vec<u8>,
    /// How much of the outbox is written.
    pub(super) written: usize,
    /// The bound of the outbox in bytes.
    pub(super) outbox_max: usize,
    /// When bytes of it were last taken while some waited.
    pub(super) progress: Tick,
    /// When anything was last heard.
    pub(super) heard: Tick,
    /// 0 for none.
    pub(super) keep_alive_s: u16,
    /// Set once the connection is to end, with what to tell the client.
    pub(super) closing: Option<Closing>,
    /// The client's Receive Maximum, within our bound.
    pub(super) inflight_max: u16,
    /// The client's Maximum Packet Size.
    pub(super) packet_max: u32,
    /// Uplinks that are not answered yet, in their order.
    pub(super) uplinks: VecDeque<Uplink>,
    /// The next uplink.
    pub(super) serial: u32,
    /// Topics behind aliases; none for most.
    pub(super) aliases: Option<Box<[Option<Text>]>>,
    /// Whether a chunk request is being answered.
    pub(super) chunks: bool,
    /// Wakes whoever waits for the outbox to drain.
    pub(super) drained: Option<Waker>,
}

/// How a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closing {
    /// What an MQTT 5 client is told.
    pub(super) reason: ReasonCode,
    /// When it was decided.
    pub(super) since: Tick,
}

/// An uplink that is not answered yet.
#[derive(Debug)]
pub(super) struct Uplink {
    /// Its number within the connection.
    pub(super) serial: u32,
    /// 0 for QoS 0.
    pub(super) packet_id: u16,
    /// When it came.
    pub(super) since: Tick,
    /// What it counts for on the bus.
    pub(super) bytes: u32,
    /// What it was on, and the encoding of its answer.
    pub(super) about: (Leaf, Format),
    /// What it asks for, where it wants more than an acknowledgement.
    pub(super) reply: Option<Box<ReplyTo>>,
    /// The code of its PUBACK, once it is known.
    pub(super) verdict: Option<ReasonCode>,
}

/// Where an answer goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReplyTo {
    /// The client's own token in the payload.
    pub(super) cid: Option<Cid>,
    /// MQTT 5: to be returned with the answer.
    pub(super) correlation_data: Option<Bytes>,
    /// MQTT 5: the client named its response topic and hears it even without a subscription.
    pub(super) named: bool,
}

impl Session {
    /// The device, when it is one.
    pub(super) fn device(&self) -> Option<&DeviceKey> {
        match &self.identity {
            Identity::Device(key) => Some(key),
            Identity::Operator { .. } => None,
        }
    }

    /// The connection, when there is one.
    pub(super) fn live(&mut self) -> Option<&mut Live> {
        match &mut self.state {
            State::Live(live) => Some(live),
            State::Away(_) => None,
        }
    }
}

impl Live {
    /// Bytes that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len() - self.written
    }

    /// Whether the client may be read from. What it does not take of our answers it shall not ask more of either.
    pub(super) fn is_open(&self, limits: &Limits) -> bool {
        self.uplinks.len() < usize::from(limits.uplinks) && self.waiting() < self.outbox_max / 2
    }

    /// Notes that bytes were put into the outbox; too many of them end the connection. Wakes its task.
    pub(super) fn put(&mut self, now: Tick) {
        if self.waiting() > self.outbox_max {
            self.close(ReasonCode::QuotaExceeded, now);
        }
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Notes that `count` bytes were written. Returns the memory when all are.
    pub(super) fn took(&mut self, count: usize, now: Tick) {
        self.written += count;
        self.progress = now;
        if self.waiting() == 0 {
            self.outbox = Vec::new();
            self.written = 0;
        } else if self.written >= COMPACT {
            // A connection that is always busy never empties its outbox.
            self.outbox.drain(..self.written);
            self.written = 0;
        }
    }

    /// Decides that the connection ends. The first reason stays.
    pub(super) fn close(&mut self, reason: ReasonCode, now: Tick) {
        self.closing.get_or_insert(Closing { reason, since: now });
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// What a session listens to.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// Bit by [`Down`]: subscribed.
    wanted: u8,
    /// Bit by [`Down`]: with QoS 1.
    firm: u8,
    /// All other topics of a device, or the filters of an operator.
    others: Vec<(Box<str>, QoS)>,
}

/// The leaves on which the server speaks to a device all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Down {
    /// `ack`
    Ack = 1,
    /// `desired`
    Desired = 2,
    /// `cmd`
    Cmd = 4,
    /// `resp`
    Resp = 8,
}

impl Down {
    /// The leaf, when it is one of these.
    pub(super) fn of(leaf: Leaf) -> Option<Down> {
        match leaf {
            Leaf::Ack => Some(Down::Ack),
            Leaf::Desired => Some(Down::Desired),
            Leaf::Cmd => Some(Down::Cmd),
            Leaf::Resp => Some(Down::Resp),
            Leaf::Hello
            | Leaf::Report
            | Leaf::Attr(_)
            | Leaf::Fb(_)
            | Leaf::Get
            | Leaf::Explain
            | Leaf::ChunkGet
            | Leaf::State
            | Leaf::Chunk { .. } => None,
        }
    }

    /// Its leaf.
    pub(super) fn leaf(self) -> Leaf {
        match self {
            Down::Ack => Leaf::Ack,
            Down::Desired => Leaf::Desired,
            Down::Cmd => Leaf::Cmd,
            Down::Resp => Leaf::Resp,
        }
    }
}

impl Subscriptions {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.wanted.count_ones() as usize + self.others.len()
    }

    /// The QoS at which the device hears the leaf, if it does.
    pub(super) fn qos(&self, down: Down) -> Option<QoS> {
        let bit = down as u8;
        let qos = if self.firm & bit != 0 { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        (self.wanted & bit != 0).then_some(qos)
    }

    /// Subscribes to a leaf; a repeat replaces the QoS.
    pub(super) fn want(&mut self, down: Down, qos: QoS) {
        let bit = down as u8;
        self.wanted |= bit;
        self.firm = if qos == QoS::AtMostOnce { self.firm & !bit } else { self.firm | bit };
    }

    /// Whether the topic or filter is among the others.
    pub(super) fn has(&self, path: &str) -> bool {
        self.others().iter().any(|(have, _)| **have == *path)
    }

    /// The topics or filters that have no bit.
    pub(super) fn others(&self) -> &[(Box<str>, QoS)] {
        &self.others
    }

    /// Subscribes to another topic or filter; a repeat replaces the QoS.
    pub(super) fn want_other(&mut self, path: &str, qos: QoS) {
        match self.others.iter_mut().find(|(have, _)| **have == *path) {
            Some(found) => found.1 = qos,
            None => self.others.push((path.into(), qos)),
        }
    }

    /// Ends a subscription to a leaf. Whether there was one.
    pub(super) fn forget(&mut self, down: Down) -> bool {
        let had = self.wanted & down as u8 != 0;
        self.wanted &= !(down as u8);
        had
    }

    /// Ends another subscription. Whether there was one.
    pub(super) fn forget_other(&mut self, path: &str) -> bool {
        let before = self.others.len();
        self.others.retain(|(have, _)| **have != *path);
        self.others.len() < before
    }
}
