//! News as everybody reads them: on the bus, in the stream of events and in webhooks. JSON only, because people and
//! their programs listen, not devices.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::deployment::Counters;
use crate::domain::ids::Time;
use crate::domain::news::{Happened, News, Presence};

/// One event. What it is about decides which members it has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewsBody {
    /// Its number, which counts without gaps; none for what is said to one listener only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// When it was decided.
    pub time: Timestamp,
    /// What it is about and what became of it, such as `action.failed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// An action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<u32>,
    /// A device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Where an action stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why, for the states that have a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether an action was made just now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
    /// A deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<u32>,
    /// A rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<u32>,
    /// A wave of a rollout, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<u16>,
    /// A product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// A release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
    /// An image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<u32>,
    /// A firmware type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware_type: Option<u8>,
    /// An image's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The name of a release or a rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version of an image or a release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where a rollout or a wave stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Why a rollout paused or stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Where the actions of a deployment stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters: Option<NewsCounters>,
    /// Of a gap: the number behind which the listener wanted to read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Of a gap: the number with which it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Where the actions of a deployment stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewsCounters {
    /// Devices that have no action yet.
    pub pending: u64,
    /// Actions under way.
    pub active: u64,
    /// Actions that ended well.
    pub succeeded: u64,
    /// Actions that did not work, and devices that cannot take the target.
    pub failed: u64,
    /// Actions that were called off or replaced.
    pub cancelled: u64,
}

/// News as bytes of JSON.
pub fn encode_news(news: &News) -> Vec<u8> {
    serde_json::to_vec(&NewsBody::of(news)).expect("texts and numbers are JSON")
}

impl NewsBody {
    /// What is said of news.
    pub fn of(news: &News) -> Self {
        let kind = format!("{}.{}", news.what.subject(), news.what.change());
        let mut body = NewsBody { id: news.id.to_string(), ..NewsBody::said(news.at, kind) };
        body.describe(&news.what);
        body
    }

    /// Something that is said to one listener only, and is no news of the tenant.
    pub fn said(at: Time, kind: String) -> Self {
        let ms = i64::try_from(at.0).ok();
        let time = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX);
        NewsBody { time, kind, ..NewsBody::default() }
    }

    fn describe(&mut self, what: &Happened) {
        match what {
            Happened::Action { action, device, state, new, deployment, wave } => {
                self.action = Some(action.get());
                self.device = Some(device.to_string());
                self.state = Some(state.name().into());
                self.reason = state.reason();
                self.new = *new;
                self.deployment = deployment.map(|id| id.get());
                self.rollout = wave.map(|(rollout, _)| rollout.get());
                self.wave = wave.map(|(_, wave)| wave);
            }
            Happened::Device { device, product, presence: Presence::Added | Presence::Removed } => {
                self.device = Some(device.to_string());
                self.product = Some(product.to_string());
            }
            Happened::Image { image, kind, number, version, presence: _ } => {
                self.image = Some(image.get());
                self.firmware_type = Some(kind.get());
                self.number = Some(number.to_string());
                self.version = Some(version.to_string());
            }
            Happened::Release { release, name, version, presence: _ } => {
                self.release = Some(release.get());
                self.name = Some(name.to_string());
                self.version = Some(version.to_string());
            }
            Happened::Offer { product, kind, image } => {
                self.product = Some(product.to_string());
                self.firmware_type = Some(kind.get());
                self.image = image.map(|id| id.get());
            }
            Happened::Deployment { deployment, counters } => {
                let Counters { pending, active, succeeded, failed, cancelled } = *counters;
                self.deployment = Some(deployment.get());
                self.counters = Some(NewsCounters { pending, active, succeeded, failed, cancelled });
            }
            Happened::Rollout { rollout, name, status, cause } => {
                self.rollout = Some(rollout.get());
                self.name = Some(name.to_string());
                self.status = Some(status.name().into());
                self.cause = cause.as_deref().map(str::to_owned);
            }
            Happened::Wave { rollout, wave, status } => {
                self.rollout = Some(rollout.get());
                self.wave = Some(*wave);
                self.status = Some(status.name().into());
            }
        }
    }
}
