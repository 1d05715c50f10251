//! Software modules are images of every product: whoever puts them into a set knows what it runs on.

use axum::http::StatusCode;

use super::other;
use crate::domain::ids::{ArtifactId, ImageId};
use crate::domain::image::{Artifact, Image};
use crate::engine::call::{Call, ImageChange, NewImage, Reply};
use crate::http::error::ApiError;
use crate::http::hawkbit::{Fault, Kind};
use crate::http::manage::desk::Desk;
use crate::http::manage::list::{STRIDE, Slice, Wanted, stride};
use crate::http::manage::modules::Module;
use crate::http::shelf::{Arrived, Shelf};
use crate::store::artifacts::ArtifactFile;

impl Desk {
    /// An image; removed ones stay addressable.
    pub async fn image(&self, id: ImageId) -> Result<Image, Fault> {
        let found = self.ask(move |reader, tenant| reader.image(tenant, id)).await?;
        found.ok_or_else(|| Fault::missing("SoftwareModule", id))
    }

    /// An image with its type.
    pub async fn module(&self, id: ImageId) -> Result<Module, Fault> {
        Ok(self.types().await?.module(self.image(id).await?))
    }

    /// The images that the request asks for; removed ones are not listed.
    pub async fn modules(&self, wanted: Wanted) -> Result<Slice<Module>, Fault> {
        let types = self.types().await?;
        self.list(wanted, move |reader, tenant, after| {
            let images = reader.images(tenant, after, STRIDE)?;
            let more = stride(&images, |image| image.id);
            let listed = images.into_iter().filter(|image| !image.deleted);
            Ok((listed.map(|image| types.module(image)).collect(), more))
        })
        .await
    }

    /// Makes images.
    pub async fn add_images(&self, images: Vec<NewImage>) -> Result<Vec<Image>, Fault> {
        // The engine refuses an empty list; to hawkBit it is nothing to do.
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::AddImages { tenant, images, by }).await? {
            Reply::Images { images, files: _ } => Ok(images),
            reply => Err(other(&reply)),
        }
    }

    /// Changes an image. Files that nothing needs any more are removed.
    pub async fn change_image(&self, image: ImageId, change: ImageChange) -> Result<Image, Fault> {
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        match self.call(Call::ChangeImage { tenant, image, change, by }).await? {
            Reply::Images { mut images, files } => {
                self.door.shelf.remove(files).await;
                images.pop().ok_or_else(|| Fault::missing("SoftwareModule", image))
            }
            reply => Err(other(&reply)),
        }
    }

    /// Removes an image; one that something refers to is marked as removed.
    pub async fn remove_image(&self, image: ImageId) -> Result<(), Fault> {
        match self.call(Call::RemoveImage { tenant: self.tenant.clone(), image, mark: true }).await? {
            Reply::Removed { files } => {
                self.door.shelf.remove(files).await;
                Ok(())
            }
            reply => Err(other(&reply)),
        }
    }

    /// Where uploads go.
    pub fn shelf(&self) -> &Shelf {
        &self.door.shelf
    }

    /// Adds a file to an image, all of it on disk.
    pub async fn add_file(&self, image: ImageId, file: Arrived) -> Result<Artifact, Fault> {
        let (tenant, by) = (self.tenant.clone(), self.by.clone());
        let name = file.name.clone();
        let add = move |files: Vec<_>| {
            let change = ImageChange::AddFile(files.into_iter().next().expect("one file was handed over"));
            Call::ChangeImage { tenant, image, change, by }
        };
        let reply = self.door.shelf.keep(&self.door.engine, vec![file], add).await.map_err(refused)?;
        match reply {
            Reply::Images { images, files } => {
                self.door.shelf.remove(files).await;
                let artifacts = images.into_iter().flat_map(|image| image.artifacts);
                let found = artifacts.into_iter().find(|artifact| artifact.name == name);
                found.ok_or_else(|| Fault::missing("Artifact", name))
            }
            reply => Err(other(&reply)),
        }
    }

    /// A file of an image with its bytes.
    pub async fn file(
        &self,
        image: ImageId,
        id: ArtifactId,
    ) -> Result<(Image, Artifact, ArtifactFile), Fault> {
        let image = self.image(image).await?;
        let found = image.artifacts.iter().find(|artifact| artifact.id == id).cloned();
        let artifact = found.ok_or_else(|| Fault::missing("Artifact", id))?;
        let lost = || Fault::new(Kind::BinaryDeleted, "the file is not there any more");
        let file = self.door.shelf.open(artifact.sha256).await?.ok_or_else(lost)?;
        Ok((image, artifact, file))
    }
}

/// What an upload is refused for, with hawkBit's codes.
pub(in crate::http::manage) fn refused(error: ApiError) -> Fault {
    match (error.status(), error.code()) {
        (StatusCode::PAYLOAD_TOO_LARGE, _) => Fault::new(Kind::FileSize, error.to_string()),
        (_, "no-such-image") => Fault::new(Kind::NotFound, error.to_string()),
        (_, "locked") => Fault::new(Kind::Locked, error.to_string()),
        (_, "named-twice") => Fault::new(Kind::AlreadyExists, error.to_string()),
        (StatusCode::BAD_REQUEST, _) => Fault::new(Kind::Upload, error.to_string()),
        _ => error.into(),
    }
}
