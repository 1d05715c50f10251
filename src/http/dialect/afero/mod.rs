//! Afero's OTA service as its partners' tools speak it: firmware types, a pool of records, binaries that come before their
//! record, device types that may have a record, and pushes. Which call each path is; nothing else is decided here.

mod answer;
mod body;
mod error;
mod page;
mod path;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::multipart::Multipart;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::Asked;
use super::carry::{binary, member, pool};
use super::pool::{Answer, Ask, Caller, Select, Source};
use crate::http::Door;
use crate::http::auth;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX};
use answer::Context;
use error::No;
use path::{Place, Room, Shelf};

/// Every path of this dialect.
pub const PATHS: [&str; 4] = ["/oauth/token", "/v1/users/{*rest}", "/v1/ota/{*rest}", "/v1/accounts/{*rest}"];
/// How long a session lasts, in seconds: what Afero's service answers.
const SESSION_S: u32 = 16_086;

/// Answers a request of this dialect.
pub async fn serve(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let now = member::moment();
    match converse(&door, parts, body).await {
        Ok(response) => response,
        Err(no) => error::write(no, now),
    }
}

/// Who, then what, then the body: nobody else has one read.
async fn converse(door: &Arc<Door>, parts: Parts, body: Body) -> Result<Response, No> {
    let asked = Asked::of(parts.clone());
    let place = Place::of(&asked.path).ok_or(No::UnknownPath)?;
    let access = place.access(&asked.method).ok_or(No::WrongMethod(place.methods()))?;
    match place {
        Place::Token => login(door, &parts, &asked.headers, body).await,
        Place::Me => {
            let identity = auth::identify(&parts, door).await?;
            Ok(answer::person(&member::person(door, identity).await?))
        }
        Place::Partner(partner, Shelf::Binaries) => {
            let caller = member::member(door, &parts, &partner, access).await?;
            let source = file(&parts, body).await?;
            let kept = binary::keep(door, &caller, &parts.headers, source).await?;
            Ok(answer::write(&context(&asked, &caller, "", ""), &kept))
        }
        Place::Partner(partner, shelf) => {
            let caller = member::member(door, &parts, &partner, access).await?;
            let ask = of_partner(&asked, shelf, &read(&asked, body).await?)?;
            let answer = pool::out(door, &caller, ask).await?;
            Ok(answer::write(&context(&asked, &caller, "", ""), &answer))
        }
        Place::Account(account, room) => {
            let caller = member::member(door, &parts, &account, access).await?;
            let (ask, action) = of_account(&asked, room, &read(&asked, body).await?)?;
            let answer: Answer = pool::out(door, &caller, ask).await?;
            let expansions = page::parameter(&asked, "expansions")?.unwrap_or_default();
            Ok(answer::write(&context(&asked, &caller, &expansions, &action), &answer))
        }
    }
}

fn context<'a>(asked: &'a Asked, caller: &'a Caller, expansions: &'a str, action: &'a str) -> Context<'a> {
    Context { site: &asked.site, caller, expansions, action, now: member::moment() }
}

/// The body of a request that changes something; no other has one.
async fn read(asked: &Asked, body: Body) -> Result<Vec<u8>, ApiError> {
    if asked.method != Method::POST && asked.method != Method::PUT {
        return Ok(Vec::new());
    }
    request::check_length(&asked.headers, JSON_MAX as u64)?;
    request::collect(body, JSON_MAX).await
}

/// The file that a request carries.
async fn file(parts: &Parts, body: Body) -> Result<Source, ApiError> {
    if request::has_type(&parts.headers, "multipart/form-data") {
        let mut request = Request::from_parts(parts.clone(), body);
        // The bound is our own: axum's would be that of every form.
        DefaultBodyLimit::apply(DefaultBodyLimit::disable(), &mut request);
        let bad = |text: String| ApiError::bad("bad-form", "content-type", text);
        let form = Multipart::from_request(request, &()).await;
        return form.map(Source::Form).map_err(|rejection| bad(rejection.body_text()));
    }
    let plain = !parts.headers.contains_key(CONTENT_TYPE)
        || request::has_type(&parts.headers, "application/octet-stream");
    match plain {
        true => Ok(Source::Whole(body)),
        false => Err(request::wrong_type("application/octet-stream` or `multipart/form-data")),
    }
}

/// `POST /oauth/token` (RFC 6749, 4.3): an operator's name with the password or the token, for a session.
async fn login(door: &Arc<Door>, parts: &Parts, headers: &HeaderMap, body: Body) -> Result<Response, No> {
    if !member::knows_client(door, headers) {
        return Err(No::UnknownClient);
    }
    request::check_length(headers, JSON_MAX as u64)?;
    let body = request::collect(body, JSON_MAX).await?;
    let message = "send username, password and grant_type=password as application/x-www-form-urlencoded";
    let login = body::login(headers, &body).ok_or(No::Login("invalid_request", message))?;
    if login.grant != "password" {
        return Err(No::Login("unsupported_grant_type", "the only grant_type is password"));
    }
    match member::begin(door, parts, login.operator, login.password, SESSION_S).await? {
        Some(session) => Ok(answer::session(&session)),
        None => Err(No::Login("invalid_grant", "the username or the password is wrong")),
    }
}

/// What a request about a partner asks.
fn of_partner(asked: &Asked, shelf: Shelf, body: &[u8]) -> Result<Ask, ApiError> {
    let (headers, posts) = (&asked.headers, asked.method == Method::POST);
    let (puts, deletes) = (asked.method == Method::PUT, asked.method == Method::DELETE);
    let list = |select: Select| {
        let select = Select { tags: page::tags(asked)?, ..select };
        Ok(Ask::Records(select, page::paging(asked)?))
    };
    match shelf {
        Shelf::Types if posts => body::new_type(headers, body),
        Shelf::Types => Ok(Ask::Types),
        Shelf::Type(kind) if puts => body::changed_type(headers, body, path::kind(&kind)?),
        Shelf::Type(kind) => Ok(Ask::Type(path::kind(&kind)?)),
        Shelf::Pool if posts => Ok(Ask::AddRecord(body::record(headers, body)?)),
        Shelf::Pool => list(Select::default()),
        Shelf::PoolType(kind) => list(Select { kind: Some(path::kind(&kind)?), ..Select::default() }),
        Shelf::Exists(kind, name, version) => exists(asked, &kind, name, &version),
        Shelf::Record(kind, number) => {
            let record = body::record(headers, body)?;
            Ok(Ask::PutRecord(path::kind(&kind)?, path::number(&number)?, record))
        }
        Shelf::Associations(kind, number) => {
            Ok(Ask::Associations(path::kind(&kind)?, path::number(&number)?))
        }
        Shelf::Binaries | Shelf::Move => body::sum(headers, body),
        Shelf::Images(product) if posts => {
            Ok(Ask::Associate(path::product(&product)?, body::record(headers, body)?))
        }
        Shelf::Images(product) => {
            list(Select { product: Some(path::product(&product)?), ..Select::default() })
        }
        Shelf::ImagesType(product, kind) => list(Select {
            product: Some(path::product(&product)?),
            kind: Some(path::kind(&kind)?),
            ..Select::default()
        }),
        Shelf::Image(product, kind, number) => {
            let (product, kind) = (path::product(&product)?, path::kind(&kind)?);
            let number = path::number(&number)?;
            Ok(match deletes {
                true => Ask::Dissociate(product, kind, number),
                false => Ask::RecordOf(product, kind, number),
            })
        }
        Shelf::Push(product, image) => Ok(Ask::Push {
            product: path::product(&product)?,
            image: path::image(&image)?,
            device: path::device(&body::value(headers, body)?)?,
        }),
        Shelf::Tags => Ok(Ask::Tags),
    }
}

fn exists(asked: &Asked, kind: &str, name: String, version: &str) -> Result<Ask, ApiError> {
    let except = page::parameter(asked, "excludeFirmwareImageId")?.filter(|text| !text.is_empty());
    Ok(Ask::Exists {
        kind: path::kind(kind)?,
        name: name.into(),
        version: body::version(version),
        except: except.map(|text| path::image(&text)).transpose()?,
    })
}

/// What a request about an account asks, with the kind of an action.
fn of_account(asked: &Asked, room: Room, body: &[u8]) -> Result<(Ask, String), ApiError> {
    match room {
        Room::Devices => {
            let (skip, size) = page::part(asked)?;
            Ok((Ask::Devices { skip, size }, String::new()))
        }
        Room::Device(device) => Ok((Ask::Device(path::device(&device)?), String::new())),
        Room::Actions(device) => body::action(&asked.headers, body, &device),
    }
}
