//! `updraft deploy`: brings an image or a release to devices.

use std::io::Read as _;
use std::path::Path;

use super::{Outcome, Session};
use crate::cli::args::Deploy;
use crate::cli::client::ClientError;
use crate::http::wire::{CountersBody, DeploymentBody, NewDeployment, TargetBody};

pub(super) fn run(session: &Session, command: Deploy) -> Result<Outcome, ClientError> {
    let Deploy { image, release, mut devices, devices_from, allow_downgrade } = command;
    if let Some(path) = devices_from {
        devices.extend(ids(&read(&path)?));
    }
    let body = NewDeployment { image, release, devices, allow_downgrade };
    let made: DeploymentBody = session.client.post("deployments", &body)?;
    session.show(&made, |made| {
        let DeploymentBody { id, counters, .. } = made;
        format!(
            "deployment {id}: {} to {} device{}. Follow it with `updraft watch {id}`, look at it with \
             `updraft deployment show {id}`\n",
            target_text(made.target),
            counters.total,
            if counters.total == 1 { "" } else { "s" }
        )
    })?;
    Ok(Outcome::Done)
}

/// `image 7` or `release 2`.
pub(super) fn target_text(target: TargetBody) -> String {
    match target {
        TargetBody::Image(id) => format!("image {id}"),
        TargetBody::Release(id) => format!("release {id}"),
    }
}

/// The counters that are not zero; what is not there needs no attention.
pub(super) fn counts(counters: &CountersBody) -> String {
    let CountersBody { pending, active, succeeded, failed, cancelled, total } = counters;
    let named = [
        ("pending", pending),
        ("active", active),
        ("succeeded", succeeded),
        ("failed", failed),
        ("cancelled", cancelled),
    ];
    let shown: Vec<_> =
        named.iter().filter(|(_, n)| **n > 0).map(|(name, n)| format!("{n} {name}")).collect();
    if shown.is_empty() { format!("{total} devices") } else { format!("{} of {total}", shown.join(", ")) }
}

pub(super) fn read(path: &Path) -> Result<String, ClientError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|cause| ClientError::File { path: path.display().to_string(), cause })?;
    Ok(text)
}

/// The ids in a file: one on a line; blank lines and what follows a `#` are not ids.
pub(super) fn ids(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_counters_that_are_not_zero_are_shown() {
        let counters =
            CountersBody { pending: 0, active: 2, succeeded: 5, failed: 1, cancelled: 0, total: 8 };
        assert_eq!(counts(&counters), "2 active, 5 succeeded, 1 failed of 8");
    }

    #[test]
    fn ids_are_lines_without_blanks_and_comments() {
        assert_eq!(ids("# kitchen\nlamp-1\r\n\n  lamp-2  # broken?\n"), ["lamp-1", "lamp-2"]);
    }
}
