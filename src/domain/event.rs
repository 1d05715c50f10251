//! What reaches the decision: everything a device can say and everything that can be asked of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::action::Origin;
use super::deployment::Target;
use super::device::{AutoConfirm, Capabilities, Hardware};
use super::feedback::Feedback;
use super::ids::{ActionId, AttributeId, FirmwareType, ProductId};
use super::image::Image;
use super::terms::Terms;
use super::version::Running;

/// A device's birth message: its full state, which heals anything lost before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Sequence number within the boot.
    pub seq: u64,
    /// The boot; a new value means that the device has started anew.
    pub boot: Option<Box<str>>,
    /// The product that the device says it is.
    pub product: Option<ProductId>,
    /// Its hardware.
    pub hardware: Option<Hardware>,
    /// Its capabilities.
    pub capabilities: Option<Capabilities>,
    /// What it runs.
    pub versions: BTreeMap<FirmwareType, Running>,
    /// Its other attributes.
    pub attributes: BTreeMap<AttributeId, Box<str>>,
}

/// A batch of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Sequence number within the boot; legacy doors have none.
    pub seq: Option<u64>,
    /// What the device runs.
    pub versions: BTreeMap<FirmwareType, Running>,
}

/// How new attributes meet those that a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are set, and those without a value are removed.
    Merge,
    /// They take the place of all others.
    Replace,
    /// They are removed, whatever value they come with.
    Remove,
}

/// Attributes by number and by name, and the versions among them. None is an attribute without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// How they meet those that the device has.
    pub mode: Mode,
    /// Attributes that have a number.
    pub numbered: BTreeMap<AttributeId, Option<Box<str>>>,
    /// Attributes that have a name.
    pub named: BTreeMap<Box<str>, Option<Box<str>>>,
    /// The hardware, where the device says it.
    pub hardware: Option<Hardware>,
    /// What the device runs.
    pub versions: BTreeMap<FirmwareType, Running>,
}

/// What somebody says to an action that waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Whether it may go on.
    pub agreed: bool,
    /// A code of their own.
    pub code: Option<i32>,
    /// Texts for people.
    pub details: Vec<Box<str>>,
}

/// How an action is called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// At once where the device was told nothing; else it is asked.
    Plain,
    /// The device is asked in any case (hawkBit's way).
    Asked,
    /// Without waiting for the device.
    Forced,
}

/// One thing that happens to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The device connected and says who it is.
    Hello(Hello),
    /// The device reports versions.
    Report(Report),
    /// The device sets an attribute that is not a version.
    Attribute {
        /// Which.
        id: AttributeId,
        /// To what.
        value: Box<str>,
    },
    /// The device says how an action goes.
    Feedback {
        /// The action.
        action: ActionId,
        /// What it says.
        feedback: Feedback,
    },
    /// The device sent something that its door cannot read; the refusal is recorded.
    Unreadable {
        /// The door's code.
        code: &'static str,
        /// The door's sentence.
        message: Box<str>,
    },
    /// The device sends its attributes.
    Configure(Configuration),
    /// The device answers a cancel.
    CancelAnswer {
        /// The action.
        action: ActionId,
        /// What it says.
        feedback: Feedback,
    },
    /// The device asks whether there is something for it; the door that it asks at tells it.
    Poll,
    /// The device has read what an action wants.
    Retrieved {
        /// The action.
        action: ActionId,
    },
    /// Somebody, at the device or beside it, agrees to an action or does not.
    Confirm {
        /// The action.
        action: ActionId,
        /// What is said.
        consent: Consent,
    },
    /// Whether actions are agreed to by themselves; switching it on agrees to those that wait.
    AutoConfirm(Option<AutoConfirm>),
    /// The device begins to fetch a file of an action.
    Fetching {
        /// The action.
        action: ActionId,
        /// What it fetches, for people.
        what: Box<str>,
    },
    /// The device, or an operator, says that it runs a target that no action brought.
    Runs {
        /// What it runs.
        target: Target,
        /// Its images.
        images: Vec<Arc<Image>>,
        /// Who says so.
        by: Box<str>,
    },
    /// An operator makes an action press.
    Force {
        /// The action.
        action: ActionId,
    },
    /// The device asks what it should run.
    Get,
    /// The device, or its will, says whether it is online.
    Presence {
        /// Whether it is.
        online: bool,
    },
    /// An operator, or a filter that the device came to match, assigns a target.
    Assign {
        /// What it belongs to.
        origin: Origin,
        /// What is brought.
        target: Target,
        /// The images of the target.
        images: Vec<Arc<Image>>,
        /// Images that may be brought first, where the device must pass through their versions.
        steps: Vec<Arc<Image>>,
        /// Whether the device may be taken back to an older version.
        allow_downgrade: bool,
        /// On which terms.
        terms: Terms,
        /// Who assigns it.
        by: Box<str>,
        /// How many times the device has been asked to install the target, this one among them.
        attempt: u32,
    },
    /// A standing offer changed.
    Offered {
        /// The firmware type that it is for.
        kind: FirmwareType,
    },
    /// An operator calls an action off.
    Cancel {
        /// The action.
        action: ActionId,
        /// How.
        how: Withdrawal,
    },
    /// The window of an action has opened.
    Opened {
        /// The action.
        action: ActionId,
    },
    /// A pending cancel reached its end.
    CancelExpired {
        /// The action.
        action: ActionId,
    },
    /// A clock of an action may have run out.
    Overdue {
        /// The action.
        action: ActionId,
    },
}

impl Event {
    /// The firmware types whose standing offers the decision needs.
    pub fn offers_needed(&self) -> Needed {
        match self {
            Event::Hello(_) | Event::Get | Event::Poll => Needed::All,
            Event::Report(report) => Needed::Kinds(report.versions.keys().copied().collect()),
            Event::Configure(new) => Needed::Kinds(new.versions.keys().copied().collect()),
            Event::Offered { kind } => Needed::Kinds(vec![*kind]),
            Event::Unreadable { .. }
            | Event::Retrieved { .. }
            | Event::CancelAnswer { .. }
            | Event::Attribute { .. }
            | Event::Feedback { .. }
            | Event::AutoConfirm(_)
            | Event::Runs { .. }
            | Event::Confirm { .. }
            | Event::Fetching { .. }
            | Event::Force { .. }
            | Event::Opened { .. }
            | Event::Presence { .. }
            | Event::Assign { .. }
            | Event::Cancel { .. }
            | Event::CancelExpired { .. }
            | Event::Overdue { .. } => Needed::Kinds(Vec::new()),
        }
    }

    /// The sequence number that the device gave it.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Event::Hello(hello) => Some(hello.seq),
            Event::Report(report) => report.seq,
            Event::Get
            | Event::Configure(_)
            | Event::Poll
            | Event::Retrieved { .. }
            | Event::CancelAnswer { .. }
            | Event::Unreadable { .. }
            | Event::Attribute { .. }
            | Event::Feedback { .. }
            | Event::AutoConfirm(_)
            | Event::Runs { .. }
            | Event::Confirm { .. }
            | Event::Fetching { .. }
            | Event::Force { .. }
            | Event::Opened { .. }
            | Event::Presence { .. }
            | Event::Assign { .. }
            | Event::Offered { .. }
            | Event::Cancel { .. }
            | Event::CancelExpired { .. }
            | Event::Overdue { .. } => None,
        }
    }

    /// The versions that the event reports.
    pub fn versions(&self) -> Option<&BTreeMap<FirmwareType, Running>> {
        match self {
            Event::Hello(hello) => Some(&hello.versions),
            Event::Report(report) => Some(&report.versions),
            Event::Configure(new) => Some(&new.versions),
            Event::Get
            | Event::Unreadable { .. }
            | Event::Poll
            | Event::Retrieved { .. }
            | Event::CancelAnswer { .. }
            | Event::Attribute { .. }
            | Event::Feedback { .. }
            | Event::AutoConfirm(_)
            | Event::Runs { .. }
            | Event::Confirm { .. }
            | Event::Fetching { .. }
            | Event::Force { .. }
            | Event::Opened { .. }
            | Event::Presence { .. }
            | Event::Assign { .. }
            | Event::Offered { .. }
            | Event::Cancel { .. }
            | Event::CancelExpired { .. }
            | Event::Overdue { .. } => None,
        }
    }

    /// The action that the event names.
    pub fn action(&self) -> Option<ActionId> {
        match self {
            Event::Feedback { action, .. }
            | Event::CancelAnswer { action, .. }
            | Event::Retrieved { action }
            | Event::Confirm { action, .. }
            | Event::Fetching { action, .. }
            | Event::Force { action }
            | Event::Opened { action }
            | Event::Cancel { action, .. }
            | Event::CancelExpired { action }
            | Event::Overdue { action } => Some(*action),
            Event::Hello(_)
            | Event::Report(_)
            | Event::Attribute { .. }
            | Event::Configure(_)
            | Event::Poll
            | Event::Get
            | Event::Unreadable { .. }
            | Event::AutoConfirm(_)
            | Event::Runs { .. }
            | Event::Presence { .. }
            | Event::Assign { .. }
            | Event::Offered { .. } => None,
        }
    }
}

/// Which standing offers of the device's product to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// Those of all firmware types.
    All,
    /// Those of these firmware types.
    Kinds(Vec<FirmwareType>),
}
