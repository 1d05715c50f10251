//! Images and releases: what can be installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::catalog::Trail;
use super::ids::{ArtifactId, FirmwareType, ImageId, ItemId, ProductId, ReleaseId, TenantId, Time};
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

/// Artifact ids start here: below are the firmware types, so that one number names either.
pub const FIRST_ARTIFACT: u64 = 1000;

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

/// How long an upload waits to be moved into the repository: a day, as Afero's service keeps its temporary files.
const UPLOAD_MS: u64 = 24 * 60 * 60 * 1000;
/// How long one in the repository waits for its image. Nobody can remove it but time.
const MOVED_UPLOAD_MS: u64 = 30 * UPLOAD_MS;

/// A file that was uploaded before any image has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptUpload {
    /// Whose it is.
    pub tenant: TenantId,
    /// The content's address.
    pub sha256: Sha256,
    /// Size in bytes.
    pub size: u64,
    /// SHA-1 sum.
    pub sha1: [u8; 20],
    /// MD5 sum.
    pub md5: [u8; 16],
    /// Whether it was moved into the repository, so that images can have it.
    pub moved: bool,
    /// When it was uploaded or moved.
    pub at: Time,
}

impl KeptUpload {
    /// Whether nobody came for it in time. A clock that was set back gives it more time.
    pub fn has_expired(&self, now: Time) -> bool {
        let kept = if self.moved { MOVED_UPLOAD_MS } else { UPLOAD_MS };
        now >= self.at.plus_ms(kept)
    }
}

/// The products whose devices can take an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Products {
    /// Those of every product: whoever brings the image knows what it runs on.
    Any,
    /// Those of these; of none while the set is empty.
    Only(BTreeSet<ProductId>),
}

impl Products {
    /// Whether it has all products that the other has.
    pub fn covers(&self, other: &Products) -> bool {
        match (self, other) {
            (Products::Any, _) => true,
            (Products::Only(_), Products::Any) => false,
            (Products::Only(own), Products::Only(others)) => own.is_superset(others),
        }
    }

    /// Those of one product.
    pub fn one(product: ProductId) -> Self {
        Products::Only(BTreeSet::from([product]))
    }

    /// Whether devices of the product can take the image.
    pub fn contains(&self, product: &ProductId) -> bool {
        match self {
            Products::Any => true,
            Products::Only(products) => products.contains(product),
        }
    }

    /// The first of the products that are named.
    pub fn first(&self) -> Option<&ProductId> {
        match self {
            Products::Any => None,
            Products::Only(products) => products.first(),
        }
    }

    /// Whether there can be a device that takes images of both.
    pub fn meets(&self, other: &Products) -> bool {
        match (self, other) {
            (Products::Any, _) | (_, Products::Any) => true,
            (Products::Only(a), Products::Only(b)) => !a.is_disjoint(b),
        }
    }
}

/// What people write about an image or a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// A description.
    pub description: Option<Box<str>>,
    /// Who made the software.
    pub vendor: Option<Box<str>>,
    /// Further values by name.
    pub metadata: BTreeMap<Box<str>, Metadata>,
}

/// The most values that an image, a release or a device may have besides its own (hawkBit's quota).
pub const METADATA_MAX: usize = 100;

/// A value that people add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The value.
    pub value: Box<str>,
    /// Whether devices see it (hawkBit: `targetVisible`).
    pub visible: bool,
}

/// Something that can be installed as one firmware type. Its number, type and the bytes of each file never change;
/// files come and go until it is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The public id.
    pub id: ImageId,
    /// The tenant that owns it.
    pub tenant: TenantId,
    /// What people call it; the product's name where nothing else is said. Name, type and version are unique.
    pub name: Box<str>,
    /// The products whose devices can take it.
    pub products: Products,
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
    /// What people write about it.
    pub about: About,
    /// Words by which it is found (Afero: `tags`).
    pub tags: BTreeSet<Box<str>>,
    /// Whether its files are encrypted; shown to devices and never read.
    pub encrypted: bool,
    /// No file may be added or removed any more.
    pub locked: bool,
    /// Removed while something still refers to it.
    pub deleted: bool,
    /// Who made it and who changed it.
    pub trail: Trail,
}

impl Image {
    /// An image of one product without files and conditions, called by the product's name.
    pub fn new(
        tenant: TenantId,
        id: ImageId,
        product: ProductId,
        (kind, number): (FirmwareType, u64),
        version: Version,
        trail: Trail,
    ) -> Self {
        Image {
            id,
            tenant,
            name: product.as_str().into(),
            products: Products::one(product),
            kind,
            number,
            version,
            artifacts: Vec::new(),
            rules: Rules::default(),
            about: About::default(),
            tags: BTreeSet::new(),
            encrypted: false,
            locked: false,
            deleted: false,
            trail,
        }
    }
}

/// Images that are installed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The public id.
    pub id: ReleaseId,
    /// The tenant that owns it.
    pub tenant: TenantId,
    /// The name that people read. Name and version are unique.
    pub name: Box<str>,
    /// The version text that people read.
    pub version: Version,
    /// The images in it.
    pub images: Vec<ImageId>,
    /// Its kind, which says what it has to hold; none where nothing is asked of it.
    pub kind: Option<ItemId>,
    /// What people write about it.
    pub about: About,
    /// Tags that it carries.
    pub tags: BTreeSet<ItemId>,
    /// Whether a device has to install it before anything newer (hawkBit: `requiredMigrationStep`).
    pub required_step: bool,
    /// No image may be added or removed any more.
    pub locked: bool,
    /// It may not be assigned any more.
    pub invalid: bool,
    /// Removed while something still refers to it.
    pub deleted: bool,
    /// Who made it and who changed it.
    pub trail: Trail,
}
