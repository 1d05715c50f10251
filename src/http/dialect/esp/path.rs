//! The paths and headers of the dialect. Names of headers are taken in any case, as HTTP has them.

use axum::http::Method;
use axum::http::header::RANGE;
use percent_encoding::percent_decode_str;

use super::{Fault, Poll, Slot};
use crate::domain::ids::{DeviceId, ProductId};
use crate::domain::version::Version;
use crate::http::dialect::Asked;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `/firmware/{application}/versions`
    Versions(ProductId),
    /// `/firmware/{application}/versions/{version}/{file}`
    File(ProductId, Version, Slot),
    /// `/firmware/{application}`: a version by the addresses of its files.
    Register(ProductId),
    /// `/api/{application}/versions`: the same, in the later revision.
    Later(ProductId),
    /// `/api/{application}/versions/{image}`: the last version, for a device that wants this image of it.
    Image(ProductId, Slot),
    /// `/api/firmware`: a file for a version to come.
    Firmware,
}

impl Place {
    /// Reads a path.
    ///
    /// # Errors
    /// [`Fault`], in which what cannot be there is not there.
    pub fn of(path: &[String]) -> Result<Place, Fault> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        Ok(match path.as_slice() {
            ["firmware", app, "versions"] => Place::Versions(product(app)?),
            ["firmware", app, "versions", version, file] => {
                let slot = Slot::parse(file).filter(|slot| slot.file() == *file).ok_or(Fault::UnknownFile)?;
                Place::File(product(app)?, Version::parse(version).ok_or(Fault::UnknownFile)?, slot)
            }
            ["firmware", app] => Place::Register(product(app)?),
            ["api", "firmware"] => Place::Firmware,
            ["api", app, "versions"] => Place::Later(product(app)?),
            ["api", app, "versions", image] => {
                Place::Image(product(app)?, Slot::parse(image).ok_or(Fault::UnknownFile)?)
            }
            _ => return Err(Fault::UnknownPath),
        })
    }

    /// Whether the path has the method; HEAD is GET without a body.
    ///
    /// # Errors
    /// [`Fault::WrongMethod`].
    pub fn check_method(&self, method: &Method) -> Result<(), Fault> {
        let (allowed, has): (&str, &[Method]) = match self {
            Place::Versions(_) => ("GET,HEAD,POST", &[Method::GET, Method::HEAD, Method::POST]),
            Place::File(..) | Place::Image(..) => ("GET,HEAD", &[Method::GET, Method::HEAD]),
            Place::Register(_) | Place::Later(_) | Place::Firmware => ("POST", &[Method::POST]),
        };
        if has.contains(method) { Ok(()) } else { Err(Fault::WrongMethod(allowed)) }
    }
}

fn product(text: &str) -> Result<ProductId, Fault> {
    ProductId::parse(text).map_err(|_| Fault::UnknownApp)
}

/// Who asks, and what it runs. A version that cannot be one is none: the device is still told the last.
///
/// # Errors
/// [`Fault::Bad`] for a uuid that no device here can have.
pub fn poll(asked: &Asked, app: ProductId) -> Result<Poll, Fault> {
    let value = |name: &str| asked.header(name).map(str::trim).filter(|text| !text.is_empty());
    let device = value("uuid").map(DeviceId::parse).transpose();
    let query = asked.parameter("current_version").map(|text| percent_decode_str(text).decode_utf8_lossy());
    let version = query.as_deref().or(value("version")).and_then(Version::parse);
    Ok(Poll {
        app,
        device: device.map_err(|error| Fault::bad(format!("the uuid {error}")))?,
        version,
        token: value("token").map(str::to_owned),
    })
}

/// Whether a file is asked for from its start: what resumes was begun before.
pub fn begins(asked: &Asked) -> bool {
    asked.method == Method::GET && !asked.headers.contains_key(RANGE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(path: &str) -> String {
        let path: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        match Place::of(&path) {
            Ok(place) => format!("{place:?}"),
            Err(fault) => format!("no: {fault:?}"),
        }
    }

    #[test]
    fn paths_are_read_whole() {
        let table = [
            ("/firmware/lamp/versions", "Versions(\"lamp\")"),
            ("/firmware/lamp/versions/0.1.100/user1.bin", "File(\"lamp\", \"0.1.100\", User1)"),
            ("/firmware/lamp/versions/0.1.100/user2.bin", "File(\"lamp\", \"0.1.100\", User2)"),
            ("/firmware/lamp/versions/0.1.100/image1", "no: UnknownFile"),
            ("/firmware/lamp/versions/0.1.100/user3.bin", "no: UnknownFile"),
            ("/firmware/lamp/versions/0 1/user1.bin", "no: UnknownFile"),
            ("/firmware/la mp/versions", "no: UnknownApp"),
            ("/firmware//versions", "no: UnknownApp"),
            ("/firmware/lamp", "Register(\"lamp\")"),
            ("/firmware/lamp/versions/", "no: UnknownPath"),
            ("/firmware/lamp/versions/1.0.0", "no: UnknownPath"),
            ("/api/firmware", "Firmware"),
            ("/api/lamp/versions", "Later(\"lamp\")"),
            ("/api/lamp/versions/image1", "Image(\"lamp\", User1)"),
            ("/api/lamp/versions/user2.bin", "Image(\"lamp\", User2)"),
            ("/api/lamp/versions/1.0.0", "no: UnknownFile"),
        ];
        for (path, expected) in table {
            assert_eq!(of(path), expected, "{path}");
        }
    }
}
