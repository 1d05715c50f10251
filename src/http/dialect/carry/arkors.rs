//! What the arkors dialect's requests do. A record is an image without files: the record itself is a value beside it,
//! whole and in one piece, and its rules are held against a client as they stand there.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::open;
use crate::domain::device::{Device, Hardware, Reported};
use crate::domain::eligibility::Reason;
use crate::domain::event::{Configuration, Event, Mode, Report};
use crate::domain::ids::{FirmwareType, ProductId, TenantId};
use crate::domain::image::{About, Image, Metadata};
use crate::domain::offer::Rules;
use crate::domain::version::{Running, Version};
use crate::engine::call::{Call, ImageChange, NewImage, Reply};
use crate::engine::now;
use crate::http::Door;
use crate::http::api::unexpected;
use crate::http::auth::Peer;
use crate::http::dialect::Asked;
use crate::http::dialect::arkors::{App, Client, Draft, Fault, NoUpdate, Record, Sender, Told};
use crate::http::error::ApiError;

/// Applications are what arkors updates.
const KIND: FirmwareType = FirmwareType::APPLICATION;
/// The value that a record is.
const RECORD: &str = "arkors";
/// Where a board that has a token of ours puts it; `Authorization` goes before it.
const TOKENS: [&str; 1] = ["x-arkors-application-token"];

/// A record with its image.
#[derive(Debug, Clone)]
struct Entry {
    record: Record,
    image: Image,
    /// Beside the image's own.
    rules: Rules,
    /// Whether clients are to find it by themselves; others get it by an action.
    open: bool,
}

/// Who writes: an operator, or whoever calls where the board is open.
pub async fn board(
    door: &Arc<Door>,
    peer: Option<Peer>,
    asked: &Asked,
    sender: &Sender,
) -> Result<Box<str>, ApiError> {
    match door.legacy.arkors.open_board {
        true => Ok(sender.id.as_str().into()),
        false => open::operator(door, peer, &asked.headers, &TOKENS).await,
    }
}

/// The update for a client, if there is one. What it runs is on disk before it is answered.
pub async fn update(
    door: &Arc<Door>,
    peer: Option<Peer>,
    app: App,
    version: u64,
    client: Client,
    base: &str,
) -> Result<Told, Fault> {
    let entries = known(door, &app, &client.kind, base).await?;
    if entries.is_empty() {
        return Err(Fault::NoUpdate(NoUpdate::NoRecord));
    }
    let key = open::key(&client.device);
    let known = open::admit(door, peer, &key, client.proof.as_deref(), false).await?;
    let current = entries.iter().find(|entry| entry.record.version == version);
    let running = running(current, version);
    let own = known.as_ref().is_none_or(|device| device.product == app.product);
    let heard = match own {
        true => {
            let event = word(known.as_ref(), running.clone(), &client.kind);
            open::hear(door, peer, &key, event, &app.product).await?
        }
        // What runs another product's software says nothing about its own.
        false => None,
    };
    let unknown = || Device::new(key, app.product.clone(), "", now());
    let (mut device, actions) = heard.unwrap_or_else(|| (unknown(), Vec::new()));
    // What is answered rests on what the client says of itself now, recorded or not.
    device.hardware = Some(hardware(&client.kind));
    device.versions.insert(KIND, Reported { running, seq: 0, at: now() });
    let ordered = open::due(&actions, KIND);
    let image = ordered.and_then(|action| action.component(KIND)).map(|component| component.image);
    let ahead = |entry: &&Entry| Some(entry.image.id) == image && entry.record.version > version;
    if let Some((entry, action)) = entries.iter().find(ahead).zip(ordered) {
        open::tell(door, peer, &device, action).await?;
        return Ok(Told::Record(entry.record.clone()));
    }
    let found = newest(door, &device, &client.kind, version, entries).map_err(Fault::NoUpdate)?;
    Ok(Told::Record(found.record))
}

/// The newest record that passes all the rules: client type, number, names, moment.
fn newest(
    door: &Door,
    device: &Device,
    kind: &str,
    version: u64,
    entries: Vec<Entry>,
) -> Result<Entry, NoUpdate> {
    let own = |entry: &Entry| entry.open && entry.record.client.eq_ignore_ascii_case(kind);
    let mut entries: Vec<Entry> = entries.into_iter().filter(own).collect();
    if entries.is_empty() {
        return Err(NoUpdate::NoRecord);
    }
    entries.retain(|entry| entry.record.version > version);
    entries.sort_by_key(|entry| Reverse(entry.record.version));
    let mut why = NoUpdate::Newest;
    for (place, entry) in entries.into_iter().enumerate() {
        match door.reader.refusal(device, &entry.image, &entry.rules) {
            None => return Ok(entry),
            // What is said is why the newest of all is not for this client.
            Some(Reason::TooEarly(_)) if place == 0 => why = NoUpdate::TooEarly,
            Some(_) if place == 0 => why = NoUpdate::NotCompatible,
            Some(_) => {}
        }
    }
    Err(why)
}

/// What a client runs that says a record's number: that image, by the record's name. A number without a record has no
/// name; `#` cannot begin one in any list but as itself, so that only a wildcard for all covers it.
fn running(current: Option<&Entry>, version: u64) -> Running {
    match current {
        Some(Entry { record, image, .. }) => {
            Running { number: Some(image.number), version: Some(record.text()) }
        }
        None => Running { number: None, version: Version::parse(&format!("#{version}")) },
    }
}

/// A report; with the type of the client where that is new.
fn word(known: Option<&Device>, running: Running, kind: &str) -> Event {
    let versions = [(KIND, running)].into();
    let told = known.and_then(|device| device.hardware.as_ref());
    if told.is_some_and(|own| own.model.eq_ignore_ascii_case(kind)) {
        return Event::Report(Report { seq: None, versions });
    }
    Event::Configure(Configuration {
        mode: Mode::Merge,
        numbered: BTreeMap::new(),
        named: BTreeMap::new(),
        hardware: Some(hardware(kind)),
        versions,
    })
}

fn hardware(kind: &str) -> Hardware {
    Hardware { model: kind.into(), revision: None }
}

/// Every record of an application.
async fn entries(door: &Arc<Door>, product: &ProductId) -> Result<Vec<Entry>, ApiError> {
    let product = product.clone();
    let images = door.ask(move |reader| reader.product_images(&TenantId::default(), &product, KIND)).await?;
    Ok(images.into_iter().filter_map(Entry::of).collect())
}

/// What a client knows its own version by and may be told: every record, and behind them every image of another door
/// as the record that it is to this client. Of those only the standing offer is open.
async fn known(door: &Arc<Door>, app: &App, kind: &str, base: &str) -> Result<Vec<Entry>, ApiError> {
    let product = app.product.clone();
    let (images, offered) = door
        .ask(move |reader| {
            let tenant = TenantId::default();
            Ok((reader.product_images(&tenant, &product, KIND)?, reader.offered(&tenant, &product, KIND)?))
        })
        .await?;
    let (own, others): (Vec<Image>, Vec<Image>) =
        images.into_iter().partition(|image| image.about.metadata.contains_key(RECORD));
    let others = others.into_iter().filter_map(|image| {
        let offer = offered.as_ref().map(|(offer, _)| offer).filter(|offer| offer.image == image.id);
        let rules = offer.map(|offer| offer.rules.clone()).unwrap_or_default();
        let url = format!("{base}/artifacts/{}", image.artifacts.first()?.sha256);
        let record = Record::of(app.number, &image, &rules, kind, url);
        Some(Entry { record, image, rules, open: offer.is_some() })
    });
    Ok(own.into_iter().filter_map(Entry::of).chain(others).collect())
}

impl Entry {
    fn of(image: Image) -> Option<Entry> {
        let record: Record = serde_json::from_str(&image.about.metadata.get(RECORD)?.value).ok()?;
        Some(Entry { rules: record.rules(), record, image, open: true })
    }
}

/// Makes a record.
pub async fn add(door: &Arc<Door>, board: &str, app: App, draft: Draft) -> Result<Told, Fault> {
    let record = draft.record(app.number, None)?;
    alone(door, app, board, move |door, app, by| async move {
        if entries(&door, &app.product).await?.iter().any(|entry| entry.record.version == record.version) {
            return Err(Fault::Exists);
        }
        let mut about = About::default();
        about.metadata.insert(RECORD.into(), value(&record)?);
        let new = NewImage {
            // Records of different clients may have one name; their numbers differ.
            name: Some(format!("{}/{}", app.number, record.version).into()),
            about,
            ..NewImage::plain(app.product.clone(), KIND, record.text(), Rules::default())
        };
        let call = Call::AddImages { tenant: TenantId::default(), images: vec![new], by };
        match door.call(call).await? {
            Reply::Images { .. } => {}
            other => return Err(unexpected(&other).into()),
        }
        offer(&door, &app.product).await?;
        Ok(Told::Added(record))
    })
    .await
}

/// Puts a record in the place of the one with its number.
pub async fn change(door: &Arc<Door>, board: &str, app: App, draft: Draft) -> Result<Told, Fault> {
    alone(door, app, board, move |door, app, by| async move {
        let Entry { record: old, image, .. } =
            find(&door, &app.product, draft.version).await?.ok_or(Fault::NotFound)?;
        let record = draft.record(app.number, Some(old.update))?;
        let (tenant, id) = (TenantId::default(), image.id);
        let mut changes = vec![ImageChange::Metadata(RECORD.into(), Some(value(&record)?))];
        if image.version != record.text() && !image.locked {
            changes.push(ImageChange::Rename { name: image.name, version: record.text() });
        }
        let change = ImageChange::Several(changes);
        door.call(Call::ChangeImage { tenant, image: id, change, by }).await?;
        offer(&door, &app.product).await?;
        Ok(Told::Record(record))
    })
    .await
}

/// Removes a record; clients are offered the next newest from then on.
pub async fn remove(door: &Arc<Door>, board: &str, app: App, version: u64) -> Result<Told, Fault> {
    alone(door, app, board, move |door, app, _| async move {
        let entry = find(&door, &app.product, version).await?.ok_or(Fault::NotThere)?;
        let mut rest = entries(&door, &app.product).await?;
        rest.retain(|other| other.image.id != entry.image.id);
        stand(&door, &app.product, rest).await?;
        let call = Call::RemoveImage { tenant: TenantId::default(), image: entry.image.id, mark: true };
        match door.call(call).await? {
            Reply::Removed { files } => door.shelf.remove(files).await,
            other => return Err(unexpected(&other).into()),
        }
        Ok(Told::Record(entry.record))
    })
    .await
}

/// Does a board's work without another's in between, and to its end when the board goes away.
async fn alone<F>(
    door: &Arc<Door>,
    app: App,
    board: &str,
    work: impl FnOnce(Arc<Door>, App, Box<str>) -> F + Send + 'static,
) -> Result<Told, Fault>
where
    F: Future<Output = Result<Told, Fault>> + Send,
{
    let (door, by) = (Arc::clone(door), Box::from(board));
    let whole = tokio::spawn(async move {
        let _alone = door.legacy.publishing.lock().await;
        work(Arc::clone(&door), app, by).await
    });
    whole.await.map_err(|panic| ApiError::internal(&panic))?
}

async fn find(door: &Arc<Door>, product: &ProductId, version: u64) -> Result<Option<Entry>, ApiError> {
    let entries = entries(door, product).await?;
    Ok(entries.into_iter().find(|entry| entry.record.version == version))
}

/// Has the newest record stand on offer.
async fn offer(door: &Arc<Door>, product: &ProductId) -> Result<(), Fault> {
    let entries = entries(door, product).await?;
    stand(door, product, entries).await
}

/// Has the newest of these stand on offer, so that other doors and `explain` know of it; clients of other types find
/// theirs among all records.
async fn stand(door: &Door, product: &ProductId, entries: Vec<Entry>) -> Result<(), Fault> {
    let tenant = TenantId::default();
    let newest = entries.into_iter().max_by_key(|entry| entry.record.version);
    let owner = product.clone();
    let standing = door.ask(move |reader| reader.offered(&TenantId::default(), &owner, KIND)).await?;
    let call = match (newest, standing) {
        (Some(Entry { image, rules, .. }), _) => {
            let product = Some(product.clone());
            // A record's own number is its order, not the one that its image got when it came.
            Call::SetOffer { tenant, image: image.id, product, rules, allow_downgrade: true }
        }
        (None, Some(_)) => Call::RemoveOffer { tenant, product: product.clone(), kind: KIND },
        (None, None) => return Ok(()),
    };
    Ok(door.call(call).await.map(drop)?)
}

fn value(record: &Record) -> Result<Metadata, ApiError> {
    let text = serde_json::to_string(record).map_err(|error| ApiError::internal(&error))?;
    Ok(Metadata { value: text.into(), visible: false })
}
