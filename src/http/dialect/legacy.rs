//! What the doors share whose devices have no token of ours, as the operator has set it.

use axum::http::header::HOST;
use axum::http::{HeaderValue, Uri};
use tokio::sync::Mutex;

use super::{Asked, arkors, esp};
use crate::http::site::Site;

/// What the operator has set.
#[derive(Debug, Clone, Default)]
pub struct LegacySettings {
    /// How devices reach this server, if the operator says so: scheme and host.
    pub public_url: String,
    /// Whether a device that nobody knows is registered when it asks about a product that has a version.
    pub newcomers: bool,
    /// The ESP8266 dialect.
    pub esp: esp::Profile,
    /// The arkors dialect.
    pub arkors: arkors::Profile,
}

/// What the requests of these doors share.
#[derive(Debug)]
pub struct Legacy {
    public: Option<Site>,
    /// Where this server listens: what is left for a client that does not say how it reached it.
    listening: String,
    /// Whether unknown devices are registered.
    pub newcomers: bool,
    /// The ESP8266 dialect.
    pub esp: esp::Profile,
    /// The arkors dialect.
    pub arkors: arkors::Profile,
    /// Held from looking at the versions of a product to the commit of the next one.
    pub publishing: Mutex<()>,
}

impl Legacy {
    /// As the operator has set it, on a server that listens there.
    pub fn new(settings: &LegacySettings, listening: String) -> Legacy {
        Legacy {
            public: Site::parse(&settings.public_url),
            listening,
            newcomers: settings.newcomers,
            esp: settings.esp,
            arkors: settings.arkors,
            publishing: Mutex::new(()),
        }
    }

    /// How devices reach this server: as the operator says, or else as this client did. HTTP/1.0 need not say it, and
    /// ESP8266 devices may write `host: esp`, by which they mean themselves.
    pub fn site(&self, asked: &Asked) -> Site {
        if let Some(public) = &self.public {
            return public.clone();
        }
        let mut headers = asked.headers.clone();
        headers.remove(HOST);
        let hosts = asked.headers.get_all(HOST).iter();
        let named = |host: &&HeaderValue| !matches!(host.as_bytes(), b"esp" | b"esp8266");
        let host = hosts.filter(named).find_map(|host| host.to_str().ok()).unwrap_or(&self.listening);
        headers.extend(HeaderValue::from_str(host).ok().map(|host| (HOST, host)));
        Site::of(&Uri::from_static("/"), &headers)
    }
}
