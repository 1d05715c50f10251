//! The bus: the one file that names rumqttd.
//!
//! A router without a listener; every gate worker, the engine and every observer holds a link. Links are QoS 0: what
//! makes an uplink reliable is its stamp, which comes back with the engine's receipt. A link that lags behind the
//! router's log skips silently, so everyone who publishes here keeps what is outstanding below [`LOG_BYTES`].
//!
//! The router cannot be stopped; it lives as long as the process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rumqttd::local::{LinkBuilder, LinkRx, LinkTx};
use rumqttd::protocol::{
    Disconnect, DisconnectReasonCode, Filter, Packet, Publish, PublishProperties, QoS, RetainForwardRule,
    Subscribe,
};
use rumqttd::{Notification, Router, RouterConfig, SegmentConfig};

/// What the router keeps of a filter that the engine or a worker reads, in bytes of topics and payloads: four times
/// what is ever outstanding on it, so that a reader that is briefly late loses nothing. Small messages take about five
/// times as much memory as is counted here.
pub(super) const LOG_BYTES: usize = 8 << 20;
/// The log of a filter that an observer reads. A late observer loses messages, nobody else does.
const OBSERVER_LOG_BYTES: usize = 512 << 10;
/// The router keeps a log for every distinct filter for good, so their number is bounded. A small message takes about
/// five times the bytes that the log counts, so with this many they stay below 320 MiB. A tenant that is observed
/// needs one.
const FILTERS_MAX: usize = 128;
/// Links at the same time; the router allocates its tables for them at the start.
const LINKS_MAX: usize = 512;
/// Messages that the router hands to a link at a time; its own channel holds 200.
const FORWARD_MAX: u64 = 190;
/// Segments of a log: the oldest one goes when a new one is begun.
const SEGMENTS: usize = 8;

/// The router's thread is gone. Nothing can be carried any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bus has ended")]
pub(super) struct Dead;

/// Why a link cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkError {
    /// The router has ended.
    #[error("the bus has ended")]
    Dead,
    /// Too many links, or too many distinct filters since the start.
    #[error("the bus is full")]
    Full,
}

/// A message on the bus. Of a device's own MQTT 5 properties only the content type travels here, and only a known one:
/// the bounds of the logs count topics and payloads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Message {
    /// Topic name, ASCII.
    pub(super) topic: Bytes,
    /// Payload.
    pub(super) payload: Bytes,
    /// The gate's own mark; never shown to a client.
    pub(super) stamp: Option<u128>,
    /// The topic that clients see, where it is not the one on which the message travels.
    pub(super) public: Option<Bytes>,
    /// MIME type of the payload.
    pub(super) content_type: Option<String>,
    /// Seconds that the message is worth anything; the router counts it down and drops what has expired.
    pub(super) expiry_s: Option<u32>,
}

impl Message {
    /// The topic that clients see.
    pub(super) fn seen(&self) -> &Bytes {
        self.public.as_ref().unwrap_or(&self.topic)
    }
}

type Connect = dyn Fn(&str) -> Result<(LinkTx, LinkRx), Dead> + Send + Sync;

/// A handle on the running router.
#[derive(Clone)]
pub(super) struct Bus {
    connect: Arc<Connect>,
    filters: Arc<Mutex<HashSet<String>>>,
    names: Arc<Mutex<Names>>,
    links: Arc<std::sync::atomic::AtomicUsize>,
    observers: Arc<std::sync::atomic::AtomicUsize>,
}

impl Bus {
    /// Starts a router whose logs of `core` filters are large and kept from the start.
    pub(super) fn start(core: &[&str]) -> Bus {
        let large = SegmentConfig { max_segment_size: LOG_BYTES / SEGMENTS, max_segment_count: SEGMENTS };
        let router = Router::new(
            0,
            RouterConfig {
                max_connections: LINKS_MAX,
                max_outgoing_packet_count: FORWARD_MAX,
                max_segment_size: OBSERVER_LOG_BYTES / SEGMENTS,
                max_segment_count: SEGMENTS,
                custom_segment: Some(
                    core.iter().map(|f| (f.to_string(), large.clone())).collect::<HashMap<_, _>>(),
                ),
                initialized_filters: Some(core.iter().map(|f| f.to_string()).collect()),
                ..RouterConfig::default()
            },
        );
        let events = router.spawn();
        let connect = move |name: &str| {
            let link = LinkBuilder::new(name, events.clone()).build();
            link.map(|(tx, rx, _)| (tx, rx)).map_err(|_| Dead)
        };
        Bus {
            connect: Arc::new(connect),
            filters: Arc::default(),
            names: Arc::default(),
            links: Arc::default(),
            observers: Arc::default(),
        }
    }

    /// Joins the bus under a name that no other link has. Waits for the router: for threads of their own.
    pub(super) fn link(&self, name: &str) -> Result<(Sender, Receiver), LinkError> {
        let links = Place::take(&self.links).ok_or(LinkError::Full)?;
        let (tx, rx) = (self.connect)(name).map_err(|Dead| LinkError::Dead)?;
        let filters = Arc::clone(&self.filters);
        let sender =
            Sender { tx, waiting: Vec::new(), filters, _place: links, _observing: None, _name: None };
        Ok((sender, Receiver { rx }))
    }

    /// As [`Bus::link`], for an observer: while there is one, the engine's words are published for all to hear.
    pub(super) fn observe(&self) -> Result<(Sender, Receiver), LinkError> {
        let name = Name::take(&self.names);
        let (mut sender, receiver) = self.link(&format!("observer-{}", name.number))?;
        sender._observing = Place::take(&self.observers);
        sender._name = Some(name);
        Ok((sender, receiver))
    }

    /// Whether anybody listens to the public topics.
    pub(super) fn is_observed(&self) -> bool {
        self.observers.load(std::sync::atomic::Ordering::Relaxed) > 0
    }
}

/// One of a counted number, such as the links that the router has room for: a full router would never answer.
struct Place(Arc<std::sync::atomic::AtomicUsize>);

impl Place {
    fn take(links: &Arc<std::sync::atomic::AtomicUsize>) -> Option<Place> {
        use std::sync::atomic::Ordering::Relaxed;
        // One below the limit, for a link that is closing while its successor opens.
        let taken = links.fetch_update(Relaxed, Relaxed, |n| (n < LINKS_MAX - 1).then_some(n + 1));
        taken.ok().map(|_| Place(Arc::clone(links)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// The names of observers' links: the router keeps something of every name for good, so they are used again.
#[derive(Default)]
struct Names {
    free: Vec<usize>,
    made: usize,
}

/// A name that no other observer has. It is free again only when its link has left.
struct Name {
    names: Arc<Mutex<Names>>,
    number: usize,
}

impl Name {
    fn take(names: &Arc<Mutex<Names>>) -> Name {
        let mut list = names.lock().unwrap_or_else(PoisonError::into_inner);
        let number = list.free.pop().unwrap_or_else(|| {
            list.made += 1;
            list.made
        });
        Name { names: Arc::clone(names), number }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).free.push(self.number);
    }
}

/// The sending end of a link. Dropping it leaves the bus.
pub(super) struct Sender {
    tx: LinkTx,
    waiting: Vec<Packet>,
    filters: Arc<Mutex<HashSet<String>>>,
    _place: Place,
    _observing: Option<Place>,
    _name: Option<Name>,
}

impl Sender {
    /// Adds a message to what the next [`Sender::flush`] publishes.
    pub(super) fn push(&mut self, message: Message) {
        let properties = PublishProperties {
            message_expiry_interval: message.expiry_s,
            correlation_data: message.stamp.map(|stamp| Bytes::copy_from_slice(&stamp.to_be_bytes())),
            content_type: message.content_type,
            // The one property that carries a topic.
            response_topic: message.public.and_then(|topic| String::from_utf8(topic.into()).ok()),
            ..PublishProperties::default()
        };
        let publish = Publish::new(message.topic, message.payload, false);
        self.waiting.push(Packet::Publish(publish, Some(properties)));
    }

    /// Publishes what waits. Blocks while the router's queue of 1000 is full; one entry of it carries all.
    pub(super) fn flush(&mut self) -> Result<(), Dead> {
        let Some(last) = self.waiting.pop() else { return Ok(()) };
        self.tx.buffer().extend(self.waiting.drain(..));
        self.send(last)
    }

    /// Subscribes to a filter, once what waits is published.
    pub(super) fn subscribe(&mut self, filter: &str) -> Result<(), LinkError> {
        {
            let mut filters = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
            if !filters.contains(filter) && filters.len() >= FILTERS_MAX {
                return Err(LinkError::Full);
            }
            filters.insert(filter.to_owned());
        }
        let filter = Filter {
            path: filter.to_owned(),
            qos: QoS::AtMostOnce,
            nolocal: false,
            preserve_retain: false,
            retain_forward_rule: RetainForwardRule::Never,
        };
        self.flush().map_err(|Dead| LinkError::Dead)?;
        self.send(Packet::Subscribe(Subscribe { pkid: 1, filters: vec![filter] }, None))
            .map_err(|Dead| LinkError::Dead)
    }

    /// `LinkTx::send` is async in name only: it never yields, so that polling it once completes it.
    fn send(&mut self, packet: Packet) -> Result<(), Dead> {
        let mut sending = std::pin::pin!(self.tx.send(packet));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match sending.as_mut().poll(&mut context) {
            std::task::Poll::Ready(sent) => sent.map(|_| ()).map_err(|_| Dead),
            std::task::Poll::Pending => Err(Dead),
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let reason_code = DisconnectReasonCode::NormalDisconnection;
        // When the router is gone already there is nothing to leave.
        let _ = self.send(Packet::Disconnect(Disconnect { reason_code }, None));
    }
}

/// The receiving end of a link.
pub(super) struct Receiver {
    rx: LinkRx,
}

impl Receiver {
    /// Waits for messages and appends them to `into`.
    pub(super) fn recv(&mut self, into: &mut VecDeque<Message>) -> Result<(), Dead> {
        let first = self.rx.recv().map_err(|_| Dead)?;
        self.take(first, into)
    }

    /// As [`Receiver::recv`], for async code. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self, into: &mut VecDeque<Message>) -> Result<(), Dead> {
        let first = self.rx.next().await.map_err(|_| Dead)?;
        self.take(first, into)
    }

    fn take(&mut self, first: Option<Notification>, into: &mut VecDeque<Message>) -> Result<(), Dead> {
        match first {
            Some(Notification::Forward(forward)) => {
                into.push_back(message(forward.publish, forward.properties))
            }
            // The router has stopped sending until it hears that the link has caught up.
            Some(Notification::Unschedule) => self.rx.ready().map_err(|_| Dead)?,
            Some(Notification::Disconnect(..)) => return Err(Dead),
            Some(_) | None => {}
        }
        Ok(())
    }
}

fn message(publish: Publish, properties: Option<PublishProperties>) -> Message {
    let properties = properties.unwrap_or_default();
    let stamp = properties.correlation_data.and_then(|data| <[u8; 16]>::try_from(&data[..]).ok());
    Message {
        topic: publish.topic,
        payload: publish.payload,
        stamp: stamp.map(u128::from_be_bytes),
        public: properties.response_topic.map(Bytes::from),
        content_type: properties.content_type,
        expiry_s: properties.message_expiry_interval,
    }
}
