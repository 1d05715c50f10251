//! A disk that is full: what would need room is refused at each door, and everything else goes on, until there is
//! room again. Without the reserve, a commit that fails ends the server, with its own exit code and nothing
//! acknowledged; once there is room again, everything acknowledged is there.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use updraft::cli::exit::{COMMIT_FAILED, FOLDER};
use updraft::mqtt::packet::{ReasonCode, Version};

use super::api::Api;
use super::mqtt::{Mqtt, topic};
use super::process::Home;

/// The whole disk: the empty database needs some of it.
const DISK: &str = "size=16m";
/// Without a reserve a full disk ends the server at its next commit. Its own probe is one: it would come before the
/// test has looked around.
const NO_RESERVE: &[(&str, &str)] = &[
    ("UPDRAFT_STORE_RESERVE_BYTES", "0"),
    ("UPDRAFT_MQTT_PROBE_INTERVAL_MS", "3600000"),
    ("UPDRAFT_MQTT_PROBE_TIMEOUT_MS", "3600000"),
];
/// A reserve that fits the small disk, and probes that would notice a broken line while the test looks on.
const RESERVE: &[(&str, &str)] = &[
    ("UPDRAFT_STORE_RESERVE_BYTES", "4194304"),
    ("UPDRAFT_MQTT_PROBE_INTERVAL_MS", "100"),
    ("UPDRAFT_MQTT_PROBE_TIMEOUT_MS", "2000"),
];
/// Devices that are registered before one has to be refused. One takes less than a page of the database.
const ATTEMPTS: usize = 50_000;

/// Starts on a full disk of which one has to be refused.
const STARTS: usize = 5;

/// A small disk of its own, unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// Mounts it; none when this process may not.
    fn mount(path: &Path) -> Option<Disk> {
        std::fs::create_dir_all(path).unwrap();
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(path).output();
        match output {
            Ok(output) if output.status.success() => Some(Disk(path.to_owned())),
            _ => None,
        }
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Uses up all that is left.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.ballast()).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        while file.write_all(&[7]).is_ok() {}
    }

    fn relieve(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A folder that stays mounted would be in the way of nobody but its owner.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Registers devices until one is not; how many were.
fn register(api: &Api) -> usize {
    let register = |number: &usize| {
        let body = json!({"id": format!("extra-{number}"), "product": "lamp"});
        api.post("devices", &body).is_ok_and(|answer| answer.status == 201)
    };
    (0..ATTEMPTS).take_while(register).count()
}

/// Uploads end with a word that says why, leave nothing behind, and downloads go on.
fn check_uploads(home: &Home, api: &Api, sha256: &str, bytes: &[u8]) {
    for _ in 0..3 {
        let refused = api.upload("1.0.2", &[3; 300_000]).unwrap();
        let body = json!({"error": {
            "code": "disk-full",
            "message": "the server's disk is full; remove images that nothing needs, then try again",
        }});
        assert_eq!((refused.status, refused.body), (507, body));
        assert_eq!(api.download(sha256).unwrap().as_deref(), Some(bytes));
    }
    assert_eq!(api.list("images", "after").unwrap().len(), 1);
    let left: Vec<_> = std::fs::read_dir(home.data().join("artifacts/tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Uses up the reserve but for half of it, as another program on the machine might.
fn intrude(disk: &Disk) {
    let mut file = File::options().create(true).append(true).open(disk.ballast()).unwrap();
    while room(&disk.0) > 2 << 20 {
        file.write_all(&[7; 65_536]).unwrap();
    }
}

fn room(path: &Path) -> u64 {
    let disk = rustix::fs::statvfs(path).unwrap();
    disk.f_bavail * disk.f_frsize
}

#[test]
fn on_a_full_disk_the_doors_refuse_what_needs_room_and_serve_the_rest() {
    let home = Home::with(Path::new(env!("CARGO_BIN_EXE_updraft")), RESERVE);
    let Some(disk) = Disk::mount(&home.data()) else {
        eprintln!("skipped: this process may not mount a small disk (tmpfs)");
        return;
    };
    let running = home.start().unwrap();
    let api = home.api(&running);
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let sha256 =
        api.upload("1.0.1", &bytes).unwrap().body["artifacts"][0]["sha256"].as_str().unwrap().to_owned();
    let token = |id: &str| {
        let made = api.post("devices", &json!({"id": id, "product": "lamp"})).unwrap();
        made.body["token"].as_str().unwrap().to_owned()
    };
    let (first, second) = (token("lamp"), token("old-lamp"));
    let mut lamp = Mqtt::device(running.mqtt, Version::V5, "lamp", &first);
    let mut old = Mqtt::device(running.mqtt, Version::V4, "old-lamp", &second);
    assert_eq!(lamp.say(&topic("lamp", "attr/300"), "before").unwrap(), ReasonCode::Success);

    intrude(&disk);
    let deadline = Instant::now() + Duration::from_secs(20);
    while lamp.say(&topic("lamp", "attr/300"), "before").unwrap() != ReasonCode::QuotaExceeded {
        assert!(Instant::now() < deadline, "the server does not notice that its disk is full");
    }
    check_uploads(&home, &api, &sha256, &bytes);
    let refused = api.post("devices", &json!({"id": "late", "product": "lamp"})).unwrap();
    assert_eq!((refused.status, &refused.body["error"]["code"]), (507, &json!("disk-full")));
    assert_eq!(lamp.say(&topic("lamp", "attr/300"), "never").unwrap(), ReasonCode::QuotaExceeded);
    // 3.1.1 cannot refuse a message but by hanging up.
    assert!(old.say(&topic("old-lamp", "attr/300"), "never").is_err());
    let devices = api.list("devices", "after").unwrap();
    let found: Vec<_> = devices.iter().map(|d| (&d["id"], &d["attributes"])).collect();
    assert_eq!(found, [(&json!("lamp"), &json!({"300": "before"})), (&json!("old-lamp"), &json!({}))]);

    disk.relieve();
    let relieved = Instant::now();
    while lamp.say(&topic("lamp", "attr/300"), "after").unwrap() != ReasonCode::Success {
        assert!(relieved.elapsed() < Duration::from_secs(5), "the server does not notice that there is room");
    }
    let mut old = Mqtt::device(running.mqtt, Version::V4, "old-lamp", &second);
    assert_eq!(old.say(&topic("old-lamp", "attr/300"), "after").unwrap(), ReasonCode::Success);
    assert_eq!(api.post("devices", &json!({"id": "late", "product": "lamp"})).unwrap().status, 201);
    assert_eq!(api.upload("1.0.2", &[3; 300_000]).unwrap().status, 201);
}

#[test]
fn a_commit_that_fails_ends_the_server_and_nothing_is_half_done() {
    let home = Home::with(Path::new(env!("CARGO_BIN_EXE_updraft")), NO_RESERVE);
    let Some(disk) = Disk::mount(&home.data()) else {
        eprintln!("skipped: this process may not mount a small disk (tmpfs)");
        return;
    };
    let running = home.start().unwrap();
    let api = home.api(&running);
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let uploaded = api.upload("1.0.1", &bytes).unwrap();
    let sha256 = uploaded.body["artifacts"][0]["sha256"].as_str().unwrap().to_owned();
    let made = api.post("devices", &json!({"id": "lamp", "product": "lamp"})).unwrap();
    let token = made.body["token"].as_str().unwrap().to_owned();
    let mut lamp = Mqtt::device(running.mqtt, Version::V5, "lamp", &token);
    assert_eq!(lamp.say(&topic("lamp", "attr/300"), "before").unwrap(), ReasonCode::Success);

    disk.fill();
    check_uploads(&home, &api, &sha256, &bytes);
    let registered = register(&api);
    assert!(registered < ATTEMPTS, "the disk is full, and {registered} devices were registered");
    // The server is gone, or going: nothing is acknowledged any more, at no door.
    assert!(!lamp.say(&topic("lamp", "attr/300"), "never").is_ok_and(|code| code == ReasonCode::Success));
    let late = api.post("devices", &json!({"id": "late", "product": "lamp"}));
    assert!(!late.is_ok_and(|answer| answer.status == 201));
    assert_eq!(running.ended().code(), Some(COMMIT_FAILED.into()));
    assert!(home.log().contains("a commit failed; nothing after it was acknowledged"), "{}", home.log());
    // A start writes a little. To repair the file may free some of it, so that there is room for that once.
    let refused = (0..STARTS).find_map(|_| {
        disk.fill();
        home.try_start()
    });
    assert_eq!(refused.and_then(|status| status.code()), Some(FOLDER.into()), "{}", home.log());

    disk.relieve();
    let begun = Instant::now();
    let running = home.start().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "serving again took {:?}", begun.elapsed());
    let api = home.api(&running);
    let devices = api.list("devices", "after").unwrap();
    let found =
        devices.iter().filter(|d| d["id"].as_str().is_some_and(|id| id.starts_with("extra-"))).count();
    // The one that was not acknowledged is there whole, or not at all.
    assert!((registered..=registered + 1).contains(&found), "{found} of {registered}");
    let lamp = devices.iter().find(|device| device["id"] == "lamp").unwrap();
    assert_eq!(lamp["attributes"], json!({"300": "before"}));
    assert!(devices.iter().all(|device| device["id"] != "late"));
    assert_eq!(api.download(&sha256).unwrap().as_deref(), Some(&bytes[..]));
    assert_eq!(api.upload("1.0.2", &[3; 300_000]).unwrap().status, 201);
    println!("{registered} devices were registered while the disk was full");
}
