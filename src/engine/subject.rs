//! A device as filters see it: its fields by the names of hawkBit's management API.

mod action;

use std::cell::RefCell;
use std::collections::HashMap;

use crate::domain::catalog::Section;
use crate::domain::deployment::Target;
use crate::domain::device::{Device, Standing};
use crate::domain::filter::{Subject, Value};
use crate::domain::ids::{AttributeId, FirmwareType, ItemId, ProductId, ReleaseId, RolloutId, TenantId};
use crate::store::StoreError;
use crate::store::tables::View;

pub use action::{ActionSubject, action_fields, action_status, has_action_field};

/// Fields that stand alone; the case of their letters does not matter.
const FIELDS: &[&str] = &[
    "id",
    "controllerid",
    "name",
    "description",
    "createdat",
    "lastmodifiedat",
    "updatestatus",
    "ipaddress",
    "address",
    "group",
    "lastcontrollerrequestat",
    "tag",
    "tag.name",
    "targettype.key",
    "targettype.name",
    "product",
    "assignedds.name",
    "assignedds.version",
    "installedds.name",
    "installedds.version",
    "autoconfirm",
    "online",
];
/// Fields that have a name of the operator's or the device's choice behind them.
const MAPS: &[&str] = &["attribute.", "metadata.", "version."];

/// Whether devices have a field of this name.
pub fn has_field(field: &str) -> bool {
    let lower = field.to_ascii_lowercase();
    FIELDS.contains(&lower.as_str())
        || MAPS.iter().any(|map| lower.len() > map.len() && lower.starts_with(map))
}

/// The fields of devices, for people.
pub fn fields() -> String {
    let maps = MAPS.iter().map(|map| format!("{map}KEY"));
    FIELDS.iter().map(|field| (*field).to_owned()).chain(maps).collect::<Vec<_>>().join(", ")
}

/// What people call a release.
#[derive(Clone)]
struct Called {
    name: Box<str>,
    version: Box<str>,
}

/// The names that devices refer to by id, looked up once for many devices.
pub struct Names<'a> {
    view: View<'a>,
    tenant: &'a TenantId,
    tags: RefCell<HashMap<ItemId, Option<Box<str>>>>,
    releases: RefCell<HashMap<ReleaseId, Option<Called>>>,
    products: RefCell<HashMap<ProductId, Box<str>>>,
    rollouts: RefCell<HashMap<RolloutId, Option<Box<str>>>>,
}

impl<'a> Names<'a> {
    /// The names of a tenant, as one snapshot has them.
    pub fn new(view: View<'a>, tenant: &'a TenantId) -> Self {
        let (tags, releases, products, rollouts) = Default::default();
        Names { view, tenant, tags, releases, products, rollouts }
    }

    fn tag(&self, id: ItemId) -> Option<Box<str>> {
        let look = || {
            let item = readable(self.view.item(self.tenant, Section::DeviceTags, id));
            item.filter(|item| !item.deleted).map(|item| item.label.name)
        };
        self.tags.borrow_mut().entry(id).or_insert_with(look).clone()
    }

    fn release(&self, id: ReleaseId) -> Option<Called> {
        let look = || {
            let release = readable(self.view.release(self.tenant, id));
            release.map(|release| Called { name: release.name, version: release.version.as_str().into() })
        };
        self.releases.borrow_mut().entry(id).or_insert_with(look).clone()
    }

    fn rollout(&self, id: RolloutId) -> Option<Box<str>> {
        let look = || readable(self.view.rollout(self.tenant, id)).map(|rollout| rollout.name);
        self.rollouts.borrow_mut().entry(id).or_insert_with(look).clone()
    }

    fn product(&self, id: &ProductId) -> Box<str> {
        if let Some(name) = self.products.borrow().get(id) {
            return name.clone();
        }
        let item = readable(self.view.item_keyed(self.tenant, Section::Products, id.as_str()));
        let name = item.map_or_else(|| id.as_str().into(), |item| item.label.name);
        self.products.borrow_mut().insert(id.clone(), Box::clone(&name));
        name
    }
}

/// A name that cannot be read is said and counts as none: it must not stop the filter for all other devices.
fn readable<T>(found: Result<Option<T>, StoreError>) -> Option<T> {
    found.unwrap_or_else(|error| {
        tracing::error!(%error, "a name is passed over");
        None
    })
}

/// A device with the names that it refers to.
pub struct DeviceSubject<'a> {
    /// The device.
    pub device: &'a Device,
    /// The names.
    pub names: &'a Names<'a>,
}

impl DeviceSubject<'_> {
    /// What a map holds under a key, where `field` begins with the map's name.
    fn mapped(&self, field: &str) -> Option<Option<Box<str>>> {
        let (map, key) = field.split_once('.')?;
        match map.to_ascii_lowercase().as_str() {
            "attribute" => Some(self.attribute(key)),
            "metadata" => Some(self.device.profile.metadata.get(key).cloned()),
            "version" => {
                let kind = key.parse().ok().and_then(FirmwareType::new);
                Some(kind.and_then(|kind| self.version(kind)))
            }
            _ => None,
        }
    }

    /// An attribute by name or by number; 2001 to 2200 are the versions.
    fn attribute(&self, key: &str) -> Option<Box<str>> {
        let Some(id) = AttributeId::parse(key) else { return self.device.named.get(key).cloned() };
        match id.firmware_type() {
            Some(kind) => self.version(kind),
            None => self.device.attributes.get(&id).cloned(),
        }
    }

    fn version(&self, kind: FirmwareType) -> Option<Box<str>> {
        let running = &self.device.versions.get(&kind)?.running;
        let number = || running.number.map(|number| number.to_string().into());
        running.version.as_ref().map(|version| version.as_str().into()).or_else(number)
    }

    fn release(&self, target: Option<Target>) -> Option<Called> {
        match target? {
            Target::Release(id) => self.names.release(id),
            Target::Image(_) => None,
        }
    }

    fn single(&self, field: &str) -> Option<Value> {
        let device = self.device;
        let profile = &device.profile;
        let text = |text: &str| Some(Value::Text(text.into()));
        let id = device.key.device.as_str();
        match field {
            "id" | "controllerid" => text(id),
            "name" => text(profile.name.as_deref().unwrap_or(id)),
            "description" => text(profile.description.as_deref()?),
            "createdat" => Some(Value::Time(device.trail.created)),
            "lastmodifiedat" => Some(Value::Time(device.trail.changed)),
            "updatestatus" => text(standing(device.standing())),
            "ipaddress" => text(device.seen_at.as_deref()?),
            "address" => text(profile.address.as_deref().or(device.seen_at.as_deref())?),
            "group" => text(profile.group.as_deref()?),
            "lastcontrollerrequestat" => device.last_seen.map(Value::Time),
            "product" | "targettype.key" => text(device.product.as_str()),
            "targettype.name" => Some(Value::Text(self.names.product(&device.product))),
            "assignedds.name" => self.release(device.assigned).map(|release| Value::Text(release.name)),
            "assignedds.version" => self.release(device.assigned).map(|release| Value::Text(release.version)),
            "installedds.name" => {
                self.release(device.installed.map(|own| own.target)).map(|release| Value::Text(release.name))
            }
            "installedds.version" => self
                .release(device.installed.map(|own| own.target))
                .map(|release| Value::Text(release.version)),
            "autoconfirm" => Some(Value::Flag(profile.auto_confirm.is_some())),
            "online" => Some(Value::Flag(device.online)),
            _ => None,
        }
    }
}

/// hawkBit's word for how a device stands.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unknown => "unknown",
        Standing::Registered => "registered",
        Standing::Pending => "pending",
        Standing::InSync => "in_sync",
        Standing::Error => "error",
    }
}

impl Subject for DeviceSubject<'_> {
    fn values(&self, field: &str) -> Vec<Value> {
        let lower = field.to_ascii_lowercase();
        match lower.as_str() {
            "tag" | "tag.name" => {
                let tags = self.device.profile.tags.iter().filter_map(|tag| self.names.tag(*tag));
                tags.map(Value::Text).collect()
            }
            known if FIELDS.contains(&known) => self.single(known).into_iter().collect(),
            _ => self.mapped(field).flatten().map(Value::Text).into_iter().collect(),
        }
    }

    /// hawkBit's maps: a device without the key matches neither `==` nor `!=`.
    fn absent_differs(&self, field: &str) -> bool {
        absent_differs(field)
    }
}

fn absent_differs(field: &str) -> bool {
    let lower = field.to_ascii_lowercase();
    !MAPS.iter().any(|map| lower.starts_with(map))
}
