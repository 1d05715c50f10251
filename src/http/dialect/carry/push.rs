//! A push: one record for one device. It answers at once; the device hears of it when it is there.

use axum::http::StatusCode;

use crate::domain::action::{Action, State};
use crate::domain::deployment::Target;
use crate::domain::eligibility::{Reason, refusal};
use crate::domain::ids::{ActionId, DeviceId, DeviceKey, ImageId, ProductId};
use crate::domain::terms::Terms;
use crate::engine::call::{Assignment, Call, Reply};
use crate::http::Door;
use crate::http::api::unexpected;
use crate::http::dialect::pool::{Answer, Caller};
use crate::http::error::ApiError;

/// Brings a record to a device. While an action for it is under way, a further push changes nothing.
///
/// # Errors
/// 404 for a device or a record that is not there or not the product's, 409 where the device may not have it.
pub async fn push(
    door: &Door,
    caller: &Caller,
    product: ProductId,
    image: ImageId,
    device: DeviceId,
) -> Result<Answer, ApiError> {
    check_image(door, caller, &product, image).await?;
    let key = DeviceKey { tenant: caller.tenant.clone(), device };
    let asked = key.clone();
    let missing = || ApiError::missing("no-such-device", format!("there is no device {}", key.device));
    let held = door.ask(move |reader| reader.held(&asked, image)).await?.ok_or_else(missing)?;
    if held.device.product != product {
        let message = format!("device {} is not of device type {product}", key.device);
        return Err(conflict("other-device-type", message));
    }
    if held.active.is_some() {
        return Ok(Answer::Accepted);
    }
    if let Some(reason) = refusal(&held.findings) {
        return Err(refused(reason));
    }
    order(door, caller, &key, image).await
}

/// The record is there, is the product's, and has its file.
async fn check_image(door: &Door, caller: &Caller, product: &ProductId, id: ImageId) -> Result<(), ApiError> {
    let tenant = caller.tenant.clone();
    let image = door.ask(move |reader| reader.image(&tenant, id)).await?;
    let image = image.filter(|image| !image.deleted && image.products.contains(product));
    let message = || format!("device type {product} has no firmware image {id}");
    let image = image.ok_or_else(|| ApiError::missing("no-such-image", message()))?;
    if image.artifacts.is_empty() {
        let message = "the record has no url yet; upload its binary first";
        return Err(conflict("no-binary", message));
    }
    Ok(())
}

async fn order(door: &Door, caller: &Caller, key: &DeviceKey, image: ImageId) -> Result<Answer, ApiError> {
    let (tenant, by) = (caller.tenant.clone(), caller.operator.clone());
    let (target, terms) = (Target::Image(image), Terms::default());
    let orders = vec![Assignment { device: key.device.clone(), target, terms: terms.clone() }];
    let call = Call::Assign {
        tenant: tenant.clone(),
        orders,
        offline: false,
        allow_downgrade: false,
        by: by.clone(),
    };
    match door.call(call).await? {
        Reply::Assigned { actions, .. } if !actions.is_empty() => judge(door, caller, actions).await,
        // It was assigned before and is not on the device any more: then this is a new order.
        Reply::Assigned { .. } => {
            let devices = vec![key.device.clone()];
            let call = Call::Deploy { tenant, target, devices, allow_downgrade: false, terms, by };
            door.call(call).await.map(|_| Answer::Accepted)
        }
        other => Err(unexpected(&other)),
    }
}

/// What the device said in between may have made the order one that it cannot take.
async fn judge(door: &Door, caller: &Caller, actions: Vec<ActionId>) -> Result<Answer, ApiError> {
    let tenant = caller.tenant.clone();
    let found = door.ask(move |reader| match actions.first() {
        Some(id) => reader.action(&tenant, *id),
        None => Ok(None),
    });
    let is_refused = |action: &Action| action.state == State::NotCompatible;
    match found.await?.is_some_and(|action| is_refused(&action)) {
        true => Err(conflict("not-compatible", "the device cannot take this firmware image")),
        false => Ok(Answer::Accepted),
    }
}

fn refused(reason: &Reason) -> ApiError {
    match reason {
        Reason::Downgrade => conflict("downgrade", "downgrade"),
        _ => conflict(reason.code(), reason.to_string()),
    }
}

fn conflict(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, code, message)
}
