//! `/softwaremodules`: images of every product, which whoever assigns them fits to devices.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::desk::{At, Desk, id, nothing};
use super::fields;
use super::list::{self, Row, Wanted};
use super::metadata::{self, NewEntry};
use super::sent::Sent;
use super::shape::{Shape, page};
use super::types::Types;
use crate::domain::filter::Value;
use crate::domain::ids::ImageId;
use crate::domain::image::{About, Image, Products};
use crate::domain::offer::Rules;
use crate::engine::call::{ImageChange, NewImage};
use crate::http::Door;
use crate::http::hawkbit::{Fault, Kind};

/// The longest vendor, in characters (hawkBit's).
const VENDOR_MAX: usize = 256;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/softwaremodules", get(list).post(add))
        .route("/softwaremodules/{id}", get(show).put(change).delete(remove))
        .route("/softwaremodules/{id}/metadata", get(list_metadata).post(add_metadata))
        .route(
            "/softwaremodules/{id}/metadata/{key}",
            get(show_metadata).put(change_metadata).delete(remove_metadata),
        )
}

/// An image with the name of its type.
#[derive(Debug, Clone)]
pub struct Module {
    /// The image.
    pub image: Image,
    /// The key of its type.
    pub type_key: String,
    /// What people call its type.
    pub type_name: String,
}

#[derive(Debug, Deserialize)]
struct NewModule {
    name: String,
    version: String,
    r#type: String,
    description: Option<String>,
    vendor: Option<String>,
    #[serde(default)]
    encrypted: bool,
}

#[derive(Debug, Deserialize)]
struct ModuleChange {
    description: Option<String>,
    vendor: Option<String>,
    locked: Option<bool>,
}

impl NewModule {
    fn image(&self, types: &Types) -> Result<NewImage, Fault> {
        let kind = types.by_key(&self.r#type)?;
        let about = About {
            description: fields::description(self.description.as_deref())?,
            vendor: fields::some_text("vendor", self.vendor.as_deref(), VENDOR_MAX)?,
            ..About::default()
        };
        Ok(NewImage {
            name: Some(fields::name(&self.name)?),
            products: Products::Any,
            kind,
            version: fields::version(&self.version)?,
            files: Vec::new(),
            rules: Rules::default(),
            about,
            tags: Default::default(),
            encrypted: self.encrypted,
            offered: false,
        })
    }
}

impl ModuleChange {
    fn changes(&self, image: &Image) -> Result<Vec<ImageChange>, Fault> {
        let description = fields::description(self.description.as_deref())?;
        let vendor = fields::some_text("vendor", self.vendor.as_deref(), VENDOR_MAX)?;
        let mut changes = vec![ImageChange::Describe { description, vendor }];
        match self.locked {
            Some(true) if !image.locked => changes.push(ImageChange::Lock),
            Some(false) if image.locked => {
                return Err(Fault::new(Kind::Locked, "a locked module stays locked"));
            }
            Some(_) | None => {}
        }
        Ok(changes)
    }
}

impl Module {
    /// Its JSON.
    pub fn shape(&self, desk: &Desk) -> Shape {
        let Image { id, about, .. } = &self.image;
        let links = desk
            .links(&format!("softwaremodules/{id}"))
            .below("artifacts", "artifacts")
            .to("type", &format!("softwaremoduletypes/{}", self.image.kind))
            .below("metadata", "metadata?offset=0&limit=50");
        Shape::new()
            .trail(&self.image.trail)
            .put("name", &*self.image.name)
            .put("description", about.description.as_deref())
            .put("id", id.get())
            .put("version", self.image.version.as_str())
            .put("type", self.type_key.as_str())
            .put("typeName", self.type_name.as_str())
            .put("vendor", about.vendor.as_deref())
            .put("encrypted", self.image.encrypted)
            .put("locked", self.image.locked)
            .put("deleted", self.image.deleted)
            .links(links)
    }
}

impl Row for Module {
    const FIELDS: &'static [&'static str] = &[
        "id",
        "name",
        "version",
        "type",
        "type.key",
        "type.name",
        "description",
        "vendor",
        "encrypted",
        "locked",
        "createdat",
        "createdby",
        "lastmodifiedat",
        "lastmodifiedby",
        "metadata.",
    ];

    fn values(&self, field: &str, key: &str) -> Vec<Value> {
        let Image { about, trail, .. } = &self.image;
        match field {
            "id" => list::number(self.image.id.get()),
            "name" => list::text(&self.image.name),
            "version" => list::text(self.image.version.as_str()),
            "type" | "type.key" => list::text(&self.type_key),
            "type.name" => list::text(&self.type_name),
            "description" => list::some_text(about.description.as_deref()),
            "vendor" => list::some_text(about.vendor.as_deref()),
            "encrypted" => list::flag(self.image.encrypted),
            "locked" => list::flag(self.image.locked),
            "metadata." => list::some_text(about.metadata.get(key).map(|meta| &*meta.value)),
            _ => list::trail(trail, field),
        }
    }
}

async fn list(desk: Desk) -> Result<Response, Fault> {
    let found = desk.modules(Wanted::of::<Module>(&desk)?).await?;
    Ok(desk.ok(&page(found.rows.iter().map(|module| module.shape(&desk)).collect(), found.total)))
}

async fn add(desk: Desk, sent: Sent) -> Result<Response, Fault> {
    let types = desk.types().await?;
    let new: Vec<NewModule> = sent.many()?;
    let images = new.iter().map(|new| new.image(&types)).collect::<Result<Vec<_>, _>>()?;
    let made = desk.add_images(images).await?;
    let made: Vec<Shape> = made.into_iter().map(|image| types.module(image).shape(&desk)).collect();
    Ok(desk.created(&made))
}

async fn show(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let module = desk.module(image_id(&text)?).await?;
    Ok(desk.ok(&module.shape(&desk)))
}

async fn change(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let change: ModuleChange = sent.one()?;
    let image = desk.image(image_id(&text)?).await?;
    desk.change_image(image.id, ImageChange::Several(change.changes(&image)?)).await?;
    Ok(desk.ok(&desk.module(image.id).await?.shape(&desk)))
}

async fn remove(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    desk.remove_image(image_id(&text)?).await?;
    Ok(nothing())
}

async fn list_metadata(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let image = desk.image(image_id(&text)?).await?;
    let found = desk.pick(metadata::entries(&image.about.metadata, true)).await?;
    Ok(desk.ok(&page(found.rows.iter().map(metadata::Entry::shape).collect(), found.total)))
}

async fn add_metadata(desk: Desk, At(text): At<String>, sent: Sent) -> Result<Response, Fault> {
    let image = desk.image(image_id(&text)?).await?;
    let new: Vec<NewEntry> = sent.many()?;
    let new = new.iter().map(NewEntry::entry).collect::<Result<Vec<_>, _>>()?;
    metadata::refuse_taken(&metadata::entries(&image.about.metadata, true), &new)?;
    let change = |entry: &metadata::Entry| ImageChange::Metadata(entry.key.clone(), Some(entry.metadata()));
    desk.change_image(image.id, ImageChange::Several(new.iter().map(change).collect())).await?;
    Ok(desk.created(&new.iter().map(metadata::Entry::shape).collect::<Vec<_>>()))
}

async fn show_metadata(desk: Desk, At((text, key)): At<(String, String)>) -> Result<Response, Fault> {
    let image = desk.image(image_id(&text)?).await?;
    Ok(desk.ok(&metadata::find(metadata::entries(&image.about.metadata, true), &key)?.shape()))
}

async fn change_metadata(
    desk: Desk,
    At((text, key)): At<(String, String)>,
    sent: Sent,
) -> Result<Response, Fault> {
    let image = desk.image(image_id(&text)?).await?;
    let old = metadata::find(metadata::entries(&image.about.metadata, true), &key)?;
    let new = sent.one::<NewEntry>()?.with_key(&key, Some(&old))?;
    desk.change_image(image.id, ImageChange::Metadata(key.into(), Some(new.metadata()))).await?;
    Ok(desk.ok(&new.shape()))
}

async fn remove_metadata(desk: Desk, At((text, key)): At<(String, String)>) -> Result<Response, Fault> {
    let image = desk.image(image_id(&text)?).await?;
    metadata::find(metadata::entries(&image.about.metadata, true), &key)?;
    desk.change_image(image.id, ImageChange::Metadata(key.into(), None)).await?;
    Ok(nothing())
}

/// The image that a path names.
///
/// # Errors
/// 404 or 400.
pub fn image_id(text: &str) -> Result<ImageId, Fault> {
    id("SoftwareModule", text, ImageId::parse)
}
