//! Standing offers and the rules that images and offers carry.

use super::ids::{FirmwareType, ImageId, ProductId, TenantId, Time};
use super::version::{Version, VersionPattern};

/// A hardware that an image runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardwareMatch {
    /// The model, compared without regard to case.
    pub model: Box<str>,
    /// The revision; absent means any.
    pub revision: Option<Box<str>>,
}

/// Conditions under which an update may start. Empty rules allow everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Versions that the update may start from; empty means any.
    pub compatible: Vec<VersionPattern>,
    /// Versions that a device must have reached first: none may be jumped over.
    pub through: Vec<Version>,
    /// Not before this moment.
    pub not_before: Option<Time>,
    /// Not at or after this moment.
    pub not_after: Option<Time>,
    /// Hardware that it runs on; empty means any.
    pub hardware: Vec<HardwareMatch>,
}

/// An image offered to every eligible device of a product until another offer takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The tenant.
    pub tenant: TenantId,
    /// The product whose devices are offered the image.
    pub product: ProductId,
    /// The firmware type; there is one standing offer for each product and type.
    pub kind: FirmwareType,
    /// The offered image.
    pub image: ImageId,
    /// Conditions beyond those of the image itself.
    pub rules: Rules,
    /// Whether the offer may take a device back to an older number or version.
    pub allow_downgrade: bool,
    /// When it was made.
    pub created: Time,
}
