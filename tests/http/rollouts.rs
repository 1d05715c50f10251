//! Rollouts from outside: made, commanded and brought to devices that speak DDI, until they end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{Answer, World};

const ROLLOUTS: &str = "/api/v1/rollouts";
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// A lamp that is asked what it has to do, over DDI.
struct Lamp {
    id: String,
    token: String,
}

impl Lamp {
    fn ask(&self, world: &World, method: &str, path: &str, body: &str) -> Answer {
        let path = format!("/default/controller/v1/{}{path}", self.id);
        let token = format!("TargetToken {}", self.token);
        let media = if body.is_empty() { "" } else { "application/json" };
        world.ask(method, &path, "", media, body.as_bytes(), &[("authorization", &token)])
    }

    /// The action that it is to carry out.
    fn order(&self, world: &World) -> Option<u64> {
        let polled = self.ask(world, "GET", "", "").json();
        let link = polled["_links"]["deploymentBase"]["href"].as_str()?;
        link.rsplit('/').next()?.split('?').next()?.parse().ok()
    }

    /// Carries out what it is to do, if there is something, and says how it went.
    fn work(&self, world: &World, result: &str) -> bool {
        let Some(action) = self.order(world) else { return false };
        let said = json!({"status": {"execution": "closed", "result": {"finished": result}}});
        let path = format!("/deploymentBase/{action}/feedback");
        let answer = self.ask(world, "POST", &path, &said.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        true
    }
}

/// Lamps `l1` to `l<count>`, and image 1 for them.
fn lamps(world: &World, count: usize) -> Vec<Lamp> {
    assert_eq!(world.image("1.1.0", b"hello")["id"], 1);
    let lamp = |n| format!("l{n}");
    (1..=count).map(lamp).map(|id| Lamp { token: world.lamp(&id), id }).collect()
}

fn make(world: &World, body: Value) -> Value {
    let answer = world.post(ROLLOUTS, body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// A command; the status of the rollout after it, or the code of the refusal.
fn order(world: &World, id: u64, verb: &str, body: Value) -> (u16, String) {
    let answer = world.post(&format!("{ROLLOUTS}/{id}/{verb}"), body);
    let said = answer.json();
    let word = said["status"].as_str().or(said["error"]["code"].as_str()).unwrap();
    (answer.status, word.to_owned())
}

/// The rollout once it is as wanted; `turn` is done between looks.
fn until(world: &World, id: u64, wanted: impl Fn(&Value) -> bool, mut turn: impl FnMut()) -> Value {
    let deadline = Instant::now() + LONG;
    loop {
        let shown = world.get(&format!("{ROLLOUTS}/{id}")).json();
        if wanted(&shown) {
            return shown;
        }
        assert!(Instant::now() < deadline, "{shown:#}");
        turn();
    }
}

fn stands(status: &'static str) -> impl Fn(&Value) -> bool {
    move |shown| shown["status"] == status
}

fn at(shown: &Value, places: &[&str]) -> Vec<u64> {
    places.iter().map(|place| shown["devices"][place].as_u64().unwrap()).collect()
}

#[test]
fn a_rollout_goes_wave_by_wave_until_every_device_is_done() {
    let world = World::new();
    let lamps = lamps(&world, 4);
    let wave = json!({"name": "first", "devices": 1, "failure_percent": 50});
    let made = make(
        &world,
        json!({"name": "spring", "image": 1, "product": "lamp", "waves": [wave, {"rest": true}],
               "start": true, "weight": 700, "mode": "soft", "retries": {"limit": 0}}),
    );
    assert_eq!(
        (&made["id"], &made["status"], &made["devices"]["waiting"]),
        (&json!(1), &json!("creating"), &json!(4))
    );
    let running = until(&world, 1, |shown| shown["devices"]["active"] == 1, || {});
    assert_eq!(running["status"], "running");
    // The second wave waits for the first.
    assert_eq!(running["waves"][1]["status"], "scheduled");
    let done = until(&world, 1, stands("finished"), || {
        for lamp in &lamps {
            lamp.work(&world, "success");
        }
    });
    assert_eq!(at(&done, &["succeeded", "failed", "waiting", "total"]), [4, 0, 0, 4]);
    assert_eq!((&done["weight"], &done["mode"], &done["done"]), (&json!(700), &json!("soft"), &json!(true)));
    let waves = world.get(&format!("{ROLLOUTS}/1/waves")).json();
    let of =
        |wave: &Value| (wave["name"].clone(), wave["status"].clone(), wave["devices"]["succeeded"].clone());
    let found: Vec<_> = waves["items"].as_array().unwrap().iter().map(of).collect();
    let expected =
        [(json!("first"), json!("finished"), json!(1)), (json!("wave 2"), json!("finished"), json!(3))];
    assert_eq!(found, expected);
}

#[test]
fn devices_of_a_wave_are_read_page_by_page_over_both_of_its_halves() {
    let world = World::new();
    lamps(&world, 5);
    let body =
        json!({"name": "spring", "image": 1, "product": "lamp", "in_flight": {"limit": 2}, "start": true});
    make(&world, body);
    until(&world, 1, |shown| shown["devices"]["active"] == 2, || {});
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{ROLLOUTS}/1/waves/1/devices?limit=1{after}")).json();
        let member = &page["items"][0];
        found.push((
            member["place"].as_str().unwrap().to_owned(),
            member["device"].as_str().unwrap().to_owned(),
        ));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["active", "active", "waiting", "waiting", "waiting"]);
    let mut ids: Vec<&str> = found.iter().map(|(_, id)| id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["l1", "l2", "l3", "l4", "l5"]);
    let answer = world.get(&format!("{ROLLOUTS}/1/waves/2/devices"));
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (404, json!("no-such-wave")));
}

#[test]
fn a_stop_rule_pauses_it_with_its_numbers_and_the_failed_are_tried_again() {
    let world = World::new();
    let lamps = lamps(&world, 3);
    let rule = json!({"on": "failed", "percent": 33.33, "min_sample": 2});
    make(
        &world,
        json!({"name": "spring", "image": 1, "filter": "id==l*", "stop_rules": [rule], "start": true}),
    );
    until(&world, 1, |shown| shown["devices"]["active"] == 3, || {});
    assert!(lamps[0].work(&world, "success") && lamps[1].work(&world, "failure"));
    let paused = until(&world, 1, stands("paused"), || {});
    let cause = json!({"kind": "rule", "text": "stop rule 1: 1 of 2 ended badly"});
    assert_eq!(paused["cause"], cause);
    assert_eq!(order(&world, 1, "stop", json!({"ending": "force"})), (200, "stopping".into()));
    let stopped = until(&world, 1, stands("stopped"), || {});
    assert_eq!(at(&stopped, &["succeeded", "failed", "cancelled"]), [1, 1, 1]);

    let retried = world.post(&format!("{ROLLOUTS}/1/retry"), json!({"start": true}));
    assert_eq!(retried.status, 201, "{}", retried.text());
    let retried = retried.json();
    let expected = (&json!(2), &json!("spring (retry 1)"), &json!(2), &json!(1));
    let found = (&retried["id"], &retried["name"], &retried["devices"]["total"], &retried["wave_count"]);
    assert_eq!(found, expected);
    until(&world, 2, stands("finished"), || {
        lamps.iter().for_each(|lamp| {
            lamp.work(&world, "success");
        });
    });
    assert_eq!(order(&world, 2, "retry", json!({})), (409, "nothing-to-retry".into()));
}

#[test]
fn a_command_in_the_wrong_state_changes_nothing() {
    let world = World::new();
    lamps(&world, 2);
    make(&world, json!({"name": "spring", "image": 1, "product": "lamp", "wave_count": 2}));
    until(&world, 1, stands("ready"), || {});
    let refused = || (409, "rollout-status".to_owned());
    for verb in ["pause", "resume", "approve", "deny", "next"] {
        assert_eq!(order(&world, 1, verb, json!({})), refused(), "{verb}");
    }
    assert_eq!(order(&world, 1, "start", json!({})), (200, "running".into()));
    assert_eq!(order(&world, 1, "start", json!({})), refused());
    until(&world, 1, |shown| shown["devices"]["active"] == 1, || {});
    assert_eq!(order(&world, 1, "next", json!({})), (200, "running".into()));
    assert_eq!(order(&world, 1, "next", json!({})), refused());
    assert_eq!(order(&world, 1, "pause", json!({})), (200, "paused".into()));
    assert_eq!(order(&world, 1, "pause", json!({})), refused());
    assert_eq!(order(&world, 1, "resume", json!({})), (200, "running".into()));
    let renamed = world.admin("PATCH", &format!("{ROLLOUTS}/1"), "application/json", br#"{"name":"summer"}"#);
    assert_eq!((renamed.status, &renamed.json()["name"]), (200, &json!("summer")));
    let empty = world.admin("PATCH", &format!("{ROLLOUTS}/1"), "application/json", br#"{"name":" "}"#);
    assert_eq!((empty.status, &empty.json()["error"]["field"]), (422, &json!("name")));
    assert_eq!(world.admin("DELETE", &format!("{ROLLOUTS}/1"), "", b"").status, 204);
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/start"), ("GET", "/waves")] {
        let answer = world.admin(method, &format!("{ROLLOUTS}/1{path}"), "", b"");
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (404, &json!("no-such-rollout")),
            "{path}"
        );
    }
    assert_eq!(world.get(ROLLOUTS).json(), json!({"items": []}));
}

#[test]
fn where_approval_is_wanted_somebody_has_to_agree_before_it_starts() {
    let world = World::new();
    lamps(&world, 1);
    let settings = br#"{"rollout.approval.enabled":"true"}"#;
    let path = "/api/v1/tenants/default/settings";
    let answer = world.admin("PATCH", path, "application/json", settings);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = |name: &str| json!({"name": name, "image": 1, "devices": ["l1"], "start": true});
    make(&world, body("spring"));
    until(&world, 1, stands("waiting-for-approval"), || {});
    assert_eq!(order(&world, 1, "start", json!({})), (409, "rollout-status".into()));
    assert_eq!(order(&world, 1, "approve", json!({"remark": "go"})).0, 200);
    let running = until(&world, 1, stands("running"), || {});
    assert_eq!(running["decision"], json!({"by": "root", "remark": "go"}));
    make(&world, body("summer"));
    until(&world, 2, stands("waiting-for-approval"), || {});
    assert_eq!(order(&world, 2, "deny", json!({"remark": "no"})), (200, "denied".into()));
    assert_eq!(order(&world, 2, "approve", json!({})), (409, "rollout-status".into()));
}

#[test]
fn what_a_rollout_cannot_be_is_refused_with_its_field_and_leaves_nothing() {
    let world = World::new();
    lamps(&world, 3);
    let kettle = world.post("/api/v1/devices", json!({"id": "k1", "product": "kettle"}));
    assert_eq!(kettle.status, 201);
    let wave = |more: Value| json!({"waves": [more, {"rest": true}]});
    let table = [
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(129)}), "name"),
        (json!({"image": 9}), "image"),
        (json!({"image": 0}), "image"),
        (json!({"release": 1}), "image"),
        (json!({"image": null, "release": 9}), "release"),
        (json!({"product": null}), "filter"),
        (json!({"filter": "id==l1"}), "filter"),
        (json!({"product": null, "filter": "id=="}), "filter"),
        (json!({"product": null, "filter": "id==nobody"}), "filter"),
        (json!({"product": "toaster"}), "product"),
        (json!({"product": "kettle"}), "image"),
        (json!({"product": null, "devices": ["l1", "k1"]}), "image"),
        (json!({"product": null, "devices": []}), "devices"),
        (json!({"product": null, "devices": ["l1", "l9"]}), "devices[1]"),
        (json!({"product": null, "devices": ["l1", "l1"]}), "devices[1]"),
        (json!({"product": null, "devices": ["a b"]}), "devices[0]"),
        (json!({"product": null, "devices": ["l1"], "continuous": true}), "continuous"),
        (json!({"percent": 0}), "percent"),
        (json!({"percent": 100.01}), "percent"),
        (json!({"percent": 12.345}), "percent"),
        (json!({"seed": 9_007_199_254_740_992_u64}), "seed"),
        (json!({"waves": []}), "waves"),
        (json!({"waves": [{"devices": 1}]}), "waves"),
        (json!({"wave_count": 0}), "wave_count"),
        (json!({"wave_count": 2, "waves": [{"rest": true}]}), "wave_count"),
        (wave(json!({"devices": 0})), "waves[0].devices"),
        (wave(json!({"devices": 1, "rest": true})), "waves[0].devices"),
        (wave(json!({"percent": 101})), "waves[0].percent"),
        (json!({"waves": [{"percent": 60}, {"percent": 60}]}), "waves[1].percent"),
        (json!({"wave_count": 2, "canary": {"margin_percent": 100}}), "canary.margin_percent"),
        (json!({"wave_count": 2, "canary": {"margin_percent": 1, "min_sample": 0}}), "canary.min_sample"),
        (wave(json!({"devices": 1, "success_percent": 101})), "waves[0].success_percent"),
        (wave(json!({"devices": 1, "failure_percent": -1})), "waves[0].failure_percent"),
        (wave(json!({"devices": 1, "filter": "id=="})), "waves[0].filter"),
        (json!({"waves": [{"filter": "id==l1"}, {"filter": "id==l*"}, {"rest": true}]}), "waves[1].filter"),
    ];
    table.into_iter().for_each(|(change, field)| refused(&world, (422, "bad-rollout"), &change, field));
    assert_eq!(world.get(ROLLOUTS).json(), json!({"items": []}));
}

#[test]
fn how_a_rollout_cannot_go_is_refused_with_its_field_and_leaves_nothing() {
    let world = World::new();
    lamps(&world, 3);
    let rule = |more: Value| json!({"stop_rules": [with(json!({"on": "any", "percent": 5}), more)]});
    let window = |schedule: &str| json!({"window": {"schedule": schedule, "duration": "01:00:00"}});
    let table = [
        (json!({"success_percent": 100.5}), "success_percent"),
        (json!({"pace": {}}), "pace.base_per_minute"),
        (json!({"pace": {"per_minute": 0}}), "pace.per_minute"),
        (json!({"pace": {"per_minute": 1, "factor": 2}}), "pace.per_minute"),
        (
            json!({"pace": {"base_per_minute": 1, "factor": 1, "every": 1, "max_per_minute": 9}}),
            "pace.factor",
        ),
        (json!({"in_flight": {"limit": 0}}), "in_flight.limit"),
        (json!({"in_flight": {"limit": 1, "lease_s": 0}}), "in_flight.lease_s"),
        (json!({"retries": {"limit": 11}}), "retries.limit"),
        (json!({"end_at": "2020-01-01T00:00:00Z"}), "end_at"),
        (json!({"start_at": "2999-01-02T00:00:00Z", "end_at": "2999-01-01T00:00:00Z"}), "end_at"),
        (json!({"start": true, "start_at": "2999-01-01T00:00:00Z"}), "start"),
        (json!({"at_end": "cancel"}), "at_end"),
        (window("never"), "window.schedule"),
        (window("0 0 2 1 1 ? 2020"), "window"),
        (with(window("0 0 2 1 1 ? 2098"), json!({"end_at": "2097-01-01T00:00:00Z"})), "window"),
        (json!({"window": {"schedule": "0 0 2 * * ?", "duration": "2h"}}), "window.duration"),
        (json!({"weight": 1001}), "weight"),
        (json!({"mode": "time-forced"}), "force_at"),
        (json!({"force_at": "2999-01-01T00:00:00Z"}), "force_at"),
        (rule(json!({"percent": 0})), "stop_rules[0].percent"),
        (rule(json!({"min_sample": 0})), "stop_rules[0].min_sample"),
        (rule(json!({"then": "roll-back"})), "stop_rules[0].image"),
        (rule(json!({"then": "roll-back", "image": 9})), "stop_rules[0].image"),
        (rule(json!({"then": "pause", "image": 1})), "stop_rules[0].image"),
        (json!({"canary": {"margin_percent": 2}}), "canary"),
        (
            json!({"wave_count": 2, "canary": {"margin_percent": 2, "confidence_percent": 80}}),
            "canary.confidence_percent",
        ),
    ];
    table.into_iter().for_each(|(change, field)| refused(&world, (422, "bad-rollout"), &change, field));
    let unreadable = [
        (json!({"colour": 1}), "colour"),
        (json!({"percent": "12"}), "percent"),
        (json!({"stop_rules": [{"on": "late", "percent": 1}]}), "stop_rules[0].on"),
        (json!({"start_at": "tomorrow"}), "start_at"),
    ];
    unreadable.into_iter().for_each(|(change, field)| refused(&world, (400, "bad-json"), &change, field));
    assert_eq!(world.get(ROLLOUTS).json(), json!({"items": []}));
}

/// A rollout with this change is refused for this field, in a sentence.
fn refused(world: &World, (status, code): (u16, &str), change: &Value, field: &str) {
    let body = with(json!({"name": "spring", "image": 1, "product": "lamp"}), change.clone());
    let answer = world.post(ROLLOUTS, body);
    let error = answer.json()["error"].clone();
    let found = (answer.status, error["code"].as_str(), error["field"].as_str());
    assert_eq!(found, (status, Some(code), Some(field)), "{change}: {error}");
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 30), "{error}");
}

/// The members of both; those of `more` win, and null takes a member away.
fn with(mut body: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    body
}

#[test]
fn rollouts_are_listed_newest_first_page_by_page() {
    let world = World::new();
    lamps(&world, 1);
    for name in ["a", "b", "c"] {
        make(&world, json!({"name": name, "image": 1, "product": "lamp"}));
    }
    assert_eq!(world.admin("DELETE", &format!("{ROLLOUTS}/2"), "", b"").status, 204);
    let names = |path: &str| {
        let page = world.get(path).json();
        let items = page["items"].as_array().unwrap();
        let names: Vec<String> = items.iter().map(|own| own["name"].as_str().unwrap().into()).collect();
        (names, page["next"].as_str().map(str::to_owned))
    };
    assert_eq!(names(ROLLOUTS), (vec!["c".into(), "a".into()], None));
    assert_eq!(names(&format!("{ROLLOUTS}?limit=1")), (vec!["c".into()], Some("3".into())));
    assert_eq!(names(&format!("{ROLLOUTS}?limit=1&before=3")), (vec!["a".into()], None));
}

#[test]
fn a_rehearsal_shows_what_a_rollout_would_do_and_makes_nothing() {
    let world = World::new();
    lamps(&world, 10);
    let rollout = json!({"name": "spring", "image": 1, "product": "lamp", "seed": 1,
        "waves": [{"devices": 2}, {"rest": true}]});
    let second = json!({"least_s": 1, "most_s": 1});
    let model = json!({"sign": second, "install": second});
    let plan =
        world.post("/api/v1/rollouts/plan", json!({"rollout": rollout, "model": model, "devices": true}));
    assert_eq!(plan.status, 200, "{}", plan.text());
    let plan = plan.json();
    let head = (&plan["status"], &plan["cut_short"], &plan["totals"]["succeeded"]);
    assert_eq!(head, (&json!("finished"), &json!(false), &json!(10)));
    let waves: Vec<_> =
        plan["waves"].as_array().unwrap().iter().map(|own| &own["devices"]["total"]).collect();
    assert_eq!(waves, [2, 8]);
    // Two seconds for the first wave; the next tick finds it done, and begins the second.
    assert_eq!((&plan["waves"][0]["begins_s"], &plan["waves"][1]["begins_s"]), (&json!(0), &json!(3)));
    let devices = plan["devices"].as_array().unwrap();
    let all = devices.iter().all(|own| own["place"] == "succeeded" && own["tries"] == 1);
    assert!(devices.len() == 10 && all, "{devices:?}");
    let again =
        world.post("/api/v1/rollouts/plan", json!({"rollout": rollout, "model": model, "devices": true}));
    assert_eq!(again.json()["devices"], plan["devices"]);
    assert_eq!(world.get(ROLLOUTS).json(), json!({"items": []}));
}

#[test]
fn a_rehearsal_that_cannot_be_is_refused_with_the_field() {
    let world = World::new();
    lamps(&world, 1);
    let plain = json!({"name": "spring", "image": 1, "product": "lamp"});
    let table = [
        (json!({"rollout": plain, "model": {"fail_percent": 101}}), "model.fail_percent"),
        (
            json!({"rollout": plain, "model": {"fail_percent": 60, "silent_percent": 50}}),
            "model.silent_percent",
        ),
        (json!({"rollout": plain, "model": {"sign": {"least_s": 2, "most_s": 1}}}), "model.sign.most_s"),
        (json!({"rollout": plain, "model": {"horizon_s": 0}}), "model.horizon_s"),
        (json!({"rollout": {"name": "spring", "image": 1, "product": "door"}}), "product"),
        (json!({"rollout": {"name": "spring", "image": 9, "product": "lamp"}}), "image"),
    ];
    for (body, field) in table {
        let answer = world.post("/api/v1/rollouts/plan", body.clone());
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
        assert_eq!(answer.json()["error"]["field"], field, "{body}");
    }
}

#[test]
fn a_removed_rollout_that_still_stops_can_be_stopped_harder_and_nothing_else() {
    let world = World::new();
    let lamps = lamps(&world, 1);
    make(&world, json!({"name": "spring", "image": 1, "product": "lamp", "start": true}));
    until(&world, 1, |shown| shown["devices"]["active"] == 1, || {});
    assert!(lamps[0].order(&world).is_some());
    assert_eq!(world.admin("DELETE", &format!("{ROLLOUTS}/1"), "", b"").status, 204);
    let missing = || (404, "no-such-rollout".to_owned());
    assert_eq!(order(&world, 1, "pause", json!({})), missing());
    let (status, _) = order(&world, 1, "stop", json!({"ending": "force"}));
    assert_eq!(status, 200);
    let deadline = Instant::now() + LONG;
    while order(&world, 1, "stop", json!({"ending": "force"})) != missing() {
        assert!(Instant::now() < deadline, "it still stops");
    }
    assert_eq!(lamps[0].order(&world), None);
}

#[test]
fn a_device_cannot_fetch_by_its_number_what_a_paused_rollout_keeps_from_it() {
    let world = World::new();
    let lamps = lamps(&world, 1);
    make(&world, json!({"name": "spring", "image": 1, "product": "lamp", "start": true}));
    until(&world, 1, |shown| shown["devices"]["active"] == 1, || {});
    assert_eq!(order(&world, 1, "pause", json!({})), (200, "paused".into()));
    assert_eq!(lamps[0].order(&world), None);
    let fetched = lamps[0].ask(&world, "GET", "/deploymentBase/1", "");
    assert_eq!(fetched.status, 404, "{}", fetched.text());
    assert_eq!(order(&world, 1, "resume", json!({})), (200, "running".into()));
    assert_eq!(lamps[0].order(&world), Some(1));
    assert_eq!(lamps[0].ask(&world, "GET", "/deploymentBase/1", "").status, 200);
}
