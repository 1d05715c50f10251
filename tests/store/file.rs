//! The redb file: what a process leaves, the next one finds, and two cannot have it at once.

use updraft::store::StoreError;
use updraft::store::redb::RedbStore;

use super::a_busy_day;
use super::{change, dump_store};

#[test]
fn a_file_that_is_opened_again_holds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = RedbStore::open(&path).expect("a new file");
    for ops in a_busy_day(3) {
        change(&store, |draft| ops.iter().try_for_each(|op| super::equal::run(draft, op)));
    }
    let before = dump_store(&store);
    assert!(before.len() > 10);
    drop(store);
    assert_eq!(dump_store(&RedbStore::open(&path).expect("the file")), before);
}

#[test]
fn a_file_in_use_is_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let first = RedbStore::open(&path).expect("a new file");
    assert!(matches!(RedbStore::open(&path), Err(StoreError::InUse)));
    drop(first);
    RedbStore::open(&path).expect("the file is free again");
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let text = b"this was never a store".repeat(1000);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(RedbStore::open(&path), Err(StoreError::Backend { doing: "open its file", .. })));
    assert_eq!(std::fs::read(&path).unwrap(), text);
}
