//! Who drives: the bounded queue, the batch loop, the tick and the only clock.
//!
//! The doors hand in uplinks and calls; the engine drains what waits, loads, lets the domain decide, commits once,
//! and only then tells. Nothing here knows a topic, a path or a format.

pub mod access;
mod apply;
mod batch;
pub mod call;
mod due;
mod matching;
pub mod news;
mod orders;
pub mod query;
pub mod rehearsal;
mod rollouts;
mod session;
mod steps;
pub mod subject;
mod tasks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};

use crate::domain::decide::Policy;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceKey, Time};
use crate::domain::news::News;
use crate::store::tables::Principal;
use crate::store::{Store, StoreError};
use call::{Call, CallError, Downlink, Receipt, Reply, Stamp};
use news::Rung;

/// How many jobs wait for the engine before the doors have to. Four batches: enough to keep the writer busy while
/// the doors refill, and at most a few megabytes.
const QUEUE: usize = 4 * BATCH;
/// The most jobs in one commit: group commit gains little beyond it, and latency grows.
const BATCH: usize = 1024;
/// How often time itself is an event.
const TICK: Duration = Duration::from_secs(1);

/// What the operator has set for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What the decision needs to know.
    pub policy: Policy,
    /// How long a command or a desired document is worth anything, in milliseconds.
    pub command_expiry_ms: u64,
    /// With less room than this on the disk, in bytes, everything that would need more of it is refused: a commit that
    /// fails would end the process.
    pub reserve_bytes: u64,
    /// How often devices poll whose tenant has not said so, in seconds.
    pub poll_s: u32,
}

/// Where the engine's words go. Called on the engine's thread, after the commit, with whole batches.
pub trait Outlet: Send {
    /// Receipts, in the order in which their uplinks were taken from the queue.
    fn receipts(&mut self, receipts: Vec<(Stamp, Receipt)>);

    /// Messages for connected devices.
    fn downlinks(&mut self, downlinks: Vec<Downlink>);

    /// What devices said at other doors, for those who listen on the bus.
    fn heard(&mut self, heard: Vec<(DeviceKey, Event)>);

    /// What changed, in the order of its numbers. It is in the log by then, and most have nobody who wants it sooner.
    fn news(&mut self, _news: &[News]) {}

    /// Whose token has ended: their sessions must end too.
    fn evict(&mut self, principals: Vec<Principal>);
}

/// One thing for the engine to do.
#[derive(Debug)]
enum Job {
    Uplink { device: DeviceKey, event: Event, stamp: Stamp },
    Link { device: DeviceKey, linked: bool },
    Probe { stamp: Stamp },
    Call { call: Call, reply: oneshot::Sender<Result<Reply, CallError>> },
    Tick,
}

/// A handle on the running engine.
#[derive(Debug, Clone)]
pub struct Engine {
    queue: mpsc::Sender<Job>,
    bell: watch::Receiver<Rung>,
}

/// The engine is gone: the process is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has stopped")]
pub struct Stopped;

impl Engine {
    /// Hands in what a device says; waits while the queue is full. For threads of their own, never in async code.
    ///
    /// # Errors
    /// [`Stopped`] when the engine has ended.
    pub fn uplink(&self, device: DeviceKey, event: Event, stamp: Stamp) -> Result<(), Stopped> {
        self.put(Job::Uplink { device, event, stamp })
    }

    /// Says that a device has a session now, or has none any more.
    ///
    /// # Errors
    /// [`Stopped`] when the engine has ended.
    pub fn link(&self, device: DeviceKey, linked: bool) -> Result<(), Stopped> {
        self.put(Job::Link { device, linked })
    }

    /// Asks for a receipt that comes after a commit, and changes nothing that anyone sees.
    ///
    /// # Errors
    /// [`Stopped`] when the engine has ended.
    pub fn probe(&self, stamp: Stamp) -> Result<(), Stopped> {
        self.put(Job::Probe { stamp })
    }

    fn put(&self, job: Job) -> Result<(), Stopped> {
        self.queue.blocking_send(job).map_err(|_| Stopped)
    }

    /// Rings after every commit that has news. Whoever listens never holds the engine up: who is late hears of many
    /// commits at once.
    pub fn bell(&self) -> watch::Receiver<Rung> {
        self.bell.clone()
    }

    /// Has a call carried out; returns after its commit.
    ///
    /// # Errors
    /// [`CallError`] says why nothing was done.
    pub async fn call(&self, call: Call) -> Result<Reply, CallError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job::Call { call, reply }).await.map_err(|_| CallError::Stopping)?;
        answer.await.unwrap_or(Err(CallError::Stopping))
    }
}

/// The engine's thread.
#[derive(Debug)]
pub struct EngineThread {
    thread: thread::JoinHandle<Result<(), StoreError>>,
    ticker: thread::Thread,
    stop: Arc<AtomicBool>,
}

impl EngineThread {
    /// Carries out what waits, then ends. Call it after the doors have closed.
    ///
    /// # Errors
    /// The [`StoreError`] that ended the engine before, if one did.
    pub fn stop(self) -> Result<(), StoreError> {
        self.stop.store(true, Ordering::Release);
        self.ticker.unpark();
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Starts the engine. `failed` is called once, on the engine's thread, when a commit fails: nothing was
/// acknowledged after the last good commit, and nothing more will be.
///
/// # Errors
/// [`std::io::Error`] when the thread cannot be started.
pub fn start(
    store: Arc<dyn Store>,
    settings: Settings,
    outlet: Box<dyn Outlet>,
    failed: Box<dyn FnOnce(&StoreError) + Send>,
) -> std::io::Result<(Engine, EngineThread)> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let stop = Arc::new(AtomicBool::new(false));
    let ticks = sender.clone();
    let stopped = Arc::clone(&stop);
    let (rope, bell) = watch::channel(Rung::default());
    let ticker = thread::Builder::new().name("tick".into()).spawn(move || {
        // The tick also wakes the engine when it is to stop.
        while ticks.blocking_send(Job::Tick).is_ok() {
            thread::park_timeout(TICK);
        }
    })?;
    let thread = thread::Builder::new().name("engine".into()).spawn(move || {
        let result = batch::Batcher::new(store, settings, outlet, rope).run(receiver, &stopped);
        if let Err(error) = &result {
            failed(error);
        }
        result
    })?;
    Ok((Engine { queue: sender, bell }, EngineThread { thread, ticker: ticker.thread().clone(), stop }))
}

/// The clock. Everything below the engine is given the time.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
