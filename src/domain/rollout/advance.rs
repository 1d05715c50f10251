//! What the moment and the counters make of a rollout: gates, stops, waves that begin and end, devices to take on.

use super::command::{begin, end, pause, start, stop, withdrawal};
use super::{
    AfterSuccess, BadEnd, Canary, Cause, Counted, Credit, Difference, Ending, Pace, Remedy, Rollout, Status,
    Tally, Wave, WaveStatus,
};
use crate::domain::ids::{ImageId, Time};

/// How much a pace may save up, in seconds: after a wait, so much is taken on at once.
const SAVED_S: u64 = 10;

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
    /// An earlier image is to be brought back to every device that was reached.
    pub roll_back: Option<ImageId>,
    /// The next moment at which time alone can change something; none while only a device or an operator can.
    pub wake: Option<Time>,
}

/// Moves a rollout on as far as the moment and the counters allow, taking on at most `most` devices.
pub fn advance(rollout: &mut Rollout, waves: &mut [Wave], most: u64, now: Time) -> Advance {
    let mut done = Advance::default();
    match rollout.status {
        Status::Ready => match rollout.start_at {
            Some(at) if at <= now => {
                start(rollout, now);
                done.moved = true;
                run(rollout, waves, most, now, &mut done);
            }
            at => done.wake = at,
        },
        Status::Running => run(rollout, waves, most, now, &mut done),
        Status::Paused => {
            look_at_the_end(rollout, waves, now, &mut done);
        }
        Status::Stopping => {
            close_waves(waves, now, &mut done);
            if Tally::sum(waves.iter()).active == 0 {
                end(rollout, Status::Stopped, now);
                done.moved = true;
            }
        }
        Status::Creating
        | Status::WaitingForApproval
        | Status::Denied
        | Status::Stopped
        | Status::Finished => {}
    }
    done
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
    if waves.iter().all(ended) {
        end(rollout, Status::Finished, now);
        done.moved = true;
        return;
    }
    take(rollout, waves, most, now, done);
}

/// Returns whether the end has come.
fn look_at_the_end(rollout: &mut Rollout, waves: &[Wave], now: Time, done: &mut Advance) -> bool {
    let Some(limit) = rollout.end else { return false };
    if now < limit.at {
        done.wake = Some(limit.at);
        return false;
    }
    match Tally::sum(waves).is_done() {
        true => end(rollout, Status::Finished, now),
        false => {
            stop(rollout, Cause::End, limit.then);
            done.withdraw = withdrawal(limit.then);
        }
    }
    done.moved = true;
    true
}

/// Returns whether the rollout has stopped itself.
fn look_at_the_rules(rollout: &mut Rollout, waves: &[Wave], done: &mut Advance) -> bool {
    let all = Tally::sum(waves);
    let ended = all.ended();
    let broken = (1..).zip(&rollout.stops).find(|(_, rule)| {
        let bad = all.bad(rule.on);
        bad > 0 && ended >= rule.sample && rule.share.reached_by(bad, ended)
    });
    if let Some((number, rule)) = broken {
        let (remedy, cause) = (rule.then, Cause::Rule { rule: number, bad: all.bad(rule.on), of: ended });
        apply(rollout, remedy, cause, done);
        return true;
    }
    let Some(canary) = rollout.canary else { return false };
    match difference(&canary, waves).filter(|found| found.exceeds(canary.margin)) {
        Some(found) => {
            apply(rollout, canary.then, Cause::Canary(found), done);
            true
        }
        None => false,
    }
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

/// Ends the waves whose members have all ended.
fn close_waves(waves: &mut [Wave], now: Time, done: &mut Advance) {
    let running = |wave: &&mut Wave| wave.status == WaveStatus::Running && !wave.continuous;
    for wave in waves.iter_mut().filter(running).filter(|wave| wave.tally.is_done()) {
        wave.status = WaveStatus::Finished;
        wave.ended = Some(now);
        done.moved = true;
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
        let bad = wave.tally.bad(BadEnd::Any);
        let total = wave.tally.total();
        if let Some(allowed) = wave.failure.filter(|allowed| allowed.exceeded_by(bad, total))
            && wave.status == WaveStatus::Running
        {
            wave.status = WaveStatus::Failed;
            done.moved = true;
            pause(rollout, Cause::Wave { wave: wave.number, bad, of: total, allowed });
            return true;
        }
        if let Some(cause) = pass(wave, Some(wave.number) == last, now, done) {
            pause(rollout, cause);
            return true;
        }
        its_turn &= wave.passed;
    }
    false
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
        wave.ended = Some(now);
        done.moved = true;
        if wave.status == WaveStatus::Running {
            wave.status = WaveStatus::Finished;
        }
    }
    cause
}

/// Takes devices on, as far as the pace and the limit allow.
fn take(rollout: &mut Rollout, waves: &[Wave], most: u64, now: Time, done: &mut Advance) {
    let open = |wave: &&Wave| match wave.status {
        WaveStatus::Running | WaveStatus::Failed => wave.tally.waiting > 0,
        WaveStatus::Scheduled | WaveStatus::Finished => false,
    };
    let waiting: u64 = waves.iter().filter(open).map(|wave| wave.tally.waiting).sum();
    if waiting == 0 {
        return;
    }
    let all = Tally::sum(waves);
    let room = rollout.in_flight.map_or(u64::MAX, |bound| bound.limit.saturating_sub(all.leased));
    let (credit, rate) = credit(rollout, &all, now);
    let allowed = rate.map_or(u64::MAX, |_| credit.milli / 1000);
    let mut left = waiting.min(room).min(allowed).min(most);
    for wave in waves.iter().filter(open) {
        let devices = wave.tally.waiting.min(left);
        left -= devices;
        if devices > 0 {
            done.take.push(Take { wave: wave.number, devices });
        }
    }
    let taken: u64 = done.take.iter().map(|take| take.devices).sum();
    if taken > 0 && rate.is_some() {
        rollout.credit = Credit { milli: credit.milli - taken * 1000, at: credit.at };
    }
    if waiting > taken && room > taken {
        let next = match rate {
            _ if allowed > taken => now,
            Some(rate) => {
                let short = 1000 - (credit.milli - taken * 1000).min(999);
                credit.at.plus_ms((short * 60).div_ceil(rate))
            }
            None => now,
        };
        done.wake = Some(done.wake.map_or(next, |wake| wake.min(next)));
    }
}

/// What the pace allows now, and the pace itself in devices a minute; none where it is unbounded.
fn credit(rollout: &Rollout, all: &Tally, now: Time) -> (Credit, Option<u64>) {
    let rate = match rollout.pace {
        Pace::Unbounded => return (rollout.credit, None),
        Pace::Constant { per_minute } => u64::from(per_minute.max(1)),
        Pace::Exponential { base, factor_hundredths, every, counted, at_most } => {
            let count = match counted {
                Counted::Notified => all.begun(),
                Counted::Succeeded => all.succeeded,
            };
            grown(base, factor_hundredths, count / every.max(1), at_most)
        }
    };
    let Credit { milli, at } = rollout.credit;
    let passed = now.0.saturating_sub(at.0);
    let gained = u64::try_from(u128::from(rate) * u128::from(passed) / 60).unwrap_or(u64::MAX);
    // The time that was not enough for a thousandth of a device is not lost.
    let used = u64::try_from((u128::from(gained) * 60).div_ceil(u128::from(rate))).unwrap_or(passed);
    let saved = (rate * SAVED_S * 1000 / 60).max(1000);
    let milli = milli.saturating_add(gained).min(saved.max(milli));
    (Credit { milli, at: at.plus_ms(used.min(passed)) }, Some(rate))
}

fn grown(base: u32, factor_hundredths: u32, times: u64, at_most: u32) -> u64 {
    let most = u64::from(at_most.max(1));
    let mut rate = u64::from(base.max(1)) * 100;
    for _ in 0..times {
        if rate >= most * 100 {
            break;
        }
        rate = rate * u64::from(factor_hundredths.max(101)) / 100;
    }
    (rate / 100).clamp(1, most)
}
