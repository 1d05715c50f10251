//! The gate: it accepts connections, proves who they are, holds their sessions, and carries their words to the bus
//! and the engine's words back.
//!
//! It decides nothing about updates, it acknowledges nothing before the engine's receipt, and no task of one
//! connection may wait for another one.
//!
//! Threads: one that accepts and shakes hands, N workers that hold the sessions (a device always on the same one),
//! one that reads the bus for the engine, one that feeds the engine, one that watches the probes.

mod chunks;
mod connection;
mod deliver;
mod handshake;
mod limits;
mod listen;
mod observer;
mod outlet;
mod probe;
mod pump;
mod session;
mod stamp;
mod subscribe;
mod uplink;
mod will;
mod worker;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::bus::Bus;
use crate::engine::query::Reader;
use crate::engine::{self, Engine};
use crate::store::artifacts::Artifacts;
pub use limits::Limits;
use outlet::Window;
use worker::Mail;

/// What the operator has set for the MQTT door.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where plain TCP is accepted; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where TLS is accepted, if anywhere.
    pub tls: Option<Tls>,
    /// Threads that hold sessions, 1 to 64.
    pub workers: usize,
    /// What the addresses in desired documents begin with, without a slash at the end.
    pub base_url: String,
    /// Every bound.
    pub limits: Limits,
    /// How often each worker proves that its line to the engine and back is whole.
    pub probe_every: Duration,
    /// How old the last proof may become.
    pub probe_timeout: Duration,
    /// Which run of the server this is; devices say hello when it changes.
    pub epoch: u64,
}

/// Where TLS is accepted, and with which certificate.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The address; port 0 takes any free one.
    pub listen: SocketAddr,
    /// PEM file with the chain of certificates.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Called when the door cannot do its work any more and the process should end.
pub type Fatal = Arc<dyn Fn(Death) + Send + Sync>;

/// Why the door cannot do its work any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Death {
    /// The router's thread has ended.
    #[error("the bus has ended")]
    RouterDead,
    /// A worker's probes no longer come back from the engine.
    #[error("the line between the sessions and the engine is broken")]
    LineBroken,
}

/// Why the door does not open.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use the certificate {path}")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The bus does not answer.
    #[error("the bus does not start")]
    Bus,
    /// A setting has no meaning.
    #[error("{0}")]
    Setting(&'static str),
}

/// What is counted, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that have been let in.
    pub connections: usize,
    /// Connections that are still shaking hands.
    pub handshakes: usize,
    /// Sessions, with and without a connection.
    pub sessions: usize,
    /// Uplinks that wait for their receipt.
    pub uplinks: usize,
}

/// What all threads of the gate share.
pub(super) struct Shared {
    settings: Settings,
    fatal: Fatal,
    bus: Bus,
    stopping: AtomicBool,
    connections: AtomicUsize,
    handshakes: AtomicUsize,
    sessions: AtomicUsize,
    uplinks: AtomicUsize,
    /// Bytes of uplinks that are on the bus or wait for their receipt, over all workers.
    uplink_bytes: AtomicUsize,
    /// Bytes of chunks that may be on their way.
    chunk_budget: Arc<Semaphore>,
    proofs: probe::Proofs,
}

impl Shared {
    fn died(&self) {
        if !self.stopping.load(Ordering::Acquire) {
            (self.fatal)(Death::RouterDead);
        }
    }
}

/// The router runs and the outlet exists; nothing is accepted yet.
pub struct Prepared {
    shared: Arc<Shared>,
    mailboxes: Vec<mpsc::Sender<Mail>>,
    mail: Vec<mpsc::Receiver<Mail>>,
    window: Arc<Window>,
    engine_line: pump::Line,
}

/// Starts the router; returns the engine's outlet and what remains to be started once the engine runs.
///
/// # Errors
/// [`MqttError::Bus`] when the router does not answer, [`MqttError::Setting`] for a number of workers out of range.
pub fn prepare(settings: Settings, fatal: Fatal) -> Result<(Box<dyn engine::Outlet>, Prepared), MqttError> {
    if !(1..=64).contains(&settings.workers) {
        return Err(MqttError::Setting("the number of workers must be 1 to 64"));
    }
    let topics: Vec<_> = (0..settings.workers).map(outlet::worker_topic).collect();
    let core: Vec<_> = topics.iter().map(String::as_str).chain([pump::UP]).collect();
    let bus = Bus::start(&core);
    let engine_line = pump::Line::join(&bus).map_err(|_| MqttError::Bus)?;
    // What a link hears that only speaks is nothing.
    let (sender, _) = bus.link("engine-speaks").map_err(|_| MqttError::Bus)?;
    let workers = settings.workers;
    let window = Arc::new(Window::new(workers));
    // Each mail is a batch: 256 of them are more than the engine makes while a worker takes one.
    let (mailboxes, mail): (Vec<_>, Vec<_>) = (0..workers).map(|_| mpsc::channel(256)).unzip();
    let outlet = outlet::Outlet::new(
        bus.clone(),
        sender,
        mailboxes.clone(),
        Arc::clone(&window),
        settings.base_url.clone(),
        Arc::clone(&fatal),
    );
    let shared = Arc::new(Shared {
        proofs: probe::Proofs::new(workers),
        chunk_budget: Arc::new(Semaphore::new(
            settings.limits.chunk_budget_bytes.min(Semaphore::MAX_PERMITS),
        )),
        settings,
        fatal,
        bus,
        stopping: AtomicBool::new(false),
        connections: AtomicUsize::new(0),
        handshakes: AtomicUsize::new(0),
        sessions: AtomicUsize::new(0),
        uplinks: AtomicUsize::new(0),
        uplink_bytes: AtomicUsize::new(0),
    });
    Ok((Box::new(outlet), Prepared { shared, mailboxes, mail, window, engine_line }))
}

impl Prepared {
    /// Opens the door.
    ///
    /// # Errors
    /// [`MqttError`] when an address, the certificate or a thread cannot be had.
    pub fn start(self, engine: Engine, reader: Reader, artifacts: Arc<Artifacts>) -> Result<Gate, MqttError> {
        let Prepared { shared, mailboxes, mail, window, engine_line } = self;
        let listeners = listen::bind(&shared.settings)?;
        let (local_addr, tls_addr) = (listeners.local_addr, listeners.tls_addr);
        pump::start(&shared, engine_line, engine)?;
        let mut workers = Vec::with_capacity(mail.len());
        for (number, mail) in mail.into_iter().enumerate() {
            let parts = worker::Parts {
                number: number as u16,
                shared: Arc::clone(&shared),
                reader: reader.clone(),
                artifacts: Arc::clone(&artifacts),
                window: Arc::clone(&window),
            };
            workers.push(worker::start(parts, mail)?);
        }
        probe::start(&shared)?;
        let acceptor = listen::start(&shared, listeners, reader, mailboxes.clone())?;
        Ok(Gate { shared, mailboxes, workers, acceptor, local_addr, tls_addr })
    }
}

/// The open door.
pub struct Gate {
    shared: Arc<Shared>,
    mailboxes: Vec<mpsc::Sender<Mail>>,
    workers: Vec<thread::JoinHandle<()>>,
    acceptor: listen::Acceptor,
    local_addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
}

impl Gate {
    /// Where plain TCP is accepted.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where TLS is accepted.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    /// What is counted.
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.shared.connections.load(Ordering::Relaxed),
            handshakes: self.shared.handshakes.load(Ordering::Relaxed),
            sessions: self.shared.sessions.load(Ordering::Relaxed),
            uplinks: self.shared.uplinks.load(Ordering::Relaxed),
        }
    }

    /// Closes the door: nothing more is accepted, outstanding receipts are waited for briefly, everyone is told.
    /// The engine must still run. Waits: for threads of their own.
    pub fn stop(self) {
        self.shared.stopping.store(true, Ordering::Release);
        let encrypted = self.acceptor.stop();
        for mailbox in &self.mailboxes {
            // A worker that is gone has nothing to stop.
            let _ = mailbox.blocking_send(Mail::Stop);
        }
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("a worker of the gate has panicked");
            }
        }
        drop(encrypted);
    }
}
