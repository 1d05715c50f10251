//! `POST /api/v1/rollouts/plan`: a rollout played through before it is made.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::Number;

use super::draft::{self, duration, share};
use super::{locate, refused};
use crate::domain::rollout::{Fault, Share};
use crate::engine::now;
use crate::engine::rehearsal::{Model, Span};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, DEPLOYMENT_MAX};
use crate::http::wire::{ModelBody, NewPlanBody, PlanBody, SpanBody};

/// The longest that a fleet is watched, in seconds: ten years.
const HORIZON_MAX_S: u64 = 10 * 366 * 86_400;
/// How long it is watched where nothing is said: a month.
const HORIZON_S: u64 = 30 * 86_400;

/// Rehearsals at once: a large fleet takes a core and a gigabyte for as long as it is played.
pub(in crate::http) const STAGES: usize = 1;

pub(in crate::http::api) async fn plan(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PlanBody>, ApiError> {
    caller.params.clone().done()?;
    let body: NewPlanBody = request::json(&headers, body, DEPLOYMENT_MAX).await?;
    let model = model(&body.model).map_err(refused)?;
    let drawn = draft::read(body.rollout, now()).map_err(refused)?;
    let stage = Arc::clone(&door.stage).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let (target, poll_s) = (drawn.target, door.ddi_poll_s);
    let played = door.ask(move |reader| {
        // It is held until the play is over, whether or not the client still waits for it.
        let _stage = stage;
        let at = reader.moment(&caller.tenant, poll_s)?;
        reader.rehearse(&caller.tenant, drawn.new, &drawn.listed, &model, at)
    });
    let plan = played.await?.map_err(|error| locate(error, target))?;
    Ok(Json(PlanBody::of(&plan, body.devices)))
}

fn model(body: &ModelBody) -> Result<Model, Fault> {
    let part = |field: &str, number: &Option<Number>| {
        number.as_ref().map_or(Ok(Share::NONE), |number| share(field, number))
    };
    let fails = part("model.fail_percent", &body.fail_percent)?;
    let silent = part("model.silent_percent", &body.silent_percent)?;
    if fails.hundredths() + silent.hundredths() > Share::ALL.hundredths() {
        return Err(Fault::new("model.silent_percent", "is more than what `fail_percent` leaves"));
    }
    let horizon_s = body.horizon_s.unwrap_or(HORIZON_S);
    if !(1..=HORIZON_MAX_S).contains(&horizon_s) {
        return Err(Fault::new("model.horizon_s", format!("is 1 to {HORIZON_MAX_S}")));
    }
    Ok(Model {
        seed: body.seed.unwrap_or(0),
        fails,
        silent,
        away: part("model.away_percent", &body.away_percent)?,
        sign: span("model.sign", body.sign, (1, 60))?,
        install: span("model.install", body.install, (30, 600))?,
        back: span("model.back", body.back, (60, 86_400))?,
        horizon_ms: horizon_s * 1000,
    })
}

fn span(field: &str, body: Option<SpanBody>, usual: (u64, u64)) -> Result<Span, Fault> {
    let (least, most) = body.map_or(usual, |span| (span.least_s, span.most_s));
    if least > most {
        return Err(Fault::new(format!("{field}.most_s"), "is less than `least_s`"));
    }
    Ok(Span {
        least_ms: duration(&format!("{field}.least_s"), least)?,
        most_ms: duration(&format!("{field}.most_s"), most)?,
    })
}
