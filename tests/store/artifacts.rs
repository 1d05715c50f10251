//! Artifact files: their sums, what becomes of uploads that end early, and the sweep.

use std::collections::BTreeSet;
use std::path::Path;

use updraft::domain::image::{Sha256, hex};
use updraft::store::artifacts::{ArtifactError, Artifacts, Stored};

fn keep(artifacts: &Artifacts, parts: &[&[u8]]) -> Stored {
    let mut upload = artifacts.begin(1 << 20).expect("an upload");
    for part in parts {
        upload.write(part).expect("a part");
    }
    upload.finish().expect("the end")
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found.sort();
    found
}

#[test]
fn sums_are_those_of_the_standards() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).expect("a folder");
    // FIPS 180-2 appendix B.1, RFC 3174 section 7.3, RFC 1321 appendix A.5.
    let table: [(&[&[u8]], u64, &str, &str, &str); 2] = [
        (
            &[b"a", b"", b"bc"],
            3,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "900150983cd24fb0d6963f7d28e17f72",
        ),
        (
            &[],
            0,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "d41d8cd98f00b204e9800998ecf8427e",
        ),
    ];
    for (parts, size, sha256, sha1, md5) in table {
        let stored = keep(&artifacts, parts);
        let sums = (stored.size, stored.sha256.to_string(), hex(&stored.sha1), hex(&stored.md5));
        assert_eq!(sums, (size, sha256.into(), sha1.into(), md5.into()));
        assert_eq!(Sha256::parse(sha256), Some(stored.sha256));
        let content = std::fs::read(folder.path().join(&sha256[..2]).join(sha256)).expect("the file");
        assert_eq!(content, parts.concat());
    }
}

#[test]
fn a_sum_has_one_spelling() {
    let good = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let bad = [&good[1..], &good.to_uppercase(), &good.replace("ba", "bg"), &good.replace("ba", "é"), ""];
    for text in bad {
        assert_eq!(Sha256::parse(text), None, "{text}");
    }
}

#[test]
fn a_range_is_read_as_far_as_the_file_goes() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).expect("a folder");
    let stored = keep(&artifacts, &[b"0123456789"]);
    let file = artifacts.get(&stored.sha256).expect("readable").expect("there");
    assert_eq!(file.len(), 10);
    let table: [(u64, usize, &[u8]); 6] = [
        (0, 10, b"0123456789"),
        (3, 4, b"3456"),
        (8, 4, b"89"),
        (10, 4, b""),
        (u64::MAX, 4, b""),
        (2, 0, b""),
    ];
    for (offset, length, expected) in table {
        let mut buffer = vec![0; length];
        let count = file.read_at(offset, &mut buffer).expect("bytes");
        assert_eq!(&buffer[..count], expected, "{length} from {offset}");
    }
    artifacts.remove(&stored.sha256).expect("gone");
    artifacts.remove(&stored.sha256).expect("gone already");
    assert!(artifacts.get(&stored.sha256).expect("readable").is_none());
    assert_eq!(file.read_at(0, &mut [0; 4]).expect("whoever reads, reads on"), 4);
}

#[test]
fn an_upload_that_ends_early_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).expect("a folder");
    let mut dropped = artifacts.begin(100).expect("an upload");
    dropped.write(b"half of it").expect("a part");
    assert_eq!(files(folder.path()).len(), 1);
    drop(dropped);
    let mut large = artifacts.begin(4).expect("an upload");
    large.write(b"1234").expect("as much as is allowed");
    assert!(matches!(large.write(b"5"), Err(ArtifactError::TooLarge { limit: 4 })));
    drop(large);
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

#[test]
fn the_same_bytes_are_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).expect("a folder");
    let (first, second) = (keep(&artifacts, &[b"abc"]), keep(&artifacts, &[b"ab", b"c"]));
    assert_eq!(first, second);
    assert_eq!(files(folder.path()), [first.sha256.to_string()]);
}

#[test]
fn a_sweep_leaves_what_is_referenced_and_what_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).expect("a folder");
    let (kept, orphan) = (keep(&artifacts, &[b"kept"]), keep(&artifacts, &[b"orphan"]));
    // A process that is killed drops nothing.
    std::mem::forget(artifacts.begin(9).expect("an upload"));
    std::fs::write(folder.path().join("notes.txt"), "an operator's").unwrap();
    let after_a_restart = Artifacts::open(folder.path()).expect("a folder");
    assert_eq!(keep(&after_a_restart, &[b"kept"]), kept);
    assert_eq!(after_a_restart.sweep(&BTreeSet::from([kept.sha256])).expect("a sweep"), 2);
    assert_eq!(files(folder.path()), [kept.sha256.to_string(), "notes.txt".into()]);
    assert!(after_a_restart.get(&orphan.sha256).expect("readable").is_none());
    assert_eq!(after_a_restart.sweep(&BTreeSet::from([kept.sha256])).expect("a sweep"), 0);
}
