//! `updraft rollout create`: the request from a file and from flags.

use std::path::Path;

use super::super::{Session, deploy};
use crate::cli::args::NewRollout;
use crate::cli::client::ClientError;
use crate::cli::output;
use crate::http::wire::{InFlightBody, NewRolloutBody, PaceBody, RetriesBody, RolloutBody, WindowBody};

pub(super) fn run(session: &Session, new: NewRollout) -> Result<(), ClientError> {
    let body = request(new)?;
    let made: RolloutBody = session.client.post("rollouts", &body)?;
    session.show(&made, |made| {
        let RolloutBody { id, name, .. } = made;
        let next = if body.start || body.start_at.is_some() {
            format!("Follow it with `updraft rollout show {id} --watch`")
        } else {
            format!("Start it with `updraft rollout start {id} --watch`")
        };
        format!(
            "rollout {id}, {}: {} to {} device{} in {} wave{}. {next}\n",
            output::printable(name),
            deploy::target_text(made.target),
            made.devices.total,
            if made.devices.total == 1 { "" } else { "s" },
            made.wave_count,
            if made.wave_count == 1 { "" } else { "s" },
        )
    })
}

/// The request that a file and flags make together.
pub(super) fn request(mut new: NewRollout) -> Result<NewRolloutBody, ClientError> {
    let mut body = match &new.file {
        Some(path) => from_file(path)?,
        None => NewRolloutBody::default(),
    };
    if let Some(path) = &new.devices_from {
        new.devices.extend(deploy::ids(&deploy::read(path)?));
    }
    apply(&mut body, new);
    Ok(body)
}

fn from_file(path: &Path) -> Result<NewRolloutBody, ClientError> {
    let text = deploy::read(path)?;
    let wrong = |error| ClientError::Usage(format!("{} is no rollout: {error}", path.display()));
    serde_json::from_str(&text).map_err(wrong)
}

/// Says in the request what the flags say.
fn apply(body: &mut NewRolloutBody, new: NewRollout) {
    fn set<T>(place: &mut Option<T>, value: Option<T>) {
        if value.is_some() {
            *place = value;
        }
    }
    if let Some(name) = new.name {
        body.name = name;
    }
    set(&mut body.description, new.description);
    set(&mut body.image, new.image);
    set(&mut body.release, new.release);
    set(&mut body.filter, new.filter);
    set(&mut body.product, new.product);
    set(&mut body.devices, Some(new.devices).filter(|devices| !devices.is_empty()));
    set(&mut body.percent, new.percent);
    set(&mut body.seed, new.seed);
    body.continuous |= new.continuous;
    set(&mut body.waves, Some(new.waves).filter(|waves| !waves.is_empty()));
    set(&mut body.wave_count, new.wave_count);
    set(&mut body.success_percent, new.success);
    set(&mut body.failure_percent, new.failure);
    let constant = |per_minute| PaceBody { per_minute: Some(per_minute), ..PaceBody::default() };
    set(&mut body.pace, new.pace.or(new.per_minute.map(constant)));
    set(&mut body.in_flight, new.in_flight.map(|limit| InFlightBody { limit, lease_s: new.lease }));
    set(&mut body.retries, new.retries.map(|limit| RetriesBody { limit, backoff_s: new.backoff }));
    set(&mut body.start_at, new.start_at);
    set(&mut body.end_at, new.end_at);
    set(&mut body.at_end, new.at_end.map(Into::into));
    let window = new.window.zip(new.window_for);
    let zone = new.window_zone;
    set(&mut body.window, window.map(|(schedule, duration)| WindowBody { schedule, duration, zone }));
    set(&mut body.weight, new.weight);
    set(&mut body.mode, new.mode.map(Into::into));
    set(&mut body.force_at, new.force_at);
    body.consent |= new.consent;
    body.prefetch |= new.prefetch;
    let timeouts = body.timeouts.get_or_insert_default();
    set(&mut timeouts.first_sign_s, new.first_sign);
    set(&mut timeouts.step_s, new.step);
    set(&mut timeouts.total_s, new.total);
    body.stop_rules.extend(new.stop_on);
    set(&mut body.canary, new.canary);
    body.allow_downgrade |= new.allow_downgrade;
    body.start |= new.start;
}
