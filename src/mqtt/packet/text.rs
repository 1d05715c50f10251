//! MQTT's strings (1.5.4) and the characters a topic may have (4.7). A topic is a slice of the frame it came in,
//! so that a PUBLISH is read without an allocation.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use super::PacketError;

/// A string on shared bytes: cloning it copies nothing. It is always valid UTF-8.
///
/// It keeps the whole frame it was cut from alive; what is to outlive the frame by long should be copied.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Bytes);

impl Text {
    /// A text over bytes that come from outside: UTF-8 without surrogates [MQTT-1.5.4-1] and without NUL
    /// [MQTT-1.5.4-2].
    pub fn from_wire(bytes: Bytes) -> Result<Text, PacketError> {
        checked(&bytes)?;
        Ok(Text(bytes))
    }

    /// A text over a constant.
    pub const fn from_static(text: &'static str) -> Text {
        Text(Bytes::from_static(text.as_bytes()))
    }

    /// The text. It is checked once more (a few nanoseconds for a topic), because this crate has no `unsafe`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0)
            .expect("a Text is made from checked bytes or from a str, and never changes")
    }

    /// The bytes of the text, for comparing and copying without the check of [`Text::as_str`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The shared bytes themselves.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Bytes::from(text))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a topic filter is well formed (4.7.1): not empty, `#` only as the whole last level, `+` only as a whole
/// level. The decoder takes any filter that is a string, because a bad one is answered in the SUBACK (0x8F).
pub fn is_topic_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut good = !filter.is_empty();
    while let Some(level) = levels.next() {
        good &= match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            name => !name.contains(['+', '#']),
        };
    }
    good
}

/// A topic name of a PUBLISH, of a will or for a response: at least one character, no wildcard
/// [MQTT-3.3.2-2, MQTT-4.7.3-1].
pub(super) fn checked_topic(topic: &[u8]) -> Result<(), PacketError> {
    if topic.is_empty() {
        return Err(PacketError::TopicName("empty"));
    }
    if topic.iter().any(|byte| matches!(byte, b'+' | b'#')) {
        return Err(PacketError::TopicName("a wildcard"));
    }
    Ok(())
}

/// The text in `bytes`, when MQTT allows it as a string.
pub(super) fn checked(bytes: &[u8]) -> Result<&str, PacketError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| PacketError::Malformed("a string that is not UTF-8"))?;
    if bytes.contains(&0) {
        return Err(PacketError::Malformed("a string with NUL"));
    }
    Ok(text)
}
