//! Why a call is refused.

use crate::domain::decide::Reject;
use crate::domain::ids::{
    ActionId, ArtifactId, DeploymentId, DeviceId, FirmwareType, ImageId, ProductId, ReleaseId, RolloutId,
    TenantId, WebhookId,
};
use crate::domain::image::Sha256;
use crate::domain::rollout::{Fault, Refusal};
use crate::domain::version::Version;

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
    /// No such upload, or nobody came for it in time.
    #[error("there is no upload {0}; send the file again")]
    NoSuchUpload(Sha256),
    /// The product has an image of this type with this version already.
    #[error("{name} has version {version} of type {kind} already: image {image}")]
    VersionExists {
        /// The image's name.
        name: Box<str>,
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
    /// There is a release of that name and version.
    #[error("release {name} {version} exists already: {release}")]
    ReleaseExists {
        /// The name.
        name: Box<str>,
        /// The version.
        version: Version,
        /// The release that has them.
        release: ReleaseId,
    },
    /// The release lacks an image of a type that its kind asks for, or has none.
    #[error("release {0} is not complete")]
    Incomplete(ReleaseId),
    /// The kind of the release has no place for an image of this type.
    #[error("a release of this kind has no place for image {0}")]
    NoPlace(ImageId),
    /// The release was said to be no good.
    #[error("release {0} is invalid")]
    Invalid(ReleaseId),
    /// It is locked.
    #[error("{0} is locked")]
    Locked(String),
    /// The product of the device does not take releases of this kind.
    #[error("devices of product {0} do not take releases of this kind")]
    WrongKind(ProductId),
    /// No such file of an image.
    #[error("there is no artifact {0}")]
    NoSuchArtifact(ArtifactId),
    /// There is no such item in the section.
    #[error("there is no such entry: {0}")]
    NoSuchItem(String),
    /// The section has an item of that name or key.
    #[error("there is one already: {0}")]
    ItemExists(String),
    /// An item is not right.
    #[error("{0}")]
    BadItem(String),
    /// No such tenant.
    #[error("there is no tenant {0}")]
    NoSuchTenant(TenantId),
    /// The tenant exists already.
    #[error("tenant {0} exists already")]
    TenantExists(TenantId),
    /// A setting does not take the value.
    #[error("setting {setting} does not take {value:?}")]
    BadSetting {
        /// The setting's key.
        setting: &'static str,
        /// The value.
        value: Box<str>,
    },
    /// The token is another's.
    #[error("this token is taken")]
    TokenTaken,
    /// A release holds at most one image of each firmware type, all of one product.
    #[error("images {0} and {1} cannot be in one release")]
    ReleaseConflict(ImageId, ImageId),
    /// No such offer.
    #[error("nothing is offered for product {0} and type {1}")]
    NoSuchOffer(ProductId, FirmwareType),
    /// No such action.
    #[error("there is no action {0}")]
    NoSuchAction(ActionId),
    /// No such rollout.
    #[error("there is no rollout {0}")]
    NoSuchRollout(RolloutId),
    /// No such webhook.
    #[error("there is no webhook {0}")]
    NoSuchWebhook(WebhookId),
    /// The rollout does not do what is asked.
    #[error("rollout {0}: {1}")]
    Rollout(RolloutId, Refusal),
    /// The rollout cannot be made.
    #[error("the rollout cannot be made: {0}")]
    BadRollout(Fault),
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
    /// The image is not for this product, or nobody said for which.
    #[error("say for which product of image {0}; it has to be one of its own")]
    OtherProduct(ImageId),
    /// The action has not ended.
    #[error("action {0} is under way")]
    UnderWay(ActionId),
    /// The device is not in a state for it.
    #[error("{0}")]
    NotNow(Reject),
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
            CallError::NoSuchUpload(_) => "no-such-upload",
            CallError::VersionExists { .. } => "version-exists",
            CallError::NoSuchRelease(_) => "no-such-release",
            CallError::ReleaseInUse(_) => "release-in-use",
            CallError::ReleaseExists { .. } => "release-exists",
            CallError::Incomplete(_) => "incomplete",
            CallError::NoPlace(_) => "no-place",
            CallError::Invalid(_) => "invalid-release",
            CallError::Locked(_) => "locked",
            CallError::WrongKind(_) => "wrong-kind",
            CallError::NoSuchArtifact(_) => "no-such-artifact",
            CallError::NoSuchItem(_) => "no-such-item",
            CallError::ItemExists(_) => "item-exists",
            CallError::BadItem(_) => "bad-item",
            CallError::NoSuchTenant(_) => "no-such-tenant",
            CallError::TenantExists(_) => "tenant-exists",
            CallError::BadSetting { .. } => "bad-setting",
            CallError::TokenTaken => "token-taken",
            CallError::ReleaseConflict(..) => "release-conflict",
            CallError::NoSuchOffer(..) => "no-such-offer",
            CallError::NoSuchAction(_) => "no-such-action",
            CallError::NoSuchRollout(_) => "no-such-rollout",
            CallError::NoSuchWebhook(_) => "no-such-webhook",
            CallError::Rollout(..) => "rollout-status",
            CallError::BadRollout(_) => "bad-rollout",
            CallError::NoSuchDeployment(_) => "no-such-deployment",
            CallError::Refused { reject, .. } => reject.code(),
            CallError::OtherProduct(_) => "other-product",
            CallError::UnderWay(_) => "under-way",
            CallError::NotNow(reject) => reject.code(),
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
