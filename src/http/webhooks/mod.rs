//! Webhooks: news on their way to whoever asked for them, signed as Standard Webhooks has it, at least once and in order.
//!
//! Each webhook reads the log of news by its own cursor, which moves on when the news have arrived; so neither a dead
//! address nor a restart loses any that the log still has, and nobody here holds the engine up. One request at a time
//! for each webhook; those that have failed share half of the threads, so that they do not hold up those that work.

mod send;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::domain::ids::{TenantId, WebhookId};
use crate::domain::webhook::{Attempt, Webhook, pause_ms};
use crate::engine::Engine;
use crate::engine::call::{Call, CallError, Reply};
use crate::engine::query::{Reader, StoreError};

pub(super) use send::Sender;

/// Requests under way at once, each on a thread of its own that mostly waits.
const UNDER_WAY: usize = 8;
/// Those of them that may be for webhooks that have failed: each may last as long as a request may.
const FAILING: usize = UNDER_WAY / 2;
/// The longest rest between two looks where nothing rings.
const REST: Duration = Duration::from_secs(60);
/// Between two rounds: news of many commits then go together.
const ROUND: Duration = Duration::from_millis(20);
/// How many news that nobody wants a cursor may pass before it is kept: a commit for each would be too many.
const PASSED: u64 = 10_000;

/// What came of one look at a webhook.
struct Report {
    key: (TenantId, WebhookId),
    /// How far it has come.
    cursor: u64,
    /// Up to where a repeat of what failed has to go, so that it is the same again.
    pledged: Option<u64>,
    attempt: Option<Attempt>,
}

/// A webhook and what is known of it between two requests.
struct Post {
    hook: Webhook,
    cursor: u64,
    pledged: Option<u64>,
    /// Not before this moment.
    next: Instant,
    busy: bool,
}

impl Post {
    fn new(hook: Webhook) -> Post {
        // After a restart whoever has failed is tried at once: it may have been for the restart.
        Post { cursor: hook.cursor, hook, pledged: None, next: Instant::now(), busy: false }
    }

    fn is_failing(&self) -> bool {
        self.hook.failures > 0
    }
}

/// Sends news until the door closes.
pub(super) async fn run(
    engine: Engine,
    reader: Reader,
    sender: Arc<Sender>,
    mut closing: watch::Receiver<Option<Duration>>,
) {
    let courier = Courier::new(engine, reader, sender);
    tokio::select! {
        () = courier.work() => {}
        // Requests under way are left to themselves: what arrives and is not noted arrives once more.
        _ = closing.wait_for(Option::is_some) => {}
    }
}

struct Courier {
    engine: Engine,
    reader: Reader,
    sender: Arc<Sender>,
    posts: HashMap<(TenantId, WebhookId), Post>,
    reports: mpsc::Sender<Report>,
    reported: mpsc::Receiver<Report>,
}

impl Courier {
    fn new(engine: Engine, reader: Reader, sender: Arc<Sender>) -> Courier {
        let (reports, reported) = mpsc::channel(UNDER_WAY);
        Courier { engine, reader, sender, posts: HashMap::new(), reports, reported }
    }

    async fn work(mut self) {
        let mut bell = self.engine.bell();
        let mut known = None;
        loop {
            let rung = *bell.borrow_and_update();
            if known != Some(rung.webhooks) {
                known = Some(rung.webhooks);
                self.load();
            }
            let wake = self.start_due();
            tokio::select! {
                rung = bell.changed() => match rung {
                    Ok(()) => tokio::time::sleep(ROUND).await,
                    Err(_) => return,
                },
                Some(report) = self.reported.recv() => self.take(report).await,
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Reads the webhooks again, after people have changed one. What is under way stays so.
    fn load(&mut self) {
        let hooks = match self.reader.all_webhooks() {
            Ok(hooks) => hooks,
            Err(error) => return tracing::error!(%error, "webhooks cannot be read"),
        };
        let mut old = std::mem::take(&mut self.posts);
        for hook in hooks.into_iter().filter(|hook| hook.enabled) {
            let key = (hook.tenant.clone(), hook.id);
            let post = match old.remove(&key) {
                Some(post) => Post { hook, ..post },
                None => Post::new(hook),
            };
            self.posts.insert(key, post);
        }
    }

    /// Starts a request for each webhook whose time has come and who has something to get, as far as there are threads.
    /// Returns when to look again.
    fn start_due(&mut self) -> Instant {
        let now = Instant::now();
        let mut wake = now + REST;
        let busy = |posts: &HashMap<_, Post>, failing: bool| {
            posts.values().filter(|post| post.busy && (!failing || post.is_failing())).count()
        };
        let (mut all, mut failing) = (busy(&self.posts, false), busy(&self.posts, true));
        let mut newest = HashMap::new();
        for (key, post) in self.posts.iter_mut().filter(|(_, post)| !post.busy) {
            if post.next > now {
                wake = wake.min(post.next);
                continue;
            }
            let last = newest.entry(key.0.clone()).or_insert_with(|| self.reader.newest_news(&key.0));
            if last.as_ref().is_ok_and(|last| *last == post.cursor) {
                continue;
            }
            if all >= UNDER_WAY || (post.is_failing() && failing >= FAILING) {
                continue;
            }
            all += 1;
            failing += usize::from(post.is_failing());
            post.busy = true;
            let (reader, sender, reports) =
                (self.reader.clone(), Arc::clone(&self.sender), self.reports.clone());
            let (hook, cursor, pledged) = (post.hook.clone(), post.cursor, post.pledged);
            let work = move || {
                let report = send::carry(&reader, &sender, &hook, cursor, pledged);
                // Whoever took reports has gone: the server stops.
                let _ = reports.blocking_send(report);
            };
            if let Err(error) = thread::Builder::new().name("webhook".into()).spawn(work) {
                tracing::warn!(%error, "a webhook waits for a thread");
                post.busy = false;
                post.next = now + REST;
            }
        }
        wake
    }

    /// Notes what came of a request.
    async fn take(&mut self, report: Report) {
        let Some(post) = self.posts.get_mut(&report.key) else { return };
        post.busy = false;
        let passed = report.cursor.saturating_sub(post.hook.cursor);
        if report.attempt.is_none() && report.cursor == post.cursor {
            // The log cannot be read; it is not to be tried again and again.
            post.next = Instant::now() + REST;
        }
        post.cursor = report.cursor;
        post.pledged = report.pledged;
        if report.attempt.is_none() && passed < PASSED {
            return;
        }
        let (tenant, webhook) = report.key.clone();
        let failed = report.attempt.as_ref().is_some_and(|attempt| !attempt.succeeded());
        let call =
            Call::NoteWebhook { tenant, webhook, cursor: report.cursor, attempt: report.attempt.clone() };
        match self.engine.call(call).await {
            Ok(Reply::Webhook(hook)) if hook.enabled => post.hook = *hook,
            Ok(_) | Err(CallError::NoSuchWebhook(_)) => drop(self.posts.remove(&report.key)),
            // It is in memory as it should be, and on disk after the next.
            Err(error) => {
                tracing::warn!(%error, "how far a webhook has come is not kept yet");
                if let Some(attempt) = report.attempt {
                    post.hook.note(attempt);
                }
            }
        }
        if let Some(post) = self.posts.get_mut(&report.key).filter(|_| failed) {
            let pause = pause_ms(post.hook.id, post.hook.failures.max(1));
            post.next = Instant::now() + Duration::from_millis(pause);
        }
    }
}

/// News cannot be read: the disk is at fault, and the webhook is not.
fn unreadable(key: (TenantId, WebhookId), cursor: u64, error: &StoreError) -> Report {
    tracing::error!(%error, webhook = %key.1, "news for a webhook cannot be read");
    Report { key, cursor, pledged: None, attempt: None }
}
