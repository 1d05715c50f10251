//! An action as filters see it, and hawkBit's word for how it stands.

use std::cell::OnceCell;

use super::{DeviceSubject, Names, has_field, readable};
use crate::domain::action::{Action, Origin, State};
use crate::domain::deployment::Target;
use crate::domain::device::Device;
use crate::domain::filter::{Subject, Value};
use crate::domain::ids::RolloutId;
use crate::domain::terms::Force;

/// Fields that stand alone; the case of their letters does not matter.
const FIELDS: &[&str] = &[
    "id",
    "active",
    "status",
    "detailstatus",
    "weight",
    "externalref",
    "lastactionstatuscode",
    "laststatuscode",
    "createdat",
    "createdby",
    "lastmodifiedat",
    "distributionset.id",
    "distributionset.name",
    "distributionset.version",
    "rollout.id",
    "rollout.name",
];

/// The fields of the device of an action.
const DEVICE: &str = "target.";

/// Whether actions have a field of this name.
pub fn has_action_field(field: &str) -> bool {
    let lower = field.to_ascii_lowercase();
    FIELDS.contains(&lower.as_str()) || of_device(field).is_some_and(has_field)
}

/// The fields of actions, for people.
pub fn action_fields() -> String {
    format!("{}, {DEVICE}FIELD", FIELDS.join(", "))
}

/// hawkBit's word for how an action stands (`Action.Status`, in lower case). What is finer stands in its history.
pub fn action_status(action: &Action) -> &'static str {
    match action.state {
        _ if action.unconfirmed => "wait_for_confirmation",
        _ if action.cancelling => "canceling",
        State::Queued | State::Offered => "running",
        State::Accepted
        | State::Downloading
        | State::Downloaded
        | State::Waiting
        | State::Installing
        | State::Rebooting
        | State::Verifying => "retrieved",
        State::Succeeded if action.terms.force == Force::DownloadOnly => "downloaded",
        State::Succeeded | State::AlreadyInstalled => "finished",
        State::Failed(_) | State::Rejected | State::TimedOut | State::NotCompatible => "error",
        State::Cancelled | State::Superseded => "canceled",
    }
}

/// The name of the device's field, where the field is the device's.
fn of_device(field: &str) -> Option<&str> {
    let (start, rest) = field.split_at_checked(DEVICE.len())?;
    start.eq_ignore_ascii_case(DEVICE).then_some(rest)
}

/// An action with the names that it refers to.
pub struct ActionSubject<'a> {
    action: &'a Action,
    names: &'a Names<'a>,
    /// Looked up when a filter asks for more of it than its id; none where it is gone.
    device: OnceCell<Option<Device>>,
}

impl<'a> ActionSubject<'a> {
    /// The action, as one snapshot has it.
    pub fn new(action: &'a Action, names: &'a Names<'a>) -> Self {
        ActionSubject { action, names, device: OnceCell::new() }
    }

    fn device(&self) -> Option<&Device> {
        let look = || readable(self.names.view.device(&self.action.device));
        self.device.get_or_init(look).as_ref()
    }

    fn rollout(&self) -> Option<RolloutId> {
        match self.action.origin {
            Origin::Rollout(id, _) => Some(id),
            Origin::Deployment(_) | Origin::Offer | Origin::Filter(_) | Origin::Device => None,
        }
    }

    fn device_values(&self, field: &str) -> Vec<Value> {
        if ["id", "controllerid"].iter().any(|id| id.eq_ignore_ascii_case(field)) {
            return vec![text(self.action.device.device.as_str())];
        }
        let values = |device| DeviceSubject { device, names: self.names }.values(field);
        self.device().map_or_else(Vec::new, values)
    }

    fn single(&self, field: &str) -> Option<Value> {
        let action = self.action;
        let release = match action.target {
            Target::Release(id) => Some(id),
            Target::Image(_) => None,
        };
        match field {
            "id" => Some(number(action.id.get())),
            "active" => Some(Value::Flag(!action.state.is_terminal())),
            "detailstatus" => Some(text(action_status(action))),
            "weight" => Some(number(u32::from(action.terms.weight.get()))),
            "externalref" => action.terms.reference.as_deref().map(text),
            "lastactionstatuscode" | "laststatuscode" => {
                action.last_code.map(|code| Value::Number(code.into()))
            }
            "createdat" => Some(Value::Time(action.created)),
            "createdby" => Some(text(&action.by)),
            "lastmodifiedat" => Some(Value::Time(action.changed)),
            "rollout.id" => self.rollout().map(|id| number(id.get())),
            "rollout.name" => self.names.rollout(self.rollout()?).map(Value::Text),
            "distributionset.id" => release.map(|id| number(id.get())),
            "distributionset.name" => self.names.release(release?).map(|release| Value::Text(release.name)),
            "distributionset.version" => {
                self.names.release(release?).map(|release| Value::Text(release.version))
            }
            _ => None,
        }
    }
}

impl Subject for ActionSubject<'_> {
    fn values(&self, field: &str) -> Vec<Value> {
        if let Some(field) = of_device(field) {
            return self.device_values(field);
        }
        match field.to_ascii_lowercase().as_str() {
            // Older clients ask for `pending`, which is all that is under way.
            "status" => {
                let pending = (!self.action.state.is_terminal()).then(|| text("pending"));
                pending.into_iter().chain([text(action_status(self.action))]).collect()
            }
            lower => self.single(lower).into_iter().collect(),
        }
    }

    fn absent_differs(&self, field: &str) -> bool {
        of_device(field).is_none_or(super::absent_differs)
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn number(number: u32) -> Value {
    Value::Number(number.into())
}
