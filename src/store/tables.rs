//! The tables with their types: what can be looked up and what can be changed, over any store.
//!
//! Keys are defined once, in `keys`; records once, in `record`. Rows that belong together (a device and its index, a token and
//! its owner) change together here, so that no caller can forget one. Nothing here decides anything.

use std::fmt;

use crate::domain::catalog::Section;
use crate::domain::ids::{
    DeploymentId, DeviceId, DeviceKey, FirmwareType, ItemId, ProductId, RolloutId, TenantId, Time,
};

mod catalog;
mod copy;
mod draft;
mod keys;
mod news;
mod people;
mod rollouts;
mod uploads;
mod view;
mod webhooks;

pub use draft::Draft;
pub use news::NEWS_KEPT;
pub use rollouts::Again;
pub use view::View;

/// The SHA-256 sum of a token; the token itself is never kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A device's.
    Device(DeviceKey),
    /// The operator's of that name.
    Operator(Box<str>),
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Look and change.
    Admin,
    /// Look.
    Observer,
}

/// A person or a program that looks after devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name, unique within the server.
    pub name: Box<str>,
    /// The tenant that the operator is confined to; none means every tenant.
    pub tenant: Option<TenantId>,
    /// What the operator may do.
    pub role: Role,
    /// The digest of the operator's token.
    pub digest: Digest,
    /// When the operator was registered.
    pub created: Time,
}

/// A number that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter<'a> {
    /// Ids of actions.
    Action,
    /// Ids of images.
    Image,
    /// Ids of artifacts.
    Artifact,
    /// Ids of releases.
    Release,
    /// Ids of deployments.
    Deployment,
    /// Ids of rollouts.
    Rollout,
    /// Ids of tasks.
    Task,
    /// How many times the server has started.
    Epoch,
    /// Devices that registered themselves and are still there.
    Newcomers,
    /// Probes that went the whole way.
    Probe,
    /// Numbers of a tenant's images of one firmware type.
    ImageNumber(&'a TenantId, FirmwareType),
    /// Numbers of a tenant's news.
    News(&'a TenantId),
    /// Ids of a tenant's webhooks.
    Webhook(&'a TenantId),
    /// Ids of a tenant's items of one section.
    Item(&'a TenantId, Section),
}

/// What the members of a rollout are walked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// Open actions are cancelled, and devices asked to let go.
    Cancel,
    /// Open actions are cancelled without waiting for the devices.
    Force,
    /// Devices that were held back are told again.
    Tell,
    /// An earlier image is brought back, as part of this deployment.
    RollBack(DeploymentId),
}

/// Work that takes more than one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Create a deployment's actions; the devices still to reach are the task's pending rows.
    Deploy {
        /// The tenant.
        tenant: TenantId,
        /// The deployment.
        deployment: DeploymentId,
    },
    /// Bring a changed standing offer to every device of its product.
    Offer {
        /// The tenant.
        tenant: TenantId,
        /// The product.
        product: ProductId,
        /// The firmware type.
        kind: FirmwareType,
        /// Not before this moment: an offer's window may open later.
        at: Time,
        /// The last device that was reached.
        after: Option<DeviceId>,
    },
    /// Write down the members of a new rollout; the devices still to write are the task's pending rows, the wave being
    /// the upper half of a slice's number.
    Muster {
        /// The tenant.
        tenant: TenantId,
        /// The rollout.
        rollout: RolloutId,
    },
    /// Walk the members of a rollout, wave by wave.
    Members {
        /// The tenant.
        tenant: TenantId,
        /// The rollout.
        rollout: RolloutId,
        /// What for.
        errand: Errand,
        /// The wave, and the last of its members that was reached.
        place: (u16, Option<DeviceId>),
    },
    /// Let devices that match a continuous rollout join it.
    Join {
        /// The tenant.
        tenant: TenantId,
        /// The rollout.
        rollout: RolloutId,
        /// The last device that was looked at.
        after: Option<DeviceId>,
    },
    /// Hold a changed filter against every device.
    Match {
        /// The tenant.
        tenant: TenantId,
        /// The filter.
        filter: ItemId,
        /// The last device that was reached.
        after: Option<DeviceId>,
    },
}
