//! What the doors share whose devices have no token of ours, as the operator has set it.

use axum::http::header::HOST;
use tokio::sync::Mutex;

use super::site::Site;
use super::{Asked, arkors, esp};

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

    /// How devices reach this server: as the operator says, or else as this client did. HTTP/1.0 need not say it.
    pub fn site(&self, asked: &Asked) -> Site {
        let says = [HOST.as_str(), "x-forwarded-host"].iter().any(|name| asked.headers.contains_key(*name));
        match &self.public {
            Some(public) => public.clone(),
            None if says => asked.site.clone(),
            None => Site { authority: self.listening.clone(), ..asked.site.clone() },
        }
    }
}
