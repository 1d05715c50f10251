//! `/api/v1/operators`. Operators that are confined to a tenant have no say here.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{removed, unexpected};
use crate::domain::ids::ProductId;
use crate::engine::call::{Call, Reply, Secret};
use crate::http::Door;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX, Params, Places};
use crate::http::wire::{NewOperator, NewPassword, OperatorBody, OperatorWithToken, Page};

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    caller: Caller,
) -> Result<Json<Page<OperatorBody>>, ApiError> {
    check(caller)?;
    let found = door.ask(|reader| reader.operators()).await?;
    Ok(Json(Page { items: found.iter().map(OperatorBody::from).collect(), next: None }))
}

pub(super) async fn add(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    check(caller)?;
    let new: NewOperator = request::json(&headers, body, JSON_MAX).await?;
    let call = Call::AddOperator {
        name: name("name", &new.name)?,
        tenant: new.tenant.as_deref().map(Params::tenant).transpose()?,
        role: new.role.into(),
    };
    match door.call(call).await? {
        Reply::Operator { operator, token } => {
            let body = OperatorWithToken { operator: (&operator).into(), token: token.reveal().to_owned() };
            Ok((StatusCode::CREATED, Json(body)).into_response())
        }
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Response, ApiError> {
    check(caller)?;
    door.call(Call::RemoveOperator { name: name("name", &id)? }).await?;
    Ok(removed())
}

pub(super) async fn set_password(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    check(caller)?;
    let new: NewPassword = request::json(&headers, body, JSON_MAX).await?;
    let hash = door.passwords.hash(Secret::new(new.password)).await?;
    door.call(Call::SetPassword { name: name("name", &id)?, hash: Some(hash) }).await?;
    Ok(removed())
}

pub(super) async fn remove_password(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Places(id): Places<String>,
) -> Result<Response, ApiError> {
    check(caller)?;
    door.call(Call::SetPassword { name: name("name", &id)?, hash: None }).await?;
    Ok(removed())
}

fn check(caller: Caller) -> Result<(), ApiError> {
    caller.params.done()?;
    if caller.confined.is_none() {
        return Ok(());
    }
    let message = "operators of one tenant cannot see or change operators; ask one of the whole server";
    Err(ApiError::forbidden("confined", message))
}

/// An operator's name has the grammar of all names.
fn name(field: &str, text: &str) -> Result<Box<str>, ApiError> {
    request::product(field, text).map(|name: ProductId| name.as_str().into())
}
