//! `/targets`: devices, with what people write about them.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::desk::{At, Desk, nothing};
use super::list::{Fields, Slice, Wanted};
use super::sent::Sent;
use super::shape::{Links, Shape, page};
use super::{fields, items, settags};
use crate::domain::catalog::{Section, What};
use crate::domain::device::{AutoConfirm, Device, Profile};
use crate::domain::ids::{DeviceId, ItemId, ProductId, Time};
use crate::engine::call::{DeviceChange, NewDevice, Secret};
use crate::engine::subject;
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

/// What targets are filtered and sorted by.
pub const FIELDS: Fields = Fields { has: subject::has_field, names: subject::fields };

/// The longest name, in characters (hawkBit's).
const NAME_MAX: usize = 128;
/// The longest security token, in characters (hawkBit's).
const TOKEN_MAX: usize = 128;
/// The longest address, in characters (hawkBit's).
const ADDRESS_MAX: usize = 512;
/// The longest name of a group, in characters (hawkBit's).
pub const GROUP_MAX: usize = 256;
/// The longest initiator of an auto-confirmation, in characters (hawkBit's).
const INITIATOR_MAX: usize = 64;
/// The longest remark of an auto-confirmation, in characters (hawkBit's).
const REMARK_MAX: usize = 512;
/// The version of a firmware type is the attribute with this number and the type's own.
const VERSION_BASE: u16 = 2000;
/// How hawkBit writes that a target is to have no type any more.
const NO_TYPE: i64 = -1;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/targets", get(list).post(add))
        .route("/targets/{id}", get(show).put(change).delete(remove))
        .route("/targets/{id}/attributes", get(attributes))
        .route("/targets/{id}/tags", get(tags))
        .route("/targets/{id}/targettype", post(put_type).delete(remove_type))
        .route("/targets/{id}/autoConfirm", get(show_consent))
        .route("/targets/{id}/autoConfirm/activate", post(activate))
        .route("/targets/{id}/autoConfirm/deactivate", post(deactivate))
}

/// A device with what it refers to.
#[derive(Debug, Clone)]
pub struct Target {
    /// The device.
    pub device: Device,
    /// Its token, where it may be read again.
    pub token: Option<Box<str>>,
    /// Its product, where somebody has named it.
    pub kind: Option<(ItemId, Box<str>)>,
}

/// How often devices poll.
#[derive(Debug, Clone, Copy)]
pub struct Polling {
    /// The time between two polls, in milliseconds.
    pub poll_ms: u64,
    /// How long after a missed poll a device is overdue, in milliseconds.
    pub overdue_ms: u64,
    /// Now.
    pub now: Time,
}

/// What is said of a target, when it is made or later.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    controller_id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    address: Option<String>,
    security_token: Option<String>,
    request_attributes: Option<bool>,
    target_type: Option<i64>,
    group: Option<String>,
}

#[derive(Debug, Deserialize)]
struct TypeRef {
    id: i64,
}

#[derive(Debug, Default, Deserialize)]
struct Consenting {
    initiator: Option<String>,
    remark: Option<String>,
}

impl Said {
    fn profile(&self) -> Result<Profile, Fault> {
        Ok(Profile {
            name: fields::some_text("name", self.name.as_deref(), NAME_MAX)?,
            description: fields::description(self.description.as_deref())?,
            address: self.address.as_deref().map(address).transpose()?,
            group: fields::some_text("group", self.group.as_deref(), GROUP_MAX)?,
            ..Profile::default()
        })
    }

    fn token(&self) -> Result<Option<Secret>, Fault> {
        let token = self.security_token.as_deref().filter(|token| !token.is_empty());
        token.map(|token| fields::text("securityToken", token, TOKEN_MAX).map(Secret::new)).transpose()
    }

    async fn product(&self, desk: &Desk) -> Result<Option<ProductId>, Fault> {
        match self.target_type {
            None => Ok(None),
            Some(NO_TYPE) => Ok(Some(ProductId::default())),
            Some(number) => product(desk, number).await.map(Some),
        }
    }

    async fn changes(&self, desk: &Desk) -> Result<Vec<DeviceChange>, Fault> {
        let Profile { name, description, address, group, .. } = self.profile()?;
        let describe = DeviceChange::Describe { name, description, address, group };
        let token = self.token()?.map(DeviceChange::Token);
        let wanted = self.request_attributes.map(DeviceChange::WantAttributes);
        let product = self.product(desk).await?.map(DeviceChange::Product);
        Ok([describe].into_iter().chain(wanted).chain(product).chain(token).collect())
    }
}

/// An empty text is none.
fn without_empty(profile: Profile) -> Profile {
    let some = |text: Option<Box<str>>| text.filter(|text| !text.is_empty());
    let Profile { name, description, address, group, .. } = profile;
    let [name, description, address, group] = [name, description, address, group].map(some);
    Profile { name, description, address, group, ..Profile::default() }
}

/// hawkBit takes URIs; a bare host is one that its devices use too.
fn address(text: &str) -> Result<Box<str>, Fault> {
    let plain = |c: char| !c.is_whitespace() && !c.is_control();
    match text.chars().all(plain) && text.chars().count() <= ADDRESS_MAX {
        true => Ok(text.into()),
        false => Err(Fault::new(Kind::Address, "the address is not a URI")),
    }
}

/// The product with this number.
async fn product(desk: &Desk, number: i64) -> Result<ProductId, Fault> {
    let id = u64::try_from(number).ok().and_then(ItemId::new);
    let id = id.ok_or_else(|| Fault::missing(items::what(Section::Products), number))?;
    match desk.item(Section::Products, id).await?.what {
        What::Product { product, .. } => Ok(product),
        What::DeviceTag
        | What::ReleaseTag
        | What::Type { .. }
        | What::ReleaseType { .. }
        | What::Filter { .. } => Err(Fault::missing(items::what(Section::Products), number)),
    }
}

/// The device that a path names. What cannot be an id is nobody's.
///
/// # Errors
/// 404.
pub fn device_id(text: &str) -> Result<DeviceId, Fault> {
    DeviceId::parse(text).map_err(|_| Fault::missing("Target", text))
}

impl Target {
    /// Its JSON; in `full` with links to all that belongs to it.
    pub fn shape(&self, desk: &Desk, polling: Polling, full: bool) -> Shape {
        let Device { key, profile, trail, .. } = &self.device;
        let id = key.device.as_str();
        let shape = Shape::new()
            .trail(trail)
            .put("controllerId", id)
            .put("name", profile.name.as_deref().unwrap_or(id))
            .put("description", profile.description.as_deref())
            .put("updateStatus", subject::standing(self.device.standing()))
            .moment("lastControllerRequestAt", self.device.last_seen)
            .moment("installedAt", self.device.installed.map(|own| own.at))
            .put("ipAddress", self.device.seen_at.as_deref())
            .put("address", profile.address.as_deref().or(self.device.seen_at.as_deref()));
        let shape = match self.device.last_seen {
            Some(last) => shape.put("pollStatus", polling.shape(last)),
            None => shape,
        };
        shape
            .put("securityToken", self.token.as_deref().filter(|_| desk.sees_tokens))
            .put("requestAttributes", self.device.attributes_wanted)
            .put("targetType", self.kind.as_ref().map(|(id, _)| id.get()))
            .put("targetTypeName", self.kind.as_ref().map(|(_, name)| &**name))
            .put("autoConfirmActive", profile.auto_confirm.is_some())
            .put("group", profile.group.as_deref())
            .links(self.links(desk, full))
    }

    fn links(&self, desk: &Desk, full: bool) -> Links {
        let links = desk.links(&format!("targets/{}", self.device.key.device));
        if !full {
            return links;
        }
        let links = links
            .below("assignedDS", "assignedDS")
            .below("installedDS", "installedDS")
            .below("attributes", "attributes")
            .below("actions", "actions?offset=0&limit=50&sort=id:DESC")
            .below("metadata", "metadata?offset=0&limit=50")
            .below("autoConfirm", "autoConfirm");
        match &self.kind {
            Some((kind, name)) => links.named("targetType", &format!("targettypes/{kind}"), name),
            None => links,
        }
    }
}

impl Polling {
    fn shape(&self, last: Time) -> Shape {
        let next = last.plus_ms(self.poll_ms);
        Shape::new()
            .moment("lastRequestAt", Some(last))
            .moment("nextExpectedRequestAt", Some(next))
            .put("overdue", self.now > next.plus_ms(self.overdue_ms))
    }
}

/// A page of devices.
///
/// # Errors
/// 404 without the tenant.
pub async fn shown(desk: &Desk, found: Slice<Target>, full: bool) -> Result<Response, Fault> {
    let polling = desk.polling().await?;
    let content = found.rows.iter().map(|target| target.shape(desk, polling, full)).collect();
    Ok(desk.ok(&page(content, found.total)))
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    let wanted = Wanted::by(&desk, &FIELDS)?;
    let full = wanted.full;
    let found = desk.targets(wanted).await?;
    shown(&desk, found, full).await
}

async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let new: Vec<Said> = sent.many()?;
    let mut devices = Vec::with_capacity(new.len());
    for new in &new {
        let id = new.controller_id.as_deref().ok_or_else(|| Fault::constraint("controllerId is missing"))?;
        let id = DeviceId::parse(id).map_err(|error| Fault::constraint(format!("controllerId {error}")))?;
        let (token, profile) = (new.token()?, without_empty(new.profile()?));
        devices.push(NewDevice { id, product: new.product(&desk).await?, token, profile });
    }
    let made = desk.add_devices(devices).await?;
    let polling = desk.polling().await?;
    let mut shapes = Vec::with_capacity(made.len());
    for (device, new) in made.iter().zip(&new) {
        let id = &device.key.device;
        if new.request_attributes == Some(false) {
            desk.change_device(id, DeviceChange::WantAttributes(false)).await?;
        }
        shapes.push(desk.target(id).await?.shape(&desk, polling, true));
    }
    Ok(desk.created(&shapes))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let target = desk.target(&device_id(&text)?).await?;
    Ok(desk.ok(&target.shape(&desk, desk.polling().await?, true)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: Said = sent.one()?;
    let id = device_id(&text)?;
    desk.device(&id).await?;
    desk.change_device(&id, DeviceChange::Several(change.changes(&desk).await?)).await?;
    let target = desk.target(&id).await?;
    Ok(desk.ok(&target.shape(&desk, desk.polling().await?, true)))
}

async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    desk.remove_device(&device_id(&text)?).await?;
    Ok(nothing())
}

/// Those with a name, those with a number, and the versions as the numbers that they have among them.
async fn attributes(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let device = desk.device(&device_id(&text)?).await?;
    let named = device.named.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let numbered = device.attributes.iter().map(|(id, value)| (id.to_string(), value.to_string()));
    let versions = device.versions.iter().filter_map(|(kind, reported)| {
        let id = format!("{}", VERSION_BASE + u16::from(kind.get()));
        let (version, number) = (&reported.running.version, reported.running.number);
        let text = version.as_ref().map(ToString::to_string).or_else(|| number.map(|n| n.to_string()));
        Some((id, text?))
    });
    let all = numbered.chain(versions).chain(named);
    let mut shape = Shape::new();
    let mut is_empty = true;
    for (name, value) in all {
        is_empty = false;
        shape = shape.put(name, value);
    }
    Ok(if is_empty { nothing() } else { desk.ok(&shape) })
}

async fn tags(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let device = desk.device(&device_id(&text)?).await?;
    let all = desk.items(Section::DeviceTags).await?;
    let own = all.iter().filter(|tag| !tag.deleted && device.profile.tags.contains(&tag.id));
    Ok(desk.ok(&own.map(|tag| settags::shape(&desk, tag)).collect::<Vec<_>>()))
}

async fn put_type(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let named: TypeRef = sent.one()?;
    let product = product(&desk, named.id).await?;
    desk.change_device(&device_id(&text)?, DeviceChange::Product(product)).await?;
    Ok(nothing())
}

async fn remove_type(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    desk.change_device(&device_id(&text)?, DeviceChange::Product(ProductId::default())).await?;
    Ok(nothing())
}

async fn show_consent(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let id = device_id(&text)?;
    let own = desk.device(&id).await?.profile.auto_confirm;
    let links = desk.links(&format!("targets/{id}/autoConfirm"));
    let links = match own {
        Some(_) => links.below("deactivate", "deactivate"),
        None => links.below("activate", "activate"),
    };
    let shape = Shape::new()
        .put("active", own.is_some())
        .put("initiator", own.as_ref().and_then(|own| own.initiator.as_deref()))
        .put("remark", own.as_ref().and_then(|own| own.remark.as_deref()))
        .moment("activatedAt", own.as_ref().map(|own| own.since));
    Ok(desk.ok(&shape.links(links)))
}

async fn activate(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let said: Consenting = if sent.is_empty() { Consenting::default() } else { sent.one()? };
    let initiator = fields::some_text("initiator", said.initiator.as_deref(), INITIATOR_MAX)?;
    let remark = fields::some_text("remark", said.remark.as_deref(), REMARK_MAX)?;
    // hawkBit names whoever sends the request where nobody is named.
    let initiator = initiator.or_else(|| Some(desk.by.clone()));
    let consent = AutoConfirm { initiator, remark, since: desk.now() };
    desk.change_device(&device_id(&text)?, DeviceChange::AutoConfirm(Some(consent))).await?;
    Ok(nothing())
}

async fn deactivate(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    desk.change_device(&device_id(&text)?, DeviceChange::AutoConfirm(None)).await?;
    Ok(nothing())
}
