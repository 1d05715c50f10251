//! Answers: what is there is written, what is not is left out, and nothing is `null`. Ids and version numbers are strings,
//! moments are milliseconds.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::page;
use crate::domain::catalog::Item;
use crate::domain::device::Device;
use crate::domain::ids::{ImageId, ProductId, Time};
use crate::domain::image::{Image, Sha256, hex};
use crate::domain::version::Running;
use crate::http::dialect::pool::{Answer, Caller, Paging, Person, Seen, Session};
use crate::http::site::Site;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypeBody<'a> {
    id: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    r#type: u32,
    partner_id: &'a str,
    created_timestamp: u64,
    updated_timestamp: u64,
    version_attribute_id: u32,
}

/// A record. A tool reads `description` without asking whether it is there, so it always is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordBody<'a> {
    created_timestamp: u64,
    description: &'a str,
    id: String,
    name: &'a str,
    partner_id: &'a str,
    tags: Vec<&'a str>,
    r#type: u8,
    updated_timestamp: u64,
    url: String,
    #[serde(rename = "url2", skip_serializing_if = "Option::is_none")]
    url2: Option<&'a str>,
    version: &'a str,
    version_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_attribute_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_type_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_description_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_profile_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageBody<'a> {
    number: usize,
    size: usize,
    total_pages: usize,
    number_of_elements: usize,
    total_elements: usize,
    content: Vec<RecordBody<'a>>,
    sort: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssociationBody<'a> {
    name: &'a str,
    partner_id: &'a str,
    email: &'a str,
    device_type_id: &'a str,
    device_type_name: &'a str,
    firmware_image_id: String,
}

#[derive(Serialize)]
struct ValueBody<T> {
    value: T,
}

#[derive(Serialize)]
struct SessionBody<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u32,
    scope: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MeBody<'a> {
    account_access: Vec<AccountAccess<'a>>,
    credential: Credential<'a>,
    partner_access: Vec<PartnerAccess<'a>>,
    tos: [(); 0],
    user_id: &'a str,
}

#[derive(Serialize)]
struct AccountAccess<'a> {
    account: Account<'a>,
    privileges: AccountPrivileges,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account<'a> {
    account_id: &'a str,
    created_timestamp: u64,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountPrivileges {
    can_write: bool,
    owner: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credential<'a> {
    credential_id: &'a str,
    r#type: &'static str,
    verified: bool,
}

#[derive(Serialize)]
struct PartnerAccess<'a> {
    partner: Partner<'a>,
    privileges: PartnerPrivileges,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Partner<'a> {
    partner_id: &'a str,
    name: &'a str,
    created_timestamp: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartnerPrivileges {
    invite_users: bool,
    manage_device_profiles: bool,
    owner: bool,
    view_device_info: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceBody<'a> {
    device_id: &'a str,
    partner_id: &'a str,
    device_type_id: &'a str,
    friendly_name: &'a str,
    created_timestamp: u64,
    updating: bool,
    r#virtual: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_state: Option<StateBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_tags: Option<Vec<TagBody<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Vec<AttributeBody>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StateBody {
    available: bool,
    visible: bool,
    dirty: bool,
    rebooted: bool,
    connectable: bool,
    connected: bool,
    linked: bool,
    updating: bool,
    rssi: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_timestamp: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TagBody<'a> {
    device_tag_id: String,
    value: &'a str,
    device_tag_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttributeBody {
    id: u16,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_timestamp: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionBody<'a> {
    r#type: &'a str,
    request_id: u64,
    timestamp_ms: u64,
    sender: &'a str,
    source: &'static str,
}

/// What an answer needs to know of its request.
#[derive(Debug)]
pub struct Context<'a> {
    /// How the client reaches this server.
    pub site: &'a Site,
    /// Who asked.
    pub caller: &'a Caller,
    /// What a request for devices wants to see of them: `state`, `tags`, `attributes`.
    pub expansions: &'a str,
    /// The kind of an action on an attribute.
    pub action: &'a str,
    /// Now.
    pub now: Time,
}

/// The answer to a request about a partner or an account.
pub fn write(context: &Context<'_>, answer: &Answer) -> Response {
    let ok = StatusCode::OK;
    match answer {
        Answer::Types(items) => json(ok, &items.iter().map(firmware_type).collect::<Vec<_>>()),
        Answer::TypeAdded(item) => json(StatusCode::CREATED, &firmware_type(item)),
        Answer::RecordAdded(image) => {
            let attribute = Some(image.kind.attribute().get());
            let body = RecordBody { version_attribute_id: attribute, ..record(context.site, image, None) };
            json(StatusCode::CREATED, &body)
        }
        Answer::Associated(image, product) => {
            json(StatusCode::CREATED, &record(context.site, image, Some(product)))
        }
        Answer::RecordOf(image, product) => json(ok, &record(context.site, image, Some(product))),
        Answer::Page { rows, total, paging, product } => {
            json(ok, &page_of(context.site, rows, *total, *paging, product.as_ref()))
        }
        Answer::Is(value) => json(ok, &ValueBody { value }),
        Answer::Associations(image, products) => json(ok, &associations(context.caller, *image, products)),
        Answer::Tags(tags) => json(ok, tags),
        Answer::Kept(sum) => json(ok, &ValueBody { value: sum.to_string() }),
        Answer::Moved(sum) => json(ok, &ValueBody { value: url(context.site, sum) }),
        Answer::Devices(devices) => {
            json(ok, &devices.iter().map(|seen| device(seen, context.expansions)).collect::<Vec<_>>())
        }
        Answer::Device(seen) => json(ok, &device(seen, context.expansions)),
        Answer::Noted => json(
            ok,
            &ActionBody {
                r#type: context.action,
                // Unlike that of any request in the month around it, and small enough for an `int`.
                request_id: context.now.0 & 0x7fff_ffff,
                timestamp_ms: context.now.0,
                sender: &context.caller.operator,
                source: "API",
            },
        ),
        Answer::Done => StatusCode::NO_CONTENT.into_response(),
        Answer::Accepted => StatusCode::ACCEPTED.into_response(),
    }
}

/// The answer to a login (RFC 6749, 5.1).
pub fn session(session: &Session) -> Response {
    let body = SessionBody {
        access_token: session.token.reveal(),
        token_type: "bearer",
        expires_in: session.seconds,
        scope: "partner account",
    };
    json(StatusCode::OK, &body)
}

/// Who the caller is. Every tenant is a partner, and the account in which its devices are.
pub fn person(person: &Person) -> Response {
    let writes = person.writes;
    let account = |(tenant, created): &'_ (crate::domain::ids::TenantId, Time)| (tenant.clone(), created.0);
    let tenants: Vec<_> = person.tenants.iter().map(account).collect();
    let body = MeBody {
        account_access: tenants
            .iter()
            .map(|(tenant, created)| AccountAccess {
                account: Account {
                    account_id: tenant.as_str(),
                    created_timestamp: *created,
                    r#type: "CUSTOMER",
                },
                privileges: AccountPrivileges { can_write: writes, owner: writes },
            })
            .collect(),
        credential: Credential { credential_id: &person.operator, r#type: "EMAIL", verified: true },
        partner_access: tenants
            .iter()
            .map(|(tenant, created)| PartnerAccess {
                partner: Partner {
                    partner_id: tenant.as_str(),
                    name: tenant.as_str(),
                    created_timestamp: *created,
                },
                privileges: PartnerPrivileges {
                    invite_users: false,
                    manage_device_profiles: writes,
                    owner: writes,
                    view_device_info: true,
                },
            })
            .collect(),
        tos: [],
        user_id: &person.operator,
    };
    json(StatusCode::OK, &body)
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    (status, Json(body)).into_response()
}

fn firmware_type(item: &Item) -> TypeBody<'_> {
    let number = item.id.get();
    TypeBody {
        id: number.to_string(),
        name: &item.label.name,
        description: item.label.description.as_deref(),
        r#type: number,
        partner_id: item.tenant.as_str(),
        created_timestamp: item.trail.created.0,
        updated_timestamp: item.trail.changed.0,
        version_attribute_id: 2000 + number,
    }
}

fn record<'a>(site: &Site, image: &'a Image, product: Option<&'a ProductId>) -> RecordBody<'a> {
    let kept = |name: &str| image.about.metadata.get(name).map(|kept| &*kept.value);
    RecordBody {
        created_timestamp: image.trail.created.0,
        description: image.about.description.as_deref().unwrap_or_default(),
        id: image.id.to_string(),
        name: &image.name,
        partner_id: image.tenant.as_str(),
        tags: image.tags.iter().map(|tag| &**tag).collect(),
        r#type: image.kind.get(),
        updated_timestamp: image.trail.changed.0,
        url: image.artifacts.first().map(|artifact| url(site, &artifact.sha256)).unwrap_or_default(),
        url2: kept("url2"),
        version: image.version.as_str(),
        version_number: image.number.to_string(),
        version_attribute_id: None,
        device_type_id: product.map(ProductId::as_str),
        device_description_id: kept("deviceDescriptionId"),
        device_profile_id: kept("deviceProfileId"),
    }
}

fn page_of<'a>(
    site: &Site,
    rows: &'a [Image],
    total: usize,
    paging: Paging,
    product: Option<&'a ProductId>,
) -> PageBody<'a> {
    PageBody {
        number: paging.page,
        size: paging.size,
        total_pages: total.div_ceil(paging.size),
        number_of_elements: rows.len(),
        total_elements: total,
        content: rows.iter().map(|image| record(site, image, product)).collect(),
        sort: page::shown(paging),
    }
}

fn associations<'a>(
    caller: &'a Caller,
    image: ImageId,
    products: &'a [(ProductId, Box<str>)],
) -> Vec<AssociationBody<'a>> {
    let row = |(product, name): &'a (ProductId, Box<str>)| AssociationBody {
        name: caller.tenant.as_str(),
        partner_id: caller.tenant.as_str(),
        email: &caller.operator,
        device_type_id: product.as_str(),
        device_type_name: name,
        firmware_image_id: image.to_string(),
    };
    products.iter().map(row).collect()
}

/// Where devices, and operators, fetch a file.
fn url(site: &Site, sum: &Sha256) -> String {
    format!("{}/artifacts/{sum}", site.base(site.secure))
}

fn device<'a>(seen: &'a Seen, expansions: &str) -> DeviceBody<'a> {
    let wants = |name: &str| expansions.split(',').any(|own| own.trim() == name);
    let own = &seen.device;
    let updating = !own.active.is_empty();
    let tag = |(id, name): &'a (u32, Box<str>)| TagBody {
        device_tag_id: id.to_string(),
        value: name,
        device_tag_type: "ACCOUNT",
    };
    DeviceBody {
        device_id: own.key.device.as_str(),
        partner_id: own.key.tenant.as_str(),
        device_type_id: own.product.as_str(),
        friendly_name: own.profile.name.as_deref().unwrap_or(own.key.device.as_str()),
        created_timestamp: own.trail.created.0,
        updating,
        r#virtual: false,
        device_state: wants("state").then_some(StateBody {
            available: own.online,
            visible: own.online,
            dirty: false,
            rebooted: false,
            connectable: own.online,
            connected: own.online,
            linked: own.online,
            updating,
            rssi: 0,
            updated_timestamp: own.last_seen.map(|at| at.0),
        }),
        device_tags: wants("tags").then(|| seen.tags.iter().map(tag).collect()),
        attributes: wants("attributes").then(|| attributes(own)),
    }
}

/// The versions as the attributes 2000 + type, the others as the bytes of their text.
fn attributes(device: &Device) -> Vec<AttributeBody> {
    let versions = device.versions.iter().map(|(kind, reported)| AttributeBody {
        id: kind.attribute().get(),
        data: version(&reported.running),
        updated_timestamp: Some(reported.at.0),
    });
    let others = device.attributes.iter().map(|(id, value)| AttributeBody {
        id: id.get(),
        data: hex(value.as_bytes()),
        updated_timestamp: None,
    });
    let mut all: Vec<_> = versions.chain(others).collect();
    all.sort_by_key(|attribute| attribute.id);
    all
}

/// A number of 64 bits, the lowest byte first; the bytes of the text where the device has never said a number.
fn version(running: &Running) -> String {
    match (running.number, &running.version) {
        (Some(number), _) => hex(&number.to_le_bytes()),
        (None, Some(version)) => hex(version.as_str().as_bytes()),
        (None, None) => String::new(),
    }
}
