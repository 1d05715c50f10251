#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use super::*;
use crate::domain::action::State;
use crate::domain::decide::Policy;
use crate::domain::device::Device;
use crate::domain::eligibility::AttemptLimit;
use crate::domain::ids::{ProductId, Time};
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::store::tables::Draft;

/// More than two strides.
const DEVICES: u64 = 700;

/// Devices `d000` to `d699`, each with its number modulo 7 as its group.
fn reader() -> Reader {
    let store = MemoryStore::new();
    let change = |draft: &mut Draft<'_>| {
        for number in 0..DEVICES {
            let id = DeviceId::parse(&format!("d{number:03}")).unwrap();
            let key = DeviceKey { tenant: TenantId::default(), device: id };
            let mut device = Device::new(key, ProductId::default(), "admin", Time(number));
            device.profile.group = Some((number % 7).to_string().into());
            draft.put_device(&device)?;
        }
        Ok(())
    };
    store.write(&mut |write| change(&mut Draft(write))).unwrap();
    Reader::new(
        Arc::new(store),
        Policy { attempts: AttemptLimit(3), cancel_timeout_ms: 0, penalty_after: 3, penalty_ms: 3_600_000 },
    )
}

fn selection(q: &str, sort: &str, offset: usize, limit: usize) -> Selection {
    Selection {
        filter: Some(q).filter(|q| !q.is_empty()).map(|q| Filter::parse(q).unwrap()),
        sort: Some(sort).filter(|sort| !sort.is_empty()).map(|sort| Sort::parse(sort).unwrap()),
        offset,
        limit,
        at: Moment { now: Time(0), overdue_before: Time(0) },
    }
}

fn ids(devices: &[Device]) -> Vec<&str> {
    devices.iter().map(|device| device.key.device.as_str()).collect()
}

#[test]
fn a_part_of_a_list_is_what_the_whole_list_has_there() {
    let (reader, tenant) = (reader(), TenantId::default());
    // A row: the condition, the order, the offset, the limit; then the ids of the part, and how many there are in all.
    #[allow(clippy::type_complexity)]
    let table: &[(&str, &str, usize, usize, &[&str], usize)] = &[
        ("", "", 0, 2, &["d000", "d001"], 700),
        ("", "", 698, 9, &["d698", "d699"], 700),
        ("", "", 999, 9, &[], 700),
        ("", "controllerId:ASC", 300, 2, &["d300", "d301"], 700),
        ("", "id:DESC", 0, 2, &["d699", "d698"], 700),
        ("group==3", "", 0, 3, &["d003", "d010", "d017"], 100),
        ("group==3", "", 98, 3, &["d689", "d696"], 100),
        ("GROUP==3", "createdAt:DESC", 1, 2, &["d689", "d682"], 100),
        ("", "group:DESC,id:ASC", 99, 2, &["d699", "d005"], 700),
        ("createdAt=gt=697", "name:desc", 0, 9, &["d699", "d698"], 2),
        ("id==nobody", "", 0, 9, &[], 0),
    ];
    for (q, sort, offset, limit, expected, total) in table {
        let wanted = selection(q, sort, *offset, *limit);
        let found = reader.select_devices(&tenant, &wanted, |_| true).unwrap();
        assert_eq!((ids(&found.rows).as_slice(), found.total), (*expected, *total), "{q} {sort} {offset}");
        if q.is_empty() && (sort.is_empty() || sort.starts_with("controllerId")) {
            assert_eq!(reader.all_devices(&tenant, *offset, *limit).unwrap(), found, "{sort} {offset}");
        }
    }
}

#[test]
fn what_is_not_asked_for_is_neither_shown_nor_counted() {
    let (reader, tenant) = (reader(), TenantId::default());
    let wanted = selection("id!=d002", "", 0, 3);
    let even = |device: &Device| device.trail.created.0.is_multiple_of(2);
    let found = reader.select_devices(&tenant, &wanted, even).unwrap();
    assert_eq!((ids(&found.rows).as_slice(), found.total), (["d000", "d004", "d006"].as_slice(), 349));
    let other = TenantId::parse("other").unwrap();
    assert_eq!(
        reader.select_devices(&other, &wanted, even).unwrap(),
        Selected { rows: Vec::new(), total: 0 }
    );
    let found = reader.select_device_ids(&tenant, &selection("group==6", "", 5, 1)).unwrap();
    assert_eq!((found.len(), found[99].as_str()), (100, "d699"), "the part does not matter to those");
    let groups: Vec<_> = reader.groups(&tenant).unwrap().into_iter().map(String::from).collect();
    assert_eq!(groups, ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn every_state_has_one_of_the_words_of_hawkbit() {
    use crate::domain::action::Failure;
    let action = |state: State| {
        let mut action = an_action();
        action.state = state;
        action_status(&action)
    };
    let table = [
        (State::Queued, "running"),
        (State::Offered, "running"),
        (State::Accepted, "retrieved"),
        (State::Downloading, "retrieved"),
        (State::Downloaded, "retrieved"),
        (State::Waiting, "retrieved"),
        (State::Installing, "retrieved"),
        (State::Rebooting, "retrieved"),
        (State::Verifying, "retrieved"),
        (State::Succeeded, "finished"),
        (State::AlreadyInstalled, "finished"),
        (State::Failed(Failure::NotConverged), "error"),
        (State::Rejected, "error"),
        (State::TimedOut, "error"),
        (State::NotCompatible, "error"),
        (State::Cancelled, "canceled"),
        (State::Superseded, "canceled"),
    ];
    for (state, expected) in table {
        assert_eq!(action(state), expected, "{state:?}");
    }
}

fn an_action() -> Action {
    use crate::domain::action::Origin;
    use crate::domain::ids::DeploymentId;
    use crate::domain::terms::Terms;
    Action {
        id: ActionId::new(1).unwrap(),
        device: DeviceKey { tenant: TenantId::default(), device: DeviceId::parse("d").unwrap() },
        target: Target::Release(ReleaseId::new(1).unwrap()),
        onward: None,
        components: Vec::new(),
        origin: Origin::Deployment(DeploymentId::new(1).unwrap()),
        terms: Terms::default(),
        by: "admin".into(),
        unconfirmed: false,
        state: State::Queued,
        last_code: None,
        read: false,
        warning: false,
        cancelling: false,
        cancel_by: None,
        attempt: 1,
        verified_in: None,
        progress: None,
        fingerprints: Vec::new(),
        entries: 0,
        created: Time(0),
        changed: Time(0),
        commanded: None,
        stepped: Time(0),
        due_at: None,
    }
}
