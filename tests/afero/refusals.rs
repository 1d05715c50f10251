//! Who may do what, and bad input: always an object that the tools can read, and never a trace of what was refused.

use serde_json::{Value, json};

use crate::support::Server;
use crate::wire::Request;
use crate::world::{PARTNER, World, parsed};

#[test]
fn members_read_administrators_write_and_nobody_sees_another_partner() {
    let mut world = World::new();
    world.device("hub-1", "hub");
    let record = world.record("hub", "1.0.1");
    let other = json!({"name": "n", "type": 3, "version": "2", "url": ""});
    let reads = [
        format!("{PARTNER}/types"),
        format!("{PARTNER}/types/3"),
        format!("{PARTNER}/pool"),
        format!("{PARTNER}/pool/types/3"),
        format!("{PARTNER}/pool/types/3/names/app/versions/1.0.1/exists"),
        format!("{PARTNER}/pool/types/3/versionNumbers/1/associations"),
        format!("{PARTNER}/deviceTypes/hub/firmwareImages"),
        format!("{PARTNER}/deviceTypes/hub/firmwareImages/types/3"),
        format!("{PARTNER}/deviceTypes/hub/firmwareImages/types/3/versionNumbers/1"),
        format!("{PARTNER}/tags"),
        "/v1/accounts/default/devices".into(),
        "/v1/accounts/default/devices/hub-1".into(),
    ];
    let write = json!({"type": "attribute_write", "attrId": 7, "data": "41"});
    let writes: [(&str, String, Value, u16); 9] = [
        ("POST", format!("{PARTNER}/types"), json!({"name": "t", "type": 150}), 201),
        ("PUT", format!("{PARTNER}/types/150"), json!({"name": "u"}), 204),
        ("POST", format!("{PARTNER}/pool"), other.clone(), 201),
        ("PUT", format!("{PARTNER}/pool/types/3/versionNumbers/2"), other, 204),
        ("POST", format!("{PARTNER}/deviceTypes/lamp/firmwareImages"), record.clone(), 201),
        (
            "DELETE",
            format!("{PARTNER}/deviceTypes/lamp/firmwareImages/types/3/versionNumbers/1"),
            Value::Null,
            204,
        ),
        ("PUT", format!("{PARTNER}/deviceTypes/hub/firmwareImages/1/push"), json!({"value": "hub-1"}), 202),
        ("POST", "/v1/accounts/default/devices/hub-1/actions".into(), write, 200),
        ("POST", format!("{PARTNER}/binaries/moveToRepository"), json!({"value": "0"}), 404),
    ];
    let all = reads.iter().map(|path| ("GET", path, &Value::Null, 200));
    let all = all.chain(writes.iter().map(|(method, path, body, status)| (*method, path, body, *status)));
    for (method, path, body, done) in all {
        let reads = method == "GET";
        let table = [
            ("nobody", 401),
            ("ann", 404),
            ("eve", 404),
            ("hub-1", 403),
            ("watch", if reads { 200 } else { 403 }),
            ("root", done),
        ];
        for (who, expected) in table {
            let (status, body) = world.ask_as(who, method, path, body.clone());
            assert_eq!(status, expected, "{who} {method} {path}: {body}");
        }
    }
}

#[test]
fn a_tenants_own_operator_acts_there_and_shares_no_numbers_with_others() {
    let world = World::new();
    let new = json!({"name": "app", "type": 3, "version": "1", "url": ""});
    let (status, own) = world.ask_as("ann", "POST", "/v1/ota/partners/acme/pool", new.clone());
    assert_eq!((status, &own["partnerId"], &own["versionNumber"]), (201, &json!("acme"), &json!("1")));
    assert_eq!(world.ask_as("ann", "POST", "/v1/ota/partners/ACME/pool", new.clone()).0, 404);
    assert_eq!(world.ask_as("eve", "POST", "/v1/ota/partners/evil/pool", new).0, 403);
    assert_eq!(world.ask("GET", "/v1/ota/partners/nobody/types", Value::Null).0, 404);
    // A file of one partner is no file of another.
    let url = world.binary(b"bytes");
    let stolen = json!({"name": "app", "type": 3, "version": "2", "url": url});
    assert_eq!(world.ask_as("ann", "POST", "/v1/ota/partners/acme/pool", stolen).0, 400);
}

#[test]
fn bad_input_is_answered_with_the_right_code_and_an_object_that_can_be_read() {
    let mut world = World::new();
    world.device("hub-1", "hub");
    world.device("lamp-1", "lamp");
    let record = world.record("hub", "1.0.1");
    let pool = format!("{PARTNER}/pool");
    let types = format!("{PARTNER}/types");
    let images = format!("{PARTNER}/deviceTypes/hub/firmwareImages");
    let number = format!("{pool}/types/3/versionNumbers/1");
    let push = format!("{images}/1/push");
    let moves = format!("{PARTNER}/binaries/moveToRepository");
    let actions = "/v1/accounts/default/devices/hub-1/actions".to_owned();
    let with = |name: &str, value: Value| {
        let mut new = json!({"name": "n", "type": 3, "version": "9", "url": ""});
        new[name] = value;
        new
    };
    let sent_back = |name: &str, value: &str| {
        let mut back = record.clone();
        back[name] = value.into();
        back
    };
    let table: Vec<(&str, String, Value, u16)> = vec![
        ("GET", "/v1/ota/partners/default/nothing".into(), Value::Null, 404),
        ("GET", "/v1/ota/x".into(), Value::Null, 404),
        ("DELETE", types.clone(), Value::Null, 405),
        ("GET", push.clone(), Value::Null, 405),
        ("POST", types.clone(), json!({"name": "t", "type": 3}), 403),
        ("POST", types.clone(), json!({"name": "t", "type": 0}), 400),
        ("POST", types.clone(), json!({"name": "t", "type": 201}), 400),
        ("POST", types.clone(), json!({"name": "t", "type": -1}), 400),
        ("POST", types.clone(), json!({"name": "t", "type": 101.5}), 400),
        ("POST", types.clone(), json!({"name": "t"}), 400),
        ("POST", types.clone(), json!({"name": "", "type": 101}), 400),
        ("POST", types.clone(), json!({"name": "x".repeat(129), "type": 101}), 400),
        ("POST", types.clone(), json!([]), 400),
        ("PUT", format!("{types}/3"), json!({"name": "mine"}), 403),
        ("PUT", format!("{types}/150"), json!({"name": "mine"}), 404),
        ("GET", format!("{types}/150"), Value::Null, 404),
        ("GET", format!("{types}/201"), Value::Null, 400),
        ("GET", format!("{types}/03"), Value::Null, 400),
        ("POST", pool.clone(), with("name", Value::Null), 400),
        ("POST", pool.clone(), with("type", json!("x")), 400),
        ("POST", pool.clone(), with("type", json!(4)), 400),
        ("POST", pool.clone(), with("type", json!(150)), 404),
        ("POST", pool.clone(), with("version", json!("")), 400),
        ("POST", pool.clone(), with("version", json!("a b")), 400),
        ("POST", pool.clone(), with("url", json!("http://other.example/firmware.bin")), 400),
        ("POST", pool.clone(), with("url", json!("file:///artifacts/0")), 400),
        ("POST", pool.clone(), with("url", json!(format!("http://x/artifacts/{}", "0".repeat(64)))), 400),
        ("POST", pool.clone(), with("tags", json!("a")), 400),
        ("POST", pool.clone(), with("tags", json!(["a,b"])), 400),
        ("POST", pool.clone(), with("associations", json!({"acme": ["hub"]})), 403),
        ("POST", pool.clone(), json!({"name": "app", "type": 3, "version": "1.0.1", "url": ""}), 409),
        ("GET", format!("{pool}?page=-1"), Value::Null, 400),
        ("GET", format!("{pool}?size=0"), Value::Null, 400),
        ("GET", format!("{pool}?size=x"), Value::Null, 400),
        ("GET", format!("{pool}?sort=colour"), Value::Null, 400),
        ("GET", format!("{pool}?sort=name,up"), Value::Null, 400),
        ("GET", format!("{pool}?tags=%ff"), Value::Null, 400),
        ("GET", format!("{pool}/types/x"), Value::Null, 400),
        (
            "GET",
            format!("{pool}/types/3/names/a/versions/1/exists?excludeFirmwareImageId=x"),
            Value::Null,
            400,
        ),
        ("GET", format!("{pool}/types/3/versionNumbers/2/associations"), Value::Null, 404),
        ("PUT", format!("{pool}/types/3/versionNumbers/2"), record.clone(), 404),
        ("PUT", format!("{pool}/types/3/versionNumbers/-1"), record.clone(), 400),
        ("PUT", format!("{pool}/types/3/versionNumbers/99999999999999999999"), record.clone(), 400),
        ("PUT", number.clone(), json!({"name": "app"}), 400),
        ("POST", images.clone(), record.clone(), 409),
        ("POST", images.clone(), json!({"type": 3}), 400),
        ("POST", images.clone(), sent_back("versionNumber", "77"), 404),
        ("POST", images.replace("hub", "lamp"), sent_back("name", "other"), 400),
        ("POST", images.replace("hub", "lamp"), sent_back("url", ""), 400),
        ("POST", images.replace("hub", "%2e%2e"), record.clone(), 404),
        ("GET", format!("{images}/types/3/versionNumbers/2"), Value::Null, 404),
        ("GET", format!("{}/types/3/versionNumbers/1", images.replace("hub", "lamp")), Value::Null, 404),
        ("DELETE", format!("{images}/types/3/versionNumbers/2"), Value::Null, 404),
        ("PUT", push.clone(), json!({"value": "nobody"}), 404),
        ("PUT", push.clone(), json!({"value": "../x"}), 404),
        ("PUT", push.clone(), json!({"value": "lamp-1"}), 409),
        ("PUT", push.clone(), json!({"value": 7}), 400),
        ("PUT", push.clone(), json!({}), 400),
        ("PUT", push.replace("/1/", "/2/"), json!({"value": "hub-1"}), 404),
        ("PUT", push.replace("/1/", "/x/"), json!({"value": "hub-1"}), 400),
        ("POST", moves.clone(), json!({"value": "0".repeat(64)}), 404),
        ("POST", moves.clone(), json!({"value": "../../etc/passwd"}), 404),
        ("POST", moves, json!({"value": null}), 400),
        ("GET", "/v1/accounts/default/devices/nobody".into(), Value::Null, 404),
        ("GET", "/v1/accounts/default/devices?size=0".into(), Value::Null, 400),
        ("POST", actions.clone(), json!({"type": "explode", "attrId": 1}), 400),
        ("POST", actions.clone(), json!({"type": "attribute_write", "attrId": 1}), 400),
        ("POST", actions.clone(), json!({"type": "attribute_write", "attrId": 0, "data": "00"}), 400),
        ("POST", actions.clone(), json!({"type": "attribute_write", "attrId": 65536, "data": "00"}), 400),
        ("POST", actions.clone(), json!({"type": "attribute_write", "attrId": 1, "data": "0"}), 400),
        ("POST", actions.clone(), json!({"type": "attribute_write", "attrId": 1, "data": "zz"}), 400),
        ("POST", actions.clone(), json!({"type": "attribute_write", "attrId": 2003, "data": ""}), 400),
        (
            "POST",
            actions.clone(),
            json!({"type": "attribute_write", "attrId": 2003, "data": "ff".repeat(8)}),
            400,
        ),
        (
            "POST",
            actions.clone(),
            json!({"type": "attribute_write", "attrId": 2003, "data": "00".repeat(9)}),
            400,
        ),
        ("POST", actions.replace("hub-1", "no"), json!({"type": "attribute_read", "attrId": 1}), 404),
    ];
    for (method, path, body, expected) in table {
        let (status, answer) = world.ask(method, &path, body.clone());
        assert_eq!(status, expected, "{method} {path} {body}: {answer}");
    }
    let (_, pool) = world.ask("GET", &pool, Value::Null);
    assert_eq!((&pool["totalElements"], &pool["content"][0]["name"]), (&json!(1), &json!("app")));
}

#[test]
fn bodies_that_are_none_leave_nothing_behind() {
    let world = World::new();
    let send = |path: &str, media: &str, body: &[u8]| {
        let mut request = Request::new("POST", &format!("{PARTNER}/{path}"));
        request.header("Authorization", &format!("Bearer {}", world.tokens["root"]));
        if !media.is_empty() {
            request.header("Content-Type", media);
        }
        request.body = body.to_vec();
        let (status, body) = parsed(&request.send(world.server.http()));
        (status, body["error"].as_str().unwrap_or_default().to_owned())
    };
    let form = "multipart/form-data; boundary=b";
    let no_file = b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b--\r\n";
    let cut = b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n12345";
    let table: [(&str, &str, &[u8], u16); 11] = [
        ("pool", "application/json", b"{\"name\"", 400),
        ("pool", "application/json", b"\xff\xfe", 400),
        ("pool", "application/json", &[b'['; 5000], 400),
        ("pool", "application/json", b"", 400),
        ("pool", "text/plain", b"{}", 415),
        ("pool", "application/json", &[b' '; 70_000], 413),
        ("binaries", "application/octet-stream", b"", 400),
        ("binaries", "application/json", b"{}", 415),
        ("binaries", form, no_file, 400),
        ("binaries", form, cut, 400),
        ("binaries", "multipart/form-data", cut, 400),
    ];
    for (path, media, body, expected) in table {
        let (status, error) = send(path, media, body);
        assert_eq!(status, expected, "{path} {media} {:?}: {error}", String::from_utf8_lossy(body));
    }
    let files = |folder: &std::path::Path| std::fs::read_dir(folder).map_or(0, Iterator::count);
    let artifacts = world.server.data().join("artifacts");
    assert_eq!((files(&artifacts), files(&artifacts.join("tmp"))), (1, 0));
}

/// Asks for a session.
pub fn login(world: &World, user: &str, password: &str, form: &str, basic: &str) -> (u16, Value) {
    let mut request = Request::new("POST", "/oauth/token");
    if !basic.is_empty() {
        request.header("Authorization", &format!("Basic {basic}"));
    }
    request.header("Content-Type", "application/x-www-form-urlencoded");
    request.body = format!("username={user}&password={password}&grant_type={form}").into_bytes();
    parsed(&request.send(world.server.http()))
}

#[test]
fn only_the_client_that_is_configured_may_begin_sessions() {
    let world = World::on(Server::with(&[], &[("UPDRAFT_HTTP_OAUTH_CLIENT", "id:secret")]));
    let token = &world.tokens["ann"];
    // `id:secret`, `id:other`
    let table = [("aWQ6c2VjcmV0", 200), ("aWQ6b3RoZXI=", 401)];
    for (basic, expected) in table {
        assert_eq!(login(&world, "ann", token, "password", basic).0, expected, "{basic}");
    }
}

#[test]
fn a_session_ends_with_the_token_that_it_began_with_and_begets_no_other() {
    let world = World::new();
    let client = world.server.client();
    let login =
        |user: &str, password: &str, form: &str, basic: &str| login(&world, user, password, form, basic);
    // `id:secret`
    let basic = "aWQ6c2VjcmV0";
    let token = world.tokens["ann"].clone();
    let (status, session) = login("ann", &token, "password", basic);
    assert_eq!(
        (status, &session["token_type"], &session["expires_in"]),
        (200, &json!("bearer"), &json!(16086))
    );
    let session = session["access_token"].as_str().unwrap().to_owned();
    let refused = |(status, body): (u16, Value)| (status, body["error"].as_str().unwrap().to_owned());
    let table = [
        (login("ann", &session, "password", basic), 400, "invalid_grant"),
        (login("eve", &token, "password", basic), 400, "invalid_grant"),
        (login("nobody", &token, "password", basic), 400, "invalid_grant"),
        (login("ann", &token, "client_credentials", basic), 400, "unsupported_grant_type"),
        (login("ann&username=eve", &token, "password", basic), 400, "invalid_request"),
        (login("ann", &token, "password", ""), 401, "invalid_client"),
        (login("ann", &token, "password", "%%%"), 401, "invalid_client"),
    ];
    for (answer, status, error) in table {
        assert_eq!(refused(answer), (status, error.to_owned()));
    }
    let me = |token: &str| {
        let mut request = Request::new("GET", "/v1/users/me");
        request.header("Authorization", &format!("Bearer {token}"));
        parsed(&request.send(world.server.http()))
    };
    let (status, person) = me(&session);
    assert_eq!((status, &person["userId"]), (200, &json!("ann")));
    assert_eq!(person["partnerAccess"][0]["partner"]["partnerId"], json!("acme"));
    // A session is taken wherever the operator's token is.
    assert_eq!(crate::support::Client::new(world.server.http(), &session).get("devices").status, 200);
    // A password does what the token does; it ends what was begun before it.
    let set = json!({"password": "correct horse"});
    assert_eq!(world.ask("PUT", "/api/v1/operators/ann/password", set).0, 204);
    assert_eq!(me(&session).0, 401);
    let (status, session) = login("ann", "correct+horse", "password", basic);
    assert_eq!(status, 200, "{session}");
    let session = session["access_token"].as_str().unwrap();
    assert_eq!(me(session).0, 200);
    assert_eq!(client.delete("operators/ann").status, 204);
    assert_eq!(me(session).0, 401);
}
