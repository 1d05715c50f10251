//! Replies in DDI's words: compact, with links that begin as the client reached this server.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use md5::{Digest as _, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::body;
use super::media::{self, Written};
use crate::domain::action::{Action, State};
use crate::domain::decide::{Entry, Note};
use crate::domain::device::Format;
use crate::domain::ids::{FirmwareType, ImageId, Time};
use crate::domain::image::{Artifact, Image, hex};
use crate::http::dialect::{Asked, No, Reply, Task, Work};
use crate::http::downloads::{Undelivered, attachment, deliver};
use crate::http::error::ApiError;
use crate::http::range::{Plan, plan_or};
use crate::store::artifacts::ArtifactFile;

/// What may stand in a segment of a path as it is (RFC 3986, `unreserved` and `:`).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The reply in bytes.
pub fn write(asked: &Asked, reply: Reply) -> Result<Response, No> {
    match reply {
        Reply::Work(work) => json(asked, &root(asked, &work)),
        Reply::Action { action, images, history } => json(asked, &base(asked, &action, &images, history)?),
        Reply::Cancel(id) => {
            let id = id.to_string();
            json(asked, &CancelBody { cancel_action: StopBody { stop_id: id.clone() }, id })
        }
        Reply::Done => Ok(StatusCode::OK.into_response()),
        Reply::Artifacts { image, artifacts } => {
            let items: Vec<_> = artifacts.iter().map(|a| artifact_body(asked, image, a)).collect();
            json(asked, &items)
        }
        Reply::Sums(artifact) => Ok(md5_line(&artifact)),
        Reply::File { artifact, created, file } => bytes(asked, &artifact, created, file),
    }
}

#[derive(Serialize)]
struct RootBody {
    config: ConfigBody,
    #[serde(rename = "_links", skip_serializing_if = "RootLinks::is_empty")]
    links: RootLinks,
}

#[derive(Serialize)]
struct ConfigBody {
    polling: PollingBody,
}

#[derive(Serialize)]
struct PollingBody {
    sleep: String,
}

#[derive(Serialize)]
struct Link {
    href: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RootLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_base: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_action: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_data: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_base: Option<Link>,
}

impl RootLinks {
    fn is_empty(&self) -> bool {
        let links = [&self.deployment_base, &self.cancel_action, &self.config_data, &self.installed_base];
        links.iter().all(|link| link.is_none())
    }
}

fn root(asked: &Asked, work: &Work) -> RootBody {
    let link = |tail: String| Some(Link { href: href(asked, asked.site.secure, &tail) });
    let (deployment_base, cancel_action) = match &work.task {
        None => (None, None),
        Some(Task::Cancel(id)) => (None, link(format!("cancelAction/{id}"))),
        Some(Task::Deployment(action)) => {
            (link(format!("deploymentBase/{}?c={}", action.id, content_hash(action))), None)
        }
    };
    let links = RootLinks {
        deployment_base,
        cancel_action,
        config_data: work.attributes_wanted.then(|| link("configData".into())).flatten(),
        installed_base: work.installed.and_then(|id| link(format!("installedBase/{id}"))),
    };
    RootBody { config: ConfigBody { polling: PollingBody { sleep: sleep(work.sleep_s) } }, links }
}

/// Eight characters, always: clients in the field read no others.
fn sleep(seconds: u32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Differs when the content does. An action's content is that of its images, which never change (FNV-1a).
fn content_hash(action: &Action) -> i32 {
    let numbers = action.components.iter().flat_map(|c| [u64::from(c.image.get()), c.number]);
    let bytes = numbers.chain([u64::from(action.id.get())]).flat_map(u64::to_be_bytes);
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed()
}

/// A link to something of this device, with tenant and id as the client wrote them.
fn href(asked: &Asked, secure: bool, tail: &str) -> String {
    below(asked, secure, segment(asked, 0), tail)
}

/// A link to a file, with the tenant in capitals as hawkBit spells it: Zephyr before 4.1 asks for `/default/` and
/// takes files from `/DEFAULT/` alone.
fn file_href(asked: &Asked, secure: bool, tail: &str) -> String {
    below(asked, secure, &segment(asked, 0).to_ascii_uppercase(), tail)
}

fn below(asked: &Asked, secure: bool, tenant: &str, tail: &str) -> String {
    let tenant = utf8_percent_encode(tenant, SEGMENT);
    let device = utf8_percent_encode(segment(asked, 3), SEGMENT);
    format!("{}/{tenant}/controller/v1/{device}/{tail}", asked.site.base(secure))
}

fn segment(asked: &Asked, at: usize) -> &str {
    asked.path.get(at).map_or("", String::as_str)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CancelBody {
    id: String,
    cancel_action: StopBody,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StopBody {
    stop_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BaseBody {
    id: String,
    deployment: DeploymentBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_history: Option<HistoryBody>,
}

#[derive(Serialize)]
struct DeploymentBody {
    download: &'static str,
    update: &'static str,
    chunks: Vec<ChunkBody>,
}

#[derive(Serialize)]
struct ChunkBody {
    part: String,
    version: String,
    name: String,
    artifacts: Vec<ArtifactBody>,
}

#[derive(Serialize)]
struct ArtifactBody {
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

fn base(
    asked: &Asked,
    action: &Action,
    images: &[Image],
    history: Option<Vec<Entry>>,
) -> Result<BaseBody, No> {
    let wanted = body::history(asked)?;
    let chunks = images.iter().map(|image| ChunkBody {
        part: part(image.kind),
        version: image.version.to_string(),
        name: image.name.to_string(),
        artifacts: image.artifacts.iter().map(|a| artifact_body(asked, image.id, a)).collect(),
    });
    Ok(BaseBody {
        id: action.id.to_string(),
        deployment: DeploymentBody { download: "forced", update: "forced", chunks: chunks.collect() },
        action_history: history
            .map(|entries| HistoryBody { status: status(action), messages: messages(&entries, wanted) }),
    })
}

/// hawkBit's names of module types, of which two are spelt differently here than in its management.
fn part(kind: FirmwareType) -> String {
    match kind.well_known_name() {
        Some("application") => "bApp".into(),
        Some(name) => name.into(),
        None => format!("type-{kind}"),
    }
}

/// The status of an action in hawkBit moves through these alone; details stand in the messages.
fn status(action: &Action) -> &'static str {
    match action.state {
        _ if action.cancelling => "CANCELING",
        State::Queued | State::Offered => "RUNNING",
        State::Accepted
        | State::Downloading
        | State::Downloaded
        | State::Waiting
        | State::Installing
        | State::Rebooting => "RETRIEVED",
        State::Verifying | State::Succeeded | State::AlreadyInstalled => "FINISHED",
        State::Failed(_) | State::Rejected | State::TimedOut | State::NotCompatible => "ERROR",
        State::Cancelled | State::Superseded => "CANCELED",
    }
}

/// What the device said, newest first. What the server says to itself hawkBit hides too.
fn messages(entries: &[Entry], wanted: usize) -> Vec<String> {
    let said = entries.iter().filter(|entry| matches!(entry.note, Note::Said(_) | Note::Answered(_)));
    let lines = said.flat_map(|entry| {
        let code = entry.code.map(|code| format!("Device reported status code: {code}"));
        entry.details.iter().map(|detail| detail.to_string()).chain(code)
    });
    let mut lines: Vec<String> = lines.collect();
    lines.reverse();
    lines.truncate(wanted);
    lines
}

/// `download` and `md5sum` for https, and their `-http` counterparts always: clients in the field look for either.
fn artifact_body(asked: &Asked, image: ImageId, artifact: &Artifact) -> ArtifactBody {
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

/// JSON or CBOR, tagged by its sum; 304 when the client has it already.
fn json(asked: &Asked, value: &impl Serialize) -> Result<Response, No> {
    let Written { format, media } = media::answer_format(asked)?;
    let text = encode(format, value)?;
    let etag = format!("\"0{}\"", hex(&Md5::digest(&text)));
    let known = asked.headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let known = known.flat_map(|list| list.split(',')).map(str::trim);
    let unchanged =
        known.map(|tag| tag.strip_prefix("W/").unwrap_or(tag)).any(|tag| tag == etag || tag == "*");
    let mut response = match unchanged {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(CONTENT_TYPE, HeaderValue::from_static(media))], text).into_response(),
    };
    response.headers_mut().insert(ETAG, header(etag));
    Ok(response)
}

fn encode(format: Format, value: &impl Serialize) -> Result<Vec<u8>, No> {
    match format {
        Format::Json => serde_json::to_vec(value).map_err(|error| ApiError::internal(&error).into()),
        Format::Cbor => {
            let mut bytes = Vec::new();
            ciborium::into_writer(value, &mut bytes).map_err(|error| ApiError::internal(&error))?;
            Ok(bytes)
        }
    }
}

/// The line that `md5sum` reads, without its end.
fn md5_line(artifact: &Artifact) -> Response {
    let line = format!("{}  {}", hex(&artifact.md5), artifact.name);
    let named = attachment(&format!("{}.MD5SUM", artifact.name));
    ([(CONTENT_TYPE, HeaderValue::from_static("text/plain")), (CONTENT_DISPOSITION, named)], line)
        .into_response()
}

fn bytes(asked: &Asked, artifact: &Artifact, created: Time, file: ArtifactFile) -> Result<Response, No> {
    let size = file.len();
    let etag = format!("\"{}\"", hex(&artifact.sha1));
    let plan = plan_or(&asked.headers, size, &etag, Plan::NotSatisfiable);
    let mut response =
        deliver(plan, &asked.method, file, &etag).map_err(|undelivered| match undelivered {
            Undelivered::OtherFile => No::OtherFile,
            Undelivered::OutOfRange => No::OutOfRange(size),
        })?;
    let uploaded = std::time::UNIX_EPOCH + std::time::Duration::from_millis(created.0);
    let headers = response.headers_mut();
    headers.insert(CONTENT_DISPOSITION, attachment(&artifact.name));
    headers.insert(LAST_MODIFIED, header(httpdate::fmt_http_date(uploaded)));
    Ok(response)
}

fn header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits, dates and the signs of a token are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_has_eight_characters_for_every_setting() {
        let table = [(30, "00:00:30"), (300, "00:05:00"), (3661, "01:01:01"), (86_399, "23:59:59")];
        for (seconds, expected) in table {
            assert_eq!(sleep(seconds), expected);
        }
    }
}
