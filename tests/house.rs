//! The house: which room may know which, how long a file may be, and where foreign crates may be named.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room and the rooms that it may import. `cli` is the composition root and may import everything.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("engine", &["domain", "store"]),
    ("mqtt", &["domain", "engine", "store::artifacts"]),
    // DDI feedback is one body at both doors, read in one place.
    ("http", &["domain", "engine", "store::artifacts", "mqtt::payload"]),
    ("sim", &["domain", "mqtt", "http"]),
    ("cli", &["domain", "store", "engine", "mqtt", "http", "sim"]),
];

/// Crates that one place alone may name, and crates that a room must not name.
const ONLY_IN: &[(&str, &str)] = &[
    ("rumqttd", "src/mqtt/bus.rs"),
    ("redb", "src/store/redb.rs"),
    ("axum", "src/http/"),
    ("hyper", "src/http/"),
    ("clap", "src/cli/"),
    ("anyhow", "src/cli/"),
];

/// What the pure core may name besides itself.
const DOMAIN_CRATES: &[&str] = &["std", "semver", "winnow", "thiserror", "super", "crate", "self", "core"];

/// Where a file is to be split.
const LINES_MAX: usize = 600;

/// Each device of `device-examples` has fewer lines than this in all its source files.
const EXAMPLE_LINES: usize = 200;

#[test]
fn no_room_imports_a_room_that_it_may_not_know() {
    let mut trespasses = Vec::new();
    for (room, allowed) in ROOMS {
        for file in rust_files(&root().join("src").join(room)) {
            for path in crate_paths(&code(&file)) {
                let own = path == *room || path.starts_with(&format!("{room}::"));
                let may = allowed.iter().any(|a| path == *a || path.starts_with(&format!("{a}::")));
                if !own && !may {
                    trespasses.push(format!("{} imports {path}", show(&file)));
                }
            }
        }
    }
    assert_eq!(trespasses, Vec::<String>::new());
}

#[test]
fn every_folder_is_a_room() {
    let known: BTreeSet<_> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    let folders = fs::read_dir(root().join("src")).unwrap().map(|e| e.unwrap().path());
    let names = |p: PathBuf| p.is_dir().then(|| p.file_name().unwrap().to_string_lossy().into_owned());
    let found: BTreeSet<_> = folders.filter_map(names).collect();
    assert_eq!(found, known);
}

#[test]
fn the_core_is_pure() {
    let mut named = Vec::new();
    for file in rust_files(&root().join("src/domain")) {
        for line in code(&file).lines().filter_map(|l| l.trim().strip_prefix("use ").map(str::to_owned)) {
            let first: String = line.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !DOMAIN_CRATES.contains(&first.as_str()) {
                named.push(format!("{} uses {first}", show(&file)));
            }
        }
        for clock in ["SystemTime", "Instant", "std::fs", "std::net", "std::thread"] {
            if code(&file).contains(clock) {
                named.push(format!("{} names {clock}", show(&file)));
            }
        }
    }
    assert_eq!(named, Vec::<String>::new());
}

#[test]
fn a_foreign_crate_is_named_in_one_place() {
    let mut strays = Vec::new();
    for file in rust_files(&root().join("src")) {
        for (name, place) in ONLY_IN {
            let names = |line: &str| {
                let line = line.trim();
                line.starts_with(&format!("use {name}::")) || line.contains(&format!(" {name}::"))
            };
            let own_module = |line: &str| line.contains(&format!("super::{name}"));
            let inside = show(&file).starts_with(place);
            if !inside && code(&file).lines().any(|l| names(l) && !own_module(l)) {
                strays.push(format!("{} names {name}", show(&file)));
            }
        }
    }
    assert_eq!(strays, Vec::<String>::new());
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let folders = ["src", "tests", "benches", "device-examples"];
    let files = folders.iter().flat_map(|f| rust_files(&root().join(f)));
    let long = files.map(|f| (show(&f), fs::read_to_string(&f).unwrap().lines().count()));
    let long: Vec<_> = long.filter(|(_, lines)| *lines > LINES_MAX).collect();
    assert_eq!(long, []);
}

#[test]
fn every_device_to_copy_from_is_read_in_a_few_minutes() {
    let folders = fs::read_dir(root().join("device-examples")).unwrap().map(|entry| entry.unwrap().path());
    let lines = |folder: PathBuf| (show(&folder), source_lines(&folder));
    let counted: Vec<_> = folders.filter(|path| path.is_dir()).map(lines).collect();
    let wrong = |(_, lines): &&(String, usize)| *lines == 0 || *lines >= EXAMPLE_LINES;
    assert_eq!(counted.len(), 6, "{counted:?}");
    assert_eq!(counted.iter().filter(wrong).collect::<Vec<_>>(), Vec::<&(String, usize)>::new());
}

/// The lines of all source files in a folder and below.
fn source_lines(folder: &Path) -> usize {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .map(|path| match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => source_lines(&path),
            Some("rs" | "py" | "sh" | "h" | "cpp" | "ino") => {
                fs::read_to_string(&path).unwrap().lines().count()
            }
            _ => 0,
        })
        .sum()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn show(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|e| e.unwrap().path()) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The file without its comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path behind `crate::`, with braces at the first level opened up.
fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let end = group.find("};").unwrap_or(group.len());
                paths.extend(group[..end].split(',').map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()));
            }
            None => {
                let end =
                    rest.find(|c: char| !(c.is_alphanumeric() || "_:".contains(c))).unwrap_or(rest.len());
                paths.push(rest[..end].trim_end_matches(':').to_owned());
            }
        }
    }
    paths
}
