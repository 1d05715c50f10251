//! What stands on offer is a record to arkors' clients, under the rules of the offer.

use serde_json::{Value, json};

use crate::devices::Arkors;
use crate::world::{NEW, World};

const NO_RECORD: &str = "the version is newst!";

/// A client of a type, which asks as one that runs the number.
fn ask(world: &World, id: &'static str, kind: &'static str, runs: u32) -> String {
    let (status, found) = Arkors { id, kind, token: String::new() }.ask(world, runs);
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    match status {
        200 => format!("{} for {} from {}", text("name"), text("client"), text("compatible")),
        _ => format!("{status} {}", text("error")),
    }
}

#[test]
fn the_rules_of_an_offer_are_those_of_its_record() {
    let too_early = "404 The App version can't in right time to upgrade";
    let table = [
        (json!({}), "ANDROID", 1, "1.1.0 for ANDROID from *"),
        (json!({}), "iOS", 9, "404 The application version is newest!"),
        (json!({"hardware": [{"model": "Android"}]}), "ANDROID", 1, "1.1.0 for Android from *"),
        (json!({"hardware": [{"model": "Android"}]}), "iOS", 1, "404 the version is newst!"),
        (json!({"compatible": ["1.0.x"]}), "ANDROID", 1, "1.1.0 for ANDROID from 1.0.x"),
        (json!({"compatible": [">=0.9.0, <2"]}), "ANDROID", 1, "1.1.0 for ANDROID from >=0.9.0,<2"),
        (json!({"compatible": ["0.9.x"]}), "ANDROID", 1, "404 The App version can't upgrade"),
        (json!({"not_before": "2099-01-01T00:00:00Z"}), "ANDROID", 1, too_early),
    ];
    for (rules, kind, runs, expected) in table {
        let world = World::new();
        world.release_on(rules.clone());
        assert_eq!(ask(&world, "and-1", kind, runs), expected, "{rules}");
    }
}

#[test]
fn an_action_brings_a_client_what_is_not_on_offer() {
    let world = World::new();
    assert_eq!(world.upload(NEW), json!([2, "2"]));
    assert_eq!(ask(&world, "and-1", "ANDROID", 1), format!("404 {NO_RECORD}"));
    let made = world.server.client().post("deployments", &json!({"image": 2, "devices": ["and-1"]}));
    assert_eq!(made.status, 201, "{made:?}");
    world.action("and-1");
    assert_eq!(ask(&world, "and-1", "ANDROID", 1), "1.1.0 for ANDROID from *");
    assert_eq!(ask(&world, "and-2", "ANDROID", 1), format!("404 {NO_RECORD}"));
    // It has it, and is told of nothing more.
    assert_eq!(ask(&world, "and-1", "ANDROID", 2), format!("404 {NO_RECORD}"));
    world.await_state("and-1", "succeeded");
}

#[test]
fn a_record_of_a_board_takes_the_place_of_the_offer() {
    let world = World::new();
    world.release();
    let record = json!({
        "version": 2, "name": "2.0", "update": "2014-11-10T00:00:00.000Z", "changed": "c", "url": "http://u",
        "client": "Android", "compatible": "x",
    });
    let headers = [
        ("X-Arkors-Application-Log", "5024442115e7bd738354c1fac662aed5"),
        ("X-Arkors-Application-Client", "10.0.0.7,BOARD"),
    ];
    let body = record.to_string();
    let (status, made) = world.admin("POST", "/v1/updates/232", &headers, body.as_bytes());
    assert_eq!((status, &made["name"]), (201, &json!("2.0")), "{made}");
    assert_eq!(ask(&world, "and-1", "ANDROID", 1), "2.0 for Android from x");
    assert_eq!(ask(&world, "and-1", "ANDROID", 2), "404 The application version is newest!");
    let runs: Value = world.sees("/api/v1/devices/and-1")["versions"]["3"]["version"].clone();
    assert_eq!(runs, json!("2.0"));
}
