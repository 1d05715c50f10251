//! `/api/v1/offers`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{removed, rules, unexpected};
use crate::domain::ids::ImageId;
use crate::engine::call::{Call, Reply};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX, Places};
use crate::http::wire::{NewOffer, OfferBody, Page};

/// All standing offers, of one product or of all: one for each product and type, so there are few.
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    mut caller: Caller,
) -> Result<Json<Page<OfferBody>>, ApiError> {
    let product = caller.params.take("product")?;
    caller.params.done()?;
    let product = product.map(|text| request::product("product", &text)).transpose()?;
    let found = door.ask(move |reader| reader.offers(&caller.tenant, product.as_ref())).await?;
    Ok(Json(Page { items: found.iter().map(OfferBody::from).collect(), next: None }))
}

pub(super) async fn set(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.params.done()?;
    let new: NewOffer = request::json(&headers, body, JSON_MAX).await?;
    let call = Call::SetOffer {
        tenant: caller.tenant,
        image: ImageId::new(new.image.into()).ok_or_else(|| request::bad_number("image"))?,
        product: None,
        rules: rules::read("rules.", &new.rules)?,
        allow_downgrade: new.allow_downgrade,
    };
    match door.call(call).await.map_err(|error| error.in_body("image"))? {
        Reply::Offer(offer) => Ok((StatusCode::CREATED, Json(OfferBody::from(&offer))).into_response()),
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places((product, kind)): Places<(String, String)>,
) -> Result<Response, ApiError> {
    caller.params.done()?;
    let product = request::product("product", &product)?;
    let kind = request::firmware_type("type", &kind)?;
    door.call(Call::RemoveOffer { tenant: caller.tenant, product, kind }).await?;
    Ok(removed())
}
