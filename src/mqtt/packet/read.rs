//! The data types of MQTT (1.5), read from the front of a frame. Every read checks first that the bytes are there.

use bytes::{Buf, Bytes};

use super::text::{Text, checked, checked_topic};
use super::{FixedHeader, PacketError};

/// Reads a variable byte integer (1.5.5) at the start of `buf`: its value and its own length, `None` while it is
/// not complete.
pub(super) fn varint(buf: &[u8]) -> Result<Option<(u32, usize)>, PacketError> {
    let mut value = 0u32;
    // Four bytes at most: 4 * 7 bits, so that the value stays below 2^28.
    for (at, &byte) in buf.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            let padded = at > 0 && byte == 0;
            return if padded {
                Err(PacketError::Malformed("a padded length"))
            } else {
                Ok(Some((value, at + 1)))
            };
        }
    }
    if buf.len() >= 4 { Err(PacketError::Malformed("a length of five bytes")) } else { Ok(None) }
}

/// What is left of a frame, or of a block inside it.
pub(super) struct Reader {
    rest: Bytes,
}

impl Reader {
    /// A reader over the body of `frame`, which must be exactly one packet.
    pub(super) fn open(mut frame: Bytes) -> Result<(FixedHeader, Reader), PacketError> {
        let header = FixedHeader::parse(&frame)?.ok_or(PacketError::Malformed("an incomplete header"))?;
        if header.total() != frame.len() {
            return Err(PacketError::Malformed("a frame that is not its declared length"));
        }
        frame.advance(header.len);
        Ok((header, Reader { rest: frame }))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left.
    pub(super) fn into_rest(self) -> Bytes {
        self.rest
    }

    /// Ends the reading: nothing may be left.
    pub(super) fn finish(self) -> Result<(), PacketError> {
        if self.is_empty() { Ok(()) } else { Err(PacketError::Malformed("trailing bytes")) }
    }

    pub(super) fn u8(&mut self) -> Result<u8, PacketError> {
        self.need(1)?;
        Ok(self.rest.get_u8())
    }

    pub(super) fn u16(&mut self) -> Result<u16, PacketError> {
        self.need(2)?;
        Ok(self.rest.get_u16())
    }

    pub(super) fn u32(&mut self) -> Result<u32, PacketError> {
        self.need(4)?;
        Ok(self.rest.get_u32())
    }

    pub(super) fn varint(&mut self) -> Result<u32, PacketError> {
        let (value, len) = varint(&self.rest)?.ok_or(OVERRUN)?;
        self.rest.advance(len);
        Ok(value)
    }

    /// A packet identifier: never 0 [MQTT-2.2.1-3].
    pub(super) fn packet_id(&mut self) -> Result<u16, PacketError> {
        match self.u16()? {
            0 => Err(PacketError::Protocol("packet id 0")),
            id => Ok(id),
        }
    }

    /// A block of `len` bytes as a reader of its own.
    pub(super) fn block(&mut self, len: usize) -> Result<Reader, PacketError> {
        self.need(len)?;
        Ok(Reader { rest: self.rest.split_to(len) })
    }

    /// Binary data (1.5.6), a slice of the frame.
    pub(super) fn binary(&mut self) -> Result<Bytes, PacketError> {
        let len = usize::from(self.u16()?);
        self.need(len)?;
        Ok(self.rest.split_to(len))
    }

    /// A string (1.5.4), a slice of the frame.
    pub(super) fn text(&mut self) -> Result<Text, PacketError> {
        Text::from_wire(self.binary()?)
    }

    /// A string (1.5.4), copied.
    pub(super) fn string(&mut self) -> Result<String, PacketError> {
        let len = usize::from(self.u16()?);
        self.need(len)?;
        let text = checked(&self.rest[..len])?.to_owned();
        self.rest.advance(len);
        Ok(text)
    }

    /// A topic name that is not empty, copied.
    pub(super) fn topic(&mut self) -> Result<String, PacketError> {
        let topic = self.string()?;
        checked_topic(topic.as_bytes())?;
        Ok(topic)
    }

    fn need(&self, len: usize) -> Result<(), PacketError> {
        if self.rest.len() >= len { Ok(()) } else { Err(OVERRUN) }
    }
}

const OVERRUN: PacketError = PacketError::Malformed("a field that runs past the end");
