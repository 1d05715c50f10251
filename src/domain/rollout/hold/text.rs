//! Holds in sentences for people: what is waited for, until when, and how much is missing.

use std::fmt;

use super::Hold;
use crate::domain::action::{Clock, Deadline, State};
use crate::domain::ids::{ActionId, Time};
use crate::domain::rollout::why::Arithmetic;
use crate::domain::rollout::{Cause, Rollout, Who};

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

/// The sentences stand together, as long as that makes the function, so that one reads them at a glance.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::Creating => write!(f, "the rollout is being made: its devices are being written down"),
            Hold::WaitsForApproval => write!(f, "the rollout waits until somebody approves of it"),
            Hold::Denied(None) => write!(f, "the rollout was not approved of"),
            Hold::Denied(Some(by)) => {
                write!(f, "the rollout was not approved of by {}{}", by.by, Because(&by.remark))
            }
            Hold::NotStarted(None) => write!(f, "the rollout waits until somebody starts it"),
            Hold::NotStarted(Some(at)) => write!(f, "the rollout starts at {at}"),
            Hold::Paused(cause) => {
                write!(f, "the rollout pauses until somebody resumes it{}", Because(cause))
            }
            Hold::Stopping(cause) => {
                write!(f, "the rollout is being stopped and takes no device on{}", Because(cause))
            }
            Hold::Stopped(cause) => {
                write!(f, "the rollout was stopped before its turn came{}", Because(cause))
            }
            Hold::Finished => write!(f, "the rollout has finished without it"),
            Hold::WaveNotBegun { wave, after, needs, of, has } => write!(
                f,
                "wave {wave} has not begun: wave {after} must first have {needs} of its {of} devices on the target, and has {has}"
            ),
            Hold::InFlight { limit, held } => {
                write!(
                    f,
                    "{held} devices are under way and hold all {limit} places; it waits for one of them"
                )
            }
            Hold::Pace { per_minute, next } => {
                write!(f, "the pace is {per_minute} a minute; the next device is taken on at {next}")
            }
            Hold::Turn { wave, waiting } => {
                write!(f, "its turn has not come; {waiting} devices of wave {wave} wait, it among them")
            }
            Hold::Retry { tried, of, was, until } => {
                let how = was.reason().map(|why| format!(" ({why})")).unwrap_or_default();
                let name = was.name();
                write!(f, "try {tried} of {of} ended as {name}{how}; the next one begins at {until}")
            }
            Hold::PenaltyBox(until) => write!(
                f,
                "the device failed to come up with updates too often, and is left alone until {until}"
            ),
            Hold::Outweighed { action, until } => {
                write!(f, "action {action} is under way and weighs more; the rollout looks again at {until}")
            }
            Hold::Deferred(until) => write!(f, "the device was busy; the rollout looks again at {until}"),
            Hold::Window { action, opens, prefetch: false } => {
                write!(f, "action {action} waits for its maintenance window, which opens at {opens}")
            }
            Hold::Window { action, opens, prefetch: true } => write!(
                f,
                "action {action} may be fetched and waits for its maintenance window, which opens at {opens}"
            ),
            Hold::Lapsed(action) => {
                write!(
                    f,
                    "the maintenance window of action {action} does not open again; it is being called off"
                )
            }
            Hold::Consent { action, refused: false } => {
                write!(f, "action {action} waits until somebody at the device agrees")
            }
            Hold::Consent { action, refused: true } => {
                write!(f, "action {action} waits until somebody at the device agrees, who said no so far")
            }
            Hold::Offline { action, deadline } => {
                let limit = Limit(deadline, State::Queued);
                write!(
                    f,
                    "action {action} is queued; the device has no session and is told when it comes back{limit}"
                )
            }
            Hold::Untold(action) => write!(f, "action {action} is queued; the device is about to be told"),
            Hold::UnderWay { action, state: State::Offered, since, deadline } => {
                let limit = Limit(deadline, State::Offered);
                write!(f, "the device was told of action {action} at {since} and has not answered{limit}")
            }
            Hold::UnderWay { action, state, since, deadline } => {
                write!(f, "action {action} is {} since {since}{}", state.name(), Limit(deadline, *state))
            }
            Hold::Cancelling { action, until, newer: None } => {
                write!(f, "action {action} is being called off{}", Ends(*until))
            }
            Hold::Cancelling { action, until, newer: Some(newer) } => {
                write!(f, "the device is asked to let action {action} go for action {newer}{}", Ends(*until))
            }
            Hold::Succeeded { already: true, .. } => {
                write!(f, "the device ran the target before its turn came")
            }
            Hold::Succeeded { action, already: false } => {
                write!(f, "the device runs the target; {} brought it", Named(*action))
            }
            Hold::Failed { action, why, tried } => {
                let tries = if *tried > 1 { format!(", the last of {tried} tries,") } else { String::new() };
                write!(f, "{}{tries} failed{}", Named(*action), Because(why))
            }
            Hold::Rejected { action, why } => write!(f, "{} was refused{}", Named(*action), Because(why)),
            Hold::TimedOut { action, clock, why } => {
                write!(f, "{} timed out{}{}", Named(*action), Because(why), By(*clock))
            }
            Hold::NotCompatible { action: None, why: None } => write!(f, "the device was not there any more"),
            Hold::NotCompatible { why, .. } => write!(f, "the device cannot take the target{}", Because(why)),
            Hold::Cancelled { action, why } => write!(f, "{} was called off{}", Named(*action), Because(why)),
            Hold::Superseded { action, newer: Some(newer) } => {
                write!(f, "{} was superseded by action {newer}", Named(*action))
            }
            Hold::Superseded { action, newer: None } => {
                write!(f, "{} was superseded by a newer one", Named(*action))
            }
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
