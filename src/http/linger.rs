//! After an early refusal, what the client is still sending is taken and thrown away for a moment: closing a
//! connection with unread bytes resets it, and the client would never see why it was refused.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, SizeHint};

/// How long a refused client is listened to; one that sends for longer is cut.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of it is taken: more than a client has on its way when it is refused, and cheap to throw away.
const BYTES_MAX: usize = 64 << 20;

/// Answers, and when the answer is a refusal takes what is left of the request first.
///
/// # Errors
/// Those of `answer`.
pub(super) async fn after_refusal<E>(
    request: Request,
    answer: impl AsyncFnOnce(Request) -> Result<Response, E>,
) -> Result<Response, E> {
    if request.body().is_end_stream() {
        return answer(request).await;
    }
    // A client that waits for a word before it sends has nothing on its way.
    let waits = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body));
    let lent = Body::new(Lent(Arc::clone(&body)));
    let response = answer(Request::from_parts(parts, lent)).await?;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if refused && !waits {
        // Whether it took all of it makes no difference to the answer.
        let _ = tokio::time::timeout(PATIENCE, drain(Lent(body))).await;
    }
    Ok(response)
}

async fn drain(mut body: Lent) {
    let mut taken = 0;
    while let Some(Ok(frame)) = body.frame().await {
        taken += frame.data_ref().map_or(0, Bytes::len);
        if taken > BYTES_MAX {
            return;
        }
    }
}

/// A request's body that can be asked for again when its reader has given it up.
struct Lent(Arc<Mutex<Body>>);

impl hyper::body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
