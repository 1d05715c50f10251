//! Why devices have, or have not, what rollouts bring, asked from outside.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::World;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

fn until(world: &World, status: &str) {
    let started = Instant::now();
    while world.get("/api/v1/rollouts/1").json()["status"] != status {
        assert!(started.elapsed() < LONG);
        std::thread::yield_now();
    }
}

fn standings(world: &World, device: &str) -> Value {
    world.get(&format!("/api/v1/devices/{device}/explain")).json()["rollouts"].clone()
}

#[test]
fn a_device_and_its_rollout_are_explained() {
    let world = World::new();
    assert_eq!(world.image("1.1.0", b"hello")["id"], 1);
    world.lamp("l1");
    assert_eq!(standings(&world, "l1"), Value::Null);
    let wanted = json!({"name": "spring", "image": 1, "filter": "id==l1", "waves": [{"rest": true}],
                        "stop_rules": [{"on": "any", "percent": 10, "min_sample": 5}]});
    let made = world.post("/api/v1/rollouts", wanted);
    assert_eq!(made.status, 201, "{}", made.text());
    until(&world, "ready");
    let waits = "the rollout waits until somebody starts it";
    let own = json!({"rollout": 1, "name": "spring", "wave": 1, "code": "not-started", "message": waits});
    assert_eq!(standings(&world, "l1"), json!([own]));
    let path = "/api/v1/rollouts/1/explain";
    let expected = json!({
        "rollout": 1, "name": "spring", "status": "ready", "code": "not-started", "message": waits,
        "waves": [{"wave": 1, "name": "wave 1", "status": "scheduled", "passed": false, "succeeded": 0, "total": 1,
                   "success_percent": 100, "open": 1,
                   "text": "wave 1 is scheduled: 0 of 1 (0.0%) run the target, 100% are wanted; 1 have not ended"}],
        "stop_rules": [{"rule": 1, "bad": 0, "ended": 0, "percent": 10, "min_sample": 5, "excused": false,
                        "text": "stop rule 1: 0 of 0 ended badly; at 10%, once 5 have ended, it pauses"}],
        "throttle": {"text": "pace: unbounded; in flight: unbounded"},
    });
    assert_eq!(world.get(path).json(), expected);
    let shown = world.get(&format!("{path}?device=l1")).json();
    assert_eq!(shown["device"], own);
    world.lamp("l2");
    assert_eq!(standings(&world, "l2"), Value::Null);
    let shown = world.get(&format!("{path}?device=l2")).json();
    let sentence = "the rollout is not for it: the device does not match its filter id==l1";
    assert_eq!(
        shown["device"],
        json!({"rollout": 1, "name": "spring", "code": "not-selected", "message": sentence})
    );
    for (path, code) in [
        ("/api/v1/rollouts/1/explain?device=l9", "no-such-device"),
        ("/api/v1/rollouts/9/explain", "no-such-rollout"),
        ("/api/v1/rollouts/1/explain?other=1", "unknown-parameter"),
    ] {
        assert_eq!(world.get(path).json()["error"]["code"], code, "{path}");
    }
}
