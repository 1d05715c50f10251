//! The record of a device, which is read and written for every report.

use std::borrow::Cow;

use crate::domain::device::{
    AutoConfirm, Capabilities, Device, Ended, Failures, Format, Hardware, Installed, Penalty, Profile,
    Refused, Reported, SeqWindow,
};
use crate::domain::ids::{ActionId, AttributeId, DeviceKey, FirmwareType, ImageId, Time};
use crate::domain::version::Running;

use super::action::TargetRecord;
use super::terms::TrailRecord;
use super::{Bad, firmware_type, item, product, record, some, text, texts, version};

record! {
    /// A device; tenant and id are the key.
    DeviceRecord<'a> {
        product: Cow<'a, str>,
        hardware: Option<HardwareRecord<'a>>,
        capabilities: CapabilitiesRecord<'a>,
        versions: Vec<ReportedRecord<'a>>,
        attributes: AttributesRecord<'a>,
        boot: Option<Cow<'a, str>>,
        newest: u64,
        seen: u64,
        desired_seq: u64,
        active: Vec<(u8, u32)>,
        standing: StandingRecord,
        failures: FailuresRecord,
        refused: Option<(u64, Cow<'a, str>, Cow<'a, str>)>,
        presence: PresenceRecord<'a>,
        profile: Option<ProfileRecord<'a>>,
        trail: TrailRecord<'a>,
    }
}

record! {
    /// What it has yet to let go, what it was assigned, what it installed (by which action, when), how the last action
    /// ended.
    StandingRecord {
        leaving: Vec<u32>,
        assigned: Option<TargetRecord>,
        installed: Option<(TargetRecord, u64, Option<u32>)>,
        ended: u8,
    }
}

record! {
    /// Failed attempts by firmware type and image, and the penalty.
    FailuresRecord {
        counts: Vec<(u8, u32, u32)>,
        penalty: Option<(u32, Option<u64>)>,
    }
}

record! {
    PresenceRecord<'a> {
        proven: bool,
        online: bool,
        last_seen: Option<u64>,
        seen_at: Option<Cow<'a, str>>,
    }
}

record! {
    /// What people write about a device; most devices have none of it.
    ProfileRecord<'a> {
        name: Option<Cow<'a, str>>,
        description: Option<Cow<'a, str>>,
        address: Option<Cow<'a, str>>,
        group: Option<Cow<'a, str>>,
        tags: Vec<u32>,
        metadata: Vec<(Cow<'a, str>, Cow<'a, str>)>,
        auto_confirm: Option<(Option<Cow<'a, str>>, Option<Cow<'a, str>>, u64)>,
    }
}

record! {
    /// Hardware that a device is, or that a rule asks for.
    HardwareRecord<'a> {
        model: Cow<'a, str>,
        revision: Option<Cow<'a, str>>,
    }
}

record! {
    CapabilitiesRecord<'a> {
        types: Vec<u8>,
        mtu: Option<u32>,
        formats: Vec<u8>,
        verify: Vec<Cow<'a, str>>,
    }
}

record! {
    AttributesRecord<'a> {
        numbered: Vec<(u16, Cow<'a, str>)>,
        named: Vec<(Cow<'a, str>, Cow<'a, str>)>,
        wanted: bool,
    }
}

record! {
    ReportedRecord<'a> {
        kind: u8,
        number: Option<u64>,
        version: Option<Cow<'a, str>>,
        seq: u64,
        at: u64,
    }
}

impl<'a> DeviceRecord<'a> {
    /// The record of a device.
    pub(in crate::store) fn of(device: &'a Device) -> Self {
        DeviceRecord {
            product: device.product.as_str().into(),
            hardware: device.hardware.as_ref().map(|h| HardwareRecord::of(&h.model, h.revision.as_deref())),
            capabilities: CapabilitiesRecord::of(&device.capabilities),
            versions: device.versions.iter().map(|(kind, r)| ReportedRecord::of(*kind, r)).collect(),
            attributes: AttributesRecord::of(device),
            boot: device.boot.as_deref().map(Cow::Borrowed),
            newest: device.window.newest,
            seen: device.window.seen,
            desired_seq: device.desired_seq,
            active: device.active.iter().map(|(kind, id)| (kind.get(), id.get())).collect(),
            standing: StandingRecord::of(device),
            failures: FailuresRecord {
                counts: device.failures.iter().map(|(k, f)| (k.get(), f.image.get(), f.count)).collect(),
                penalty: device.penalty.map(|own| (own.count, own.until.map(|t| t.0))),
            },
            refused: device.refused.as_ref().map(refused_record),
            presence: PresenceRecord {
                proven: device.proven,
                online: device.online,
                last_seen: device.last_seen.map(|t| t.0),
                seen_at: device.seen_at.as_deref().map(Cow::Borrowed),
            },
            profile: (device.profile != Profile::default()).then(|| ProfileRecord::of(&device.profile)),
            trail: TrailRecord::of(&device.trail),
        }
    }

    /// The device under that key.
    pub(in crate::store) fn device(self, key: DeviceKey) -> Result<Device, Bad> {
        Ok(Device {
            key,
            product: product(&self.product)?,
            hardware: self.hardware.map(HardwareRecord::hardware),
            capabilities: self.capabilities.capabilities()?,
            versions: self.versions.into_iter().map(ReportedRecord::reported).collect::<Result<_, _>>()?,
            attributes: self.attributes.numbered.into_iter().map(attribute).collect::<Result<_, _>>()?,
            named: self.attributes.named.into_iter().map(|(name, v)| (text(name), text(v))).collect(),
            attributes_wanted: self.attributes.wanted,
            boot: self.boot.map(text),
            window: SeqWindow { newest: self.newest, seen: self.seen },
            desired_seq: self.desired_seq,
            active: self.active.into_iter().map(active).collect::<Result<_, _>>()?,
            leaving: self.standing.leaving.into_iter().map(action_id).collect::<Result<_, _>>()?,
            assigned: self.standing.assigned.map(TargetRecord::target).transpose()?,
            installed: self.standing.installed.map(installed).transpose()?,
            ended: ended(self.standing.ended)?,
            failures: self.failures.counts.into_iter().map(failures).collect::<Result<_, _>>()?,
            penalty: self.failures.penalty.map(|(count, until)| Penalty { count, until: until.map(Time) }),
            refused: self.refused.map(refused),
            proven: self.presence.proven,
            online: self.presence.online,
            last_seen: self.presence.last_seen.map(Time),
            seen_at: self.presence.seen_at.map(text),
            profile: self.profile.map(ProfileRecord::profile).transpose()?.unwrap_or_default(),
            trail: self.trail.trail(),
        })
    }
}

impl StandingRecord {
    fn of(device: &Device) -> Self {
        let installed =
            |own: Installed| (TargetRecord::of(own.target), own.at.0, own.action.map(ActionId::get));
        StandingRecord {
            leaving: device.leaving.iter().map(|id| id.get()).collect(),
            assigned: device.assigned.map(TargetRecord::of),
            installed: device.installed.map(installed),
            ended: match device.ended {
                Ended::Nothing => 0,
                Ended::Well => 1,
                Ended::Failed => 2,
            },
        }
    }
}

fn installed((target, at, action): (TargetRecord, u64, Option<u32>)) -> Result<Installed, Bad> {
    Ok(Installed { target: target.target()?, at: Time(at), action: action.map(action_id).transpose()? })
}

fn ended(code: u8) -> Result<Ended, Bad> {
    match code {
        0 => Ok(Ended::Nothing),
        1 => Ok(Ended::Well),
        2 => Ok(Ended::Failed),
        _ => some(None, "how an action ended is unknown"),
    }
}

impl<'a> ProfileRecord<'a> {
    fn of(profile: &'a Profile) -> Self {
        let borrowed = |text: &'a Option<Box<str>>| text.as_deref().map(Cow::Borrowed);
        let auto_confirm =
            |own: &'a AutoConfirm| (borrowed(&own.initiator), borrowed(&own.remark), own.since.0);
        ProfileRecord {
            name: borrowed(&profile.name),
            description: borrowed(&profile.description),
            address: borrowed(&profile.address),
            group: borrowed(&profile.group),
            tags: profile.tags.iter().map(|tag| tag.get()).collect(),
            metadata: texts(&profile.metadata),
            auto_confirm: profile.auto_confirm.as_ref().map(auto_confirm),
        }
    }

    fn profile(self) -> Result<Profile, Bad> {
        let auto_confirm = |(initiator, remark, since): (Option<Cow<'_, str>>, Option<Cow<'_, str>>, u64)| {
            AutoConfirm { initiator: initiator.map(text), remark: remark.map(text), since: Time(since) }
        };
        Ok(Profile {
            name: self.name.map(text),
            description: self.description.map(text),
            address: self.address.map(text),
            group: self.group.map(text),
            tags: self.tags.into_iter().map(item).collect::<Result<_, _>>()?,
            metadata: self.metadata.into_iter().map(|(name, value)| (text(name), text(value))).collect(),
            auto_confirm: self.auto_confirm.map(auto_confirm),
        })
    }
}

fn refused_record(refused: &Refused) -> (u64, Cow<'_, str>, Cow<'_, str>) {
    (refused.at.0, Cow::Borrowed(&refused.code), Cow::Borrowed(&refused.message))
}

fn refused((at, code, message): (u64, Cow<'_, str>, Cow<'_, str>)) -> Refused {
    Refused { at: Time(at), code: text(code), message: text(message) }
}

impl<'a> HardwareRecord<'a> {
    /// The record of a model and a revision.
    pub(super) fn of(model: &'a str, revision: Option<&'a str>) -> Self {
        HardwareRecord { model: model.into(), revision: revision.map(Cow::Borrowed) }
    }

    /// What a device is made of.
    fn hardware(self) -> Hardware {
        let (model, revision) = self.parts();
        Hardware { model, revision }
    }

    /// Model and revision.
    pub(super) fn parts(self) -> (Box<str>, Option<Box<str>>) {
        (text(self.model), self.revision.map(text))
    }
}

impl<'a> CapabilitiesRecord<'a> {
    fn of(own: &'a Capabilities) -> Self {
        CapabilitiesRecord {
            types: own.types.iter().map(|kind| kind.get()).collect(),
            mtu: own.mtu,
            formats: own.formats.iter().map(|format| format_code(*format)).collect(),
            verify: own.verify.iter().map(|check| Cow::Borrowed(&**check)).collect(),
        }
    }

    fn capabilities(self) -> Result<Capabilities, Bad> {
        Ok(Capabilities {
            types: self.types.into_iter().map(firmware_type).collect::<Result<_, _>>()?,
            mtu: self.mtu,
            formats: self.formats.into_iter().map(format_of).collect::<Result<_, _>>()?,
            verify: self.verify.into_iter().map(text).collect(),
        })
    }
}

impl<'a> AttributesRecord<'a> {
    fn of(device: &'a Device) -> Self {
        let numbered = device.attributes.iter().map(|(id, v)| (id.get(), Cow::Borrowed(&**v)));
        let named = device.named.iter().map(|(name, v)| (Cow::Borrowed(&**name), Cow::Borrowed(&**v)));
        AttributesRecord {
            numbered: numbered.collect(),
            named: named.collect(),
            wanted: device.attributes_wanted,
        }
    }
}

impl<'a> ReportedRecord<'a> {
    fn of(kind: FirmwareType, reported: &'a Reported) -> Self {
        ReportedRecord {
            kind: kind.get(),
            number: reported.running.number,
            version: reported.running.version.as_ref().map(|v| v.as_str().into()),
            seq: reported.seq,
            at: reported.at.0,
        }
    }

    fn reported(self) -> Result<(FirmwareType, Reported), Bad> {
        let version = self.version.map(|v| version(&v)).transpose()?;
        let running = Running { number: self.number, version };
        Ok((firmware_type(self.kind)?, Reported { running, seq: self.seq, at: Time(self.at) }))
    }
}

fn format_code(format: Format) -> u8 {
    match format {
        Format::Json => 0,
        Format::Cbor => 1,
    }
}

fn format_of(code: u8) -> Result<Format, Bad> {
    match code {
        0 => Ok(Format::Json),
        1 => Ok(Format::Cbor),
        _ => some(None, "a payload format is unknown"),
    }
}

fn attribute((id, value): (u16, Cow<'_, str>)) -> Result<(AttributeId, Box<str>), Bad> {
    Ok((some(AttributeId::new(u64::from(id)), "an attribute is 0")?, text(value)))
}

fn active((kind, id): (u8, u32)) -> Result<(FirmwareType, ActionId), Bad> {
    Ok((firmware_type(kind)?, action_id(id)?))
}

fn action_id(id: u32) -> Result<ActionId, Bad> {
    some(ActionId::new(u64::from(id)), "an action's id is out of range")
}

fn failures((kind, image, count): (u8, u32, u32)) -> Result<(FirmwareType, Failures), Bad> {
    let image = some(ImageId::new(u64::from(image)), "an image's id is out of range")?;
    Ok((firmware_type(kind)?, Failures { image, count }))
}
