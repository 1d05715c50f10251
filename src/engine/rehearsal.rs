//! A rollout played through before it is made: the shipping engine, over a copy in memory, with a clock of its own and
//! a stated model of devices. Nothing real is touched, and the same seed gives the same answer.
//!
//! What takes the engine time takes none here, and the tick falls on whole seconds from the start: moments are those of
//! the plan, decisions are those of the engine.

mod fleet;
mod model;

use std::collections::BTreeMap;

use super::Settings;
use super::apply::{Batch, Effects, Memory};
use super::call::{Call, CallError, Reply};
use super::orders::Failed;
use super::query::Reader;
use super::tasks::due_task;
use crate::domain::filter::Moment;
use crate::domain::ids::{DeviceId, DeviceKey, RolloutId, TenantId, Time};
use crate::domain::news::{Happened, News};
use crate::domain::rollout::{BadEnd, Command, NewRollout, Place, Rollout, Status, Tally, Wave};
use crate::store::memory::MemoryStore;
use crate::store::tables::{Counter, Draft, View};
use crate::store::{Store, StoreError};
use fleet::Fleet;

pub use model::{Act, Fate, Model, Span};

/// How many devices a rehearsal plays: above it the copy would take gigabytes and minutes.
pub const REHEARSED_MAX: usize = 200_000;
/// How many words of devices and commits a rehearsal takes at most: ten for each device of the largest one. Ten years of
/// one device a minute would else hold the stage for hours.
const WORK_MAX: u64 = 2_000_000;
/// How often the engine looks at the clock, in milliseconds.
const TICK_MS: u64 = 1000;
/// As soon as a plan has so many points, every other one is left out.
const POINTS: usize = 120;
const BY: &str = "rehearsal";

/// What one device would get, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The device.
    pub device: DeviceId,
    /// Its wave.
    pub wave: u16,
    /// Where it would be at the end.
    pub place: Place,
    /// When it would first be reached.
    pub reached: Option<Time>,
    /// When its last action would end.
    pub ended: Option<Time>,
    /// How many times it would be tried.
    pub tries: u32,
}

/// How many devices would be where at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The moment.
    pub at: Time,
    /// Devices that were reached.
    pub reached: u64,
    /// Devices that run the target.
    pub succeeded: u64,
    /// Devices that ended badly.
    pub bad: u64,
}

/// What a rehearsal foresees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The rollout as it would stand at the end.
    pub rollout: Rollout,
    /// Its waves.
    pub waves: Vec<Wave>,
    /// When the play began.
    pub from: Time,
    /// The last moment at which anything happened.
    pub until: Time,
    /// Whether something was still to happen when the play was broken off.
    pub cut_short: bool,
    /// Changes of the rollout and its waves, in their order.
    pub moments: Vec<(Time, Happened)>,
    /// Every device, in the order of waves and ids.
    pub devices: Vec<Foreseen>,
    /// How it would go on.
    pub curve: Vec<Point>,
}

impl Reader {
    /// Plays a rollout through. The [`CallError`] says why it cannot be made.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn rehearse(
        &self,
        tenant: &TenantId,
        new: NewRollout,
        listed: &[DeviceId],
        model: &Model,
        at: Moment,
    ) -> Result<Result<Plan, CallError>, StoreError> {
        let members = match self.muster(tenant, &new, listed, at)? {
            Ok(members) => members,
            Err(error) => return Ok(Err(error)),
        };
        let count: usize = members.iter().map(Vec::len).sum();
        if count > REHEARSED_MAX {
            return Ok(Err(CallError::Count { what: "devices to rehearse", max: REHEARSED_MAX }));
        }
        let store = MemoryStore::new();
        self.copy_to(&store, tenant, &members)?;
        let settings = Settings {
            policy: self.policy(),
            command_expiry_ms: model.horizon_ms,
            reserve_bytes: 0,
            poll_s: 300,
        };
        let mut stage = Stage::new(store, settings, tenant.clone(), model, at.now)?;
        match stage.open(new, members) {
            Ok(()) => {}
            Err(Failed::Call(error)) => return Ok(Err(error)),
            Err(Failed::Store(error)) => return Err(error),
        }
        stage.play()?;
        stage.close().map(Ok)
    }

    fn copy_to(
        &self,
        store: &MemoryStore,
        tenant: &TenantId,
        members: &[Vec<DeviceId>],
    ) -> Result<(), StoreError> {
        self.ask(|view| {
            store.write(&mut |write| {
                let mut draft = Draft(write);
                draft.copy_arranged(view, tenant)?;
                members.iter().flatten().try_for_each(|device| draft.copy_device(view, tenant, device))
            })
        })
    }
}

/// A rehearsal under way.
struct Stage<'a> {
    store: MemoryStore,
    settings: Settings,
    memory: Memory,
    tenant: TenantId,
    fleet: Fleet<'a>,
    rollout: Option<RolloutId>,
    from: Time,
    now: Time,
    until: Time,
    horizon: Time,
    moments: Vec<(Time, Happened)>,
    devices: BTreeMap<DeviceId, (Option<Time>, Option<Time>)>,
    curve: Vec<Point>,
    /// How many moments apart the points of the curve are.
    stride: usize,
    seen: usize,
    /// How many words of devices and commits there were.
    work: u64,
}

impl<'a> Stage<'a> {
    fn new(
        store: MemoryStore,
        settings: Settings,
        tenant: TenantId,
        model: &'a Model,
        from: Time,
    ) -> Result<Self, StoreError> {
        let mut memory = Memory::default();
        store.read(&mut |read| {
            memory.actions = View(read).counter(Counter::Action)?;
            Ok(())
        })?;
        Ok(Stage {
            store,
            settings,
            memory,
            fleet: Fleet::new(model, tenant.clone()),
            tenant,
            rollout: None,
            from,
            now: from,
            until: from,
            horizon: from.plus_ms(model.horizon_ms),
            moments: Vec::new(),
            devices: BTreeMap::new(),
            curve: Vec::new(),
            stride: 1,
            seen: 0,
            work: 0,
        })
    }

    /// Makes the rollout, lets the fleet connect, and starts it where no time is set for that.
    fn open(&mut self, new: NewRollout, members: Vec<Vec<DeviceId>>) -> Result<(), Failed> {
        self.gather(&members)?;
        let waits = new.start_at.is_some();
        let tenant = self.tenant.clone();
        let add = Call::AddRollout { tenant, rollout: Box::new(new), members, by: BY.into() };
        let Reply::Rollout { rollout, .. } = self.call(add)? else { return Err(CallError::Busy.into()) };
        self.rollout = Some(rollout.id);
        self.turn(true)?;
        if self.standing()?.0.status == Status::WaitingForApproval {
            self.command(rollout.id, Command::Approve(None))?;
        }
        if !waits && self.standing()?.0.status == Status::Ready {
            self.command(rollout.id, Command::Start)?;
        }
        Ok(())
    }

    /// Lets the devices join the fleet, and those of them connect that are not away.
    fn gather(&mut self, members: &[Vec<DeviceId>]) -> Result<(), StoreError> {
        let Stage { store, fleet, memory, devices, tenant, from, .. } = self;
        store.read(&mut |read| {
            for device in members.iter().flatten() {
                let key = DeviceKey { tenant: tenant.clone(), device: device.clone() };
                if fleet.join(View(read), &key, *from)? {
                    memory.connected.insert(key);
                }
                devices.insert(device.clone(), (None, None));
            }
            Ok(())
        })
    }

    fn command(&mut self, rollout: RolloutId, command: Command) -> Result<Reply, Failed> {
        let (tenant, by) = (self.tenant.clone(), BY.into());
        self.call(Call::CommandRollout { tenant, rollout, command, by })
    }

    fn call(&mut self, call: Call) -> Result<Reply, Failed> {
        let mut call = Some(call);
        let mut answer = None;
        let mut effects = Effects::default();
        let (settings, memory, now) = (&self.settings, &mut self.memory, self.now);
        self.store.write(&mut |write| {
            let mut batch = Batch::new(Draft(write), settings, memory, &mut effects, now);
            if let Some(call) = call.take() {
                match batch.call(call) {
                    Err(Failed::Store(error)) => return Err(error),
                    Err(Failed::Call(error)) => answer = Some(Err(error)),
                    Ok(reply) => answer = Some(Ok(reply)),
                }
            }
            batch.close()
        })?;
        self.watch(effects)?;
        Ok(answer.unwrap_or(Err(CallError::Busy))?)
    }

    /// Lets time pass from one thing that happens to the next.
    fn play(&mut self) -> Result<(), StoreError> {
        self.turn(true)?;
        while let Some(next) = self.next()? {
            if next > self.horizon || self.is_worn() || !self.is_moving()? {
                break;
            }
            self.now = next.max(self.now);
            self.turn(self.is_tick())?;
        }
        Ok(())
    }

    /// A pause that nobody ends, and an end, leave only what is under way.
    fn is_moving(&self) -> Result<bool, StoreError> {
        Ok(match self.standing()?.0.status {
            Status::Ready | Status::Running | Status::Stopping => true,
            Status::Creating
            | Status::WaitingForApproval
            | Status::Denied
            | Status::Paused
            | Status::Stopped
            | Status::Finished => !self.fleet.is_idle(),
        })
    }

    /// Whether it has taken as much work as it may.
    fn is_worn(&self) -> bool {
        self.work >= WORK_MAX
    }

    fn is_tick(&self) -> bool {
        (self.now.0 - self.from.0).is_multiple_of(TICK_MS)
    }

    /// The next moment at which anything can happen.
    fn next(&self) -> Result<Option<Time>, StoreError> {
        let mut due = Vec::new();
        self.store.read(&mut |read| {
            let view = View(read);
            due.extend(view.due(Time(u64::MAX), 1)?.first().map(|row| row.0));
            due.extend(view.deferred(Time(u64::MAX), 1)?.first().map(|row| row.0));
            Ok(())
        })?;
        due.extend(self.memory.rollouts.wake());
        if self.memory.rollouts.is_due(self.now) {
            due.push(self.now.plus_ms(1));
        }
        let tick = due.into_iter().min().map(|at| self.tick_from(at.max(self.now.plus_ms(1))));
        Ok([tick, self.fleet.next()].into_iter().flatten().min())
    }

    /// The first tick that is not before a moment.
    fn tick_from(&self, at: Time) -> Time {
        let passed = at.0.saturating_sub(self.from.0);
        self.from.plus_ms(passed.div_ceil(TICK_MS).saturating_mul(TICK_MS))
    }

    /// Everything that happens at this moment, in as many commits as the engine takes.
    fn turn(&mut self, mut tick: bool) -> Result<(), StoreError> {
        let mut said = self.fleet.say(self.now, &self.store)?;
        loop {
            self.work += 1 + said.len() as u64;
            let mut effects = Effects::default();
            let mut more = false;
            let (settings, memory, now) = (&self.settings, &mut self.memory, self.now);
            if tick && memory.rollouts.is_due(now) {
                memory.rollouts.look();
            }
            self.store.write(&mut |write| {
                let mut batch = Batch::new(Draft(write), settings, memory, &mut effects, now);
                for (key, linked, event) in said.drain(..) {
                    if linked {
                        batch.link(key.clone(), true)?;
                    }
                    batch.event(&key, &event)?;
                }
                if tick {
                    batch.expire()?;
                }
                more = batch.advance_tasks()?;
                more |= batch.advance_rollouts()?;
                batch.close()
            })?;
            self.watch(effects)?;
            let mut waiting = false;
            self.store.read(&mut |read| {
                waiting = tick && !View(read).due(now, 1)?.is_empty();
                waiting |= due_task(View(read), now)?.is_some();
                Ok(())
            })?;
            if (!more && !waiting) || self.is_worn() {
                return Ok(());
            }
            tick &= waiting;
        }
    }

    /// Takes note of what happened, and lets the fleet hear what it was told.
    fn watch(&mut self, effects: Effects) -> Result<(), StoreError> {
        for news in effects.news {
            self.note(news);
        }
        self.fleet.hear(effects.downlinks, self.now);
        Ok(())
    }

    fn note(&mut self, News { at, what, .. }: News) {
        self.until = at;
        match &what {
            Happened::Action { device, state, wave: Some((id, _)), .. } if Some(*id) == self.rollout => {
                if let Some((reached, ended)) = self.devices.get_mut(device) {
                    reached.get_or_insert(at);
                    *ended = state.is_terminal().then_some(at);
                }
            }
            Happened::Rollout { .. } | Happened::Wave { .. } => self.moments.push((at, what)),
            Happened::Action { .. }
            | Happened::Device { .. }
            | Happened::Image { .. }
            | Happened::Release { .. }
            | Happened::Offer { .. }
            | Happened::Deployment { .. } => {}
        }
        self.draw_point();
    }

    /// Adds a point to the curve, which never has more than a chart can show.
    fn draw_point(&mut self) {
        self.seen += 1;
        if !self.seen.is_multiple_of(self.stride) {
            return;
        }
        let Some(point) = self.point() else { return };
        match self.curve.last_mut().filter(|last| last.at == point.at) {
            Some(last) => *last = point,
            None => self.curve.push(point),
        }
        if self.curve.len() > POINTS {
            let mut keep = false;
            self.curve.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride *= 2;
        }
    }

    fn point(&self) -> Option<Point> {
        let tally = Tally::sum(self.memory.rollouts.waves_of(&self.tenant, self.rollout?)?);
        Some(Point {
            at: self.until,
            reached: tally.begun(),
            succeeded: tally.succeeded,
            bad: tally.bad(BadEnd::Any) + tally.cancelled,
        })
    }

    fn standing(&self) -> Result<(Rollout, Vec<Wave>), StoreError> {
        let mut found = None;
        self.store.read(&mut |read| {
            let view = View(read);
            if let Some(id) = self.rollout
                && let Some(rollout) = view.rollout(&self.tenant, id)?
            {
                found = Some((rollout, view.waves(&self.tenant, id)?));
            }
            Ok(())
        })?;
        found.ok_or(StoreError::Backend { doing: "rehearse", cause: "the rollout is gone".into() })
    }

    fn close(self) -> Result<Plan, StoreError> {
        let (rollout, waves) = self.standing()?;
        let mut devices = Vec::with_capacity(self.devices.len());
        self.store.read(&mut |read| {
            for wave in &waves {
                let (view, id, number) = (View(read), rollout.id, wave.number);
                let mut members = view.reached_members(&self.tenant, id, number, None, usize::MAX)?;
                members.extend(view.waiting_members(&self.tenant, id, number, None, usize::MAX)?);
                members.sort_by(|a, b| a.device.cmp(&b.device));
                devices.extend(members.into_iter().map(|member| {
                    let (reached, ended) = self.devices.get(&member.device).copied().unwrap_or_default();
                    let (wave, place, tries) = (number, member.place, member.tries);
                    Foreseen { device: member.device, wave, place, reached, ended, tries }
                }));
            }
            Ok(())
        })?;
        let goes_on = match rollout.status {
            Status::Running | Status::Stopping | Status::Ready | Status::Creating => true,
            Status::WaitingForApproval
            | Status::Denied
            | Status::Paused
            | Status::Stopped
            | Status::Finished => false,
        };
        let cut_short = goes_on || self.is_worn();
        let Stage { from, until, moments, curve, .. } = self;
        Ok(Plan { rollout, waves, from, until, cut_short, moments, devices, curve })
    }
}
