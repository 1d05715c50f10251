//! Files that wait for their image: kept whole, spared by every sweep, and found by tenant.

use updraft::domain::ids::{TenantId, Time};
use updraft::domain::image::{KeptUpload, Sha256};

use super::{change, look, on_both};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn upload(tenant: &str, byte: u8) -> KeptUpload {
    KeptUpload {
        tenant: TenantId::parse(tenant).unwrap(),
        sha256: Sha256([byte; 32]),
        size: u64::MAX - 1,
        sha1: [byte; 20],
        md5: [byte; 16],
        moved: byte == 0xff,
        at: Time(1 << 50),
    }
}

#[test]
fn uploads_come_back_whole_and_are_spared_until_they_are_forgotten() {
    on_both(|store| {
        let all = [upload("a", 0), upload("a", 0xff), upload("ab", 0)];
        change(store, |draft| all.iter().try_for_each(|upload| draft.put_upload(upload)));
        look(store, |view| {
            assert_eq!(view.uploads()?, all);
            assert_eq!(view.upload(&all[1].tenant, &all[1].sha256)?.as_ref(), Some(&all[1]));
            assert_eq!(view.upload(&all[2].tenant, &all[1].sha256)?, None);
            assert_eq!(Vec::from_iter(view.all_artifacts()?), [all[0].sha256, all[1].sha256]);
            Ok(())
        });
        change(store, |draft| draft.remove_upload(&all[0].tenant, &all[0].sha256));
        look(store, |view| {
            assert_eq!(view.uploads()?, all[1..]);
            Ok(())
        });
    });
}

#[test]
fn an_upload_waits_for_a_day_and_thirty_in_the_repository() {
    let table = [
        (false, DAY_MS - 1, false),
        (false, DAY_MS, true),
        (true, 30 * DAY_MS - 1, false),
        (true, 30 * DAY_MS, true),
    ];
    for (moved, waited, expected) in table {
        let upload = KeptUpload { moved, at: Time(7), ..upload("a", 1) };
        assert_eq!(upload.has_expired(Time(7 + waited)), expected, "{moved} {waited}");
    }
    assert!(!upload("a", 1).has_expired(Time(0)), "a clock that was set back");
}
