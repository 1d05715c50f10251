//! Answers that fit a device with a buffer of 200 bytes and a parser that knows strings: compact, flat below `last`,
//! what it looks for in front.

use axum::Json;
use axum::http::header::{
    ALLOW, CONNECTION, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WARNING, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, StatusCode, Version as Http};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;

use super::path::Place;
use super::register::{Address, KEPT};
use super::{Fault, Files, Slot, Told};
use crate::domain::ids::{ProductId, Time};
use crate::domain::image::Artifact;
use crate::domain::version::Version;
use crate::http::accept::preferred;
use crate::http::dialect::Asked;
use crate::http::downloads::{Undelivered, deliver, no_range};
use crate::http::error::ApiError;
use crate::http::range::plan;
use crate::http::site::Site;
use crate::store::artifacts::ArtifactFile;

/// What the later client holds (`get_version_body[200]`), its end among it.
const BUFFER: usize = 200;
/// How answers are written.
const JSON: &str = "application/json";
/// How that to an upload may be.
const BSON: &str = "application/bson";

/// The outcome in bytes.
pub fn write(asked: &Asked, site: &Site, outcome: Result<Told, Fault>) -> Response {
    let written = outcome.and_then(|told| match told {
        Told::Last { app, version, created, files } => last(asked, site, &app, &version, created, &files),
        Told::File { artifact, file } => bytes(asked, &artifact, file),
        Told::Made { app, version, created } => made(asked, site, &app, &version, created),
        Told::Kept { id, created } => kept(site, &id, created),
    });
    let mut response = written.unwrap_or_else(refusal);
    if asked.version <= Http::HTTP_10 {
        // The device reads an answer when its connection ends, whatever it asked for (RFC 9112, 9.3).
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[derive(Serialize)]
struct LastBody<'a> {
    application: &'a str,
    last: Newest<'a>,
}

/// Of the first revision: the device puts the file's name behind `url`.
#[derive(Serialize)]
struct Newest<'a> {
    version: &'a str,
    protocol: &'a str,
    host: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Created>,
}

/// Seconds in the first revision, a text in the later one.
#[derive(Serialize)]
#[serde(untagged)]
enum Created {
    Seconds(u64),
    Text(String),
}

fn last(
    asked: &Asked,
    site: &Site,
    app: &ProductId,
    version: &Version,
    created: Time,
    files: &Files,
) -> Result<Response, Fault> {
    let slot = match Place::of(&asked.path) {
        Ok(Place::Image(_, slot)) => Some(slot),
        Ok(_) | Err(_) => None,
    };
    let here = |tail: &str| format!("{}{tail}", folder(app, version));
    let (protocol, host, place) = match (files, slot) {
        (Files::Here, None) => (own_protocol(site), site.authority.clone(), here("")),
        (Files::Here, Some(slot)) => {
            (own_protocol(site), site.authority.clone(), here(&format!("/{}", slot.file())))
        }
        (Files::Elsewhere(user1, user2), slot) => elsewhere(user1, user2, slot).ok_or(Fault::OutOfReach)?,
    };
    let (protocol, created) = match slot {
        None => (protocol, Created::Seconds(created.0 / 1000)),
        Some(_) => (format!("{protocol}:"), Created::Text(stamp(created))),
    };
    let newest = Newest {
        version: version.as_str(),
        protocol: &protocol,
        host: &host,
        url: slot.is_none().then_some(&*place),
        path: slot.is_some().then_some(&*place),
        created: Some(created),
    };
    let mut body = LastBody { application: app.as_str(), last: newest };
    let mut text = encode(&body)?;
    if text.len() >= BUFFER {
        // No client needs it.
        body.last.created = None;
        text = encode(&body)?;
    }
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(JSON))], text).into_response())
}

fn own_protocol(site: &Site) -> String {
    if site.secure { "https" } else { "http" }.to_owned()
}

/// Protocol, host, and what a client of either revision is told to ask there for.
fn elsewhere(user1: &str, user2: &str, slot: Option<Slot>) -> Option<(String, String, String)> {
    let before = |url: &'_ str, slot: Slot| url.strip_suffix(&format!("/{}", slot.file())).map(str::to_owned);
    let url = match slot {
        Some(Slot::User1) => user1.to_owned(),
        Some(Slot::User2) => user2.to_owned(),
        // One address for both, and a path of at least one sign.
        None => before(user1, Slot::User1).filter(|url| Some(url) == before(user2, Slot::User2).as_ref())?,
    };
    // A host alone is an address without a path.
    let address = Address::of(&url)?;
    Some((address.protocol?.to_owned(), address.host.to_owned(), address.path.to_owned()))
}

fn folder(app: &ProductId, version: &Version) -> String {
    format!("/firmware/{app}/versions/{}", version.as_str())
}

#[derive(Serialize)]
struct MadeBody {
    version: String,
    timestamp: i64,
    url: String,
}

fn made(
    asked: &Asked,
    site: &Site,
    app: &ProductId,
    version: &Version,
    created: Time,
) -> Result<Response, Fault> {
    let body = MadeBody {
        version: version.to_string(),
        timestamp: i64::try_from(created.0 / 1000).unwrap_or(i64::MAX),
        url: folder(app, version),
    };
    let mut response = match preferred(&asked.headers, &[JSON, BSON]) == Some(BSON) {
        false => (StatusCode::CREATED, Json(&body)).into_response(),
        true => {
            let MadeBody { version, timestamp, url } = body;
            let document = bson::doc! {"version": version, "timestamp": timestamp, "url": url};
            let text = document.to_vec().map_err(|error| ApiError::internal(&error))?;
            let media = HeaderValue::from_static(BSON);
            (StatusCode::CREATED, [(CONTENT_TYPE, media)], text).into_response()
        }
    };
    if let Some(warning) = warning(site, app, version) {
        response.headers_mut().insert(WARNING, HeaderValue::from_static(warning));
    }
    Ok(response)
}

/// What an uploader should know about a version that devices will not take (RFC 7234, 5.5, which says it in public).
fn warning(site: &Site, app: &ProductId, version: &Version) -> Option<&'static str> {
    let own = semver::Version::parse(version.as_str()).ok()?;
    let small = [own.major, own.minor, own.patch].iter().all(|part| *part <= 255);
    let folder = folder(app, version);
    let newest = Newest {
        version: version.as_str(),
        protocol: "https",
        host: &site.authority,
        url: Some(&folder),
        path: None,
        created: None,
    };
    let fits =
        encode(&LastBody { application: app.as_str(), last: newest }).is_ok_and(|text| text.len() < BUFFER);
    match (small, own.pre.is_empty() && own.build.is_empty(), fits) {
        (false, ..) => Some("299 updraft \"ESP8266 devices take no number above 255 in a version\""),
        (_, false, _) => Some("299 updraft \"ESP8266 devices take only versions of three numbers\""),
        (.., false) => Some("299 updraft \"the answer about this version is longer than 199 bytes\""),
        (true, true, true) => None,
    }
}

#[derive(Serialize)]
struct KeptBody {
    url: String,
    #[serde(rename = "parseUrl")]
    parse_url: UrlBody,
    created: String,
}

#[derive(Serialize)]
struct UrlBody {
    protocol: String,
    host: String,
    path: String,
}

fn kept(site: &Site, id: &str, created: Time) -> Result<Response, Fault> {
    let path = format!("{KEPT}{id}");
    let body = KeptBody {
        url: format!("{}{path}", site.base(site.secure)),
        parse_url: UrlBody {
            protocol: format!("{}:", own_protocol(site)),
            host: site.authority.clone(),
            path,
        },
        created: stamp(created),
    };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

fn bytes(asked: &Asked, artifact: &Artifact, file: ArtifactFile) -> Result<Response, Fault> {
    let size = file.len();
    let etag = format!("\"{}\"", artifact.sha256);
    deliver(plan(&asked.headers, size, &etag), &asked.method, file, &etag).map_err(|undelivered| {
        match undelivered {
            Undelivered::OtherFile => Fault::OtherFile,
            Undelivered::OutOfRange => Fault::OutOfRange(size),
        }
    })
}

#[derive(Serialize)]
struct ErrorBody {
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

fn refusal(fault: Fault) -> Response {
    let missing = |text: &str| error(StatusCode::NOT_FOUND, text);
    match fault {
        Fault::UnknownPath => missing("there is nothing at this path"),
        Fault::UnknownApp => missing("there is no version of this application"),
        Fault::UnknownFile => missing("there is no such image"),
        Fault::OutOfReach => missing("the last version is for devices that ask below /api"),
        Fault::NotProven => {
            let mut response = error(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
            // RFC 9110, 11.6.1: a 401 has a challenge.
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"updraft\""));
            response
        }
        Fault::Bad(message) => error(StatusCode::BAD_REQUEST, &message),
        Fault::NotLater(latest) => {
            let body = ErrorBody {
                error: "the version is not above the latest".into(),
                version: Some(latest.to_string()),
            };
            (StatusCode::CONFLICT, Json(body)).into_response()
        }
        Fault::WrongMethod(allowed) => {
            let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "the path does not have this method");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            response
        }
        Fault::OtherFile => error(StatusCode::PRECONDITION_FAILED, "the image is another one"),
        Fault::OutOfRange(size) => {
            let mut response = error(StatusCode::RANGE_NOT_SATISFIABLE, "the range is not within the image");
            response.headers_mut().insert(CONTENT_RANGE, no_range(size));
            response
        }
        Fault::Api(own) => {
            let (status, text) = (own.status(), own.to_string());
            let mut theirs = own.into_response();
            let mut response = error(status, &text);
            for name in [RETRY_AFTER, WWW_AUTHENTICATE] {
                if let Some(value) = theirs.headers_mut().remove(&name) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
    }
}

fn error(status: StatusCode, text: &str) -> Response {
    (status, Json(ErrorBody { error: text.to_owned(), version: None })).into_response()
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| ApiError::internal(&error).into())
}

/// Milliseconds always, as JavaScript writes them.
fn stamp(time: Time) -> String {
    let stamp = i64::try_from(time.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", stamp.unwrap_or(Timestamp::MAX))
}
