//! The configuration: `broker.toml` as compiled in, under the operator's file, the environment and the flags.
//!
//! Every value keeps where it came from, so that an error can say so. No default lives in this file: a key that
//! `broker.toml` does not name cannot be read.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use crate::http::Proxies;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../../broker.toml");

/// What the names of environment variables begin with.
const PREFIX: &str = "UPDRAFT_";
/// Variables that are not keys of the configuration: the command line reads them.
const NOT_KEYS: &[&str] =
    &["UPDRAFT_SERVER", "UPDRAFT_TOKEN", "UPDRAFT_DATA", "UPDRAFT_LOG", "UPDRAFT_TENANT"];
/// Keys without a default: given together, or not at all.
const OPTIONAL: &[(&str, &str)] = &[("mqtt.tls", "listen"), ("mqtt.tls", "certificate"), ("mqtt.tls", "key")];

/// The least and the most of every number. The most is where memory or sense ends, never what a test once needed.
pub const RANGES: &[(&str, i64, i64)] = &[
    // With 0 a full disk ends the server at its next commit.
    ("store.reserve_bytes", 0, 1_099_511_627_776),
    ("mqtt.workers", 0, 64),
    ("mqtt.connections_max", 1, 1_000_000),
    // Below 1 KiB a report does not fit; MQTT itself ends at 256 MiB, and sessions are many.
    ("mqtt.packet_bytes", 1024, 1_048_576),
    ("mqtt.connect_timeout_ms", 100, 60_000),
    ("mqtt.filters_max", 1, 256),
    // Repeated feedback is recognised among the last 32.
    ("mqtt.unacked_max", 1, 32),
    ("mqtt.outbox_bytes", 4096, 16_777_216),
    ("mqtt.write_timeout_ms", 100, 600_000),
    ("mqtt.session_expiry_max_s", 0, 31_536_000),
    ("mqtt.probe_interval_ms", 100, 3_600_000),
    ("mqtt.probe_timeout_ms", 100, 3_600_000),
    ("http.header_timeout_ms", 100, 600_000),
    ("http.upload_bytes", 1, 1_099_511_627_776),
    ("http.connections_max", 1, 1_000_000),
    // hawkBit's own bounds; devices read the answer as HH:MM:SS.
    ("http.ddi_poll_s", 30, 86_399),
    // A year: more than that is any.
    ("arkors.token_skew_s", 0, 31_536_000),
    ("engine.attempts", 1, 1000),
    ("engine.cancel_timeout_ms", 1000, 31_536_000_000),
    ("engine.penalty_after", 1, 1000),
    ("engine.penalty_ms", 1000, 31_536_000_000),
    ("engine.command_expiry_ms", 1000, 31_536_000_000),
];

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where things are kept.
    pub store: Store,
    /// The door for devices.
    pub mqtt: Mqtt,
    /// The door for legacy devices and operators.
    pub http: Http,
    /// The dialect of ESP8266 devices.
    pub esp: Esp,
    /// The dialect of arkors.
    pub arkors: Arkors,
    /// What the engine decides by.
    pub engine: Engine,
    /// Where events are sent.
    pub webhooks: Webhooks,
    /// What is refused unless said otherwise.
    pub security: Security,
}

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Whether they may go to addresses that are not of the public internet.
    pub allow_private: bool,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The data folder.
    pub data: PathBuf,
    /// Bytes of its disk that stay free: with less, everything that would need more is refused.
    pub reserve_bytes: u64,
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    /// Where devices connect, without TLS.
    pub listen: String,
    /// Threads that carry sessions; 0 is one for each core.
    pub workers: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// The largest packet from a device.
    pub packet_bytes: usize,
    /// The time for TLS, and again for CONNECT.
    pub connect_timeout_ms: u64,
    /// Filters in one device's session.
    pub filters_max: usize,
    /// Uplinks of one session that are not committed yet.
    pub unacked_max: u16,
    /// Bytes that wait for a slow device.
    pub outbox_bytes: usize,
    /// How long a write may make no progress.
    pub write_timeout_ms: u64,
    /// The longest session expiry, in seconds.
    pub session_expiry_max_s: u32,
    /// How often the server probes itself.
    pub probe_interval_ms: u64,
    /// How long a probe may take.
    pub probe_timeout_ms: u64,
    /// The listener with TLS, if there is one.
    pub tls: Option<Tls>,
}

/// `[mqtt.tls]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Where devices connect with TLS.
    pub listen: String,
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where HTTP is served.
    pub listen: String,
    /// How devices reach it; empty is `http://` and the address that was listened on.
    pub public_url: String,
    /// The time for a request's header.
    pub header_timeout_ms: u64,
    /// The largest upload.
    pub upload_bytes: u64,
    /// Connections at once.
    pub connections_max: usize,
    /// How often hawkBit devices are asked to poll, in seconds.
    pub ddi_poll_s: u32,
    /// Addresses and networks of the proxies that may say who a client is.
    pub trusted_proxies: Vec<String>,
    /// The headers of theirs that name a device by its certificate.
    pub certificate_headers: Vec<String>,
    /// The client that may begin sessions, `id:secret`; empty is any.
    pub oauth_client: Hidden,
    /// Whether unknown devices register themselves where devices have no token of ours.
    pub newcomers: bool,
}

/// `[esp]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Esp {
    /// Whether ESP8266 devices have to show a token of ours.
    pub token_required: bool,
}

/// `[arkors]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arkors {
    /// Answers as the code of 2014 did, where it and its document differ.
    pub code_compat: bool,
    /// Whether records are taken from anybody.
    pub open_board: bool,
    /// How far a client's clock may be off, in seconds.
    pub token_skew_s: u32,
}

/// A text that is never printed by accident.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text; none when it is empty.
    pub fn reveal(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// `[engine]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// How often an image may fail on a device.
    pub attempts: u32,
    /// How long a cancel waits for the device.
    pub cancel_timeout_ms: u64,
    /// How often in a row a device may fail to come up with updates.
    pub penalty_after: u32,
    /// For how long it is left alone then, at first.
    pub penalty_ms: u64,
    /// How long a command is worth anything.
    pub command_expiry_ms: u64,
}

/// `[security]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// Whether a listener without TLS may be reachable from outside.
    pub allow_remote_plaintext: bool,
}

/// What the flags of `serve` say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--mqtt`
    pub mqtt: Option<String>,
    /// `--http`
    pub http: Option<String>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `broker.toml` as compiled in.
    Default,
    /// The operator's file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("the default"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Environment(name) => write!(f, "environment variable {name}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The operator's file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The operator's file is not TOML.
    #[error("{path} is not TOML: {cause}")]
    NotToml {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        cause: toml::de::Error,
    },
    /// There is no such key.
    #[error("{origin}: there is no key {key}; the keys are: {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Who names it.
        origin: Origin,
        /// The keys of its section, or the sections.
        known: String,
    },
    /// A value is not what the key takes.
    #[error("{key} = {value} ({origin}): {allowed}")]
    BadValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What is allowed.
        allowed: String,
    },
    /// `[mqtt.tls]` is half given.
    #[error("mqtt.tls needs listen, certificate and key; {0} is missing")]
    HalfTls(&'static str),
    /// A listener without TLS would be reachable from outside.
    #[error(
        "{key} = {address} ({origin}) is reachable from outside and has no TLS. Listen on 127.0.0.1, use [mqtt.tls] \
         or a TLS proxy, or set allow_remote_plaintext = true in [security] if the network is closed"
    )]
    RemotePlaintext {
        /// The key.
        key: &'static str,
        /// The address.
        address: String,
        /// Where it came from.
        origin: Origin,
    },
    /// The defaults themselves are wrong; a test keeps this from being shipped.
    #[error("broker.toml as compiled in is wrong: {0}")]
    Defaults(toml::de::Error),
}

impl Config {
    /// Puts the layers together: the defaults, the file, the environment, the flags.
    ///
    /// # Errors
    /// [`ConfigError`] names the key, where its value came from, and what is allowed.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Flags,
    ) -> Result<Config, ConfigError> {
        let mut layers = Layers::defaults()?;
        if let Some(path) = file {
            layers.add_file(path)?;
        }
        for (name, value) in environment {
            layers.add_variable(&name, &value)?;
        }
        layers.add_flags(flags);
        layers.finish()
    }
}

/// The process's environment as text. Names that are not UTF-8 are none of ours; values of ours that are not UTF-8
/// keep a mark in the place of what cannot be read, and are refused as values.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
}

/// Values by dotted key, each with its origin.
struct Layers {
    values: BTreeMap<String, (Value, Origin)>,
}

impl Layers {
    fn defaults() -> Result<Layers, ConfigError> {
        let table: Table = DEFAULTS.parse().map_err(ConfigError::Defaults)?;
        let values = leaves(&table).into_iter().map(|(key, value)| (key, (value, Origin::Default)));
        Ok(Layers { values: values.collect() })
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ConfigError::Unreadable { path: path.into(), cause })?;
        let table: Table = text.parse().map_err(|cause| ConfigError::NotToml { path: path.into(), cause })?;
        let origin = Origin::File(path.into());
        for (key, value) in leaves(&table) {
            self.set(key, value, origin.clone())?;
        }
        Ok(())
    }

    fn add_variable(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !NOT_KEYS.contains(&name)) else {
            return Ok(());
        };
        let origin = Origin::Environment(name.into());
        let wanted = rest.to_ascii_lowercase();
        let Some(key) = self.known().find(|key| key.replace('.', "_") == wanted) else {
            return Err(self.unknown(wanted.replacen('_', ".", 1), origin));
        };
        let value = self.read_text(&key, value, &origin)?;
        self.set(key, value, origin)
    }

    fn add_flags(&mut self, flags: &Flags) {
        let data = flags.data.as_ref().map(|path| path.to_string_lossy().into_owned());
        let given = [
            ("store.data", "--data", data),
            ("mqtt.listen", "--mqtt", flags.mqtt.clone()),
            ("http.listen", "--http", flags.http.clone()),
        ];
        for (key, flag, text) in given {
            if let Some(text) = text {
                self.values.insert(key.into(), (Value::String(text), Origin::Flag(flag)));
            }
        }
    }

    /// Takes a value for a key that exists, if it has the type of the default.
    fn set(&mut self, key: String, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let empty_section =
            value.as_table().is_some() && self.known().any(|k| k.starts_with(&format!("{key}.")));
        if empty_section {
            return Ok(());
        }
        if !self.known().any(|k| k == key) {
            return Err(self.unknown(key, origin));
        }
        let wanted = self.type_of(&key);
        if value.type_str() != wanted {
            let allowed = format!("must be of type {wanted}");
            return Err(ConfigError::BadValue { key, value: value.to_string(), origin, allowed });
        }
        self.values.insert(key, (value, origin));
        Ok(())
    }

    /// Reads an environment variable's text as the type that the key has.
    fn read_text(&self, key: &str, text: &str, origin: &Origin) -> Result<Value, ConfigError> {
        let value = match self.type_of(key) {
            "integer" => text.parse().ok().map(Value::Integer),
            "boolean" => text.parse().ok().map(Value::Boolean),
            // A list has commas between its items; an empty text is an empty list.
            "array" => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(Value::Array(items.map(Value::from).collect()))
            }
            _ => Some(Value::String(text.into())),
        };
        value.ok_or_else(|| {
            self.bad(key, text.into(), origin.clone(), format!("must be of type {}", self.type_of(key)))
        })
    }

    fn bad(&self, key: &str, value: String, origin: Origin, allowed: String) -> ConfigError {
        ConfigError::BadValue { key: key.into(), value, origin, allowed }
    }

    fn type_of(&self, key: &str) -> &'static str {
        self.values.get(key).map_or("string", |(value, _)| value.type_str())
    }

    fn known(&self) -> impl Iterator<Item = String> + '_ {
        let optional = OPTIONAL.iter().map(|(section, key)| format!("{section}.{key}"));
        self.values.keys().cloned().chain(optional.filter(|key| !self.values.contains_key(key)))
    }

    fn unknown(&self, key: String, origin: Origin) -> ConfigError {
        let section = key.split('.').next().unwrap_or_default();
        let inside = format!("{section}.");
        let mut known: Vec<String> = self.known().filter(|k| k.starts_with(&inside)).collect();
        if known.is_empty() {
            known = self.known().filter_map(|k| k.split('.').next().map(String::from)).collect();
            known.sort();
            known.dedup();
        }
        ConfigError::UnknownKey { key, origin, known: known.join(", ") }
    }

    fn finish(self) -> Result<Config, ConfigError> {
        self.check_tls()?;
        self.check_ranges()?;
        self.check_url()?;
        let mut table = Table::new();
        for (key, (value, _)) in &self.values {
            insert(&mut table, key, value.clone());
        }
        self.check_proxies()?;
        self.check_certificate_headers()?;
        let config: Config = table.try_into().map_err(ConfigError::Defaults)?;
        self.check_listeners(&config)?;
        Ok(config)
    }

    fn check_tls(&self) -> Result<(), ConfigError> {
        let given = |key: &str| self.values.contains_key(&format!("mqtt.tls.{key}"));
        let any = OPTIONAL.iter().any(|(_, key)| given(key));
        match OPTIONAL.iter().find(|(_, key)| !given(key)) {
            Some((_, missing)) if any => Err(ConfigError::HalfTls(missing)),
            Some(_) | None => Ok(()),
        }
    }

    fn check_ranges(&self) -> Result<(), ConfigError> {
        for (key, least, most) in RANGES {
            let Some((Value::Integer(number), origin)) = self.values.get(*key) else { continue };
            if !(*least..=*most).contains(number) {
                let allowed = format!("must be {least} to {most}");
                return Err(self.bad(key, number.to_string(), origin.clone(), allowed));
            }
        }
        Ok(())
    }

    fn check_url(&self) -> Result<(), ConfigError> {
        let Some((Value::String(url), origin)) = self.values.get("http.public_url") else { return Ok(()) };
        let schemes = ["http://", "https://"];
        let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        if url.is_empty() || rest.is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/')) {
            return Ok(());
        }
        let allowed = "must be empty, or http:// or https:// and a host, without a slash at the end".into();
        Err(self.bad("http.public_url", url.clone(), origin.clone(), allowed))
    }

    fn check_proxies(&self) -> Result<(), ConfigError> {
        let key = "http.trusted_proxies";
        let Some((Value::Array(items), origin)) = self.values.get(key) else { return Ok(()) };
        let texts = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
        Proxies::parse(&texts.collect::<Vec<_>>()).map(drop).map_err(|text| {
            let allowed = "must be addresses and networks, such as 127.0.0.1 and 10.0.0.0/8".into();
            self.bad(key, text, origin.clone(), allowed)
        })
    }

    fn check_certificate_headers(&self) -> Result<(), ConfigError> {
        let key = "http.certificate_headers";
        let Some((Value::Array(items), origin)) = self.values.get(key) else { return Ok(()) };
        let texts = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
        Proxies::default().naming(&texts.collect::<Vec<_>>()).map(drop).map_err(|text| {
            let allowed = "must be among x-controller-id and x-ssl-client-cn".into();
            self.bad(key, text, origin.clone(), allowed)
        })
    }

    fn check_listeners(&self, config: &Config) -> Result<(), ConfigError> {
        if let Some(tls) = &config.mqtt.tls {
            self.resolve("mqtt.tls.listen", &tls.listen)?;
        }
        for (key, address) in [("mqtt.listen", &config.mqtt.listen), ("http.listen", &config.http.listen)] {
            let local = self.resolve(key, address)?.ip().is_loopback();
            if !local && !config.security.allow_remote_plaintext {
                let origin = self.origin(key);
                return Err(ConfigError::RemotePlaintext { key, address: address.clone(), origin });
            }
        }
        Ok(())
    }

    fn resolve(&self, key: &str, address: &str) -> Result<SocketAddr, ConfigError> {
        resolve(address).ok_or_else(|| {
            let allowed = "must be an address and a port, such as 127.0.0.1:1883".into();
            self.bad(key, address.into(), self.origin(key), allowed)
        })
    }

    fn origin(&self, key: &str) -> Origin {
        self.values.get(key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }
}

/// The socket address that a text such as `127.0.0.1:1883` or `localhost:0` names.
pub fn resolve(address: &str) -> Option<SocketAddr> {
    address.to_socket_addrs().ok()?.next()
}

/// Every value of a table by dotted key; of tables only those that are empty, so that a misspelt section is seen.
fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value.as_table().filter(|inner| !inner.is_empty()) {
            Some(inner) => {
                found.extend(leaves(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            None => found.push((key.clone(), value.clone())),
        }
    }
    found
}

fn insert(table: &mut Table, key: &str, value: Value) {
    let Some((section, rest)) = key.split_once('.') else {
        table.insert(key.into(), value);
        return;
    };
    let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        insert(inner, rest, value);
    }
}
