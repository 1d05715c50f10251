//! arkors updates: `/v1/updates/{app}` and `/v1/updates/{app}/{version}`, as the module `update` of 2014 spoke it.
//!
//! Boards keep records of updates, clients ask whether one of them is for them. A client is a device (its uuid), an
//! application a product, a record an image whose file lies elsewhere. Not here: the OAuth module and its tokens.

mod answer;
mod headers;
mod record;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;

use super::Asked;
use super::carry::arkors as carry;
use crate::domain::ids::ProductId;
use crate::engine::now;
use crate::http::Door;
use crate::http::auth::Peer;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX};

pub use headers::{Client, Sender};
pub use record::{Draft, Record, is_number};

/// The paths of this dialect.
pub const PATHS: [&str; 2] = ["/v1/updates/{app}", "/v1/updates/{app}/{version}"];

/// An application: its number, which is the product's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The number.
    pub number: u64,
    /// The product.
    pub product: ProductId,
}

/// What it comes to.
#[derive(Debug)]
pub enum Told {
    /// A record that is new.
    Added(Record),
    /// A record that is there, was changed, or was removed.
    Record(Record),
}

/// Why a request is not carried out.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// `X-Arkors-Application-Log` or `-Client` is missing or malformed.
    NoClient,
    /// `X-Arkors-Application-Id` or `-Token` is missing.
    NoToken,
    /// The token is malformed, or too old.
    BadToken,
    /// The application is no number.
    BadApp,
    /// The version is no number.
    BadVersion,
    /// The body is no JSON object.
    NotJson,
    /// The body lacks something, or has something that it may not have.
    BadRecord,
    /// The record's number is not that of the path.
    OtherVersion,
    /// There is a record of that number.
    Exists,
    /// There is none to change.
    NotFound,
    /// There is none to remove.
    NotThere,
    /// There is no update for this client.
    NoUpdate(NoUpdate),
    /// The path does not have the method; it has these.
    WrongMethod(&'static str),
    /// What every door refuses alike.
    Api(ApiError),
}

/// Why there is no update, in the order of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoUpdate {
    /// The application has no record for this type of clients.
    NoRecord,
    /// The client runs the newest, or a newer one.
    Newest,
    /// The newest may not be reached from what the client runs.
    NotCompatible,
    /// The newest is for later.
    TooEarly,
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Fault::Api(error)
    }
}

/// How this door was set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Profile {
    /// Answers as the code did where it and its document differ: 400 where the document says 404.
    pub code_compat: bool,
    /// Takes records from anybody.
    pub open_board: bool,
    /// How far a client's clock may be off, in seconds; 0 for any.
    pub token_skew_s: u32,
}

/// What a path and a method name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Is there an update for a client that runs this version?
    Client(App, u64),
    /// A board writes.
    Board(Order),
}

/// What a board orders.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    /// A new record.
    Add(App),
    /// Another record in the place of the one with this number.
    Change(App, u64),
    /// No record of this number any more.
    Remove(App, u64),
}

/// Answers a request of this dialect.
pub async fn serve(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().copied();
    let asked = Asked::of(parts);
    let outcome = carry_out(&door, peer, &asked, body).await;
    answer::write(outcome, door.legacy.arkors)
}

async fn carry_out(door: &Arc<Door>, peer: Option<Peer>, asked: &Asked, body: Body) -> Result<Told, Fault> {
    let sender = headers::sender(asked)?;
    let order = match Place::of(asked)? {
        Place::Board(order) => order,
        Place::Client(app, version) => {
            headers::check_token(asked, door.legacy.arkors, now())?;
            let client = sender.client(asked).ok_or(Fault::NoClient)?;
            let site = door.legacy.site(asked);
            return carry::update(door, peer, app, version, client, &site.base(site.secure)).await;
        }
    };
    // Only who may write gets a body read.
    let board = carry::board(door, peer, asked, &sender).await?;
    let body = match asked.method == Method::DELETE {
        true => Vec::new(),
        false => {
            request::check_length(&asked.headers, JSON_MAX as u64)?;
            request::collect(body, JSON_MAX).await?
        }
    };
    match order {
        Order::Add(app) => carry::add(door, &board, app, Draft::read(&body)?).await,
        Order::Change(app, version) => {
            let draft = Draft::read(&body)?;
            if draft.version != version {
                return Err(Fault::OtherVersion);
            }
            carry::change(door, &board, app, draft).await
        }
        Order::Remove(app, version) => carry::remove(door, &board, app, version).await,
    }
}

impl Place {
    fn of(asked: &Asked) -> Result<Place, Fault> {
        // `v1`, `updates`, the application, and perhaps a version.
        let app = asked.path.get(2).and_then(|text| App::parse(text)).ok_or(Fault::BadApp)?;
        let Some(version) = asked.path.get(3) else {
            return match asked.method {
                Method::POST => Ok(Place::Board(Order::Add(app))),
                _ => Err(Fault::WrongMethod("POST")),
            };
        };
        let version = number(version).ok_or(Fault::BadVersion)?;
        match asked.method {
            Method::GET | Method::HEAD => Ok(Place::Client(app, version)),
            Method::PUT => Ok(Place::Board(Order::Change(app, version))),
            Method::DELETE => Ok(Place::Board(Order::Remove(app, version))),
            _ => Err(Fault::WrongMethod("DELETE,GET,HEAD,PUT")),
        }
    }
}

impl App {
    fn parse(text: &str) -> Option<App> {
        let number = number(text)?;
        let product = ProductId::parse(&number.to_string()).ok()?;
        Some(App { number, product })
    }
}

/// A positive number in decimal digits that Go's `int64` holds.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && is_number(*number))
}
