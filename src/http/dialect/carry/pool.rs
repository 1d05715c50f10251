//! What the calls about a pool of images do: the one place where such a dialect meets the engine, the reader and the
//! shelf.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::{fleet, push};
use crate::domain::catalog::{Item, Label, Section, What};
use crate::domain::event::{Event, Report};
use crate::domain::ids::{FirmwareType, ItemId, ProductId};
use crate::domain::image::{About, Image, Metadata, Products, Sha256};
use crate::domain::offer::Rules;
use crate::domain::version::Running;
use crate::engine::call::{Call, ImageChange, NewArtifact, NewImage, NewItem, Reply};
use crate::http::Door;
use crate::http::api::unexpected;
use crate::http::dialect::pool::{Answer, Ask, Caller, Field, FilePlace, Paging, Record, Select, Written};
use crate::http::error::ApiError;

/// The name of a record's file: the tools give none.
pub(super) const FILE_NAME: &str = "firmware.bin";
/// The type of records that are made under a device type and never in the pool (Afero OTA API, "Definitions").
const DEVICE_DESCRIPTION: u64 = 4;
/// Where the numbers of types begin that partners may make; those below are the platform's.
const FIRST_OWN_TYPE: u8 = 101;
/// The most items of a section that are looked at: no tenant has more types, products or tags.
pub(super) const ITEMS_MAX: usize = 100_000;

/// Carries out what an operator asks.
///
/// # Errors
/// What the engine refuses, 404 for what is not there, 409 for what is there already.
pub async fn out(door: &Door, caller: &Caller, ask: Ask) -> Result<Answer, ApiError> {
    match ask {
        Ask::Types => types(door, caller).await,
        Ask::Type(kind) => Ok(Answer::Types(vec![firmware_type(door, caller, kind).await?])),
        Ask::AddType { kind, name, description } => add_type(door, caller, kind, name, description).await,
        Ask::PutType { kind, name, description } => put_type(door, caller, kind, name, description).await,
        Ask::AddRecord(record) => add_record(door, caller, record).await,
        Ask::Records(select, paging) => records(door, caller, select, paging).await,
        Ask::Exists { kind, name, version, except } => {
            let same = move |image: &Image| {
                image.kind == kind
                    && image.name == name
                    && Some(&image.version) == version.as_ref()
                    && Some(image.id) != except
            };
            Ok(Answer::Is(!images(door, caller, same).await?.is_empty()))
        }
        Ask::Associations(kind, number) => associations(door, caller, kind, number).await,
        Ask::PutRecord(kind, number, record) => put_record(door, caller, kind, number, record).await,
        Ask::Tags => {
            let tagged = images(door, caller, |image| !image.tags.is_empty()).await?;
            Ok(Answer::Tags(tagged.into_iter().flat_map(|image| image.tags).collect()))
        }
        Ask::Move(sum) => {
            match door.call(Call::MoveUpload { tenant: caller.tenant.clone(), sha256: sum }).await {
                Ok(_) => Ok(Answer::Moved(sum)),
                // What an image has is in the repository already.
                Err(error) => match repository_file(door, caller, sum).await? {
                    Some(_) => Ok(Answer::Moved(sum)),
                    None => Err(error),
                },
            }
        }
        Ask::Associate(product, record) => associate(door, caller, product, record).await,
        Ask::RecordOf(product, kind, number) => {
            let image = image_of(door, caller, &product, kind, number).await?;
            Ok(Answer::RecordOf(Box::new(image), product))
        }
        Ask::Dissociate(product, kind, number) => {
            let image = image_of(door, caller, &product, kind, number).await?;
            change(door, caller, &image, ImageChange::Product(product, false)).await?;
            Ok(Answer::Done)
        }
        Ask::Push { product, image, device } => push::push(door, caller, product, image, device).await,
        Ask::Devices { skip, size } => fleet::devices(door, caller, skip, size).await,
        Ask::Device(id) => {
            let device = fleet::device(door, caller, id).await?;
            let mut seen = fleet::with_tags(door, caller, vec![device]).await?;
            Ok(Answer::Device(Box::new(seen.remove(0))))
        }
        Ask::WriteAttribute(id, attribute, written) => {
            let event = match (written, attribute.firmware_type()) {
                (Written::Number(number), Some(kind)) => {
                    Event::Report(Report { seq: None, versions: [(kind, Running::numbered(number))].into() })
                }
                (Written::Number(number), None) => {
                    Event::Attribute { id: attribute, value: number.to_string().into() }
                }
                (Written::Text(value), _) => Event::Attribute { id: attribute, value },
            };
            fleet::hear(door, caller, id, event).await
        }
        Ask::ReadAttribute(id) => fleet::device(door, caller, id).await.map(|_| Answer::Noted),
    }
}

// ---- firmware types

async fn types(door: &Door, caller: &Caller) -> Result<Answer, ApiError> {
    let items = items(door, caller, Section::Types).await?;
    Ok(Answer::Types(items.into_iter().filter(|item| !item.deleted).collect()))
}

pub(super) async fn items(door: &Door, caller: &Caller, section: Section) -> Result<Vec<Item>, ApiError> {
    let tenant = caller.tenant.clone();
    door.ask(move |reader| reader.items(&tenant, section, None, ITEMS_MAX)).await
}

async fn firmware_type(door: &Door, caller: &Caller, kind: FirmwareType) -> Result<Item, ApiError> {
    let missing = || ApiError::missing("no-such-type", format!("there is no firmware type {kind}"));
    let id = item_id(kind).ok_or_else(missing)?;
    let tenant = caller.tenant.clone();
    let found = door.ask(move |reader| reader.item(&tenant, Section::Types, id)).await?;
    found.filter(|item| !item.deleted).ok_or_else(missing)
}

fn item_id(kind: FirmwareType) -> Option<ItemId> {
    ItemId::new(u64::from(kind.get()))
}

/// Partners have the upper half of the numbers.
fn check_own(kind: FirmwareType) -> Result<(), ApiError> {
    if kind.get() >= FIRST_OWN_TYPE {
        return Ok(());
    }
    let message = "types 1 to 100 are the platform's; take one from 101 to 200";
    Err(ApiError::forbidden("platform-type", message))
}

async fn add_type(
    door: &Door,
    caller: &Caller,
    kind: FirmwareType,
    name: Box<str>,
    description: Option<Box<str>>,
) -> Result<Answer, ApiError> {
    check_own(kind)?;
    let label = Label { name, description, colour: None };
    let what = What::Type { key: format!("type-{kind}").into(), max: 1 };
    let items = vec![NewItem { id: item_id(kind), label, what }];
    let call = Call::AddItems { tenant: caller.tenant.clone(), items, by: caller.operator.clone() };
    match door.call(call).await? {
        Reply::Items(mut items) if items.len() == 1 => Ok(Answer::TypeAdded(Box::new(items.remove(0)))),
        other => Err(unexpected(&other)),
    }
}

async fn put_type(
    door: &Door,
    caller: &Caller,
    kind: FirmwareType,
    name: Box<str>,
    description: Option<Box<str>>,
) -> Result<Answer, ApiError> {
    let item = firmware_type(door, caller, kind).await?;
    check_own(kind)?;
    let label = Label { name, description, colour: item.label.colour.clone() };
    door.call(Call::PutItem { item: Item { label, ..item }, by: caller.operator.clone() }).await?;
    Ok(Answer::Done)
}

// ---- records

/// Every image of the tenant that `keep` wants, oldest first.
async fn images(
    door: &Door,
    caller: &Caller,
    keep: impl Fn(&Image) -> bool + Send + 'static,
) -> Result<Vec<Image>, ApiError> {
    let tenant = caller.tenant.clone();
    door.ask(move |reader| reader.images_where(&tenant, keep)).await
}

async fn numbered(door: &Door, caller: &Caller, kind: FirmwareType, number: u64) -> Result<Image, ApiError> {
    let tenant = caller.tenant.clone();
    let found = door.ask(move |reader| reader.image_numbered(&tenant, kind, number)).await?;
    let message = || format!("there is no firmware image of type {kind} with version number {number}");
    found.ok_or_else(|| ApiError::missing("no-such-image", message()))
}

/// A record that the devices of the product may have.
async fn image_of(
    door: &Door,
    caller: &Caller,
    product: &ProductId,
    kind: FirmwareType,
    number: u64,
) -> Result<Image, ApiError> {
    let image = numbered(door, caller, kind, number).await?;
    if image.products.contains(product) {
        return Ok(image);
    }
    let message = format!("the firmware image is not associated with device type {product}");
    Err(ApiError::missing("not-associated", message))
}

async fn add_record(door: &Door, caller: &Caller, record: Record) -> Result<Answer, ApiError> {
    let products = own_products(caller, &record)?;
    if record.kind.is_some_and(is_description) {
        let message = "records of type 4 are made under a device type";
        return Err(ApiError::bad("not-in-the-pool", "type", message));
    }
    let image = new_image(door, caller, record, products).await?;
    Ok(Answer::RecordAdded(Box::new(image)))
}

fn is_description(kind: FirmwareType) -> bool {
    u64::from(kind.get()) == DEVICE_DESCRIPTION
}

/// The device types that a new record is for. A partner speaks for nobody else.
fn own_products(caller: &Caller, record: &Record) -> Result<BTreeSet<ProductId>, ApiError> {
    if record.products.keys().any(|partner| **partner != *caller.tenant.as_str()) {
        let message = "a record is associated with device types of its own partner only";
        return Err(ApiError::forbidden("other-partner", message));
    }
    Ok(record.products.values().flatten().cloned().collect())
}

async fn new_image(
    door: &Door,
    caller: &Caller,
    record: Record,
    products: BTreeSet<ProductId>,
) -> Result<Image, ApiError> {
    let missing = |name: &str| ApiError::bad("missing-field", name, format!("add `{name}`"));
    let kind = record.kind.ok_or_else(|| missing("type"))?;
    let name = record.name.clone().ok_or_else(|| missing("name"))?;
    let version = record.version.clone().ok_or_else(|| missing("version"))?;
    firmware_type(door, caller, kind).await?;
    // Nothing is swept while a file is on its way to its record.
    let _held = door.shelf.hold().await;
    let files = match record.place {
        Some(place) => files_at(door, caller, place).await?,
        None => Vec::new(),
    };
    let metadata = record.kept.iter().map(|(name, value)| ((*name).into(), unseen(value))).collect();
    let image = NewImage {
        name: Some(name),
        products: Products::Only(products),
        kind,
        version,
        files,
        rules: Rules::default(),
        about: About { description: record.description, vendor: None, metadata },
        tags: record.tags.unwrap_or_default(),
        encrypted: false,
        offered: false,
    };
    let (tenant, by) = (caller.tenant.clone(), caller.operator.clone());
    match door.call(Call::AddImages { tenant, images: vec![image], by }).await? {
        Reply::Images { mut images, .. } if images.len() == 1 => Ok(images.remove(0)),
        other => Err(unexpected(&other)),
    }
}

/// A value that devices do not see.
fn unseen(value: &str) -> Metadata {
    Metadata { value: value.into(), visible: false }
}

async fn files_at(door: &Door, caller: &Caller, place: FilePlace) -> Result<Vec<NewArtifact>, ApiError> {
    let FilePlace::Here(sum) = place else { return Ok(Vec::new()) };
    let message = "there is no such file in the repository; send it to binaries and moveToRepository";
    let missing = || ApiError::bad("no-such-file", "url", message);
    let file = repository_file(door, caller, sum).await?.ok_or_else(missing)?;
    Ok(vec![NewArtifact { name: FILE_NAME.into(), ..file }])
}

async fn repository_file(door: &Door, caller: &Caller, sum: Sha256) -> Result<Option<NewArtifact>, ApiError> {
    let tenant = caller.tenant.clone();
    door.ask(move |reader| reader.repository_file(&tenant, &sum)).await
}

async fn records(door: &Door, caller: &Caller, select: Select, paging: Paging) -> Result<Answer, ApiError> {
    let product = select.product.clone();
    let wanted = move |image: &Image| {
        select.kind.is_none_or(|kind| image.kind == kind)
            && select.product.as_ref().is_none_or(|product| image.products.contains(product))
            && (select.tags.is_empty() || !select.tags.is_disjoint(&image.tags))
            // What is made under a device type is not in the pool.
            && (select.product.is_some() || !is_description(image.kind))
    };
    let mut rows = images(door, caller, wanted).await?;
    sort(&mut rows, paging);
    let total = rows.len();
    let rows = rows.into_iter().skip(paging.page.saturating_mul(paging.size)).take(paging.size).collect();
    Ok(Answer::Page { rows, total, paging, product })
}

/// Sorts rows that come in the order of their ids, which decide among equals.
fn sort(rows: &mut [Image], paging: Paging) {
    rows.sort_by(|a, b| {
        let order = match paging.by {
            Field::Id => a.id.cmp(&b.id),
            Field::Name => a.name.cmp(&b.name),
            Field::Kind => a.kind.cmp(&b.kind),
            Field::Version => a.version.cmp(&b.version),
            Field::Number => a.number.cmp(&b.number),
            Field::Created => a.trail.created.cmp(&b.trail.created),
            Field::Updated => a.trail.changed.cmp(&b.trail.changed),
        };
        if paging.falling { order.reverse() } else { order }
    });
}

async fn associations(
    door: &Door,
    caller: &Caller,
    kind: FirmwareType,
    number: u64,
) -> Result<Answer, ApiError> {
    let image = numbered(door, caller, kind, number).await?;
    let products = match image.products {
        Products::Any => BTreeSet::new(),
        Products::Only(products) => products,
    };
    let known = items(door, caller, Section::Products).await?;
    let name = |product: &ProductId| {
        let own = known.iter().find(|item| !item.deleted && item.what.key() == Some(product.as_str()));
        own.map_or_else(|| product.as_str().into(), |item| item.label.name.clone())
    };
    let named = products.into_iter().map(|product| {
        let name = name(&product);
        (product, name)
    });
    Ok(Answer::Associations(image.id, named.collect()))
}

/// Changes what is different, all of it in one commit.
async fn put_record(
    door: &Door,
    caller: &Caller,
    kind: FirmwareType,
    number: u64,
    record: Record,
) -> Result<Answer, ApiError> {
    let missing = |name: &str| ApiError::bad("missing-field", name, format!("add `{name}`"));
    let image = numbered(door, caller, kind, number).await?;
    let name = record.name.clone().ok_or_else(|| missing("name"))?;
    let version = record.version.clone().ok_or_else(|| missing("version"))?;
    let mut changes = Vec::new();
    if (&name, &version) != (&image.name, &image.version) {
        changes.push(ImageChange::Rename { name, version });
    }
    changes.extend(described(&image, &record));
    let _held = door.shelf.hold().await;
    if let Some(place) = record.place.filter(|place| *place != place_of(&image)) {
        changes.push(ImageChange::ReplaceFiles(files_at(door, caller, place).await?));
    }
    let files = match changes.is_empty() {
        true => Vec::new(),
        false => change_only(door, caller, &image, ImageChange::Several(changes)).await?,
    };
    drop(_held);
    door.shelf.remove(files).await;
    Ok(Answer::Done)
}

/// The changes that no lock forbids.
fn described(image: &Image, record: &Record) -> Vec<ImageChange> {
    let mut changes = Vec::new();
    let description =
        record.description.as_ref().filter(|text| Some(*text) != image.about.description.as_ref());
    if let Some(text) = description {
        changes.push(ImageChange::Describe { description: Some(text.clone()), vendor: None });
    }
    if let Some(tags) = record.tags.as_ref().filter(|tags| **tags != image.tags) {
        changes.push(ImageChange::Tags(tags.clone()));
    }
    for (name, value) in &record.kept {
        if image.about.metadata.get(*name).map(|kept| &kept.value) != Some(value) {
            changes.push(ImageChange::Metadata((*name).into(), Some(unseen(value))));
        }
    }
    changes
}

fn place_of(image: &Image) -> FilePlace {
    image.artifacts.first().map_or(FilePlace::Nowhere, |file| FilePlace::Here(file.sha256))
}

/// Changes a record, and removes the files that nothing has any more.
async fn change(door: &Door, caller: &Caller, image: &Image, change: ImageChange) -> Result<(), ApiError> {
    let files = change_only(door, caller, image, change).await?;
    door.shelf.remove(files).await;
    Ok(())
}

async fn change_only(
    door: &Door,
    caller: &Caller,
    image: &Image,
    change: ImageChange,
) -> Result<Vec<Sha256>, ApiError> {
    let (tenant, by) = (caller.tenant.clone(), caller.operator.clone());
    match door.call(Call::ChangeImage { tenant, image: image.id, change, by }).await? {
        Reply::Images { files, .. } => Ok(files),
        other => Err(unexpected(&other)),
    }
}

// ---- device types

async fn associate(
    door: &Door,
    caller: &Caller,
    product: ProductId,
    record: Record,
) -> Result<Answer, ApiError> {
    let missing = |name: &str| ApiError::bad("missing-field", name, format!("add `{name}`"));
    let kind = record.kind.ok_or_else(|| missing("type"))?;
    if is_description(kind) {
        let image = new_image(door, caller, record, BTreeSet::from([product.clone()])).await?;
        return Ok(Answer::Associated(Box::new(image), product));
    }
    let number = record.number.ok_or_else(|| missing("versionNumber"))?;
    let image = numbered(door, caller, kind, number).await?;
    if let Some(field) = difference(&image, &record) {
        let message = format!("`{field}` is not that of the record in the pool; read it again");
        return Err(ApiError::bad("other-record", field, message));
    }
    let (version, own) = (image.version.clone(), product.clone());
    let same = move |i: &Image| i.kind == kind && i.version == version && i.products.contains(&own);
    if !images(door, caller, same).await?.is_empty() {
        let message = format!("device type {product} has type {kind} in this version already");
        return Err(ApiError::new(StatusCode::CONFLICT, "already-associated", message));
    }
    change(door, caller, &image, ImageChange::Product(product.clone(), true)).await?;
    Ok(Answer::Associated(Box::new(image), product))
}

/// What a record that was sent back says otherwise than ours. Moments are not looked at: the tools' copy is older than
/// their own change.
fn difference(image: &Image, record: &Record) -> Option<&'static str> {
    let checks = [
        ("name", record.name.as_ref().is_none_or(|name| *name == image.name)),
        ("version", record.version.as_ref().is_none_or(|version| *version == image.version)),
        ("url", record.place.is_none_or(|place| place == place_of(image))),
        ("tags", record.tags.as_ref().is_none_or(|tags| *tags == image.tags)),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
}
