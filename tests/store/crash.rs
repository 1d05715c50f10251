//! redb on a disk that loses power: every image that a crash can leave opens and holds what was committed.
//!
//! The disk keeps a log of what it was told. A crash image is what was synced before some point of the log, with any
//! of the later writes on top: whole, torn at a sector, or missing, in any order. `UPDRAFT_CRASH_IMAGES` sets how many.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use updraft::store::Store;
use updraft::store::memory::MemoryStore;
use updraft::store::redb::{Commits, RedbStore};
use updraft::store::tables::Draft;

use super::{Dump, a_busy_day, change, dump_store, equal};

/// What disks write whole.
const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Event {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
    /// The store said that one more transaction is committed.
    Committed,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    log: Vec<Event>,
    /// How many more changes succeed; without a number, all of them.
    strength: Option<usize>,
}

impl Content {
    /// Takes note of a change, or fails it, and from then on every other.
    fn note(&mut self, event: Event) -> io::Result<()> {
        if let Some(left) = &mut self.strength {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("the disk is worn out"))?;
        }
        self.log.push(event);
        Ok(())
    }
}

#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Content>>);

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.0.lock().unwrap();
        let from = content.bytes.get(offset as usize..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut content = self.0.lock().unwrap();
        content.note(Event::SetLen(len))?;
        content.bytes.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.lock().unwrap().note(Event::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut content = self.0.lock().unwrap();
        content.note(Event::Write(offset, data.to_vec()))?;
        overwrite(&mut content.bytes, offset as usize, data);
        Ok(())
    }
}

fn overwrite(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    bytes.resize(bytes.len().max(offset + data.len()), 0);
    bytes[offset..offset + data.len()].copy_from_slice(data);
}

/// SplitMix64: chance from a seed, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

/// A day's transactions on a logging disk: the log, and what the store must hold after each commit.
fn busy_day(commits: Commits) -> (Vec<Event>, Vec<Dump>) {
    let disk = Disk::default();
    let store = RedbStore::with_backend(disk.clone(), commits).expect("a new disk");
    let reference = MemoryStore::new();
    let mut states = vec![dump_store(&reference)];
    // What was written while the store was made is not under test: a crash then leaves no store to lose.
    let start = disk.0.lock().unwrap().log.len();
    for ops in a_busy_day(40) {
        change(&store, |draft| ops.iter().try_for_each(|op| equal::run(draft, op)));
        disk.0.lock().unwrap().log.push(Event::Committed);
        change(&reference, |draft| ops.iter().try_for_each(|op| equal::run(draft, op)));
        states.push(dump_store(&reference));
    }
    let mut log = disk.0.lock().unwrap().log.clone();
    assert!(log[..start].iter().any(|event| matches!(event, Event::Sync)));
    log.insert(start, Event::Sync);
    (log, states)
}

/// Puts what a crash leaves of an unsynced write on the image.
fn scatter(image: &mut Vec<u8>, event: &Event, dice: &mut Dice) {
    match event {
        Event::SetLen(len) if dice.below(2) == 0 => image.resize(*len as usize, 0),
        Event::Write(offset, data) => match dice.below(3) {
            0 => {}
            1 => overwrite(image, *offset as usize, data),
            _ => {
                for (n, sector) in data.chunks(SECTOR).enumerate() {
                    if dice.below(2) == 0 {
                        overwrite(image, *offset as usize + n * SECTOR, sector);
                    }
                }
            }
        },
        Event::SetLen(_) | Event::Sync | Event::Committed => {}
    }
}

/// Shuffles what was not synced, because a disk may write it in any order.
fn shuffled<'e>(events: &'e [Event], dice: &mut Dice) -> Vec<&'e Event> {
    let mut order: Vec<&Event> = events.iter().collect();
    for n in (1..order.len()).rev() {
        order.swap(n, dice.below(n + 1));
    }
    order
}

/// What is wrong with the image, given that the first `committed` transactions were acknowledged.
fn wrong(image: Vec<u8>, states: &[Dump], committed: usize) -> Option<String> {
    let disk = Disk(Arc::new(Mutex::new(Content { bytes: image, ..Default::default() })));
    let store = match RedbStore::with_backend(disk, Commits::Durable) {
        Ok(store) => store,
        Err(error) => return Some(format!("does not open: {error:?}")),
    };
    let found = dump_store(&store);
    // The transaction that was under way may be there, whole.
    let allowed = &states[committed..states.len().min(committed + 2)];
    (!allowed.contains(&found)).then(|| {
        let held = states.iter().position(|state| *state == found);
        format!("{committed} commits were acknowledged, the image holds {held:?}")
    })
}

/// Checks images at random points of the log, and returns what is wrong with them.
fn crash(commits: Commits, images: usize) -> Vec<String> {
    let (log, states) = busy_day(commits);
    let begin = log.iter().position(|event| matches!(event, Event::Committed)).expect("a commit");
    let mut dice = Dice(20_261_121);
    let mut cuts: Vec<usize> = (0..images).map(|_| begin + dice.below(log.len() - begin) + 1).collect();
    cuts.sort_unstable();
    let (mut synced, mut image, mut committed, mut at) = (0, Vec::new(), 0, 0);
    let mut failures = Vec::new();
    for cut in cuts {
        for (position, event) in log.iter().enumerate().take(cut).skip(at) {
            match event {
                Event::Sync => {
                    for event in &log[synced..position] {
                        replay(&mut image, event);
                    }
                    synced = position;
                }
                Event::Committed => committed += 1,
                Event::Write(..) | Event::SetLen(_) => {}
            }
        }
        at = cut;
        let mut left = image.clone();
        for event in shuffled(&log[synced..cut], &mut dice) {
            scatter(&mut left, event, &mut dice);
        }
        failures.extend(wrong(left, &states, committed));
    }
    failures
}

fn replay(image: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Write(offset, data) => overwrite(image, *offset as usize, data),
        Event::SetLen(len) => image.resize(*len as usize, 0),
        Event::Sync | Event::Committed => {}
    }
}

fn images() -> usize {
    std::env::var("UPDRAFT_CRASH_IMAGES").ok().map_or(300, |n| n.parse().expect("a number of images"))
}

#[test]
fn every_image_that_a_crash_leaves_opens_and_holds_what_was_committed() {
    assert_eq!(crash(Commits::Durable, images()), Vec::<String>::new());
}

#[test]
fn a_store_that_commits_late_is_caught() {
    let failures = crash(Commits::Late, 20);
    assert!(failures.iter().any(|why| why.contains("commits were acknowledged")), "{failures:?}");
}

/// Runs the day on a disk that fails after `strength` changes: how many transactions were acknowledged, and how many
/// after the first that was not. None when the store could not even be made.
fn day_on_a_failing_disk(disk: &Disk, strength: usize, day: &[Vec<equal::Op>]) -> Option<(usize, usize)> {
    disk.0.lock().unwrap().strength = Some(strength);
    let store = RedbStore::with_backend(disk.clone(), Commits::Durable).ok()?;
    let commit = |ops: &Vec<equal::Op>| {
        store.write(&mut |write| ops.iter().try_for_each(|op| equal::run(&mut Draft(write), op))).is_ok()
    };
    let acknowledged: Vec<bool> = day.iter().map(commit).collect();
    let first = acknowledged.iter().take_while(|ok| **ok).count();
    Some((first, acknowledged[first..].iter().filter(|ok| **ok).count()))
}

#[test]
fn after_a_failed_commit_none_succeeds_and_nothing_acknowledged_is_lost() {
    let day = a_busy_day(40);
    let (log, states) = busy_day(Commits::Durable);
    let mut ends = BTreeSet::new();
    for strength in (0..log.len() + 50).step_by(13) {
        let disk = Disk::default();
        let Some((acknowledged, afterwards)) = day_on_a_failing_disk(&disk, strength, &day) else { continue };
        assert_eq!(afterwards, 0, "acknowledged after a failure, disk of strength {strength}");
        ends.insert(acknowledged);
        let left = disk.0.lock().unwrap().bytes.clone();
        assert_eq!(wrong(left, &states, acknowledged), None, "disk of strength {strength}");
    }
    assert!(ends.len() > 20 && ends.contains(&day.len()), "the disks wore out all along the day: {ends:?}");
}
