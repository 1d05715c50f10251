//! What the ESP8266 dialect's requests do. A poll is a version report; a version is an image with two files, and the
//! standing offer of its product.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;

use super::form::{self, Form};
use super::open;
use crate::domain::action::{Action, State};
use crate::domain::device::Device;
use crate::domain::event::{Event, Report};
use crate::domain::ids::{DeviceKey, FirmwareType, ProductId, TenantId};
use crate::domain::image::{About, Artifact, Image, Metadata, Products};
use crate::domain::offer::Rules;
use crate::domain::succession::{NotLater, successor};
use crate::domain::version::{Running, Version};
use crate::engine::access::new_token;
use crate::engine::call::{Call, NewArtifact, NewImage, Reply};
use crate::engine::now;
use crate::http::Door;
use crate::http::api::unexpected;
use crate::http::auth::Peer;
use crate::http::dialect::esp::bson::{BsonError, Element, Value, Walker};
use crate::http::dialect::esp::{Fault, Files, Parcel, Poll, Slot, Source, Told, kept_id, suggestion};
use crate::http::error::ApiError;
use crate::http::shelf::Arrived;

/// ESP8266 devices have one firmware.
const KIND: FirmwareType = FirmwareType::APPLICATION;
/// What an upload may have beyond its two files: the heads of its elements, and elements that nobody reads.
const OVERHEAD: u64 = 64 * 1024;
/// Where uploaders of this dialect put a token; `Authorization` goes before both.
const TOKENS: [&str; 2] = ["authentication", "api-key"];

/// The name under which files are kept that have no version yet.
const KEPT_NAME: &str = "firmware";

/// A version of an application, as devices see it.
#[derive(Debug, Clone)]
struct Edition {
    image: Image,
    files: Files,
}

/// The operator who may upload.
pub async fn operator(
    door: &Arc<Door>,
    peer: Option<Peer>,
    headers: &HeaderMap,
) -> Result<Box<str>, ApiError> {
    open::operator(door, peer, headers, &TOKENS).await
}

/// What a device is to run. Its version is on disk before it is answered.
pub async fn last(door: &Arc<Door>, peer: Option<Peer>, poll: Poll) -> Result<Told, Fault> {
    let Some(device) = &poll.device else {
        return match door.legacy.esp.token_required {
            true => Err(Fault::NotProven),
            false => Ok(told(&poll.app, newest(door, &poll.app).await?)),
        };
    };
    let key = open::key(device);
    let known = admit(door, peer, &key, poll.token.as_deref()).await?;
    let newest = newest(door, &poll.app).await?;
    if known.is_some_and(|device| device.product != poll.app) {
        // What runs another product's software says nothing about its own.
        return stay(door, &poll, newest).await;
    }
    let event = match &poll.version {
        Some(version) => {
            Event::Report(Report { seq: None, versions: [(KIND, Running::named(version.clone()))].into() })
        }
        None => Event::Poll,
    };
    let Some((device, actions)) = open::hear(door, peer, &key, event, &poll.app).await? else {
        return Ok(told(&poll.app, newest));
    };
    if let Some(action) = open::due(&actions, KIND) {
        let id = action.component(KIND).map(|component| component.image);
        let image = match id {
            Some(id) => door.ask(move |reader| reader.image(&key.tenant, id)).await?,
            None => None,
        };
        if let Some(edition) = image.and_then(Edition::of) {
            open::tell(door, peer, &device, action).await?;
            return Ok(told(&poll.app, edition));
        }
    }
    let running = device.versions.get(&KIND).and_then(|reported| reported.running.version.clone());
    let next = match running.as_ref().filter(|version| is_prerelease(version)) {
        Some(version) => next_prerelease(door, &poll.app, &device, version).await?,
        None => None,
    };
    match next {
        Some(edition) => Ok(told(&poll.app, edition)),
        None => stay(door, &Poll { version: poll.version.clone().or(running), ..poll }, newest).await,
    }
}

/// What a device is told that is to stay as it is: its own version. One that does not say what it runs is told the
/// newest, and compares for itself.
async fn stay(door: &Arc<Door>, poll: &Poll, newest: Edition) -> Result<Told, Fault> {
    let Some(version) = poll.version.clone() else { return Ok(told(&poll.app, newest)) };
    let known = find(door, &poll.app, &version).await?;
    let created = known.map_or_else(now, |edition| edition.image.trail.created);
    Ok(Told::Last { app: poll.app.clone(), version, created, files: Files::Here })
}

/// Whoever runs a pre-release is offered the next version; no offer stands for those.
async fn next_prerelease(
    door: &Arc<Door>,
    app: &ProductId,
    device: &Device,
    version: &Version,
) -> Result<Option<Edition>, ApiError> {
    let above = |edition: &Edition| {
        let image = &edition.image;
        image.version.compare(version) == Some(Ordering::Greater)
            && door.reader.refusal(device, image, &Rules::default()).is_none()
    };
    let editions = editions(door, app).await?.into_iter().filter(above);
    Ok(editions.max_by(|a, b| rank(a).cmp_precedence(&rank(b))))
}

fn told(app: &ProductId, edition: Edition) -> Told {
    Told::Last {
        app: app.clone(),
        version: edition.image.version,
        created: edition.image.trail.created,
        files: edition.files,
    }
}

async fn admit(
    door: &Arc<Door>,
    peer: Option<Peer>,
    key: &DeviceKey,
    token: Option<&str>,
) -> Result<Option<Device>, Fault> {
    let required = door.legacy.esp.token_required;
    open::admit(door, peer, key, token, required).await.map_err(|error| match error.code() {
        "unauthenticated" => Fault::NotProven,
        _ => Fault::Api(error),
    })
}

/// The bytes of a slot. Anybody may have them, as in the field, unless devices have to prove themselves. A device that
/// `begins` to fetch what it is to install has taken it up.
pub async fn file(
    door: &Arc<Door>,
    peer: Option<Peer>,
    poll: &Poll,
    version: &Version,
    slot: Slot,
    begins: bool,
) -> Result<Told, Fault> {
    match &poll.device {
        Some(device) => drop(admit(door, peer, &open::key(device), poll.token.as_deref()).await?),
        None if door.legacy.esp.token_required => return Err(Fault::NotProven),
        None => {}
    }
    let edition = find(door, &poll.app, version).await?.ok_or(Fault::UnknownFile)?;
    if let Some(device) = poll.device.as_ref().filter(|_| begins) {
        take_up(door, peer, open::key(device), &edition).await?;
    }
    let artifact = edition.image.artifacts.into_iter().find(|artifact| &*artifact.name == slot.file());
    let artifact = artifact.ok_or(Fault::UnknownFile)?;
    let file = door.shelf.open(artifact.sha256).await?;
    // The row says that the file is there.
    let lost = || ApiError::internal(&std::io::Error::from(std::io::ErrorKind::NotFound));
    Ok(Told::File { artifact: Box::new(artifact), file: file.ok_or_else(lost)? })
}

async fn take_up(
    door: &Arc<Door>,
    peer: Option<Peer>,
    key: DeviceKey,
    edition: &Edition,
) -> Result<(), Fault> {
    let asked = key.clone();
    let Some((device, actions)) = door.ask(move |reader| reader.work(&asked)).await? else { return Ok(()) };
    let new = |action: &&Action| {
        matches!(action.state, State::Queued | State::Offered)
            && action.component(KIND).is_some_and(|component| component.image == edition.image.id)
    };
    if let Some(action) = open::due(&actions, KIND).filter(new) {
        let event = Event::Retrieved { action: action.id };
        open::hear(door, peer, &key, event, &device.product).await?;
    }
    Ok(())
}

impl Edition {
    /// The image, if it has what these devices need.
    fn of(image: Image) -> Option<Edition> {
        let has = |slot: Slot| image.artifacts.iter().any(|artifact| &*artifact.name == slot.file());
        let url = |slot: Slot| image.about.metadata.get(slot.file()).map(|at| at.value.to_string());
        let files = match Slot::ALL.into_iter().all(has) {
            true => Files::Here,
            false => Files::Elsewhere(url(Slot::User1)?, url(Slot::User2)?),
        };
        (!image.deleted).then_some(Edition { image, files })
    }
}

/// What stands on offer, and without that the highest stable version. A pre-release only where there is nothing else.
async fn newest(door: &Arc<Door>, app: &ProductId) -> Result<Edition, Fault> {
    let product = app.clone();
    let offered = door.ask(move |reader| reader.offered(&TenantId::default(), &product, KIND)).await?;
    let offered = offered.and_then(|(_, image)| Edition::of(image));
    if let Some(edition) = offered.filter(|edition| !is_prerelease(&edition.image.version)) {
        return Ok(edition);
    }
    let editions = editions(door, app).await?;
    let order = |a: &Edition, b: &Edition| {
        let stable = |edition: &Edition| !is_prerelease(&edition.image.version);
        stable(a).cmp(&stable(b)).then_with(|| rank(a).cmp_precedence(&rank(b)))
    };
    editions.into_iter().max_by(order).ok_or(Fault::UnknownApp)
}

/// Every version of an application.
async fn editions(door: &Arc<Door>, app: &ProductId) -> Result<Vec<Edition>, ApiError> {
    let product = app.clone();
    let images = door.ask(move |reader| reader.product_images(&TenantId::default(), &product, KIND)).await?;
    Ok(images.into_iter().filter_map(Edition::of).collect())
}

/// One version, by the application's name as uploads here give it, or among all images that its devices take.
async fn find(door: &Arc<Door>, app: &ProductId, version: &Version) -> Result<Option<Edition>, ApiError> {
    let (product, wanted) = (app.clone(), version.clone());
    let named = door
        .ask(move |reader| reader.image_called(&TenantId::default(), KIND, product.as_str(), &wanted))
        .await?;
    if let Some(edition) = named.filter(|image| image.products.contains(app)).and_then(Edition::of) {
        return Ok(Some(edition));
    }
    let mut editions = editions(door, app).await?;
    editions.retain(|edition| edition.image.version == *version);
    Ok(editions.pop())
}

fn is_prerelease(version: &Version) -> bool {
    semver::Version::parse(version.as_str()).is_ok_and(|version| !version.pre.is_empty())
}

/// A version that is not semantic comes before all that are.
fn rank(edition: &Edition) -> semver::Version {
    let least = || semver::Version { pre: semver::Prerelease::new("0").unwrap_or_default(), ..zero() };
    semver::Version::parse(edition.image.version.as_str()).unwrap_or_else(|_| least())
}

fn zero() -> semver::Version {
    semver::Version::new(0, 0, 0)
}

/// Takes an upload in, its files straight to disk. Whatever is wrong with it, nothing of it stays.
pub async fn receive(door: &Arc<Door>, headers: &HeaderMap, body: Body) -> Result<Parcel, Fault> {
    let _slot = door.shelf.slot()?;
    let mut room = door.shelf.upload_max_bytes();
    let mut walker =
        Walker::open(headers, body, room.saturating_add(OVERHEAD)).await.map_err(|e| bad(door, e))?;
    let mut parcel = Parcel::default();
    let (mut version, mut bump) = (None, None);
    while let Some(Element { name, value }) = walker.next().await.map_err(|e| bad(door, e))? {
        match (name.as_str(), value) {
            ("version", Value::Text(text)) => once(&mut version, "version", text)?,
            ("type", Value::Text(text)) => once(&mut bump, "type", text)?,
            ("version" | "type", _) => return Err(Fault::Bad(format!("{name} is not a short string"))),
            ("user1" | "user2", Value::Binary(length)) => {
                let slot = if name == "user1" { Slot::User1 } else { Slot::User2 };
                room = room.checked_sub(length).ok_or_else(|| too_large(door))?;
                if length == 0 {
                    return Err(Fault::Bad(format!("{name} is empty")));
                }
                let file = one(door, &mut walker, length, slot).await?;
                once(parcel.slot(slot), &name, Source::Arrived(Box::new(file)))?;
            }
            ("user1" | "user2", _) => return Err(Fault::Bad(format!("{name} is not binary"))),
            (_, _) => {}
        }
    }
    parcel.suggestion = suggestion(version, bump)?;
    Ok(parcel)
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), Fault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Bad(format!("{name} is there twice"))),
    }
}

async fn one(door: &Door, walker: &mut Walker, length: u64, slot: Slot) -> Result<Arrived, Fault> {
    let mut incoming = door.shelf.begin(length);
    while let Some(bytes) = walker.bytes().await.map_err(|e| bad(door, e))? {
        incoming.write(bytes).await?;
    }
    Ok(incoming.end(slot.file().into()).await?)
}

fn bad(door: &Door, error: BsonError) -> Fault {
    match error {
        BsonError::Body(error) => Fault::Api(error),
        BsonError::TooLarge => too_large(door),
        BsonError::Malformed(_) => Fault::Bad(error.to_string()),
    }
}

fn too_large(door: &Door) -> Fault {
    ApiError::too_large(door.shelf.upload_max_bytes()).into()
}

/// Makes a version: the image, then the offer. Goes on to its end when the uploader goes away in between.
pub async fn publish(door: &Arc<Door>, by: Box<str>, app: ProductId, parcel: Parcel) -> Result<Told, Fault> {
    let door = Arc::clone(door);
    let whole = tokio::spawn(async move {
        // The next version is one above the latest: nobody else may make one in between.
        let _alone = door.legacy.publishing.lock().await;
        make(&door, by, app, parcel).await
    });
    whole.await.map_err(|panic| ApiError::internal(&panic))?
}

async fn make(door: &Door, by: Box<str>, app: ProductId, parcel: Parcel) -> Result<Told, Fault> {
    let tenant = TenantId::default();
    let Parcel { suggestion, user1, user2 } = parcel;
    let sources = [user1, user2].into_iter().zip(Slot::ALL).map(|(source, slot)| {
        let source = source.ok_or_else(|| Fault::Bad(format!("{} is missing", slot.file())))?;
        Ok((slot, source))
    });
    let sources = sources.collect::<Result<Vec<_>, Fault>>()?;
    let (arrived, kept, metadata) = sort(door, sources).await?;
    let (owner, product) = (tenant, app.clone());
    let images = door.ask(move |reader| reader.product_images(&owner, &product, KIND)).await?;
    let known = images.iter().filter_map(|image| semver::Version::parse(image.version.as_str()).ok());
    let latest = known.max_by(semver::Version::cmp_precedence);
    let next =
        successor(latest.as_ref(), &suggestion).map_err(|NotLater { latest }| Fault::NotLater(latest))?;
    let version = Version::parse(&next.to_string()).ok_or_else(|| Fault::bad("the version is too long"))?;
    let new = NewImage {
        name: Some(app.as_str().into()),
        about: About { metadata, ..About::default() },
        // Devices take no version with a pre-release part.
        offered: next.pre.is_empty(),
        ..NewImage::plain(app.clone(), KIND, version, Rules::default())
    };
    let image = add(door, by, new, arrived, kept).await?;
    Ok(Told::Made { app, version: image.version, created: image.trail.created })
}

/// Values that are set beside an image's own.
type Values = BTreeMap<Box<str>, Metadata>;

/// Sorts files by where they are: with us from now on, with us already, elsewhere.
async fn sort(
    door: &Door,
    sources: Vec<(Slot, Source)>,
) -> Result<(Vec<Arrived>, Vec<NewArtifact>, Values), Fault> {
    let (mut arrived, mut here, mut elsewhere) = (Vec::new(), Vec::new(), Values::new());
    for (slot, source) in sources {
        match source {
            Source::Arrived(file) => arrived.push(*file),
            Source::At(url) => match kept_id(&url) {
                Some(id) => here.push(kept(door, id, slot).await?),
                None => {
                    let value = Metadata { value: url.into(), visible: false };
                    elsewhere.insert(slot.file().into(), value);
                }
            },
        }
    }
    match elsewhere.len() {
        0 | 2 => Ok((arrived, here, elsewhere)),
        _ => Err(Fault::bad("both images have to be here, or both elsewhere")),
    }
}

async fn add(
    door: &Door,
    by: Box<str>,
    new: NewImage,
    arrived: Vec<Arrived>,
    kept: Vec<NewArtifact>,
) -> Result<Image, Fault> {
    let call = move |named: Vec<NewArtifact>| {
        let files = named.into_iter().chain(kept).collect();
        Call::AddImages { tenant: TenantId::default(), images: vec![NewImage { files, ..new }], by }
    };
    match door.shelf.keep(&door.engine, arrived, call).await? {
        Reply::Images { mut images, files: _ } => {
            images.pop().ok_or_else(|| unexpected(&Reply::Images { images, files: Vec::new() }).into())
        }
        other => Err(unexpected(&other).into()),
    }
}

/// Keeps a file for a version to come: an image that no product's devices take.
pub async fn keep(door: &Arc<Door>, by: Box<str>, headers: &HeaderMap, body: Body) -> Result<Told, Fault> {
    let Form { file, description, tags } = form::read(&door.shelf, headers, body).await?;
    let id = new_token().map_err(|error| ApiError::internal(&error))?;
    let version = Version::parse(id.reveal()).expect("hexadecimal digits are a version");
    let new = NewImage {
        name: Some(KEPT_NAME.into()),
        products: Products::Only(BTreeSet::new()),
        kind: KIND,
        version,
        files: Vec::new(),
        rules: Rules::default(),
        about: About { description, ..About::default() },
        tags,
        encrypted: false,
        offered: false,
    };
    let image = add(door, by, new, vec![file], Vec::new()).await?;
    Ok(Told::Kept { id: image.version.to_string(), created: image.trail.created })
}

/// The file that was kept under an id, to be that of a slot.
async fn kept(door: &Door, id: &str, slot: Slot) -> Result<NewArtifact, Fault> {
    let missing = || Fault::bad("there is no firmware at that address");
    let version = Version::parse(id).ok_or_else(missing)?;
    let image =
        door.ask(move |reader| reader.image_called(&TenantId::default(), KIND, KEPT_NAME, &version)).await?;
    let file = image.and_then(|image| image.artifacts.into_iter().next()).ok_or_else(missing)?;
    let Artifact { size, sha256, sha1, md5, .. } = file;
    Ok(NewArtifact { name: slot.file().into(), size, sha256, sha1, md5 })
}
