//! `/system/configs`: a tenant's settings, each effective at once; and `/userinfo`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;

use super::desk::{At, Desk, nothing};
use super::sent::Sent;
use super::shape::Shape;
use crate::domain::ids::TenantId;
use crate::domain::tenant::{self, Setting, Tenant};
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/system/configs", get(list).put(put_all))
        .route("/system/configs/", get(list).put(put_all))
        .route("/system/configs/{key}", get(show).put(put).delete(remove))
        .route("/userinfo", get(user))
}

#[derive(Debug, Deserialize)]
struct NewValue {
    value: Value,
}

fn setting(key: &str) -> Result<Setting, Fault> {
    let unknown = || Fault::new(Kind::SettingKey, format!("there is no configuration key {key}"));
    Setting::by_key(key).ok_or_else(unknown)
}

/// The value as settings keep it. Clients write flags and numbers as such or as texts.
fn text(setting: Setting, value: &Value) -> Result<Box<str>, Fault> {
    match value {
        Value::String(text) => Ok(text.as_str().into()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(Fault::new(Kind::SettingValue, format!("{} does not take {value}", setting.key())))
        }
    }
}

/// The value as its kind is written in JSON. Whoever knows the gateway's key is any device, so observers do not see it.
fn value(desk: &Desk, tenant: &Tenant, setting: Setting) -> Value {
    let text = tenant.text(setting);
    match setting.kind() {
        _ if is_hidden(desk, setting) => Value::Null,
        tenant::Kind::Flag => Value::Bool(text == "true"),
        tenant::Kind::Number => text.parse::<u32>().map_or(text.into(), Value::from),
        tenant::Kind::Duration if text.is_empty() => clock(desk.default_poll_s()).into(),
        tenant::Kind::Duration | tenant::Kind::Text => text.into(),
    }
}

fn is_hidden(desk: &Desk, setting: Setting) -> bool {
    setting == Setting::GatewayTokenKey && !desk.sees_tokens
}

/// `HH:MM:SS`
fn clock(seconds: u32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn shape(desk: &Desk, tenant: &Tenant, setting: Setting) -> Shape {
    let own = tenant.settings.get(&setting);
    let shape = Shape::new().put("value", value(desk, tenant, setting)).put("global", own.is_none());
    let shape = match own {
        Some(set) => shape.trail(&set.trail),
        None => shape,
    };
    shape.links(desk.links(&format!("system/configs/{}", setting.key())))
}

fn shapes(desk: &Desk, tenant: &Tenant, settings: &[Setting]) -> Shape {
    settings.iter().fold(Shape::new(), |all, own| all.put(own.key(), shape(desk, tenant, *own)))
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    let tenant = desk.settings().await?;
    Ok(desk.ok(&shapes(&desk, &tenant, Setting::ALL)))
}

/// Values by key, as they are or as `{"value": ...}`.
async fn put_all(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let values: BTreeMap<String, Value> = sent.one()?;
    let mut settings = Vec::with_capacity(values.len());
    for (key, value) in &values {
        let (setting, value) = (setting(key)?, value.get("value").unwrap_or(value));
        settings.push((setting, Some(text(setting, value)?)));
    }
    let changed: Vec<Setting> = settings.iter().map(|(setting, _)| *setting).collect();
    let tenant = desk.configure(settings).await?;
    Ok(desk.ok(&shapes(&desk, &tenant, &changed)))
}

async fn show(desk: Desk, At(key): At<String>) -> Result<Response, Fault> {
    let setting = setting(&key)?;
    if is_hidden(&desk, setting) {
        return Err(Fault::new(Kind::Permission, "Insufficient Permission"));
    }
    Ok(desk.ok(&shape(&desk, &desk.settings().await?, setting)))
}

async fn put(desk: Desk, At(key): At<String>, sent: Sent) -> Result<Response, Fault> {
    let setting = setting(&key)?;
    let new: NewValue = sent.one()?;
    let tenant = desk.configure(vec![(setting, Some(text(setting, &new.value)?))]).await?;
    Ok(desk.ok(&shape(&desk, &tenant, setting)))
}

async fn remove(desk: Desk, At(key): At<String>) -> Result<Response, Fault> {
    desk.configure(vec![(setting(&key)?, None)]).await?;
    Ok(nothing())
}

/// hawkBit writes its tenants in upper case, above all the one that every server has.
async fn user(desk: Desk) -> Result<Response, Fault> {
    let tenant = match desk.tenant == TenantId::default() {
        true => desk.tenant.as_str().to_ascii_uppercase(),
        false => desk.tenant.to_string(),
    };
    Ok(desk.ok(&Shape::new().put("tenant", tenant).put("username", &*desk.by)))
}
