//! Putting uploads on the shelf of artifacts, and taking from it what nothing refers to any more.
//!
//! An upload becomes a file only when all of it is here, and stays one only when its row is committed. Files are
//! removed only while no upload stands between its file and its row: two images may share one file.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedRwLockReadGuard, OwnedSemaphorePermit, RwLock, Semaphore, mpsc};
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::ApiError;
use crate::domain::image::Sha256;
use crate::engine::Engine;
use crate::engine::call::{Call, NewArtifact, Reply};
use crate::engine::query::Reader;
use crate::store::artifacts::{ArtifactError, ArtifactFile, Artifacts, Stored, Upload};

/// The most uploads at once: each holds a blocking thread and some descriptors, and the disk is one.
const UPLOADS_MAX: usize = 16;
/// How many pieces wait for the disk: at 64 KiB each, half a megabyte for one upload.
const PIECES: usize = 8;

/// The artifacts with what uploads and removals have to agree on.
#[derive(Debug)]
pub struct Shelf {
    artifacts: Arc<Artifacts>,
    reader: Reader,
    upload_max_bytes: u64,
    slots: Arc<Semaphore>,
    /// Shared between a file's name and the commit of its row, exclusive while files are removed.
    settled: Arc<RwLock<()>>,
}

/// A file on its way to the disk.
#[derive(Debug)]
pub struct Incoming {
    pieces: mpsc::Sender<Bytes>,
    writer: JoinHandle<Result<Upload, ArtifactError>>,
}

/// A file that has arrived and has no name yet. Dropping it removes it.
#[derive(Debug)]
pub struct Arrived {
    /// The name that the uploader gave.
    pub name: Box<str>,
    /// The file.
    pub upload: Upload,
}

impl Shelf {
    /// The shelf of these artifacts; an image may have `upload_max_bytes` in all its files.
    pub fn new(artifacts: Arc<Artifacts>, reader: Reader, upload_max_bytes: u64) -> Self {
        let slots = Arc::new(Semaphore::new(UPLOADS_MAX));
        Shelf { artifacts, reader, upload_max_bytes, slots, settled: Arc::default() }
    }

    /// The largest upload of one image in bytes.
    pub fn upload_max_bytes(&self) -> u64 {
        self.upload_max_bytes
    }

    /// A place among the uploads under way.
    ///
    /// # Errors
    /// 503 when there are too many.
    pub fn slot(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.slots).try_acquire_owned().map_err(|_| ApiError::busy())
    }

    /// Begins a file of at most `limit` bytes.
    pub fn begin(&self, limit: u64) -> Incoming {
        let artifacts = Arc::clone(&self.artifacts);
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(PIECES);
        let writer = spawn_blocking(move || {
            let mut upload = artifacts.begin(limit)?;
            while let Some(bytes) = waiting.blocking_recv() {
                upload.write(&bytes)?;
            }
            Ok(upload)
        });
        Incoming { pieces, writer }
    }

    /// Names the files, has the engine carry out the call that is made of them, and takes the files back when it
    /// refuses. Runs to its end even when the client goes away.
    ///
    /// # Errors
    /// The engine's refusal, or 507 and 500 when the disk fails.
    pub async fn keep(
        self: &Shelf,
        engine: &Engine,
        files: Vec<Arrived>,
        call: impl FnOnce(Vec<NewArtifact>) -> Call + Send + 'static,
    ) -> Result<Reply, ApiError> {
        let (engine, settled) = (engine.clone(), Arc::clone(&self.settled));
        let (artifacts, reader) = (Arc::clone(&self.artifacts), self.reader.clone());
        let whole = tokio::spawn(async move {
            let shared = Arc::clone(&settled).read_owned().await;
            let (named, failed) = name_all(files).await;
            let sums: Vec<Sha256> = named.iter().map(|file| file.sha256).collect();
            let result = match failed {
                Some(error) => Err(error),
                None => engine.call(call(named)).await.map_err(ApiError::from),
            };
            drop(shared);
            if result.is_err() {
                remove(artifacts, reader, settled, sums).await;
            }
            result
        });
        whole.await.map_err(|panic| ApiError::internal(&panic))?
    }

    /// While this is held, no file is removed: what is looked up stays there until its row is committed.
    pub async fn hold(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.settled).read_owned().await
    }

    /// Removes those of the files that nothing refers to.
    pub async fn remove(&self, files: Vec<Sha256>) {
        if files.is_empty() {
            return;
        }
        let (artifacts, reader) = (Arc::clone(&self.artifacts), self.reader.clone());
        let removing = tokio::spawn(remove(artifacts, reader, Arc::clone(&self.settled), files));
        if let Err(error) = removing.await {
            tracing::error!(%error, "removing artifacts failed");
        }
    }

    /// Opens an artifact; none when there is no such file.
    ///
    /// # Errors
    /// 500 when the disk fails.
    pub async fn open(&self, sha256: Sha256) -> Result<Option<ArtifactFile>, ApiError> {
        if let Some(file) = self.artifacts.at_hand(&sha256) {
            return Ok(Some(file));
        }
        let artifacts = Arc::clone(&self.artifacts);
        let opened = spawn_blocking(move || artifacts.get(&sha256)).await;
        Ok(opened.map_err(|panic| ApiError::internal(&panic))??)
    }
}

impl Incoming {
    /// Adds bytes; waits while the disk is behind.
    ///
    /// # Errors
    /// 413 when they are too many, 507 when the disk is full, 500 when it fails.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ApiError> {
        if self.pieces.send(bytes).await.is_ok() {
            return Ok(());
        }
        // The writer has ended before its time; what it returns says why.
        match (&mut self.writer).await {
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(_)) => Err(ApiError::busy()),
            Err(panic) => Err(ApiError::internal(&panic)),
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`Incoming::write`].
    pub async fn end(self, name: Box<str>) -> Result<Arrived, ApiError> {
        drop(self.pieces);
        let upload = self.writer.await.map_err(|panic| ApiError::internal(&panic))??;
        Ok(Arrived { name, upload })
    }
}

/// Gives every file its name on disk. On failure, says which were named already.
async fn name_all(files: Vec<Arrived>) -> (Vec<NewArtifact>, Option<ApiError>) {
    let mut named = Vec::with_capacity(files.len());
    for Arrived { name, upload } in files {
        match spawn_blocking(move || upload.finish()).await {
            Ok(Ok(Stored { sha256, sha1, md5, size })) => {
                named.push(NewArtifact { name, size, sha256, sha1, md5 });
            }
            Ok(Err(error)) => return (named, Some(error.into())),
            Err(panic) => return (named, Some(ApiError::internal(&panic))),
        }
    }
    (named, None)
}

/// A file that cannot be removed costs room and nothing else: the next start sweeps it, so failures are only told.
async fn remove(artifacts: Arc<Artifacts>, reader: Reader, settled: Arc<RwLock<()>>, files: Vec<Sha256>) {
    let alone = settled.write_owned().await;
    let removing = spawn_blocking(move || {
        let _alone = alone;
        let needed = reader.artifacts()?;
        for file in files.iter().filter(|file| !needed.contains(file)) {
            if let Err(error) = artifacts.remove(file) {
                tracing::warn!(%error, "an artifact that nothing needs stays on disk");
            }
        }
        Ok::<(), crate::engine::query::StoreError>(())
    });
    match removing.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "artifacts that nothing needs stay on disk"),
        Err(error) => tracing::error!(%error, "removing artifacts failed"),
    }
}
