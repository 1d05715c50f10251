//! An action in DDI's words: `deploymentBase`, `confirmationBase` and `installedBase`.

use percent_encoding::utf8_percent_encode;
use serde::Serialize;

use super::answer::{Link, SEGMENT, file_href};
use super::body;
use crate::domain::action::{Action, State};
use crate::domain::decide::Entry;
use crate::domain::ids::{FirmwareType, ImageId, Time};
use crate::domain::image::{About, Artifact, hex};
use crate::domain::terms::Force;
use crate::http::dialect::{Asked, Module, No};
use crate::http::hawkbit::history::{self, SERVER};

/// The most values of an image that a device is shown, as hawkBit has it.
const METADATA_MAX: usize = 50;

/// An action; its content is called otherwise while somebody has to agree to it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BaseBody {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<DeploymentBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation: Option<DeploymentBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_history: Option<HistoryBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentBody {
    download: &'static str,
    update: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    maintenance_window: Option<&'static str>,
    chunks: Vec<ChunkBody>,
}

#[derive(Serialize)]
struct ChunkBody {
    part: String,
    version: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted: Option<bool>,
    artifacts: Vec<ArtifactBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<MetadataBody>,
}

#[derive(Serialize)]
struct MetadataBody {
    key: String,
    value: String,
}

/// A file with its links.
#[derive(Serialize)]
pub struct ArtifactBody {
    filename: String,
    hashes: HashesBody,
    size: u64,
    #[serde(rename = "_links")]
    links: ArtifactLinks,
}

#[derive(Serialize)]
struct HashesBody {
    sha1: String,
    md5: String,
    sha256: String,
}

#[derive(Serialize)]
struct ArtifactLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5sum: Option<Link>,
    #[serde(rename = "download-http")]
    download_http: Link,
    #[serde(rename = "md5sum-http")]
    md5sum_http: Link,
}

#[derive(Serialize)]
struct HistoryBody {
    status: &'static str,
    messages: Vec<String>,
}

/// An action with its images, as its terms stand at `now`.
pub fn base(
    asked: &Asked,
    action: &Action,
    modules: &[Module],
    history: Option<Vec<Entry>>,
    now: Time,
) -> Result<BaseBody, No> {
    let wanted = body::history(asked)?;
    let Duty { download, update, maintenance_window } = duty(action, now);
    let chunks = modules.iter().map(|module| chunk(asked, module)).collect();
    let content = DeploymentBody { download, update, maintenance_window, chunks };
    let (deployment, confirmation) = match action.unconfirmed {
        true => (None, Some(content)),
        false => (Some(content), None),
    };
    let messages = |entries: Vec<Entry>| messages(action, &entries, wanted);
    let action_history =
        history.map(|entries| HistoryBody { status: status(action), messages: messages(entries) });
    Ok(BaseBody { id: action.id.to_string(), deployment, confirmation, action_history })
}

/// What the device is to do with the files, and when.
struct Duty {
    download: &'static str,
    update: &'static str,
    maintenance_window: Option<&'static str>,
}

fn duty(action: &Action, now: Time) -> Duty {
    let only_download = action.terms.force == Force::DownloadOnly;
    let download = if only_download || action.terms.force.presses(now) { "forced" } else { "attempt" };
    let open = action.terms.window.as_ref().map(|window| window.is_open(now));
    let update = if only_download || open == Some(false) { "skip" } else { download };
    let maintenance_window = open.map(|open| if open { "available" } else { "unavailable" });
    Duty { download, update, maintenance_window }
}

/// Differs when the content does: by the images, what is said about them, and what is to be done with them (FNV-1a).
pub fn hash(action: &Action, said: u64, now: Time) -> i32 {
    let Duty { download, update, maintenance_window } = duty(action, now);
    let numbers = action.components.iter().flat_map(|c| [u64::from(c.image.get()), c.number]);
    let numbers = numbers
        .chain([u64::from(action.id.get())])
        .chain((said != 0).then_some(said))
        .flat_map(u64::to_be_bytes);
    let words = [download, update, maintenance_window.unwrap_or_default()];
    let bytes = numbers.chain(words.into_iter().flat_map(str::bytes));
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed()
}

fn chunk(asked: &Asked, Module { image, key }: &Module) -> ChunkBody {
    ChunkBody {
        part: part(image.kind, key.as_deref()),
        version: image.version.to_string(),
        name: image.name.to_string(),
        encrypted: image.encrypted.then_some(true),
        artifacts: image.artifacts.iter().map(|own| artifact(asked, image.id, own)).collect(),
        metadata: metadata(&image.about),
    }
}

/// The key of the module's type, of which two are spelt here as they were before hawkBit had a management of its own.
fn part(kind: FirmwareType, key: Option<&str>) -> String {
    match key.or_else(|| kind.well_known_name()) {
        Some("application") => "bApp".into(),
        Some("runtime") => "jvm".into(),
        Some(key) => key.into(),
        None => format!("type-{kind}"),
    }
}

fn metadata(about: &About) -> Vec<MetadataBody> {
    let visible = about.metadata.iter().filter(|(_, own)| own.visible);
    let bodies =
        visible.map(|(key, own)| MetadataBody { key: key.to_string(), value: own.value.to_string() });
    bodies.take(METADATA_MAX).collect()
}

/// The status of an action in hawkBit moves through these alone; details stand in the messages.
fn status(action: &Action) -> &'static str {
    match action.state {
        _ if action.cancelling => "CANCELING",
        _ if action.unconfirmed => "WAIT_FOR_CONFIRMATION",
        State::Queued | State::Offered => "RUNNING",
        State::Accepted
        | State::Downloading
        | State::Downloaded
        | State::Waiting
        | State::Installing
        | State::Rebooting => "RETRIEVED",
        State::Succeeded if action.terms.force == Force::DownloadOnly => "DOWNLOADED",
        State::Verifying | State::Succeeded | State::AlreadyInstalled => "FINISHED",
        State::Failed(_) | State::Rejected | State::TimedOut | State::NotCompatible => "ERROR",
        State::Cancelled | State::Superseded => "CANCELED",
    }
}

/// The history, newest first, without what the server says to itself: hawkBit hides that too.
fn messages(action: &Action, entries: &[Entry], wanted: usize) -> Vec<String> {
    let lines = history::lines(action, entries).into_iter().flat_map(|line| line.messages);
    let mut lines: Vec<String> = lines.filter(|text| !text.starts_with(SERVER)).collect();
    lines.reverse();
    lines.truncate(wanted);
    lines
}

/// `download` and `md5sum` for https, and their `-http` counterparts always: clients in the field look for either.
pub fn artifact(asked: &Asked, image: ImageId, artifact: &Artifact) -> ArtifactBody {
    let name = utf8_percent_encode(&artifact.name, SEGMENT);
    let tail = format!("softwaremodules/{image}/artifacts/{name}");
    let secure = asked.site.secure;
    let link = || Link { href: file_href(asked, secure, &tail) };
    let sum = || Link { href: file_href(asked, secure, &format!("{tail}.MD5SUM")) };
    ArtifactBody {
        filename: artifact.name.to_string(),
        hashes: HashesBody {
            sha1: hex(&artifact.sha1),
            md5: hex(&artifact.md5),
            sha256: artifact.sha256.to_string(),
        },
        size: artifact.size,
        links: ArtifactLinks {
            download: secure.then(link),
            md5sum: secure.then(sum),
            download_http: link(),
            md5sum_http: sum(),
        },
    }
}
