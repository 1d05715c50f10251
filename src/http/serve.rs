//! Accepting connections and speaking HTTP/1.1 on them, with a bound on everything a client can hold on to.
//!
//! Knows no path. Handshakes never run on the accept path.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::api::events::STREAMS_MAX;
use super::api::rollouts::STAGES;
use super::auth::{Failures, Peer};
use super::crew::Crew;
use super::dialect::{Legacy, LegacySettings, Memory};
use super::linger;
use super::pace::{Impatient, Pace, Paced};
use super::passwords::Passwords;
use super::proxies::Proxies;
use super::shelf::Shelf;
use super::webhooks::{self, Sender};
use super::{Door, harden, router};
use crate::engine::call::{Call, Reply, Secret};
use crate::engine::query::Reader;
use crate::engine::{Engine, now};
use crate::store::artifacts::Artifacts;

/// hyper's buffer for one connection: the head of a request has to fit, and a body is read in such pieces.
const BUFFER_BYTES: usize = 64 * 1024;
/// The most header lines of a request; browsers behind proxies send about thirty.
const HEADERS_MAX: usize = 64;
/// How long accepting pauses when the process has no descriptors left: some connection ends in that time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often uploads that nobody came for are looked for; each has had a day.
const UPLOADS_EVERY: Duration = Duration::from_secs(3600);

/// What the operator has set for this door.
#[derive(Debug, Clone)]
pub struct Settings {
    /// TLS, unless the door is plain.
    pub tls: Option<Arc<ServerConfig>>,
    /// The most connections at once; accepting pauses at it.
    pub max_connections: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// How slow the body of a request may be.
    pub body_pace: Pace,
    /// How long a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// The largest upload of one image, all its files together.
    pub upload_max_bytes: u64,
    /// How often hawkBit devices are asked to poll, in seconds.
    pub ddi_poll_s: u32,
    /// Who may say how a client reached this server, and who it is.
    pub proxies: Proxies,
    /// The id and the secret, with a colon between them, of the only client whose logins for sessions are taken; any
    /// client's where none is set.
    pub login_client: Option<Secret>,
    /// Unlike that of every other start of the server.
    pub epoch: u64,
    /// Whether webhooks may go to addresses that are not of the public internet.
    pub webhooks_private: bool,
    /// The doors whose devices have no token of ours.
    pub legacy: LegacySettings,
}

impl Default for Settings {
    /// The bounds that DESIGN gives; 512 MiB for an image, which is a small Linux.
    fn default() -> Self {
        Settings {
            tls: None,
            max_connections: 10_000,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            body_pace: Pace { bytes: 10 * 1024, window: Duration::from_secs(10) },
            write_timeout: Duration::from_secs(30),
            upload_max_bytes: 512 * 1024 * 1024,
            ddi_poll_s: 300,
            proxies: Proxies::default(),
            login_client: None,
            epoch: 0,
            webhooks_private: true,
            legacy: LegacySettings::default(),
        }
    }
}

/// Why the door cannot open.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// There can be no threads.
    #[error("cannot start the threads that serve connections")]
    Threads(#[source] io::Error),
}

/// The door's address, taken before the door opens: links are made from it earlier than it is answered on.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    socket: std::net::TcpListener,
}

impl Listener {
    /// Takes an address; port 0 takes any port that is free.
    ///
    /// # Errors
    /// [`HttpError::Listen`] when the address cannot be listened on.
    pub fn bind(address: SocketAddr) -> Result<Listener, HttpError> {
        let bind = || {
            let socket = std::net::TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(Listener { address: socket.local_addr()?, socket })
        };
        bind().map_err(|cause| HttpError::Listen { address, cause })
    }

    /// The address, with its port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

/// The open door. Dropping it closes it at once.
#[derive(Debug)]
pub struct Http {
    address: SocketAddr,
    closing: watch::Sender<Option<Duration>>,
    accepting: JoinHandle<()>,
}

impl Http {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, lets requests under way finish for at most `patience`, then cuts them.
    pub async fn stop(mut self, patience: Duration) {
        // It fails only when the task has ended, and then there is nothing left to close.
        let _ = self.closing.send(Some(patience));
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "the HTTP listener had failed");
        }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Gives up the uploads that nobody came for, for as long as the door is open: what is left behind costs room for an
/// hour more at most.
async fn give_up_uploads(door: Weak<Door>) {
    let mut hours = tokio::time::interval(UPLOADS_EVERY);
    loop {
        hours.tick().await;
        let Some(door) = door.upgrade() else { return };
        match door.call(Call::SweepUploads).await {
            Ok(Reply::Removed { files }) => door.shelf.remove(files).await,
            Ok(other) => tracing::error!(?other, "uploads were swept with another kind of reply"),
            Err(error) => tracing::warn!(%error, "uploads that nobody came for stay for another hour"),
        }
    }
}

/// Opens the door.
///
/// # Errors
/// [`HttpError::Listen`] when the address cannot be listened on, [`HttpError::Threads`] when nobody can serve it.
pub async fn start(
    listener: Listener,
    settings: Settings,
    engine: Engine,
    reader: Reader,
    artifacts: Arc<Artifacts>,
) -> Result<Http, HttpError> {
    let address = listener.address;
    let listener =
        TcpListener::from_std(listener.socket).map_err(|cause| HttpError::Listen { address, cause })?;
    let (closing, closed) = watch::channel(None);
    let door = Arc::new(Door {
        shelf: Shelf::new(artifacts, reader.clone(), settings.upload_max_bytes),
        engine,
        reader,
        failures: Failures::default(),
        passwords: Passwords::new(),
        started: now(),
        since: Instant::now(),
        epoch: settings.epoch,
        ddi_poll_s: settings.ddi_poll_s,
        legacy: Legacy::new(&settings.legacy, address.to_string()),
        login_client: settings.login_client.clone(),
        sender: Arc::new(Sender::new(settings.webhooks_private)),
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        stage: Arc::new(Semaphore::new(STAGES)),
        closing: closed.clone(),
    });
    tokio::spawn(give_up_uploads(Arc::downgrade(&door)));
    let (engine, reader) = (door.engine.clone(), door.reader.clone());
    tokio::spawn(webhooks::run(engine, reader, Arc::clone(&door.sender), closed.clone()));
    let house = House {
        slots: Arc::new(Semaphore::new(settings.max_connections)),
        tls: settings.tls.clone().map(TlsAcceptor::from),
        router: router(Arc::clone(&door)),
        door,
        settings: Arc::new(settings),
        graceful: GracefulShutdown::new(),
        crew: Crew::start().map_err(HttpError::Threads)?,
    };
    let accepting = tokio::spawn(house.run(listener, closed));
    Ok(Http { address, closing, accepting })
}

/// What the accept loop owns.
struct House {
    settings: Arc<Settings>,
    slots: Arc<Semaphore>,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    router: Router,
    graceful: GracefulShutdown,
    crew: Crew,
}

impl House {
    async fn run(self, listener: TcpListener, mut closed: watch::Receiver<Option<Duration>>) {
        let mut guests = JoinSet::new();
        let patience = loop {
            tokio::select! {
                (stream, peer, slot) = self.accept(&listener) => {
                    self.crew.serve(&mut guests, self.welcome(stream, peer, slot));
                }
                Some(_) = guests.join_next() => {}
                asked = closed.wait_for(Option::is_some) => {
                    break asked.ok().and_then(|patience| *patience).unwrap_or_default();
                }
            }
        };
        drop(listener);
        let finish = async {
            self.graceful.shutdown().await;
            while guests.join_next().await.is_some() {}
        };
        // Whoever is not done by then is cut when `guests` goes.
        let _ = tokio::time::timeout(patience, finish).await;
    }

    /// The next connection. Waits for a slot first: what is not accepted waits in the kernel's queue.
    /// It belongs to no thread yet.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> (std::net::TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            let slot = Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed");
            let accepted = listener.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => return (stream, peer, slot),
                Err(error) if is_clients_fault(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept HTTP connections for a moment");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves one connection until it ends.
    fn welcome(
        &self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        slot: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (settings, tls) = (Arc::clone(&self.settings), self.tls.clone());
        let conversation = Conversation {
            door: Arc::clone(&self.door),
            routes: TowerToHyperService::new(self.router.clone()),
            peer: peer.ip(),
            settings: Arc::clone(&self.settings),
            memory: Memory::default(),
        };
        let watcher = self.graceful.watcher();
        async move {
            let _slot = slot;
            let stream = match TcpStream::from_std(stream) {
                Ok(stream) => stream,
                Err(error) => return tracing::warn!(%peer, %error, "a connection cannot be served"),
            };
            // Answers are written whole; waiting for more to send would only delay them.
            let _ = stream.set_nodelay(true);
            let served = match tls {
                None => conversation.hold(stream, &settings, watcher).await,
                Some(tls) => match tokio::time::timeout(settings.handshake_timeout, tls.accept(stream)).await
                {
                    Ok(Ok(stream)) => conversation.hold(stream, &settings, watcher).await,
                    Ok(Err(error)) => return tracing::debug!(%peer, %error, "a TLS handshake failed"),
                    Err(_) => return tracing::debug!(%peer, "a TLS handshake took too long"),
                },
            };
            if let Err(error) = served {
                tracing::debug!(%peer, %error, "an HTTP connection ended badly");
            }
        }
    }
}

/// Errors of a connection that was gone before it was accepted say nothing about this process.
fn is_clients_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// One connection's share of the door.
struct Conversation {
    door: Arc<Door>,
    routes: TowerToHyperService<Router>,
    peer: IpAddr,
    settings: Arc<Settings>,
    memory: Memory,
}

impl Conversation {
    /// Serves requests until the connection ends.
    async fn hold(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        settings: &Settings,
        watcher: Watcher,
    ) -> Result<(), hyper::Error> {
        let own = Arc::new(self);
        let service = service_fn(move |request| {
            let own = Arc::clone(&own);
            async move { own.answer(request).await }
        });
        let connection = http1::Builder::new()
            // Without a timer hyper has no header deadline at all.
            .timer(TokioTimer::new())
            .header_read_timeout(settings.header_timeout)
            .max_buf_size(BUFFER_BYTES)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(Impatient::new(stream, settings.write_timeout)), service);
        watcher.watch(connection).await
    }

    /// Answers one request.
    async fn answer(&self, mut request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        let client = self.settings.proxies.admit(self.peer, request.headers_mut());
        let request = match request.body().is_end_stream() {
            true => match self.memory.answer(&self.door, request.map(|_| Body::empty())).await {
                Ok(response) => return Ok(harden(response)),
                Err(request) => request,
            },
            false => request.map(|body| Body::new(Paced::new(body, self.settings.body_pace))),
        };
        linger::after_refusal(self.introduce(request, client), |request| self.routes.call(request)).await
    }

    /// Says whose request it is.
    fn introduce(&self, mut request: Request, client: IpAddr) -> Request {
        request.extensions_mut().insert(Peer(client));
        request.extensions_mut().insert(self.memory.clone());
        request
    }
}
