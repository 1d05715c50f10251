//! What a device says about its actions: how they go, what it answers to a cancel, and that it asked.

use super::{Desk, Entry, Note, Reject, Verdict, record};
use crate::domain::action::{self, Action, Signal, State, Step};
use crate::domain::feedback::{Feedback, Word};
use crate::domain::ids::ActionId;

impl Desk {
    pub(super) fn feedback(&mut self, id: ActionId, feedback: &Feedback) -> Verdict {
        self.seen();
        let Some(action) = self.actions.iter().find(|a| a.id == id) else {
            return Verdict::Rejected(Reject::NoSuchAction(id));
        };
        let convergence = action.convergence(&self.device, self.connected);
        self.said(id, feedback, Signal::Said(feedback, convergence), Note::Said(feedback.word))
    }

    pub(super) fn cancel_answer(&mut self, id: ActionId, feedback: &Feedback) -> Verdict {
        self.seen();
        self.said(id, feedback, Signal::Answered(feedback), Note::Answered(feedback.word))
    }

    fn said(&mut self, id: ActionId, feedback: &Feedback, signal: Signal<'_>, note: Note) -> Verdict {
        let Some(action) = self.actions.iter().find(|a| a.id == id) else {
            return Verdict::Rejected(Reject::NoSuchAction(id));
        };
        let full = action.entries >= action::HISTORY_MAX;
        match action::step(action, signal) {
            Step::Unchanged => Verdict::Repeated,
            Step::Refused(refusal) => {
                self.drift(id, feedback);
                Verdict::Rejected(Reject::Action(refusal))
            }
            Step::Moved(_) | Step::Noted if full && !ends(feedback.word) => {
                Verdict::Rejected(Reject::TooManyEntries)
            }
            Step::Moved(_) | Step::Noted => {
                self.signal(id, signal, note, feedback.details.clone());
                Verdict::Stored
            }
        }
    }

    /// The device asks whether there is something for it, and the door's answer tells it.
    pub(super) fn poll(&mut self) -> Verdict {
        self.seen();
        self.offered_all();
        self.end_lapsed();
        let paused = &self.paused;
        let told = |a: &&Action| {
            a.state == State::Queued && !a.unconfirmed && !a.cancelling && !paused.contains(&a.id)
        };
        let queued: Vec<_> = self.actions.iter().filter(told).map(|a| a.id).collect();
        for id in queued {
            self.signal(id, Signal::Told, Note::Told, Vec::new());
        }
        Verdict::Stored
    }

    pub(super) fn retrieved(&mut self, id: ActionId) -> Verdict {
        self.seen();
        if self.actions.iter().all(|a| a.id != id) {
            return Verdict::Rejected(Reject::NoSuchAction(id));
        }
        self.signal(id, Signal::Retrieved, Note::Retrieved, Vec::new());
        Verdict::Stored
    }

    /// The device begins to fetch a file: a line of history, while there is room.
    pub(super) fn fetching(&mut self, id: ActionId, what: &str) -> Verdict {
        self.seen();
        let Some(action) = self.actions.iter().find(|a| a.id == id) else {
            return Verdict::Rejected(Reject::NoSuchAction(id));
        };
        if action.entries < action::HISTORY_MAX {
            self.signal(id, Signal::Fetching, Note::Fetching, vec![what.into()]);
        }
        Verdict::Stored
    }

    /// Records what does not fit, while there is room: a device may say the same wrong thing for ever.
    fn drift(&mut self, id: ActionId, feedback: &Feedback) {
        let fits = |a: &&mut Action| a.id == id && a.entries < action::HISTORY_MAX;
        if let Some(action) = self.actions.iter_mut().find(fits) {
            let entry = Entry {
                at: self.now,
                state: action.state,
                note: Note::Drift(feedback.word),
                code: feedback.code,
                details: feedback.details.clone(),
            };
            let before = action.state;
            record(&mut self.changed, action, Some(before), entry);
        }
    }
}

/// The end of an action, or of a cancel, always finds room (hawkBit: FINISHED and ERROR are not counted).
fn ends(word: Word) -> bool {
    matches!(word, Word::Closed(_))
}
