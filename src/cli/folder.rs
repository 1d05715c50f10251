//! The data folder: who uses it now, and the administrator's token. What the server keeps in it beside this is the
//! store's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The folder that is used when none is named; the same as in `broker.toml`.
pub const DEFAULT: &str = "updraft-data";

/// A data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// `server.json`: where the server of this folder listens. Written when it is ready, removed when it stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// The address for devices.
    pub mqtt: SocketAddr,
    /// The address of the API.
    pub http: SocketAddr,
    /// The server's process.
    pub pid: u32,
}

impl Folder {
    /// The folder at a path, which may not exist yet.
    pub fn at(path: &Path) -> Self {
        Folder { path: path.into() }
    }

    /// Makes the folder, with mode 0700, if it does not exist.
    ///
    /// # Errors
    /// [`io::Error`] when it cannot be made.
    pub fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// The folder's own path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.path.join("updraft.redb")
    }

    /// The folder of the artifact files.
    pub fn artifacts(&self) -> PathBuf {
        self.path.join("artifacts")
    }

    /// The administrator's token.
    pub fn token(&self) -> PathBuf {
        self.path.join("admin-token")
    }

    /// Where the server listens.
    pub fn server(&self) -> PathBuf {
        self.path.join("server.json")
    }

    /// Reads the administrator's token; none when there is no file.
    ///
    /// # Errors
    /// [`io::Error`] when there is a file that cannot be read.
    pub fn read_token(&self) -> io::Result<Option<String>> {
        let text = absent(fs::read_to_string(self.token()))?;
        Ok(text.map(|text| text.trim().to_owned()).filter(|token| !token.is_empty()))
    }

    /// Writes the administrator's token, readable by the owner alone, whole or not at all.
    ///
    /// # Errors
    /// [`io::Error`] when it cannot be written.
    pub fn write_token(&self, token: &str) -> io::Result<()> {
        self.replace(&self.token(), format!("{token}\n").as_bytes())
    }

    /// Reads where the server of this folder listens; none when none runs, or when the file is torn.
    pub fn read_listening(&self) -> Option<Listening> {
        serde_json::from_slice(&fs::read(self.server()).ok()?).ok()
    }

    /// Writes where the server listens.
    ///
    /// # Errors
    /// [`io::Error`] when it cannot be written.
    pub fn write_listening(&self, listening: &Listening) -> io::Result<()> {
        let mut text = serde_json::to_vec(listening)?;
        text.push(b'\n');
        self.replace(&self.server(), &text)
    }

    /// Says that no server listens any more.
    ///
    /// # Errors
    /// [`io::Error`] when the file cannot be removed.
    pub fn remove_listening(&self) -> io::Result<()> {
        absent(fs::remove_file(self.server())).map(|_| ())
    }

    /// Replaces a file by writing another and renaming it, so that no reader and no crash sees half of it.
    fn replace(&self, target: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = target.with_extension("new");
        absent(fs::remove_file(&fresh))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, target)?;
        File::open(&self.path)?.sync_all()
    }
}

/// An address that a client on this machine can connect to: a server on every address is also on loopback.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

/// Turns "not found" into none.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_read_back_and_only_its_owner_can_read_it() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(&home.path().join("data"));
        folder.create().unwrap();
        assert_eq!(folder.read_token().unwrap(), None);
        folder.write_token("first").unwrap();
        folder.write_token("second").unwrap();
        assert_eq!(folder.read_token().unwrap(), Some("second".into()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&folder.token())), (0o700, 0o600));
    }

    #[test]
    fn a_server_that_has_stopped_listens_nowhere() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::at(home.path());
        let local = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let listening = Listening { mqtt: local(1883), http: local(8080), pid: 7 };
        folder.write_listening(&listening).unwrap();
        assert_eq!(folder.read_listening(), Some(listening));
        folder.remove_listening().unwrap();
        folder.remove_listening().unwrap();
        assert_eq!(folder.read_listening(), None);
    }
}
