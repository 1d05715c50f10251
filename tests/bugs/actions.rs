//! Actions that other servers lost their way with.

use serde_json::{Value, json};
use updraft::mqtt::packet::{ReasonCode, Version};

use super::Scene;
use super::mqtt::{Mqtt, topic};

/// Uploads an image and orders it for devices as often as `times` says; the newest order replaces the older ones.
fn order(scene: &Scene, devices: &[String], times: usize) {
    let client = scene.server.client();
    let image = client.upload("lamp", "1.0.1", b"firmware");
    for _ in 0..times {
        let body = json!({"image": image.body["id"], "devices": devices});
        assert_eq!(client.post("deployments", &body).status, 201);
    }
}

fn feedback(word: &str, finished: &str, time: u64) -> String {
    json!({"time": time, "status": {"execution": word, "result": {"finished": finished}}}).to_string()
}

fn action(scene: &Scene, id: u64) -> Value {
    scene.server.client().get(&format!("actions/{id}")).body
}

fn notes(action: &Value) -> Vec<&str> {
    action["history"].as_array().unwrap().iter().map(|entry| entry["note"].as_str().unwrap()).collect()
}

/// A server that cut zeros off numbers took 10 and 100 for 1.
#[test]
fn actions_whose_ids_are_multiples_of_ten_are_themselves() {
    let mut scene = Scene::new();
    let devices: Vec<String> = (1..=101).map(|n| format!("lamp-{n:03}")).collect();
    let tokens: Vec<String> = devices.iter().map(|id| scene.device(id)).collect();
    order(&scene, &devices, 1);
    for id in [1_usize, 10, 20, 100, 101] {
        let (device, token) = (&devices[id - 1], &tokens[id - 1]);
        let mut lamp = Mqtt::device(scene.server.mqtt(), Version::V5, device, token);
        lamp.say(&topic(device, "get"), "").unwrap();
        assert_eq!(lamp.told("/desired")["comps"][0]["action"], id);
        let said = feedback("closed", "failure", id as u64);
        assert_eq!(lamp.say(&topic(device, &format!("fb/{id}")), said).unwrap(), ReasonCode::Success);
        assert_eq!(lamp.told("/ack"), json!({"status": "stored", "topic": format!("fb/{id}")}));
        // A zero more or less is another device's action.
        for other in [id * 10, id.div_ceil(10)] {
            let said = feedback("closed", "failure", 1);
            let code = lamp.say(&topic(device, &format!("fb/{other}")), said).unwrap();
            assert_eq!(code == ReasonCode::NotAuthorized, other != id, "{other} of {device}");
        }
    }
    let failed = (1..=101).filter(|id| action(&scene, *id)["state"] == "failed").collect::<Vec<_>>();
    assert_eq!(failed, [1, 10, 20, 100, 101]);
    scene.undisturbed();
}

#[test]
fn closed_twice_is_closed_once() {
    for (version, finished, state) in
        [(Version::V4, "success", "verifying"), (Version::V5, "failure", "failed")]
    {
        let mut scene = Scene::new();
        let token = scene.device("lamp");
        order(&scene, &["lamp".into()], 1);
        let mut lamp = Mqtt::device(scene.server.mqtt(), version, "lamp", &token);
        lamp.say(&topic("lamp", "hello"), r#"{"seq":1,"boot":"b","attrs":{"2003":"1.0.0"}}"#).unwrap();
        // The same message, the same word at another time, and without one.
        let same = feedback("closed", finished, 1_700_000_000);
        for said in [&same, &same, &feedback("closed", finished, 1_700_000_009)] {
            assert_eq!(lamp.say(&topic("lamp", "fb/1"), said).unwrap(), ReasonCode::Success);
        }
        let found = action(&scene, 1);
        assert_eq!(found["state"], state);
        let closes = notes(&found).iter().filter(|note| note.starts_with("closed")).count();
        // While the version is still to be reported, another moment is another word; an end is an end.
        assert_eq!(closes, if state == "failed" { 1 } else { 2 });
        let counters = scene.server.client().get("deployments/1").body["counters"].clone();
        let (active, failed) = if state == "failed" { (0, 1) } else { (1, 0) };
        let expected = json!({
            "pending": 0, "active": active, "succeeded": 0, "failed": failed, "cancelled": 0, "total": 1,
        });
        assert_eq!(counters, expected);
        scene.undisturbed();
    }
}

/// hawkBit's clients may reject a cancel; servers that forgot about that left the action cancelling for ever.
#[test]
fn a_rejected_cancel_leaves_the_action_as_it_was() {
    for version in [Version::V4, Version::V5] {
        let mut scene = Scene::new();
        let token = scene.device("lamp");
        let mut lamp = Mqtt::device(scene.server.mqtt(), version, "lamp", &token);
        lamp.say(&topic("lamp", "hello"), r#"{"seq":1,"boot":"b","attrs":{"2003":"1.0.0"}}"#).unwrap();
        order(&scene, &["lamp".into()], 1);
        assert_eq!(lamp.told("/cmd")["cmd"], "deploy");
        let mut say = |word, finished, time| {
            assert_eq!(
                lamp.say(&topic("lamp", "fb/1"), feedback(word, finished, time)).unwrap(),
                ReasonCode::Success
            );
        };
        say("proceeding", "none", 1);
        let cancel = || scene.server.client().post("actions/1/cancel", &json!({}));
        for time in [2, 3] {
            // It may be asked again: the first is over.
            assert_eq!((cancel().status, action(&scene, 1)["cancelling"].clone()), (200, json!(true)));
            say("rejected", "none", time);
            let found = action(&scene, 1);
            assert_eq!((&found["cancelling"], &found["warning"]), (&json!(false), &json!(false)));
        }
        say("closed", "success", 4);
        let report = r#"{"seq":2,"boot":"c","attrs":{"2003":"1.0.1"}}"#;
        assert_eq!(lamp.say(&topic("lamp", "hello"), report).unwrap(), ReasonCode::Success);
        let found = action(&scene, 1);
        assert_eq!(found["state"], "succeeded");
        let expected = [
            "created",
            "proceeding",
            "cancel-asked",
            "rejected",
            "cancel-asked",
            "rejected",
            "closed: success",
            "reported",
        ];
        assert_eq!(notes(&found), expected);
        scene.undisturbed();
    }
}
