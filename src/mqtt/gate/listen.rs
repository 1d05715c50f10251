//! Accepting: on a thread of its own, so that neither a busy worker nor a slow handshake delays the next client.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::handshake::{Door, Place};
use super::worker::Mail;
use super::{MqttError, Settings, Shared, Tls, handshake};
use crate::engine::query::Reader;

/// How long accepting pauses when it fails, as without a descriptor.
const PAUSE: Duration = Duration::from_millis(100);

/// Bound, and not accepting yet.
pub(super) struct Listeners {
    tcp: StdListener,
    tls: Option<(StdListener, TlsAcceptor)>,
    pub(super) local_addr: SocketAddr,
    pub(super) tls_addr: Option<SocketAddr>,
}

/// The accepting thread.
pub(super) struct Acceptor {
    thread: thread::JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Acceptor {
    /// Accepts no more. The sockets stay open that were handed on.
    pub(super) fn stop(self) -> tokio::sync::watch::Sender<bool> {
        self.stop.send_replace(true);
        drop(self.thread);
        self.stop
    }
}

/// Binds the addresses and reads the certificate.
pub(super) fn bind(settings: &Settings) -> Result<Listeners, MqttError> {
    let (tcp, local_addr) = bind_one(settings.listen)?;
    let mut listeners = Listeners { tcp, tls: None, local_addr, tls_addr: None };
    if let Some(tls) = &settings.tls {
        let acceptor = acceptor(tls)?;
        let (listener, address) = bind_one(tls.listen)?;
        listeners.tls = Some((listener, acceptor));
        listeners.tls_addr = Some(address);
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> Result<(StdListener, SocketAddr), MqttError> {
    let bound = StdListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|source| MqttError::Listen { address, source })
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, MqttError> {
    let bad = |path: &std::path::Path, source: Box<dyn std::error::Error + Send + Sync>| {
        MqttError::Certificate { path: path.to_owned(), source }
    };
    let chain = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|e| bad(&tls.certificate, Box::new(e)))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|e| bad(&tls.key, Box::new(e)))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| bad(&tls.certificate, Box::new(e)))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Starts accepting.
pub(super) fn start(
    shared: &Arc<Shared>,
    listeners: Listeners,
    reader: Reader,
    mailboxes: Vec<mpsc::Sender<Mail>>,
) -> Result<Acceptor, MqttError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(MqttError::Thread)?;
    let (stop, mut stopped) = watch::channel(false);
    let door = Arc::new(Door::new(Arc::clone(shared), reader, mailboxes));
    let (tcp, tls) = {
        let _inside = runtime.enter();
        let tcp = TcpListener::from_std(listeners.tcp).map_err(MqttError::Thread)?;
        let tls = listeners.tls.map(|(listener, acceptor)| {
            TcpListener::from_std(listener).map(|listener| (listener, acceptor)).map_err(MqttError::Thread)
        });
        (tcp, tls.transpose()?)
    };
    let run = move || {
        runtime.block_on(async move {
            let plain = tokio::spawn(accept(tcp, Arc::clone(&door), None));
            let secure = tls.map(|(listener, acceptor)| tokio::spawn(accept(listener, door, Some(acceptor))));
            // An error means that the gate is gone without having said so.
            let _ = stopped.wait_for(|stop| *stop).await;
            plain.abort();
            if let Some(secure) = secure {
                secure.abort();
            }
            // Encrypted sockets are polled through this thread, so it stays until the gate is gone.
            while stopped.changed().await.is_ok() {}
        });
    };
    let thread = thread::Builder::new().name("mqtt-accept".into()).spawn(run).map_err(MqttError::Thread)?;
    Ok(Acceptor { thread, stop })
}

async fn accept(listener: TcpListener, door: Arc<Door>, tls: Option<TlsAcceptor>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => welcome(&door, stream, peer, tls.clone()),
            Err(error) if is_clients(&error) => {}
            // Without a descriptor the connection stays in the kernel's queue; any other error may last as well.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Whether the error is of the one connection that was to be accepted, so that the next one may be had at once.
fn is_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

/// Begins a handshake, or closes the connection when there are too many.
fn welcome(door: &Arc<Door>, stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>) {
    let limits = &door.shared.settings.limits;
    let Some(place) = Place::take(&door.shared, limits.connections) else { return };
    let Some(handshake) = Counted::take(&door.shared, limits.handshakes) else { return };
    // Small packets that wait for each other would cost 40 ms; a socket that refuses works all the same.
    let _ = stream.set_nodelay(true);
    tokio::spawn(handshake::run(Arc::clone(door), stream, peer.ip(), tls, place, handshake));
}

/// A handshake, counted for as long as it lasts.
pub(super) struct Counted(Arc<Shared>);

impl Counted {
    fn take(shared: &Arc<Shared>, most: usize) -> Option<Counted> {
        take(&shared.handshakes, most).then(|| Counted(Arc::clone(shared)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts one more, unless there are as many as there may be.
pub(super) fn take(count: &AtomicUsize, most: usize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < most).then_some(n + 1)).is_ok()
}
