//! What the server sends. Pushing a deployment writes one `desired` and one `cmd` for each device of a fleet, so
//! these borrow, and write into one buffer.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Cid, Format, Leaf};
use crate::domain::decide::Order;
use crate::domain::eligibility;
use crate::domain::ids::ActionId;
use crate::domain::image::{Artifact, Image, Sha256};
use crate::domain::rollout::Hold;
use crate::domain::terms::Force;
use crate::domain::version::Running;
use crate::engine::call::{Command, Desired, Message, Outcome, Receipt, Wanted};
use crate::engine::query::{Explanation, Standing};
use crate::mqtt::chunks::{ChunkRefusal, Plan};

/// The block length that `desired` recommends, in bytes: one page of the flash of most devices.
pub const BLOCK_RECOMMENDED: u32 = 4096;

/// JSON numbers above this are rounded by readers that keep them in a double (RFC 8259, 6).
const JSON_EXACT_MAX: u64 = 1 << 53;

/// The size of a document with one component; larger ones grow the buffer.
const BUFFER: usize = 640;

/// An answer to a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer<'a> {
    /// To `get`: the desired document follows on its own topic.
    Accepted,
    /// To `explain`.
    Explained {
        /// One entry for each firmware type that was asked about.
        types: &'a [Explanation],
        /// How the device stands in its rollouts.
        rollouts: &'a [Standing],
    },
    /// To `chunk/get`: these blocks follow.
    Chunks {
        /// The file as it was asked for.
        file: u32,
        /// The size of the file in bytes.
        size: u64,
        /// The blocks.
        plan: &'a Plan,
    },
    /// To `chunk/get`: no block follows.
    ChunksRefused(ChunkRefusal),
    /// To any question.
    Rejected {
        /// A stable code for machines.
        code: &'a str,
        /// A sentence for people.
        message: &'a str,
        /// When to ask again, in seconds.
        retry_after_s: Option<u32>,
    },
}

/// The code and the sentence for a message that the server has no room to store.
pub const NO_ROOM: (&str, &str) = ("disk-full", "the server's disk is full; send it again later");

/// Writes what a device is told. `base_url` is the server's address without a slash at its end.
pub fn encode_message(message: &Message, format: Format, base_url: &str) -> Vec<u8> {
    match message {
        Message::Desired(desired) => write(&DesiredWire::new(desired, base_url), format),
        Message::Command(command) => write(&CommandWire::new(command), format),
    }
}

/// Writes the `ack` for a message on `leaf`.
pub fn encode_ack(leaf: Leaf, receipt: &Receipt, format: Format) -> Vec<u8> {
    let (status, code, message) = match &receipt.outcome {
        Outcome::Stored => ("stored", None, None),
        Outcome::NoRoom => ("rejected", Some(NO_ROOM.0), Some(NO_ROOM.1)),
        Outcome::Unreadable { code, message } | Outcome::Rejected { code, message } => {
            ("rejected", Some(*code), Some(message.as_str()))
        }
    };
    let topic = receipt.seq.is_none().then_some(Shown(leaf));
    write(&AckWire { seq: receipt.seq.map(Count), status, code, message, topic }, format)
}

/// Writes the `resp` to a question.
pub fn encode_resp(cid: Option<&Cid>, answer: Answer<'_>, format: Format) -> Vec<u8> {
    let cid = cid.map(Cid::as_str);
    match answer {
        Answer::Accepted => write(&AcceptedWire { cid, accepted: Nothing {} }, format),
        Answer::Explained { types, rollouts } => {
            let accepted = types.iter().map(ExplanationWire::new).collect();
            let rollouts = rollouts.iter().map(StandingWire::new).collect();
            write(&ExplainedWire { cid, accepted, rollouts }, format)
        }
        Answer::Chunks { file, size, plan } => {
            let accepted = ChunksWire { file, length: plan.length, size, blocks: &plan.blocks };
            write(&AcceptedWire { cid, accepted }, format)
        }
        Answer::ChunksRefused(refusal) => {
            let max = match refusal {
                ChunkRefusal::BlockTooLong { max } => Some(max),
                ChunkRefusal::NoLength | ChunkRefusal::BeyondEnd { .. } | ChunkRefusal::NothingWanted => None,
            };
            let (code, message) = (refusal.code(), &*refusal.to_string());
            let rejected = RejectedWire { code, message, max, retry_after_s: None };
            write(&RefusedWire { cid, rejected }, format)
        }
        Answer::Rejected { code, message, retry_after_s } => {
            let rejected = RejectedWire { code, message, max: None, retry_after_s };
            write(&RefusedWire { cid, rejected }, format)
        }
    }
}

fn write<T: Serialize>(wire: &T, format: Format) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(BUFFER);
    match format {
        Format::Json => serde_json::to_writer(&mut buffer, wire)
            .expect("our own types have text keys, and a Vec takes every byte"),
        Format::Cbor => ciborium::into_writer(wire, &mut buffer)
            .expect("our own types serialize without error, and a Vec takes every byte"),
    }
    buffer
}

#[derive(Serialize)]
struct DesiredWire<'a> {
    seq: Count,
    exp: u64,
    comps: Vec<ComponentWire<'a>>,
}

#[derive(Serialize)]
struct ComponentWire<'a> {
    r#type: u8,
    number: LongNumber,
    version: &'a str,
    size: u64,
    sha256: Hex<'a>,
    sha1: Hex<'a>,
    md5: Hex<'a>,
    chunk: u32,
    file: u32,
    url: Shown<Url<'a>>,
    action: u32,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
}

#[derive(Serialize)]
struct CommandWire {
    id: Count,
    cmd: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<u32>,
    attempt: u32,
    deadline: u64,
    mode: &'static str,
}

#[derive(Serialize)]
struct AckWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<Count>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<Shown<Leaf>>,
}

#[derive(Serialize)]
struct AcceptedWire<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    accepted: T,
}

#[derive(Serialize)]
struct RefusedWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    rejected: RejectedWire<'a>,
}

#[derive(Serialize)]
struct RejectedWire<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u32>,
    #[serde(rename = "retryAfter", skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u32>,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct ChunksWire<'a> {
    file: u32,
    length: u32,
    size: u64,
    blocks: &'a [u32],
}

#[derive(Serialize)]
struct ExplainedWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    accepted: Vec<ExplanationWire<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rollouts: Vec<StandingWire<'a>>,
}

#[derive(Serialize)]
struct StandingWire<'a> {
    rollout: u32,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wave: Option<u16>,
    code: &'static str,
    message: Shown<&'a Hold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

#[derive(Serialize)]
struct ExplanationWire<'a> {
    r#type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<VersionWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<VersionWire<'a>>,
    rules: Vec<RuleWire>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<ActiveWire>,
}

#[derive(Serialize)]
struct VersionWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<LongNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

#[derive(Serialize)]
struct RuleWire {
    rule: &'static str,
    pass: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize)]
struct ActiveWire {
    action: u32,
    state: &'static str,
}

impl<'a> DesiredWire<'a> {
    fn new(desired: &'a Desired, base_url: &'a str) -> Self {
        let files = desired.components.iter().map(|wanted| wanted.image.artifacts.len()).sum();
        let mut comps = Vec::with_capacity(files);
        for wanted in &desired.components {
            let files = wanted.image.artifacts.iter();
            comps.extend(files.map(|file| ComponentWire::new(wanted, file, base_url)));
        }
        DesiredWire { seq: Count(desired.seq), exp: desired.expires.0 / 1000, comps }
    }
}

impl<'a> ComponentWire<'a> {
    fn new(wanted: &'a Wanted, file: &'a Artifact, base_url: &'a str) -> Self {
        let Wanted { action, image, force } = wanted;
        ComponentWire {
            r#type: image.kind.get(),
            number: LongNumber(image.number),
            version: image.version.as_str(),
            size: file.size,
            sha256: Hex(&file.sha256.0),
            sha1: Hex(&file.sha1),
            md5: Hex(&file.md5),
            chunk: BLOCK_RECOMMENDED,
            file: file.id.get(),
            url: Shown(Url { base: base_url, sum: &file.sha256 }),
            action: action.get(),
            name: &file.name,
            mode: mode(*force),
        }
    }
}

/// What is not to be installed at once says so; all else is.
fn mode(force: Force) -> Option<&'static str> {
    match force {
        Force::Forced => None,
        Force::Soft | Force::From(_) => Some("soft"),
        Force::DownloadOnly => Some("download-only"),
    }
}

impl CommandWire {
    fn new(command: &Command) -> Self {
        CommandWire {
            id: Count(command.id),
            cmd: match command.order {
                Order::Deploy => "deploy",
                Order::Cancel => "cancel",
                Order::Report => "report",
            },
            action: command.action.map(ActionId::get),
            attempt: command.attempt,
            deadline: command.deadline.0 / 1000,
            // There are no orders yet that the device may put off.
            mode: "forced",
        }
    }
}

impl<'a> ExplanationWire<'a> {
    fn new(found: &'a Explanation) -> Self {
        let rule = |finding: &eligibility::Finding| RuleWire {
            rule: finding.rule.name(),
            pass: finding.failed.is_none(),
            code: finding.failed.as_ref().map(eligibility::Reason::code),
            message: finding.failed.as_ref().map(ToString::to_string),
        };
        ExplanationWire {
            r#type: found.kind.get(),
            reported: found.reported.as_ref().map(|reported| VersionWire::reported(&reported.running)),
            image: found.image.as_ref().map(VersionWire::image),
            rules: found.findings.iter().map(rule).collect(),
            verdict: eligibility::refusal(&found.findings).map_or("eligible", eligibility::Reason::code),
            active: found.active.map(|(id, state)| ActiveWire { action: id.get(), state: state.name() }),
        }
    }
}

impl<'a> StandingWire<'a> {
    fn new(standing: &'a Standing) -> Self {
        let Standing { rollout, name, wave, hold } = standing;
        StandingWire {
            rollout: rollout.get(),
            name,
            wave: *wave,
            code: hold.code(),
            message: Shown(hold),
            until: hold.until().map(|at| at.0 / 1000),
        }
    }
}

impl<'a> VersionWire<'a> {
    fn reported(running: &'a Running) -> Self {
        let version = running.version.as_ref().map(|version| version.as_str());
        VersionWire { number: running.number.map(LongNumber), version }
    }

    fn image(image: &'a Image) -> Self {
        VersionWire { number: Some(LongNumber(image.number)), version: Some(image.version.as_str()) }
    }
}

/// A number that may be any of 64 bits: text in JSON, an integer in CBOR.
struct LongNumber(u64);

impl Serialize for LongNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.0)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

/// A number that counts from 1: text in JSON only in the unlikely case that it outgrows a double.
struct Count(u64);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() && self.0 > JSON_EXACT_MAX {
            serializer.collect_str(&self.0)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

/// Something written as it prints.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Where a file is fetched by HTTP.
struct Url<'a> {
    base: &'a str,
    sum: &'a Sha256,
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base)?;
        f.write_str("/artifacts/")?;
        f.write_str(Hex(&self.sum.0).text(&mut [0; HEX_MAX]))
    }
}

/// Room for the longest sum in hexadecimal.
const HEX_MAX: usize = 64;

/// A sum of at most 32 bytes, in lowercase hexadecimal.
struct Hex<'a>(&'a [u8]);

impl Hex<'_> {
    fn text<'b>(&self, room: &'b mut [u8; HEX_MAX]) -> &'b str {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for (pair, byte) in room.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        std::str::from_utf8(&room[..HEX_MAX.min(2 * self.0.len())]).expect("hexadecimal digits are ASCII")
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text(&mut [0; HEX_MAX]))
    }
}
