//! The firmware dialect of ESP8266 devices, as `docs/ota-update.md` of esp8266-dev has it since 2015.
//!
//! `/firmware/{application}` and below, and below `/api` what its later revisions added. A device asks for the last
//! version and compares for itself; an application is a product, a version an image with `user1.bin` and `user2.bin`.

mod answer;
pub(super) mod bson;
mod path;
mod register;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;

use super::Asked;
use super::carry::esp as carry;
use crate::domain::ids::{DeviceId, ProductId, Time};
use crate::domain::image::Artifact;
use crate::domain::succession::Suggestion;
use crate::domain::version::Version;
use crate::http::Door;
use crate::http::auth::Peer;
use crate::http::error::ApiError;
use crate::http::request::{self, JSON_MAX};
use crate::http::shelf::Arrived;
use crate::store::artifacts::ArtifactFile;
use path::Place;

pub use register::{kept_id, suggestion};

/// The paths of this dialect. `/api/v1` is our own API, so there is no application `v1` below `/api`.
pub const PATHS: [&str; 7] = [
    "/firmware/{application}",
    "/firmware/{application}/versions",
    "/firmware/{application}/versions/{version}",
    "/firmware/{application}/versions/{version}/{file}",
    "/api/firmware",
    "/api/{application}/versions",
    "/api/{application}/versions/{image}",
];

/// The two places of a device's flash: it runs from one and writes the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// `user1.bin`, later `image1`.
    User1,
    /// `user2.bin`, later `image2`.
    User2,
}

impl Slot {
    /// Both.
    pub const ALL: [Slot; 2] = [Slot::User1, Slot::User2];

    /// The name of its file, which is also the name of a value that says where the file is.
    pub fn file(self) -> &'static str {
        match self {
            Slot::User1 => "user1.bin",
            Slot::User2 => "user2.bin",
        }
    }

    /// The slot with this name, in any of the revisions.
    pub fn parse(text: &str) -> Option<Slot> {
        match text {
            "user1.bin" | "user1" | "image1" => Some(Slot::User1),
            "user2.bin" | "user2" | "image2" => Some(Slot::User2),
            _ => None,
        }
    }
}

/// A device's question for the last version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// The application that it runs.
    pub app: ProductId,
    /// The device, where it says so.
    pub device: Option<DeviceId>,
    /// What it runs, where it says so.
    pub version: Option<Version>,
    /// What it shows to prove itself.
    pub token: Option<String>,
}

/// What is to become a version.
#[derive(Debug, Default)]
pub struct Parcel {
    /// Which version the uploader would like.
    pub suggestion: Suggestion,
    /// The file of each slot.
    pub user1: Option<Source>,
    /// The file of each slot.
    pub user2: Option<Source>,
}

impl Parcel {
    /// The place of a slot's file.
    pub fn slot(&mut self, slot: Slot) -> &mut Option<Source> {
        match slot {
            Slot::User1 => &mut self.user1,
            Slot::User2 => &mut self.user2,
        }
    }
}

/// Where a file comes from.
#[derive(Debug)]
pub enum Source {
    /// It was uploaded just now.
    Arrived(Box<Arrived>),
    /// It lies at this address: one of ours, where it was uploaded before, or one that devices go to by themselves.
    At(String),
}

/// Where a device finds the files of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// Here.
    Here,
    /// At these addresses, by slot.
    Elsewhere(String, String),
}

/// What it comes to.
#[derive(Debug)]
pub enum Told {
    /// The version that a device is to run.
    Last {
        /// The application.
        app: ProductId,
        /// The version.
        version: Version,
        /// When it was made.
        created: Time,
        /// Where it is.
        files: Files,
    },
    /// A file.
    File {
        /// The file.
        artifact: Box<Artifact>,
        /// Its bytes.
        file: ArtifactFile,
    },
    /// A version was made.
    Made {
        /// The application.
        app: ProductId,
        /// The version.
        version: Version,
        /// When.
        created: Time,
    },
    /// A file was kept for a version to come.
    Kept {
        /// Under which name.
        id: String,
        /// When.
        created: Time,
    },
}

/// Why a request is not carried out.
#[derive(Debug)]
pub enum Fault {
    /// There is no such path.
    UnknownPath,
    /// The path does not have the method; it has these.
    WrongMethod(&'static str),
    /// There is no such application, or it has no version yet.
    UnknownApp,
    /// There is no such file.
    UnknownFile,
    /// The files of this version lie where a device of the first revision cannot find them.
    OutOfReach,
    /// What proves the device is missing or wrong.
    NotProven,
    /// Something in the request is wrong.
    Bad(String),
    /// A version was suggested that is not above this one.
    NotLater(semver::Version),
    /// The file is not the one that the client wants.
    OtherFile,
    /// The range lies outside a file of this size.
    OutOfRange(u64),
    /// What every door refuses alike.
    Api(ApiError),
}

impl Fault {
    /// Something in the request is wrong.
    pub fn bad(message: impl Into<String>) -> Fault {
        Fault::Bad(message.into())
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Fault::Api(error)
    }
}

/// How this door was set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Profile {
    /// Devices have to show a token of ours.
    pub token_required: bool,
}

/// Answers a request of this dialect.
pub async fn serve(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().copied();
    let asked = Asked::of(parts);
    let outcome = carry_out(&door, peer, &asked, body).await;
    answer::write(&asked, &door.legacy.site(&asked), outcome)
}

async fn carry_out(door: &Arc<Door>, peer: Option<Peer>, asked: &Asked, body: Body) -> Result<Told, Fault> {
    let place = Place::of(&asked.path)?;
    place.check_method(&asked.method)?;
    match (place, &asked.method) {
        (Place::Versions(app), &Method::GET | &Method::HEAD) | (Place::Image(app, _), _) => {
            carry::last(door, peer, path::poll(asked, app)?).await
        }
        (Place::File(app, version, slot), _) => {
            carry::file(door, peer, &path::poll(asked, app)?, &version, slot, path::begins(asked)).await
        }
        (place, _) => {
            // Only who may write gets a body read.
            let by = carry::operator(door, peer, &asked.headers).await?;
            write(door, by, place, asked, body).await
        }
    }
}

/// What an operator brings.
async fn write(
    door: &Arc<Door>,
    by: Box<str>,
    place: Place,
    asked: &Asked,
    body: Body,
) -> Result<Told, Fault> {
    match place {
        Place::Versions(app) => {
            let parcel = carry::receive(door, &asked.headers, body).await?;
            carry::publish(door, by, app, parcel).await
        }
        Place::Register(app) | Place::Later(app) | Place::Image(app, _) | Place::File(app, ..) => {
            request::check_length(&asked.headers, JSON_MAX as u64)?;
            let body = request::collect(body, JSON_MAX).await?;
            let parcel = register::read(&body, &app, asked.path[0] == "firmware")?;
            carry::publish(door, by, app, parcel).await
        }
        Place::Firmware => carry::keep(door, by, &asked.headers, body).await,
    }
}
