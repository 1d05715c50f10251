//! What operators order and ask: a deployment to a list, a cancel, an explanation.

use serde_json::{Value, json};
use updraft::mqtt::packet::{ReasonCode, Version};

use super::mqtt::{Mqtt, topic};
use super::support::{Server, eventually};
use super::{action, deploy, entry, firmware, offer, upload};

const HELLO: &str = r#"{"seq":1,"boot":"b1","product":"lamp","attrs":{"2003":"1.0.0"}}"#;

/// Registers devices `lamp-0`, `lamp-1`, ... and connects them, every other one with MQTT 5.
fn fleet(server: &Server, count: usize) -> Vec<Mqtt> {
    let connect = |n: usize| {
        let id = format!("lamp-{n}");
        let token = server.client().add_device(&id, "lamp");
        let version = if n.is_multiple_of(2) { Version::V4 } else { Version::V5 };
        Mqtt::device(server.mqtt(), version, &id, &token)
    };
    (0..count).map(connect).collect()
}

fn say(lamp: &mut Mqtt, device: &str, leaf: &str, payload: &str) {
    assert_eq!(lamp.say(&topic(device, leaf), payload).unwrap(), ReasonCode::Success, "{leaf} {payload}");
}

fn feedback(word: &str, finished: &str) -> String {
    json!({"status": {"execution": word, "result": {"finished": finished}}}).to_string()
}

#[test]
fn a_deployment_reaches_the_devices_of_its_list_and_no_others() {
    let server = Server::start();
    let image = upload(&server, "lamp", "1.0.1", &firmware(4, 3000));
    let mut lamps = fleet(&server, 4);
    for (n, lamp) in lamps.iter_mut().enumerate() {
        say(lamp, &format!("lamp-{n}"), "hello", HELLO);
        assert_eq!(lamp.told("/desired")["comps"], json!([]));
    }
    let made = deploy(&server, &image, &["lamp-0", "lamp-1", "lamp-2"]);
    let counters = |pending, active, succeeded, failed| {
        json!({"pending": pending, "active": active, "succeeded": succeeded, "failed": failed, "cancelled": 0,
               "total": 3})
    };
    assert_eq!(made["counters"]["total"], 3);
    for (n, lamp) in lamps.iter_mut().take(3).enumerate() {
        let device = format!("lamp-{n}");
        let id = lamp.told("/cmd")["action"].as_u64().unwrap();
        assert_eq!(lamp.told("/desired")["comps"][0]["action"], id);
        let finished = if n == 2 { "failure" } else { "success" };
        say(lamp, &device, &format!("fb/{id}"), &feedback("closed", finished));
        say(lamp, &device, "report", r#"{"seq":2,"v":{"3":"1.0.1"}}"#);
    }
    let deployment = server.client().get("deployments/1").body;
    assert_eq!(deployment["counters"], counters(0, 0, 2, 1));
    assert_eq!(deployment["done"], true);
    let listed = server.client().get("actions").body;
    let states = listed["items"].as_array().unwrap().iter().map(|a| json!([a["device"], a["state"]]));
    let expected = [["lamp-2", "failed"], ["lamp-1", "succeeded"], ["lamp-0", "succeeded"]];
    assert_eq!(states.collect::<Value>(), json!(expected));
    let stray = lamps[3].all().unwrap().iter().map(|p| p.topic.to_string()).collect::<Vec<_>>();
    assert_eq!(stray, [topic("lamp-3", "ack")]);
}

#[test]
fn a_cancel_is_asked_of_the_device_and_ends_with_its_word() {
    let server = Server::start();
    let image = upload(&server, "lamp", "1.0.1", &firmware(5, 3000));
    for (lamp, n) in fleet(&server, 2).iter_mut().zip(0..) {
        let device = format!("lamp-{n}");
        let id = n + 1;
        say(lamp, &device, "hello", HELLO);
        deploy(&server, &image, &[&device]);
        assert_eq!(lamp.told("/cmd")["cmd"], "deploy");
        say(lamp, &device, &format!("fb/{id}"), &feedback("proceeding", "none"));
        let cancelled = server.client().post(&format!("actions/{id}/cancel"), &json!({}));
        assert_eq!((cancelled.status, &cancelled.body["cancelling"]), (200, &json!(true)));
        let mut command = lamp.told("/cmd");
        let fields = command.as_object_mut().unwrap();
        assert!(fields.remove("id").is_some() && fields.remove("deadline").is_some());
        assert_eq!(command, json!({"cmd": "cancel", "action": id, "attempt": 1, "mode": "forced"}));
        say(lamp, &device, &format!("fb/{id}"), &feedback("canceled", "none"));
        let history = [
            entry("offered", "created", &[]),
            entry("accepted", "proceeding", &[]),
            entry("accepted", "cancel-asked", &[]),
            entry("cancelled", "canceled", &[]),
        ];
        let found = action(&server, id);
        assert_eq!((&found["state"], &found["cancelling"]), (&json!("cancelled"), &json!(false)));
        assert_eq!(found["history"], json!(history));
        say(lamp, &device, "get", "");
        assert_eq!(eventually("an empty desired", || last_desired(lamp))["comps"], json!([]));
    }
}

/// The newest `desired` that has come, once it wants nothing.
fn last_desired(lamp: &mut Mqtt) -> Option<Value> {
    let heard = lamp.all().unwrap();
    let desired = heard.iter().rfind(|p| p.topic.ends_with("/desired"))?;
    serde_json::from_slice(&desired.payload).ok().filter(|desired: &Value| desired["comps"] == json!([]))
}

#[test]
fn explain_says_over_mqtt_why_a_device_has_no_update() {
    let server = Server::start();
    offer(&server, "lamp", "1.0.1", &firmware(6, 3000));
    for (lamp, n) in fleet(&server, 2).iter_mut().zip(0..) {
        let device = format!("lamp-{n}");
        let explain = |lamp: &mut Mqtt, question: &str| {
            say(lamp, &device, "explain", question);
            lamp.told("/resp")
        };
        let answer = explain(lamp, r#"{"cid":"8","type":3}"#);
        assert_eq!(verdicts(&answer), (json!("8"), json!([[3, "version-unknown", null]])));
        say(lamp, &device, "hello", r#"{"seq":1,"boot":"b1","attrs":{"2003":"1.0.1"}}"#);
        let answer = explain(lamp, "");
        assert_eq!(verdicts(&answer), (Value::Null, json!([[3, "already-installed", null]])));
        let by_http = server.client().get(&format!("devices/{device}/explain?type=3")).body;
        assert_eq!(answer["accepted"][0]["rules"], by_http["items"][0]["rules"]);
    }
}

/// The token of an answer, and type, verdict and action of each explanation in it.
fn verdicts(answer: &Value) -> (Value, Value) {
    let entries = answer["accepted"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let short = entries.iter().map(|e| json!([e["type"], e["verdict"], e["active"]["action"]])).collect();
    (answer["cid"].clone(), short)
}
