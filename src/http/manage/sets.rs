//! `/distributionsets`: releases, each with a type that says of what it has to have modules.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{delete, get, post};
use serde::Deserialize;

use super::desk::{At, Desk, id, nothing};
use super::list::{self, Row, Wanted};
use super::metadata::{self, NewEntry};
use super::modules::{Module, image_id};
use super::sent::Sent;
use super::shape::{Shape, page};
use super::{fields, items};
use crate::domain::catalog::{Item, Section, What};
use crate::domain::filter::Value;
use crate::domain::ids::{ImageId, ReleaseId};
use crate::domain::image::{About, Release};
use crate::engine::call::{NewRelease, ReleaseChange};
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

/// The type of a set where nothing is said (hawkBit's default).
const TYPE_DEFAULT: &str = "os_app";

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/distributionsets", get(list).post(add))
        .route("/distributionsets/{id}", get(show).put(change).delete(remove))
        .route("/distributionsets/{id}/invalidate", post(invalidate))
        .route("/distributionsets/{id}/assignedSM", get(list_modules).post(add_modules))
        .route("/distributionsets/{id}/assignedSM/{module}", delete(remove_module))
        .route("/distributionsets/{id}/metadata", get(list_metadata).post(add_metadata))
        .route(
            "/distributionsets/{id}/metadata/{key}",
            get(show_metadata).put(change_metadata).delete(remove_metadata),
        )
}

/// A release with what it refers to.
#[derive(Debug, Clone)]
pub struct Set {
    /// The release.
    pub release: Release,
    /// Its kind.
    pub kind: Option<Item>,
    /// The names of its tags.
    pub tags: Vec<Box<str>>,
    /// Its images.
    pub modules: Vec<Module>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewSet {
    name: String,
    version: String,
    r#type: Option<String>,
    description: Option<String>,
    #[serde(default)]
    locked: bool,
    #[serde(default)]
    required_migration_step: bool,
    #[serde(default)]
    modules: Vec<ModuleRef>,
}

/// A module that is named by its number.
#[derive(Debug, Deserialize)]
struct ModuleRef {
    id: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetChange {
    name: Option<String>,
    version: Option<String>,
    description: Option<String>,
    locked: Option<bool>,
    required_migration_step: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invalidation {
    action_cancelation_type: Option<CancelType>,
    /// Older clients say so; newer ones mean it whenever they call actions off.
    cancel_rollouts: Option<bool>,
}

/// How the actions of a set that is no good are called off.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CancelType {
    Force,
    Soft,
    None,
}

impl CancelType {
    fn forced(self) -> Option<bool> {
        match self {
            CancelType::Force => Some(true),
            CancelType::Soft => Some(false),
            CancelType::None => None,
        }
    }
}

impl ModuleRef {
    fn image(&self) -> Result<ImageId, Fault> {
        ImageId::new(self.id).ok_or_else(|| Fault::missing("SoftwareModule", self.id))
    }
}

impl NewSet {
    fn release(&self, kinds: &[Item]) -> Result<NewRelease, Fault> {
        let key = self.r#type.as_deref().unwrap_or(TYPE_DEFAULT);
        let own = |item: &&Item| !item.deleted && item.what.key() == Some(key);
        let missing = || Fault::missing(items::what(Section::ReleaseTypes), key);
        let kind = kinds.iter().find(own).ok_or_else(missing)?;
        let description = fields::description(self.description.as_deref())?;
        Ok(NewRelease {
            name: fields::name(&self.name)?,
            version: fields::version(&self.version)?,
            images: self.modules.iter().map(ModuleRef::image).collect::<Result<_, _>>()?,
            kind: Some(kind.id),
            about: About { description, ..About::default() },
            required_step: self.required_migration_step,
            locked: self.locked,
        })
    }
}

impl SetChange {
    fn changes(&self) -> Result<Vec<ReleaseChange>, Fault> {
        let describe = ReleaseChange::Describe {
            name: self.name.as_deref().map(fields::name).transpose()?,
            version: self.version.as_deref().map(fields::version).transpose()?,
            description: fields::description(self.description.as_deref())?,
            required_step: self.required_migration_step,
        };
        // Who unlocks a set may change it with the same request, and who locks it too.
        Ok(match self.locked {
            Some(false) => vec![ReleaseChange::Lock(false), describe],
            Some(true) => vec![describe, ReleaseChange::Lock(true)],
            None => vec![describe],
        })
    }
}

impl Set {
    /// Whether it has a module of every type that its kind asks for; one without a kind has what it has.
    pub fn is_complete(&self) -> bool {
        let has = |kind| self.modules.iter().any(|module| module.image.kind == kind);
        !self.modules.is_empty()
            && match self.kind.as_ref().map(|kind| &kind.what) {
                Some(What::ReleaseType { mandatory, .. }) => mandatory.iter().all(|kind| has(*kind)),
                Some(_) | None => true,
            }
    }

    /// Its JSON.
    pub fn shape(&self, desk: &Desk) -> Shape {
        let Release { id, .. } = self.release;
        let links = desk
            .links(&format!("distributionsets/{id}"))
            .below("modules", "assignedSM?offset=0&limit=50")
            .below("metadata", "metadata?offset=0&limit=50");
        let links = match &self.kind {
            Some(kind) => links.to("type", &format!("distributionsettypes/{}", kind.id)),
            None => links,
        };
        Shape::new()
            .trail(&self.release.trail)
            .put("name", &*self.release.name)
            .put("description", self.release.about.description.as_deref())
            .put("id", id.get())
            .put("version", self.release.version.as_str())
            .list("modules", self.modules.iter().map(|module| module.shape(desk)).collect())
            .put("requiredMigrationStep", self.release.required_step)
            .put("type", self.kind.as_ref().and_then(|kind| kind.what.key()))
            .put("typeName", self.kind.as_ref().map(|kind| &*kind.label.name))
            .put("complete", self.is_complete())
            .put("locked", self.release.locked)
            .put("deleted", self.release.deleted)
            .put("valid", !self.release.invalid)
            .links(links)
    }
}

impl Row for Set {
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "version",
        "description",
        "type",
        "type.key",
        "type.name",
        "complete",
        "valid",
        "locked",
        "tag",
        "tag.name",
        "module",
        "module.id",
        "metadata.",
        "createdat",
        "createdby",
        "lastmodifiedat",
        "lastmodifiedby",
    ];

    fn values(&self, field: &str, key: &str) -> Vec<Value> {
        let Release { about, trail, .. } = &self.release;
        match field {
            "id" => list::number(self.release.id.get()),
            "name" => list::text(&self.release.name),
            "version" => list::text(self.release.version.as_str()),
            "description" => list::some_text(about.description.as_deref()),
            "type" | "type.key" => list::some_text(self.kind.as_ref().and_then(|kind| kind.what.key())),
            "type.name" => list::some_text(self.kind.as_ref().map(|kind| &*kind.label.name)),
            "complete" => list::flag(self.is_complete()),
            "valid" => list::flag(!self.release.invalid),
            "locked" => list::flag(self.release.locked),
            "tag" | "tag.name" => self.tags.iter().flat_map(|tag| list::text(tag)).collect(),
            "module" | "module.id" => {
                self.release.images.iter().flat_map(|image| list::number(image.get())).collect()
            }
            "metadata." => list::some_text(about.metadata.get(key).map(|meta| &*meta.value)),
            _ => list::trail(trail, field),
        }
    }
}

/// The release that a path names.
///
/// # Errors
/// 404 or 400.
pub fn release_id(text: &str) -> Result<ReleaseId, Fault> {
    id("DistributionSet", text, ReleaseId::parse)
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    let found = desk.sets(Wanted::of::<Set>(&desk)?, |_| true).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|set| set.shape(&desk)).collect(), found.total)))
}

async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let new: Vec<NewSet> = sent.many()?;
    let kinds = desk.items(Section::ReleaseTypes).await?;
    let releases = new.iter().map(|new| new.release(&kinds)).collect::<Result<_, _>>()?;
    let made = desk.add_releases(releases).await?;
    Ok(desk.created(&made.iter().map(|set| set.shape(&desk)).collect::<Vec<_>>()))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    Ok(desk.ok(&desk.set(release_id(&text)?).await?.shape(&desk)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: SetChange = sent.one()?;
    let id = release_id(&text)?;
    desk.change_release(id, ReleaseChange::Several(change.changes()?)).await?;
    Ok(desk.ok(&desk.set(id).await?.shape(&desk)))
}

async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    desk.remove_release(release_id(&text)?).await?;
    Ok(nothing())
}

async fn invalidate(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let said: Invalidation = match sent.is_empty() {
        true => Invalidation::default(),
        false => sent.one()?,
    };
    let cancel = said.action_cancelation_type.and_then(CancelType::forced);
    let set = desk.set(release_id(&text)?).await?;
    if !set.is_complete() {
        return Err(Fault::new(Kind::Incomplete, "an incomplete set cannot be invalidated"));
    }
    let stop = cancel.is_some() || said.cancel_rollouts.unwrap_or(false);
    desk.change_release(set.release.id, ReleaseChange::Invalidate { stop, cancel }).await?;
    Ok(nothing())
}

async fn list_modules(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let set = desk.set(release_id(&text)?).await?;
    let found = desk.pick(set.modules).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|module| module.shape(&desk)).collect(), found.total)))
}

async fn add_modules(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let named: Vec<ModuleRef> = sent.any()?;
    let images = named.iter().map(ModuleRef::image).collect::<Result<_, _>>()?;
    desk.change_release(release_id(&text)?, ReleaseChange::AddImages(images)).await?;
    Ok(nothing())
}

async fn remove_module(desk: Desk, At((text, module)): At<(String, String)>) -> Result<Response, Fault> {
    let change = ReleaseChange::RemoveImage(image_id(&module)?);
    desk.change_release(release_id(&text)?, change).await?;
    Ok(nothing())
}

async fn list_metadata(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let release = desk.release(release_id(&text)?).await?;
    let found = desk.pick(metadata::entries(&release.about.metadata, false)).await?;
    Ok(desk.ok(&page(found.rows.iter().map(metadata::Entry::shape).collect(), found.total)))
}

async fn add_metadata(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let release = desk.release(release_id(&text)?).await?;
    let new: Vec<NewEntry> = sent.many()?;
    let new = new.iter().map(NewEntry::unseen).collect::<Result<Vec<_>, _>>()?;
    metadata::refuse_taken(&metadata::entries(&release.about.metadata, false), &new)?;
    let change =
        |entry: &metadata::Entry| ReleaseChange::Metadata(entry.key.clone(), Some(entry.value.clone()));
    desk.change_release(release.id, ReleaseChange::Several(new.iter().map(change).collect())).await?;
    Ok(desk.created(&new.iter().map(metadata::Entry::shape).collect::<Vec<_>>()))
}

async fn show_metadata(desk: Desk, At((text, key)): At<(String, String)>) -> Result<Response, Fault> {
    let release = desk.release(release_id(&text)?).await?;
    Ok(desk.ok(&metadata::find(metadata::entries(&release.about.metadata, false), &key)?.shape()))
}

async fn change_metadata(
    desk: Desk,
    At((text, key)): At<(String, String)>,
    sent: Sent,
) -> Result<Response, Fault> {
    let release = desk.release(release_id(&text)?).await?;
    let old = metadata::find(metadata::entries(&release.about.metadata, false), &key)?;
    let new = sent.one::<NewEntry>()?.with_key(&key, Some(&old))?;
    let change = ReleaseChange::Metadata(key.into(), Some(new.value.clone()));
    desk.change_release(release.id, change).await?;
    Ok(desk.ok(&metadata::Entry { visible: None, ..new }.shape()))
}

async fn remove_metadata(desk: Desk, At((text, key)): At<(String, String)>) -> Result<Response, Fault> {
    let release = desk.release(release_id(&text)?).await?;
    metadata::find(metadata::entries(&release.about.metadata, false), &key)?;
    desk.change_release(release.id, ReleaseChange::Metadata(key.into(), None)).await?;
    Ok(nothing())
}
