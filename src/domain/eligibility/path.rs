//! Versions that a device must pass through, as a path: which image comes first on the way to another.
//!
//! Every step takes the device nearer to the target, so that a path ends: versions that can be compared only grow, and
//! versions that cannot be compared are taken in the order of the list that names them.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{AttemptLimit, Candidate, Reason, check};
use crate::domain::action::Action;
use crate::domain::device::Device;
use crate::domain::ids::Time;
use crate::domain::image::Image;

/// The most updates on the way to one target, the target among them. A device that is further behind has to be looked
/// after by somebody: it would spend a day with its flash.
pub const LEGS_MAX: u8 = 16;

/// A device that looks for its way.
pub(super) struct Walk<'d> {
    pub(super) device: &'d Device,
    pub(super) active: &'d [Action],
    pub(super) limit: AttemptLimit,
    pub(super) now: Time,
}

impl Walk<'_> {
    /// The image to bring first so that the device may have the candidate in the end; none where it needs none, or where
    /// no image of `steps` leads there.
    pub(super) fn first_step<'a>(&self, candidate: Candidate<'a>, depth: u8) -> Option<&'a Arc<Image>> {
        let findings = check(self.device, candidate, self.active, self.limit, self.now);
        let mut wanted = None;
        for reason in findings.into_iter().filter_map(|finding| finding.failed) {
            match reason {
                Reason::PassThrough { version, .. } => wanted = Some(version),
                // What the update may start from is asked of the step that comes before it.
                Reason::NotCompatible => {}
                passing if is_passing(&passing) => {}
                _ => return None,
            }
        }
        let version = wanted.filter(|_| depth < LEGS_MAX)?;
        let named = |image: &&Arc<Image>| image.kind == candidate.image.kind && image.version == version;
        let advances = |image: &&Arc<Image>| self.advances(image, depth);
        let mut steps = candidate.steps.iter().filter(named).filter(advances);
        steps.find_map(|image| self.reach(image, candidate, depth))
    }

    /// The step itself where the device may have it now, or else what comes before it.
    fn reach<'a>(
        &self,
        image: &'a Arc<Image>,
        candidate: Candidate<'a>,
        depth: u8,
    ) -> Option<&'a Arc<Image>> {
        let own = Candidate { image, rules: None, ..candidate };
        let findings = check(self.device, own, self.active, self.limit, self.now);
        let refused = findings.into_iter().filter_map(|f| f.failed).any(|reason| !is_passing(&reason));
        if refused { self.first_step(own, depth + 1) } else { Some(image) }
    }

    /// Whether the device is further with it than it is now. A device that never says what it runs would not be.
    fn advances(&self, image: &Image, depth: u8) -> bool {
        let Some(reported) = self.device.versions.get(&image.kind) else { return false };
        let running = reported.running.version.as_ref();
        match running.and_then(|own| image.version.compare(own)) {
            Some(order) => order == Ordering::Greater,
            None => depth == 0,
        }
    }
}

/// Whether the reason is about the moment and not about the way.
fn is_passing(reason: &Reason) -> bool {
    reason.is_hold() || matches!(reason, Reason::ActionActive(_))
}
