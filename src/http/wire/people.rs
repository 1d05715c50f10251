//! The JSON of tenants, their settings, and passwords.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::timestamp;
use crate::domain::ids::Time;
use crate::domain::tenant::{Setting, Tenant};
use crate::engine::access::Role;

/// `PUT /api/v1/operators/{name}/password`. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password, 8 to 256 bytes.
    pub password: String,
}

/// `POST /api/v1/tenants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// The id.
    pub id: String,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantBody {
    /// The id.
    pub id: String,
    /// Who made it.
    pub by: String,
    /// When it was made; absent for the one that is there from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

/// `GET /api/v1/tenants/{id}/settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsBody {
    /// Every setting, by hawkBit's key.
    pub settings: BTreeMap<String, SettingBody>,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingBody {
    /// The value; absent where it is a secret and only administrators may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether nobody has set it.
    pub default: bool,
    /// Who set it last; absent for a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was set last; absent for a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
}

/// `PATCH /api/v1/tenants/{id}/settings`: settings by key; with `null` a setting has its default again.
pub type SettingsPatch = BTreeMap<String, Option<String>>;

impl From<&Tenant> for TenantBody {
    fn from(tenant: &Tenant) -> Self {
        let created = Some(tenant.trail.created).filter(|created| *created > Time(0));
        TenantBody {
            id: tenant.id.to_string(),
            by: tenant.trail.by.to_string(),
            created: created.map(timestamp),
        }
    }
}

impl SettingsBody {
    /// What somebody in this role may see of a tenant's settings.
    pub fn of(tenant: &Tenant, role: Role) -> Self {
        let settings = Setting::ALL.iter().map(|setting| {
            let set = tenant.settings.get(setting);
            let hidden = *setting == Setting::GatewayTokenKey && role == Role::Observer;
            let body = SettingBody {
                value: (!hidden).then(|| tenant.text(*setting).to_owned()),
                default: set.is_none(),
                by: set.map(|set| set.trail.changed_by.to_string()),
                changed: set.map(|set| timestamp(set.trail.changed)),
            };
            (setting.key().to_owned(), body)
        });
        SettingsBody { settings: settings.collect() }
    }
}
