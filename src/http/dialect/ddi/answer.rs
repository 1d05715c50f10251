//! Replies in DDI's words: compact, with links that begin as the client reached this server.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use md5::{Digest as _, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::deployment;
use super::media::{self, Written};
use crate::domain::action::Action;
use crate::domain::device::{AutoConfirm, Format};
use crate::domain::ids::Time;
use crate::domain::image::{Artifact, hex};
use crate::http::dialect::{Asked, No, Reply, Task, Work};
use crate::http::downloads::{Undelivered, attachment, deliver};
use crate::http::error::ApiError;
use crate::http::range::{Plan, plan_dated};
use crate::store::artifacts::ArtifactFile;

/// What may stand in a segment of a path as it is (RFC 3986, `unreserved` and `:`).
pub const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The reply in bytes.
pub fn write(asked: &Asked, reply: Reply) -> Result<Response, No> {
    match reply {
        Reply::Work(work) => json(asked, &root(asked, &work)),
        Reply::Action { action, modules, history, now } => {
            json(asked, &deployment::base(asked, &action, &modules, history, now)?)
        }
        Reply::Proposals { auto, waiting, said, now } => {
            let tag = waiting.as_ref().map(|action| deployment::hash(action, said, now));
            json(asked, &consent(asked, auto, waiting.as_deref().zip(tag)))
        }
        Reply::Runs(true) => Ok(StatusCode::CREATED.into_response()),
        Reply::Runs(false) => Ok(StatusCode::OK.into_response()),
        Reply::Cancel(id) => {
            let id = id.to_string();
            json(asked, &CancelBody { cancel_action: StopBody { stop_id: id.clone() }, id })
        }
        Reply::Done => Ok(StatusCode::OK.into_response()),
        Reply::Artifacts { image, artifacts } => {
            let items: Vec<_> = artifacts.iter().map(|a| deployment::artifact(asked, image, a)).collect();
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

/// A link.
#[derive(Serialize)]
pub struct Link {
    /// Where it leads.
    pub href: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RootLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_base: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation_base: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_action: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_data: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_base: Option<Link>,
}

impl RootLinks {
    fn is_empty(&self) -> bool {
        let tasks = [&self.deployment_base, &self.confirmation_base, &self.cancel_action];
        tasks.into_iter().chain([&self.config_data, &self.installed_base]).all(Option::is_none)
    }
}

fn root(asked: &Asked, work: &Work) -> RootBody {
    let link = |tail: String| Some(Link { href: href(asked, asked.site.secure, &tail) });
    let mut links = RootLinks {
        deployment_base: None,
        confirmation_base: None,
        cancel_action: None,
        config_data: work.attributes_wanted.then(|| link("configData".into())).flatten(),
        installed_base: work.installed.and_then(|id| link(format!("installedBase/{id}"))),
    };
    match &work.task {
        None => {}
        Some(Task::Cancel(id)) => links.cancel_action = link(format!("cancelAction/{id}")),
        Some(Task::Proposal(action)) => {
            let hash = deployment::hash(action, work.said, work.now);
            links.confirmation_base = Some(proposal(asked, action, hash));
        }
        Some(Task::Deployment(action)) => {
            let hash = deployment::hash(action, work.said, work.now);
            links.deployment_base = link(format!("deploymentBase/{}?c={hash}", action.id));
        }
    }
    RootBody { config: ConfigBody { polling: PollingBody { sleep: sleep(work.sleep_s) } }, links }
}

fn proposal(asked: &Asked, action: &Action, hash: i32) -> Link {
    let tail = format!("confirmationBase/{}?c={hash}", action.id);
    Link { href: href(asked, asked.site.secure, &tail) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConsentBody {
    auto_confirm: AutoConfirmBody,
    #[serde(rename = "_links")]
    links: ConsentLinks,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AutoConfirmBody {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    initiator: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConsentLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    activate_auto_confirm: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivate_auto_confirm: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation_base: Option<Link>,
}

fn consent(asked: &Asked, auto: Option<AutoConfirm>, waiting: Option<(&Action, i32)>) -> ConsentBody {
    let link =
        |name: &str| Link { href: href(asked, asked.site.secure, &format!("confirmationBase/{name}")) };
    let active = auto.is_some();
    let links = ConsentLinks {
        activate_auto_confirm: (!active).then(|| link("activateAutoConfirm")),
        deactivate_auto_confirm: active.then(|| link("deactivateAutoConfirm")),
        confirmation_base: waiting.map(|(action, hash)| proposal(asked, action, hash)),
    };
    let activated_at = auto.as_ref().map(|auto| auto.since.0);
    let (initiator, remark) = auto.map_or((None, None), |auto| (auto.initiator, auto.remark));
    ConsentBody { auto_confirm: AutoConfirmBody { active, initiator, remark, activated_at }, links }
}

/// Eight characters, always: clients in the field read no others.
fn sleep(seconds: u32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A link to something of this device, with tenant and id as the client wrote them.
fn href(asked: &Asked, secure: bool, tail: &str) -> String {
    below(asked, secure, segment(asked, 0), tail)
}

/// A link to a file, with the tenant in capitals as hawkBit spells it: Zephyr before 4.1 asks for `/default/` and
/// takes files from `/DEFAULT/` alone.
pub fn file_href(asked: &Asked, secure: bool, tail: &str) -> String {
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
    let uploaded = std::time::UNIX_EPOCH + std::time::Duration::from_millis(created.0);
    let plan = plan_dated(&asked.headers, size, &etag, Plan::NotSatisfiable, Some(uploaded));
    let mut response =
        deliver(plan, &asked.method, file, &etag).map_err(|undelivered| match undelivered {
            Undelivered::OtherFile => No::OtherFile,
            Undelivered::OutOfRange => No::OutOfRange(size),
        })?;
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
