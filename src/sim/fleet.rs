//! Thousands of simulated devices on one thread and one epoll, at one descriptor a device.
//!
//! It shares the machine with the server that it measures, so it has no task, timer or buffer per device: one read
//! buffer and one write buffer serve all, and a device costs a system call or two per packet. What goes wrong with
//! a connection is counted and never stops the others.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::mqtt::packet::Version;

use super::device::{Device, Fault, Happening, Login, Observer};

/// Events taken at once: enough to make the call to epoll small beside the reads.
const EVENTS: usize = 1024;

/// Bytes read at once; far more than a device has waiting, so that a short read says that nothing is left.
const READ: usize = 64 * 1024;

/// The longest wait for an event, so that a deadline is noticed while nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// How long a storm waits for its last acknowledgements.
const DRAIN: Duration = Duration::from_secs(10);

/// What all devices of a fleet have in common.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The version all speak.
    pub version: Version,
    /// The tenant in their topics.
    pub tenant: String,
    /// The leaves below `ota/v1/<tenant>/d/<device>/` that each subscribes to, at QoS 1, in one SUBSCRIBE.
    pub leaves: Vec<String>,
    /// Seconds. The fleet sends no PINGREQ, so it must be longer than the longest silence.
    pub keep_alive_s: u16,
}

impl Plan {
    /// A device's own topic.
    pub fn topic(&self, device: &str, leaf: &str) -> String {
        format!("ota/v1/{}/d/{device}/{leaf}", self.tenant)
    }
}

/// Connections lost, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// See [`Fault::Unreachable`].
    pub unreachable: usize,
    /// See [`Fault::Refused`].
    pub refused: usize,
    /// See [`Fault::NotSubscribed`].
    pub not_subscribed: usize,
    /// See [`Fault::Malformed`].
    pub malformed: usize,
    /// See [`Fault::Closed`].
    pub closed: usize,
}

impl Faults {
    /// All of them.
    pub fn total(&self) -> usize {
        self.unreachable + self.refused + self.not_subscribed + self.malformed + self.closed
    }

    fn count(&mut self, fault: Fault) {
        match fault {
            Fault::Unreachable => self.unreachable += 1,
            Fault::Refused => self.refused += 1,
            Fault::NotSubscribed => self.not_subscribed += 1,
            Fault::Malformed => self.malformed += 1,
            Fault::Closed => self.closed += 1,
        }
    }
}

/// What came of [`Fleet::connect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Devices that are connected and subscribed.
    pub count: usize,
    /// From the first connection's start to the last SUBACK.
    pub elapsed: Duration,
}

/// Acknowledged publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acks {
    /// Acknowledged within `elapsed`.
    pub count: u64,
    /// Answered with a failure (MQTT 5), at any time.
    pub refused: u64,
    /// Never answered, on connections that still stand.
    pub unanswered: u64,
    /// The time in which `count` was counted.
    pub elapsed: Duration,
}

/// When the first message for each device arrived.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    /// In the order of arrival.
    pub at: Vec<Instant>,
    /// Devices that were connected and heard nothing.
    pub missing: usize,
    /// The payload of the first.
    pub sample: Bytes,
}

/// A closed loop of reports: each device publishes the next when one is acknowledged.
pub struct Storm<'a> {
    /// Where each publishes.
    pub leaf: &'a str,
    /// Publishes that each device keeps un-acked.
    pub in_flight: u32,
    /// Time that is not counted.
    pub warm_up: Duration,
    /// Time that is counted.
    pub lasting: Duration,
    /// The payload of a device's n-th publish, n from 1 over the fleet's life.
    pub payload: &'a dyn Fn(u64) -> Vec<u8>,
}

/// The devices and their connections.
pub struct Fleet {
    plan: Plan,
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    faults: Faults,
    buffer: Vec<u8>,
    out: Vec<u8>,
}

impl Fleet {
    /// A fleet without devices.
    ///
    /// # Errors
    /// When the system gives no epoll.
    pub fn new(plan: Plan) -> io::Result<Fleet> {
        Ok(Fleet {
            plan,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            members: Vec::new(),
            faults: Faults::default(),
            buffer: vec![0; READ],
            out: Vec::with_capacity(READ),
        })
    }

    /// What went wrong so far.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// Devices whose connection stands.
    pub fn live(&self) -> usize {
        self.members.len() - self.faults.total()
    }

    /// The sequence number of each device's latest publish, in the order of their logins.
    pub fn sequences(&self) -> impl Iterator<Item = u64> {
        self.members.iter().map(|member| member.device.seq())
    }

    /// Connects and subscribes a device for each login, `window` handshakes at once, until all are through or
    /// `limit` has passed.
    ///
    /// # Errors
    /// When epoll fails. A connection's own failure is counted in [`Fleet::faults`].
    pub fn connect(
        &mut self,
        addr: SocketAddr,
        mut logins: impl Iterator<Item = Login>,
        window: usize,
        limit: Duration,
    ) -> io::Result<Connected> {
        let start = Instant::now();
        let (before, lost) = (self.members.len(), self.faults.total());
        let mut ready = 0;
        loop {
            let under_way =
                |fleet: &Fleet| fleet.members.len() - before - ready - (fleet.faults.total() - lost);
            while under_way(self) < window {
                let Some(login) = logins.next() else { break };
                self.open(addr, login)?;
            }
            if under_way(self) == 0 || start.elapsed() > limit {
                return Ok(Connected { count: ready, elapsed: start.elapsed() });
            }
            self.turn(TICK, &mut |_, happening, _| {
                ready += usize::from(matches!(happening, Happening::Ready))
            })?;
        }
    }

    /// Lets every device publish once, `window` at once, until all are acknowledged or `limit` has passed.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn publish_on_all(
        &mut self,
        leaf: &str,
        payload: &dyn Fn(u64) -> Vec<u8>,
        window: u64,
        limit: Duration,
    ) -> io::Result<Acks> {
        self.aim(leaf);
        let start = Instant::now();
        let lost_before = self.faults.total();
        let (mut next, mut sent, mut acked, mut refused) = (0, 0, 0, 0);
        loop {
            let lost = (self.faults.total() - lost_before) as u64;
            while sent < acked + refused + lost + window && next < self.members.len() {
                sent += u64::from(self.publish_from(next, 1, payload));
                next += 1;
            }
            let unanswered = self.unanswered();
            if (next == self.members.len() && unanswered == 0) || start.elapsed() > limit {
                return Ok(Acks { count: acked, refused, unanswered, elapsed: start.elapsed() });
            }
            self.turn(TICK, &mut |_, happening, _| {
                tally(&happening, &mut acked, &mut refused);
            })?;
        }
    }

    /// Waits until every device has a message on the leaf of its own, or `limit` has passed.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn await_on_all(&mut self, leaf: &str, limit: Duration) -> io::Result<Arrivals> {
        self.aim(leaf);
        let start = Instant::now();
        let mut heard = vec![false; self.members.len()];
        let mut arrivals = Arrivals::default();
        while arrivals.at.len() < self.live() && start.elapsed() < limit {
            self.turn(TICK, &mut |device, happening, _| match happening {
                Happening::Message(publish) if device.aims_at(&publish) && !heard[device.index] => {
                    heard[device.index] = true;
                    if arrivals.at.is_empty() {
                        arrivals.sample = publish.payload;
                    }
                    arrivals.at.push(Instant::now());
                }
                Happening::Message(_) | Happening::Ready | Happening::Acked | Happening::Refused => {}
            })?;
        }
        arrivals.missing = self.live().saturating_sub(arrivals.at.len());
        Ok(arrivals)
    }

    /// Runs a storm of reports and waits for its last acknowledgements, which are not counted.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn storm(&mut self, storm: &Storm<'_>) -> io::Result<Acks> {
        self.aim(storm.leaf);
        let begin = Instant::now();
        for index in 0..self.members.len() {
            self.publish_from(index, storm.in_flight, storm.payload);
        }
        let (mut acked, mut refused) = (0, 0);
        self.publish_on(storm, begin + storm.warm_up, &mut acked, &mut refused)?;
        let (start, before) = (Instant::now(), acked);
        self.publish_on(storm, start + storm.lasting, &mut acked, &mut refused)?;
        let (elapsed, count) = (start.elapsed(), acked - before);
        self.idle_until(|fleet| fleet.unanswered() == 0, DRAIN)?;
        Ok(Acks { count, refused, unanswered: self.unanswered(), elapsed })
    }

    /// Answers every acknowledgement with the next publish, until the moment given.
    fn publish_on(
        &mut self,
        storm: &Storm<'_>,
        until: Instant,
        acked: &mut u64,
        refused: &mut u64,
    ) -> io::Result<()> {
        let plan = self.plan.clone();
        let mut next = |device: &mut Device, happening: Happening, out: &mut Vec<u8>| {
            if tally(&happening, acked, refused) {
                device.publish(&plan, storm.payload, out);
            }
        };
        while Instant::now() < until {
            self.turn(until.saturating_duration_since(Instant::now()), &mut next)?;
        }
        Ok(())
    }

    /// Answers what arrives, publishing nothing, for as long as given.
    ///
    /// # Errors
    /// When epoll fails.
    pub fn idle(&mut self, lasting: Duration) -> io::Result<()> {
        self.idle_until(|_| false, lasting)
    }

    fn idle_until(&mut self, done: impl Fn(&Fleet) -> bool, limit: Duration) -> io::Result<()> {
        let start = Instant::now();
        while start.elapsed() < limit && !done(self) {
            self.turn(limit.saturating_sub(start.elapsed()), &mut |_, _, _| {})?;
        }
        Ok(())
    }

    fn aim(&mut self, leaf: &str) {
        for member in &mut self.members {
            member.device.aim(&self.plan, leaf);
        }
    }

    fn unanswered(&self) -> u64 {
        let live = self.members.iter().filter(|member| member.stream.is_some());
        live.map(|member| u64::from(member.device.in_flight)).sum()
    }

    fn open(&mut self, addr: SocketAddr, login: Login) -> io::Result<()> {
        let index = self.members.len();
        let mut member = Member { stream: None, device: Device::new(index, login), unsent: Vec::new() };
        match TcpStream::connect(addr) {
            Ok(mut stream) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut stream, Token(index), interest)?;
                member.stream = Some(stream);
            }
            Err(_) => self.faults.count(Fault::Unreachable),
        }
        self.members.push(member);
        Ok(())
    }

    /// Publishes `count` times from one device; false when its connection is gone.
    fn publish_from(&mut self, index: usize, count: u32, payload: &dyn Fn(u64) -> Vec<u8>) -> bool {
        let member = &mut self.members[index];
        if member.stream.is_none() {
            return false;
        }
        for _ in 0..count {
            member.device.publish(&self.plan, payload, &mut self.out);
        }
        if let Err(fault) = member.send(&mut self.out) {
            member.stream = None;
            self.faults.count(fault);
        }
        true
    }

    /// Waits for events and serves them all.
    fn turn(&mut self, timeout: Duration, observer: &mut Observer<'_>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout.min(TICK))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            Err(_) | Ok(()) => {}
        }
        for event in &self.events {
            let Some(member) = self.members.get_mut(event.token().0) else { continue };
            let served = member.serve(&self.plan, event, &mut self.buffer, &mut self.out, observer);
            if let Err(fault) = served {
                member.stream = None;
                self.out.clear();
                self.faults.count(fault);
            }
        }
        Ok(())
    }
}

/// Counts an answer to a publish; false for what is none.
fn tally(happening: &Happening, acked: &mut u64, refused: &mut u64) -> bool {
    match happening {
        Happening::Acked => *acked += 1,
        Happening::Refused => *refused += 1,
        Happening::Ready | Happening::Message(_) => return false,
    }
    true
}

/// A device and its connection.
struct Member {
    /// `None` once it is lost.
    stream: Option<TcpStream>,
    device: Device,
    /// What the socket did not take yet; nearly always empty and without an allocation.
    unsent: Vec<u8>,
}

impl Member {
    fn serve(
        &mut self,
        plan: &Plan,
        event: &Event,
        buffer: &mut [u8],
        out: &mut Vec<u8>,
        observer: &mut Observer<'_>,
    ) -> Result<(), Fault> {
        if self.device.is_connecting() {
            self.stood()?;
            self.device.greet(plan, out);
        }
        if event.is_readable() || event.is_read_closed() {
            self.read(plan, event.is_read_closed(), buffer, out, observer)?;
        }
        if out.is_empty() && self.unsent.is_empty() { Ok(()) } else { self.send(out) }
    }

    /// Whether the connection came to stand, when the first event says that it was tried.
    fn stood(&mut self) -> Result<(), Fault> {
        let stream = self.stream.as_ref().ok_or(Fault::Closed)?;
        match stream.take_error() {
            Ok(None) => stream.set_nodelay(true).map_err(|_| Fault::Unreachable),
            Ok(Some(_)) | Err(_) => Err(Fault::Unreachable),
        }
    }

    /// Reads until a read comes back short, which on a stream socket means that it is empty (epoll(7), Q9); on a
    /// closed one until the end is read.
    fn read(
        &mut self,
        plan: &Plan,
        to_the_end: bool,
        buffer: &mut [u8],
        out: &mut Vec<u8>,
        observer: &mut Observer<'_>,
    ) -> Result<(), Fault> {
        loop {
            let stream = self.stream.as_mut().ok_or(Fault::Closed)?;
            match stream.read(buffer) {
                Ok(0) => return Err(Fault::Closed),
                Ok(len) => {
                    self.device.receive(plan, &buffer[..len], out, observer)?;
                    if len < buffer.len() && !to_the_end {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Fault::Closed),
            }
        }
    }

    /// Sends what is in `out` after what is left from before, keeps what the socket does not take, and leaves
    /// `out` empty.
    fn send(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut pending = std::mem::take(&mut self.unsent);
        if !pending.is_empty() {
            pending.append(out);
        }
        let bytes: &[u8] = if pending.is_empty() { out } else { &pending };
        let sent = self.write(bytes);
        if let Ok(sent) = sent {
            self.unsent.extend_from_slice(&bytes[sent..]);
        }
        out.clear();
        sent.map(|_| ())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let stream = self.stream.as_mut().ok_or(Fault::Closed)?;
        let mut sent = 0;
        while sent < bytes.len() {
            match stream.write(&bytes[sent..]) {
                Ok(len) => sent += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Fault::Closed),
            }
        }
        Ok(sent)
    }
}
