//! The JSON of the operator's API, written once for the server and the command line. Types only: nothing here
//! checks, decides or reads a store; a request becomes a call in `api`, an answer is made in `answers`.
//!
//! Integers that may exceed 2^53 travel as strings; moments as RFC 3339; firmware types and attributes as decimal
//! keys of objects. Absent members are left out, never `null`.

mod answers;
mod people;
mod plans;
mod rollout_answers;
mod rollout_orders;
mod rollouts;
mod webhooks;
mod why;

pub use answers::{hex, timestamp};
pub use people::{NewPassword, NewTenant, SettingBody, SettingsBody, SettingsPatch, TenantBody};
pub use plans::{
    ForeseenBody, ModelBody, MomentBody, NewPlanBody, PlanBody, PlannedWaveBody, PointBody, SpanBody,
};
pub use rollout_orders::{RemarkBody, RetryBody, RolloutPatch, StopBody};
pub use rollouts::{
    AfterBody, BadEndBody, CanaryBody, CauseBody, CountedBody, DecisionBody, DifferenceBody, EndingBody,
    InFlightBody, MemberBody, ModeBody, NewRolloutBody, NewWaveBody, PaceBody, RemedyBody, RetriesBody,
    RolloutBody, StopRuleBody, TallyBody, TimeoutsBody, WaveBody, WindowBody,
};
pub use webhooks::{AttemptBody, NewWebhook, WebhookBody, WebhookPatch, WebhookWithSecret};
pub use why::{
    CanaryWhyBody, ExplainedBody, GatesBody, RolloutWhyBody, RuleWhyBody, StandingBody, ThrottleBody,
};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The value of `after` (of `before` in lists that run from the newest) for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What is wrong.
    pub error: ErrorDetail,
}

/// What is wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A stable code for machines.
    pub code: String,
    /// A sentence for people that names what to do.
    pub message: String,
    /// The member, query parameter, form field or header that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// `GET /api/v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusBody {
    /// The version of the server.
    pub version: String,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// When it started.
    pub started: Timestamp,
    /// Unlike that of every other start: devices say hello again when it changes.
    pub epoch: String,
    /// Who is asking.
    pub operator: String,
    /// The largest upload in bytes.
    pub upload_max_bytes: u64,
}

/// A version as a device reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedBody {
    /// The server-issued number, where the device gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The version text, where the device gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the report arrived.
    pub at: Timestamp,
}

/// A hardware: what a device says it is, or what a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardwareBody {
    /// The model.
    pub model: String,
    /// The revision; in a rule, absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceBody {
    /// The id.
    pub id: String,
    /// The product.
    pub product: String,
    /// The hardware, once the device has said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<HardwareBody>,
    /// The firmware types that it can install; empty when it did not say.
    pub types: Vec<u8>,
    /// What it runs, by firmware type.
    pub versions: BTreeMap<u8, ReportedBody>,
    /// Its attributes, apart from the versions.
    pub attributes: BTreeMap<u16, String>,
    /// Its attributes that have a name instead of a number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named_attributes: BTreeMap<String, String>,
    /// Whether it last said that it is online.
    pub online: bool,
    /// The boot that it last announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// The action under way, by firmware type.
    pub active: BTreeMap<u8, u32>,
    /// When it was registered.
    pub created: Timestamp,
    /// When it was last heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

/// `POST /api/v1/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// The id.
    pub id: String,
    /// The product.
    pub product: String,
}

/// A registered device, or one with a new token. The token is shown only here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWithToken {
    /// The device.
    pub device: DeviceBody,
    /// Its token.
    pub token: String,
}

/// A file of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactBody {
    /// The id.
    pub id: u32,
    /// The name that the uploader gave.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 sum, 64 lower-case hexadecimal digits; also its address under `/artifacts/`.
    pub sha256: String,
    /// SHA-1 sum in hexadecimal.
    pub sha1: String,
    /// MD5 sum in hexadecimal.
    pub md5: String,
}

/// Conditions of an image or an offer. Empty rules allow everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesBody {
    /// Versions that the update may start from: literal, with `x` or `*` segments, or a semver requirement.
    #[serde(default)]
    pub compatible: Vec<String>,
    /// Versions that a device must have reached first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<String>,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Not at or after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Hardware that it runs on.
    #[serde(default)]
    pub hardware: Vec<HardwareBody>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageBody {
    /// The id.
    pub id: u32,
    /// The product.
    pub product: String,
    /// The firmware type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The number that the server issued; grows per type.
    pub number: String,
    /// The version.
    pub version: String,
    /// Its files.
    pub artifacts: Vec<ArtifactBody>,
    /// Its conditions.
    pub rules: RulesBody,
    /// When it was uploaded.
    pub created: Timestamp,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseBody {
    /// The id.
    pub id: u32,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The ids of its images.
    pub images: Vec<u32>,
    /// When it was made.
    pub created: Timestamp,
}

/// `POST /api/v1/releases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRelease {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The ids of its images.
    pub images: Vec<u32>,
}

/// A standing offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferBody {
    /// The product.
    pub product: String,
    /// The firmware type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The offered image.
    pub image: u32,
    /// Conditions beyond the image's own.
    pub rules: RulesBody,
    /// Whether devices may be taken back to an older version.
    pub allow_downgrade: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// `POST /api/v1/offers`: takes the place of what is offered for the image's product and type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOffer {
    /// The image.
    pub image: u32,
    /// Conditions beyond the image's own.
    #[serde(default)]
    pub rules: RulesBody,
    /// Whether devices may be taken back to an older version.
    #[serde(default)]
    pub allow_downgrade: bool,
}

/// What is brought: `{"image": 7}` or `{"release": 2}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetBody {
    /// One image.
    Image(u32),
    /// The images of a release.
    Release(u32),
}

/// `POST /api/v1/deployments`: exactly one of `image` and `release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDeployment {
    /// The image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u32>,
    /// The release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
    /// To whom.
    pub devices: Vec<String>,
    /// Whether devices may be taken back to an older version.
    #[serde(default)]
    pub allow_downgrade: bool,
}

/// Where the actions of a deployment stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersBody {
    /// Devices that have no action yet.
    pub pending: u64,
    /// Actions under way.
    pub active: u64,
    /// Actions that ended well.
    pub succeeded: u64,
    /// Actions that did not work, and devices that cannot take the target.
    pub failed: u64,
    /// Actions that were called off or replaced.
    pub cancelled: u64,
    /// All devices of the deployment.
    pub total: u64,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentBody {
    /// The id.
    pub id: u32,
    /// What is brought.
    pub target: TargetBody,
    /// Whether devices may be taken back to an older version.
    pub allow_downgrade: bool,
    /// Where its actions stand.
    pub counters: CountersBody,
    /// Whether nothing can move any more.
    pub done: bool,
    /// When it was ordered.
    pub created: Timestamp,
}

/// One image that an action installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentBody {
    /// The firmware type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The image.
    pub image: u32,
    /// The image's number.
    pub number: String,
    /// The image's version.
    pub version: String,
}

/// Where an action came from: `"offer"` or `{"deployment": 4}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginBody {
    /// The standing offer of the product.
    Offer,
    /// An operator's deployment.
    Deployment(u32),
    /// A stored filter that the device came to match.
    Filter(u32),
    /// The device said that it runs the target already, or an operator said so for it.
    Device,
    /// A wave of a rollout.
    Rollout {
        /// The rollout.
        rollout: u32,
        /// The wave, from 1.
        wave: u16,
    },
}

/// How far a device is, in steps of its own choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressBody {
    /// Steps done.
    pub done: u32,
    /// All steps; 0 where the device does not know.
    pub of: u32,
}

/// One line of an action's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryBody {
    /// When it was recorded.
    pub at: Timestamp,
    /// The state after it.
    pub state: String,
    /// What it is about: `created`, `told`, `reported`, ..., or the device's word such as `closed: success`.
    pub note: String,
    /// The device's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Texts for people.
    pub details: Vec<String>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionBody {
    /// The id.
    pub id: u32,
    /// The device.
    pub device: String,
    /// What is brought.
    pub target: TargetBody,
    /// The images of the target.
    pub components: Vec<ComponentBody>,
    /// Where it came from.
    pub origin: OriginBody,
    /// Where it stands: `queued`, `offered`, `accepted`, `downloading`, `downloaded`, `waiting`, `installing`,
    /// `rebooting`, `verifying`; ended: `succeeded`, `already-installed`, `failed`, `rejected`, `timed-out`,
    /// `cancelled`, `superseded`, `not-compatible`.
    pub state: String,
    /// Why, for the states that have a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it has ended.
    pub done: bool,
    /// The device warned that something is wrong, and goes on.
    pub warning: bool,
    /// A cancel was asked for and has not ended yet.
    pub cancelling: bool,
    /// Counts from 1.
    pub attempt: u32,
    /// How far the device says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressBody>,
    /// What ends it well, while it is under way: `report`, of the target's version, or `feedback`, the device's word;
    /// only where one action is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_by: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it last changed.
    pub changed: Timestamp,
    /// What happened, oldest first; only where one action is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<EntryBody>>,
}

/// `POST /api/v1/actions/{id}/cancel`; an empty body asks the device first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Without waiting for the device.
    #[serde(default)]
    pub force: bool,
}

/// One rule held against a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingBody {
    /// The rule.
    pub rule: String,
    /// Whether the device passes it.
    pub pass: bool,
    /// Why not: a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why not: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What all rules together say: the reason of the first that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictBody {
    /// Whether the device may have the offer.
    pub eligible: bool,
    /// Why not: a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why not: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The action under way for a firmware type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveBody {
    /// The action.
    pub action: u32,
    /// Where it stands.
    pub state: String,
}

/// Why a device has, or does not have, the standing offer of a firmware type.
/// `GET /api/v1/devices/{id}/explain` answers an [`ExplainedBody`] with one for each firmware type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplanationBody {
    /// The device.
    pub device: String,
    /// The firmware type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// What the device reports for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<ReportedBody>,
    /// The offered image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageBody>,
    /// Every rule, in order.
    pub rules: Vec<FindingBody>,
    /// What they amount to.
    pub verdict: VerdictBody,
    /// The action under way for the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<ActiveBody>,
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleBody {
    /// Everything.
    Admin,
    /// Reading only.
    Observer,
}

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorBody {
    /// The name.
    pub name: String,
    /// The tenant that it is confined to; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What it may do.
    pub role: RoleBody,
    /// When it was registered.
    pub created: Timestamp,
}

/// `POST /api/v1/operators`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// The name.
    pub name: String,
    /// The tenant that it is confined to; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What it may do.
    pub role: RoleBody,
}

/// A registered operator. The token is shown only here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorWithToken {
    /// The operator.
    pub operator: OperatorBody,
    /// Its token.
    pub token: String,
}
