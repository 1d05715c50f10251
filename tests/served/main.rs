//! Rollouts told as stories and played against a running server over its own doors: operators speak the HTTP API,
//! devices speak DDI or MQTT. The same rules are played against the pure core in `tests/rollouts`.
//!
//! Each file beside this one is a script. A line at the margin happens (one that begins with two blanks goes on with the
//! line before); the indented lines below it are what was answered, without moments. With `UPDATE_STORIES=1` they are
//! written anew, to be read before they are committed; `STORY=pause` plays those with that in their name.

#![allow(clippy::unwrap_used)]

mod device;
mod link;
#[path = "../support/mqtt.rs"]
mod mqtt;
mod operator;
mod script;
#[path = "../support/mod.rs"]
mod support;
mod text;
#[path = "../support/wire.rs"]
mod wire;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{env, fs, thread};

/// How many servers run at once: they mostly wait for their clocks.
const WORLDS: usize = 4;
/// So many stories there are at least.
const LEAST: usize = 40;

#[test]
fn the_server_does_what_the_stories_say() {
    let stories = stories();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORLDS {
            scope.spawn(|| {
                while let Some(story) = stories.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = catch_unwind(AssertUnwindSafe(|| play(story)));
                    let found = found.unwrap_or_else(|_| Some("it did not come to its end".into()));
                    wrong.lock().unwrap().extend(found.map(|what| format!("{}: {what}", name(story))));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/served");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|own| own == "story")).collect();
    assert!(files.len() >= LEAST, "stories are missing");
    files.sort();
    let wanted = env::var("STORY").unwrap_or_default();
    files.retain(|path| name(path).contains(&wanted));
    files
}

fn name(story: &Path) -> String {
    story.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Plays a story on a server of its own. Returns what is otherwise than it is written.
fn play(story: &Path) -> Option<String> {
    let (written, begun) = (fs::read_to_string(story).unwrap(), Instant::now());
    let mut world = world::World::default();
    let played = script::play(&written, |line| {
        let said = catch_unwind(AssertUnwindSafe(|| world.happen(line)));
        said.unwrap_or_else(|_| panic!("{}: {line}", name(story)))
    });
    println!("{:>6} ms {}", begun.elapsed().as_millis(), name(story));
    if written == played {
        return None;
    }
    if env::var_os("UPDATE_STORIES").is_some() {
        fs::write(story, &played).unwrap();
        return None;
    }
    let pairs = written.lines().zip(played.lines());
    let differs = (1..).zip(pairs).find(|(_, (written, played))| written != played);
    let (number, (written, played)) = differs.unwrap_or((0, ("", "")));
    Some(format!("line {number}\n  is written {written}\n  was played {played}"))
}
