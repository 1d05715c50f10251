//! A version by the addresses of its files, as the revision of May 2015 has it, and the one after it.

use serde::Deserialize;

use super::{Fault, Parcel, Slot, Source};
use crate::domain::ids::ProductId;
use crate::domain::succession::{Bump, Suggestion};

/// The longest address: a device holds it in a buffer of 200 bytes with all else.
const URL_MAX: usize = 512;
/// Where files are kept that have no version yet.
pub const KEPT: &str = "/api/firmware/";

#[derive(Deserialize)]
struct Body {
    application: Option<String>,
    version: Option<String>,
    #[serde(rename = "type")]
    bump: Option<String>,
    host: Option<String>,
    firmwares: Vec<Firmware>,
}

#[derive(Deserialize)]
struct Firmware {
    name: String,
    url: String,
}

/// Reads a registration. A device of the `first` revision puts the file's name behind the address that it is told, so
/// addresses elsewhere have to end like that.
///
/// # Errors
/// [`Fault::Bad`] says what is wrong.
pub fn read(body: &[u8], app: &ProductId, first: bool) -> Result<Parcel, Fault> {
    let body: Body = serde_json::from_slice(body).map_err(|error| Fault::bad(error.to_string()))?;
    if body.application.is_some_and(|name| name != app.as_str()) {
        return Err(Fault::bad("the application is not that of the path"));
    }
    if body.host.is_some_and(|host| !matches!(host.as_str(), "esp" | "esp8266")) {
        return Err(Fault::bad("the host is not esp8266"));
    }
    let mut parcel = Parcel { suggestion: suggestion(body.version, body.bump)?, ..Parcel::default() };
    for Firmware { name, url } in body.firmwares {
        let slot = Slot::parse(&name).ok_or_else(|| Fault::bad(format!("there is no image {name:?}")))?;
        let ends = url.ends_with(&format!("/{}", slot.file()));
        if Address::of(&url).is_none() || (first && kept_id(&url).is_none() && !ends) {
            return Err(Fault::bad(format!("a device cannot fetch {} from that address", slot.file())));
        }
        if parcel.slot(slot).replace(Source::At(url)).is_some() {
            return Err(Fault::bad(format!("{} is there twice", slot.file())));
        }
    }
    Ok(parcel)
}

/// Reads a suggested version and the kind of the next one.
///
/// # Errors
/// [`Fault::Bad`] for a version that is not semantic, and for a kind that there is not.
pub fn suggestion(version: Option<String>, bump: Option<String>) -> Result<Suggestion, Fault> {
    let version = version.map(|text| {
        let version = semver::Version::parse(&text);
        version.map_err(|error| Fault::bad(format!("the version is not semantic: {error}")))
    });
    let bump =
        bump.map(|text| Bump::parse(&text).ok_or_else(|| Fault::bad("the type is major, minor or patch")));
    Ok(Suggestion { version: version.transpose()?, bump: bump.transpose()? })
}

/// The id of a file that is kept here, if that is what the address means. Its host does not matter: uploaders write
/// the one that they know.
pub fn kept_id(url: &str) -> Option<&str> {
    let path = Address::of(url)?.path;
    path.strip_prefix(KEPT).filter(|id| !id.is_empty() && !id.contains('/'))
}

/// An address in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// `http` or `https`; none where the address is only a path.
    pub protocol: Option<&'a str>,
    /// Name and port; empty with it.
    pub host: &'a str,
    /// The path with its query.
    pub path: &'a str,
}

impl<'a> Address<'a> {
    /// Reads an address; none for what a device cannot fetch.
    pub fn of(url: &'a str) -> Option<Address<'a>> {
        let graphic = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte));
        if url.len() > URL_MAX || !graphic {
            return None;
        }
        if url.starts_with(KEPT) {
            return Some(Address { protocol: None, host: "", path: url });
        }
        let (protocol, rest) = url.split_once("://")?;
        let at = rest.find('/')?;
        let (host, path) = rest.split_at(at);
        let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
        let known = matches!(protocol, "http" | "https") && named && !host.is_empty();
        known.then_some(Address { protocol: Some(protocol), host, path })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(body: &str, first: bool) -> String {
        let app = ProductId::parse("lamp").unwrap();
        match read(body.as_bytes(), &app, first) {
            Ok(Parcel { suggestion, user1, user2 }) => {
                let show = |source: Option<Source>| match source {
                    Some(Source::At(url)) => url,
                    other => format!("{other:?}"),
                };
                let version = suggestion.version.map_or("-".into(), |version| version.to_string());
                format!("{version} {:?} {} {}", suggestion.bump, show(user1), show(user2))
            }
            Err(Fault::Bad(message)) => message,
            Err(fault) => format!("{fault:?}"),
        }
    }

    #[test]
    fn registrations_are_read_in_both_revisions() {
        let body = |rest: &str| {
            format!(
                "{{{rest},\"firmwares\":[{{\"name\":\"user1.bin\",\"url\":\"http://cdn/f/user1.bin\"}},{{\"name\":\"user2.bin\",\"url\":\"http://cdn/f/user2.bin\"}}]}}"
            )
        };
        let both = "http://cdn/f/user1.bin http://cdn/f/user2.bin";
        let table = [
            (r#""application":"lamp","version":"1.0.0","host":"esp8266""#, format!("1.0.0 None {both}")),
            (r#""type":"minor""#, format!("- Some(Minor) {both}")),
            (r#""application":"kettle""#, "the application is not that of the path".into()),
            (r#""host":"arduino""#, "the host is not esp8266".into()),
            (
                r#""version":"1.0""#,
                "the version is not semantic: unexpected end of input while parsing minor version number"
                    .into(),
            ),
            (r#""type":"huge""#, "the type is major, minor or patch".into()),
        ];
        for (rest, expected) in table {
            assert_eq!(check(&body(rest), true), expected, "{rest}");
        }
        let one = |name: &str, url: &str| format!(r#"{{"firmwares":[{{"name":"{name}","url":"{url}"}}]}}"#);
        let refused = "a device cannot fetch user1.bin from that address";
        let table = [
            (one("image1", "http://cdn/f/1"), true, refused.into()),
            (one("image1", "http://cdn/f/1"), false, "- None http://cdn/f/1 None".to_owned()),
            (one("image1", "/api/firmware/0123"), true, "- None /api/firmware/0123 None".into()),
            (
                one("image1", "http://a/api/firmware/0123"),
                true,
                "- None http://a/api/firmware/0123 None".into(),
            ),
            (one("image1", "ftp://cdn/f/user1.bin"), true, refused.into()),
            (one("image1", "http:///user1.bin"), true, refused.into()),
            (one("image1", "http://cdn\\\"/user1.bin"), true, refused.into()),
            (one("image1", "/etc/user1.bin"), true, refused.into()),
            (one("image3", "http://cdn/f"), true, "there is no image \"image3\"".into()),
        ];
        for (text, first, expected) in table {
            assert_eq!(check(&text, first), expected, "{text}");
        }
        let twice = one("image1", "http://c/1").replace("}]", r#"},{"name":"user1","url":"http://c/1"}]"#);
        assert_eq!(check(&twice, false), "user1.bin is there twice");
        assert!(check("{", true).starts_with("EOF"), "{}", check("{", true));
    }

    #[test]
    fn what_is_kept_here_is_known_by_its_path() {
        let table = [
            ("/api/firmware/0a", Some("0a")),
            ("https://ota.example/api/firmware/0a", Some("0a")),
            ("https://ota.example/x/api/firmware/0a", None),
            ("https://ota.example/api/firmware/", None),
            ("https://ota.example/api/firmware/0a/b", None),
        ];
        for (url, expected) in table {
            assert_eq!(kept_id(url), expected, "{url}");
        }
    }
}
