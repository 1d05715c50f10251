//! The port's promises: snapshots, own writes, nothing left of failed work, and where a scan begins and ends.

use std::ops::ControlFlow;

use proptest::prelude::*;

use updraft::store::{Read, Store, StoreError, Table};

use super::arbitrary::{raw_key, raw_rows};
use super::{dump_store, on_both};

fn put(store: &dyn Store, rows: &[(&[u8], &[u8])]) {
    let mut work = |write: &mut dyn updraft::store::Write| {
        rows.iter().try_for_each(|(key, value)| write.put(Table::Devices, key, value))
    };
    store.write(&mut work).expect("a commit");
}

fn keys(
    read: &dyn Read,
    prefix: &[u8],
    after: Option<&[u8]>,
    reverse: bool,
    limit: usize,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        if found.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    read.scan(Table::Devices, prefix, after, reverse, &mut visit).expect("a scan");
    found
}

#[test]
fn failed_work_leaves_nothing() {
    on_both(|store| {
        put(store, &[(b"a", b"1")]);
        let before = dump_store(store);
        let refused = store.write(&mut |write| {
            write.put(Table::Devices, b"b", b"2")?;
            write.remove(Table::Devices, b"a")?;
            Err(StoreError::Corrupt { table: Table::Due, what: "the work's own error".into() })
        });
        assert_eq!(
            refused.expect_err("the work failed").to_string(),
            "table Due holds a record that cannot be read: the work's own error"
        );
        assert_eq!(dump_store(store), before);
        put(store, &[(b"c", b"3")]);
        assert_eq!(dump_store(store).len(), 2);
    });
}

#[test]
fn a_read_sees_what_was_committed_before_it_and_nothing_since() {
    on_both(|store| {
        put(store, &[(b"a", b"1")]);
        let mut work = |read: &dyn Read| {
            put(store, &[(b"a", b"2"), (b"b", b"2")]);
            assert_eq!(read.get(Table::Devices, b"a")?, Some(b"1".to_vec()));
            assert_eq!(keys(read, b"", None, false, 9), [(b"a".to_vec(), b"1".to_vec())]);
            Ok(())
        };
        store.read(&mut work).expect("a look");
        assert_eq!(dump_store(store).len(), 2);
    });
}

#[test]
fn a_reader_does_not_see_an_open_write_which_sees_itself() {
    on_both(|store| {
        put(store, &[(b"a", b"1"), (b"b", b"1"), (b"d", b"1")]);
        let before = dump_store(store);
        let mut work = |write: &mut dyn updraft::store::Write| {
            write.put(Table::Devices, b"a", b"2")?;
            write.remove(Table::Devices, b"b")?;
            write.put(Table::Devices, b"c", b"2")?;
            assert_eq!(dump_store(store), before);
            assert_eq!(write.get(Table::Devices, b"a")?, Some(b"2".to_vec()));
            assert_eq!(write.get(Table::Devices, b"b")?, None);
            let mut expected = [("a", "2"), ("c", "2"), ("d", "1")]
                .map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec()));
            assert_eq!(keys(&*write, b"", None, false, 9), expected);
            expected.reverse();
            assert_eq!(keys(&*write, b"", None, true, 9), expected);
            Ok(())
        };
        store.write(&mut work).expect("a commit");
        assert_ne!(dump_store(store), before);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_scan_visits_the_prefix_from_where_it_should_in_the_right_order(
        rows in raw_rows(),
        scans in proptest::collection::vec(
            (raw_key(), proptest::option::of(raw_key()), any::<bool>(), 1..50usize), 1..20),
    ) {
        on_both(|store| {
            let all: Vec<(&[u8], &[u8])> = rows.iter().map(|(k, v)| (k.as_slice(), v.as_slice())).collect();
            put(store, &all);
            for (prefix, after, reverse, limit) in &scans {
                let in_front = |key: &Vec<u8>| match after {
                    Some(after) if *reverse => key < after,
                    Some(after) => key > after,
                    None => true,
                };
                let wanted = rows.iter().filter(|(k, _)| k.starts_with(prefix) && in_front(k));
                let mut wanted: Vec<_> = wanted.map(|(k, v)| (k.clone(), v.clone())).collect();
                if *reverse {
                    wanted.reverse();
                }
                wanted.truncate(*limit);
                let mut work = |read: &dyn Read| {
                    assert_eq!(keys(read, prefix, after.as_deref(), *reverse, *limit), wanted);
                    Ok(())
                };
                store.read(&mut work).expect("a look");
            }
        });
    }
}
