//! A file as the body of an answer: read in blocks, one at a time and only when the client takes it. What the system
//! has in memory is read on the spot, the rest on threads that may wait for the disk.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::range::Span;
use crate::store::artifacts::{ArtifactError, ArtifactFile};

/// How much is read at once: large enough that a switch of threads costs nothing, small enough that ten thousand
/// slow readers hold little more than a gigabyte.
const WHOLE: usize = 128 * 1024;
/// The same as a length of a file.
const BLOCK: u64 = WHOLE as u64;
/// How many blocks are kept for the next reader: memory that is new has to be cleared first, and that which was just
/// used is in the processor's cache. As many as a busy server has under way; the rest goes back to the system.
const SPARE_MAX: usize = 32;

/// Blocks that nobody uses.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A block of a file. Its memory is used again.
#[derive(Debug)]
struct Block {
    memory: Vec<u8>,
    used: usize,
}

impl Block {
    /// Room for `used` bytes, at most [`WHOLE`].
    fn new(used: usize) -> Block {
        // A small piece is not worth a large block.
        if used < WHOLE / 8 {
            // Cleared by hand: `calloc` goes past the allocator's quick lists of small pieces.
            #[allow(clippy::slow_vector_initialization)]
            let mut memory = Vec::with_capacity(used);
            memory.resize(used, 0);
            return Block { memory, used };
        }
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Block { memory: spare.unwrap_or_else(|| vec![0; WHOLE.max(used)]), used }
    }

    /// Fills it with what begins at `offset`, when that takes no wait.
    fn fill_at_once(&mut self, file: &ArtifactFile, offset: u64) -> bool {
        file.read_at_once(offset, &mut self.memory[..self.used])
    }

    /// Fills it with what begins at `offset`.
    fn fill(mut self, file: &ArtifactFile, offset: u64) -> Result<Block, ReadError> {
        let count = file.read_at(offset, &mut self.memory[..self.used])?;
        if count == self.used { Ok(self) } else { Err(ReadError::Short) }
    }
}

impl From<Block> for Bytes {
    fn from(mut block: Block) -> Bytes {
        // Memory of just its size is of no use afterwards.
        if block.memory.len() == block.used && block.memory.len() < WHOLE {
            return std::mem::take(&mut block.memory).into();
        }
        Bytes::from_owner(block)
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.used]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.memory.len() >= WHOLE {
            let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < SPARE_MAX {
                spare.push(std::mem::take(&mut self.memory));
            }
        }
    }
}

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
    file: ArtifactFile,
    pieces: VecDeque<Piece>,
    reading: Option<JoinHandle<Result<Block, ReadError>>>,
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
        FileBody { file, pieces, reading: None, left }
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
                    let mut block = Block::new(usize::try_from(span.len()).unwrap_or(usize::MAX));
                    if block.fill_at_once(&this.file, span.first) {
                        return this.pass_on(block.into());
                    }
                    let file = this.file.clone();
                    this.reading = Some(spawn_blocking(move || block.fill(&file, span.first)));
                }
            }
        }
        let Some(reading) = this.reading.as_mut() else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        this.reading = None;
        match read.map_err(ReadError::Ended).and_then(|read| read) {
            Ok(block) => this.pass_on(block.into()),
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
