//! Holds in sentences for people: what is waited for, until when, and how much is missing.

use std::fmt;

use super::Hold;
use crate::domain::action::{Clock, Deadline, State};
use crate::domain::ids::{ActionId, Time};
use crate::domain::rollout::why::Arithmetic;
use crate::domain::rollout::{Cause, Decision, Rollout, Who};

/// Why a rollout paused or stopped, with everything that was reckoned.
pub fn cause_in_full(rollout: &Rollout) -> Option<Box<str>> {
    let cause = rollout.cause.as_ref()?;
    let text = match (cause, &rollout.canary) {
        (Cause::Canary(found), Some(canary)) => Arithmetic { found, margin: canary.margin }.to_string(),
        (Cause::Canary(_), None)
        | (
            Cause::Operator(_)
            | Cause::Wave { .. }
            | Cause::WaveDone(_)
            | Cause::WaveMissed { .. }
            | Cause::Rule { .. }
            | Cause::End,
            _,
        ) => cause.to_string(),
    };
    Some(text.into())
}

/// What is added behind a colon, where there is something.
struct Because<'a>(&'a Option<Box<str>>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

/// An action by its number, where it is known.
struct Named(Option<ActionId>);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "action {id}"),
            None => write!(f, "its action"),
        }
    }
}

/// When an action times out.
struct Limit<'a>(&'a Option<Deadline>, State);

impl fmt::Display for Limit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Deadline { at, clock }) = self.0 else { return Ok(()) };
        match clock {
            Clock::First => write!(f, "; it times out at {at} without a first sign of the device"),
            Clock::Step => write!(f, "; it times out at {at} if it is still {} then", self.1.name()),
            Clock::Total => write!(f, "; it times out at {at} if it is not done by then"),
        }
    }
}

/// When a cancel ends.
struct Ends(Option<Time>);

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |at| write!(f, "; it ends at {at} in any case"))
    }
}

/// Which clock ran out.
struct By(Option<Clock>);

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Clock::First) => write!(f, " (the clock of the first sign)"),
            Some(Clock::Step) => write!(f, " (the clock of each step)"),
            Some(Clock::Total) => write!(f, " (the clock of the whole)"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Filter(query) => write!(f, "the device does not match its filter {query}"),
            Who::Product(product) => write!(f, "the device is not of product {product}"),
            Who::Listed => write!(f, "the device is not on its list"),
        }
    }
}

/// The sentences stand together, so that one reads them at a glance; those that come in two are below.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::Creating => write!(f, "the rollout is being made: its devices are being written down"),
            Hold::WaitsForApproval => write!(f, "the rollout waits until somebody approves of it"),
            Hold::Denied(decision) => denied(f, decision.as_ref()),
            Hold::NotStarted(None) => write!(f, "the rollout waits until somebody starts it"),
            Hold::NotStarted(Some(at)) => write!(f, "the rollout starts at {at}"),
            Hold::Paused(cause) => held(f, "pauses until somebody resumes it", cause),
            Hold::Stopping(cause) => held(f, "is being stopped and takes no device on", cause),
            Hold::Stopped(cause) => held(f, "was stopped before its turn came", cause),
            Hold::Finished => write!(f, "the rollout has finished without it"),
            Hold::WaveNotBegun { wave, after, needs, of, has } => write!(
                f,
                "wave {wave} has not begun: wave {after} must first have {needs} of its {of} devices on the target, and has {has}"
            ),
            Hold::InFlight { limit, held } => {
                write!(f, "{held} devices are under way and hold all {limit} places; ")?;
                write!(f, "it waits for one of them")
            }
            Hold::Pace { per_minute, next } => {
                write!(f, "the pace is {per_minute} a minute; the next device is taken on at {next}")
            }
            Hold::Turn { wave, waiting } => {
                write!(f, "its turn has not come; {waiting} devices of wave {wave} wait, it among them")
            }
            Hold::Retry { tried, of, was, until } => retry(f, (*tried, *of), *was, *until),
            Hold::PenaltyBox(until) => write!(
                f,
                "the device failed to come up with updates too often, and is left alone until {until}"
            ),
            Hold::Outweighed { action, until } => {
                write!(f, "action {action} is under way and weighs more; the rollout looks again at {until}")
            }
            Hold::Deferred(until) => write!(f, "the device was busy; the rollout looks again at {until}"),
            Hold::Window { action, opens, prefetch } => window(f, *action, *opens, *prefetch),
            Hold::Lapsed(action) => {
                write!(f, "the maintenance window of action {action} does not open again; ")?;
                write!(f, "it is being called off")
            }
            Hold::Consent { action, refused } => consent(f, *action, *refused),
            Hold::Offline { action, deadline } => {
                let limit = Limit(deadline, State::Queued);
                write!(f, "action {action} is queued; the device has no session ")?;
                write!(f, "and is told when it comes back{limit}")
            }
            Hold::Untold(action) => write!(f, "action {action} is queued; the device is about to be told"),
            Hold::UnderWay { action, state, since, deadline } => {
                under_way(f, *action, *state, *since, Limit(deadline, *state))
            }
            Hold::Cancelling { action, until, newer } => cancelling(f, *action, *newer, Ends(*until)),
            Hold::Succeeded { action, already } => succeeded(f, Named(*action), *already),
            Hold::Failed { action, why, tried } => failed(f, Named(*action), *tried, Because(why)),
            Hold::Rejected { action, why } => write!(f, "{} was refused{}", Named(*action), Because(why)),
            Hold::TimedOut { action, clock, why } => {
                write!(f, "{} timed out{}{}", Named(*action), Because(why), By(*clock))
            }
            Hold::NotCompatible { action: None, why: None } => write!(f, "the device was not there any more"),
            Hold::NotCompatible { why, .. } => write!(f, "the device cannot take the target{}", Because(why)),
            Hold::Cancelled { action, why } => write!(f, "{} was called off{}", Named(*action), Because(why)),
            Hold::Superseded { action, newer } => superseded(f, Named(*action), *newer),
            Hold::NotSelected(who) => write!(f, "the rollout is not for it: {who}"),
            Hold::OutsideShare { bucket, share } => write!(
                f,
                "the rollout is for {share} of the devices, those with a bucket below {}; this one has bucket {bucket}",
                share.hundredths()
            ),
            Hold::TooLate(made) => write!(
                f,
                "it came to match later than the rollout was made, at {made}, and the rollout adds no device later"
            ),
            Hold::Joining => write!(f, "it matches and joins the last wave as soon as it is next heard of"),
        }
    }
}

fn held(f: &mut fmt::Formatter<'_>, how: &str, cause: &Option<Box<str>>) -> fmt::Result {
    write!(f, "the rollout {how}{}", Because(cause))
}

fn retry(f: &mut fmt::Formatter<'_>, (tried, of): (u32, u32), was: State, until: Time) -> fmt::Result {
    let how = was.reason().map(|why| format!(" ({why})")).unwrap_or_default();
    write!(f, "try {tried} of {of} ended as {}{how}; the next one begins at {until}", was.name())
}

fn denied(f: &mut fmt::Formatter<'_>, by: Option<&Decision>) -> fmt::Result {
    match by {
        None => write!(f, "the rollout was not approved of"),
        Some(by) => write!(f, "the rollout was not approved of by {}{}", by.by, Because(&by.remark)),
    }
}

fn window(f: &mut fmt::Formatter<'_>, action: ActionId, opens: Time, prefetch: bool) -> fmt::Result {
    let may = if prefetch { "may be fetched and " } else { "" };
    write!(f, "action {action} {may}waits for its maintenance window, which opens at {opens}")
}

fn consent(f: &mut fmt::Formatter<'_>, action: ActionId, refused: bool) -> fmt::Result {
    let so_far = if refused { ", who said no so far" } else { "" };
    write!(f, "action {action} waits until somebody at the device agrees{so_far}")
}

fn under_way(
    f: &mut fmt::Formatter<'_>,
    action: ActionId,
    state: State,
    since: Time,
    limit: Limit<'_>,
) -> fmt::Result {
    if state == State::Offered {
        return write!(f, "the device was told of action {action} at {since} and has not answered{limit}");
    }
    write!(f, "action {action} is {} since {since}{limit}", state.name())
}

fn cancelling(
    f: &mut fmt::Formatter<'_>,
    action: ActionId,
    newer: Option<ActionId>,
    ends: Ends,
) -> fmt::Result {
    match newer {
        None => write!(f, "action {action} is being called off{ends}"),
        Some(newer) => write!(f, "the device is asked to let action {action} go for action {newer}{ends}"),
    }
}

fn succeeded(f: &mut fmt::Formatter<'_>, action: Named, already: bool) -> fmt::Result {
    match already {
        true => write!(f, "the device ran the target before its turn came"),
        false => write!(f, "the device runs the target; {action} brought it"),
    }
}

fn failed(f: &mut fmt::Formatter<'_>, action: Named, tried: u32, why: Because<'_>) -> fmt::Result {
    match tried {
        0 | 1 => write!(f, "{action} failed{why}"),
        _ => write!(f, "{action}, the last of {tried} tries, failed{why}"),
    }
}

fn superseded(f: &mut fmt::Formatter<'_>, action: Named, newer: Option<ActionId>) -> fmt::Result {
    match newer {
        Some(newer) => write!(f, "{action} was superseded by action {newer}"),
        None => write!(f, "{action} was superseded by a newer one"),
    }
}
