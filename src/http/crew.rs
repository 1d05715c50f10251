//! The threads that serve connections: one for each core, each with connections of its own.
//!
//! A request is read, answered and written on one thread: among threads that share their work, handing a request on
//! costs more than carrying it out. Knows no HTTP.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The threads. They end when this is dropped, and what they are serving then is cut.
#[derive(Debug)]
pub(super) struct Crew {
    hands: Vec<Hand>,
}

/// One thread.
#[derive(Debug)]
struct Hand {
    runtime: Handle,
    /// How many connections it has.
    connections: Arc<AtomicUsize>,
    /// Its end is the thread's.
    _alive: oneshot::Sender<()>,
}

impl Crew {
    /// Starts a thread for each core.
    ///
    /// # Errors
    /// [`io::Error`] when there can be no thread.
    pub(super) fn start() -> io::Result<Crew> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let hands = (0..cores).map(|_| Hand::start()).collect::<io::Result<_>>()?;
        Ok(Crew { hands })
    }

    /// Has the thread with the fewest connections serve one more.
    pub(super) fn serve(
        &self,
        guests: &mut JoinSet<()>,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        let fewest = self.hands.iter().min_by_key(|hand| hand.connections.load(Ordering::Relaxed));
        let Some(hand) = fewest else { return };
        let place = Place::of(&hand.connections);
        let serving = async move {
            let _place = place;
            connection.await;
        };
        guests.spawn_on(serving, &hand.runtime);
    }
}

impl Hand {
    fn start() -> io::Result<Hand> {
        let (_alive, ended) = oneshot::channel();
        let (ready, started) = sync_channel(1);
        thread::Builder::new().name("http".into()).spawn(move || run(&ready, ended))?;
        let gone = |_| Err(io::ErrorKind::BrokenPipe.into());
        let runtime = started.recv().unwrap_or_else(gone)?;
        Ok(Hand { runtime, connections: Arc::default(), _alive })
    }
}

/// Serves until nobody holds the other end of `ended` any more.
fn run(ready: &SyncSender<io::Result<Handle>>, ended: oneshot::Receiver<()>) {
    match Builder::new_current_thread().enable_all().build() {
        // Whoever started the thread waits for its word, and nothing is ever sent through `ended`.
        Err(error) => drop(ready.send(Err(error))),
        Ok(runtime) => {
            drop(ready.send(Ok(runtime.handle().clone())));
            drop(runtime.block_on(ended));
        }
    }
}

/// A connection's place among those of its thread.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn of(connections: &Arc<AtomicUsize>) -> Place {
        connections.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(connections))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
