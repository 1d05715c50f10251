//! What an operator says about a thing that is made or changed.

use std::collections::BTreeSet;

use super::Secret;
use crate::domain::catalog::{Label, What};
use crate::domain::deployment::Target;
use crate::domain::device::{AutoConfirm, Profile};
use crate::domain::ids::{ArtifactId, DeviceId, FirmwareType, ImageId, ItemId, ProductId};
use crate::domain::image::{About, Metadata, Products, Sha256};
use crate::domain::offer::Rules;
use crate::domain::terms::Terms;
use crate::domain::version::Version;

/// A device before it is registered.
#[derive(Debug)]
pub struct NewDevice {
    /// Its id.
    pub id: DeviceId,
    /// Its product; the default product where nothing is said.
    pub product: Option<ProductId>,
    /// Its token; a random one where nothing is said.
    pub token: Option<Secret>,
    /// What people write about it.
    pub profile: Profile,
}

/// A change of what people say about a device.
#[derive(Debug)]
pub enum DeviceChange {
    /// Changes one after the other, all or none; a token comes last, because it is refused where it is another's.
    Several(Vec<DeviceChange>),
    /// Texts; those that are left out stay as they are.
    Describe {
        /// The name.
        name: Option<Box<str>>,
        /// The description.
        description: Option<Box<str>>,
        /// The address.
        address: Option<Box<str>>,
        /// The group.
        group: Option<Box<str>>,
    },
    /// Whether it is to send its attributes.
    WantAttributes(bool),
    /// A token of the operator's choice; the old one ends at once.
    Token(Secret),
    /// Another product.
    Product(ProductId),
    /// Puts a tag on or takes it off.
    Tag(ItemId, bool),
    /// Sets a value besides its own, or removes it.
    Metadata(Box<str>, Option<Box<str>>),
    /// Whether actions are agreed to by themselves. Switching it on agrees to those that wait.
    AutoConfirm(Option<AutoConfirm>),
}

/// A change of an image.
#[derive(Debug)]
pub enum ImageChange {
    /// Description and vendor; those that are left out stay as they are.
    Describe {
        /// The description.
        description: Option<Box<str>>,
        /// The vendor.
        vendor: Option<Box<str>>,
    },
    /// Another name and version, both of them free; refused when it is locked.
    Rename {
        /// The name.
        name: Box<str>,
        /// The version.
        version: Version,
    },
    /// Adds a file; refused when it is locked.
    AddFile(NewArtifact),
    /// Removes a file; refused when it is locked.
    RemoveFile(ArtifactId),
    /// Takes these files for all that it had; refused when it is locked.
    ReplaceFiles(Vec<NewArtifact>),
    /// Sets a value besides its own, or removes it.
    Metadata(Box<str>, Option<Metadata>),
    /// The words by which it is found.
    Tags(BTreeSet<Box<str>>),
    /// Lets a product's devices take it, or no longer. Queued actions on such devices are called off with it.
    Product(ProductId, bool),
    /// Locks it.
    Lock,
    /// All of these, one after the other, or none.
    Several(Vec<ImageChange>),
}

/// A release before it is made.
#[derive(Debug)]
pub struct NewRelease {
    /// The name.
    pub name: Box<str>,
    /// The version.
    pub version: Version,
    /// The images. Ours has at least one and at most one of each type; `kind` says it for others.
    pub images: Vec<ImageId>,
    /// Its kind; none for ours.
    pub kind: Option<ItemId>,
    /// What people write about it.
    pub about: About,
    /// Whether a device has to install it before anything newer.
    pub required_step: bool,
    /// Locks it from the start.
    pub locked: bool,
}

/// A change of a release.
#[derive(Debug)]
pub enum ReleaseChange {
    /// Changes one after the other, all or none.
    Several(Vec<ReleaseChange>),
    /// Texts; those that are left out stay as they are.
    Describe {
        /// The name; refused when it is locked.
        name: Option<Box<str>>,
        /// The version; refused when it is locked.
        version: Option<Version>,
        /// The description.
        description: Option<Box<str>>,
        /// Whether a device has to install it before anything newer; refused when it is locked.
        required_step: Option<bool>,
    },
    /// Adds images; refused when it is locked.
    AddImages(Vec<ImageId>),
    /// Removes an image; refused when it is locked.
    RemoveImage(ImageId),
    /// Sets a value besides its own, or removes it.
    Metadata(Box<str>, Option<Box<str>>),
    /// Puts a tag on or takes it off.
    Tag(ItemId, bool),
    /// Locks it, or unlocks it.
    Lock(bool),
    /// Says that it may not be assigned any more.
    Invalidate {
        /// Whether its rollouts are stopped.
        stop: bool,
        /// Whether and how its actions are called off.
        cancel: Option<bool>,
    },
}

/// Who gets what.
#[derive(Debug)]
pub struct Assignment {
    /// The device.
    pub device: DeviceId,
    /// What it gets.
    pub target: Target,
    /// On which terms.
    pub terms: Terms,
}

/// An item before it has an id.
#[derive(Debug)]
pub struct NewItem {
    /// The number of a firmware type, where the caller chooses it.
    pub id: Option<ItemId>,
    /// What people read.
    pub label: Label,
    /// What it is.
    pub what: What,
}

/// An uploaded image before it has a number.
#[derive(Debug)]
pub struct NewImage {
    /// What people call it; the product's name where nothing is said.
    pub name: Option<Box<str>>,
    /// The products whose devices can take it.
    pub products: Products,
    /// The firmware type.
    pub kind: FirmwareType,
    /// The version.
    pub version: Version,
    /// Its files; an image without files can be assigned when it has some.
    pub files: Vec<NewArtifact>,
    /// The conditions under which it may be installed.
    pub rules: Rules,
    /// What people write about it.
    pub about: About,
    /// Words by which it is found.
    pub tags: BTreeSet<Box<str>>,
    /// Whether its files are encrypted.
    pub encrypted: bool,
    /// Makes it the standing offer of its product, in the same commit.
    pub offered: bool,
}

impl NewImage {
    /// An image of one product, about which nothing more is said.
    pub fn plain(product: ProductId, kind: FirmwareType, version: Version, rules: Rules) -> Self {
        NewImage {
            name: None,
            products: Products::one(product),
            kind,
            version,
            files: Vec::new(),
            rules,
            about: About::default(),
            tags: BTreeSet::new(),
            encrypted: false,
            offered: false,
        }
    }
}

/// An uploaded file before it has an id.
#[derive(Debug)]
pub struct NewArtifact {
    /// The name that the uploader gave.
    pub name: Box<str>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 sum.
    pub sha256: Sha256,
    /// SHA-1 sum.
    pub sha1: [u8; 20],
    /// MD5 sum.
    pub md5: [u8; 16],
}
