//! `/api/v1/events`: what changes, as it changes (server-sent events, WHATWG HTML 9.2).
//!
//! A stream reads the log of news by its own cursor and holds one piece of it at a time: a slow client costs no more
//! than a quick one, and nobody waits for it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, timeout_at};

use crate::domain::ids::TenantId;
use crate::domain::news::Wanted;
use crate::engine::news::Rung;
use crate::engine::now;
use crate::engine::query::{Gap, Heard};
use crate::http::Door;
use crate::http::auth::{self, Caller, Peer};
use crate::http::error::ApiError;
use crate::mqtt::payload::NewsBody;

/// How often a stream says that it is there when nothing happens: half of what common proxies wait. The token is looked
/// at as often.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many news are read at once: some fifty kilobytes for each stream.
const PIECE: usize = 256;
/// The most streams at once: a quarter of the threads' time at worst, and far more than there are programs that listen.
pub(in crate::http) const STREAMS_MAX: usize = 256;
/// What every stream begins with: it is there, and whoever loses it comes again after two seconds.
const GREETING: &str = ": updraft\nretry: 2000\n\n";

/// Streams the tenant's news, from those that come next or from behind the number that the client has.
pub(super) async fn stream(
    State(door): State<Arc<Door>>,
    caller: Caller,
    parts: Asking,
) -> Result<Response, ApiError> {
    let Caller { tenant, mut params, .. } = caller;
    let types = params.take_all("type");
    let asked = params.take("after")?;
    params.done()?;
    let wanted = Wanted::parse(types.iter().flat_map(|types| types.split(',')))
        .map_err(|error| ApiError::bad("bad-event-type", "type", error.to_string()))?;
    let resumed = parts.headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?").to_owned());
    let field = if resumed.is_some() { "last-event-id" } else { "after" };
    let after = resumed.or(asked).map(|text| number(field, &text)).transpose()?;
    let slot = Arc::clone(&door.streams).try_acquire_owned().map_err(|_| ApiError::busy())?;
    let bell = door.engine.bell();
    let cursor = match after {
        Some(after) => after,
        None => door.look(|reader| reader.newest_news(&tenant))?,
    };
    // One piece is on its way while the next is made.
    let (pieces, body) = mpsc::channel(1);
    let beat = Instant::now() + HEARTBEAT;
    let listener =
        Listener { asking: parts, tenant, wanted, cursor, said: cursor, beat, pieces, _slot: slot };
    tokio::spawn(listener.follow(door, bell));
    let media = HeaderValue::from_static("text/event-stream; charset=utf-8");
    Ok(([(CONTENT_TYPE, media)], Body::new(Pieces(body))).into_response())
}

fn number(field: &str, text: &str) -> Result<u64, ApiError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| ApiError::bad("bad-cursor", field, "an event id is a decimal number"))
}

/// Who asks, so that it can be looked at again while the stream lasts.
pub(super) struct Asking {
    headers: HeaderMap,
    peer: Option<Peer>,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Asking { headers: parts.headers.clone(), peer: parts.extensions.get::<Peer>().copied() })
    }
}

/// One client that listens.
struct Listener {
    asking: Asking,
    tenant: TenantId,
    wanted: Wanted,
    /// The newest number that was read.
    cursor: u64,
    /// The newest number that the client knows of.
    said: u64,
    /// When it is next said that the stream is there.
    beat: Instant,
    pieces: mpsc::Sender<Bytes>,
    _slot: OwnedSemaphorePermit,
}

/// The client has gone, or may not listen any longer, or the server stops.
struct Over;

impl Listener {
    /// Until the client goes, its token ends or the server stops.
    async fn follow(mut self, door: Arc<Door>, mut bell: watch::Receiver<Rung>) {
        let mut closing = door.closing.clone();
        let gone = self.pieces.clone();
        let read = async {
            self.say(GREETING.to_owned()).await?;
            loop {
                bell.borrow_and_update();
                self.catch_up(&door).await?;
                if let Ok(rung) = timeout_at(self.beat, bell.changed()).await {
                    rung.map_err(|_| Over)?;
                }
            }
        };
        tokio::select! {
            Err::<Infallible, Over>(Over) = read => {}
            _ = closing.wait_for(Option::is_some) => {}
            () = gone.closed() => {}
        }
    }

    /// Says everything that is in the log and not said yet.
    async fn catch_up(&mut self, door: &Door) -> Result<(), Over> {
        loop {
            // Here, and not when the bell has been silent for so long: on a busy server it never is.
            if Instant::now() >= self.beat {
                self.beat(door).await?;
                self.beat = Instant::now() + HEARTBEAT;
            }
            // The bell rings for every tenant.
            if door.look(|reader| reader.newest_news(&self.tenant)).map_err(|_| Over)? == self.cursor {
                return Ok(());
            }
            let (tenant, cursor) = (self.tenant.clone(), self.cursor);
            let heard = door.ask(move |reader| reader.news(&tenant, cursor, PIECE)).await;
            let heard = heard.map_err(|_| Over)?;
            if heard.gap.is_none() && heard.news.is_empty() {
                return Ok(());
            }
            let text = self.write(&heard);
            if !text.is_empty() {
                self.say(text).await?;
            }
        }
    }

    /// The text of what was heard, without what nobody wants.
    fn write(&mut self, heard: &Heard) -> String {
        let mut text = String::new();
        if let Some(gap) = heard.gap {
            put(&mut text, &gap_body(gap));
            self.cursor = gap.next - 1;
        }
        for news in &heard.news {
            self.cursor = news.id;
            if self.wanted.takes(&news.what) {
                put(&mut text, &NewsBody::of(news));
                self.said = news.id;
            }
        }
        text
    }

    /// Says that the stream is there, and how far it has come where nothing was said of it. Ends it when whoever listens
    /// may not any longer.
    async fn beat(&mut self, door: &Door) -> Result<(), Over> {
        if auth::identify_by(&self.asking.headers, self.asking.peer, door).await.is_err() {
            return Err(Over);
        }
        let mut text = String::from(": here\n");
        if self.said != self.cursor {
            self.said = self.cursor;
            let _ = writeln!(text, "id: {}", self.cursor);
        }
        text.push('\n');
        self.say(text).await
    }

    async fn say(&self, text: String) -> Result<(), Over> {
        self.pieces.send(text.into()).await.map_err(|_| Over)
    }
}

/// Writes one event. JSON has no line breaks, so that it is one line of data.
fn put(text: &mut String, body: &NewsBody) {
    let data = serde_json::to_string(body).expect("texts and numbers are JSON");
    if !body.id.is_empty() {
        let _ = writeln!(text, "id: {}", body.id);
    }
    let _ = write!(text, "event: {}\ndata: {data}\n\n", body.kind);
}

/// Says that news are missing.
pub(in crate::http) fn gap_body(gap: Gap) -> NewsBody {
    NewsBody {
        after: Some(gap.after.to_string()),
        next: Some(gap.next.to_string()),
        ..NewsBody::said(now(), "gap".into())
    }
}

/// The body of the answer: what the listener says.
struct Pieces(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}
