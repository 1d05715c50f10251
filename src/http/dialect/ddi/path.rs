//! The paths of DDI below `/{tenant}/controller/v1/{controllerId}`.

use axum::http::Method;

use crate::domain::ids::{ActionId, ImageId};
use crate::http::dialect::No;

/// The longest file name that hawkBit takes, in bytes; with `.MD5SUM` behind it.
const FILE_NAME_MAX: usize = 255 + ".MD5SUM".len();

/// Whether an action is asked for under way or as what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// `deploymentBase`
    No,
    /// `installedBase`
    Yes,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The device itself: a poll.
    Root,
    /// `deploymentBase/{id}` and `installedBase/{id}`
    Deployment(Ended, ActionId),
    /// `deploymentBase/{id}/feedback`
    Feedback(ActionId),
    /// `cancelAction/{id}`
    Cancel(ActionId),
    /// `cancelAction/{id}/feedback`
    CancelFeedback(ActionId),
    /// `installedBase`
    Installed,
    /// `confirmationBase`
    Confirmation,
    /// `confirmationBase/{id}`
    Proposal(ActionId),
    /// `confirmationBase/{id}/feedback`
    Consent(ActionId),
    /// `confirmationBase/activateAutoConfirm`
    Activate,
    /// `confirmationBase/deactivateAutoConfirm`
    Deactivate,
    /// `configData`
    ConfigData,
    /// `softwaremodules/{id}/artifacts`
    Artifacts(ImageId),
    /// `softwaremodules/{id}/artifacts/{name}`
    Artifact(ImageId, String),
}

impl Place {
    /// Reads a whole path, whose first four segments were looked at before.
    pub fn of(path: &[String]) -> Result<Place, No> {
        let rest: Vec<&str> = path.iter().skip(4).map(String::as_str).collect();
        Ok(match rest.as_slice() {
            // Spring takes a slash at the end for nothing.
            [] | [""] => Place::Root,
            ["configData"] => Place::ConfigData,
            ["installedBase"] => Place::Installed,
            ["confirmationBase"] => Place::Confirmation,
            ["confirmationBase", "activateAutoConfirm"] => Place::Activate,
            ["confirmationBase", "deactivateAutoConfirm"] => Place::Deactivate,
            ["confirmationBase", id] => Place::Proposal(action(id)?),
            ["confirmationBase", id, "feedback"] => Place::Consent(action(id)?),
            ["deploymentBase", id] => Place::Deployment(Ended::No, action(id)?),
            ["installedBase", id] => Place::Deployment(Ended::Yes, action(id)?),
            ["deploymentBase", id, "feedback"] => Place::Feedback(action(id)?),
            ["cancelAction", id] => Place::Cancel(action(id)?),
            ["cancelAction", id, "feedback"] => Place::CancelFeedback(action(id)?),
            ["softwaremodules", id, "artifacts"] => Place::Artifacts(image(id)?),
            ["softwaremodules", _, "artifacts", name] if name.len() > FILE_NAME_MAX => {
                return Err(No::TooLong("fileName"));
            }
            ["softwaremodules", id, "artifacts", name] => Place::Artifact(image(id)?, (*name).to_owned()),
            _ => return Err(No::UnknownPath),
        })
    }

    /// Whether the answer is JSON or CBOR.
    pub fn is_json(&self) -> bool {
        match self {
            Place::Root
            | Place::Deployment(..)
            | Place::Feedback(_)
            | Place::Cancel(_)
            | Place::CancelFeedback(_)
            | Place::Installed
            | Place::Confirmation
            | Place::Proposal(_)
            | Place::Consent(_)
            | Place::Activate
            | Place::Deactivate
            | Place::ConfigData
            | Place::Artifacts(_) => true,
            Place::Artifact(..) => false,
        }
    }

    /// Whether the path has the method; HEAD is GET without a body.
    pub fn check_method(&self, method: &Method) -> Result<(), No> {
        let (allowed, has): (&str, &[Method]) = match self {
            Place::Root
            | Place::Deployment(..)
            | Place::Cancel(_)
            | Place::Confirmation
            | Place::Proposal(_)
            | Place::Artifacts(_)
            | Place::Artifact(..) => ("GET,HEAD", &[Method::GET, Method::HEAD]),
            Place::Feedback(_)
            | Place::CancelFeedback(_)
            | Place::Consent(_)
            | Place::Activate
            | Place::Deactivate => ("POST", &[Method::POST]),
            Place::Installed | Place::ConfigData => ("PUT", &[Method::PUT]),
        };
        if has.contains(method) { Ok(()) } else { Err(No::WrongMethod(allowed)) }
    }
}

/// A number that cannot be an id of ours is one that does not exist; what is no number is malformed.
fn action(text: &str) -> Result<ActionId, No> {
    match ActionId::parse(text) {
        Some(id) => Ok(id),
        None if is_number(text) => Err(No::UnknownAction),
        None => Err(No::Malformed),
    }
}

fn image(text: &str) -> Result<ImageId, No> {
    match ImageId::parse(text) {
        Some(id) => Ok(id),
        None if is_number(text) => Err(No::UnknownArtifact),
        None => Err(No::Malformed),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
