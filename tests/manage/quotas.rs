//! What is too much for one request, and what is not.

use serde_json::{Value, json};

use crate::support::Server;
use crate::wire::Request;

/// The status of the answer and its body.
fn send(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut request = Request::new(method, path);
    request.header("Authorization", &format!("Bearer {}", server.token()));
    request.header("Content-Type", "application/json");
    request.body = body.to_string().into_bytes();
    let answer = request.send(server.http());
    (answer.status(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

#[test]
fn five_thousand_targets_are_made_tagged_and_assigned_at_once_and_not_one_more() {
    let server = Server::start();
    let names: Vec<String> = (0..5001).map(|number| format!("lamp-{number:04}")).collect();
    let targets =
        |count: usize| -> Value { names[..count].iter().map(|name| json!({"controllerId": name})).collect() };
    let wishes = |count: usize| -> Value { names[..count].iter().map(|name| json!({"id": name})).collect() };
    let module = json!([{"name": "app", "version": "1", "type": "application"}]);
    let set = json!([{"name": "app", "version": "1", "type": "app", "modules": [{"id": 1}]}]);
    assert_eq!(send(&server, "POST", "/rest/v1/softwaremodules", &module).0, 201);
    assert_eq!(send(&server, "POST", "/rest/v1/distributionsets", &set).0, 201);
    assert_eq!(send(&server, "POST", "/rest/v1/targettags", &json!([{"name": "all"}])).0, 201);
    let named = |count: usize| json!(names[..count]);
    let calls = [
        ("POST", "/rest/v1/targets", [5000, 5001].map(targets), 201),
        ("PUT", "/rest/v1/targettags/1/assigned", [5000, 5001].map(named), 204),
        ("POST", "/rest/v1/distributionsets/1/assignedTargets", [5000, 5001].map(wishes), 200),
    ];
    for (method, path, [most, too_many], expected) in calls {
        let (status, refusal) = send(&server, method, path, &too_many);
        let code = &refusal["errorCode"];
        assert_eq!((status, code), (429, &json!("hawkbit.server.error.quota.tooManyEntries")), "{path}");
        let (status, answer) = send(&server, method, path, &most);
        assert_eq!(status, expected, "{path}");
        if path.ends_with("assignedTargets") {
            let counts = ["assigned", "alreadyAssigned", "total"].map(|count| answer[count].as_u64());
            assert_eq!(counts, [Some(5000), Some(0), Some(5000)]);
        }
    }
    for q in ["tag==all", "updateStatus==pending", "assignedDS.name==app"] {
        let path = format!("/rest/v1/targets?limit=500&offset=4990&sort=name:ASC&q={q}");
        let (status, page) = send(&server, "GET", &path, &Value::Null);
        assert_eq!((status, &page["total"], &page["size"]), (200, &json!(5000), &json!(10)), "{q}");
        assert_eq!(page["content"][9]["controllerId"], "lamp-4999");
    }
}
