//! The paths of this dialect.

use axum::http::Method;

use crate::domain::ids::{DeviceId, FirmwareType, ImageId, ProductId};
use crate::http::dialect::pool::Access;
use crate::http::error::ApiError;

/// Where a request goes to. Numbers that break their grammar are kept as `None`: who asks comes before what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `/oauth/token`
    Token,
    /// `/v1/users/me`
    Me,
    /// Something of a partner.
    Partner(String, Shelf),
    /// Something of an account.
    Account(String, Room),
}

/// `/v1/ota/partners/{partner}/...`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shelf {
    /// `types`
    Types,
    /// `types/{type}`
    Type(String),
    /// `pool`
    Pool,
    /// `pool/types/{type}`
    PoolType(String),
    /// `pool/types/{type}/names/{name}/versions/{version}/exists`
    Exists(String, String, String),
    /// `pool/types/{type}/versionNumbers/{number}`
    Record(String, String),
    /// `pool/types/{type}/versionNumbers/{number}/associations`
    Associations(String, String),
    /// `binaries`
    Binaries,
    /// `binaries/moveToRepository`
    Move,
    /// `deviceTypes/{product}/firmwareImages`
    Images(String),
    /// `deviceTypes/{product}/firmwareImages/types/{type}`
    ImagesType(String, String),
    /// `deviceTypes/{product}/firmwareImages/types/{type}/versionNumbers/{number}`
    Image(String, String, String),
    /// `deviceTypes/{product}/firmwareImages/{image}/push`
    Push(String, String),
    /// `tags`
    Tags,
}

/// `/v1/accounts/{account}/devices...`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// `devices`
    Devices,
    /// `devices/{device}`
    Device(String),
    /// `devices/{device}/actions`
    Actions(String),
}

impl Place {
    /// The place that a path names; none when it names none.
    pub fn of(path: &[String]) -> Option<Place> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        Some(match path.as_slice() {
            ["oauth", "token"] => Place::Token,
            ["v1", "users", "me"] => Place::Me,
            ["v1", "ota", "partners", partner, rest @ ..] => {
                Place::Partner((*partner).to_owned(), Shelf::of(rest)?)
            }
            ["v1", "accounts", account, rest @ ..] => Place::Account((*account).to_owned(), Room::of(rest)?),
            _ => return None,
        })
    }

    /// The methods that the place has, as `Allow` writes them.
    pub fn methods(&self) -> &'static str {
        match self {
            Place::Token => "POST",
            Place::Me => "GET",
            Place::Account(_, Room::Devices | Room::Device(_)) => "GET",
            Place::Account(_, Room::Actions(_)) => "POST",
            Place::Partner(_, shelf) => shelf.methods(),
        }
    }

    /// Whether a request with this method changes something; none when the place does not have the method.
    pub fn access(&self, method: &Method) -> Option<Access> {
        let has = self.methods().split(", ").any(|own| own == method.as_str());
        has.then_some(if *method == Method::GET { Access::Read } else { Access::Write })
    }
}

impl Shelf {
    fn of(path: &[&str]) -> Option<Shelf> {
        let own = |text: &str| text.to_owned();
        Some(match path {
            ["types"] => Shelf::Types,
            ["types", kind] => Shelf::Type(own(kind)),
            ["pool"] => Shelf::Pool,
            ["pool", "types", kind] => Shelf::PoolType(own(kind)),
            ["pool", "types", kind, "names", name, "versions", version, "exists"] => {
                Shelf::Exists(own(kind), own(name), own(version))
            }
            ["pool", "types", kind, "versionNumbers", number] => Shelf::Record(own(kind), own(number)),
            ["pool", "types", kind, "versionNumbers", number, "associations"] => {
                Shelf::Associations(own(kind), own(number))
            }
            ["binaries"] => Shelf::Binaries,
            ["binaries", "moveToRepository"] => Shelf::Move,
            ["deviceTypes", product, "firmwareImages"] => Shelf::Images(own(product)),
            ["deviceTypes", product, "firmwareImages", "types", kind] => {
                Shelf::ImagesType(own(product), own(kind))
            }
            ["deviceTypes", product, "firmwareImages", "types", kind, "versionNumbers", number] => {
                Shelf::Image(own(product), own(kind), own(number))
            }
            ["deviceTypes", product, "firmwareImages", image, "push"] => {
                Shelf::Push(own(product), own(image))
            }
            ["tags"] => Shelf::Tags,
            _ => return None,
        })
    }

    fn methods(&self) -> &'static str {
        match self {
            Shelf::Types | Shelf::Pool | Shelf::Images(_) => "GET, POST",
            Shelf::Type(_) => "GET, PUT",
            Shelf::Record(..) | Shelf::Push(..) => "PUT",
            Shelf::Binaries | Shelf::Move => "POST",
            Shelf::Image(..) => "GET, DELETE",
            Shelf::PoolType(_)
            | Shelf::Exists(..)
            | Shelf::Associations(..)
            | Shelf::ImagesType(..)
            | Shelf::Tags => "GET",
        }
    }
}

impl Room {
    fn of(path: &[&str]) -> Option<Room> {
        Some(match path {
            ["devices"] => Room::Devices,
            ["devices", device] => Room::Device((*device).to_owned()),
            ["devices", device, "actions"] => Room::Actions((*device).to_owned()),
            _ => return None,
        })
    }
}

/// A firmware type in a path.
///
/// # Errors
/// 400 when it is not 1 to 200.
pub fn kind(text: &str) -> Result<FirmwareType, ApiError> {
    crate::http::request::firmware_type("type", text)
}

/// A version number in a path or a body.
///
/// # Errors
/// 400 when it is not a decimal number of 64 bits.
pub fn number(text: &str) -> Result<u64, ApiError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    let message = "`versionNumber` must be a decimal number of at most 64 bits";
    number.ok_or_else(|| ApiError::bad("bad-version-number", "versionNumber", message))
}

/// A device type in a path. Its grammar is that of products, so that what breaks it names nothing.
///
/// # Errors
/// 404 when it cannot be one.
pub fn product(text: &str) -> Result<ProductId, ApiError> {
    let missing = |_| ApiError::missing("no-such-device-type", "there is no such device type");
    ProductId::parse(text).map_err(missing)
}

/// A record in a path.
///
/// # Errors
/// 400 when it is not a decimal number.
pub fn image(text: &str) -> Result<ImageId, ApiError> {
    crate::http::request::image("firmwareImageId", text)
}

/// A device in a path or a body.
///
/// # Errors
/// 404 when it cannot be one.
pub fn device(text: &str) -> Result<DeviceId, ApiError> {
    let missing = |_| ApiError::missing("no-such-device", "there is no such device");
    DeviceId::parse(text).map_err(missing)
}
