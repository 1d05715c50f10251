//! What operators ask of a rollout.

use super::advance::CANARY;
use super::{Cause, Credit, Decision, Ending, Rollout, Status, Wave, WaveStatus};
use crate::domain::ids::Time;

/// What an operator asks of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin.
    Start,
    /// Take nobody on for now.
    Pause,
    /// Go on.
    Resume,
    /// Take nobody on any more, and let open actions go on or call them off.
    Stop(Ending),
    /// Agree to it, with a remark.
    Approve(Option<Box<str>>),
    /// Do not agree to it, with a remark.
    Deny(Option<Box<str>>),
    /// Begin the next wave, whatever the ones before have come to.
    Next,
    /// Call it otherwise.
    Rename {
        /// What people call it.
        name: Option<Box<str>>,
        /// What people say about it.
        description: Option<Box<str>>,
    },
    /// Remove it: it is stopped first, and open actions go on.
    Remove,
}

/// Why a rollout does not do what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not go from where it stands.
    #[error("a rollout that is {} cannot {asked}", status.name())]
    Status {
        /// Where it stands.
        status: Status,
        /// What was asked.
        asked: &'static str,
    },
    /// Every wave has begun.
    #[error("every wave has begun")]
    NoWaveLeft,
}

/// What a command asks of the engine beyond what it changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consequence {
    /// Open actions are to be called off so.
    pub withdraw: Option<Ending>,
    /// Devices that were held back may be told again.
    pub tell: bool,
}

/// Carries a command out.
///
/// # Errors
/// [`Refusal`] says why nothing changed.
pub fn command(
    rollout: &mut Rollout,
    waves: &mut [Wave],
    asked: &Command,
    by: &str,
    now: Time,
) -> Result<Consequence, Refusal> {
    let mut consequence = Consequence::default();
    match (asked, rollout.status) {
        (Command::Start, Status::Ready) => start(rollout, now),
        // It starts as soon as it is ready, and approved of where somebody has to.
        (Command::Start, Status::Creating) => rollout.start_at = Some(now),
        (Command::Pause, Status::Running) => pause(rollout, Cause::Operator(by.into())),
        (Command::Resume, Status::Paused) => {
            resume(rollout, now);
            consequence.tell = true;
        }
        (Command::Stop(ending), Status::Running | Status::Paused | Status::Creating) => {
            consequence = call_off(rollout, *ending, by);
        }
        // Whoever does not want to wait for what goes on may still call it off.
        (Command::Stop(ending), Status::Stopping) if is_harder(*ending, rollout.ending) => {
            consequence = call_off(rollout, *ending, by);
        }
        (Command::Stop(_), Status::Ready | Status::WaitingForApproval) => {
            rollout.cause = Some(Cause::Operator(by.into()));
            end(rollout, Status::Stopped, now);
        }
        (Command::Approve(remark), Status::WaitingForApproval) => {
            rollout.decision = Some(Decision { by: by.into(), remark: remark.clone() });
            rollout.status = Status::Ready;
        }
        (Command::Deny(remark), Status::WaitingForApproval) => {
            rollout.decision = Some(Decision { by: by.into(), remark: remark.clone() });
            rollout.status = Status::Denied;
        }
        (Command::Next, Status::Running) => {
            let next = waves.iter_mut().find(|wave| wave.status == WaveStatus::Scheduled);
            begin(next.ok_or(Refusal::NoWaveLeft)?, now);
        }
        (Command::Rename { name, description }, _) => {
            rollout.name = name.clone().unwrap_or_else(|| rollout.name.clone());
            rollout.description = description.clone().or_else(|| rollout.description.clone());
        }
        (Command::Remove, Status::Running | Status::Paused | Status::Creating) => {
            rollout.deleted = true;
            consequence = call_off(rollout, Ending::Stop, by);
        }
        (Command::Remove, Status::Stopping) => rollout.deleted = true,
        (Command::Remove, Status::Ready | Status::WaitingForApproval) => {
            rollout.deleted = true;
            end(rollout, Status::Stopped, now);
        }
        (Command::Remove, Status::Denied | Status::Stopped | Status::Finished) => rollout.deleted = true,
        (
            Command::Start
            | Command::Pause
            | Command::Resume
            | Command::Stop(_)
            | Command::Approve(_)
            | Command::Deny(_)
            | Command::Next,
            status,
        ) => return Err(Refusal::Status { status, asked: verb(asked) }),
    }
    rollout.trail.touch(by, now);
    Ok(consequence)
}

fn verb(asked: &Command) -> &'static str {
    match asked {
        Command::Start => "be started",
        Command::Pause => "be paused",
        Command::Resume => "be resumed",
        Command::Stop(_) => "be stopped",
        Command::Approve(_) => "be approved",
        Command::Deny(_) => "be denied",
        Command::Next => "begin its next wave",
        Command::Rename { .. } => "be renamed",
        Command::Remove => "be removed",
    }
}

pub(super) fn start(rollout: &mut Rollout, now: Time) {
    rollout.status = Status::Running;
    rollout.started = Some(now);
    // The first device does not wait.
    rollout.credit = Credit::for_one(now);
}

/// Goes on. What made the rollout pause would make it pause again at once, so it counts no more.
fn resume(rollout: &mut Rollout, now: Time) {
    rollout.status = Status::Running;
    // No credit is saved up while nobody may be taken on.
    rollout.credit.at = now;
    match rollout.cause.take() {
        Some(Cause::Rule { rule, bad: _, of: _ }) => rollout.excused.push(rule),
        Some(Cause::Canary(_)) => rollout.excused.push(CANARY),
        Some(
            Cause::Operator(_)
            | Cause::Wave { .. }
            | Cause::WaveDone(_)
            | Cause::WaveMissed { .. }
            | Cause::End,
        )
        | None => {}
    }
}

/// Stops by an operator's word.
fn call_off(rollout: &mut Rollout, ending: Ending, by: &str) -> Consequence {
    let withdraw = withdrawal(ending);
    // What was held back by a pause, and is not called off, goes on.
    let tell = rollout.status == Status::Paused && withdraw.is_none();
    stop(rollout, Cause::Operator(by.into()), ending);
    Consequence { withdraw, tell }
}

fn is_harder(ending: Ending, than: Option<Ending>) -> bool {
    let rank = |ending: Ending| match ending {
        Ending::Stop => 0,
        Ending::Cancel => 1,
        Ending::Force => 2,
    };
    than.is_none_or(|than| rank(ending) > rank(than))
}

pub(super) fn pause(rollout: &mut Rollout, cause: Cause) {
    rollout.status = Status::Paused;
    rollout.cause = Some(cause);
}

pub(super) fn stop(rollout: &mut Rollout, cause: Cause, ending: Ending) {
    rollout.status = Status::Stopping;
    rollout.cause = Some(cause);
    rollout.ending = Some(ending);
}

pub(super) fn end(rollout: &mut Rollout, status: Status, now: Time) {
    rollout.status = status;
    rollout.ended = Some(now);
}

pub(super) fn begin(wave: &mut Wave, now: Time) {
    wave.status = WaveStatus::Running;
    wave.started = Some(now);
}

/// What an ending does to open actions.
pub(super) fn withdrawal(ending: Ending) -> Option<Ending> {
    match ending {
        Ending::Stop => None,
        Ending::Cancel | Ending::Force => Some(ending),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::deployment::Target;
    use crate::domain::ids::{ImageId, RolloutId, TenantId};
    use crate::domain::rollout::{
        NewRollout, NewWave, Pace, Retries, Selection, Share, Size, Take, Who, advance,
    };
    use crate::domain::terms::Terms;

    #[test]
    fn one_that_is_told_to_start_while_it_is_made_starts_as_soon_as_it_is_ready() {
        let new = NewRollout {
            name: "spring".into(),
            description: None,
            target: Target::Image(ImageId::new(1).unwrap()),
            selection: Selection { who: Who::Listed, share: Share::ALL, seed: 0, continuous: false },
            waves: vec![NewWave::new(Size::Rest)],
            may_overlap: false,
            terms: Terms::default(),
            allow_downgrade: false,
            pace: Pace::Unbounded,
            in_flight: None,
            retries: Retries::default(),
            start_at: Some(Time(9000)),
            end: None,
            stops: Vec::new(),
            canary: None,
        };
        let id = RolloutId::new(1).unwrap();
        let (mut rollout, mut waves) = new.rollout(id, TenantId::default(), &[3], "root", Time(1000));
        let done = command(&mut rollout, &mut waves, &Command::Start, "root", Time(2000));
        assert_eq!(done, Ok(Consequence::default()));
        assert_eq!((rollout.status, rollout.start_at), (Status::Creating, Some(Time(2000))));
        assert!(advance(&mut rollout, &mut waves, 10, Time(2000)).take.is_empty());
        rollout.status = Status::Ready;
        let advanced = advance(&mut rollout, &mut waves, 10, Time(3000));
        assert_eq!((rollout.status, advanced.take), (Status::Running, vec![Take { wave: 1, devices: 3 }]));
    }
}
