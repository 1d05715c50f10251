//! How the server ends, and with which code, so that whoever watches it knows what to do.

use std::io;
use std::path::PathBuf;

use super::config::ConfigError;
use crate::engine::call::CallError;
use crate::http::HttpError;
use crate::mqtt::{Death, MqttError};
use crate::store::StoreError;
use crate::store::artifacts::ArtifactError;

/// The arguments or the configuration are wrong (sysexits `EX_USAGE`). Starting again does not help.
pub const USAGE: u8 = 64;
/// An address cannot be listened on, or the system refuses what a server needs (`EX_UNAVAILABLE`).
pub const UNAVAILABLE: u8 = 69;
/// A commit failed: nothing after it was acknowledged. Starting again is right, and devices resend.
pub const COMMIT_FAILED: u8 = 70;
/// The bus is dead. Starting again is right.
pub const BUS_DEAD: u8 = 71;
/// The server did not answer its own probe. Starting again is right.
pub const PROBE_LOST: u8 = 72;
/// Another process uses the folder. Starting again does not help.
pub const IN_USE: u8 = 73;
/// The folder cannot be used (`EX_IOERR`).
pub const FOLDER: u8 = 74;

/// A fault in the program itself. Starting again is right; the report on standard error belongs into an issue.
pub const PANICKED: u8 = 75;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder cannot be made or written.
    #[error("cannot use the folder {path}")]
    Folder {
        /// The folder or its file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Another server has the folder.
    #[error(
        "the folder {path} is in use by another updraft{who}; stop it, or serve another folder with --data DIR"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// What is known about the other one.
        who: String,
    },
    /// The database cannot be opened or read.
    #[error("cannot use the database")]
    Store(#[source] StoreError),
    /// The artifact files cannot be used.
    #[error("cannot use the artifact files")]
    Artifacts(#[source] ArtifactError),
    /// The administrator cannot be registered.
    #[error("cannot register the administrator")]
    Administrator(#[source] CallError),
    /// A thread or the runtime cannot be started.
    #[error("cannot start {what}")]
    Thread {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The MQTT door does not open.
    #[error("MQTT does not open (another broker may have the port; --mqtt chooses another)")]
    Mqtt(#[source] MqttError),
    /// The HTTP door does not open.
    #[error("HTTP does not open (--http chooses another address)")]
    Http(#[source] HttpError),
}

impl ServeError {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            ServeError::Config(_) => USAGE,
            ServeError::InUse { .. } => IN_USE,
            ServeError::Folder { .. } | ServeError::Store(_) | ServeError::Artifacts(_) => FOLDER,
            ServeError::Administrator(_)
            | ServeError::Thread { .. }
            | ServeError::Mqtt(_)
            | ServeError::Http(_) => UNAVAILABLE,
        }
    }
}

/// Has any panic end the process: a thread or task that is gone would leave a server that looks alive. What is
/// acknowledged is on disk, so a restart loses nothing.
pub fn end_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(PANICKED.into());
    }));
}

/// Ends the process because a commit failed. Called on the engine's thread: after it nothing is acknowledged.
pub fn commit_failed(error: &StoreError) {
    end(COMMIT_FAILED, &format!("a commit failed; nothing after it was acknowledged: {}", chain(error)));
}

/// Ends the process because the MQTT door cannot do its work any more.
pub fn door_died(death: Death) {
    let code = match death {
        Death::RouterDead => BUS_DEAD,
        Death::LineBroken => PROBE_LOST,
    };
    end(code, &death.to_string());
}

fn end(code: u8, why: &str) -> ! {
    eprintln!("updraft: {why} (exit code {code})");
    std::process::exit(i32::from(code))
}

/// An error with its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
