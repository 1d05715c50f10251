//! A device as the server knows it: who it is, what it runs, what it was told.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Trail;
use super::deployment::Target;
use super::ids::{ActionId, AttributeId, DeviceKey, FirmwareType, ImageId, ItemId, ProductId, Time};
use super::version::Running;

/// The most attributes a device may have; hawkBit's quota, which its clients already live with.
pub const ATTRIBUTES_MAX: usize = 100;
/// The longest attribute value in bytes; hawkBit allows 255 characters.
pub const ATTRIBUTE_VALUE_MAX: usize = 255;

/// The longest name of a named attribute in bytes; hawkBit allows 128 characters.
pub const ATTRIBUTE_NAME_MAX: usize = 128;

/// The attribute, or the metadata, that says how far the device's clock is from UTC: `+02:00`.
const TIMEZONE: &str = "timezone";

/// What the device is made of, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hardware {
    /// The model, such as `esp32-c3`.
    pub model: Box<str>,
    /// The revision, such as `B`.
    pub revision: Option<Box<str>>,
}

/// A payload encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON text.
    Json,
    /// CBOR (RFC 8949).
    Cbor,
}

/// What the device can do, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The firmware types that it can install; empty means that it did not say.
    pub types: Vec<FirmwareType>,
    /// The largest message that it takes, in bytes.
    pub mtu: Option<u32>,
    /// The encodings that it reads, the preferred one first.
    pub formats: Vec<Format>,
    /// The checks that it makes on an image.
    pub verify: Vec<Box<str>>,
}

/// A version as reported, with what is needed to order reports without trusting a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What the device runs.
    pub running: Running,
    /// The sequence number of the report, within the device's boot.
    pub seq: u64,
    /// When the report arrived.
    pub at: Time,
}

/// The sequence numbers already seen in one boot: a set, bounded to those that can still arrive twice.
///
/// It is a set and not a high-water mark, because reports may overtake each other between servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeqWindow {
    /// The largest number seen.
    pub newest: u64,
    /// Bit `n` is set when `newest - n` was seen. A session has at most 32 unacknowledged messages, so 64 is
    /// twice as far back as a repeat can come from.
    pub seen: u64,
}

/// What a sequence number says about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Not seen before; `missing` numbers before it have not arrived.
    New {
        /// How many numbers between the newest before and this one never came.
        missing: u64,
    },
    /// Seen before, or too old to tell.
    Repeated,
}

impl SeqWindow {
    /// Notes a sequence number.
    pub fn note(&mut self, seq: u64) -> Arrival {
        if self.seen == 0 {
            *self = SeqWindow { newest: seq, seen: 1 };
            return Arrival::New { missing: 0 };
        }
        if seq > self.newest {
            let ahead = seq - self.newest;
            let shifted = u32::try_from(ahead).ok().and_then(|n| self.seen.checked_shl(n)).unwrap_or(0);
            *self = SeqWindow { newest: seq, seen: shifted | 1 };
            return Arrival::New { missing: ahead - 1 };
        }
        let bit = match self.newest - seq {
            behind @ 0..64 => 1u64 << behind,
            _ => return Arrival::Repeated,
        };
        if self.seen & bit != 0 {
            return Arrival::Repeated;
        }
        self.seen |= bit;
        Arrival::New { missing: 0 }
    }
}

/// How often installing an image has failed on a device; a deployment by an operator starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// The image that failed.
    pub image: ImageId,
    /// How many actions for it ended in failure.
    pub count: u32,
}

/// How often in a row a device did not come up with what it had said was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Penalty {
    /// How often.
    pub count: u32,
    /// Until when standing offers and rollouts leave it alone, once that was too often.
    pub until: Option<Time>,
}

/// The newest message about this device that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When it was refused.
    pub at: Time,
    /// A stable code for machines.
    pub code: Box<str>,
    /// A sentence for people.
    pub message: Box<str>,
}

/// What ends an action well on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convergence {
    /// The device reports what it runs: only the target's version ends it.
    ByReport,
    /// The device never reports a version: its own word has to do.
    ByFeedback,
}

/// What people write about a device and arrange it by; no device speaks of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// What people call it; its id where nothing is said.
    pub name: Option<Box<str>>,
    /// A description.
    pub description: Option<Box<str>>,
    /// An address that an operator gave (hawkBit: `address`).
    pub address: Option<Box<str>>,
    /// The group that it is in.
    pub group: Option<Box<str>>,
    /// Tags that it carries.
    pub tags: BTreeSet<ItemId>,
    /// Further values by name.
    pub metadata: BTreeMap<Box<str>, Box<str>>,
    /// Whether actions for it are agreed to by themselves.
    pub auto_confirm: Option<AutoConfirm>,
}

/// Somebody agreed to all that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoConfirm {
    /// Who, as they say.
    pub initiator: Option<Box<str>>,
    /// Why, as they say.
    pub remark: Option<Box<str>>,
    /// Since when.
    pub since: Time,
}

/// What was last installed well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installed {
    /// What it was.
    pub target: Target,
    /// When it ended well.
    pub at: Time,
    /// The action that brought it; none where somebody said that it was there.
    pub action: Option<ActionId>,
}

/// How the last action of a device ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ended {
    /// There was none, or none that left anything.
    #[default]
    Nothing,
    /// Well.
    Well,
    /// In failure.
    Failed,
}

/// How a device stands to what it was assigned (hawkBit: `updateStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has never been heard of.
    Unknown,
    /// It has been heard of, and was assigned nothing.
    Registered,
    /// An action is under way.
    Pending,
    /// It runs what it was assigned.
    InSync,
    /// Its last action failed.
    Error,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Tenant and id.
    pub key: DeviceKey,
    /// The line of devices that it belongs to.
    pub product: ProductId,
    /// Its hardware, once it has said so.
    pub hardware: Option<Hardware>,
    /// Its capabilities, once it has said so.
    pub capabilities: Capabilities,
    /// What it runs, by firmware type.
    pub versions: BTreeMap<FirmwareType, Reported>,
    /// Its attributes, apart from the versions.
    pub attributes: BTreeMap<AttributeId, Box<str>>,
    /// Its attributes that have a name and no number, as hawkBit devices send them.
    pub named: BTreeMap<Box<str>, Box<str>>,
    /// Whether it is to send its attributes: from the start, and again when its software may have changed.
    pub attributes_wanted: bool,
    /// The boot that it last announced.
    pub boot: Option<Box<str>>,
    /// The sequence numbers seen in that boot.
    pub window: SeqWindow,
    /// The sequence number of the newest desired document sent to it.
    pub desired_seq: u64,
    /// The active action of each firmware type; one action may hold several types.
    pub active: BTreeMap<FirmwareType, ActionId>,
    /// Actions that another took the place of and that the device has yet to let go.
    pub leaving: BTreeSet<ActionId>,
    /// What it was last assigned and did not fail at.
    pub assigned: Option<Target>,
    /// What it last installed well.
    pub installed: Option<Installed>,
    /// How its last action ended.
    pub ended: Ended,
    /// Failed attempts by firmware type.
    pub failures: BTreeMap<FirmwareType, Failures>,
    /// What became of it where it did not come up with updates, whichever they were; a success ends it.
    pub penalty: Option<Penalty>,
    /// The newest message about it that was refused.
    pub refused: Option<Refused>,
    /// Whether it has proven who it is at a door that asks for it: nobody speaks for it then who does not.
    pub proven: bool,
    /// Whether it last said that it is online (presence only; no decision rests on it).
    pub online: bool,
    /// When it was last heard of.
    pub last_seen: Option<Time>,
    /// Where it was last heard from: an IP address.
    pub seen_at: Option<Box<str>>,
    /// What people write about it.
    pub profile: Profile,
    /// Who made it and who changed it.
    pub trail: Trail,
}

impl Device {
    /// A device that nobody has heard of yet, registered by `by`.
    pub fn new(key: DeviceKey, product: ProductId, by: &str, now: Time) -> Self {
        Device {
            key,
            product,
            hardware: None,
            capabilities: Capabilities::default(),
            versions: BTreeMap::new(),
            attributes: BTreeMap::new(),
            named: BTreeMap::new(),
            attributes_wanted: true,
            boot: None,
            window: SeqWindow::default(),
            desired_seq: 0,
            active: BTreeMap::new(),
            leaving: BTreeSet::new(),
            assigned: None,
            installed: None,
            ended: Ended::Nothing,
            failures: BTreeMap::new(),
            penalty: None,
            refused: None,
            proven: false,
            online: false,
            last_seen: None,
            seen_at: None,
            profile: Profile::default(),
            trail: Trail::new(by, now),
        }
    }

    /// How it stands to what it was assigned.
    pub fn standing(&self) -> Standing {
        match (self.ended, self.last_seen) {
            _ if !self.active.is_empty() => Standing::Pending,
            (Ended::Failed, _) => Standing::Error,
            (Ended::Well, _) => Standing::InSync,
            (Ended::Nothing, None) => Standing::Unknown,
            (Ended::Nothing, Some(_)) => Standing::Registered,
        }
    }

    /// The offset of its clock from UTC, as it says itself or as people have written down.
    pub fn timezone(&self) -> Option<&str> {
        self.named.get(TIMEZONE).or_else(|| self.profile.metadata.get(TIMEZONE)).map(|text| &**text)
    }

    /// The encoding for messages that the device did not ask for.
    pub fn push_format(&self) -> Format {
        self.capabilities.formats.first().copied().unwrap_or(Format::Json)
    }

    /// What ends an action for these firmware types well. A device that has ever reported the version of one of them
    /// goes on to, and so does one that numbers its messages: only the devices of MQTT do, and they report at birth.
    /// Two images of one type have one version attribute between them, which cannot be both.
    pub fn convergence(&self, kinds: impl Iterator<Item = FirmwareType>) -> Convergence {
        let mut distinct = BTreeSet::new();
        let mut reports = self.window.seen != 0;
        for kind in kinds {
            if !distinct.insert(kind) {
                return Convergence::ByFeedback;
            }
            reports |= self.versions.contains_key(&kind);
        }
        if reports { Convergence::ByReport } else { Convergence::ByFeedback }
    }

    /// How many actions for `image` have failed on this device.
    pub fn failures_of(&self, kind: FirmwareType, image: ImageId) -> u32 {
        self.failures.get(&kind).filter(|f| f.image == image).map_or(0, |f| f.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_number_counts_once_in_any_order() {
        let mut window = SeqWindow::default();
        let table: &[(u64, Arrival)] = &[
            (41, Arrival::New { missing: 0 }),
            (41, Arrival::Repeated),
            (42, Arrival::New { missing: 0 }),
            (45, Arrival::New { missing: 2 }),
            (43, Arrival::New { missing: 0 }),
            (43, Arrival::Repeated),
            (41, Arrival::Repeated),
            (200, Arrival::New { missing: 154 }),
            (44, Arrival::Repeated),
            (137, Arrival::New { missing: 0 }),
            (136, Arrival::Repeated),
            (u64::MAX, Arrival::New { missing: u64::MAX - 201 }),
            (200, Arrival::Repeated),
        ];
        for (seq, expected) in table {
            assert_eq!(window.note(*seq), *expected, "{seq}");
        }
    }
}
