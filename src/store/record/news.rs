//! Records of news: one row for what a commit changed, or for a part of it.

use std::borrow::Cow;

use crate::domain::deployment::Counters;
use crate::domain::ids::{
    ActionId, DeploymentId, FirmwareType, ImageId, ReleaseId, RolloutId, TenantId, Time,
};
use crate::domain::news::{Happened, News, Presence};
use crate::domain::rollout::{Status, WaveStatus};

use super::action::StateRecord;
use super::{Bad, device, product, record, some, text, version};

/// Every status, to find one by its name: rollouts make few news, and names are stable.
const STATUSES: [Status; 9] = [
    Status::Creating,
    Status::WaitingForApproval,
    Status::Denied,
    Status::Ready,
    Status::Running,
    Status::Paused,
    Status::Stopping,
    Status::Stopped,
    Status::Finished,
];

/// Every status of a wave.
const WAVE_STATUSES: [WaveStatus; 4] =
    [WaveStatus::Scheduled, WaveStatus::Running, WaveStatus::Finished, WaveStatus::Failed];

record! {
    /// News of one moment, numbered on from the number in the key.
    NewsRecord<'a> {
        at: u64,
        happened: Vec<HappenedRecord<'a>>,
    }
}

record! {
    /// What changed: exactly one of these.
    HappenedRecord<'a> {
        action: Option<ActionNews<'a>>,
        device: Option<DeviceNews<'a>>,
        image: Option<ImageNews<'a>>,
        release: Option<ReleaseNews<'a>>,
        offer: Option<OfferNews<'a>>,
        deployment: Option<DeploymentNews>,
        rollout: Option<RolloutNews<'a>>,
        wave: Option<WaveNews<'a>>,
    }
}

record! {
    ActionNews<'a> {
        action: u32,
        device: Cow<'a, str>,
        state: StateRecord,
        new: bool,
        deployment: Option<u32>,
        wave: Option<(u32, u16)>,
    }
}

record! {
    DeviceNews<'a> {
        device: Cow<'a, str>,
        product: Cow<'a, str>,
        added: bool,
    }
}

record! {
    ImageNews<'a> {
        image: u32,
        kind: u8,
        number: u64,
        version: Cow<'a, str>,
        added: bool,
    }
}

record! {
    ReleaseNews<'a> {
        release: u32,
        name: Cow<'a, str>,
        version: Cow<'a, str>,
        added: bool,
    }
}

record! {
    OfferNews<'a> {
        product: Cow<'a, str>,
        kind: u8,
        image: Option<u32>,
    }
}

record! {
    DeploymentNews {
        deployment: u32,
        pending: u64,
        active: u64,
        succeeded: u64,
        failed: u64,
        cancelled: u64,
    }
}

record! {
    RolloutNews<'a> {
        rollout: u32,
        name: Cow<'a, str>,
        status: Cow<'a, str>,
        cause: Option<Cow<'a, str>>,
    }
}

record! {
    WaveNews<'a> {
        rollout: u32,
        wave: u16,
        status: Cow<'a, str>,
    }
}

impl<'a> NewsRecord<'a> {
    /// The record of news of one tenant, which all have the moment of the first.
    pub(in crate::store) fn of(news: &'a [News]) -> Self {
        let at = news.first().map_or(0, |first| first.at.0);
        NewsRecord { at, happened: news.iter().map(|news| HappenedRecord::of(&news.what)).collect() }
    }

    /// The news, the first of which has the number `first`.
    pub(in crate::store) fn news(self, tenant: &TenantId, first: u64) -> Result<Vec<News>, Bad> {
        let at = Time(self.at);
        let news = |(id, record): (u64, HappenedRecord<'_>)| {
            Ok(News { id, tenant: tenant.clone(), at, what: record.happened()? })
        };
        (first..).zip(self.happened).map(news).collect()
    }
}

impl<'a> HappenedRecord<'a> {
    const NONE: HappenedRecord<'static> = HappenedRecord {
        action: None,
        device: None,
        image: None,
        release: None,
        offer: None,
        deployment: None,
        rollout: None,
        wave: None,
    };

    fn of(what: &'a Happened) -> Self {
        match what {
            Happened::Action { action, device, state, new, deployment, wave } => HappenedRecord {
                action: Some(ActionNews {
                    action: action.get(),
                    device: device.as_str().into(),
                    state: StateRecord::of(*state),
                    new: *new,
                    deployment: deployment.map(DeploymentId::get),
                    wave: wave.map(|(rollout, wave)| (rollout.get(), wave)),
                }),
                ..HappenedRecord::NONE
            },
            Happened::Device { device, product, presence } => {
                let (device, product) = (device.as_str().into(), product.as_str().into());
                let news = DeviceNews { device, product, added: is_added(*presence) };
                HappenedRecord { device: Some(news), ..HappenedRecord::NONE }
            }
            Happened::Image { image, kind, number, version, presence } => HappenedRecord {
                image: Some(ImageNews {
                    image: image.get(),
                    kind: kind.get(),
                    number: *number,
                    version: version.as_str().into(),
                    added: is_added(*presence),
                }),
                ..HappenedRecord::NONE
            },
            Happened::Release { release, name, version, presence } => HappenedRecord {
                release: Some(ReleaseNews {
                    release: release.get(),
                    name: Cow::Borrowed(name),
                    version: version.as_str().into(),
                    added: is_added(*presence),
                }),
                ..HappenedRecord::NONE
            },
            Happened::Offer { product, kind, image } => {
                let (product, image) = (product.as_str().into(), image.map(ImageId::get));
                HappenedRecord {
                    offer: Some(OfferNews { product, kind: kind.get(), image }),
                    ..HappenedRecord::NONE
                }
            }
            Happened::Deployment { deployment, counters } => {
                let news = DeploymentNews::of(*deployment, *counters);
                HappenedRecord { deployment: Some(news), ..HappenedRecord::NONE }
            }
            Happened::Rollout { rollout, name, status, cause } => HappenedRecord {
                rollout: Some(RolloutNews {
                    rollout: rollout.get(),
                    name: Cow::Borrowed(name),
                    status: status.name().into(),
                    cause: cause.as_deref().map(Cow::Borrowed),
                }),
                ..HappenedRecord::NONE
            },
            Happened::Wave { rollout, wave, status } => HappenedRecord {
                wave: Some(WaveNews { rollout: rollout.get(), wave: *wave, status: status.name().into() }),
                ..HappenedRecord::NONE
            },
        }
    }

    fn happened(self) -> Result<Happened, Bad> {
        let HappenedRecord { action, device, image, release, offer, deployment, rollout, wave } = self;
        let found = [
            action.map(ActionNews::happened),
            device.map(DeviceNews::happened),
            image.map(ImageNews::happened),
            release.map(ReleaseNews::happened),
            offer.map(OfferNews::happened),
            deployment.map(DeploymentNews::happened),
            rollout.map(RolloutNews::happened),
            wave.map(WaveNews::happened),
        ];
        some(found.into_iter().flatten().next(), "news are about nothing")?
    }
}

impl ActionNews<'_> {
    fn happened(self) -> Result<Happened, Bad> {
        Ok(Happened::Action {
            action: some(ActionId::new(u64::from(self.action)), "an action's id is out of range")?,
            device: self::device(&self.device)?,
            state: self.state.state()?,
            new: self.new,
            deployment: self.deployment.map(deployment).transpose()?,
            wave: match self.wave {
                Some((of, wave)) => Some((rollout(of)?, wave)),
                None => None,
            },
        })
    }
}

impl DeviceNews<'_> {
    fn happened(self) -> Result<Happened, Bad> {
        let (device, product) = (self::device(&self.device)?, self::product(&self.product)?);
        Ok(Happened::Device { device, product, presence: presence(self.added) })
    }
}

impl ImageNews<'_> {
    fn happened(self) -> Result<Happened, Bad> {
        Ok(Happened::Image {
            image: image(self.image)?,
            kind: kind(self.kind)?,
            number: self.number,
            version: self::version(&self.version)?,
            presence: presence(self.added),
        })
    }
}

impl ReleaseNews<'_> {
    fn happened(self) -> Result<Happened, Bad> {
        Ok(Happened::Release {
            release: some(ReleaseId::new(u64::from(self.release)), "a release's id is out of range")?,
            name: text(self.name),
            version: self::version(&self.version)?,
            presence: presence(self.added),
        })
    }
}

impl OfferNews<'_> {
    fn happened(self) -> Result<Happened, Bad> {
        let (product, image) = (self::product(&self.product)?, self.image.map(image).transpose()?);
        Ok(Happened::Offer { product, kind: kind(self.kind)?, image })
    }
}

impl DeploymentNews {
    fn of(deployment: DeploymentId, counters: Counters) -> Self {
        let Counters { pending, active, succeeded, failed, cancelled } = counters;
        DeploymentNews { deployment: deployment.get(), pending, active, succeeded, failed, cancelled }
    }

    fn happened(self) -> Result<Happened, Bad> {
        let DeploymentNews { deployment, pending, active, succeeded, failed, cancelled } = self;
        let counters = Counters { pending, active, succeeded, failed, cancelled };
        Ok(Happened::Deployment { deployment: self::deployment(deployment)?, counters })
    }
}

impl RolloutNews<'_> {
    fn happened(self) -> Result<Happened, Bad> {
        let status = STATUSES.into_iter().find(|status| status.name() == self.status);
        Ok(Happened::Rollout {
            rollout: rollout(self.rollout)?,
            name: text(self.name),
            status: some(status, "a rollout's status is unknown")?,
            cause: self.cause.map(text),
        })
    }
}

impl WaveNews<'_> {
    fn happened(self) -> Result<Happened, Bad> {
        let status = WAVE_STATUSES.into_iter().find(|status| status.name() == self.status);
        let status = some(status, "a wave's status is unknown")?;
        Ok(Happened::Wave { rollout: rollout(self.rollout)?, wave: self.wave, status })
    }
}

fn is_added(presence: Presence) -> bool {
    match presence {
        Presence::Added => true,
        Presence::Removed => false,
    }
}

fn presence(added: bool) -> Presence {
    if added { Presence::Added } else { Presence::Removed }
}

fn image(id: u32) -> Result<ImageId, Bad> {
    some(ImageId::new(u64::from(id)), "an image's id is out of range")
}

fn deployment(id: u32) -> Result<DeploymentId, Bad> {
    some(DeploymentId::new(u64::from(id)), "a deployment's id is out of range")
}

fn rollout(id: u32) -> Result<RolloutId, Bad> {
    some(RolloutId::new(u64::from(id)), "a rollout's id is out of range")
}

fn kind(kind: u8) -> Result<FirmwareType, Bad> {
    super::firmware_type(kind)
}
