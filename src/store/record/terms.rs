//! Records of the terms of an action and of who made something, which other records hold.

use std::borrow::Cow;

use crate::domain::catalog::Trail;
use crate::domain::ids::Time;
use crate::domain::terms::{Force, Terms, Timeouts, Weight};
use crate::domain::window::Window;

use super::{Bad, record, some, text};

record! {
    /// The terms of an action; a moment goes with the force that waits for it, and with no other.
    TermsRecord<'a> {
        force: u8,
        from: Option<u64>,
        weight: u16,
        window: Option<WindowRecord<'a>>,
        consent: bool,
        reference: Option<Cow<'a, str>>,
        prefetch: bool,
        timeouts: (Option<u64>, Option<u64>, Option<u64>),
    }
}

record! {
    /// A maintenance window.
    WindowRecord<'a> {
        schedule: Cow<'a, str>,
        duration_ms: u64,
        offset_min: i16,
        of_device: bool,
    }
}

record! {
    /// Who made something and who changed it last.
    TrailRecord<'a> {
        created: u64,
        by: Cow<'a, str>,
        changed: u64,
        changed_by: Cow<'a, str>,
    }
}

impl<'a> TermsRecord<'a> {
    /// The record of terms.
    pub(super) fn of(terms: &'a Terms) -> Self {
        let (force, from) = force_code(terms.force);
        TermsRecord {
            force,
            from,
            weight: terms.weight.get(),
            window: terms.window.as_ref().map(WindowRecord::of),
            consent: terms.consent,
            reference: terms.reference.as_deref().map(Cow::Borrowed),
            prefetch: terms.prefetch,
            timeouts: (terms.timeouts.first_ms, terms.timeouts.step_ms, terms.timeouts.total_ms),
        }
    }

    /// The terms.
    pub(super) fn terms(self) -> Result<Terms, Bad> {
        let (first_ms, step_ms, total_ms) = self.timeouts;
        Ok(Terms {
            force: some(force_of(self.force, self.from), "a force is unknown")?,
            weight: some(Weight::new(u64::from(self.weight)), "a weight is not in 0..=1000")?,
            window: self.window.map(WindowRecord::window),
            consent: self.consent,
            reference: self.reference.map(text),
            prefetch: self.prefetch,
            timeouts: Timeouts { first_ms, step_ms, total_ms },
        })
    }
}

fn force_code(force: Force) -> (u8, Option<u64>) {
    match force {
        Force::Forced => (0, None),
        Force::Soft => (1, None),
        Force::From(moment) => (2, Some(moment.0)),
        Force::DownloadOnly => (3, None),
    }
}

fn force_of(force: u8, from: Option<u64>) -> Option<Force> {
    match (force, from) {
        (0, None) => Some(Force::Forced),
        (1, None) => Some(Force::Soft),
        (2, Some(moment)) => Some(Force::From(Time(moment))),
        (3, None) => Some(Force::DownloadOnly),
        _ => None,
    }
}

impl<'a> WindowRecord<'a> {
    fn of(window: &'a Window) -> Self {
        WindowRecord {
            schedule: Cow::Borrowed(&window.schedule),
            duration_ms: window.duration_ms,
            offset_min: window.offset_min,
            of_device: window.of_device,
        }
    }

    fn window(self) -> Window {
        let WindowRecord { schedule, duration_ms, offset_min, of_device } = self;
        Window { schedule: text(schedule), duration_ms, offset_min, of_device }
    }
}

impl<'a> TrailRecord<'a> {
    /// The record of a trail.
    pub(super) fn of(trail: &'a Trail) -> Self {
        TrailRecord {
            created: trail.created.0,
            by: Cow::Borrowed(&trail.by),
            changed: trail.changed.0,
            changed_by: Cow::Borrowed(&trail.changed_by),
        }
    }

    /// The trail.
    pub(super) fn trail(self) -> Trail {
        Trail {
            created: Time(self.created),
            by: text(self.by),
            changed: Time(self.changed),
            changed_by: text(self.changed_by),
        }
    }
}
