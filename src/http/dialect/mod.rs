//! The doors of devices that were built for other servers. A dialect is a codec: a request becomes a call, a reply or a
//! refusal becomes bytes. None of them sees the engine or the store; what a call does stands in `carry`. Where only devices
//! speak, and prove who they are, the call is a [`Call`] and the way is [`Dialect`]'s, as in `ddi`; Afero, arkors and
//! ESP8266, where operators write too, have calls of their own. A further dialect is a folder here, what `carry` lacks for
//! it, its paths, and its transcripts.

pub mod afero;
mod again;
pub mod arkors;
mod carry;
pub mod ddi;
pub mod esp;
mod legacy;
mod pool;

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, Version as HttpVersion};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::Door;
use super::auth::Peer;
use super::error::ApiError;
use super::request::{self, JSON_MAX};
use super::site::Site;
use crate::domain::action::{Action, Refusal};
use crate::domain::decide::{Entry, Reject};
use crate::domain::device::AutoConfirm;
use crate::domain::event::{Configuration, Consent};
use crate::domain::feedback::Feedback;
use crate::domain::ids::{ActionId, DeviceId, ImageId, Time};
use crate::domain::image::{Artifact, Image};
use crate::domain::version::Version;
use crate::engine::call::Secret;
use crate::store::artifacts::ArtifactFile;

use again::Look;

pub use again::Memory;
pub use legacy::{Legacy, LegacySettings};

/// A request, with its path and query decoded.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// What stands between the slashes of the path.
    pub path: Vec<String>,
    /// The query, undecoded.
    pub query: String,
    /// The header.
    pub headers: HeaderMap,
    /// How the client reaches this server.
    pub site: Site,
    /// Which HTTP it speaks.
    pub version: HttpVersion,
}

/// Whom a request says that it speaks for.
#[derive(Debug)]
pub struct Claim {
    /// The tenant, in any case.
    pub tenant: String,
    /// The device.
    pub device: DeviceId,
    /// What proves it; one of them is enough.
    pub proofs: Vec<Proof>,
}

/// What proves whom a request speaks for.
#[derive(Debug)]
pub enum Proof {
    /// The device's own token.
    Device(Secret),
    /// The key of the tenant's gateway, which speaks for all of its devices.
    Gateway(Secret),
    /// A proxy that the operator trusts has seen a certificate with the device's name.
    Certificate {
        /// Who signed it, as the proxy says: hashes or names.
        authorities: Vec<Box<str>>,
    },
}

/// What a device asks of this server, in whatever dialect.
#[derive(Debug)]
pub enum Call {
    /// Is there something to do?
    Poll,
    /// What does this action want?
    Deployment {
        /// The action.
        action: ActionId,
        /// Whether the history is wanted too.
        history: bool,
    },
    /// What did this ended action bring?
    Installed {
        /// The action.
        action: ActionId,
        /// Whether the history is wanted too.
        history: bool,
    },
    /// What is called off?
    Cancel {
        /// The action.
        action: ActionId,
    },
    /// How it goes.
    Feedback {
        /// The action.
        action: ActionId,
        /// What the device says.
        feedback: Feedback,
    },
    /// The answer to a cancel.
    CancelAnswer {
        /// The action.
        action: ActionId,
        /// What the device says.
        feedback: Feedback,
    },
    /// What does this action want, before anybody has agreed to it?
    Proposal {
        /// The action.
        action: ActionId,
        /// Whether the history is wanted too.
        history: bool,
    },
    /// Is there something to agree to?
    Proposals,
    /// Somebody agrees to an action, or does not.
    Consent {
        /// The action.
        action: ActionId,
        /// What is said.
        consent: Consent,
    },
    /// Somebody agrees to all that is to come.
    AgreeToAll {
        /// Who, as they say.
        initiator: Option<Box<str>>,
        /// Why, as they say.
        remark: Option<Box<str>>,
    },
    /// From now on every action is to be agreed to.
    AskAgain,
    /// The device runs this release, which nothing here brought.
    Runs {
        /// The release's name.
        name: Box<str>,
        /// The release's version.
        version: Version,
    },
    /// The device's attributes.
    Configure(Configuration),
    /// Which files has this image?
    Artifacts {
        /// The image.
        image: ImageId,
    },
    /// What are the sums of this file?
    Sums {
        /// The image.
        image: ImageId,
        /// The file's name.
        name: String,
    },
    /// The bytes of a file.
    Artifact {
        /// The image.
        image: ImageId,
        /// The file's name.
        name: String,
        /// What is written into the history about it; nothing for a part.
        noted: Option<Box<str>>,
    },
}

/// What a call comes to.
#[derive(Debug)]
pub enum Reply {
    /// What there is to do.
    Work(Work),
    /// An action with its images.
    Action {
        /// The action, as it was before it was asked for.
        action: Box<Action>,
        /// Its images.
        modules: Vec<Module>,
        /// Its history, oldest first, where it was asked for.
        history: Option<Vec<Entry>>,
        /// The moment at which its terms are read.
        now: Time,
    },
    /// What there is to agree to.
    Proposals {
        /// Whether everything is agreed to already.
        auto: Option<AutoConfirm>,
        /// The action that waits.
        waiting: Option<Box<Action>>,
        /// Stands for what people say about its images; 0 when they say nothing.
        said: u64,
        /// The moment at which its terms are read.
        now: Time,
    },
    /// Whether what the device runs is news.
    Runs(bool),
    /// This action is called off.
    Cancel(ActionId),
    /// It is done and on disk.
    Done,
    /// The files of an image.
    Artifacts {
        /// The image.
        image: ImageId,
        /// Its files.
        artifacts: Vec<Artifact>,
    },
    /// One file, without its bytes.
    Sums(Box<Artifact>),
    /// One file with its bytes.
    File {
        /// The file.
        artifact: Box<Artifact>,
        /// When it was uploaded.
        created: Time,
        /// Its bytes.
        file: ArtifactFile,
    },
}

/// An image of an action.
#[derive(Debug)]
pub struct Module {
    /// The image.
    pub image: Image,
    /// The key of its firmware type, where the tenant has given it one.
    pub key: Option<Box<str>>,
}

/// What there is to do for a device.
#[derive(Debug)]
pub struct Work {
    /// When to ask again, in seconds.
    pub sleep_s: u32,
    /// The moment at which the terms of the action are read.
    pub now: Time,
    /// Stands for what people say about the images of the first thing to do; 0 when they say nothing.
    pub said: u64,
    /// The first thing to do.
    pub task: Option<Task>,
    /// Whether the device is to send its attributes.
    pub attributes_wanted: bool,
    /// The newest action that succeeded.
    pub installed: Option<ActionId>,
}

/// One thing to do.
#[derive(Debug)]
pub enum Task {
    /// Carry this action out.
    Deployment(Box<Action>),
    /// Have somebody agree to this action.
    Proposal(Box<Action>),
    /// Call this action off.
    Cancel(ActionId),
}

/// Why a request is not carried out.
#[derive(Debug)]
pub enum No {
    /// There is no such path.
    UnknownPath,
    /// The path does not have this method; it has these.
    WrongMethod(&'static str),
    /// The answer cannot be written as the client wants it.
    NotAcceptable,
    /// The body is in a format that is not read here.
    MediaType,
    /// Something in the request is malformed.
    Malformed,
    /// An id or a file name is too long.
    TooLong(&'static str),
    /// An id is not what this server takes.
    BadName(String),
    /// Nobody has proven to be the device.
    NotProven,
    /// There is no such tenant.
    UnknownTenant,
    /// Nobody has registered the device.
    UnknownDevice,
    /// There is no such release.
    UnknownRelease,
    /// There is no such action for this device; it may be another's.
    UnknownAction,
    /// There is no such file for this device now.
    UnknownArtifact,
    /// The file is not the one that the client wants.
    OtherFile,
    /// The range lies outside a file of this size, or is malformed.
    OutOfRange(u64),
    /// The action refuses.
    Refused(Refusal),
    /// All actions are agreed to already.
    AutoConfirmActive,
    /// An attribute is malformed or too long.
    BadAttributes(String),
    /// Too much of something.
    TooMany(&'static str),
    /// What HTTP itself or this server's state forbids.
    Api(ApiError),
}

impl From<ApiError> for No {
    fn from(error: ApiError) -> Self {
        No::Api(error)
    }
}

impl From<Reject> for No {
    fn from(reject: Reject) -> Self {
        match reject {
            Reject::NoSuchAction(_) => No::UnknownAction,
            Reject::Action(refusal) => No::Refused(refusal),
            Reject::TooManyAttributes => No::TooMany("attributes"),
            Reject::AutoConfirmActive => No::AutoConfirmActive,
            Reject::TooManyEntries => No::TooMany("status entries"),
            Reject::ValueTooLong(_) | Reject::NamedValueTooLong(_) | Reject::NameTooLong(_) => {
                No::BadAttributes(reject.to_string())
            }
            Reject::WrongProduct { .. } | Reject::Unreadable { .. } => No::Malformed,
        }
    }
}

/// A language that devices speak.
pub trait Dialect: Sync {
    /// Whom the request speaks for.
    ///
    /// # Errors
    /// [`No`] when it does not say so in this dialect.
    fn claim(&self, asked: &Asked) -> Result<Claim, No>;

    /// What the request asks.
    ///
    /// # Errors
    /// [`No`] says what is wrong with it.
    fn call(&self, asked: &Asked, body: &[u8]) -> Result<Call, No>;

    /// The answer in bytes.
    fn answer(&self, asked: &Asked, outcome: Result<Reply, No>) -> Response;
}

/// Carries a request of a dialect out: who, then what, then the answer.
async fn converse(dialect: &'static dyn Dialect, door: &Arc<Door>, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().copied();
    let memory = parts.extensions.remove::<Memory>().zip(Look::at(&parts, door));
    let asked = Asked::of(parts);
    let outcome = carry_out(dialect, door, peer, &asked, body).await;
    let granted = match &outcome {
        Ok(Reply::File { artifact, created, .. }) => memory.zip(Some((artifact.clone(), *created))),
        Ok(_) | Err(_) => None,
    };
    let response = dialect.answer(&asked, outcome);
    if let Some(((memory, look), granted)) = granted {
        memory.keep(look, asked, dialect, granted);
    }
    response
}

async fn carry_out(
    dialect: &dyn Dialect,
    door: &Arc<Door>,
    peer: Option<Peer>,
    asked: &Asked,
    body: Body,
) -> Result<Reply, No> {
    let claim = dialect.claim(asked)?;
    let asker = carry::prove(door, peer, claim)?;
    // Only who is known gets a body read, and no dialect has one with GET.
    let body = match asked.method == Method::POST || asked.method == Method::PUT {
        true => {
            request::check_length(&asked.headers, JSON_MAX as u64)?;
            request::collect(body, JSON_MAX).await?
        }
        false => Vec::new(),
    };
    carry::out(door, asker, dialect.call(asked, &body)?).await
}

impl Asked {
    fn of(parts: Parts) -> Asked {
        let path = parts.uri.path().split('/').skip(1);
        Asked {
            path: path.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned()).collect(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            site: Site::of(&parts.uri, &parts.headers),
            version: parts.version,
            method: parts.method,
            headers: parts.headers,
        }
    }

    /// The value of a parameter of the query, undecoded; parameters that nobody asks for are ignored.
    fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(own, _)| *own == name).map(|(_, value)| value).next()
    }

    /// A header's value, where it is text.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
