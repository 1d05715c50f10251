//! News: what changed, in the words in which everybody who listens is told.
//!
//! A piece of news says that something is so now, and what it was about; it is not a command and decides nothing. Every
//! tenant's news are numbered without gaps, so that whoever has missed some can say how many.

use super::action::{Action, Origin, State};
use super::deployment::{Counters, Deployment};
use super::ids::{
    ActionId, DeploymentId, DeviceId, FirmwareType, ImageId, ProductId, ReleaseId, RolloutId, TenantId, Time,
};
use super::image::{Image, Release};
use super::rollout::{Rollout, Status, WaveStatus};
use super::version::Version;

/// The types of which one listener may ask for some: as many as there are, and none needs more.
pub const TYPES_MAX: usize = 64;

/// One change, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Its number among the tenant's, from 1 and without gaps.
    pub id: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// When it was decided.
    pub at: Time,
    /// What changed.
    pub what: Happened,
}

/// Whether something came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is there now.
    Added,
    /// It is not there any more.
    Removed,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// An action was made, or stands elsewhere now.
    Action {
        /// The action.
        action: ActionId,
        /// Its device.
        device: DeviceId,
        /// Where it stands.
        state: State,
        /// Whether it was made just now.
        new: bool,
        /// The deployment that it belongs to, where it does.
        deployment: Option<DeploymentId>,
        /// The rollout and the wave that it belongs to, where it does.
        wave: Option<(RolloutId, u16)>,
    },
    /// A device was registered, or removed.
    Device {
        /// The device.
        device: DeviceId,
        /// Its product.
        product: ProductId,
        /// Which of the two.
        presence: Presence,
    },
    /// An image was added, or removed.
    Image {
        /// The image.
        image: ImageId,
        /// Its firmware type.
        kind: FirmwareType,
        /// Its number.
        number: u64,
        /// Its version.
        version: Version,
        /// Which of the two.
        presence: Presence,
    },
    /// A release was made, or removed.
    Release {
        /// The release.
        release: ReleaseId,
        /// Its name.
        name: Box<str>,
        /// Its version.
        version: Version,
        /// Which of the two.
        presence: Presence,
    },
    /// A standing offer was set, or taken back.
    Offer {
        /// The product.
        product: ProductId,
        /// The firmware type.
        kind: FirmwareType,
        /// The image that is offered now; none when nothing is.
        image: Option<ImageId>,
    },
    /// A deployment was ordered, or every one of its actions has ended.
    Deployment {
        /// The deployment.
        deployment: DeploymentId,
        /// Where its actions stand.
        counters: Counters,
    },
    /// A rollout was made, or stands elsewhere now.
    Rollout {
        /// The rollout.
        rollout: RolloutId,
        /// What people call it.
        name: Box<str>,
        /// Where it stands.
        status: Status,
        /// Why it paused or stopped, as a sentence.
        cause: Option<Box<str>>,
    },
    /// A wave of a rollout stands elsewhere now.
    Wave {
        /// The rollout.
        rollout: RolloutId,
        /// The wave, from 1.
        wave: u16,
        /// Where it stands.
        status: WaveStatus,
    },
}

impl Happened {
    /// That an action stands where it stands.
    pub fn action(action: &Action, new: bool) -> Self {
        let (deployment, wave) = match action.origin {
            Origin::Deployment(deployment) => (Some(deployment), None),
            Origin::Rollout(rollout, wave) => (None, Some((rollout, wave))),
            Origin::Offer | Origin::Filter(_) | Origin::Device => (None, None),
        };
        Happened::Action {
            action: action.id,
            device: action.device.device.clone(),
            state: action.state,
            new,
            deployment,
            wave,
        }
    }

    /// That an image came or went.
    pub fn image(image: &Image, presence: Presence) -> Self {
        let (kind, number, version) = (image.kind, image.number, image.version.clone());
        Happened::Image { image: image.id, kind, number, version, presence }
    }

    /// That a release came or went.
    pub fn release(release: &Release, presence: Presence) -> Self {
        let (name, version) = (release.name.clone(), release.version.clone());
        Happened::Release { release: release.id, name, version, presence }
    }

    /// That a deployment was ordered or has ended, as its counters say.
    pub fn deployment(deployment: &Deployment) -> Self {
        Happened::Deployment { deployment: deployment.id, counters: deployment.counters }
    }

    /// That a rollout stands where it stands, and why.
    pub fn rollout(rollout: &Rollout) -> Self {
        Happened::Rollout {
            rollout: rollout.id,
            name: rollout.name.clone(),
            status: rollout.status,
            cause: rollout.cause.as_ref().map(|cause| cause.to_string().into()),
        }
    }

    /// What it is about: the first half of its type.
    pub fn subject(&self) -> &'static str {
        match self {
            Happened::Action { .. } => "action",
            Happened::Device { .. } => "device",
            Happened::Image { .. } => "image",
            Happened::Release { .. } => "release",
            Happened::Offer { .. } => "offer",
            Happened::Deployment { .. } => "deployment",
            Happened::Rollout { .. } => "rollout",
            Happened::Wave { .. } => "wave",
        }
    }

    /// What became of it: the second half of its type.
    pub fn change(&self) -> &'static str {
        match self {
            Happened::Action { state, .. } => state.name(),
            Happened::Device { presence, .. }
            | Happened::Image { presence, .. }
            | Happened::Release { presence, .. } => match presence {
                Presence::Added => "added",
                Presence::Removed => "removed",
            },
            Happened::Offer { image: Some(_), .. } => "set",
            Happened::Offer { image: None, .. } => "removed",
            Happened::Deployment { counters, .. } if counters.is_done() => "finished",
            Happened::Deployment { .. } => "created",
            Happened::Rollout { status, .. } => status.name(),
            Happened::Wave { status, .. } => status.name(),
        }
    }
}

/// What there can be news about.
const SUBJECTS: [&str; 8] =
    ["action", "device", "image", "release", "offer", "deployment", "rollout", "wave"];

/// The type of news: what they are about, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    subject: &'static str,
    change: Box<str>,
}

impl Kind {
    /// Reads both halves.
    ///
    /// # Errors
    /// [`WantedError`] says which of them is wrong.
    pub fn parse(subject: &str, change: &str) -> Result<Self, WantedError> {
        let subject = SUBJECTS.into_iter().find(|own| *own == subject).ok_or(WantedError::Subject)?;
        // The longest change has twenty letters.
        let is_word = (1..=32).contains(&change.len())
            && change.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if is_word { Ok(Kind { subject, change: change.into() }) } else { Err(WantedError::Change) }
    }

    /// What the news are about.
    pub fn subject(&self) -> &'static str {
        self.subject
    }

    /// What became of it.
    pub fn change(&self) -> &str {
        &self.change
    }
}

/// Which news somebody wants: all, or those of some types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(Box<[Box<str>]>);

/// Why a text does not name news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// It is not about anything that there can be news about.
    #[error(
        "an event type begins with action, device, image, release, offer, deployment, rollout or wave, such as \
         `action` or `action.failed`"
    )]
    Subject,
    /// What follows the dot is not a word.
    #[error("after the dot of an event type comes one word in lower case, such as `failed`")]
    Change,
    /// There are more than [`TYPES_MAX`].
    #[error("at most {TYPES_MAX} event types can be asked for")]
    TooMany,
}

impl Wanted {
    /// Reads types: `action` is all that happens to actions, `action.failed` one thing. None at all is everything.
    ///
    /// # Errors
    /// [`WantedError`] says what is wrong with one of them.
    pub fn parse<'t>(types: impl IntoIterator<Item = &'t str>) -> Result<Self, WantedError> {
        let mut wanted: Vec<Box<str>> = Vec::new();
        for text in types {
            match text.split_once('.') {
                Some((subject, change)) => drop(Kind::parse(subject, change)?),
                None if SUBJECTS.contains(&text) => {}
                None => return Err(WantedError::Subject),
            }
            if wanted.len() == TYPES_MAX {
                return Err(WantedError::TooMany);
            }
            if wanted.iter().all(|known| **known != *text) {
                wanted.push(text.into());
            }
        }
        Ok(Wanted(wanted.into()))
    }

    /// The types; none for everything.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|own| &**own)
    }

    /// Whether these news are wanted.
    pub fn takes(&self, what: &Happened) -> bool {
        let (subject, change) = (what.subject(), what.change());
        let fits = |own: &str| match own.split_once('.') {
            None => own == subject,
            Some((head, tail)) => head == subject && tail == change,
        };
        self.0.is_empty() || self.types().any(fits)
    }
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
