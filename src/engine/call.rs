//! What the doors ask of the engine and what it answers. A door translates bytes to a [`Call`] and a [`Reply`] to
//! bytes, and knows nothing else.

use std::fmt;

use crate::domain::action::Action;
use crate::domain::decide::{Order, Reject, Verdict};
use crate::domain::deployment::{Deployment, Target};
use crate::domain::device::{Device, Format};
use crate::domain::event::Event;
use crate::domain::ids::{
    ActionId, DeploymentId, DeviceId, DeviceKey, FirmwareType, ImageId, ProductId, ReleaseId, TenantId, Time,
};
use crate::domain::image::{Artifact, Image, Release, Sha256};
use crate::domain::offer::{Offer, Rules};
use crate::domain::version::Version;
use crate::store::tables::{Operator, Role};
use std::sync::Arc;

/// The most devices in one deployment order: a JSON list of them stays below 128 MiB, and its rows below what one
/// commit takes in a second.
pub const DEPLOYMENT_DEVICES_MAX: usize = 1_000_000;

/// Something that an operator wants changed, or that a device says and waits for.
#[derive(Debug)]
pub enum Call {
    /// Registers a device.
    AddDevice {
        /// Tenant and id.
        key: DeviceKey,
        /// The line of devices that it belongs to.
        product: ProductId,
    },
    /// Gives a device a new token; the old one ends at once.
    RenewToken {
        /// The device.
        key: DeviceKey,
    },
    /// Forgets a device. Its actions stay in the records, ended.
    RemoveDevice {
        /// The device.
        key: DeviceKey,
    },
    /// Issues a number for an uploaded image. Its files are on disk already.
    AddImage {
        /// The tenant.
        tenant: TenantId,
        /// The image.
        image: NewImage,
    },
    /// Removes an image that nothing refers to.
    RemoveImage {
        /// The tenant.
        tenant: TenantId,
        /// The image.
        image: ImageId,
    },
    /// Puts images together into a release.
    AddRelease {
        /// The tenant.
        tenant: TenantId,
        /// The name.
        name: Box<str>,
        /// The version.
        version: Version,
        /// The images, at most one of each firmware type, all of one product.
        images: Vec<ImageId>,
    },
    /// Removes a release.
    RemoveRelease {
        /// The tenant.
        tenant: TenantId,
        /// The release.
        release: ReleaseId,
    },
    /// Makes an image the standing offer of its product and type.
    SetOffer {
        /// The tenant.
        tenant: TenantId,
        /// The image.
        image: ImageId,
        /// Conditions beyond the image's own.
        rules: Rules,
        /// Whether the offer may take devices back to an older version.
        allow_downgrade: bool,
    },
    /// Takes a standing offer back. Actions under way go on.
    RemoveOffer {
        /// The tenant.
        tenant: TenantId,
        /// The product.
        product: ProductId,
        /// The firmware type.
        kind: FirmwareType,
    },
    /// Brings an image or a release to devices.
    Deploy {
        /// The tenant.
        tenant: TenantId,
        /// What is brought.
        target: Target,
        /// To whom; at least one, at most [`DEPLOYMENT_DEVICES_MAX`].
        devices: Vec<DeviceId>,
        /// Whether devices may be taken back to an older version.
        allow_downgrade: bool,
    },
    /// Calls an action off.
    Cancel {
        /// The tenant.
        tenant: TenantId,
        /// The action.
        action: ActionId,
        /// Without waiting for the device.
        force: bool,
    },
    /// A device speaks at a door that answers it on the same connection.
    Hear {
        /// The device.
        key: DeviceKey,
        /// What it says.
        event: Event,
    },
    /// As [`Call::Hear`], and the device wants to know in the same breath what there is to do for it.
    Ask {
        /// The device.
        key: DeviceKey,
        /// What it says.
        event: Event,
    },
    /// Registers an operator.
    AddOperator {
        /// The name, unique on the server.
        name: Box<str>,
        /// The tenant that it is confined to; none for all.
        tenant: Option<TenantId>,
        /// What it may do.
        role: Role,
    },
    /// Gives an operator a new token; the old one ends at once.
    RenewOperator {
        /// The name.
        name: Box<str>,
    },
    /// Removes an operator.
    RemoveOperator {
        /// The name.
        name: Box<str>,
    },
}

impl Call {
    /// Whether the call takes things away, so that it is of use on a full disk too.
    pub fn makes_room(&self) -> bool {
        match self {
            Call::RemoveDevice { .. }
            | Call::RemoveImage { .. }
            | Call::RemoveRelease { .. }
            | Call::RemoveOffer { .. }
            | Call::RemoveOperator { .. }
            | Call::Cancel { .. } => true,
            Call::AddDevice { .. }
            | Call::RenewToken { .. }
            | Call::RenewOperator { .. }
            | Call::AddImage { .. }
            | Call::AddRelease { .. }
            | Call::SetOffer { .. }
            | Call::Deploy { .. }
            | Call::Hear { .. }
            | Call::Ask { .. }
            | Call::AddOperator { .. } => false,
        }
    }
}

/// An uploaded image before it has a number.
#[derive(Debug)]
pub struct NewImage {
    /// The product.
    pub product: ProductId,
    /// The firmware type.
    pub kind: FirmwareType,
    /// The version.
    pub version: Version,
    /// Its files, at least one.
    pub files: Vec<NewArtifact>,
    /// The conditions under which it may be installed.
    pub rules: Rules,
}

/// An uploaded file before it has an id.
#[derive(Debug)]
pub struct NewArtifact {
    /// The name that the uploader gave.
    pub name: Box<str>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 sum.
    pub sha256: Sha256,
    /// SHA-1 sum.
    pub sha1: [u8; 20],
    /// MD5 sum.
    pub md5: [u8; 16],
}

/// What the engine answers to a [`Call`].
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// A device was registered or got a new token.
    Device {
        /// The device.
        device: Box<Device>,
        /// Its token, which is shown only now.
        token: Secret,
    },
    /// An image has its number.
    Image(Image),
    /// A release was made.
    Release(Release),
    /// An offer stands.
    Offer(Offer),
    /// A deployment is on its way.
    Deployment(Deployment),
    /// An action as it is now.
    Action(Action),
    /// A device was heard; this came of it.
    Heard(Verdict),
    /// A device was heard; this came of it, and this is what there is to do.
    Work {
        /// What came of it.
        verdict: Verdict,
        /// The device as it is now.
        device: Box<Device>,
        /// Its actions under way, in id order.
        actions: Vec<Action>,
    },
    /// An operator was registered.
    Operator {
        /// The operator.
        operator: Operator,
        /// Its token, which is shown only now.
        token: Secret,
    },
    /// Something was removed. An image's files that nothing needs any more are named.
    Removed {
        /// Files to delete.
        files: Vec<Sha256>,
    },
}

/// Why a call is refused. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No such device.
    #[error("there is no device {0}")]
    NoSuchDevice(DeviceId),
    /// The device is registered already.
    #[error("device {0} is registered already")]
    DeviceExists(DeviceId),
    /// No such image.
    #[error("there is no image {0}")]
    NoSuchImage(ImageId),
    /// The image is offered, in a release, or being installed.
    #[error("image {image} is in use: {by}")]
    ImageInUse {
        /// The image.
        image: ImageId,
        /// By what.
        by: String,
    },
    /// The product has an image of this type with this version already.
    #[error("product {product} has version {version} of type {kind} already: image {image}")]
    VersionExists {
        /// The product.
        product: ProductId,
        /// The type.
        kind: FirmwareType,
        /// The version.
        version: Version,
        /// The image that has it.
        image: ImageId,
    },
    /// No such release.
    #[error("there is no release {0}")]
    NoSuchRelease(ReleaseId),
    /// The release is being installed.
    #[error("release {0} is in use")]
    ReleaseInUse(ReleaseId),
    /// A release holds at most one image of each firmware type, all of one product.
    #[error("images {0} and {1} cannot be in one release")]
    ReleaseConflict(ImageId, ImageId),
    /// No such offer.
    #[error("nothing is offered for product {0} and type {1}")]
    NoSuchOffer(ProductId, FirmwareType),
    /// No such action.
    #[error("there is no action {0}")]
    NoSuchAction(ActionId),
    /// No such deployment.
    #[error("there is no deployment {0}")]
    NoSuchDeployment(DeploymentId),
    /// The action refuses to be called off.
    #[error("action {action}: {reject}")]
    Refused {
        /// The action.
        action: ActionId,
        /// Why.
        reject: Reject,
    },
    /// The list is empty or too long.
    #[error("{what} must be 1 to {max}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// The most.
        max: usize,
    },
    /// The same thing is named twice.
    #[error("{0} is named twice")]
    Twice(String),
    /// No such operator.
    #[error("there is no operator {0}")]
    NoSuchOperator(Box<str>),
    /// The operator is registered already.
    #[error("operator {0} is registered already")]
    OperatorExists(Box<str>),
    /// Without an administrator nobody could register another.
    #[error("operator {0} is the only administrator; add another first")]
    LastAdministrator(Box<str>),
    /// Too much is waiting; try again.
    #[error("the server is busy; try again")]
    Busy,
    /// There is no room on the disk.
    #[error("the server's disk is full; remove images that nothing needs, then try again")]
    DiskFull,
    /// The server is going down.
    #[error("the server is stopping")]
    Stopping,
    /// A record on disk cannot be read.
    #[error("a record cannot be read: {0}")]
    Corrupt(String),
}

impl CallError {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            CallError::NoSuchDevice(_) => "no-such-device",
            CallError::DeviceExists(_) => "device-exists",
            CallError::NoSuchImage(_) => "no-such-image",
            CallError::ImageInUse { .. } => "image-in-use",
            CallError::VersionExists { .. } => "version-exists",
            CallError::NoSuchRelease(_) => "no-such-release",
            CallError::ReleaseInUse(_) => "release-in-use",
            CallError::ReleaseConflict(..) => "release-conflict",
            CallError::NoSuchOffer(..) => "no-such-offer",
            CallError::NoSuchAction(_) => "no-such-action",
            CallError::NoSuchDeployment(_) => "no-such-deployment",
            CallError::Refused { reject, .. } => reject.code(),
            CallError::Count { .. } => "wrong-count",
            CallError::Twice(_) => "named-twice",
            CallError::NoSuchOperator(_) => "no-such-operator",
            CallError::OperatorExists(_) => "operator-exists",
            CallError::LastAdministrator(_) => "last-administrator",
            CallError::Busy => "busy",
            CallError::DiskFull => "disk-full",
            CallError::Stopping => "stopping",
            CallError::Corrupt(_) => "corrupt-record",
        }
    }
}

/// A token that is never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a token.
    pub fn new(token: impl Into<Box<str>>) -> Self {
        Secret(token.into())
    }

    /// The token itself, for the one moment at which it is shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

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
