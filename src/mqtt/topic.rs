//! The one grammar of topics, for both directions: what [`Topic::parse`] takes is exactly what [`Topic`] prints.
//!
//! A topic that has been parsed is proof that every id in it is canonical. Nothing here knows who is asking; that is
//! the business of `acl`.

use std::fmt;

use crate::domain::ids::{ActionId, AttributeId, DeviceId, DeviceKey, GroupId, NameError, TenantId};
use crate::domain::news::{Kind, WantedError};

/// Longest topic in bytes; AWS IoT Core's limit, which constrained clients already live with.
pub const TOPIC_MAX: usize = 256;

/// Longest leaf in bytes: `chunk/4294967295/4294967295`.
const LEAF_MAX: usize = 27;

/// Everything before the tenant. A second version of the grammar would live beside this one.
const ROOT: &str = "ota/v1/";

/// Who speaks on a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the device to the server.
    Up,
    /// From the server to the device.
    Down,
}

/// What a topic of one device is about: everything below `ota/v1/<tenant>/d/<device>/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// The birth message.
    Hello,
    /// A batch of versions.
    Report,
    /// One attribute; 2001..=2200 are versions.
    Attr(AttributeId),
    /// Feedback about an action.
    Fb(ActionId),
    /// "What should I run?"
    Get,
    /// "Why do I have, or not have, an update?"
    Explain,
    /// "Send me these blocks."
    ChunkGet,
    /// Online or offline; also the will.
    State,
    /// What became of an uplink.
    Ack,
    /// What the device should run.
    Desired,
    /// A hint that expires.
    Cmd,
    /// The answer to a question.
    Resp,
    /// One block of a file.
    Chunk {
        /// The firmware type or the artifact id that was asked for.
        file: u32,
        /// The number of the block, from 0.
        block: u32,
    },
}

/// A topic of updraft.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// One device's: `ota/v1/<tenant>/d/<device>/<leaf>`.
    Device {
        /// Whose it is.
        key: DeviceKey,
        /// What it is about.
        leaf: Leaf,
    },
    /// Whether the engine lives, and its epoch: `ota/v1/<tenant>/server`.
    Server {
        /// The tenant.
        tenant: TenantId,
    },
    /// Announcements to a group: `ota/v1/<tenant>/g/<group>/announce`.
    Announce {
        /// The tenant.
        tenant: TenantId,
        /// The group.
        group: GroupId,
    },
    /// Something that changed, for operators: `ota/v1/<tenant>/events/<subject>/<change>`.
    Event {
        /// The tenant.
        tenant: TenantId,
        /// What it is about, and what became of it.
        kind: Kind,
    },
    /// One block of a file sent to everybody: `ota/v1/<tenant>/a/<artifact>/<block length>/<n>`.
    Carousel {
        /// The tenant.
        tenant: TenantId,
        /// The first eight bytes of the file's SHA-256, printed as 16 hexadecimal digits.
        artifact: [u8; 8],
        /// The length of the blocks in bytes.
        length: u32,
        /// The number of the block, from 0.
        block: u32,
    },
}

/// Why a text is not a topic of this grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Longer than [`TOPIC_MAX`]; carries the length.
    #[error("the topic has {0} bytes, {TOPIC_MAX} are allowed")]
    TooLong(usize),
    /// It does not begin with `ota/v1/`.
    #[error("the topic does not begin with ota/v1/")]
    Root,
    /// A level is missing at the end.
    #[error("the topic ends too early")]
    Incomplete,
    /// After the tenant comes something else than `d`, `g`, `a`, `events` or `server`.
    #[error("after the tenant comes d, g, a, events or server")]
    Branch,
    /// The tenant is not a name.
    #[error("the tenant {0}")]
    Tenant(NameError),
    /// The device is not a name.
    #[error("the device {0}")]
    Device(NameError),
    /// The group is not a name.
    #[error("the group {0}")]
    Group(NameError),
    /// No such leaf.
    #[error("there is no such topic below a device or group")]
    Leaf,
    /// The attribute is not in 1..=65535, or not written in plain digits.
    #[error("the attribute is not a number from 1 to 65535 without leading zeros")]
    Attribute,
    /// The action is not in 1..=2^31-1, or not written in plain digits.
    #[error("the action is not a number from 1 to 2147483647 without leading zeros")]
    Action,
    /// Another number is not a canonical 32-bit one.
    #[error("a number in the topic is not one from 0 to 4294967295 without leading zeros")]
    Number,
    /// There are no such events.
    #[error("there are no such events: {0}")]
    Event(WantedError),
    /// The artifact of a carousel is not 16 lowercase hexadecimal digits.
    #[error("the artifact is not 16 lowercase hexadecimal digits")]
    Artifact,
}

impl Leaf {
    /// Who speaks on it.
    pub fn direction(self) -> Direction {
        match self {
            Leaf::Hello
            | Leaf::Report
            | Leaf::Attr(_)
            | Leaf::Fb(_)
            | Leaf::Get
            | Leaf::Explain
            | Leaf::ChunkGet
            | Leaf::State => Direction::Up,
            Leaf::Ack | Leaf::Desired | Leaf::Cmd | Leaf::Resp | Leaf::Chunk { .. } => Direction::Down,
        }
    }

    /// The leaf with its ids left open, as in the table of `topics.md`.
    pub fn name(self) -> &'static str {
        match self {
            Leaf::Hello => "hello",
            Leaf::Report => "report",
            Leaf::Attr(_) => "attr/<id>",
            Leaf::Fb(_) => "fb/<action>",
            Leaf::Get => "get",
            Leaf::Explain => "explain",
            Leaf::ChunkGet => "chunk/get",
            Leaf::State => "state",
            Leaf::Ack => "ack",
            Leaf::Desired => "desired",
            Leaf::Cmd => "cmd",
            Leaf::Resp => "resp",
            Leaf::Chunk { .. } => "chunk/<file>/<n>",
        }
    }

    /// Reads the part of a topic that follows the device.
    ///
    /// # Errors
    /// [`TopicError::Leaf`], `Attribute`, `Action` or `Number`.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        match text {
            "hello" => return Ok(Leaf::Hello),
            "report" => return Ok(Leaf::Report),
            "get" => return Ok(Leaf::Get),
            "explain" => return Ok(Leaf::Explain),
            "chunk/get" => return Ok(Leaf::ChunkGet),
            "state" => return Ok(Leaf::State),
            "ack" => return Ok(Leaf::Ack),
            "desired" => return Ok(Leaf::Desired),
            "cmd" => return Ok(Leaf::Cmd),
            "resp" => return Ok(Leaf::Resp),
            _ => {}
        }
        match text.split_once('/') {
            Some(("attr", id)) => AttributeId::parse(id).map(Leaf::Attr).ok_or(TopicError::Attribute),
            Some(("fb", id)) => ActionId::parse(id).map(Leaf::Fb).ok_or(TopicError::Action),
            Some(("chunk", rest)) => {
                let (file, block) = rest.split_once('/').ok_or(TopicError::Leaf)?;
                Ok(Leaf::Chunk { file: number(file)?, block: number(block)? })
            }
            Some(_) | None => Err(TopicError::Leaf),
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leaf::Attr(id) => write!(f, "attr/{id}"),
            Leaf::Fb(id) => write!(f, "fb/{id}"),
            Leaf::Chunk { file, block } => write!(f, "chunk/{file}/{block}"),
            Leaf::Hello
            | Leaf::Report
            | Leaf::Get
            | Leaf::Explain
            | Leaf::ChunkGet
            | Leaf::State
            | Leaf::Ack
            | Leaf::Desired
            | Leaf::Cmd
            | Leaf::Resp => f.write_str(self.name()),
        }
    }
}

impl Topic {
    /// Reads a whole topic.
    ///
    /// # Errors
    /// [`TopicError`] says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        if text.len() > TOPIC_MAX {
            return Err(TopicError::TooLong(text.len()));
        }
        let below = text.strip_prefix(ROOT).ok_or(TopicError::Root)?;
        let (tenant, below) = below.split_once('/').ok_or(TopicError::Incomplete)?;
        let tenant = TenantId::parse(tenant).map_err(TopicError::Tenant)?;
        match below.split_once('/') {
            None if below == "server" => Ok(Topic::Server { tenant }),
            None if matches!(below, "d" | "g" | "a" | "events") => Err(TopicError::Incomplete),
            Some(("d", below)) => device_topic(tenant, below),
            Some(("g", below)) => announce(tenant, below),
            Some(("a", below)) => carousel(tenant, below),
            Some(("events", below)) => event(tenant, below),
            Some(_) | None => Err(TopicError::Branch),
        }
    }

    /// The tenant that it belongs to.
    pub fn tenant(&self) -> &TenantId {
        match self {
            Topic::Device { key, .. } => &key.tenant,
            Topic::Server { tenant }
            | Topic::Announce { tenant, .. }
            | Topic::Event { tenant, .. }
            | Topic::Carousel { tenant, .. } => tenant,
        }
    }
}

/// Whether every topic of the device stays within [`TOPIC_MAX`]: tenant and device together have 218 bytes.
/// A device for which this is false is to be refused at CONNECT.
pub fn fits(key: &DeviceKey) -> bool {
    let ids = key.tenant.as_str().len() + key.device.as_str().len();
    ROOT.len() + ids + "/d//".len() + LEAF_MAX <= TOPIC_MAX
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ROOT)?;
        f.write_str(self.tenant().as_str())?;
        match self {
            Topic::Device { key, leaf } => write!(f, "/d/{}/{leaf}", key.device),
            Topic::Server { .. } => f.write_str("/server"),
            Topic::Announce { group, .. } => write!(f, "/g/{group}/announce"),
            Topic::Event { kind, .. } => write!(f, "/events/{}/{}", kind.subject(), kind.change()),
            Topic::Carousel { artifact, length, block, .. } => {
                f.write_str("/a/")?;
                artifact.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                write!(f, "/{length}/{block}")
            }
        }
    }
}

/// `<device>/<leaf>`
fn device_topic(tenant: TenantId, text: &str) -> Result<Topic, TopicError> {
    let (device, leaf) = text.split_once('/').ok_or(TopicError::Incomplete)?;
    let device = DeviceId::parse(device).map_err(TopicError::Device)?;
    Ok(Topic::Device { leaf: Leaf::parse(leaf)?, key: DeviceKey { tenant, device } })
}

/// `<group>/announce`
fn announce(tenant: TenantId, text: &str) -> Result<Topic, TopicError> {
    let (group, leaf) = text.split_once('/').ok_or(TopicError::Incomplete)?;
    let group = GroupId::parse(group).map_err(TopicError::Group)?;
    if leaf == "announce" { Ok(Topic::Announce { tenant, group }) } else { Err(TopicError::Leaf) }
}

/// `<subject>/<change>`
fn event(tenant: TenantId, text: &str) -> Result<Topic, TopicError> {
    let (subject, change) = text.split_once('/').ok_or(TopicError::Incomplete)?;
    let kind = Kind::parse(subject, change).map_err(TopicError::Event)?;
    Ok(Topic::Event { tenant, kind })
}

/// `<artifact>/<block length>/<n>`
fn carousel(tenant: TenantId, text: &str) -> Result<Topic, TopicError> {
    let (artifact, numbers) = text.split_once('/').ok_or(TopicError::Incomplete)?;
    let (length, block) = numbers.split_once('/').ok_or(TopicError::Incomplete)?;
    let artifact = artifact_prefix(artifact).ok_or(TopicError::Artifact)?;
    Ok(Topic::Carousel { tenant, artifact, length: number(length)?, block: number(block)? })
}

fn artifact_prefix(text: &str) -> Option<[u8; 8]> {
    let lowercase = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let number = lowercase.then(|| u64::from_str_radix(text, 16).ok()).flatten()?;
    Some(number.to_be_bytes())
}

/// A 32-bit number in plain digits without leading zeros.
fn number(text: &str) -> Result<u32, TopicError> {
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    canonical.then(|| text.parse().ok()).flatten().ok_or(TopicError::Number)
}

#[cfg(test)]
#[path = "topic_tests.rs"]
mod tests;
