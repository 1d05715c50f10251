//! What operators ask of a rollout.

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
        (Command::Pause, Status::Running) => pause(rollout, Cause::Operator(by.into())),
        (Command::Resume, Status::Paused) => {
            rollout.status = Status::Running;
            rollout.cause = None;
            rollout.credit.at = now;
            consequence.tell = true;
        }
        (Command::Stop(ending), Status::Running | Status::Paused | Status::Creating) => {
            stop(rollout, Cause::Operator(by.into()), *ending);
            consequence = Consequence { withdraw: withdrawal(*ending), tell: false };
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
            stop(rollout, Cause::Operator(by.into()), Ending::Stop);
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
    rollout.credit = Credit { milli: 1000, at: now };
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
