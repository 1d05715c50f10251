//! What the doors ask of the engine and what it answers. A door translates bytes to a [`Call`] and a [`Reply`] to
//! bytes, and knows nothing else.

use std::fmt;

use crate::domain::action::Action;
use crate::domain::catalog::{Item, Label, Section, What};
use crate::domain::decide::{Order, Reject, Verdict};
use crate::domain::deployment::{Deployment, Target};
use crate::domain::device::{AutoConfirm, Device, Format, Profile};
use crate::domain::event::{Consent, Event, Withdrawal};
use crate::domain::ids::{
    ActionId, ArtifactId, DeploymentId, DeviceId, DeviceKey, FirmwareType, ImageId, ItemId, ProductId,
    ReleaseId, TenantId, Time,
};
use crate::domain::image::{About, Artifact, Image, KeptUpload, Metadata, Products, Release, Sha256};
use crate::domain::offer::{Offer, Rules};
use crate::domain::tenant::{Setting, Tenant};
use crate::domain::terms::Terms;
use crate::domain::version::Version;
use crate::store::tables::{Operator, Role};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most assignments in one request (hawkBit's quota for manual assignments).
pub const ASSIGNMENTS_MAX: usize = 5000;

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
        /// Who registers it.
        by: Box<str>,
    },
    /// Registers devices whose tokens stay readable, because the tools of other servers read them back.
    AddDevices {
        /// The tenant.
        tenant: TenantId,
        /// The devices; all are registered or none.
        devices: Vec<NewDevice>,
        /// Who registers them.
        by: Box<str>,
    },
    /// Changes what people say about a device.
    ChangeDevice {
        /// The device.
        key: DeviceKey,
        /// What is changed.
        change: DeviceChange,
        /// Who changes it.
        by: Box<str>,
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
    /// Issues numbers for images. Their files are on disk already.
    AddImages {
        /// The tenant.
        tenant: TenantId,
        /// The images; all get their numbers or none.
        images: Vec<NewImage>,
        /// Who adds them.
        by: Box<str>,
    },
    /// Changes an image that is not locked, or what people write about it.
    ChangeImage {
        /// The tenant.
        tenant: TenantId,
        /// The image.
        image: ImageId,
        /// What is changed.
        change: ImageChange,
        /// Who changes it.
        by: Box<str>,
    },
    /// Removes an image.
    RemoveImage {
        /// The tenant.
        tenant: TenantId,
        /// The image.
        image: ImageId,
        /// One that something refers to is kept and marked as removed, instead of refusing (hawkBit's way).
        mark: bool,
    },
    /// Keeps a file that is on disk for an image that is to come.
    KeepUpload {
        /// The tenant.
        tenant: TenantId,
        /// The file; its name is of no use yet.
        file: NewArtifact,
    },
    /// Moves such a file into the repository, from where images can have it.
    MoveUpload {
        /// The tenant.
        tenant: TenantId,
        /// The file.
        sha256: Sha256,
    },
    /// Gives up the uploads of all tenants that nobody came for.
    SweepUploads,
    /// Puts images together into releases.
    AddReleases {
        /// The tenant.
        tenant: TenantId,
        /// The releases; all are made or none.
        releases: Vec<NewRelease>,
        /// Who makes them.
        by: Box<str>,
    },
    /// Changes a release that is not locked, or what people write about it.
    ChangeRelease {
        /// The tenant.
        tenant: TenantId,
        /// The release.
        release: ReleaseId,
        /// What is changed.
        change: ReleaseChange,
        /// Who changes it.
        by: Box<str>,
    },
    /// Removes a release.
    RemoveRelease {
        /// The tenant.
        tenant: TenantId,
        /// The release.
        release: ReleaseId,
        /// One that something refers to is kept and marked as removed, instead of refusing (hawkBit's way).
        mark: bool,
    },
    /// Makes an image the standing offer of its product and type.
    SetOffer {
        /// The tenant.
        tenant: TenantId,
        /// The image.
        image: ImageId,
        /// To which product; may be left out where the image is for one product only.
        product: Option<ProductId>,
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
        /// On which terms.
        terms: Terms,
        /// Who orders it.
        by: Box<str>,
    },
    /// Assigns targets to devices in one commit and says which actions came of it (hawkBit's way).
    Assign {
        /// The tenant.
        tenant: TenantId,
        /// Who gets what; at most [`ASSIGNMENTS_MAX`].
        orders: Vec<Assignment>,
        /// The devices are said to run their targets already: nothing is sent.
        offline: bool,
        /// Whether devices may be taken back to an older version.
        allow_downgrade: bool,
        /// Who orders it.
        by: Box<str>,
    },
    /// Makes an action press that did not.
    Force {
        /// The tenant.
        tenant: TenantId,
        /// The action.
        action: ActionId,
        /// Who orders it.
        by: Box<str>,
    },
    /// An operator agrees, or does not, to an action that waits for it.
    Confirm {
        /// The tenant.
        tenant: TenantId,
        /// The action.
        action: ActionId,
        /// What is said.
        answer: Consent,
        /// Who says it.
        by: Box<str>,
    },
    /// Removes actions that have ended, with their history.
    RemoveActions {
        /// The tenant.
        tenant: TenantId,
        /// The actions; one that has not ended refuses all.
        actions: Vec<ActionId>,
    },
    /// Calls an action off.
    Cancel {
        /// The tenant.
        tenant: TenantId,
        /// The action.
        action: ActionId,
        /// How.
        how: Withdrawal,
    },
    /// A device speaks at a door that answers it on the same connection.
    Hear {
        /// The device.
        key: DeviceKey,
        /// What it says.
        event: Event,
        /// Where it is: an IP address.
        from: Option<Box<str>>,
        /// Registers it as this product if nobody has heard of it; unknown devices are refused otherwise.
        newcomer: Option<ProductId>,
    },
    /// Adds items to a tenant's catalog.
    AddItems {
        /// The tenant.
        tenant: TenantId,
        /// The items, all of one section; all are added or none. A firmware type without a number gets one.
        items: Vec<NewItem>,
        /// Who adds them.
        by: Box<str>,
    },
    /// Puts a changed item in the place of the one with its id.
    PutItem {
        /// The item; its trail is kept by the engine.
        item: Item,
        /// Who changes it.
        by: Box<str>,
    },
    /// Removes an item. One that something refers to is marked as removed.
    RemoveItem {
        /// The tenant.
        tenant: TenantId,
        /// The section.
        section: Section,
        /// The item.
        id: ItemId,
    },
    /// Makes a tenant.
    AddTenant {
        /// Its id.
        tenant: TenantId,
        /// Who makes it.
        by: Box<str>,
    },
    /// Sets a tenant's settings, all or none.
    Configure {
        /// The tenant.
        tenant: TenantId,
        /// The settings with their values; without a value a setting has its default again.
        settings: Vec<(Setting, Option<Box<str>>)>,
        /// Who sets them.
        by: Box<str>,
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
    /// Gives an operator a password beside its token, or takes it away.
    SetPassword {
        /// The name.
        name: Box<str>,
        /// What the password is checked against, a PHC string. Whoever calls has hashed it: that takes longer than the
        /// engine has.
        hash: Option<Box<str>>,
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
            | Call::RemoveActions { .. }
            | Call::RemoveItem { .. }
            | Call::SweepUploads
            | Call::Cancel { .. } => true,
            Call::AddDevice { .. }
            | Call::AddDevices { .. }
            | Call::ChangeDevice { .. }
            | Call::ChangeImage { .. }
            | Call::ChangeRelease { .. }
            | Call::Assign { .. }
            | Call::Force { .. }
            | Call::Confirm { .. }
            | Call::AddItems { .. }
            | Call::PutItem { .. }
            | Call::AddTenant { .. }
            | Call::Configure { .. }
            | Call::SetPassword { .. }
            | Call::RenewToken { .. }
            | Call::RenewOperator { .. }
            | Call::AddImages { .. }
            | Call::KeepUpload { .. }
            | Call::MoveUpload { .. }
            | Call::AddReleases { .. }
            | Call::SetOffer { .. }
            | Call::Deploy { .. }
            | Call::Hear { .. }
            | Call::AddOperator { .. } => false,
        }
    }
}

/// A device before it is registered.
#[derive(Debug)]
pub struct NewDevice {
    /// Its id.
    pub id: DeviceId,
    /// Its product; the default product where nothing is said.
    pub product: Option<ProductId>,
    /// Its token; a random one where nothing is said.
    pub token: Option<Secret>,
    /// What people write about it.
    pub profile: Profile,
}

/// A change of what people say about a device.
#[derive(Debug)]
pub enum DeviceChange {
    /// Texts; those that are left out stay as they are.
    Describe {
        /// The name.
        name: Option<Box<str>>,
        /// The description.
        description: Option<Box<str>>,
        /// The address.
        address: Option<Box<str>>,
        /// The group.
        group: Option<Box<str>>,
    },
    /// Whether it is to send its attributes.
    WantAttributes(bool),
    /// A token of the operator's choice; the old one ends at once.
    Token(Secret),
    /// Another product.
    Product(ProductId),
    /// Puts a tag on or takes it off.
    Tag(ItemId, bool),
    /// Sets a value besides its own, or removes it.
    Metadata(Box<str>, Option<Box<str>>),
    /// Whether actions are agreed to by themselves. Switching it on agrees to those that wait.
    AutoConfirm(Option<AutoConfirm>),
}

/// A change of an image.
#[derive(Debug)]
pub enum ImageChange {
    /// Description and vendor; those that are left out stay as they are.
    Describe {
        /// The description.
        description: Option<Box<str>>,
        /// The vendor.
        vendor: Option<Box<str>>,
    },
    /// Another name and version, both of them free; refused when it is locked.
    Rename {
        /// The name.
        name: Box<str>,
        /// The version.
        version: Version,
    },
    /// Adds a file; refused when it is locked.
    AddFile(NewArtifact),
    /// Removes a file; refused when it is locked.
    RemoveFile(ArtifactId),
    /// Takes these files for all that it had; refused when it is locked.
    ReplaceFiles(Vec<NewArtifact>),
    /// Sets a value besides its own, or removes it.
    Metadata(Box<str>, Option<Metadata>),
    /// The words by which it is found.
    Tags(BTreeSet<Box<str>>),
    /// Lets a product's devices take it, or no longer. Queued actions on such devices are called off with it.
    Product(ProductId, bool),
    /// Locks it.
    Lock,
    /// All of these, one after the other, or none.
    Several(Vec<ImageChange>),
}

/// A release before it is made.
#[derive(Debug)]
pub struct NewRelease {
    /// The name.
    pub name: Box<str>,
    /// The version.
    pub version: Version,
    /// The images. Ours has at least one and at most one of each type; `kind` says it for others.
    pub images: Vec<ImageId>,
    /// Its kind; none for ours.
    pub kind: Option<ItemId>,
    /// What people write about it.
    pub about: About,
    /// Whether a device has to install it before anything newer.
    pub required_step: bool,
    /// Locks it from the start.
    pub locked: bool,
}

/// A change of a release.
#[derive(Debug)]
pub enum ReleaseChange {
    /// Texts; those that are left out stay as they are.
    Describe {
        /// The name; refused when it is locked.
        name: Option<Box<str>>,
        /// The version; refused when it is locked.
        version: Option<Version>,
        /// The description.
        description: Option<Box<str>>,
        /// Whether a device has to install it before anything newer; refused when it is locked.
        required_step: Option<bool>,
    },
    /// Adds images; refused when it is locked.
    AddImages(Vec<ImageId>),
    /// Removes an image; refused when it is locked.
    RemoveImage(ImageId),
    /// Sets a value besides its own, or removes it.
    Metadata(Box<str>, Option<Box<str>>),
    /// Puts a tag on or takes it off.
    Tag(ItemId, bool),
    /// Locks it, or unlocks it.
    Lock(bool),
    /// Says that it may not be assigned any more; `cancel` calls its actions off, forced or not.
    Invalidate {
        /// Whether and how its actions are called off.
        cancel: Option<bool>,
    },
}

/// Who gets what.
#[derive(Debug)]
pub struct Assignment {
    /// The device.
    pub device: DeviceId,
    /// What it gets.
    pub target: Target,
    /// On which terms.
    pub terms: Terms,
}

/// An item before it has an id.
#[derive(Debug)]
pub struct NewItem {
    /// The number of a firmware type, where the caller chooses it.
    pub id: Option<ItemId>,
    /// What people read.
    pub label: Label,
    /// What it is.
    pub what: What,
}

/// An uploaded image before it has a number.
#[derive(Debug)]
pub struct NewImage {
    /// What people call it; the product's name where nothing is said.
    pub name: Option<Box<str>>,
    /// The products whose devices can take it.
    pub products: Products,
    /// The firmware type.
    pub kind: FirmwareType,
    /// The version.
    pub version: Version,
    /// Its files; an image without files can be assigned when it has some.
    pub files: Vec<NewArtifact>,
    /// The conditions under which it may be installed.
    pub rules: Rules,
    /// What people write about it.
    pub about: About,
    /// Words by which it is found.
    pub tags: BTreeSet<Box<str>>,
    /// Whether its files are encrypted.
    pub encrypted: bool,
}

impl NewImage {
    /// An image of one product, about which nothing more is said.
    pub fn plain(product: ProductId, kind: FirmwareType, version: Version, rules: Rules) -> Self {
        NewImage {
            name: None,
            products: Products::one(product),
            kind,
            version,
            files: Vec::new(),
            rules,
            about: About::default(),
            tags: BTreeSet::new(),
            encrypted: false,
        }
    }
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
    /// Devices were registered, or one was changed.
    Devices(Vec<Device>),
    /// Images have their numbers, or one was changed. Files that nothing needs any more are named.
    Images {
        /// The images.
        images: Vec<Image>,
        /// Files to delete.
        files: Vec<Sha256>,
    },
    /// A file waits for its image.
    Upload(KeptUpload),
    /// Releases were made, or one was changed.
    Releases(Vec<Release>),
    /// What came of an assignment.
    Assigned {
        /// The new actions, in the order of the devices.
        actions: Vec<ActionId>,
        /// How many devices had been assigned their target before.
        already: usize,
    },
    /// Items were added or changed.
    Items(Vec<Item>),
    /// A tenant as it is now.
    Tenant(Tenant),
    /// An offer stands.
    Offer(Offer),
    /// A deployment is on its way.
    Deployment(Deployment),
    /// An action as it is now.
    Action(Action),
    /// A device was heard; this came of it.
    Heard {
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
    /// An operator has a password now, or none any more.
    Password(Operator),
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
