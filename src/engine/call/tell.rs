//! What the engine tells devices, and the receipts of what they said.

use std::sync::Arc;

use crate::domain::decide::Order;
use crate::domain::device::Format;
use crate::domain::ids::{ActionId, DeviceKey, FirmwareType, ImageId, Time};
use crate::domain::image::{Artifact, Image};
use crate::domain::terms::Force;

/// A door's own mark on an uplink, handed back untouched with its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(pub u128);

/// What became of an uplink; sent only after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The sequence number of the message, where it has one.
    pub seq: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an uplink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored (now, or since an earlier copy).
    Stored,
    /// The disk is full: nothing of it is stored, and the device is to send it again later.
    NoRoom,
    /// It cannot be read; that is stored.
    Unreadable {
        /// The door's code.
        code: &'static str,
        /// A sentence for people.
        message: String,
    },
    /// It is refused; the refusal is stored.
    Rejected {
        /// A stable code for machines.
        code: &'static str,
        /// A sentence for people.
        message: String,
    },
}

/// Something to tell a device, after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downlink {
    /// The device.
    pub device: DeviceKey,
    /// The encoding that it prefers.
    pub format: Format,
    /// What to tell.
    pub message: Message,
}

/// What devices are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// What the device should run.
    Desired(Desired),
    /// A hint that expires.
    Command(Command),
}

/// What a device should run: every component that an action under way brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Grows with every document for the device.
    pub seq: u64,
    /// The device should ask again after this moment.
    pub expires: Time,
    /// The components, in the order of their actions.
    pub components: Vec<Wanted>,
}

/// One image that a device should run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The action that brings it.
    pub action: ActionId,
    /// The image.
    pub image: Arc<Image>,
    /// How hard the action presses, as it stands when this is said.
    pub force: Force,
}

/// A hint that expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Unique within the run of the server.
    pub id: u64,
    /// What is asked.
    pub order: Order,
    /// The action that it is about.
    pub action: Option<ActionId>,
    /// The attempt that it is about, from 1.
    pub attempt: u32,
    /// Of no use after this moment.
    pub deadline: Time,
}

/// A file that a device may fetch now, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The action that offers it.
    pub action: ActionId,
    /// The image that it belongs to.
    pub image: ImageId,
    /// The firmware type of its image.
    pub kind: FirmwareType,
    /// The file.
    pub artifact: Artifact,
}
