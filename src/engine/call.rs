//! What the doors ask of the engine and what it answers. A door translates bytes to a [`Call`] and a [`Reply`] to
//! bytes, and knows nothing else.

mod change;
mod error;
mod tell;

use std::fmt;

use crate::domain::action::Action;
use crate::domain::catalog::{Item, Section};
use crate::domain::decide::Verdict;
use crate::domain::deployment::{Deployment, Target};
use crate::domain::device::Device;
use crate::domain::event::{Consent, Event, Withdrawal};
use crate::domain::ids::{
    ActionId, DeviceId, DeviceKey, FirmwareType, ImageId, ItemId, ProductId, ReleaseId, RolloutId, TenantId,
    WebhookId,
};
use crate::domain::image::{Image, KeptUpload, Release, Sha256};
use crate::domain::news::Wanted as WantedNews;
use crate::domain::offer::{Offer, Rules};
use crate::domain::rollout::{self, NewRollout, Rollout, Wave};
use crate::domain::tenant::{Setting, Tenant};
use crate::domain::terms::Terms;
use crate::domain::webhook::{Attempt, Webhook};
use crate::store::tables::{Operator, Role};

pub use change::{
    Assignment, DeviceChange, ImageChange, NewArtifact, NewDevice, NewImage, NewItem, NewRelease,
    ReleaseChange,
};
pub use error::CallError;
pub use tell::{Command, Desired, Downlink, Grant, Message, Outcome, Receipt, Stamp, Wanted};

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
    /// Makes a rollout, with the members that [`Reader::muster`](crate::engine::query::Reader::muster) found for each of
    /// its waves. It is there when this returns, and ready once a task has written its members down.
    AddRollout {
        /// The tenant.
        tenant: TenantId,
        /// The rollout.
        rollout: Box<NewRollout>,
        /// The devices of each wave.
        members: Vec<Vec<DeviceId>>,
        /// Who makes it.
        by: Box<str>,
    },
    /// An operator asks something of a rollout.
    CommandRollout {
        /// The tenant.
        tenant: TenantId,
        /// The rollout.
        rollout: RolloutId,
        /// What is asked.
        command: rollout::Command,
        /// Who asks.
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
        /// Whether it has proven who it is.
        proven: bool,
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
    /// Has a tenant's news sent somewhere, from the next on.
    AddWebhook {
        /// The tenant.
        tenant: TenantId,
        /// Where: http or https, which the door has looked at.
        url: Box<str>,
        /// Which news.
        wanted: WantedNews,
        /// Who wants it.
        by: Box<str>,
    },
    /// Changes what is given.
    ChangeWebhook {
        /// The tenant.
        tenant: TenantId,
        /// The webhook.
        webhook: WebhookId,
        /// Where news are sent.
        url: Option<Box<str>>,
        /// Which news.
        wanted: Option<WantedNews>,
        /// Whether any.
        enabled: Option<bool>,
        /// Who changes it.
        by: Box<str>,
    },
    /// Forgets a webhook.
    RemoveWebhook {
        /// The tenant.
        tenant: TenantId,
        /// The webhook.
        webhook: WebhookId,
    },
    /// Keeps how far a webhook has come, and what became of the newest attempt.
    NoteWebhook {
        /// The tenant.
        tenant: TenantId,
        /// The webhook.
        webhook: WebhookId,
        /// The newest news that have arrived.
        cursor: u64,
        /// The attempt; none where there was nothing to send.
        attempt: Option<Attempt>,
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
            | Call::RemoveWebhook { .. }
            | Call::SweepUploads
            | Call::CommandRollout {
                command: rollout::Command::Pause | rollout::Command::Stop(_) | rollout::Command::Remove,
                ..
            }
            | Call::Cancel { .. } => true,
            Call::AddWebhook { .. }
            | Call::ChangeWebhook { .. }
            | Call::NoteWebhook { .. }
            | Call::AddDevice { .. }
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
            | Call::AddRollout { .. }
            | Call::CommandRollout { .. }
            | Call::Hear { .. }
            | Call::AddOperator { .. } => false,
        }
    }
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
    /// A rollout as it is now, with its waves.
    Rollout {
        /// The rollout.
        rollout: Box<Rollout>,
        /// Its waves, in their order.
        waves: Vec<Wave>,
    },
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
    /// A webhook as it is now.
    Webhook(Box<Webhook>),
    /// An operator has a password now, or none any more.
    Password(Operator),
    /// Something was removed. An image's files that nothing needs any more are named.
    Removed {
        /// Files to delete.
        files: Vec<Sha256>,
    },
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
