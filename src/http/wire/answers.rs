//! From the domain to its JSON. The domain never carries serde; this is the one place where the two meet.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{
    ActionBody, ActiveBody, ArtifactBody, ComponentBody, CountersBody, DeploymentBody, DeviceBody, EntryBody,
    ExplanationBody, FindingBody, HardwareBody, ImageBody, OfferBody, OperatorBody, OriginBody, ProgressBody,
    ReleaseBody, ReportedBody, RoleBody, RulesBody, TargetBody, VerdictBody,
};
use crate::domain::action::{Action, Clock, Component, Origin};
use crate::domain::decide::{Entry, Note};
use crate::domain::deployment::{Counters, Deployment, Target};
use crate::domain::device::{Device, Hardware, Reported};
use crate::domain::eligibility::{Finding, refusal};
use crate::domain::feedback::{Finished, Word};
use crate::domain::ids::ProductId;
use crate::domain::ids::{DeviceId, Time};
use crate::domain::image::{Artifact, Image, Products, Release};
use crate::domain::offer::{HardwareMatch, Offer, Rules};
use crate::engine::access::{Operator, Role};
use crate::engine::query::Explanation;

/// A moment as JSON carries it. A moment beyond the year 9999 is shown as the last one that RFC 3339 can write.
pub fn timestamp(time: Time) -> Timestamp {
    i64::try_from(time.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    text
}

impl From<&Device> for DeviceBody {
    fn from(device: &Device) -> Self {
        DeviceBody {
            id: device.key.device.to_string(),
            product: device.product.to_string(),
            hardware: device.hardware.as_ref().map(HardwareBody::from),
            types: device.capabilities.types.iter().map(|kind| kind.get()).collect(),
            versions: device.versions.iter().map(|(kind, r)| (kind.get(), r.into())).collect(),
            attributes: device.attributes.iter().map(|(id, value)| (id.get(), value.to_string())).collect(),
            named_attributes: device.named.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect(),
            online: device.online,
            boot: device.boot.as_deref().map(str::to_owned),
            active: device.active.iter().map(|(kind, action)| (kind.get(), action.get())).collect(),
            created: timestamp(device.trail.created),
            last_seen: device.last_seen.map(timestamp),
        }
    }
}

impl From<&Hardware> for HardwareBody {
    fn from(hardware: &Hardware) -> Self {
        HardwareBody {
            model: hardware.model.to_string(),
            revision: hardware.revision.as_deref().map(str::to_owned),
        }
    }
}

impl From<&HardwareMatch> for HardwareBody {
    fn from(wanted: &HardwareMatch) -> Self {
        HardwareBody {
            model: wanted.model.to_string(),
            revision: wanted.revision.as_deref().map(str::to_owned),
        }
    }
}

impl From<&Reported> for ReportedBody {
    fn from(reported: &Reported) -> Self {
        ReportedBody {
            number: reported.running.number.map(|number| number.to_string()),
            version: reported.running.version.as_ref().map(ToString::to_string),
            at: timestamp(reported.at),
        }
    }
}

impl From<&Artifact> for ArtifactBody {
    fn from(artifact: &Artifact) -> Self {
        ArtifactBody {
            id: artifact.id.get(),
            name: artifact.name.to_string(),
            size: artifact.size,
            sha256: hex(&artifact.sha256.0),
            sha1: hex(&artifact.sha1),
            md5: hex(&artifact.md5),
        }
    }
}

impl From<&Rules> for RulesBody {
    fn from(rules: &Rules) -> Self {
        RulesBody {
            compatible: rules.compatible.iter().map(ToString::to_string).collect(),
            through: rules.through.iter().map(ToString::to_string).collect(),
            not_before: rules.not_before.map(timestamp),
            not_after: rules.not_after.map(timestamp),
            hardware: rules.hardware.iter().map(HardwareBody::from).collect(),
        }
    }
}

/// The products of an image; `*`, which is no product's name, stands for all.
fn products(products: &Products) -> String {
    match products {
        Products::Any => "*".into(),
        Products::Only(names) => names.iter().map(ProductId::as_str).collect::<Vec<_>>().join(", "),
    }
}

impl From<&Image> for ImageBody {
    fn from(image: &Image) -> Self {
        ImageBody {
            id: image.id.get(),
            product: products(&image.products),
            kind: image.kind.get(),
            number: image.number.to_string(),
            version: image.version.to_string(),
            artifacts: image.artifacts.iter().map(ArtifactBody::from).collect(),
            rules: (&image.rules).into(),
            created: timestamp(image.trail.created),
        }
    }
}

impl From<&Release> for ReleaseBody {
    fn from(release: &Release) -> Self {
        ReleaseBody {
            id: release.id.get(),
            name: release.name.to_string(),
            version: release.version.to_string(),
            images: release.images.iter().map(|image| image.get()).collect(),
            created: timestamp(release.trail.created),
        }
    }
}

impl From<&Offer> for OfferBody {
    fn from(offer: &Offer) -> Self {
        OfferBody {
            product: offer.product.to_string(),
            kind: offer.kind.get(),
            image: offer.image.get(),
            rules: (&offer.rules).into(),
            allow_downgrade: offer.allow_downgrade,
            created: timestamp(offer.created),
        }
    }
}

impl From<Target> for TargetBody {
    fn from(target: Target) -> Self {
        match target {
            Target::Image(image) => TargetBody::Image(image.get()),
            Target::Release(release) => TargetBody::Release(release.get()),
        }
    }
}

impl From<&Counters> for CountersBody {
    fn from(counters: &Counters) -> Self {
        CountersBody {
            pending: counters.pending,
            active: counters.active,
            succeeded: counters.succeeded,
            failed: counters.failed,
            cancelled: counters.cancelled,
            total: counters.total(),
        }
    }
}

impl From<&Deployment> for DeploymentBody {
    fn from(deployment: &Deployment) -> Self {
        DeploymentBody {
            id: deployment.id.get(),
            target: deployment.target.into(),
            allow_downgrade: deployment.allow_downgrade,
            counters: (&deployment.counters).into(),
            done: deployment.counters.is_done(),
            created: timestamp(deployment.created),
        }
    }
}

impl From<&Component> for ComponentBody {
    fn from(component: &Component) -> Self {
        ComponentBody {
            kind: component.kind.get(),
            image: component.image.get(),
            number: component.number.to_string(),
            version: component.version.to_string(),
        }
    }
}

impl From<Origin> for OriginBody {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Deployment(deployment) => OriginBody::Deployment(deployment.get()),
            Origin::Offer => OriginBody::Offer,
            Origin::Filter(filter) => OriginBody::Filter(filter.get()),
            Origin::Device => OriginBody::Device,
            Origin::Rollout(rollout, wave) => OriginBody::Rollout { rollout: rollout.get(), wave },
        }
    }
}

impl From<&Action> for ActionBody {
    fn from(action: &Action) -> Self {
        ActionBody {
            id: action.id.get(),
            device: action.device.device.to_string(),
            target: action.target.into(),
            components: action.components.iter().map(ComponentBody::from).collect(),
            origin: action.origin.into(),
            state: action.state.name().into(),
            reason: action.state.reason(),
            done: action.state.is_terminal(),
            warning: action.warning,
            cancelling: action.cancelling,
            attempt: action.attempt,
            progress: action.progress.map(|p| ProgressBody { done: p.done, of: p.of }),
            closes_by: None,
            created: timestamp(action.created),
            changed: timestamp(action.changed),
            history: None,
        }
    }
}

impl From<&Entry> for EntryBody {
    fn from(entry: &Entry) -> Self {
        EntryBody {
            at: timestamp(entry.at),
            state: entry.state.name().into(),
            note: note(entry.note),
            code: entry.code,
            details: entry.details.iter().map(ToString::to_string).collect(),
        }
    }
}

fn note(note: Note) -> String {
    match note {
        Note::Created => "created".into(),
        Note::Told => "told".into(),
        Note::Said(said) => word(said).into(),
        Note::Retrieved => "retrieved".into(),
        Note::Fetching => "fetching".into(),
        Note::Confirmed => "confirmed".into(),
        Note::Denied => "denied".into(),
        Note::Forced => "forced".into(),
        Note::Answered(said) => format!("to the cancel: {}", word(said)),
        Note::Reported => "reported".into(),
        Note::CancelAsked => "cancel-asked".into(),
        Note::CancelEnded => "cancel-ended".into(),
        Note::Superseded => "superseded".into(),
        Note::TimedOut(Clock::First) => "timed-out: first sign".into(),
        Note::TimedOut(Clock::Step) => "timed-out: step".into(),
        Note::TimedOut(Clock::Total) => "timed-out: total".into(),
        Note::Drift(said) => format!("drift: {}", word(said)),
    }
}

/// The device's word as DDI writes it, with the result of a close.
fn word(word: Word) -> &'static str {
    match word {
        Word::Proceeding => "proceeding",
        Word::Scheduled => "scheduled",
        Word::Resumed => "resumed",
        Word::Download => "download",
        Word::Downloaded => "downloaded",
        Word::Rejected => "rejected",
        Word::Canceled => "canceled",
        Word::Closed(Finished::Success) => "closed: success",
        Word::Closed(Finished::Failure) => "closed: failure",
        Word::Closed(Finished::None) => "closed: none",
    }
}

impl From<&Finding> for FindingBody {
    fn from(finding: &Finding) -> Self {
        FindingBody {
            rule: finding.rule.name().into(),
            pass: finding.failed.is_none(),
            code: finding.failed.as_ref().map(|reason| reason.code().into()),
            message: finding.failed.as_ref().map(ToString::to_string),
        }
    }
}

impl From<&[Finding]> for VerdictBody {
    fn from(findings: &[Finding]) -> Self {
        let reason = refusal(findings);
        VerdictBody {
            eligible: reason.is_none(),
            code: reason.map(|reason| reason.code().into()),
            message: reason.map(ToString::to_string),
        }
    }
}

impl ExplanationBody {
    /// The explanation for one device.
    pub fn new(device: &DeviceId, explanation: &Explanation) -> Self {
        ExplanationBody {
            device: device.to_string(),
            kind: explanation.kind.get(),
            reported: explanation.reported.as_ref().map(ReportedBody::from),
            image: explanation.image.as_ref().map(ImageBody::from),
            rules: explanation.findings.iter().map(FindingBody::from).collect(),
            verdict: explanation.findings.as_slice().into(),
            active: explanation
                .active
                .map(|(action, state)| ActiveBody { action: action.get(), state: state.name().into() }),
        }
    }
}

impl From<Role> for RoleBody {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => RoleBody::Admin,
            Role::Observer => RoleBody::Observer,
        }
    }
}

impl From<RoleBody> for Role {
    fn from(role: RoleBody) -> Self {
        match role {
            RoleBody::Admin => Role::Admin,
            RoleBody::Observer => Role::Observer,
        }
    }
}

impl From<&Operator> for OperatorBody {
    fn from(operator: &Operator) -> Self {
        OperatorBody {
            name: operator.name.to_string(),
            tenant: operator.tenant.as_ref().map(ToString::to_string),
            role: operator.role.into(),
            created: timestamp(operator.created),
        }
    }
}
