//! What a decision can amount to: changes, words for the device, an answer.

use std::fmt;

use crate::domain::action::{Action, Clock, HISTORY_MAX, Refusal, State};
use crate::domain::device::{ATTRIBUTE_NAME_MAX, ATTRIBUTE_VALUE_MAX, ATTRIBUTES_MAX, Device};
use crate::domain::eligibility::Reason;
use crate::domain::feedback::Word;
use crate::domain::ids::{ActionId, AttributeId, ProductId, Time};

/// What a command asks of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Install what `desired` says.
    Deploy,
    /// Stop an action, if it can still be stopped.
    Cancel,
    /// Send a full version report.
    Report,
}

/// Something to tell the device after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tell {
    /// The desired document, made of the actions under way.
    Desired {
        /// Its sequence number.
        seq: u64,
        /// The actions under way, in id order; a cancelling one is not among them.
        actions: Vec<Action>,
    },
    /// A hint.
    Command {
        /// What is asked.
        order: Order,
        /// The action that it is about.
        action: Option<ActionId>,
        /// The attempt that it is about.
        attempt: u32,
    },
}

/// What a history entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The action was created.
    Created,
    /// The device was told.
    Told,
    /// The device said this.
    Said(Word),
    /// The device read what it is to do.
    Retrieved,
    /// The device began to fetch a file.
    Fetching,
    /// Somebody agreed.
    Confirmed,
    /// Somebody did not agree.
    Denied,
    /// An operator made it press.
    Forced,
    /// The device answered a cancel with this.
    Answered(Word),
    /// The version that the device reports ended the action.
    Reported,
    /// A cancel was asked for.
    CancelAsked,
    /// A cancel ended without the device's word.
    CancelEnded,
    /// A newer action took its place.
    Superseded,
    /// One of its clocks ran out.
    TimedOut(Clock),
    /// The device said something that does not fit how the action ended.
    Drift(Word),
}

/// One line of an action's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was recorded.
    pub at: Time,
    /// The state after it.
    pub state: State,
    /// What it is about.
    pub note: Note,
    /// The device's own code.
    pub code: Option<i32>,
    /// Texts for people.
    pub details: Vec<Box<str>>,
}

/// A changed or new action, with what is added to its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The state before; none for a new action.
    pub before: Option<State>,
    /// The action as it is now.
    pub action: Action,
    /// New history entries, oldest first.
    pub entries: Vec<Entry>,
    /// A moment to be noted for looking at its clocks ([`Event::Overdue`](crate::domain::event::Event::Overdue)).
    pub due: Option<Time>,
}

/// Why an event is refused. Refusals are recorded and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reject {
    /// The device says that it is another product than the registered one.
    WrongProduct {
        /// What it says.
        claimed: ProductId,
        /// What is registered.
        registered: ProductId,
    },
    /// No such action, or one of another device: the two look alike on purpose.
    NoSuchAction(ActionId),
    /// The action refuses it.
    Action(Refusal),
    /// The device has as many attributes as it may have.
    TooManyAttributes,
    /// The attribute's value is too long.
    ValueTooLong(AttributeId),
    /// The payload cannot be read.
    Unreadable {
        /// The door's code.
        code: &'static str,
        /// The door's sentence.
        message: Box<str>,
    },
    /// The value of the attribute with this name is too long.
    NamedValueTooLong(Box<str>),
    /// The name of an attribute has this many bytes, which is too many.
    NameTooLong(usize),
    /// All actions are agreed to already.
    AutoConfirmActive,
    /// The action's history is full; only its end is still taken.
    TooManyEntries,
}

impl Reject {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Reject::WrongProduct { .. } => "wrong-product",
            Reject::NoSuchAction(_) => "no-such-action",
            Reject::Action(Refusal::Finished) => "action-finished",
            Reject::Action(Refusal::Contradicts) => "contradicts",
            Reject::Action(Refusal::CancelPending) => "cancel-pending",
            Reject::Action(Refusal::NoCancelPending) => "no-cancel-pending",
            Reject::Action(Refusal::NotWaiting) => "not-waiting",
            Reject::Action(Refusal::Waiting) => "waiting-for-confirmation",
            Reject::AutoConfirmActive => "auto-confirm-active",
            Reject::TooManyAttributes => "too-many-attributes",
            Reject::Unreadable { code, .. } => code,
            Reject::ValueTooLong(_) | Reject::NamedValueTooLong(_) => "value-too-long",
            Reject::NameTooLong(_) => "name-too-long",
            Reject::TooManyEntries => "too-many-entries",
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::WrongProduct { claimed, registered } => {
                write!(f, "the device says it is a {claimed} and is registered as a {registered}")
            }
            Reject::NoSuchAction(id) => write!(f, "there is no action {id} for this device"),
            Reject::Action(Refusal::Finished) => write!(f, "the action has ended"),
            Reject::Action(Refusal::Contradicts) => write!(f, "the action has ended otherwise"),
            Reject::Action(Refusal::CancelPending) => write!(f, "a cancel is pending already"),
            Reject::Action(Refusal::NoCancelPending) => write!(f, "no cancel is pending"),
            Reject::Action(Refusal::NotWaiting) => write!(f, "the action does not wait for anybody to agree"),
            Reject::Action(Refusal::Waiting) => write!(f, "the action waits until somebody agrees"),
            Reject::AutoConfirmActive => write!(f, "auto-confirmation is active already"),
            Reject::Unreadable { message, .. } => f.write_str(message),
            Reject::TooManyAttributes => write!(f, "a device may have {ATTRIBUTES_MAX} attributes"),
            Reject::ValueTooLong(id) => {
                write!(f, "attribute {id} is longer than {ATTRIBUTE_VALUE_MAX} bytes")
            }
            Reject::NamedValueTooLong(name) => {
                write!(f, "attribute {name:?} is longer than {ATTRIBUTE_VALUE_MAX} bytes")
            }
            Reject::NameTooLong(len) => {
                write!(f, "the name of an attribute has {len} bytes, {ATTRIBUTE_NAME_MAX} are allowed")
            }
            Reject::TooManyEntries => {
                write!(f, "the action's history has {HISTORY_MAX} entries; only its end is still taken")
            }
        }
    }
}

/// How the event is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its effect is to be stored.
    Stored,
    /// It was stored before; nothing changes.
    Repeated,
    /// It is refused.
    Rejected(Reject),
    /// A rollout is to come again later: nothing was created.
    Held(Reason),
}

/// What a decision amounts to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The device as it is now.
    pub device: Device,
    /// Changed and new actions.
    pub changed: Vec<Changed>,
    /// The actions under way now, in id order.
    pub under_way: Vec<Action>,
    /// What to tell the device.
    pub tells: Vec<Tell>,
    /// How the event is answered.
    pub verdict: Verdict,
}
