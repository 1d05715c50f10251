//! The batch loop: drain what waits, decide each in turn, commit once, tell.
//!
//! There is no timer: while one batch is being committed, the next one gathers. A failed commit ends the loop, and
//! nothing of its batch is acknowledged.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot, watch};

use super::access;
use super::apply::{Batch, Effects, Memory};
use super::call::{CallError, Outcome, Receipt, Reply};
use super::news::Rung;
use super::rollouts::Rollouts;
use super::tasks::due_task;
use super::{BATCH, Job, Outlet, Settings, now};
use crate::domain::ids::DeviceKey;
use crate::store::tables::{Counter, Draft, View};
use crate::store::{Store, StoreError};

/// A call that waits for the commit before it is answered.
type Answer = (oneshot::Sender<Result<Reply, CallError>>, Result<Reply, CallError>);

/// The single writer.
pub(super) struct Batcher {
    store: Arc<dyn Store>,
    settings: Settings,
    outlet: Box<dyn Outlet>,
    /// Rung after a commit with news.
    bell: watch::Sender<Rung>,
    memory: Memory,
    /// Whether work that takes more than one commit is waiting in the store.
    backlog: bool,
    /// Whether the disk is full, as of the last tick.
    full: bool,
    /// Whether something was due at the last tick, and has not been seen to.
    expiring: bool,
}

impl Batcher {
    pub(super) fn new(
        store: Arc<dyn Store>,
        settings: Settings,
        outlet: Box<dyn Outlet>,
        bell: watch::Sender<Rung>,
    ) -> Self {
        Batcher {
            store,
            settings,
            outlet,
            bell,
            memory: Memory::default(),
            backlog: true,
            full: false,
            expiring: false,
        }
    }

    /// Runs until `stop` is set and the queue is empty, or until a commit fails.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>, stop: &AtomicBool) -> Result<(), StoreError> {
        self.recall()?;
        let mut jobs = Vec::with_capacity(BATCH);
        loop {
            let open = self.gather(&mut queue, &mut jobs);
            if !jobs.is_empty() || self.has_backlog() {
                self.turn(&mut jobs)?;
            }
            let stopping = stop.load(Ordering::Acquire) && queue.is_empty();
            if stopping || !open {
                return Ok(());
            }
        }
    }

    /// Reads what the engine keeps in memory because it alone changes it.
    fn recall(&mut self) -> Result<(), StoreError> {
        let memory = &mut self.memory;
        let mut secret = None;
        self.store.read(&mut |read| {
            memory.actions = View(read).counter(Counter::Action)?;
            secret = View(read).session_secret()?;
            memory.rollouts = Rollouts::recall(View(read))?;
            Ok(())
        })?;
        if secret.is_none() { self.make_session_secret() } else { Ok(()) }
    }

    /// Once in the life of a store: sessions outlive the process.
    fn make_session_secret(&mut self) -> Result<(), StoreError> {
        let secret = access::new_secret()
            .map_err(|cause| StoreError::Backend { doing: "make a secret", cause: Box::new(cause) })?;
        self.store.write(&mut |write| Draft(write).put_session_secret(&secret))
    }

    /// Takes what waits, and waits for something only when there is nothing else to do. False when no door is
    /// left.
    fn gather(&self, queue: &mut mpsc::Receiver<Job>, jobs: &mut Vec<Job>) -> bool {
        if !self.has_backlog() {
            return queue.blocking_recv_many(jobs, BATCH) > 0;
        }
        while jobs.len() < BATCH {
            match queue.try_recv() {
                Ok(job) => jobs.push(job),
                Err(mpsc::error::TryRecvError::Empty) => return true,
                Err(mpsc::error::TryRecvError::Disconnected) => return !jobs.is_empty(),
            }
        }
        true
    }

    /// Whether there is work beyond what the doors hand in. On a full disk it waits.
    fn has_backlog(&self) -> bool {
        (self.backlog || self.expiring) && !self.full
    }

    /// Load, decide, commit, tell.
    fn turn(&mut self, jobs: &mut Vec<Job>) -> Result<(), StoreError> {
        let mut effects = Effects::default();
        let mut answers = Vec::new();
        if jobs.iter().any(|job| matches!(job, Job::Tick)) {
            self.look_at_the_disk();
            self.look_at_the_clock()?;
            jobs.retain(|job| !matches!(job, Job::Tick));
            if jobs.is_empty() && !self.has_backlog() {
                return Ok(());
            }
        }
        if self.full {
            self.turn_away(jobs, &mut effects, &mut answers);
            if jobs.is_empty() {
                self.tell(effects, answers);
                return Ok(());
            }
        }
        let advance = !self.full;
        let (mut backlog, mut expiring) = (self.backlog, self.expiring);
        let (settings, memory) = (&self.settings, &mut self.memory);
        self.store.write(&mut |write| {
            let mut batch = Batch::new(Draft(write), settings, memory, &mut effects, now());
            if advance && expiring {
                expiring = batch.expire()?;
            }
            for job in jobs.drain(..) {
                carry_out(&mut batch, job, &mut answers)?;
            }
            if advance {
                backlog = batch.advance_tasks()?;
                backlog |= batch.advance_rollouts()?;
            }
            batch.close()
        })?;
        (self.backlog, self.expiring) = (backlog, expiring);
        self.tell(effects, answers);
        Ok(())
    }

    /// Finds out whether the moment itself is a reason to write. Most moments are not: an idle server leaves the disk
    /// alone.
    fn look_at_the_clock(&mut self) -> Result<(), StoreError> {
        let now = now();
        if self.memory.rollouts.is_due(now) {
            self.memory.rollouts.look();
            self.backlog = true;
        }
        let (expiring, backlog) = (&mut self.expiring, &mut self.backlog);
        self.store.read(&mut |read| {
            let view = View(read);
            *expiring = !view.due(now, 1)?.is_empty() || !view.deferred(now, 1)?.is_empty();
            *backlog |= due_task(view, now)?.is_some();
            Ok(())
        })
    }

    fn look_at_the_disk(&mut self) {
        let room = self.store.room();
        let full = room < self.settings.reserve_bytes;
        if full && !self.full {
            tracing::error!(
                room,
                reserve = self.settings.reserve_bytes,
                "the disk is full; nothing more is taken in"
            );
        } else if self.full && !full {
            tracing::info!(room, "the disk has room again");
        }
        self.full = full;
    }

    /// Answers what a full disk cannot take, without a commit, and leaves what takes things away.
    fn turn_away(&mut self, jobs: &mut Vec<Job>, effects: &mut Effects, answers: &mut Vec<Answer>) {
        for job in std::mem::take(jobs) {
            match job {
                Job::Call { call, reply } if call.makes_room() => jobs.push(Job::Call { call, reply }),
                Job::Call { call: _, reply } => answers.push((reply, Err(CallError::DiskFull))),
                Job::Uplink { device: _, event, stamp } => {
                    effects.receipts.push((stamp, Receipt { seq: event.seq(), outcome: Outcome::NoRoom }));
                }
                // The line is whole as far as this, which is what the probe is for.
                Job::Probe { stamp } => {
                    effects.receipts.push((stamp, Receipt { seq: None, outcome: Outcome::NoRoom }));
                }
                Job::Link { device, linked } => {
                    self.memory.connected.remove(&device);
                    if linked {
                        self.memory.connected.insert(device);
                    }
                }
                Job::Tick => {}
            }
        }
    }

    fn tell(&mut self, effects: Effects, answers: Vec<Answer>) {
        if !effects.receipts.is_empty() {
            self.outlet.receipts(effects.receipts);
        }
        if !effects.evicted.is_empty() {
            self.outlet.evict(effects.evicted);
        }
        if !effects.heard.is_empty() {
            self.outlet.heard(effects.heard);
        }
        if !effects.news.is_empty() {
            self.outlet.news(&effects.news);
            self.bell.send_modify(|rung| rung.news += 1);
        }
        if effects.webhooks {
            self.bell.send_modify(|rung| rung.webhooks += 1);
        }
        for (waiting, answer) in answers {
            // Whoever asked may have hung up; the call is carried out all the same.
            let _ = waiting.send(answer);
        }
        if !effects.downlinks.is_empty() {
            self.outlet.downlinks(effects.downlinks);
        }
    }
}

fn carry_out(batch: &mut Batch<'_>, job: Job, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
    match job {
        Job::Uplink { device, event, stamp } => {
            let receipt = match batch.event(&device, &event) {
                Err(StoreError::Corrupt { table, what }) => corrupt(&device, &format!("{table:?}: {what}")),
                other => other?,
            };
            batch.effects.receipts.push((stamp, receipt));
        }
        Job::Probe { stamp } => {
            batch.probe()?;
            batch.effects.receipts.push((stamp, Receipt { seq: None, outcome: Outcome::Stored }));
        }
        Job::Link { device, linked } => batch.link(device, linked)?,
        // Time has been looked at before all else.
        Job::Tick => {}
        Job::Call { call, reply } => {
            let answer = match batch.call(call) {
                Err(super::orders::Failed::Store(StoreError::Corrupt { table, what })) => {
                    Err(CallError::Corrupt(format!("{table:?}: {what}")))
                }
                Err(super::orders::Failed::Store(error)) => return Err(error),
                Err(super::orders::Failed::Call(error)) => Err(error),
                Ok(reply) => Ok(reply),
            };
            answers.push((reply, answer));
        }
    }
    Ok(())
}

/// One unreadable record must not stop the others.
fn corrupt(device: &DeviceKey, what: &str) -> Receipt {
    tracing::error!(%device, what, "a record cannot be read");
    let message = "a record of this device cannot be read".into();
    Receipt { seq: None, outcome: Outcome::Rejected { code: "corrupt-record", message } }
}

/// The devices that have a session now. Kept in memory only: a restart ends every session.
pub(super) type Connected = HashSet<DeviceKey>;
