//! Debian's SWUpdate in its daemon mode (suricatta), against a running server: it installs what its maker has signed,
//! refuses all else, and calls off what is called off.
#![allow(clippy::unwrap_used)]

mod device;
#[path = "../support/mod.rs"]
mod support;

use device::{Made, World};
use serde_json::{Value, json};
use support::eventually;

/// What SWUpdate says at each step, besides its log.
const WORDS: [&str; 3] = ["Installing Update Chunk Artifacts.", "Installed Chunk.", "All Chunks Installed."];

/// A payload of more than all buffers between device and server hold, so that what happens to the server during the
/// download happens to the download.
const LARGE: usize = 8 << 20;

/// The file that the device fetches.
const FILE: &str = "/DEFAULT/controller/v1/lamp-1/softwaremodules/1/artifacts/lamp.swu";

#[test]
fn a_signed_image_is_installed_and_the_device_says_so_after_its_reboot() {
    let world = World::new();
    world.deploy(Made::Well);
    let device = world.start("");
    eventually("the installed image", || said(&world.action(), WORDS[2]).then_some(()));
    drop(device);
    assert_eq!(world.installed(), Some(world.payload.clone()));
    assert_eq!(world.action()["state"], "downloading");
    // The reboot: what runs now is well.
    let _device = world.start("-c 2");
    eventually("the end", || (world.action()["done"] == true).then_some(()));
    let expected = [
        ("created", None),
        ("told", None),
        ("retrieved", None),
        ("proceeding", Some(WORDS[0])),
        ("fetching", Some(FILE)),
        ("proceeding", Some(WORDS[1])),
        ("proceeding", Some(WORDS[2])),
        ("closed: success", Some("Update Installed.")),
    ];
    assert_eq!(story(&world.action()), ("succeeded".to_owned(), own(&expected)));
}

#[test]
fn software_that_is_not_well_after_the_reboot_fails_the_action() {
    let world = World::new();
    world.deploy(Made::Well);
    let device = world.start("");
    eventually("the installed image", || said(&world.action(), WORDS[2]).then_some(()));
    drop(device);
    let _device = world.start("-c 3");
    eventually("the end", || (world.action()["done"] == true).then_some(()));
    let (state, story) = story(&world.action());
    let last = ("closed: failure".to_owned(), Some("Update Failed.".to_owned()));
    assert_eq!((state.as_str(), story.last()), ("failed", Some(&last)));
}

#[test]
fn an_image_that_is_not_as_its_maker_signed_it_is_refused_with_the_reason() {
    let table = [
        (Made::Tampered, "HASH mismatch"),
        (Made::DescribedAnew, "Signature verification failed"),
        (Made::ByAStranger, "Authentication of all signatures failed"),
        (Made::Truncated, "ERROR"),
    ];
    for (made, reason) in table {
        let world = World::new();
        world.deploy(made);
        let device = world.start("");
        eventually("the end", || (world.action()["done"] == true).then_some(()));
        let action = world.action();
        assert!(said(&action, reason), "{made:?}: {action:#}\n{}", device.log());
        let (state, story) = story(&action);
        let last = story.last().map(|(note, _)| note.as_str());
        assert_eq!((state.as_str(), last), ("failed", Some("closed: failure")), "{made:?}");
        assert_eq!(world.installed(), None, "{made:?}");
    }
}

#[test]
fn a_download_goes_on_after_the_server_has_crashed() {
    // It takes 4 s at this speed.
    let mut world = World::with_payload(LARGE);
    world.deploy(Made::Well);
    let device = world.start("-n 2M");
    eventually("the download", || device.log().contains("channel_callback_xferinfo").then_some(()));
    world.server.restart();
    eventually("the installed image", || said(&world.action(), WORDS[2]).then_some(()));
    assert_eq!(world.installed(), Some(world.payload.clone()));
    let log = device.log();
    let resumed = log.lines().filter_map(|line| line.strip_prefix("Range: bytes=")?.trim().strip_suffix('-'));
    let resumed: Vec<usize> = resumed.map(|first| first.parse().unwrap()).collect();
    assert!(resumed.last().is_some_and(|first| *first > 0), "{resumed:?}");
}

#[test]
fn an_update_that_is_called_off_before_the_device_comes_is_not_fetched() {
    let world = World::new();
    world.deploy(Made::Well);
    world.poll();
    world.cancel();
    let device = world.start("");
    eventually("the end", || (world.action()["done"] == true).then_some(()));
    let answer = ("to the cancel: closed: success", Some("cancellation acknowledged."));
    let expected = [("created", None), ("told", None), ("cancel-asked", None), ("retrieved", None), answer];
    assert_eq!(story(&world.action()), ("cancelled".to_owned(), own(&expected)));
    assert_eq!((world.installed(), device.log().contains("softwaremodules")), (None, false));
}

#[test]
fn an_update_that_is_called_off_during_the_download_is_not_installed() {
    // It takes 16 s at this speed; every second it looks whether it is called off.
    let world = World::with_payload(LARGE);
    let device = world.start("-n 512k");
    eventually("the first poll", || device.log().contains("suricatta_wait").then_some(()));
    device.poll_each_second();
    world.deploy(Made::Well);
    eventually("the download", || device.log().contains("channel_callback_xferinfo").then_some(()));
    world.cancel();
    eventually("the end", || (world.action()["done"] == true).then_some(()));
    let answer = ("to the cancel: closed: success", Some("cancellation acknowledged."));
    let expected = [
        ("created", None),
        ("told", None),
        ("retrieved", None),
        ("proceeding", Some(WORDS[0])),
        ("fetching", Some(FILE)),
        ("cancel-asked", None),
        ("retrieved", None),
        answer,
    ];
    assert_eq!(story(&world.action()), ("cancelled".to_owned(), own(&expected)));
    assert_eq!(world.installed(), None);
}

#[test]
fn an_image_that_is_only_to_be_downloaded_is_passed_over() {
    let world = World::new();
    world.assign_download(Made::Well);
    let device = world.start("");
    eventually("the end", || (world.action()["done"] == true).then_some(()));
    // It installs while it downloads, so it does neither and says that it is done.
    let done = ("closed: success", Some("Skipped Update."));
    let expected = [("created", None), ("told", None), ("retrieved", None), done];
    assert_eq!(story(&world.action()), ("succeeded".to_owned(), own(&expected)));
    assert_eq!((world.installed(), device.log().contains("> GET /DEFAULT")), (None, false));
}

#[test]
fn the_example_takes_an_offer_and_reports_what_it_runs_after_its_boot() {
    let world = World::new();
    let device = world.start_example();
    let known = || world.server.client().get("devices/lamp-1").body.clone();
    let runs = || known()["versions"]["3"]["version"].as_str().map(str::to_owned);
    assert_eq!(eventually("its attributes", runs), "1.0.0");
    assert_eq!(known()["named_attributes"], json!({"kernel": device::kernel()}));
    world.offer(Made::Well);
    device.poll_each_second();
    eventually("the end", || (world.action()["done"] == true).then_some(()));
    let (state, story) = story(&world.action());
    let last: Vec<&str> = story.iter().rev().take(2).map(|(note, _)| note.as_str()).collect();
    assert_eq!((state.as_str(), last), ("succeeded", vec!["reported", "closed: success"]));
    assert_eq!((runs().as_deref(), world.installed()), (Some("1.0.1"), Some(world.payload.clone())));
}

/// How the action ended, and its history without the device's log.
fn story(action: &Value) -> (String, Vec<(String, Option<String>)>) {
    let entries = action["history"].as_array().unwrap().iter();
    let entries = entries.map(|entry| {
        let detail = entry["details"][0].as_str().map(str::to_owned);
        (entry["note"].as_str().unwrap().to_owned(), detail)
    });
    let is_log = |(note, detail): &(String, Option<String>)| {
        note == "proceeding" && !detail.as_deref().is_some_and(|detail| WORDS.contains(&detail))
    };
    (action["state"].as_str().unwrap().to_owned(), entries.filter(|entry| !is_log(entry)).collect())
}

fn own(story: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    story.iter().map(|(note, detail)| ((*note).to_owned(), detail.map(str::to_owned))).collect()
}

/// Whether a line of the history has this in it.
fn said(action: &Value, text: &str) -> bool {
    let entries = action["history"].as_array().unwrap().iter();
    let mut details = entries.flat_map(|entry| entry["details"].as_array().unwrap());
    details.any(|detail| detail.as_str().unwrap().contains(text))
}
