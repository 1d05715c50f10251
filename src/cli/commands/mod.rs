//! The operator's commands: each asks the server and prints what it says. None decides anything.

pub mod action;
pub mod deploy;
pub mod deployment;
pub mod device;
pub mod events;
pub mod explain;
pub mod image;
pub mod offer;
pub mod operator;
pub mod release;
pub mod rollout;
pub mod rules;
pub mod tenant;
pub mod watch;
pub mod webhook;

use std::io::Write as _;

use serde::Serialize;

use super::args::{Command, Common};
use super::client::{Client, ClientError};
use super::output::{self, Grid};
use crate::http::wire::StatusBody;

/// What a command that was carried out amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Done,
    /// The command did its work, and what it looked at has failed.
    Failed,
}

/// A client and how to print.
#[derive(Debug)]
pub struct Session {
    /// The server.
    pub client: Client,
    /// Whether to print the server's JSON.
    pub json: bool,
}

impl Session {
    /// Prints the JSON, or what `text` makes of the value.
    pub(crate) fn show<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), ClientError> {
        print(&if self.json { output::json(value) } else { text(value) })
    }
}

/// Prints; a reader that has gone is an error and not a panic, and ends the command in silence.
pub(crate) fn print(text: &str) -> Result<(), ClientError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(ClientError::Print)
}

/// Carries out a command other than `serve`.
///
/// # Errors
/// [`ClientError`] says what to do.
pub fn run(common: &Common, command: Command) -> Result<Outcome, ClientError> {
    let session = Session { client: Client::find(common)?, json: common.json };
    match command {
        Command::Serve(_) => Err(ClientError::Usage("serve is not a command for a server that runs".into())),
        Command::Device(command) => device::run(&session, command),
        Command::Image(command) => image::run(&session, command),
        Command::Release(command) => release::run(&session, command),
        Command::Offer(command) => offer::run(&session, command),
        Command::Deploy(command) => deploy::run(&session, command),
        Command::Deployment(command) => deployment::run(&session, command),
        Command::Rollout(command) => rollout::run(&session, command),
        Command::Action(command) => action::run(&session, command),
        Command::Explain(command) => explain::run(&session, command),
        Command::Watch(command) => watch::run(&session, command),
        Command::Events(command) => events::run(&session, &command),
        Command::Operator(command) => operator::run(&session, command),
        Command::Tenant(command) => tenant::run(&session, command),
        Command::Webhook(command) => webhook::run(&session, command),
        Command::Status => status(&session),
    }
}

fn status(session: &Session) -> Result<Outcome, ClientError> {
    let status: StatusBody = session.client.get("status", &[])?;
    session.show(&status, |status| {
        Grid::pairs(&[
            ("version", status.version.clone()),
            ("started", output::moment(status.started)),
            ("uptime", indicatif::HumanDuration(std::time::Duration::from_secs(status.uptime_s)).to_string()),
            ("epoch", status.epoch.clone()),
            ("operator", status.operator.clone()),
            ("largest upload", output::size(status.upload_max_bytes)),
        ])
        .render()
    })?;
    Ok(Outcome::Done)
}
