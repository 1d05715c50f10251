//! An action's history as hawkBit writes it: the same at the door of its devices and at that of its operators.

use crate::domain::action::{Action, Origin, State};
use crate::domain::decide::{Entry, Note};
use crate::domain::feedback::{Finished, Word};
use crate::domain::ids::Time;

/// What stands before messages that the server wrote; devices are not shown these.
pub const SERVER: &str = "Update Server: ";

/// One status entry of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number within the action, from 1.
    pub number: u32,
    /// hawkBit's `Action.Status`, in lower case.
    pub status: &'static str,
    /// Texts for people.
    pub messages: Vec<String>,
    /// When it was recorded.
    pub at: Time,
    /// The device's own code.
    pub code: Option<i32>,
}

/// The history of an action, oldest first, from all of its entries. That a device was told is no news in hawkBit.
pub fn lines(action: &Action, entries: &[Entry]) -> Vec<Line> {
    let asked = entries.iter().any(|entry| matches!(entry.note, Note::Confirmed | Note::Denied));
    let waited = action.unconfirmed || (action.terms.consent && asked);
    let mut cancelling = false;
    let lines = (1..).zip(entries).filter_map(|(number, entry)| {
        cancelling = match entry.note {
            Note::CancelAsked => true,
            // The device lets go, or refuses to.
            Note::Answered(Word::Closed(_) | Word::Rejected) => false,
            _ => cancelling,
        };
        line(action, waited, cancelling, number, entry)
    });
    lines.collect()
}

fn line(action: &Action, waited: bool, cancelling: bool, number: u32, entry: &Entry) -> Option<Line> {
    let (status, text) = match entry.note {
        Note::Told => return None,
        Note::Created => created(action, waited, entry.state),
        Note::Said(word) => said(word),
        Note::Answered(word) => answered(word),
        Note::Retrieved if cancelling => {
            ("retrieved", "Target retrieved cancel action and should start now the cancellation.".into())
        }
        Note::Retrieved => {
            ("retrieved", "Target retrieved update action and should start now the download.".into())
        }
        Note::Fetching => {
            let what = entry.details.first().map(|what| format!("Target downloads {what}"));
            return Some(server(number, entry, "download", what.into_iter().collect()));
        }
        Note::Confirmed => ("running", "Assignment confirmed.".into()),
        Note::Denied => ("wait_for_confirmation", "Assignment denied.".into()),
        Note::Forced => ("running", "Assignment forced by user.".into()),
        Note::Reported => reported(entry.state),
        Note::CancelAsked if entry.state == State::Cancelled => {
            ("canceled", "A force quit has been performed.".into())
        }
        Note::CancelAsked => ("canceling", "manual cancelation requested".into()),
        Note::CancelEnded => ("canceled", "The cancelation ended without the target.".into()),
        Note::Superseded => ("canceled", "cancel obsolete action due to new update".into()),
        Note::TimedOut(_) => ("error", "The target was silent for too long.".into()),
        Note::Drift(word) => ("warning", format!("Target reported {} after the end.", name(word))),
    };
    Some(match entry.note {
        Note::Created => plain(number, entry, status, text),
        _ => detailed(number, entry, status, text),
    })
}

/// The server's own words.
fn server(number: u32, entry: &Entry, status: &'static str, texts: Vec<String>) -> Line {
    let messages = texts.into_iter().map(|text| format!("{SERVER}{text}")).collect();
    Line { number, status, messages, at: entry.at, code: entry.code }
}

/// What hawkBit writes first stands without the server's name.
fn plain(number: u32, entry: &Entry, status: &'static str, text: String) -> Line {
    let details = entry.details.iter().map(|detail| format!("{SERVER}{detail}"));
    let messages = [text].into_iter().chain(details).collect();
    Line { number, status, messages, at: entry.at, code: entry.code }
}

/// What was said, or the server's words where nothing was; and the code.
fn detailed(number: u32, entry: &Entry, status: &'static str, text: String) -> Line {
    let mut messages: Vec<String> = entry.details.iter().map(|detail| detail.to_string()).collect();
    if messages.is_empty() {
        messages.push(format!("{SERVER}{text}"));
    }
    messages.extend(entry.code.map(|code| format!("Device reported status code: {code}")));
    Line { number, status, messages, at: entry.at, code: entry.code }
}

fn created(action: &Action, waited: bool, state: State) -> (&'static str, String) {
    let by = &action.by;
    let text = match action.origin {
        Origin::Device => format!("{SERVER}Action reported as offline deployment"),
        Origin::Offer => format!("{SERVER}Assignment by the standing offer of the product"),
        Origin::Deployment(_) | Origin::Filter(_) => format!("Assignment initiated by user '{by}'"),
        // hawkBit has the names of both besides, which the action does not know.
        Origin::Rollout(rollout, wave) => format!("Initiated by Rollout Group '{wave}' [Rollout {rollout}]"),
    };
    let status = match state {
        State::NotCompatible => "error",
        State::AlreadyInstalled => "finished",
        _ if waited => "wait_for_confirmation",
        _ => "running",
    };
    (status, text)
}

/// DDI: feedback on `deploymentBase`.
fn said(word: Word) -> (&'static str, String) {
    let name = name(word);
    match word {
        Word::Proceeding | Word::Scheduled | Word::Resumed => {
            ("running", format!("Target reported {}", name.to_ascii_uppercase()))
        }
        Word::Download => ("download", "Target confirmed download start.".into()),
        Word::Downloaded => ("downloaded", "Target confirmed download finished.".into()),
        Word::Rejected => ("warning", "Target REJECTED update.".into()),
        Word::Canceled => ("canceled", "Target confirmed cancelation.".into()),
        Word::Closed(Finished::Success | Finished::None) => {
            ("finished", "Target reported CLOSED with OK!".into())
        }
        Word::Closed(Finished::Failure) => ("error", "Target reported CLOSED with ERROR!".into()),
    }
}

/// DDI: feedback on `cancelAction`.
fn answered(word: Word) -> (&'static str, String) {
    match word {
        Word::Closed(Finished::Success | Finished::None) => ("canceled", "Cancelation confirmed.".into()),
        Word::Closed(Finished::Failure) => ("error", "Target was not able to complete cancelation.".into()),
        Word::Rejected => ("cancel_rejected", "Target rejected the cancelation request.".into()),
        Word::Canceled => {
            let text = "Target reported cancel for a cancel which is not supported by the server.";
            ("warning", text.into())
        }
        Word::Proceeding | Word::Scheduled | Word::Resumed | Word::Download | Word::Downloaded => {
            ("running", format!("Target reported {}", name(word).to_ascii_uppercase()))
        }
    }
}

/// The version that the device reports ended the action.
fn reported(state: State) -> (&'static str, String) {
    match state {
        State::Succeeded | State::AlreadyInstalled => {
            ("finished", "Target reports the assigned version.".into())
        }
        State::Failed(_)
        | State::Rejected
        | State::TimedOut
        | State::Cancelled
        | State::Superseded
        | State::NotCompatible => ("error", "Target reports another version than the assigned one.".into()),
        State::Queued
        | State::Offered
        | State::Accepted
        | State::Downloading
        | State::Downloaded
        | State::Waiting
        | State::Installing
        | State::Rebooting
        | State::Verifying => ("running", "Target reports a version.".into()),
    }
}

fn name(word: Word) -> &'static str {
    match word {
        Word::Proceeding => "proceeding",
        Word::Scheduled => "scheduled",
        Word::Resumed => "resumed",
        Word::Download => "download",
        Word::Downloaded => "downloaded",
        Word::Rejected => "rejected",
        Word::Canceled => "canceled",
        Word::Closed(_) => "closed",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::action::Failure;
    use crate::domain::deployment::Target;
    use crate::domain::ids::{ActionId, DeploymentId, DeviceId, DeviceKey, ReleaseId, TenantId};
    use crate::domain::terms::Terms;

    fn action() -> Action {
        Action {
            id: ActionId::new(1).unwrap(),
            device: DeviceKey { tenant: TenantId::default(), device: DeviceId::parse("d").unwrap() },
            target: Target::Release(ReleaseId::new(1).unwrap()),
            onward: None,
            components: Vec::new(),
            origin: Origin::Deployment(DeploymentId::new(1).unwrap()),
            terms: Terms::default(),
            by: "ada".into(),
            unconfirmed: false,
            state: State::Queued,
            last_code: None,
            read: false,
            warning: false,
            cancelling: false,
            cancel_by: None,
            attempt: 1,
            verified_in: None,
            progress: None,
            fingerprints: Vec::new(),
            entries: 0,
            created: Time(0),
            changed: Time(0),
            commanded: None,
            stepped: Time(0),
            due_at: None,
        }
    }

    fn entry(note: Note, state: State, code: Option<i32>, details: &[&str]) -> Entry {
        let details = details.iter().map(|detail| (*detail).into()).collect();
        Entry { at: Time(7), state, note, code, details }
    }

    #[test]
    fn every_entry_is_written_as_hawkbit_writes_it() {
        let (going, done) = (State::Accepted, State::Succeeded);
        let failed = State::Failed(Failure::NotConverged);
        let closed = |finished| Note::Said(Word::Closed(finished));
        let table: &[(Note, State, &str, &str)] = &[
            (Note::Created, State::Queued, "running", "Assignment initiated by user 'ada'"),
            (Note::Created, State::AlreadyInstalled, "finished", "Assignment initiated by user 'ada'"),
            (Note::Created, State::NotCompatible, "error", "Assignment initiated by user 'ada'"),
            (Note::Said(Word::Proceeding), going, "running", "Update Server: Target reported PROCEEDING"),
            (Note::Said(Word::Scheduled), going, "running", "Update Server: Target reported SCHEDULED"),
            (Note::Said(Word::Resumed), going, "running", "Update Server: Target reported RESUMED"),
            (
                Note::Said(Word::Download),
                going,
                "download",
                "Update Server: Target confirmed download start.",
            ),
            (Note::Said(Word::Rejected), going, "warning", "Update Server: Target REJECTED update."),
            (Note::Said(Word::Canceled), going, "canceled", "Update Server: Target confirmed cancelation."),
            (closed(Finished::Success), done, "finished", "Update Server: Target reported CLOSED with OK!"),
            (closed(Finished::None), done, "finished", "Update Server: Target reported CLOSED with OK!"),
            (closed(Finished::Failure), failed, "error", "Update Server: Target reported CLOSED with ERROR!"),
            (Note::Reported, done, "finished", "Update Server: Target reports the assigned version."),
            (
                Note::Reported,
                failed,
                "error",
                "Update Server: Target reports another version than the assigned one.",
            ),
            (Note::CancelAsked, going, "canceling", "Update Server: manual cancelation requested"),
            (
                Note::CancelAsked,
                State::Cancelled,
                "canceled",
                "Update Server: A force quit has been performed.",
            ),
            (
                Note::Answered(Word::Closed(Finished::None)),
                State::Cancelled,
                "canceled",
                "Update Server: Cancelation confirmed.",
            ),
            (
                Note::Answered(Word::Rejected),
                going,
                "cancel_rejected",
                "Update Server: Target rejected the cancelation request.",
            ),
            (
                Note::Superseded,
                State::Superseded,
                "canceled",
                "Update Server: cancel obsolete action due to new update",
            ),
        ];
        for (note, state, status, message) in table {
            let written = lines(&action(), &[entry(*note, *state, None, &[])]);
            let messages = vec![(*message).to_owned()];
            assert_eq!(written, [Line { number: 1, status, messages, at: Time(7), code: None }], "{note:?}");
        }
    }

    #[test]
    fn what_was_said_takes_the_place_of_the_servers_words_and_a_code_is_added() {
        let said = entry(Note::Said(Word::Proceeding), State::Accepted, Some(-3), &["erasing", "writing"]);
        let told = entry(Note::Told, State::Offered, None, &[]);
        let fetched = entry(Note::Fetching, State::Downloading, None, &["/a.bin"]);
        let written = lines(&action(), &[told, said, fetched]);
        let shown: Vec<_> = written.iter().map(|line| (line.number, line.messages.join("|"))).collect();
        let expected = [
            (2, "erasing|writing|Device reported status code: -3".to_owned()),
            (3, "Update Server: Target downloads /a.bin".to_owned()),
        ];
        assert_eq!(shown, expected, "that a device was told is no news in hawkBit");
    }

    #[test]
    fn an_assignment_that_waited_for_somebody_began_with_waiting() {
        let mut waiting = action();
        waiting.terms.consent = true;
        waiting.unconfirmed = true;
        let created = entry(Note::Created, State::Queued, None, &[]);
        assert_eq!(lines(&waiting, std::slice::from_ref(&created))[0].status, "wait_for_confirmation");
        waiting.unconfirmed = false;
        assert_eq!(lines(&waiting, std::slice::from_ref(&created))[0].status, "running", "nobody was asked");
        let agreed = entry(Note::Confirmed, State::Queued, None, &[]);
        let statuses: Vec<_> = lines(&waiting, &[created, agreed]).iter().map(|line| line.status).collect();
        assert_eq!(statuses, ["wait_for_confirmation", "running"]);
    }
}
