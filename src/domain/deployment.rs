//! A deployment: the actions that one order created, counted as they end.

use super::action::State;
use super::ids::{DeploymentId, ImageId, ReleaseId, TenantId, Time};
use super::terms::Terms;

/// What a deployment or an action brings to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One image.
    Image(ImageId),
    /// The images of a release.
    Release(ReleaseId),
}

/// Where the actions of a deployment stand. The sum is the number of its devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Devices that have no action yet.
    pub pending: u64,
    /// Actions under way.
    pub active: u64,
    /// Actions that ended well: succeeded, or installed already.
    pub succeeded: u64,
    /// Actions that failed, were rejected or timed out, and devices that cannot take the target.
    pub failed: u64,
    /// Actions that were cancelled or superseded.
    pub cancelled: u64,
}

impl Counters {
    /// The counter that an action in this state belongs to.
    pub fn of(&mut self, state: &State) -> &mut u64 {
        match state {
            State::Queued
            | State::Offered
            | State::Accepted
            | State::Downloading
            | State::Downloaded
            | State::Waiting
            | State::Installing
            | State::Rebooting
            | State::Verifying => &mut self.active,
            State::Succeeded | State::AlreadyInstalled => &mut self.succeeded,
            State::Failed(_) | State::Rejected | State::TimedOut | State::NotCompatible => &mut self.failed,
            State::Cancelled | State::Superseded => &mut self.cancelled,
        }
    }

    /// Moves one action from the counter of `from` to that of `to`; `None` is a device without an action.
    pub fn shift(&mut self, from: Option<&State>, to: &State) {
        let source = match from {
            Some(state) => self.of(state),
            None => &mut self.pending,
        };
        *source = source.saturating_sub(1);
        *self.of(to) += 1;
    }

    /// One action under way was a step and has ended well: its device has none until the next one is created.
    pub fn put_back(&mut self) {
        self.active = self.active.saturating_sub(1);
        self.pending += 1;
    }

    /// All devices of the deployment.
    pub fn total(&self) -> u64 {
        self.pending + self.active + self.succeeded + self.failed + self.cancelled
    }

    /// Whether nothing can move any more.
    pub fn is_done(&self) -> bool {
        self.pending == 0 && self.active == 0
    }
}

/// One order: a target for a list of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The public id.
    pub id: DeploymentId,
    /// The tenant.
    pub tenant: TenantId,
    /// What is brought.
    pub target: Target,
    /// Whether devices may be taken back to an older version.
    pub allow_downgrade: bool,
    /// On which terms.
    pub terms: Terms,
    /// Who ordered it.
    pub by: Box<str>,
    /// Where its actions stand.
    pub counters: Counters,
    /// When it was ordered.
    pub created: Time,
}
