//! One connection: a small future that moves bytes between its socket and its session.
//!
//! It has no timer and no buffer of its own but the beginning of an incomplete packet. It reads into the worker's
//! scratch, and stops reading while too many of its uplinks are not answered: that is the back-pressure.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::handshake::{Admission, Place};
use super::session::{Live, Session, State};
use super::worker::Worker;
use super::{subscribe, uplink};
use crate::mqtt::packet::{self, Disconnect, Packet, ReasonCode, Version};

/// After its last word the gate reads on for so long: closing a socket with unread bytes would reset it, and the
/// client would never see why.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes that are thrown away while lingering.
const LINGER_BYTES: usize = 256 << 10;

/// A client's socket.
pub(super) enum Stream {
    /// Plain.
    Tcp(TcpStream),
    /// Encrypted; boxed, so that plain ones stay small.
    Tls(Box<TlsStream<TcpStream>>),
}

/// What a packet leads to beyond its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client said goodbye. Its will is deleted unless it asked otherwise.
    Goodbye {
        /// Whether the will is to be said.
        will: bool,
    },
    /// The client broke a rule, and is told.
    Refuse(ReasonCode),
    /// The socket is gone.
    Lost,
}

/// A connection of a session.
pub(super) struct Connection {
    worker: Rc<Worker>,
    stream: Option<Stream>,
    slot: u32,
    generation: u32,
    version: Version,
    tail: Vec<u8>,
    _place: Place,
}

impl Connection {
    /// Gives a proven client its session and says CONNACK. None when it goes no further.
    pub(super) fn open(worker: &Rc<Worker>, admission: Admission) -> Option<Connection> {
        let stream = admission.stream.adopt().ok()?;
        let (slot, generation) = subscribe::open_session(worker, admission.identity, &admission.connect)?;
        Some(Connection {
            worker: Rc::clone(worker),
            stream: Some(stream),
            slot,
            generation,
            version: admission.connect.version,
            tail: admission.rest,
            _place: admission.place,
        })
    }

    /// Moves bytes until the socket has to be waited for.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let worker = Rc::clone(&self.worker);
        if !self.with_live(&worker, |live| register(live, cx)) {
            return Poll::Ready(End::Refuse(ReasonCode::SessionTakenOver));
        }
        if !self.tail.is_empty()
            && let Err(end) = self.take_packets(&worker, 0)
        {
            return Poll::Ready(end);
        }
        loop {
            if let Poll::Ready(Err(_)) = self.flush(&worker, cx) {
                return Poll::Ready(End::Lost);
            }
            if let Some(end) = self.closing(&worker) {
                return end;
            }
            if !self.may_read(&worker, cx) {
                return Poll::Pending;
            }
            let read = ready!(self.fill(&worker, cx));
            let end = match read {
                Ok(0) | Err(_) => Err(End::Lost),
                Ok(count) => self.take_packets(&worker, count),
            };
            if let Err(end) = end {
                return Poll::Ready(end);
            }
        }
    }

    /// Whether the connection is to end, once what waits is written.
    fn closing(&mut self, worker: &Worker) -> Option<Poll<End>> {
        let mut state = None;
        self.with_live(worker, |live| state = live.closing.map(|c| (c, live.waiting() == 0)));
        let (closing, written) = state?;
        let done = written || worker.overdue(closing) || closing.reason == ReasonCode::QuotaExceeded;
        Some(if done { Poll::Ready(End::Refuse(closing.reason)) } else { Poll::Pending })
    }

    /// Whether the connection is still the session's own; then `act` sees its state.
    fn with_live(&self, worker: &Worker, act: impl FnOnce(&mut Live)) -> bool {
        let mut sessions = worker.sessions.borrow_mut();
        let session = sessions.get_mut(self.slot as usize).filter(|s| s.generation == self.generation);
        match session.map(|s| &mut s.state) {
            Some(State::Live(live)) => {
                act(live);
                true
            }
            Some(State::Away(_)) | None => false,
        }
    }

    fn may_read(&self, worker: &Worker, cx: &Context<'_>) -> bool {
        let limits = worker.limits();
        let mut open = false;
        self.with_live(worker, |live| open = live.is_open(limits));
        if open && uplink::full(worker) {
            worker.blocked.borrow_mut().push(cx.waker().clone());
            return false;
        }
        open && !worker.stopping.get()
    }

    fn fill(&mut self, worker: &Worker, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(0)) };
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        let count = buffer.filled().len();
        // Only what comes from the client is a sign of life, not a second look at what it sent before.
        self.with_live(worker, |live| live.heard = worker.now.get());
        Poll::Ready(Ok(count))
    }

    /// Reads packets from what was kept and from the first `count` bytes of the scratch.
    fn take_packets(&mut self, worker: &Rc<Worker>, count: usize) -> Result<(), End> {
        // Borrowed, not taken: nothing that goes wrong below may leave the worker without it.
        let scratch = worker.scratch.borrow();
        if self.tail.is_empty() {
            let used = self.packets(worker, &scratch[..count]);
            used.map(|used| self.tail = scratch[used..count].to_vec())
        } else {
            let mut tail = std::mem::take(&mut self.tail);
            tail.extend_from_slice(&scratch[..count]);
            let used = self.packets(worker, &tail);
            used.map(|used| self.tail = if used == 0 { tail } else { tail[used..].to_vec() })
        }
    }

    /// Reads whole packets from the front of `bytes`, as many as may be taken now. Returns how far it came.
    fn packets(&mut self, worker: &Rc<Worker>, bytes: &[u8]) -> Result<usize, End> {
        let max = worker.limits().packet_bytes;
        let mut used = 0;
        loop {
            let mut full = false;
            let ours = self.with_live(worker, |live| {
                full = live.uplinks.len() >= usize::from(worker.limits().uplinks) || live.closing.is_some();
            });
            if !ours {
                return Err(End::Refuse(ReasonCode::SessionTakenOver));
            }
            let rest = &bytes[used..];
            let frame = packet::frame(rest, max).map_err(|e| End::Refuse(e.reason()))?;
            let Some(len) = frame.filter(|len| *len <= rest.len() && !full) else { return Ok(used) };
            let packet = packet::decode(self.version, Bytes::copy_from_slice(&rest[..len]))
                .map_err(|e| End::Refuse(e.reason()))?;
            used += len;
            self.packet(worker, packet)?;
        }
    }

    fn packet(&mut self, worker: &Rc<Worker>, packet: Packet) -> Result<(), End> {
        let slot = self.slot as usize;
        let mut sessions = worker.sessions.borrow_mut();
        let Some(session) = sessions.get_mut(slot) else { return Err(End::Lost) };
        match packet {
            Packet::Publish(publish) => uplink::publish(worker, self.slot, session, publish),
            Packet::PubAck(ack) => acknowledged(worker, session, ack.packet_id),
            Packet::Subscribe(subscribe) => subscribe::subscribe(worker, self.slot, session, subscribe),
            Packet::Unsubscribe(unsubscribe) => subscribe::unsubscribe(worker, session, unsubscribe),
            Packet::PingReq => {
                put(worker, session, &Packet::PingResp);
                Ok(())
            }
            Packet::Disconnect(said) => Err(goodbye(worker, session, &said)),
            // MQTT 5, 3.15: a client may begin to re-authenticate only if it used a method at CONNECT.
            Packet::Auth(_)
            | Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => Err(End::Refuse(ReasonCode::ProtocolError)),
        }
    }

    /// Writes what waits.
    fn flush(&mut self, worker: &Worker, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sessions = worker.sessions.borrow_mut();
        let session = sessions.get_mut(self.slot as usize).filter(|s| s.generation == self.generation);
        let (Some(live), Some(stream)) = (session.and_then(Session::live), &mut self.stream) else {
            return Poll::Ready(Ok(()));
        };
        while live.waiting() > 0 {
            let count = ready!(Pin::new(&mut *stream).poll_write(cx, &live.outbox[live.written..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            live.took(count, worker.now.get());
        }
        if let Some(waker) = live.drained.take() {
            waker.wake();
        }
        Pin::new(stream).poll_flush(cx)
    }

    fn finish(&mut self, end: End) {
        let mut cut_short = false;
        self.with_live(&self.worker, |live| cut_short = live.waiting() > 0);
        let normal = matches!(end, End::Goodbye { will: false });
        self.worker.leave(self.slot as usize, self.generation, normal);
        let Some(stream) = self.stream.take() else { return };
        match end {
            End::Lost => {}
            // A word in the middle of another packet would be no word.
            End::Refuse(_) if cut_short => {}
            End::Goodbye { .. } => drop(tokio::task::spawn_local(part(stream, Vec::new()))),
            End::Refuse(reason) => {
                let last = last_word(self.version, reason);
                drop(tokio::task::spawn_local(part(stream, last)));
            }
        }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let end = ready!(this.drive(cx));
        this.finish(end);
        Poll::Ready(())
    }
}

fn register(live: &mut Live, cx: &Context<'_>) {
    match &mut live.waker {
        Some(waker) => waker.clone_from(cx.waker()),
        None => live.waker = Some(cx.waker().clone()),
    }
}

/// MQTT 5 tells the client why; 3.1.1 has no word for it.
pub(super) fn last_word(version: Version, reason: ReasonCode) -> Vec<u8> {
    let mut out = Vec::new();
    if version == Version::V5 {
        packet::encode(version, &Packet::Disconnect(Disconnect::new(reason)), &mut out);
    }
    out
}

/// Says the last word and lets the client read it before the socket closes.
pub(super) async fn part(mut stream: Stream, last: Vec<u8>) {
    let parting = async {
        stream.write_all(&last).await?;
        stream.shutdown().await?;
        let mut sink = [0u8; 512];
        let mut dropped = 0;
        while dropped < LINGER_BYTES {
            match stream.read(&mut sink).await? {
                0 => break,
                count => dropped += count,
            }
        }
        io::Result::Ok(())
    };
    // Whatever goes wrong here, the connection is over.
    let _ = tokio::time::timeout(LINGER, parting).await;
}

/// Puts a packet into the outbox, when the client takes packets of its size.
pub(super) fn put(worker: &Worker, session: &mut Session, packet: &Packet) {
    let now = worker.now.get();
    if let Some(live) = session.live() {
        if live.waiting() == 0 {
            live.progress = now;
        }
        packet::encode(live.version, packet, &mut live.outbox);
        live.put(now);
    }
}

fn acknowledged(worker: &Worker, session: &mut Session, packet_id: u16) -> Result<(), End> {
    // An acknowledgement of nothing is harmless: the message may have expired meanwhile.
    session.acknowledged(packet_id, worker.now.get());
    Ok(())
}

fn goodbye(worker: &Worker, session: &mut Session, said: &Disconnect) -> End {
    if let Some(expiry_s) = said.session_expiry {
        // MQTT 5, 3.14.2.2.2: a session that was to end with the connection cannot be prolonged now.
        if session.expiry_s == 0 && expiry_s != 0 {
            return End::Refuse(ReasonCode::ProtocolError);
        }
        session.expiry_s = expiry_s.min(worker.limits().session_expiry_s);
    }
    End::Goodbye { will: said.reason == ReasonCode::DisconnectWithWillMessage }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_and_its_session_are_small() {
        assert!(size_of::<Connection>() <= 112, "{}", size_of::<Connection>());
        assert!(size_of::<Session>() <= 400, "{}", size_of::<Session>());
    }
}
