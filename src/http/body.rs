//! A file as the body of an answer: read in blocks on threads that may wait for the disk, one block at a time and
//! only when the client takes it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::range::Span;
use crate::store::artifacts::{ArtifactError, ArtifactFile};

/// How much is read at once: large enough that a switch of threads costs nothing, small enough that ten thousand
/// slow readers hold little more than a gigabyte.
const BLOCK: u64 = 128 * 1024;

/// A piece of the body.
#[derive(Debug)]
pub enum Piece {
    /// Bytes between ranges.
    Text(Bytes),
    /// Bytes of the file.
    File(Span),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Text(bytes) => bytes.len() as u64,
            Piece::File(span) => span.len(),
        }
    }
}

/// The pieces of an answer, in order. Its length is known from the start, so it is never chunked.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<ArtifactFile>,
    pieces: VecDeque<Piece>,
    reading: Option<JoinHandle<Result<Bytes, ReadError>>>,
    left: u64,
}

/// No body and no length either: the answer to HEAD and 304 must not claim that the file is empty.
#[derive(Debug)]
pub struct NoBody;

impl Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

/// Why an answer breaks off.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk fails.
    #[error("the artifact cannot be read")]
    Disk(#[from] ArtifactError),
    /// The file is shorter than it was.
    #[error("the artifact ends too early")]
    Short,
    /// Reading panicked, or the runtime is going down.
    #[error("the reader ended")]
    Ended(#[source] tokio::task::JoinError),
}

impl FileBody {
    /// A body of these pieces.
    pub fn new(file: ArtifactFile, pieces: impl IntoIterator<Item = Piece>) -> Self {
        let pieces: VecDeque<Piece> = pieces.into_iter().collect();
        let left = pieces.iter().map(Piece::len).sum();
        FileBody { file: Arc::new(file), pieces, reading: None, left }
    }

    /// Takes the next block off the pieces.
    fn next_block(&mut self) -> Option<Piece> {
        match self.pieces.pop_front()? {
            Piece::File(span) if span.len() > BLOCK => {
                self.pieces.push_front(Piece::File(Span { first: span.first + BLOCK, last: span.last }));
                Some(Piece::File(Span { first: span.first, last: span.first + BLOCK - 1 }))
            }
            piece => Some(piece),
        }
    }

    fn pass_on(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        self.left -= bytes.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = ReadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        let this = self.get_mut();
        if this.reading.is_none() {
            match this.next_block() {
                None => return Poll::Ready(None),
                Some(Piece::Text(bytes)) => return this.pass_on(bytes),
                Some(Piece::File(span)) => {
                    let file = Arc::clone(&this.file);
                    this.reading = Some(spawn_blocking(move || read(&file, span)));
                }
            }
        }
        let Some(reading) = this.reading.as_mut() else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        this.reading = None;
        match read.map_err(ReadError::Ended).and_then(|read| read) {
            Ok(bytes) => this.pass_on(bytes),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an answer breaks off");
                this.pieces.clear();
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn read(file: &ArtifactFile, span: Span) -> Result<Bytes, ReadError> {
    let mut block = vec![0; usize::try_from(span.len()).map_err(|_| ReadError::Short)?];
    match file.read_at(span.first, &mut block)? {
        count if count == block.len() => Ok(block.into()),
        _ => Err(ReadError::Short),
    }
}
