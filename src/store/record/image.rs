//! Records of images, releases and standing offers.

use std::borrow::Cow;

use crate::domain::ids::{ArtifactId, FirmwareType, ImageId, ItemId, ProductId, ReleaseId, TenantId, Time};
use crate::domain::image::{About, Artifact, Image, Metadata, Products, Release, Sha256};
use crate::domain::offer::{HardwareMatch, Offer, Rules};
use crate::domain::version::VersionPattern;

use super::device::HardwareRecord;
use super::terms::TrailRecord;
use super::{Bad, Sum, firmware_type, item, product, record, some, text, version};

record! {
    /// An image; tenant and id are the key.
    ImageRecord<'a> {
        name: Cow<'a, str>,
        products: Option<Vec<Cow<'a, str>>>,
        kind: u8,
        number: u64,
        version: Cow<'a, str>,
        artifacts: Vec<ArtifactRecord<'a>>,
        rules: RulesRecord<'a>,
        about: AboutRecord<'a>,
        tags: Vec<Cow<'a, str>>,
        encrypted: bool,
        locked: bool,
        deleted: bool,
        trail: TrailRecord<'a>,
    }
}

record! {
    /// A release; tenant and id are the key.
    ReleaseRecord<'a> {
        name: Cow<'a, str>,
        version: Cow<'a, str>,
        images: Vec<u32>,
        kind: Option<u32>,
        about: AboutRecord<'a>,
        tags: Vec<u32>,
        required_step: bool,
        locked: bool,
        invalid: bool,
        deleted: bool,
        trail: TrailRecord<'a>,
    }
}

record! {
    /// What people write about an image or a release: description, vendor, further values with whether devices see them.
    AboutRecord<'a> {
        description: Option<Cow<'a, str>>,
        vendor: Option<Cow<'a, str>>,
        metadata: Vec<(Cow<'a, str>, Cow<'a, str>, bool)>,
    }
}

record! {
    /// A standing offer; tenant, product and firmware type are the key.
    OfferRecord<'a> {
        image: u32,
        rules: RulesRecord<'a>,
        allow_downgrade: bool,
        created: u64,
    }
}

record! {
    ArtifactRecord<'a> {
        id: u32,
        name: Cow<'a, str>,
        size: u64,
        sha256: Sum<32>,
        sha1: Sum<20>,
        md5: Sum<16>,
    }
}

record! {
    /// Rules; version patterns are kept as the text that they are parsed from.
    RulesRecord<'a> {
        compatible: Vec<Cow<'a, str>>,
        through: Vec<Cow<'a, str>>,
        not_before: Option<u64>,
        not_after: Option<u64>,
        hardware: Vec<HardwareRecord<'a>>,
    }
}

impl<'a> ImageRecord<'a> {
    /// The record of an image.
    pub(in crate::store) fn of(image: &'a Image) -> Self {
        ImageRecord {
            name: Cow::Borrowed(&image.name),
            products: match &image.products {
                Products::Any => None,
                Products::Only(products) => Some(products.iter().map(|p| p.as_str().into()).collect()),
            },
            kind: image.kind.get(),
            number: image.number,
            version: image.version.as_str().into(),
            artifacts: image.artifacts.iter().map(ArtifactRecord::of).collect(),
            rules: RulesRecord::of(&image.rules),
            about: AboutRecord::of(&image.about),
            tags: image.tags.iter().map(|tag| Cow::Borrowed(&**tag)).collect(),
            encrypted: image.encrypted,
            locked: image.locked,
            deleted: image.deleted,
            trail: TrailRecord::of(&image.trail),
        }
    }

    /// The sums of its artifacts.
    pub(in crate::store) fn sums(&self) -> Vec<Sha256> {
        self.artifacts.iter().map(|artifact| Sha256(artifact.sha256.0)).collect()
    }

    /// The image under that key.
    pub(in crate::store) fn image(self, tenant: TenantId, id: ImageId) -> Result<Image, Bad> {
        Ok(Image {
            id,
            tenant,
            name: text(self.name),
            products: match self.products {
                None => Products::Any,
                Some(names) => Products::Only(names.iter().map(|p| product(p)).collect::<Result<_, _>>()?),
            },
            kind: firmware_type(self.kind)?,
            number: self.number,
            version: version(&self.version)?,
            artifacts: self.artifacts.into_iter().map(ArtifactRecord::artifact).collect::<Result<_, _>>()?,
            rules: self.rules.rules()?,
            about: self.about.about(),
            tags: self.tags.into_iter().map(text).collect(),
            encrypted: self.encrypted,
            locked: self.locked,
            deleted: self.deleted,
            trail: self.trail.trail(),
        })
    }
}

impl<'a> AboutRecord<'a> {
    fn of(about: &'a About) -> Self {
        AboutRecord {
            description: about.description.as_deref().map(Cow::Borrowed),
            vendor: about.vendor.as_deref().map(Cow::Borrowed),
            metadata: about
                .metadata
                .iter()
                .map(|(name, own)| (Cow::Borrowed(&**name), Cow::Borrowed(&*own.value), own.visible))
                .collect(),
        }
    }

    fn about(self) -> About {
        let value = |(name, value, visible)| (text(name), Metadata { value: text(value), visible });
        About {
            description: self.description.map(text),
            vendor: self.vendor.map(text),
            metadata: self.metadata.into_iter().map(value).collect(),
        }
    }
}

impl<'a> ReleaseRecord<'a> {
    /// The record of a release.
    pub(in crate::store) fn of(release: &'a Release) -> Self {
        ReleaseRecord {
            name: Cow::Borrowed(&release.name),
            version: release.version.as_str().into(),
            images: release.images.iter().map(|id| id.get()).collect(),
            kind: release.kind.map(ItemId::get),
            about: AboutRecord::of(&release.about),
            tags: release.tags.iter().map(|tag| tag.get()).collect(),
            required_step: release.required_step,
            locked: release.locked,
            invalid: release.invalid,
            deleted: release.deleted,
            trail: TrailRecord::of(&release.trail),
        }
    }

    /// The release under that key.
    pub(in crate::store) fn release(self, tenant: TenantId, id: ReleaseId) -> Result<Release, Bad> {
        Ok(Release {
            id,
            tenant,
            name: text(self.name),
            version: version(&self.version)?,
            images: self.images.into_iter().map(image_id).collect::<Result<_, _>>()?,
            kind: self.kind.map(item).transpose()?,
            about: self.about.about(),
            tags: self.tags.into_iter().map(item).collect::<Result<_, _>>()?,
            required_step: self.required_step,
            locked: self.locked,
            invalid: self.invalid,
            deleted: self.deleted,
            trail: self.trail.trail(),
        })
    }
}

impl<'a> OfferRecord<'a> {
    /// The record of a standing offer.
    pub(in crate::store) fn of(offer: &'a Offer) -> Self {
        OfferRecord {
            image: offer.image.get(),
            rules: RulesRecord::of(&offer.rules),
            allow_downgrade: offer.allow_downgrade,
            created: offer.created.0,
        }
    }

    /// The standing offer under that key.
    pub(in crate::store) fn offer(
        self,
        tenant: TenantId,
        product: ProductId,
        kind: FirmwareType,
    ) -> Result<Offer, Bad> {
        Ok(Offer {
            tenant,
            product,
            kind,
            image: image_id(self.image)?,
            rules: self.rules.rules()?,
            allow_downgrade: self.allow_downgrade,
            created: Time(self.created),
        })
    }
}

impl<'a> ArtifactRecord<'a> {
    fn of(artifact: &'a Artifact) -> Self {
        ArtifactRecord {
            id: artifact.id.get(),
            name: Cow::Borrowed(&artifact.name),
            size: artifact.size,
            sha256: Sum(artifact.sha256.0),
            sha1: Sum(artifact.sha1),
            md5: Sum(artifact.md5),
        }
    }

    fn artifact(self) -> Result<Artifact, Bad> {
        Ok(Artifact {
            id: some(ArtifactId::new(u64::from(self.id)), "an artifact's id is out of range")?,
            name: text(self.name),
            size: self.size,
            sha256: Sha256(self.sha256.0),
            sha1: self.sha1.0,
            md5: self.md5.0,
        })
    }
}

impl<'a> RulesRecord<'a> {
    fn of(rules: &'a Rules) -> Self {
        let hardware = |h: &'a HardwareMatch| HardwareRecord::of(&h.model, h.revision.as_deref());
        RulesRecord {
            compatible: rules.compatible.iter().map(|pattern| Cow::Owned(pattern.to_string())).collect(),
            through: rules.through.iter().map(|version| version.as_str().into()).collect(),
            not_before: rules.not_before.map(|t| t.0),
            not_after: rules.not_after.map(|t| t.0),
            hardware: rules.hardware.iter().map(hardware).collect(),
        }
    }

    fn rules(self) -> Result<Rules, Bad> {
        let pattern = |text: Cow<'_, str>| some(VersionPattern::parse(&text), "a version pattern is unknown");
        let hardware = |record: HardwareRecord<'_>| {
            let (model, revision) = record.parts();
            HardwareMatch { model, revision }
        };
        Ok(Rules {
            compatible: self.compatible.into_iter().map(pattern).collect::<Result<_, _>>()?,
            through: self.through.iter().map(|text| version(text)).collect::<Result<_, _>>()?,
            not_before: self.not_before.map(Time),
            not_after: self.not_after.map(Time),
            hardware: self.hardware.into_iter().map(hardware).collect(),
        })
    }
}

fn image_id(number: u32) -> Result<ImageId, Bad> {
    some(ImageId::new(u64::from(number)), "an image's id is out of range")
}
