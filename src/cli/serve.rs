//! The composition root: puts the rooms together in the order of a boot log, waits, and takes them apart again.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::args::{Common, Serve};
use super::config::{self, Config, Flags};
use super::exit::{self, ServeError};
use super::first_start;
use super::folder::{self, Folder, Listening};
use crate::domain::decide::Policy;
use crate::domain::eligibility::AttemptLimit;
use crate::engine;
use crate::engine::call::Secret;
use crate::engine::query::Reader;
use crate::http;
use crate::mqtt::{self, Gate};
use crate::store::artifacts::Artifacts;
use crate::store::redb::RedbStore;
use crate::store::tables::{Counter, Draft, View};
use crate::store::{Store, StoreError};

/// How long stopping may take before the process ends anyhow: what is acknowledged is on disk, so nothing is lost,
/// and service managers wait longer than this.
const STOP: Duration = Duration::from_secs(10);
/// Descriptors that are not connections: the database, uploads, listeners, the runtime.
const OWN_DESCRIPTORS: u64 = 256;

/// Serves until it is told to stop.
///
/// # Errors
/// [`ServeError`] says why the server does not start. A server that has started ends by its exit code.
pub fn serve(common: &Common, flags: &Serve) -> Result<(), ServeError> {
    serve_with(common, flags, RedbStore::open)
}

/// The same over a store that is opened in another way: the crash test must catch a server whose commits are late.
///
/// # Errors
/// Those of [`serve`].
pub fn serve_with(
    common: &Common,
    flags: &Serve,
    open: impl FnOnce(&Path) -> Result<RedbStore, StoreError>,
) -> Result<(), ServeError> {
    start_log();
    exit::end_on_panic();
    let config = load_config(common, flags)?;
    let fleet = raise_descriptors(&config);
    let folder = open_folder(&config)?;
    let store = open_store(&folder, open)?;
    let artifacts = open_artifacts(&folder, store.as_ref(), config.store.reserve_bytes)?;
    let epoch = next_epoch(store.as_ref())?;
    let runtime = Runtime::new().map_err(|cause| ServeError::Thread { what: "the runtime", cause })?;
    let signals = StopSignals::catch(&runtime)?;
    let listener = http::Listener::bind(address(&config.http.listen)).map_err(ServeError::Http)?;

    let policy = policy(&config);
    let reader = Reader::new(Arc::clone(&store), policy);
    let mqtt_settings = mqtt_settings(&config, fleet, base_url(&config, listener.local_addr()), epoch);
    let (outlet, prepared) =
        mqtt::prepare(mqtt_settings, Arc::new(exit::door_died)).map_err(ServeError::Mqtt)?;
    let settings = engine::Settings {
        policy,
        command_expiry_ms: config.engine.command_expiry_ms,
        reserve_bytes: config.store.reserve_bytes,
        poll_s: config.http.ddi_poll_s,
    };
    let (engine, running) = engine::start(store, settings, outlet, Box::new(exit::commit_failed))
        .map_err(|cause| ServeError::Thread { what: "the engine", cause })?;
    let gate =
        prepared.start(engine.clone(), reader.clone(), Arc::clone(&artifacts)).map_err(ServeError::Mqtt)?;
    let http_settings = http_settings(&config, fleet, epoch);
    let http = runtime
        .block_on(http::start(listener, http_settings, engine.clone(), reader.clone(), artifacts))
        .map_err(ServeError::Http)?;
    // The doors are open: whether they can be is not to be found out by someone who waits for a token.
    let new_token = first_start::ensure_admin(&runtime, &engine, &reader, &folder)?;
    drop((engine, reader));

    let listening = Listening { mqtt: gate.local_addr(), http: http.local_addr(), pid: std::process::id() };
    let written = folder.write_listening(&listening);
    written.map_err(|cause| ServeError::Folder { path: folder.server(), cause })?;
    if let Some(new) = new_token {
        eprintln!("{}", first_start::welcome(&new, &folder, &listening));
    }
    announce(&listening);
    let signal = runtime.block_on(signals.wait());
    tracing::info!(signal, "stopping");
    stop(&runtime, http, gate, running, &folder);
    Ok(())
}

/// Diagnoses go to standard error, as much as `UPDRAFT_LOG` asks for. rumqttd writes a line for each link and more
/// for each oddity that the gate has dealt with: none of it helps an operator.
fn start_log() {
    use tracing_subscriber::EnvFilter;
    let wanted = std::env::var("UPDRAFT_LOG").unwrap_or_else(|_| "info".into());
    let (filter, bad) = match EnvFilter::try_new(&wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let quiet = "rumqttd=off".parse().expect("the directive is a constant");
    // It fails only when the process has a log already, and then that one is used.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter.add_directive(quiet))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    if let Some(error) = bad {
        tracing::warn!(%error, "UPDRAFT_LOG is not understood; logging at info");
    }
}

fn load_config(common: &Common, flags: &Serve) -> Result<Config, ServeError> {
    let flags_given = Flags { data: common.data.clone(), mqtt: flags.mqtt.clone(), http: flags.http.clone() };
    Ok(Config::load(flags.config.as_deref(), config::environment(), &flags_given)?)
}

/// How many connections the doors may have, so that neither ever meets the end of the descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fleet {
    mqtt: usize,
    http: usize,
}

/// Each connection costs a descriptor; the soft limit of most systems is 1024, and the hard one far above.
fn raise_descriptors(config: &Config) -> Fleet {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the number of open files");
    }
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let fleet = share(descriptors, config);
    tracing::info!(
        descriptors,
        "open files allow {} devices over MQTT and {} connections over HTTP (ulimit -Hn, LimitNOFILE=)",
        fleet.mqtt,
        fleet.http
    );
    fleet
}

/// Shares the descriptors out: where they are scarce a thirty-second part for HTTP, whose connections are short and
/// can wait, because devices hold theirs over MQTT for as long as they live.
fn share(descriptors: u64, config: &Config) -> Fleet {
    let free = usize::try_from(descriptors.saturating_sub(OWN_DESCRIPTORS)).unwrap_or(usize::MAX);
    let http = config.http.connections_max.min(free / 32).max(1);
    let mqtt = config.mqtt.connections_max.min(free.saturating_sub(http)).max(1);
    Fleet { mqtt, http }
}

fn open_folder(config: &Config) -> Result<Folder, ServeError> {
    let folder = Folder::at(&config.store.data);
    folder.create().map_err(|cause| ServeError::Folder { path: config.store.data.clone(), cause })?;
    Ok(folder)
}

fn open_store(
    folder: &Folder,
    open: impl FnOnce(&Path) -> Result<RedbStore, StoreError>,
) -> Result<Arc<dyn Store>, ServeError> {
    match open(&folder.database()) {
        Ok(store) => Ok(Arc::new(store)),
        Err(StoreError::InUse) => Err(in_use(folder)),
        Err(error) => Err(ServeError::Store(error)),
    }
}

fn in_use(folder: &Folder) -> ServeError {
    let path: PathBuf = folder.path().into();
    let who = match folder.read_listening() {
        Some(Listening { mqtt, http, pid }) => format!(" (process {pid}, mqtt {mqtt}, http {http})"),
        None => String::new(),
    };
    ServeError::InUse { path, who }
}

/// Uploads whose commit never came are swept before anyone can ask for them.
fn open_artifacts(
    folder: &Folder,
    store: &dyn Store,
    reserve_bytes: u64,
) -> Result<Arc<Artifacts>, ServeError> {
    let mut referenced = std::collections::BTreeSet::new();
    let read = store.read(&mut |read| {
        referenced = View(read).all_artifacts()?;
        Ok(())
    });
    read.map_err(ServeError::Store)?;
    let artifacts = Artifacts::open(&folder.artifacts()).map_err(ServeError::Artifacts)?;
    let artifacts = artifacts.leaving_free(reserve_bytes);
    let swept = artifacts.sweep(&referenced).map_err(ServeError::Artifacts)?;
    tracing::info!(folder = %folder.path().display(), artifacts = referenced.len(), swept, "the folder is open");
    Ok(Arc::new(artifacts))
}

/// Every start has a number of its own; devices say hello again when it changes.
fn next_epoch(store: &dyn Store) -> Result<u64, ServeError> {
    let mut epoch = 0;
    let written = store.write(&mut |write| {
        epoch = Draft(write).next(Counter::Epoch)?;
        Ok(())
    });
    written.map_err(ServeError::Store)?;
    Ok(epoch)
}

/// An address of the configuration, which was resolved when it was loaded.
fn address(text: &str) -> SocketAddr {
    config::resolve(text).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn base_url(config: &Config, http: SocketAddr) -> String {
    match config.http.public_url.as_str() {
        "" => {
            if http.ip().is_unspecified() {
                tracing::warn!(
                    "http.public_url is empty: links in desired documents work on this machine only"
                );
            }
            format!("http://{}", folder::reachable(http))
        }
        url => url.to_owned(),
    }
}

fn policy(config: &Config) -> Policy {
    Policy {
        attempts: AttemptLimit(config.engine.attempts),
        cancel_timeout_ms: config.engine.cancel_timeout_ms,
        penalty_after: config.engine.penalty_after,
        penalty_ms: config.engine.penalty_ms,
    }
}

fn mqtt_settings(config: &Config, fleet: Fleet, base_url: String, epoch: u64) -> mqtt::Settings {
    let own = &config.mqtt;
    let workers = match own.workers {
        // The router and the engine need the other half.
        0 => thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2).min(64)),
        workers => workers,
    };
    let limits = mqtt::Limits {
        connections: fleet.mqtt,
        packet_bytes: own.packet_bytes,
        handshake_timeout: Duration::from_millis(own.connect_timeout_ms),
        filters: own.filters_max,
        uplinks: own.unacked_max,
        outbox_bytes: own.outbox_bytes,
        write_stall: Duration::from_millis(own.write_timeout_ms),
        session_expiry_s: own.session_expiry_max_s,
        ..mqtt::Limits::default()
    };
    let tls = own.tls.as_ref().map(|tls| mqtt::Tls {
        listen: address(&tls.listen),
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
    });
    mqtt::Settings {
        listen: address(&own.listen),
        tls,
        workers,
        base_url,
        limits,
        probe_every: Duration::from_millis(own.probe_interval_ms),
        probe_timeout: Duration::from_millis(own.probe_timeout_ms),
        epoch,
    }
}

fn http_settings(config: &Config, fleet: Fleet, epoch: u64) -> http::Settings {
    http::Settings {
        max_connections: fleet.http,
        header_timeout: Duration::from_millis(config.http.header_timeout_ms),
        upload_max_bytes: config.http.upload_bytes,
        ddi_poll_s: config.http.ddi_poll_s,
        // Looked at when the configuration was put together.
        proxies: http::Proxies::parse(&config.http.trusted_proxies)
            .and_then(|proxies| proxies.naming(&config.http.certificate_headers))
            .unwrap_or_default(),
        login_client: config.http.oauth_client.reveal().map(Secret::new),
        legacy: legacy_settings(config),
        webhooks_private: config.webhooks.allow_private,
        epoch,
        ..http::Settings::default()
    }
}

fn legacy_settings(config: &Config) -> http::LegacySettings {
    let arkors = http::ArkorsProfile {
        code_compat: config.arkors.code_compat,
        open_board: config.arkors.open_board,
        token_skew_s: config.arkors.token_skew_s,
    };
    http::LegacySettings {
        public_url: config.http.public_url.clone(),
        newcomers: config.http.newcomers,
        esp: http::EspProfile { token_required: config.esp.token_required },
        arkors,
    }
}

/// The signals that ask the server to stop. Caught from early on, so that one that comes during the start is obeyed
/// after it.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn catch(runtime: &Runtime) -> Result<StopSignals, ServeError> {
        let _context = runtime.enter();
        let failed = |cause| ServeError::Thread { what: "listening for signals", cause };
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        Ok(StopSignals { terminate, interrupt })
    }

    /// Waits for one; returns its name.
    async fn wait(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// The one line on standard output: whoever started the server knows now that it serves, and where.
fn announce(listening: &Listening) {
    let mut out = std::io::stdout().lock();
    let written =
        writeln!(out, "ready mqtt={} http={}", listening.mqtt, listening.http).and_then(|()| out.flush());
    if let Err(error) = written {
        tracing::warn!(%error, "nobody reads the standard output");
    }
}

/// Closes the doors, then the engine. What is acknowledged is on disk already, so the deadline loses nothing.
fn stop(runtime: &Runtime, http: http::Http, gate: Gate, running: engine::EngineThread, folder: &Folder) {
    thread::spawn(|| {
        thread::sleep(STOP);
        eprintln!(
            "updraft: stopping took longer than {} s; ended, with everything acknowledged on disk",
            STOP.as_secs()
        );
        std::process::exit(0);
    });
    if let Err(error) = folder.remove_listening() {
        tracing::warn!(%error, "cannot remove server.json");
    }
    runtime.block_on(http.stop(STOP / 2));
    gate.stop();
    match running.stop() {
        Ok(()) => tracing::info!("stopped"),
        Err(error) => exit::commit_failed(&error),
    }
}
