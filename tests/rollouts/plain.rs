//! A rollout to begin with: one wave after another, no bounds.

use updraft::domain::deployment::Target;
use updraft::domain::ids::{ImageId, ProductId, RolloutId, TenantId, Time};
use updraft::domain::rollout::{
    NewRollout, NewWave, Pace, Retries, Rollout, Selection, Share, Size, Status, Wave, Who,
};
use updraft::domain::terms::Terms;

/// A draft without waves.
pub fn draft() -> NewRollout {
    NewRollout {
        name: "spring".into(),
        description: None,
        target: Target::Image(ImageId::new(1).unwrap()),
        selection: Selection {
            who: Who::Product(ProductId::parse("lamp").unwrap()),
            share: Share::ALL,
            seed: 0,
            continuous: false,
        },
        waves: Vec::new(),
        may_overlap: false,
        terms: Terms::default(),
        allow_downgrade: false,
        pace: Pace::Unbounded,
        in_flight: None,
        retries: Retries::default(),
        start_at: None,
        end: None,
        stops: Vec::new(),
        canary: None,
    }
}

/// A wave of so many devices.
pub fn wave(devices: u64) -> NewWave {
    NewWave::new(Size::Count(devices))
}

/// The rollout of a draft, when all of its members are written down.
pub fn ready(draft: NewRollout, sizes: &[u64]) -> (Rollout, Vec<Wave>) {
    let id = RolloutId::new(1).unwrap();
    let (mut rollout, waves) = draft.rollout(id, TenantId::default(), sizes, "admin", Time(0));
    rollout.status = Status::Ready;
    (rollout, waves)
}

/// A share as people write it: `12.5%`.
pub fn share(text: &str) -> Share {
    let number: f64 = text.trim_end_matches('%').parse().unwrap();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Rounded, and refused where it is too much.
    Share::new((number * 100.0).round() as u64).unwrap()
}
