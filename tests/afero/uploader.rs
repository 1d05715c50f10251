//! The partners' uploader and deploy tool, step by step.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::world::World;

const IMAGE_BYTES: usize = 300_001;

fn run(world: &World, slot: &str) -> (bool, String, String) {
    let binary = world.server.home().join("image.bin");
    fs::write(&binary, vec![7; IMAGE_BYTES]).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/afero_uploader.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(format!("http://{}", world.server.http()));
    command.args(["default", "admin", &world.server.token(), "hub", "hub-1"]).arg(binary).arg(slot);
    let output = command.output().expect("this test needs python3");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_partners_tools_upload_and_deploy_as_they_are() {
    let mut world = World::new();
    world.device("hub-1", "hub");
    let (ended_well, said, complaint) = run(&world, "a");
    assert!(ended_well, "{said}{complaint}");
    let expected = "wrong password: 400\nerror_code:400 - invalid_grant\nlogin: 200\nexists: 200\nFalse\n\
        create: 201\nexists: 200\nTrue\nuploaded?: 404\nbinary: 200\nmove: 200\nput: 204\nassociate: 201\n\
        associate again: 409\nlist: 200\n1 1.0.2d Hub image, nightly OTA Image description\npush: 202\n\
        push again: 202\n1\n";
    assert_eq!(said, expected);
    let action = world.newest_action(1);
    assert_eq!((&action["device"], &action["state"]), (&json!("hub-1"), &json!("queued")));
    let image: Value = world.server.client().get("images/1").body;
    assert_eq!(image["artifacts"][0]["size"], json!(IMAGE_BYTES));
}

#[test]
fn a_second_slot_is_kept_and_an_image_without_a_first_is_not_pushed() {
    let mut world = World::new();
    world.device("hub-1", "hub");
    let (ended_well, said, complaint) = run(&world, "b");
    assert!(!ended_well && complaint.contains("push: 202 was expected"), "{said}{complaint}");
    assert!(complaint.contains("no-binary"), "{complaint}");
    let path = "/v1/ota/partners/default/deviceTypes/hub/firmwareImages/types/5/versionNumbers/1";
    let (status, record) = world.ask("GET", path, Value::Null);
    assert_eq!((status, &record["url"]), (200, &json!("")));
    assert!(record["url2"].as_str().unwrap().contains("/artifacts/"), "{record}");
}

#[test]
fn a_binary_a_session_and_a_record_survive_a_crash() {
    let mut world = World::new();
    let url = world.binary(b"bytes");
    let basic = "aWQ6c2VjcmV0";
    let (status, session) = crate::refusals::login(&world, "ann", &world.tokens["ann"], "password", basic);
    assert_eq!(status, 200, "{session}");
    world.tokens.insert("session".into(), session["access_token"].as_str().unwrap().into());
    world.server.kill9();
    world.server.resume();
    assert_eq!(world.ask_as("session", "GET", "/v1/ota/partners/acme/types", Value::Null).0, 200);
    let sum = url.rsplit('/').next().unwrap();
    let moved =
        world.ask("POST", "/v1/ota/partners/default/binaries/moveToRepository", json!({"value": sum}));
    assert_eq!(moved.0, 200, "{}", moved.1);
    let new = json!({"name": "app", "type": 3, "version": "1", "url": url});
    assert_eq!(world.ask("POST", "/v1/ota/partners/default/pool", new).0, 201);
    let mut file = crate::wire::Request::new("GET", &format!("/artifacts/{sum}"));
    file.header("Authorization", &format!("Bearer {}", world.tokens["root"]));
    assert_eq!(file.send(world.server.http()).body, b"bytes");
}
