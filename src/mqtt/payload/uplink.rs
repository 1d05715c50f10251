//! What devices send. Unknown fields are ignored: devices in the field outlive every version of this server.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::value::{ByNumber, Number, Octets, Value};
use super::{Body, Decoded, Encoding, PAYLOAD_MAX, PayloadError, TEXT_MAX, feedback, read};
use crate::domain::device::{Capabilities, Format, Hardware};
use crate::domain::event::{Event, Hello, Report};
use crate::domain::ids::{AttributeId, FirmwareType, ProductId};
use crate::domain::version::Running;
use crate::mqtt::chunks::ChunkRequest;
use crate::mqtt::topic::Leaf;

/// The most checks that a device may list; there are not that many kinds of sums and signatures.
const VERIFY_MAX: usize = 16;

/// Reads what a device published to one of its leaves.
///
/// # Errors
/// [`PayloadError`] says what is wrong; it is recorded and answered.
pub fn decode(leaf: Leaf, content_type: Option<&str>, payload: &[u8]) -> Result<Decoded, PayloadError> {
    if payload.len() > PAYLOAD_MAX {
        return Err(PayloadError::TooLarge(payload.len()));
    }
    let encoding = Encoding::of(content_type, payload)?;
    let (seq, body) = match leaf {
        Leaf::Hello => hello(read(structured(encoding)?, payload)?)?,
        Leaf::Report => report(read(structured(encoding)?, payload)?)?,
        Leaf::Attr(id) => (None, Body::Event(attribute(id, encoding, payload)?)),
        Leaf::Fb(action) => {
            let feedback = feedback::feedback(action, read(structured(encoding)?, payload)?)?;
            (None, Body::Event(Event::Feedback { action, feedback }))
        }
        Leaf::Get if payload.is_empty() => (None, Body::Get { cid: None }),
        Leaf::Get => (None, get(read(structured(encoding)?, payload)?)?),
        Leaf::Explain if payload.is_empty() => (None, Body::Explain { cid: None, kind: None }),
        Leaf::Explain => (None, explain(read(structured(encoding)?, payload)?)?),
        Leaf::ChunkGet => (None, chunk_get(read(structured(encoding)?, payload)?)?),
        Leaf::State => (None, Body::Event(presence(encoding, payload)?)),
        Leaf::Ack | Leaf::Desired | Leaf::Cmd | Leaf::Resp | Leaf::Chunk { .. } => {
            return Err(PayloadError::ServerSpeaks);
        }
    };
    Ok(Decoded { format: encoding.answer(), seq, body })
}

/// The format of a message that has fields.
fn structured(encoding: Encoding) -> Result<Format, PayloadError> {
    match encoding {
        Encoding::Structured(format) => Ok(format),
        Encoding::Octets => Err(PayloadError::ContentType),
        Encoding::Text => Err(PayloadError::NoFormat),
    }
}

#[derive(Deserialize)]
struct HelloWire {
    seq: Number,
    boot: Option<Value>,
    product: Option<String>,
    hw: Option<HardwareWire>,
    caps: Option<CapabilitiesWire>,
    attrs: Option<ByNumber>,
}

#[derive(Deserialize)]
struct HardwareWire {
    model: Value,
    rev: Option<Value>,
}

#[derive(Deserialize)]
struct CapabilitiesWire {
    types: Option<Vec<u64>>,
    mtu: Option<u32>,
    formats: Option<Vec<String>>,
    verify: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ReportWire {
    seq: Option<Number>,
    v: ByNumber,
}

#[derive(Deserialize)]
struct GetWire {
    cid: Option<Value>,
}

#[derive(Deserialize)]
struct ExplainWire {
    cid: Option<Value>,
    r#type: Option<u64>,
}

#[derive(Deserialize)]
struct ChunkGetWire {
    c: Option<Value>,
    f: u32,
    l: u32,
    o: Option<u32>,
    n: Option<u32>,
    b: Option<Octets>,
}

fn hello(wire: HelloWire) -> Result<(Option<u64>, Body), PayloadError> {
    let mut versions = BTreeMap::new();
    let mut attributes = BTreeMap::new();
    for (Number(id), value) in wire.attrs.unwrap_or_default() {
        let id = AttributeId::new(id).ok_or(PayloadError::Value("attrs"))?;
        match id.firmware_type() {
            Some(kind) => drop(versions.insert(kind, value.into_running("attrs")?)),
            None => drop(attributes.insert(id, value.into_text("attrs")?)),
        }
    }
    let product = wire.product.as_deref().map(ProductId::parse);
    let seq = wire.seq.0;
    let hello = Hello {
        seq,
        boot: wire.boot.map(|boot| boot.into_short_text("boot")).transpose()?,
        product: product.transpose().map_err(|_| PayloadError::Value("product"))?,
        hardware: wire.hw.map(hardware).transpose()?,
        capabilities: wire.caps.map(capabilities).transpose()?,
        versions,
        attributes,
    };
    Ok((Some(seq), Body::Event(Event::Hello(hello))))
}

fn hardware(wire: HardwareWire) -> Result<Hardware, PayloadError> {
    let revision = wire.rev.map(|rev| rev.into_short_text("hw.rev")).transpose()?;
    Ok(Hardware { model: wire.model.into_short_text("hw.model")?, revision })
}

/// Unknown formats are ignored: a device may speak more than this server.
fn capabilities(wire: CapabilitiesWire) -> Result<Capabilities, PayloadError> {
    let types = wire.types.unwrap_or_default().into_iter().map(FirmwareType::new);
    let mut types: Vec<_> = types.collect::<Option<_>>().ok_or(PayloadError::Value("caps.types"))?;
    types.sort_unstable();
    types.dedup();
    let mut formats = Vec::new();
    for name in wire.formats.unwrap_or_default() {
        let format = match name.as_str() {
            "json" => Format::Json,
            "cbor" => Format::Cbor,
            _ => continue,
        };
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    Ok(Capabilities { types, mtu: wire.mtu, formats, verify: verify(wire.verify.unwrap_or_default())? })
}

fn verify(names: Vec<String>) -> Result<Vec<Box<str>>, PayloadError> {
    if names.len() > VERIFY_MAX {
        return Err(PayloadError::TooMany { field: "caps.verify", found: names.len(), max: VERIFY_MAX });
    }
    let short = |name: String| (name.len() <= TEXT_MAX).then(|| name.into_boxed_str());
    names.into_iter().map(short).collect::<Option<_>>().ok_or(PayloadError::Value("caps.verify"))
}

fn report(wire: ReportWire) -> Result<(Option<u64>, Body), PayloadError> {
    let mut versions = BTreeMap::new();
    for (Number(kind), value) in wire.v {
        let kind = FirmwareType::new(kind).ok_or(PayloadError::Value("v"))?;
        versions.insert(kind, value.into_running("v")?);
    }
    let seq = wire.seq.map(|seq| seq.0);
    Ok((seq, Body::Event(Event::Report(Report { seq, versions }))))
}

/// One attribute: a version of a firmware type, or anything else that the device says about itself.
fn attribute(id: AttributeId, encoding: Encoding, payload: &[u8]) -> Result<Event, PayloadError> {
    let value = match encoding {
        Encoding::Structured(format) => read(format, payload)?,
        Encoding::Octets => {
            let octets = payload.try_into().map_err(|_| PayloadError::Octets(payload.len()))?;
            Value::Number(u64::from_le_bytes(octets))
        }
        Encoding::Text => Value::Text(utf8(payload)?.to_owned()),
    };
    match id.firmware_type() {
        Some(kind) => {
            let versions = BTreeMap::from([(kind, running(value)?)]);
            Ok(Event::Report(Report { seq: None, versions }))
        }
        None => Ok(Event::Attribute { id, value: value.into_text("the attribute")? }),
    }
}

/// A version of its own topic; `echo 88 | publish` adds a line end, which belongs to no version.
fn running(value: Value) -> Result<Running, PayloadError> {
    let value = match value {
        Value::Text(text) => Value::Text(text.trim_ascii().to_owned()),
        other @ (Value::Number(_) | Value::Both { .. }) => other,
    };
    value.into_running("the version")
}

fn get(wire: GetWire) -> Result<Body, PayloadError> {
    Ok(Body::Get { cid: wire.cid.map(Value::into_cid).transpose()? })
}

fn explain(wire: ExplainWire) -> Result<Body, PayloadError> {
    let kind = wire.r#type.map(|kind| FirmwareType::new(kind).ok_or(PayloadError::Value("type")));
    Ok(Body::Explain { cid: wire.cid.map(Value::into_cid).transpose()?, kind: kind.transpose()? })
}

fn chunk_get(wire: ChunkGetWire) -> Result<Body, PayloadError> {
    Ok(Body::ChunkGet(ChunkRequest {
        cid: wire.c.map(Value::into_cid).transpose()?,
        file: wire.f,
        length: wire.l,
        offset: wire.o.unwrap_or(0),
        count: wire.n,
        bitmap: wire.b.unwrap_or_default().0,
    }))
}

fn presence(encoding: Encoding, payload: &[u8]) -> Result<Event, PayloadError> {
    let StateWire(word) = match encoding {
        Encoding::Structured(format) => read(format, payload)?,
        Encoding::Text => StateWire(utf8(payload)?.trim_ascii().to_owned()),
        Encoding::Octets => return Err(PayloadError::ContentType),
    };
    match word.as_str() {
        "online" => Ok(Event::Presence { online: true }),
        "offline" => Ok(Event::Presence { online: false }),
        _ => Err(PayloadError::Value("state")),
    }
}

fn utf8(payload: &[u8]) -> Result<&str, PayloadError> {
    std::str::from_utf8(payload).map_err(|_| PayloadError::NotUtf8)
}

/// The word alone, or `{state, boot}`. The boot id is for observers; presence decides nothing.
struct StateWire(String);

impl<'de> Deserialize<'de> for StateWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StateVisitor)
    }
}

struct StateVisitor;

impl<'de> Visitor<'de> for StateVisitor {
    type Value = StateWire;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("online, offline or {state}")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<StateWire, E> {
        Ok(StateWire(word.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StateWire, A::Error> {
        let mut state = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "state" => state = Some(StateWire(map.next_value()?)),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        state.ok_or_else(|| A::Error::missing_field("state"))
    }
}
