//! Questions that are answered beside the engine: `explain`, and the blocks of files. The disk is read on threads
//! of its own, and a block is read only when the outbox has room for it.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{spawn_blocking, spawn_local};

use super::deliver::Downlink;
use super::session::{ReplyTo, Session};
use super::stamp::Mark;
use super::uplink::{respond, verdict};
use super::worker::Worker;
use crate::domain::device::Format;
use crate::domain::ids::{DeviceKey, FirmwareType};
use crate::engine::query::{Explanation, Reader, Standing};
use crate::mqtt::chunks::{self, ChunkLimits, ChunkRefusal, ChunkRequest, Plan};
use crate::mqtt::packet::{QoS, ReasonCode};
use crate::mqtt::payload::{Answer, Body, Decoded};
use crate::mqtt::topic::{Leaf, Topic};
use crate::store::artifacts::{ArtifactFile, Artifacts};

/// Blocks are read while less than this waits in the outbox, and as many at once: a quarter of what it may hold.
const AHEAD: usize = 64 << 10;
/// What a block's packet has beside the block: header, topic and properties.
const OVERHEAD: u32 = 320;
/// The most firmware types in one explanation.
const EXPLAINED_MAX: usize = 200;

/// The most rollouts in one explanation, so that it stays within a few kilobytes: the newest ones.
const STANDINGS_MAX: usize = 4;
/// How often devices poll where their tenant says nothing, in seconds; a device that asks here is not overdue anyway.
const POLL_S: u32 = 300;

/// What a question is about, once its device and its place are known.
struct Asked {
    mark: Mark,
    key: DeviceKey,
    format: Format,
}

/// Why a chunk request brings no blocks.
enum No {
    Refused(ChunkRefusal),
    Rejected { code: &'static str, message: &'static str, retry: bool },
}

/// What a chunk request brings.
struct Found {
    file: Arc<ArtifactFile>,
    plan: Plan,
}

/// Begins to answer a question.
pub(super) fn answer(
    worker: &Rc<Worker>,
    mark: Mark,
    session: &mut Session,
    key: DeviceKey,
    decoded: Decoded,
) {
    let Some(live) = session.live() else { return };
    let asked = Asked { mark, key, format: decoded.format };
    match decoded.body {
        Body::Explain { kind, .. } => drop(spawn_local(explain(Rc::clone(worker), asked, kind))),
        Body::ChunkGet(_) if live.chunks => {
            let answer = Answer::Rejected {
                code: "busy",
                message: "another request of this device is being answered",
                retry_after_s: Some(retry_s(worker)),
            };
            close(worker, session, &asked, answer, ReasonCode::QuotaExceeded);
        }
        Body::ChunkGet(request) => {
            live.chunks = true;
            let packet_max = live.packet_max;
            drop(spawn_local(serve(Rc::clone(worker), asked, request, packet_max)));
        }
        // The bus carries these.
        Body::Event(_) | Body::Get { .. } => {}
    }
}

fn retry_s(worker: &Worker) -> u32 {
    (worker.limits().chunk_retry_ms / 1000).max(1) as u32
}

/// Answers, with the PUBACK first.
fn close(worker: &Worker, session: &mut Session, asked: &Asked, answer: Answer<'_>, code: ReasonCode) {
    let reply = session
        .live()
        .and_then(|live| live.uplinks.iter_mut().find(|u| u.serial == asked.mark.serial))
        .and_then(|uplink| uplink.reply.take());
    verdict(worker, session, asked.mark.serial, code);
    let reply = reply.map_or_else(ReplyTo::default, |reply| *reply);
    respond(worker, session, asked.format, answer, &reply);
}

/// Runs `act` on the session while its connection is still the one that asked.
fn with_session<T>(worker: &Worker, mark: Mark, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
    let mut sessions = worker.sessions.borrow_mut();
    let session = sessions.get_mut(mark.slot as usize).filter(|s| s.generation == mark.generation)?;
    session.live()?;
    Some(act(session))
}

async fn explain(worker: Rc<Worker>, asked: Asked, kind: Option<FirmwareType>) {
    let (reader, key) = (worker.parts.reader.clone(), asked.key.clone());
    let found = spawn_blocking(move || explanations(&reader, &key, kind)).await.ok().flatten();
    let (answer, code) = match &found {
        Some((types, rollouts)) => (Answer::Explained { types, rollouts }, ReasonCode::Success),
        None => (
            Answer::Rejected {
                code: "unavailable",
                message: "the store cannot be read",
                retry_after_s: Some(1),
            },
            ReasonCode::ImplementationSpecificError,
        ),
    };
    with_session(&worker, asked.mark, |session| close(&worker, session, &asked, answer, code));
}

/// None when the store cannot be read, or the device is gone.
fn explanations(
    reader: &Reader,
    key: &DeviceKey,
    kind: Option<FirmwareType>,
) -> Option<(Vec<Explanation>, Vec<Standing>)> {
    let mut found = reader.explain(key, kind).ok()??;
    found.truncate(EXPLAINED_MAX);
    let at = reader.moment(&key.tenant, POLL_S).ok()?;
    let mut standings = reader.explain_rollouts(key, at).ok()??;
    standings.truncate(STANDINGS_MAX);
    Some((found, standings))
}

async fn serve(worker: Rc<Worker>, asked: Asked, request: ChunkRequest, packet_max: u32) {
    let limits = worker.limits();
    let limits = ChunkLimits {
        max_block: limits.chunk_bytes.min(packet_max.saturating_sub(OVERHEAD)),
        max_blocks_per_request: limits.chunk_blocks,
        max_bytes: (limits.chunk_budget_bytes / 16) as u32,
    };
    let (reader, artifacts) = (worker.parts.reader.clone(), Arc::clone(&worker.parts.artifacts));
    let (key, wanted) = (asked.key.clone(), request.clone());
    let found = spawn_blocking(move || find(&reader, &artifacts, &key, &wanted, limits)).await;
    let found = found.unwrap_or(Err(UNREADABLE)).and_then(|found| {
        let bytes = found.plan.length.saturating_mul(found.plan.blocks.len() as u32);
        let budget = Arc::clone(&worker.parts.shared.chunk_budget);
        let permit = budget.try_acquire_many_owned(bytes).map_err(|_| No::Rejected {
            code: "busy",
            message: "the server is sending as much as it may",
            retry: true,
        })?;
        Ok((found, permit))
    });
    match found {
        Ok((found, permit)) => {
            let size = found.file.len();
            let answer = Answer::Chunks { file: request.file, size, plan: &found.plan };
            let said = with_session(&worker, asked.mark, |session| {
                close(&worker, session, &asked, answer, ReasonCode::Success);
            });
            if said.is_some() {
                send_blocks(&worker, &asked, request.file, found, permit).await;
            }
        }
        Err(no) => refuse(&worker, &asked, &no),
    }
    with_session(&worker, asked.mark, |session| {
        if let Some(live) = session.live() {
            live.chunks = false;
        }
    });
}

const UNREADABLE: No = No::Rejected { code: "unavailable", message: "the file cannot be read", retry: true };

fn refuse(worker: &Worker, asked: &Asked, no: &No) {
    let answer = match no {
        No::Refused(refusal) => Answer::ChunksRefused(*refusal),
        No::Rejected { code, message, retry } => {
            Answer::Rejected { code, message, retry_after_s: retry.then(|| retry_s(worker)) }
        }
    };
    let code = ReasonCode::ImplementationSpecificError;
    with_session(worker, asked.mark, |session| close(worker, session, asked, answer, code));
}

/// The file that the device may have now, and its blocks that answer the request.
fn find(
    reader: &Reader,
    artifacts: &Artifacts,
    key: &DeviceKey,
    request: &ChunkRequest,
    limits: ChunkLimits,
) -> Result<Found, No> {
    let grants = reader.grants(key).map_err(|_| UNREADABLE)?;
    let mtu = reader.device(key).map_err(|_| UNREADABLE)?.and_then(|device| device.capabilities.mtu);
    let named = |grant: &&crate::engine::call::Grant| {
        u32::from(grant.kind.get()) == request.file || grant.artifact.id.get() == request.file
    };
    let grant = grants.iter().find(named).ok_or(No::Rejected {
        code: "not-offered",
        message: "no action under way offers this file to the device",
        retry: false,
    })?;
    let file = artifacts.get(&grant.artifact.sha256).map_err(|_| UNREADABLE)?.ok_or(UNREADABLE)?;
    let plan = chunks::plan(request, file.len(), limits.within_mtu(mtu)).map_err(No::Refused)?;
    Ok(Found { file: Arc::new(file), plan })
}

async fn send_blocks(worker: &Worker, asked: &Asked, file: u32, found: Found, permit: OwnedSemaphorePermit) {
    let at_once = (AHEAD / found.plan.length as usize).max(1);
    for numbers in found.plan.blocks.chunks(at_once) {
        if !drained(worker, asked.mark).await {
            return;
        }
        let (from, numbers, length) = (Arc::clone(&found.file), numbers.to_vec(), found.plan.length);
        let read = spawn_blocking(move || read_blocks(&from, &numbers, length)).await;
        let Ok(Some(blocks)) = read else { return };
        with_session(worker, asked.mark, |session| {
            for (number, block) in blocks {
                let leaf = Leaf::Chunk { file, block: number };
                let topic = Topic::Device { key: asked.key.clone(), leaf }.to_string();
                let downlink = Downlink {
                    topic: topic.into(),
                    payload: block,
                    content_type: Some("application/octet-stream"),
                    correlation_data: None,
                    expires: None,
                };
                session.send(downlink, QoS::AtMostOnce, worker.limits(), worker.now.get());
            }
        });
    }
    drop(permit);
}

/// None when the file cannot be read: the device asks again for what is missing.
fn read_blocks(file: &ArtifactFile, numbers: &[u32], length: u32) -> Option<Vec<(u32, Bytes)>> {
    let read = |number: &u32| {
        let mut block = vec![0; length as usize];
        let count = file.read_at(u64::from(*number) * u64::from(length), &mut block).ok()?;
        block.truncate(count);
        Some((*number, Bytes::from(block)))
    };
    numbers.iter().map(read).collect()
}

/// Waits until the outbox has room. False when the connection is gone.
async fn drained(worker: &Worker, mark: Mark) -> bool {
    poll_fn(|cx| {
        let state = with_session(worker, mark, |session| {
            let live = session.live()?;
            if live.closing.is_some() {
                return None;
            }
            if live.waiting() < AHEAD {
                return Some(true);
            }
            live.drained = Some(cx.waker().clone());
            Some(false)
        });
        match state.flatten() {
            Some(true) => Poll::Ready(true),
            Some(false) => Poll::Pending,
            None => Poll::Ready(false),
        }
    })
    .await
}
