//! Artifact files, named by their SHA-256 sum.
//!
//! A file is visible under its name only when all of it is on disk, and never changes afterwards. Names that clients
//! give never reach the file system. The calls block: they belong on a thread that may wait for the disk.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::Digest;

use super::room;
use crate::domain::image::Sha256;

/// How many files are kept open: a fleet is brought few images at a time, and each costs a descriptor.
const OPEN_MAX: usize = 32;

/// Why an artifact cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The upload is larger than this server takes.
    #[error("the artifact is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// There is no room on the disk.
    #[error("the disk is full")]
    Full {
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The file system refuses.
    #[error("the artifacts' folder: cannot {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        cause: io::Error,
    },
}

/// A folder of artifacts: `<first two digits>/<all 64 digits>`, and `tmp` for uploads under way.
#[derive(Debug)]
pub struct Artifacts {
    root: PathBuf,
    /// Bytes of the disk that uploads leave free.
    reserve: u64,
    uploads: AtomicU64,
    /// Files that were asked for lately. They never change, so that an open one is as good as the one on disk.
    open: Mutex<HashMap<Sha256, ArtifactFile>>,
}

/// An upload under way. Dropping it removes what there is of it.
#[derive(Debug)]
pub struct Upload {
    file: File,
    temporary: PathBuf,
    root: PathBuf,
    sha256: sha2::Sha256,
    sha1: sha1::Sha1,
    md5: md5::Md5,
    size: u64,
    limit: u64,
    reserve: u64,
    /// Bytes that may be written before the disk is looked at again.
    unchecked: u64,
}

/// What an upload turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The name under which it is kept.
    pub sha256: Sha256,
    /// Its SHA-1 sum.
    pub sha1: [u8; 20],
    /// Its MD5 sum.
    pub md5: [u8; 16],
    /// Its size in bytes.
    pub size: u64,
}

/// An artifact to read from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ArtifactFile {
    file: Arc<File>,
    len: u64,
}

impl Artifacts {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] when it cannot be made.
    pub fn open(root: &Path) -> Result<Artifacts, ArtifactError> {
        fs::create_dir_all(root.join("tmp")).map_err(failed("make it"))?;
        let (root, open) = (root.to_path_buf(), Mutex::default());
        Ok(Artifacts { root, reserve: 0, uploads: AtomicU64::new(0), open })
    }

    /// Has uploads leave so many bytes of the disk free: what they would take, the next commit would miss.
    pub fn leaving_free(self, reserve: u64) -> Artifacts {
        Artifacts { reserve, ..self }
    }

    /// Begins an upload of at most `limit` bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Full`] or [`ArtifactError::Io`] when there can be no file.
    pub fn begin(&self, limit: u64) -> Result<Upload, ArtifactError> {
        let (file, temporary) = self.temporary()?;
        Ok(Upload {
            file,
            temporary,
            root: self.root.clone(),
            sha256: Default::default(),
            sha1: Default::default(),
            md5: Default::default(),
            size: 0,
            limit,
            reserve: self.reserve,
            unchecked: 0,
        })
    }

    /// A file that nobody else has. A process before this one may have left some behind, so names can be taken.
    fn temporary(&self) -> Result<(File, PathBuf), ArtifactError> {
        loop {
            let number = self.uploads.fetch_add(1, Ordering::Relaxed);
            let path = self.root.join("tmp").join(number.to_string());
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, path)),
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(failed("make a file")(cause)),
            }
        }
    }

    /// Opens an artifact; none when there is no such file.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] when it cannot be read.
    pub fn get(&self, sha256: &Sha256) -> Result<Option<ArtifactFile>, ArtifactError> {
        if let Some(file) = self.at_hand(sha256) {
            return Ok(Some(file));
        }
        let path = path(&self.root, sha256);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed("open a file")(cause)),
        };
        let len = file.metadata().map_err(failed("read the size of a file"))?.len();
        let file = ArtifactFile { file: Arc::new(file), len };
        self.keep_open(*sha256, &file);
        // It may have been removed in the meantime, by someone who did not find it open.
        if !path.exists() {
            self.open_files().remove(sha256);
        }
        Ok(Some(file))
    }

    /// The artifact, if it is open already: this one call never waits for the disk.
    pub fn at_hand(&self, sha256: &Sha256) -> Option<ArtifactFile> {
        self.open_files().get(sha256).cloned()
    }

    fn keep_open(&self, sha256: Sha256, file: &ArtifactFile) {
        let mut open = self.open_files();
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(sha256, file.clone());
    }

    fn open_files(&self) -> MutexGuard<'_, HashMap<Sha256, ArtifactFile>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes an artifact, if it is there. Whoever reads it now reads on.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] when it cannot be removed.
    pub fn remove(&self, sha256: &Sha256) -> Result<(), ArtifactError> {
        let removed = match fs::remove_file(path(&self.root, sha256)) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => Err(failed("remove a file")(cause)),
            Err(_) | Ok(()) => Ok(()),
        };
        // As long as it is open it takes room.
        self.open_files().remove(sha256);
        removed
    }

    /// Removes what uploads left behind and every artifact that is not `referenced`, and returns how many files
    /// that were. For the start only: later, a file may be waiting for the commit of its row. Files with names
    /// that this program does not give are left alone.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] when the folder cannot be read or a file cannot be removed.
    pub fn sweep(&self, referenced: &BTreeSet<Sha256>) -> Result<usize, ArtifactError> {
        let mut leftovers: Vec<PathBuf> = list(&self.root.join("tmp"))?.iter().map(DirEntry::path).collect();
        for folder in list(&self.root)? {
            if folder.file_name().len() == 2 && folder.path().is_dir() {
                let unreferenced = list(&folder.path())?.into_iter().filter(|file| {
                    let sum = file.file_name().to_str().and_then(Sha256::parse);
                    sum.is_some_and(|sum| !referenced.contains(&sum))
                });
                leftovers.extend(unreferenced.map(|file| file.path()));
            }
        }
        for leftover in &leftovers {
            fs::remove_file(leftover).map_err(failed("remove a file"))?;
        }
        Ok(leftovers.len())
    }
}

impl Upload {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`ArtifactError::TooLarge`] when they are more than the limit; [`ArtifactError::Full`] or
    /// [`ArtifactError::Io`] when they cannot be written. The upload is of no use after an error.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > self.limit {
            return Err(ArtifactError::TooLarge { limit: self.limit });
        }
        self.check_room(bytes.len() as u64)?;
        self.sha256.update(bytes);
        self.sha1.update(bytes);
        self.md5.update(bytes);
        self.file.write_all(bytes).map_err(failed("write a file"))
    }

    /// Looks at the disk every MiB: asking costs a system call, and a MiB is small beside any reserve.
    fn check_room(&mut self, bytes: u64) -> Result<(), ArtifactError> {
        if self.unchecked < bytes {
            if room(&self.root) < self.reserve.saturating_add(bytes) {
                return Err(ArtifactError::Full { cause: ErrorKind::StorageFull.into() });
            }
            self.unchecked = 1 << 20;
        }
        self.unchecked = self.unchecked.saturating_sub(bytes);
        Ok(())
    }

    /// What the upload would turn out to be if it ended here: some sums are to be checked before it has a name.
    pub fn so_far(&self) -> Stored {
        Stored {
            sha256: Sha256(self.sha256.clone().finalize().into()),
            sha1: self.sha1.clone().finalize().into(),
            md5: self.md5.clone().finalize().into(),
            size: self.size,
        }
    }

    /// Ends the upload. When this returns without an error, the artifact is on disk under its name; an artifact
    /// that was there before is replaced by its equal.
    ///
    /// # Errors
    /// [`ArtifactError::Full`] or [`ArtifactError::Io`] when it cannot be brought to disk.
    pub fn finish(self) -> Result<Stored, ArtifactError> {
        let stored = self.so_far();
        let path = path(&self.root, &stored.sha256);
        let folder = path.parent().expect("a path that was joined has a parent");
        self.file.sync_all().map_err(failed("bring a file to disk"))?;
        fs::create_dir_all(folder).map_err(failed("make a folder"))?;
        fs::rename(&self.temporary, &path).map_err(failed("give a file its name"))?;
        // The name is in the folder, and the folder's name may be new in the root.
        sync_folder(folder)?;
        sync_folder(&self.root)?;
        Ok(stored)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After `finish` it has another name; after a failure here the next sweep removes it.
        let _ = fs::remove_file(&self.temporary);
    }
}

impl ArtifactFile {
    /// Its size in bytes.
    #[allow(clippy::len_without_is_empty)] // An artifact of no bytes is nothing special.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Fills the buffer from `offset` if that takes no wait for the disk; otherwise says that it did not, and what is
    /// in the buffer means nothing. May be called where nothing may wait.
    pub fn read_at_once(&self, offset: u64, buffer: &mut [u8]) -> bool {
        read_cached(&self.file, offset, buffer) == Some(buffer.len())
    }

    /// Reads from `offset` until the buffer is full or the file ends, and returns how many bytes that were.
    /// Takes no position with it, so that many may read at once.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] when it cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ArtifactError> {
        if offset >= self.len {
            return Ok(0);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(failed("read a file")(cause)),
            }
        }
        Ok(filled)
    }
}

/// Reads what the system has in memory, and does not wait for the rest (preadv2(2), `RWF_NOWAIT`).
#[cfg(target_os = "linux")]
fn read_cached(file: &File, offset: u64, buffer: &mut [u8]) -> Option<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    preadv2(file, &mut [io::IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT).ok()
}

/// Only Linux can say.
#[cfg(not(target_os = "linux"))]
fn read_cached(_: &File, _: u64, _: &mut [u8]) -> Option<usize> {
    None
}

fn path(root: &Path, sha256: &Sha256) -> PathBuf {
    let name = sha256.to_string();
    root.join(&name[..2]).join(&name)
}

fn list(folder: &Path) -> Result<Vec<DirEntry>, ArtifactError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect);
    entries.map_err(failed("list a folder"))
}

fn sync_folder(folder: &Path) -> Result<(), ArtifactError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("bring a folder to disk"))
}

/// Wraps what the system says; a full disk is told apart, because an operator can do something about it.
fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> ArtifactError {
    move |cause| match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ArtifactError::Full { cause },
        _ => ArtifactError::Io { doing, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_a_broken_one() {
        let table = [
            (ErrorKind::StorageFull, "the disk is full"),
            (ErrorKind::QuotaExceeded, "the disk is full"),
            (ErrorKind::PermissionDenied, "the artifacts' folder: cannot write a file"),
        ];
        for (kind, expected) in table {
            assert_eq!(failed("write a file")(kind.into()).to_string(), expected);
        }
    }
}
