//! Images and releases: what can be installed.

use std::fmt;

use super::ids::{ArtifactId, FirmwareType, ImageId, ProductId, ReleaseId, TenantId, Time};
use super::offer::Rules;
use super::version::Version;

/// A SHA-256 sum, which is also the name of the artifact's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Parses 64 lower-case hexadecimal digits: a sum has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut sum = [0; 32];
        if digits.len() != 2 * sum.len() {
            return None;
        }
        for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Sha256(sum))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Bytes as lower-case hexadecimal digits, as sums are written at every door.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// One file of an image with the three sums that devices in the field ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The public id.
    pub id: ArtifactId,
    /// The name that the uploader gave; metadata only, never a path.
    pub name: Box<str>,
    /// Size in bytes.
    pub size: u64,
    /// The content's address.
    pub sha256: Sha256,
    /// SHA-1 sum, which hawkBit clients verify.
    pub sha1: [u8; 20],
    /// MD5 sum, which the oldest clients verify.
    pub md5: [u8; 16],
}

/// Something that can be installed as one firmware type of one product. Immutable once its number is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The public id.
    pub id: ImageId,
    /// The tenant that owns it.
    pub tenant: TenantId,
    /// The product whose devices can take it.
    pub product: ProductId,
    /// What it is on the device.
    pub kind: FirmwareType,
    /// Issued by the server, grows per tenant and firmware type: the order of versions where texts have none.
    pub number: u64,
    /// The text that people read.
    pub version: Version,
    /// Its files, in the order of the upload.
    pub artifacts: Vec<Artifact>,
    /// The conditions under which it may be installed, wherever it is offered.
    pub rules: Rules,
    /// When it was uploaded.
    pub created: Time,
}

/// Images that are installed together, at most one of each firmware type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The public id.
    pub id: ReleaseId,
    /// The tenant that owns it.
    pub tenant: TenantId,
    /// The name that people read.
    pub name: Box<str>,
    /// The version text that people read.
    pub version: Version,
    /// The images in it.
    pub images: Vec<ImageId>,
    /// When it was made.
    pub created: Time,
}
