//! Identifiers, each parsed once at a door and proof of its grammar from then on.
//!
//! Names (tenant, product, device) share one parser, so that an id has the same verdict at every door. Numbers
//! that clients in the field parse into a C `int` are positive and at most 2^31-1.

use std::fmt;
use std::sync::Arc;

use super::window::civil;

/// Longest name in bytes: with it the longest topic (`ota/v1/` tenant `/d/` device and the longest leaf) stays
/// within MQTT's comfortable sizes and within what constrained clients buffer.
pub const NAME_MAX: usize = 128;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// The text is empty.
    Empty,
    /// The text is longer than [`NAME_MAX`] bytes; carries its length.
    TooLong(usize),
    /// A byte outside `[A-Za-z0-9._:-]`, or a first byte that is not a letter or digit; carries its position.
    BadByte(usize),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "is empty"),
            NameError::TooLong(len) => write!(f, "has {len} bytes, {NAME_MAX} are allowed"),
            NameError::BadByte(at) => {
                write!(f, "has a character at byte {at} outside [A-Za-z0-9][A-Za-z0-9._:-]*")
            }
        }
    }
}

impl std::error::Error for NameError {}

/// The one grammar of names: `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`.
fn check_name(text: &str) -> Result<(), NameError> {
    let bytes = text.as_bytes();
    match bytes.first() {
        None => return Err(NameError::Empty),
        Some(_) if bytes.len() > NAME_MAX => return Err(NameError::TooLong(bytes.len())),
        Some(first) if !first.is_ascii_alphanumeric() => return Err(NameError::BadByte(0)),
        Some(_) => {}
    }
    match bytes.iter().position(|b| !(b.is_ascii_alphanumeric() || b"._:-".contains(b))) {
        Some(at) => Err(NameError::BadByte(at)),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the name.
            ///
            /// # Errors
            /// [`NameError`] says which rule of the grammar the text breaks.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check_name(text).map(|()| $name(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name!(
    /// A tenant: everything below it is invisible to every other tenant.
    TenantId
);
name!(
    /// A product: a line of devices that take the same images.
    ProductId
);
name!(
    /// A device, unique within its tenant.
    DeviceId
);
name!(
    /// A group of devices that listen to the same announcements, unique within its tenant.
    GroupId
);

/// The tenant of a server that has only one.
pub const DEFAULT_TENANT: &str = "default";

/// The product of devices that nobody gave one.
pub const DEFAULT_PRODUCT: &str = "default";

impl Default for ProductId {
    fn default() -> Self {
        ProductId(DEFAULT_PRODUCT.into())
    }
}

impl Default for TenantId {
    fn default() -> Self {
        TenantId(DEFAULT_TENANT.into())
    }
}

/// A device together with its tenant: the key under which everything about it is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceKey {
    /// The tenant that owns the device.
    pub tenant: TenantId,
    /// The device within the tenant.
    pub device: DeviceId,
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.device)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The largest id: DDI clients in the field read ids into a signed 32-bit integer.
            pub const MAX: u32 = i32::MAX as u32;

            /// The id, if `number` is in `1..=MAX`.
            pub fn new(number: u64) -> Option<Self> {
                u32::try_from(number).ok().filter(|n| (1..=Self::MAX).contains(n)).map($name)
            }

            /// Parses plain decimal digits (no sign, no leading zero).
            pub fn parse(text: &str) -> Option<Self> {
                let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
                canonical.then(|| text.parse().ok()).flatten().and_then(Self::new)
            }

            /// The number.
            pub fn get(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number!(
    /// One action: one device is to receive one release.
    ActionId
);
number!(
    /// One image in a tenant's store of images.
    ImageId
);
number!(
    /// One artifact of an image. Ids start above the firmware types, so that one number names either.
    ArtifactId
);
number!(
    /// One release: images that are installed together.
    ReleaseId
);
number!(
    /// One deployment: the actions that one order created.
    DeploymentId
);

number!(
    /// One rollout: a release brought to many devices, wave by wave.
    RolloutId
);
number!(
    /// One webhook: where events of a tenant are sent.
    WebhookId
);

number!(
    /// One item of a section of a tenant's catalog: a tag, a type, a product, a filter.
    ItemId
);

/// What an image is for on the device: 1..=100 are platform types, 101..=200 belong to peripherals
/// (Afero OTA API, "About Firmware Types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirmwareType(u8);

impl FirmwareType {
    /// Type 3, the application, which most devices update.
    pub const APPLICATION: FirmwareType = FirmwareType(3);

    /// The type, if `number` is in 1..=200.
    pub fn new(number: u64) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| (1..=200).contains(n)).map(FirmwareType)
    }

    /// The number of the type.
    pub fn get(self) -> u8 {
        self.0
    }

    /// The attribute that carries this type's version: 2000 + type.
    pub fn attribute(self) -> AttributeId {
        AttributeId(2000 + u16::from(self.0))
    }

    /// When the type is updated among others of one action: the bootloader first, then the radio's soft device, then the
    /// application, then all else (Afero attribute registry, 2001 to 2003).
    pub fn update_rank(self) -> u8 {
        self.0.min(4)
    }

    /// The name of the well-known types, which every tenant has from the start.
    pub fn well_known_name(self) -> Option<&'static str> {
        match self.0 {
            1 => Some("bootloader"),
            2 => Some("soft-device"),
            3 => Some("application"),
            4 => Some("device-description"),
            5 => Some("hub"),
            6 => Some("wifi"),
            7 => Some("wifi-certificates"),
            8 => Some("wan-apn"),
            9 => Some("os"),
            _ => None,
        }
    }
}

impl fmt::Display for FirmwareType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A device attribute; 2001..=2200 are the versions of firmware types 1..=200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeId(u16);

impl AttributeId {
    /// The attribute, if `number` is in 1..=65535.
    pub fn new(number: u64) -> Option<Self> {
        u16::try_from(number).ok().filter(|n| *n != 0).map(AttributeId)
    }

    /// Parses plain decimal digits (no sign, no leading zero).
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        canonical.then(|| text.parse().ok()).flatten().and_then(Self::new)
    }

    /// The number of the attribute.
    pub fn get(self) -> u16 {
        self.0
    }

    /// The firmware type whose version this attribute carries, if it carries one.
    pub fn firmware_type(self) -> Option<FirmwareType> {
        self.0.checked_sub(2000).and_then(|n| FirmwareType::new(u64::from(n)))
    }
}

impl fmt::Display for AttributeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

impl Time {
    /// The moment `ms` milliseconds later; stops at the end of time instead of overflowing.
    pub fn plus_ms(self, ms: u64) -> Time {
        Time(self.0.saturating_add(ms))
    }
}

/// To the second, in UTC (RFC 3339).
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let (year, month, day) = civil(i64::try_from(seconds / 86_400).unwrap_or(i64::MAX / 2));
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_grammar_judges_every_name() {
        let longest = "a".repeat(NAME_MAX);
        let too_long = "a".repeat(NAME_MAX + 1);
        let table: &[(&str, Result<(), NameError>)] = &[
            ("lamp-1", Ok(())),
            ("0a:b.c_d-e", Ok(())),
            (&longest, Ok(())),
            (&too_long, Err(NameError::TooLong(129))),
            ("", Err(NameError::Empty)),
            (".hidden", Err(NameError::BadByte(0))),
            ("a/b", Err(NameError::BadByte(1))),
            ("a+b", Err(NameError::BadByte(1))),
            ("a#", Err(NameError::BadByte(1))),
            ("$SYS", Err(NameError::BadByte(0))),
            ("a\0b", Err(NameError::BadByte(1))),
            ("a%2eb", Err(NameError::BadByte(1))),
            ("é", Err(NameError::BadByte(0))),
            ("a\u{ff11}", Err(NameError::BadByte(1))),
            ("a b", Err(NameError::BadByte(1))),
        ];
        for (text, expected) in table {
            assert_eq!(DeviceId::parse(text).map(|_| ()), *expected, "{text:?}");
        }
    }

    #[test]
    fn ids_are_canonical_positive_and_fit_a_c_int() {
        let table: &[(&str, Option<u32>)] = &[
            ("1", Some(1)),
            ("10", Some(10)),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", None),
            ("0", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            ("", None),
            ("1 ", None),
            ("١", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(ActionId::parse(text).map(ActionId::get), *expected, "{text:?}");
        }
    }

    #[test]
    fn version_attributes_are_two_thousand_plus_type() {
        let table: &[(u64, Option<u8>)] = &[
            (1, None),
            (2000, None),
            (2001, Some(1)),
            (2003, Some(3)),
            (2105, Some(105)),
            (2200, Some(200)),
            (2201, None),
            (65535, None),
        ];
        for (number, expected) in table {
            let attribute = AttributeId::new(*number).expect("in range");
            assert_eq!(attribute.firmware_type().map(FirmwareType::get), *expected, "{number}");
            if let Some(kind) = attribute.firmware_type() {
                assert_eq!(kind.attribute(), attribute);
            }
        }
    }
}
