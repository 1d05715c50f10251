//! What the moment and the counters make of a rollout: gates, stops, waves that begin and end, devices to take on.
//!
//! One call goes as far as it can: a second one at the same moment, with nothing changed, finds nothing to do.

use super::command::{begin, end, pause, start, stop, withdrawal};
use super::pace::rate;
use super::{
    AfterSuccess, BadEnd, Canary, Cause, Difference, Ending, Remedy, Rollout, Status, Tally, Wave, WaveStatus,
};
use crate::domain::ids::{ImageId, Time};

/// The number of the canary among the rules that are excused.
pub(super) const CANARY: u16 = 0;

/// Devices of a wave to take on now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// The wave.
    pub wave: u16,
    /// How many of its waiting members.
    pub devices: u64,
}

/// What the engine is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advance {
    /// Whether the rollout or a wave stands elsewhere than before.
    pub moved: bool,
    /// Devices to take on.
    pub take: Vec<Take>,
    /// Open actions are to be called off so.
    pub withdraw: Option<Ending>,
    /// Devices that were held back may be told again.
    pub tell: bool,
    /// An earlier image is to be brought back to every device that was reached.
    pub roll_back: Option<ImageId>,
    /// The next moment at which time alone can change something; none while only a device or an operator can. It is
    /// `now` where there was more to take than `most`. Leases and deferred members keep moments of their own.
    pub wake: Option<Time>,
}

/// Moves a rollout on as far as the moment and the counters allow, taking on at most `most` devices.
pub fn advance(rollout: &mut Rollout, waves: &mut [Wave], most: u64, now: Time) -> Advance {
    let mut done = Advance::default();
    match rollout.status {
        Status::WaitingForApproval | Status::Ready => wait(rollout, waves, most, now, &mut done),
        Status::Running => run(rollout, waves, most, now, &mut done),
        Status::Paused => {
            look_at_the_end(rollout, waves, now, &mut done);
        }
        Status::Creating | Status::Stopping | Status::Denied | Status::Stopped | Status::Finished => {}
    }
    // What is under way, or what it has just paused for, may be bad enough for more than a pause.
    if rollout.status == Status::Paused {
        look_at_the_rules(rollout, waves, &mut done);
    }
    if rollout.status == Status::Stopping && Tally::sum(waves.iter()).active == 0 {
        finish(rollout, waves, Status::Stopped, now, &mut done);
    }
    done
}

/// Before it has begun: it ends unbegun, or begins by itself.
fn wait(rollout: &mut Rollout, waves: &mut [Wave], most: u64, now: Time, done: &mut Advance) {
    if rollout.end.is_some_and(|limit| limit.at <= now) {
        rollout.cause = Some(Cause::End);
        finish(rollout, waves, Status::Stopped, now, done);
        return;
    }
    let starts = rollout.start_at.filter(|_| rollout.status == Status::Ready);
    if starts.is_some_and(|at| at <= now) {
        start(rollout, now);
        done.moved = true;
        run(rollout, waves, most, now, done);
        return;
    }
    let ends = rollout.end.map(|limit| limit.at);
    done.wake = starts.into_iter().chain(ends).min();
}

fn run(rollout: &mut Rollout, waves: &mut [Wave], most: u64, now: Time, done: &mut Advance) {
    if look_at_the_end(rollout, waves, now, done) || look_at_the_rules(rollout, waves, done) {
        return;
    }
    if move_waves(rollout, waves, now, done) {
        return;
    }
    let ended = |wave: &Wave| match wave.status {
        WaveStatus::Finished => true,
        WaveStatus::Failed => wave.tally.is_done() && !wave.continuous,
        WaveStatus::Scheduled | WaveStatus::Running => false,
    };
    match waves.iter().all(ended) {
        true => finish(rollout, waves, Status::Finished, now, done),
        false => take(rollout, waves, most, now, done),
    }
}

/// Returns whether the end has come.
fn look_at_the_end(rollout: &mut Rollout, waves: &mut [Wave], now: Time, done: &mut Advance) -> bool {
    let Some(limit) = rollout.end else { return false };
    if now < limit.at {
        done.wake = Some(limit.at);
        return false;
    }
    if Tally::sum(waves.iter()).is_done() {
        rollout.cause = None;
        finish(rollout, waves, Status::Finished, now, done);
        return true;
    }
    done.withdraw = withdrawal(limit.then);
    done.tell = rollout.status == Status::Paused && done.withdraw.is_none();
    done.moved = true;
    stop(rollout, Cause::End, limit.then);
    true
}

/// Returns whether the rollout has stopped itself.
fn look_at_the_rules(rollout: &mut Rollout, waves: &[Wave], done: &mut Advance) -> bool {
    match broken_rule(rollout, waves).or_else(|| broken_canary(rollout, waves)) {
        Some((remedy, cause)) => {
            apply(rollout, remedy, cause, done);
            true
        }
        None => false,
    }
}

/// Whether a rule counts: an operator who resumed after it had made the rollout pause has excused it, and a pause is
/// no remedy for a rollout that is paused.
fn counts(rollout: &Rollout, number: u16, remedy: Remedy) -> bool {
    let idle = rollout.status == Status::Paused && remedy == Remedy::Pause;
    !idle && !rollout.excused.contains(&number)
}

fn broken_rule(rollout: &Rollout, waves: &[Wave]) -> Option<(Remedy, Cause)> {
    let all = Tally::sum(waves);
    let of = all.ended();
    let broken = (1..).zip(&rollout.stops).find(|(number, rule)| {
        let bad = all.bad(rule.on);
        let enough = bad > 0 && of >= rule.sample;
        counts(rollout, *number, rule.then) && enough && rule.share.reached_by(bad, of)
    });
    broken.map(|(number, rule)| (rule.then, Cause::Rule { rule: number, bad: all.bad(rule.on), of }))
}

fn broken_canary(rollout: &Rollout, waves: &[Wave]) -> Option<(Remedy, Cause)> {
    let canary = rollout.canary.filter(|canary| counts(rollout, CANARY, canary.then))?;
    let found = difference(&canary, waves).filter(|found| found.exceeds(canary.margin))?;
    Some((canary.then, Cause::Canary(found)))
}

/// The first wave held against the others, once both have enough that ended.
pub(crate) fn difference(canary: &Canary, waves: &[Wave]) -> Option<Difference> {
    let (first, others) = waves.split_first()?;
    let others = Tally::sum(others);
    let pair = |tally: &Tally| (tally.bad(BadEnd::Any), tally.ended());
    let enough = |tally: &Tally| tally.ended() >= canary.sample.max(1);
    (enough(&first.tally) && enough(&others))
        .then(|| Difference::of(pair(&first.tally), pair(&others), canary.confidence))
}

fn apply(rollout: &mut Rollout, remedy: Remedy, cause: Cause, done: &mut Advance) {
    done.moved = true;
    match remedy {
        Remedy::Pause => pause(rollout, cause),
        Remedy::Cancel => {
            stop(rollout, cause, Ending::Cancel);
            done.withdraw = Some(Ending::Cancel);
        }
        Remedy::RollBack(image) => {
            stop(rollout, cause, Ending::Cancel);
            done.withdraw = Some(Ending::Cancel);
            done.roll_back = Some(image);
        }
    }
}

/// Ends the rollout, and with it the waves that have begun. No moment can change anything any more.
fn finish(rollout: &mut Rollout, waves: &mut [Wave], status: Status, now: Time, done: &mut Advance) {
    for wave in waves.iter_mut().filter(|wave| wave.started.is_some()) {
        close(wave, now);
    }
    end(rollout, status, now);
    done.moved = true;
    done.wake = None;
}

fn close(wave: &mut Wave, now: Time) {
    wave.ended = wave.ended.or(Some(now));
    if wave.status == WaveStatus::Running {
        wave.status = WaveStatus::Finished;
    }
}

/// Holds the gates against the waves, in their order. Returns whether the rollout pauses.
fn move_waves(rollout: &mut Rollout, waves: &mut [Wave], now: Time, done: &mut Advance) -> bool {
    let last = waves.last().map(|wave| wave.number);
    // An operator may have begun a wave before its turn: its gates count as well.
    let mut its_turn = true;
    for wave in waves {
        match wave.status {
            WaveStatus::Scheduled if !its_turn => continue,
            WaveStatus::Scheduled => {
                begin(wave, now);
                done.moved = true;
            }
            WaveStatus::Running | WaveStatus::Failed | WaveStatus::Finished => {}
        }
        if let Some(cause) = fail(wave).or_else(|| pass(wave, Some(wave.number) == last, now, done)) {
            pause(rollout, cause);
            done.moved = true;
            return true;
        }
        its_turn &= wave.passed;
    }
    false
}

/// Lets a wave fail, where too many ended badly. Returns why the rollout pauses, if it does.
fn fail(wave: &mut Wave) -> Option<Cause> {
    let (bad, of) = (wave.tally.bad(BadEnd::Any), wave.tally.total());
    let allowed = wave.failure.filter(|allowed| allowed.exceeded_by(bad, of))?;
    if wave.status != WaveStatus::Running {
        return None;
    }
    wave.status = WaveStatus::Failed;
    Some(Cause::Wave { wave: wave.number, bad, of, allowed })
}

/// Lets a wave pass its success gate, and ends it when all of it has ended. Returns why the rollout pauses, if it does.
fn pass(wave: &mut Wave, last: bool, now: Time, done: &mut Advance) -> Option<Cause> {
    let (succeeded, total) = (wave.tally.succeeded, wave.tally.total());
    let over = wave.tally.is_done() && !wave.continuous;
    let mut cause = None;
    if !wave.passed && wave.success.reached_by(succeeded, total) {
        wave.passed = true;
        done.moved = true;
        cause = (wave.after == AfterSuccess::Pause && !last).then_some(Cause::WaveDone(wave.number));
    }
    if over && !wave.passed {
        wave.passed = true;
        done.moved = true;
        let missed = Cause::WaveMissed { wave: wave.number, succeeded, of: total, wanted: wave.success };
        // A wave that has failed has made the rollout pause already, and somebody let it go on.
        cause = (!last && wave.status == WaveStatus::Running).then_some(missed);
    }
    if over && wave.ended.is_none() {
        close(wave, now);
        done.moved = true;
    }
    cause
}

/// Takes devices on, as far as the pace and the limit allow.
fn take(rollout: &mut Rollout, waves: &[Wave], most: u64, now: Time, done: &mut Advance) {
    let waiting: u64 = waves.iter().filter(|wave| is_open(wave)).map(|wave| wave.tally.waiting).sum();
    if waiting == 0 {
        return;
    }
    let all = Tally::sum(waves);
    let room = rollout.in_flight.map_or(u64::MAX, |bound| bound.limit.saturating_sub(all.leased));
    let purse = rate(rollout.pace, &all).map(|rate| rollout.credit.gained(rate, now));
    let allowed = purse.map_or(u64::MAX, |purse| purse.devices());
    let taken = waiting.min(room).min(allowed).min(most);
    done.take = split(waves, taken);
    if let Some(purse) = purse.filter(|_| taken > 0) {
        rollout.credit = purse.spent(taken);
    }
    // Beyond these, only a device can make more of it.
    if waiting == taken || room == taken {
        return;
    }
    // Devices that were just taken on may have made the pace grow.
    let after = Tally { waiting: all.waiting - taken, active: all.active + taken, ..all };
    let next = match (purse, rate(rollout.pace, &after)) {
        (Some(purse), Some(rate)) if allowed == taken => purse.spent(taken).enough_at(rate),
        (_, _) => now,
    };
    done.wake = Some(done.wake.map_or(next, |wake| wake.min(next)));
}

/// Whether members of the wave may be taken on. A wave that has failed goes on where somebody resumed the rollout.
fn is_open(wave: &Wave) -> bool {
    match wave.status {
        WaveStatus::Running | WaveStatus::Failed => true,
        WaveStatus::Scheduled | WaveStatus::Finished => false,
    }
}

/// Splits so many devices among the open waves, the first ones first.
fn split(waves: &[Wave], devices: u64) -> Vec<Take> {
    let mut left = devices;
    let mut takes = Vec::new();
    for wave in waves.iter().filter(|wave| is_open(wave)) {
        let devices = wave.tally.waiting.min(left);
        left -= devices;
        if devices > 0 {
            takes.push(Take { wave: wave.number, devices });
        }
    }
    takes
}
