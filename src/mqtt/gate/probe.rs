//! The self-probe: each worker sends itself a receipt through the bus, the engine and a commit. A line that is
//! broken anywhere is found by its silence, not by a device that waits for ever.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::stamp::Mark;
use super::worker::Worker;
use super::{Death, MqttError, Shared, pump};

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(200);

/// When each worker last had proof.
pub(super) struct Proofs {
    began: Instant,
    at_ms: Vec<AtomicU64>,
}

impl Proofs {
    /// Nothing is proven yet, and the time runs from now on.
    pub(super) fn new(workers: usize) -> Proofs {
        Proofs { began: Instant::now(), at_ms: (0..workers).map(|_| AtomicU64::new(0)).collect() }
    }

    /// A worker's probe has come back.
    pub(super) fn prove(&self, worker: u16) {
        self.at_ms[usize::from(worker)].store(self.now_ms(), Ordering::Release);
    }

    /// Starts the time of all workers anew.
    fn renew(&self) {
        self.at_ms.iter().for_each(|at| at.store(self.now_ms(), Ordering::Release));
    }

    fn oldest(&self) -> Duration {
        let at = self.at_ms.iter().map(|at| at.load(Ordering::Acquire)).min().unwrap_or(0);
        Duration::from_millis(self.now_ms().saturating_sub(at))
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

/// A worker's probing task.
pub(super) async fn run(worker: Rc<Worker>) {
    let mut every = tokio::time::interval(worker.parts.shared.settings.probe_every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        worker.say(pump::probe(Mark {
            worker: worker.parts.number,
            slot: Mark::PROBE,
            generation: 0,
            serial: 0,
        }));
    }
}

/// Starts the thread that watches all workers. It ends when the gate stops.
pub(super) fn start(shared: &Arc<Shared>) -> Result<(), MqttError> {
    let shared = Arc::clone(shared);
    shared.proofs.renew();
    let watch = move || {
        while !shared.stopping.load(Ordering::Acquire) {
            if shared.proofs.oldest() > shared.settings.probe_timeout {
                (shared.fatal)(Death::LineBroken);
                return;
            }
            thread::sleep(LOOK);
        }
    };
    thread::Builder::new().name("mqtt-watch".into()).spawn(watch).map_err(MqttError::Thread)?;
    Ok(())
}
