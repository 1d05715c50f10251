//! `/softwaremodules/{id}/artifacts`: the files of a module, in and out.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_RANGE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::get;

use super::carry::refused;
use super::desk::{At, Desk, id, nothing};
use super::modules::image_id;
use super::shape::Shape;
use crate::domain::ids::{ArtifactId, ImageId};
use crate::domain::image::{Artifact, Image, hex};
use crate::engine::call::ImageChange;
use crate::http::Door;
use crate::http::downloads::{Undelivered, attachment, deliver, no_range};
use crate::http::hawkbit::{Fault, Kind};
use crate::http::range::{Plan, plan_or};
use crate::http::request;
use crate::http::shelf::Arrived;
use crate::store::artifacts::Stored;

/// What a form may have beyond its file: the heads of its parts and the fields.
const FORM_OVERHEAD: u64 = 64 * 1024;
/// The longest field of a form that is no file: a name has 255 bytes, a sum 64.
const FIELD_MAX: usize = 1024;
/// The longest file name in bytes, as in common file systems.
const FILE_NAME_MAX: usize = 255;

pub(super) fn routes() -> Router<Arc<Door>> {
    let upload = DefaultBodyLimit::disable();
    Router::new()
        .route("/softwaremodules/{id}/artifacts", get(list).post(add).layer(upload))
        .route("/softwaremodules/{id}/artifacts/{artifact}", get(show).delete(remove))
        .route("/softwaremodules/{id}/artifacts/{artifact}/download", get(download))
}

/// What an upload says about its file, in the query or in fields of the form.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    filename: Option<String>,
    md5sum: Option<String>,
    sha1sum: Option<String>,
    sha256sum: Option<String>,
}

impl Said {
    fn of(desk: &Desk) -> Said {
        let said = |name: &str| desk.parameter(name).map(str::to_owned);
        Said {
            filename: said("filename"),
            md5sum: said("md5sum"),
            sha1sum: said("sha1sum"),
            sha256sum: said("sha256sum"),
        }
    }

    /// The place of a field of the form; none for those that nobody knows.
    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "filename" => Some(&mut self.filename),
            "md5sum" => Some(&mut self.md5sum),
            "sha1sum" => Some(&mut self.sha1sum),
            "sha256sum" => Some(&mut self.sha256sum),
            _ => None,
        }
    }

    /// Holds the file against what was said about it.
    fn check(&self, sums: &Stored) -> Result<(), Fault> {
        let table = [
            (&self.sha1sum, hex(&sums.sha1), Kind::Sha1, "SHA-1"),
            (&self.md5sum, hex(&sums.md5), Kind::Md5, "MD5"),
            (&self.sha256sum, sums.sha256.to_string(), Kind::Sha256, "SHA-256"),
        ];
        for (said, found, kind, name) in table {
            if said.as_ref().is_some_and(|said| !said.eq_ignore_ascii_case(&found)) {
                return Err(Fault::new(kind, format!("the file has another {name} sum: {found}")));
            }
        }
        Ok(())
    }
}

fn artifact_id(text: &str) -> Result<ArtifactId, Fault> {
    id("Artifact", text, ArtifactId::parse)
}

fn shape(desk: &Desk, image: &Image, artifact: &Artifact) -> Shape {
    let path = format!("softwaremodules/{}/artifacts/{}", image.id, artifact.id);
    let hashes = Shape::new()
        .put("sha1", hex(&artifact.sha1))
        .put("md5", hex(&artifact.md5))
        .put("sha256", artifact.sha256.to_string());
    Shape::new()
        .trail(&image.trail)
        .put("id", artifact.id.get())
        .put("hashes", hashes)
        .put("providedFilename", &*artifact.name)
        .put("size", artifact.size)
        .links(desk.links(&path).below("download", "download"))
}

async fn list(desk: Desk, At(text): At<String>) -> Result<Response, Fault> {
    let image = desk.image(image_id(&text)?).await?;
    let shapes: Vec<Shape> = image.artifacts.iter().map(|artifact| shape(&desk, &image, artifact)).collect();
    Ok(desk.ok(&shapes))
}

async fn show(desk: Desk, At((text, artifact)): At<(String, String)>) -> Result<Response, Fault> {
    let image = desk.image(image_id(&text)?).await?;
    let id = artifact_id(&artifact)?;
    let found = image.artifacts.iter().find(|artifact| artifact.id == id);
    let artifact = found.ok_or_else(|| Fault::missing("Artifact", id))?;
    Ok(desk.ok(&shape(&desk, &image, artifact)))
}

async fn remove(desk: Desk, At((text, artifact)): At<(String, String)>) -> Result<Response, Fault> {
    let (image, artifact) = (image_id(&text)?, artifact_id(&artifact)?);
    desk.change_image(image, ImageChange::RemoveFile(artifact)).await?;
    Ok(nothing())
}

/// Answers 201 only when the file and its row are on disk.
async fn add(desk: Desk, At(text): At<String>, request: Request) -> Result<Response, Fault> {
    let id = image_id(&text)?;
    check_room(&desk, id).await?;
    let _slot = desk.shelf().slot()?;
    let (said, file) = form(&desk, request).await?;
    said.check(&file.upload.so_far())?;
    let artifact = desk.add_file(id, file).await?;
    Ok(desk.created_one(&shape(&desk, &desk.image(id).await?, &artifact)))
}

/// Refuses an upload before its bytes come, where that can be known.
async fn check_room(desk: &Desk, id: ImageId) -> Result<(), Fault> {
    let image = desk.image(id).await?;
    match (image.deleted, image.locked) {
        (true, _) => Err(Fault::missing("SoftwareModule", id)),
        (false, true) => Err(Fault::new(Kind::Locked, format!("software module {id} is locked"))),
        (false, false) => Ok(()),
    }
}

/// Reads a form with one `file`, and what is said about it.
async fn form(desk: &Desk, request: Request) -> Result<(Said, Arrived), Fault> {
    let limit = desk.shelf().upload_max_bytes();
    if !request::has_type(request.headers(), "multipart/form-data") {
        return Err(Fault::media_type("multipart/form-data"));
    }
    request::check_length(request.headers(), limit.saturating_add(FORM_OVERHEAD)).map_err(refused)?;
    let read = Multipart::from_request(request, &()).await;
    let mut multipart = read.map_err(|rejection| Fault::new(Kind::Upload, rejection.body_text()))?;
    let (mut said, mut file) = (Said::of(desk), None);
    while let Some(field) = multipart.next_field().await.map_err(|error| broken(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        match said.place(&name) {
            Some(place) => *place = Some(small(field).await?),
            None if name == "file" && file.is_none() => {
                let own = field.file_name().unwrap_or_default().to_owned();
                file = Some(take(desk, &own, said.filename.as_deref(), field).await?);
            }
            None => return Err(Fault::new(Kind::Upload, format!("the form has a field {name:?} too many"))),
        }
    }
    let mut file = file.ok_or_else(|| Fault::new(Kind::Upload, "the form has no file"))?;
    // The name may come behind the file.
    file.name = file_name(said.filename.as_deref().unwrap_or(&file.name))?;
    Ok((said, file))
}

async fn take(desk: &Desk, own: &str, said: Option<&str>, mut field: Field<'_>) -> Result<Arrived, Fault> {
    let name = said.unwrap_or(own);
    let mut incoming = desk.shelf().begin(desk.shelf().upload_max_bytes());
    while let Some(bytes) = field.chunk().await.map_err(|error| broken(&error))? {
        incoming.write(bytes).await.map_err(refused)?;
    }
    incoming.end(name.into()).await.map_err(refused)
}

async fn small(mut field: Field<'_>) -> Result<String, Fault> {
    let mut text = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(|error| broken(&error))? {
        if text.len() + bytes.len() > FIELD_MAX {
            return Err(Fault::new(Kind::Upload, "a field of the form is too long"));
        }
        text.extend_from_slice(&bytes);
    }
    String::from_utf8(text).map_err(|_| Fault::new(Kind::Upload, "a field of the form is not UTF-8"))
}

/// A name is metadata and part of devices' URLs, never a path of this machine.
fn file_name(text: &str) -> Result<Box<str>, Fault> {
    let fits = (1..=FILE_NAME_MAX).contains(&text.len()) && text != "." && text != "..";
    if fits && !text.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return Ok(text.into());
    }
    let message =
        format!("a file name has 1 to {FILE_NAME_MAX} bytes without slashes and control characters");
    Err(Fault::constraint(message))
}

/// A form that breaks off or is none. What the body's own pace says comes first.
fn broken(error: &MultipartError) -> Fault {
    let broken = request::broken(error);
    if broken.status() == StatusCode::REQUEST_TIMEOUT {
        return broken.into();
    }
    Fault::new(Kind::Upload, error.body_text())
}

async fn download(
    desk: Desk,
    At((text, artifact)): At<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let (_, artifact, file) = desk.file(image_id(&text)?, artifact_id(&artifact)?).await?;
    let size = file.len();
    let etag = format!("\"{}\"", hex(&artifact.sha1));
    let plan = plan_or(&headers, size, &etag, Plan::NotSatisfiable);
    let delivered = deliver(plan, &method, file, &etag).map_err(|undelivered| match undelivered {
        Undelivered::OtherFile => Fault::bare(StatusCode::PRECONDITION_FAILED),
        Undelivered::OutOfRange => {
            Fault::bare(StatusCode::RANGE_NOT_SATISFIABLE).with(CONTENT_RANGE, no_range(size))
        }
    });
    let mut response: Response<Body> = delivered?;
    response.headers_mut().insert(CONTENT_DISPOSITION, attachment(&artifact.name));
    Ok(response)
}
