//! Who may come in: tokens, passwords with and without a tenant before the name, and tenants with their settings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use updraft::store::tables::Role;

use crate::world::{Answer, World};

/// Asks as whoever `name:secret` is.
fn basic(world: &World, credential: &str, method: &str, path: &str) -> Answer {
    let header = format!("Basic {}", STANDARD.encode(credential));
    world.ask(method, path, "", "", b"", &[("authorization", &header)])
}

fn set_password(world: &World, name: &str, password: &str) {
    let body = json!({"password": password}).to_string();
    let path = format!("/api/v1/operators/{name}/password");
    let answer = world.admin("PUT", &path, "application/json", body.as_bytes());
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (status, json!(code)));
}

/// Who may see what: the status of a list of devices, and the name of the operator who sees it.
fn seen(world: &World, credential: &str) -> (u16, Value) {
    let answer = basic(world, credential, "GET", "/api/v1/status");
    (answer.status, answer.json()["operator"].clone())
}

#[test]
fn an_operator_proves_itself_with_its_token_or_its_password() {
    let world = World::new();
    let token = world.operator("eve", None, Role::Observer);
    assert_eq!(seen(&world, "eve:correct horse"), (401, Value::Null), "no password is set yet");
    set_password(&world, "eve", "correct horse");
    let table: &[(&str, u16)] = &[
        ("eve:correct horse", 200),
        ("eve:correct horse", 200),
        ("eve:correct hors", 401),
        ("eve:", 401),
        ("eve", 400),
        ("root:correct horse", 401),
        ("nobody:correct horse", 401),
        ("Eve:correct horse", 401),
    ];
    for (credential, status) in table {
        let operator = if *status == 200 { json!("eve") } else { Value::Null };
        assert_eq!(seen(&world, credential), (*status, operator), "{credential}");
    }
    assert_eq!(seen(&world, &format!("eve:{token}")), (200, json!("eve")), "the token is as good as before");
    refused(&basic(&world, "eve:correct horse", "DELETE", "/api/v1/devices/l1"), 403, "read-only");
    let bearer = world.ask("GET", "/api/v1/status", "correct horse", "", b"", &[]);
    assert_eq!(bearer.status, 401, "a password alone says nothing about whose it is");
}

#[test]
fn another_password_ends_the_one_before_at_once() {
    let world = World::new();
    world.operator("eve", None, Role::Observer);
    set_password(&world, "eve", "correct horse");
    assert_eq!(seen(&world, "eve:correct horse").0, 200);
    set_password(&world, "eve", "battery: staple");
    assert_eq!(seen(&world, "eve:correct horse").0, 401);
    assert_eq!(seen(&world, "eve:battery: staple").0, 200);
    let removed = world.admin("DELETE", "/api/v1/operators/eve/password", "", b"");
    assert_eq!((removed.status, seen(&world, "eve:battery: staple").0), (204, 401));
}

#[test]
fn a_tenant_before_the_name_is_the_operators_own_or_chosen_by_one_of_the_whole_server() {
    let world = World::new();
    world.operator("ann", Some("Acme"), Role::Admin);
    set_password(&world, "ann", "correct horse");
    set_password(&world, "root", "battery staple");
    world.lamp("l1");
    let path = "/api/v1/devices?tenant=Acme";
    let body = json!({"id": "a1", "product": "lamp"}).to_string();
    assert_eq!(world.admin("POST", path, "application/json", body.as_bytes()).status, 201);
    let devices = |credential: &str| {
        let answer = basic(&world, credential, "GET", "/api/v1/devices");
        let items = answer.json()["items"].as_array().cloned().unwrap_or_default();
        (answer.status, items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(devices("ann:correct horse"), (200, ids(&["a1"])));
    assert_eq!(devices("Acme\\ann:correct horse"), (200, ids(&["a1"])));
    assert_eq!(devices("ACME\\ann:correct horse"), (200, ids(&["a1"])));
    assert_eq!(devices("default\\ann:correct horse"), (401, ids(&[])));
    assert_eq!(devices("root:battery staple"), (200, ids(&["l1"])));
    assert_eq!(devices("DEFAULT\\root:battery staple"), (200, ids(&["l1"])));
    assert_eq!(devices("acme\\root:battery staple"), (200, ids(&["a1"])));
    assert_eq!(devices(&format!("acme\\root:{}", world.admin)), (200, ids(&["a1"])));
    assert_eq!(devices("nobody\\root:battery staple"), (401, ids(&[])));
    let chosen = basic(&world, "acme\\root:battery staple", "GET", "/api/v1/devices?tenant=default");
    assert_eq!(chosen.json()["items"][0]["id"], "l1", "what the query says comes first");
}

#[test]
fn who_guesses_passwords_is_soon_refused_and_others_behind_the_same_address_are_not() {
    let world = World::new();
    world.operator("eve", None, Role::Observer);
    set_password(&world, "eve", "correct horse");
    set_password(&world, "root", "battery staple");
    assert_eq!(seen(&world, "eve:correct horse").0, 200);
    for _ in 0..60 {
        assert_eq!(seen(&world, "nobody:correct horse").0, 401);
    }
    refused(&basic(&world, "eve:a guess or two", "GET", "/api/v1/status"), 429, "too-many-failures");
    assert_eq!(seen(&world, "eve:correct horse").0, 200, "this one was proven before");
    assert_eq!(seen(&world, "root:battery staple").0, 429, "this one would have to be checked");
    assert_eq!(world.get("/api/v1/status").status, 200, "a token cannot be guessed");
}

#[test]
fn a_password_is_set_by_administrators_of_the_whole_server() {
    let world = World::new();
    let confined = world.operator("ann", Some("acme"), Role::Admin);
    let put = |token: &str, name: &str, body: Value| {
        let path = format!("/api/v1/operators/{name}/password");
        world.ask("PUT", &path, token, "application/json", body.to_string().as_bytes(), &[])
    };
    refused(&put(&confined, "ann", json!({"password": "correct horse"})), 403, "confined");
    refused(&put(&world.admin, "nobody", json!({"password": "correct horse"})), 404, "no-such-operator");
    refused(&put(&world.admin, "ann", json!({"password": "short"})), 422, "bad-password");
    refused(&put(&world.admin, "ann", json!({"password": "x".repeat(257)})), 422, "bad-password");
    refused(&put(&world.admin, "ann", json!({})), 400, "bad-json");
}

#[test]
fn tenants_are_made_listed_and_set() {
    let world = World::new();
    let made = world.post("/api/v1/tenants", json!({"id": "acme"}));
    let acme = json!({"id": "acme", "by": "root", "created": "T"});
    assert_eq!((made.status, made.plain_json()), (201, acme.clone()));
    refused(&world.post("/api/v1/tenants", json!({"id": "ACME"})), 409, "tenant-exists");
    refused(&world.post("/api/v1/tenants", json!({"id": "a/b"})), 400, "bad-name");
    let first = json!({"id": "default", "by": "system"});
    let listed = world.get("/api/v1/tenants?limit=1").plain_json();
    assert_eq!(listed, json!({"items": [acme.clone()], "next": "acme"}));
    assert_eq!(world.get("/api/v1/tenants?after=acme").plain_json(), json!({"items": [first]}));
    assert_eq!(world.get("/api/v1/tenants/acme").plain_json(), acme);
    refused(&world.get("/api/v1/tenants/other"), 404, "no-such-tenant");
    let patch = |body: Value| {
        let path = "/api/v1/tenants/acme/settings";
        world.admin("PATCH", path, "application/json", body.to_string().as_bytes())
    };
    let set = patch(json!({"pollingTime": "00:01:00", "authentication.gatewaytoken.key": "sesame"}));
    assert_eq!(set.status, 200, "{}", set.text());
    let shown = world.get("/api/v1/tenants/acme/settings").plain_json();
    assert_eq!(shown, set.plain_json());
    let polling = json!({"value": "00:01:00", "default": false, "by": "root", "changed": "T"});
    assert_eq!(shown["settings"]["pollingTime"], polling);
    assert_eq!(shown["settings"]["implicit.lock.enabled"], json!({"value": "true", "default": true}));
    refused(&patch(json!({"pollingTime": "soon"})), 422, "bad-setting");
    refused(&patch(json!({"polling": "00:01:00"})), 400, "unknown-setting");
    let reset = patch(json!({"pollingTime": null})).json();
    assert_eq!(reset["settings"]["pollingTime"], json!({"value": "", "default": true}));
    let observer = world.operator("eve", Some("acme"), Role::Observer);
    let answer = world.ask("GET", "/api/v1/tenants/acme/settings", &observer, "", b"", &[]);
    let key = &answer.json()["settings"]["authentication.gatewaytoken.key"];
    assert_eq!((&key["value"], &key["by"]), (&Value::Null, &json!("root")), "a secret is for administrators");
}

#[test]
fn to_a_confined_operator_other_tenants_are_not_there() {
    let world = World::new();
    let token = world.operator("ann", Some("acme"), Role::Admin);
    let ask = |method: &str, path: &str, body: &str| {
        world.ask(method, path, &token, "application/json", body.as_bytes(), &[])
    };
    let own = json!({"items": [{"id": "acme", "by": "system", "created": "T"}]});
    assert_eq!(ask("GET", "/api/v1/tenants", "").plain_json(), own);
    assert_eq!(ask("GET", "/api/v1/tenants/acme", "").status, 200);
    refused(&ask("GET", "/api/v1/tenants/default", ""), 404, "no-such-tenant");
    refused(&ask("GET", "/api/v1/tenants/default/settings", ""), 404, "no-such-tenant");
    refused(&ask("PATCH", "/api/v1/tenants/default/settings", "{}"), 404, "no-such-tenant");
    refused(&ask("POST", "/api/v1/tenants", r#"{"id": "mine"}"#), 403, "confined");
    assert_eq!(ask("PATCH", "/api/v1/tenants/acme/settings", "{}").status, 200);
}

#[test]
fn a_password_begins_a_session_as_the_token_does() {
    let world = World::new();
    let token = world.operator("eve", None, Role::Observer);
    set_password(&world, "eve", "correct horse");
    let login = |secret: &str| {
        let body = format!("username=eve&password={secret}&grant_type=password");
        let client = format!("Basic {}", STANDARD.encode("client:secret"));
        let form = "application/x-www-form-urlencoded";
        let headers = [("authorization", client.as_str())];
        world.ask("POST", "/oauth/token", "", form, body.as_bytes(), &headers)
    };
    for (secret, status) in [("correct+horse", 200), (&*token, 200), ("battery+staple", 400)] {
        let answer = login(secret);
        assert_eq!(answer.status, status, "{secret}: {}", answer.text());
        if status == 200 {
            let session = answer.json()["access_token"].as_str().unwrap().to_owned();
            assert_eq!(world.ask("GET", "/api/v1/status", &session, "", b"", &[]).status, 200);
        }
    }
}
