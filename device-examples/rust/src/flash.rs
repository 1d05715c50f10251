//! The flash: a folder with the slots `a.bin` and `b.bin`, and `running.json`, which says which one runs and what it
//! is. The running slot is never written to.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::link::Component;

pub struct Flash {
    folder: PathBuf,
    factory_version: String,
}

impl Flash {
    /// Opens the folder. Without it there is no device, so failing ends the process.
    pub fn open(folder: PathBuf, factory_version: String) -> Flash {
        fs::create_dir_all(&folder).expect("OTA_STATE names a folder that can be made");
        Flash { folder, factory_version }
    }

    /// What runs, as `hello` reports it: a text from the factory, number and version from the server.
    pub fn version(&self) -> Value {
        let running = self.running();
        if running["version"].is_null() {
            self.factory_version.as_str().into()
        } else {
            running["version"].clone()
        }
    }

    /// Where an image is gathered. It is named by its sum, so that a later attempt goes on with the right one.
    pub fn part(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.part"))
    }

    /// Holds what was fetched against what was promised. A wrong image is removed.
    pub fn check(&self, part: &Path, promised: &Component) -> io::Result<()> {
        let mut sum = Sha256::new();
        let size = io::copy(&mut File::open(part)?, &mut Sink(&mut sum))?;
        let found: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if size == promised.size && found == promised.sha256 {
            return Ok(());
        }
        fs::remove_file(part)?;
        Err(io::Error::other(format!("the image is not the one with sha256 {}", promised.sha256)))
    }

    /// Moves the image to the spare slot and makes that the running one. The last rename is the moment: before it
    /// the old image runs, after it the new one, whenever the power goes.
    pub fn swap(&self, part: &Path, version: &Value) -> io::Result<()> {
        let spare = if self.running()["slot"] == "a" { "b" } else { "a" };
        fs::rename(part, self.folder.join(format!("{spare}.bin")))?;
        let next = self.folder.join("running.new");
        let mut file = File::create(&next)?;
        file.write_all(json!({"slot": spare, "version": version}).to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(next, self.record())?;
        File::open(&self.folder)?.sync_all()
    }

    fn record(&self) -> PathBuf {
        self.folder.join("running.json")
    }

    /// The record, or null as the factory leaves it.
    fn running(&self) -> Value {
        fs::read(self.record()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }
}

/// Hashes what is written.
struct Sink<'a>(&'a mut Sha256);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
