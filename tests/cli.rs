//! The program as its users meet it: it starts, says where it is, obeys its operator, and ends when told to.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{Answer, Server, ends, updraft};

/// The exit code, the standard output and the standard error of a command.
fn all(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A file of firmware in the server's home.
fn firmware(server: &Server, name: &str, bytes: &[u8]) -> String {
    let path = server.home().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

/// The JSON without the moments and tokens, which differ from run to run.
fn steady(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.retain(|name, _| !["created", "changed", "at", "token"].contains(&name.as_str()));
            members.values_mut().for_each(|member| *member = steady(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = steady(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

#[test]
fn an_operator_walks_from_a_new_device_to_a_cancelled_update() {
    let server = Server::start();
    let added = server.json(&["device", "add", "lamp-1", "--product", "lamp"]);
    let device = json!({
        "id": "lamp-1", "product": "lamp", "types": [], "versions": {}, "attributes": {}, "online": false,
        "active": {},
    });
    assert_eq!(added["device"].as_object().map(|_| steady(added["device"].clone())), Some(device));
    assert_eq!(added["token"].as_str().map(str::len), Some(32));

    let file = firmware(&server, "lamp.bin", b"the new lamp");
    let pushed = server.json(&["image", "push", &file, "--product", "lamp", "--version", "1.0.1"]);
    let image = json!({
        "id": 1, "product": "lamp", "type": 3, "number": "1", "version": "1.0.1",
        "artifacts": [{
            "id": 1001, "name": "lamp.bin", "size": 12, "sha256": true, "sha1": true, "md5": true,
        }],
        "rules": {"compatible": [], "hardware": []},
    });
    assert_eq!(sums_as_flags(steady(pushed)), image);

    let offered = server.prints(&["offer", "1", "--compatible", "0.x", "--hardware", "esp32-c3:B"]);
    assert_eq!(offered, "image 1 is offered to product lamp, type 3; conditions: from 0.x, on esp32-c3:B\n");
    let explained = server.prints(&["explain", "lamp-1", "--type", "3"]);
    let verdict = "lamp-1, type 3: no, the device has not reported a version of this type";
    assert_eq!(explained.lines().next(), Some(verdict));

    let deployed = server.prints(&["deploy", "--image", "1", "lamp-1"]);
    assert_eq!(
        deployed,
        "deployment 1: image 1 to 1 device. Follow it with `updraft watch 1`, look at it with `updraft deployment show 1`\n"
    );
    let explained = server.prints(&["explain", "lamp-1", "--type", "3"]);
    let verdict = "lamp-1, type 3: on its way: action 1 brings 1.0.1#1 (queued)";
    assert_eq!(explained.lines().next(), Some(verdict));
    let listed = server.json(&["action", "list", "--device", "lamp-1"]);
    let action = json!({
        "id": 1, "device": "lamp-1", "target": {"image": 1},
        "components": [{"type": 3, "image": 1, "number": "1", "version": "1.0.1"}],
        "origin": {"deployment": 1}, "state": "queued", "done": false, "warning": false, "cancelling": false,
        "attempt": 1,
    });
    assert_eq!(steady(listed), json!({"items": [&action]}));

    let shown = server.json(&["deployment", "show", "1"]);
    let counters =
        json!({"pending": 0, "active": 1, "succeeded": 0, "failed": 0, "cancelled": 0, "total": 1});
    let deployment = json!({
        "id": 1, "target": {"image": 1}, "allow_downgrade": false, "counters": counters, "done": false,
    });
    assert_eq!(steady(shown), json!({"deployment": deployment, "actions": [action]}));

    let cancelled = server.prints(&["action", "cancel", "1", "--force"]);
    assert_eq!(cancelled, "action 1 of lamp-1: cancelled\n");
    let watched = server.prints(&["watch", "1"]);
    assert_eq!(watched, "deployment 1 (image 1): 1 cancelled of 1\n");
}

#[test]
fn deployments_are_listed_and_shown_with_their_own_actions() {
    let server = Server::start();
    let client = server.client();
    for id in ["lamp-1", "lamp-2"] {
        client.add_device(id, "lamp");
    }
    assert_eq!(client.upload("lamp", "1.0.1", b"new").status, 201);
    server.prints(&["deploy", "--image", "1", "lamp-1", "lamp-2"]);
    server.prints(&["action", "cancel", "1", "--force"]);
    server.prints(&["deploy", "--image", "1", "lamp-1"]);
    // The moments differ from run to run: they are the last column, and the last pair.
    let table = |text: &str| -> Vec<Vec<String>> {
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
        let cut = |mut row: Vec<String>| {
            row.truncate(row.len() - usize::from(row.last().is_some_and(|word| word.ends_with('Z'))));
            row
        };
        text.lines().map(|line| cut(words(line))).collect()
    };
    let rows = [
        "DEPLOYMENT TARGET PENDING ACTIVE SUCCEEDED FAILED CANCELLED OF CREATED",
        "2 image 1 0 1 0 0 0 1",
        "1 image 1 0 1 0 0 1 2",
    ];
    assert_eq!(table(&server.prints(&["deployment", "list"])), table(&rows.join("\n")));
    let rows = [
        "deployment 1",
        "target image 1",
        "downgrade no",
        "devices 1 active, 1 cancelled of 2",
        "created",
        "",
        "ACTION DEVICE STATE CHANGED",
        "2 lamp-2 queued",
        "1 lamp-1 cancelled",
    ];
    assert_eq!(table(&server.prints(&["deployment", "show", "1"])), table(&rows.join("\n")));
}

/// The lines of the first session in a document, each with what it prints where that is shown.
fn session(document: &str) -> Vec<(Vec<String>, String)> {
    let text = std::fs::read_to_string(document).unwrap();
    let block = text.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut lines: Vec<(Vec<String>, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ updraft "), lines.last_mut()) {
            (Some(command), _) => {
                lines.push((command.split(' ').map(str::to_owned).collect(), String::new()));
            }
            (None, Some((_, printed))) => *printed += &format!("{line}\n"),
            (None, None) => panic!("{line}"),
        }
    }
    lines
}

#[test]
fn the_session_of_the_document_on_rollouts_runs() {
    let server = Server::start();
    let client = server.client();
    for number in 0..10 {
        client.add_device(&format!("lamp-{number}"), "lamp");
    }
    assert_eq!(client.upload("lamp", "1.0.1", b"new").status, 201);
    let lines = session(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ROLLOUTS.md"));
    assert!(lines.len() > 6, "{lines:?}");
    for (words, expected) in lines {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let printed = server.prints(&words);
        assert!(expected.is_empty() || printed == expected, "{words:?}: {printed}");
        support::eventually("the rollout is on no way", || {
            let shown = server.json(&["rollout", "show", "1"]);
            let (status, active) =
                (shown["status"].as_str()?.to_owned(), shown["devices"]["active"].as_u64()?);
            (!["creating", "stopping"].contains(&&*status) && (status != "running" || active > 0))
                .then_some(())
        });
    }
    let shown = server.prints(&["rollout", "show", "1"]);
    assert!(shown.contains(&"-".repeat(40)) && shown.contains("1 cancelled of 1"), "{shown}");
    let listed = server.prints(&["rollout", "list"]);
    let rows: Vec<&str> = listed.lines().collect();
    assert!(
        rows[0].starts_with("ROLLOUT  NAME") && rows[1].starts_with("2        spring (retry 1)"),
        "{listed}"
    );
    let devices = server.json(&["rollout", "devices", "2"]);
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "{devices}");
}

#[test]
fn a_rollout_comes_from_a_file_with_flags_before_it_and_is_watched_to_its_end() {
    let server = Server::start();
    let client = server.client();
    client.add_device("lamp-1", "lamp");
    assert_eq!(client.upload("lamp", "1.0.1", b"new").status, 201);
    let body =
        json!({"name": "spring", "image": 1, "product": "lamp", "wave_count": 2, "retries": {"limit": 2}});
    let file = firmware(&server, "rollout.json", body.to_string().as_bytes());
    let made =
        server.json(&["rollout", "create", "--file", &file, "--retries", "1", "--backoff", "2m", "--start"]);
    assert_eq!((&made["name"], &made["retries"]), (&json!("spring"), &json!({"limit": 1, "backoff_s": 120})));
    let timeouts = json!({"first_sign_s": 86_400, "step_s": 3600, "total_s": 604_800});
    assert_eq!(made["timeouts"], timeouts);
    support::eventually("the device has its action", || {
        (server.json(&["rollout", "show", "1"])["devices"]["active"] == 1).then_some(())
    });
    server.prints(&["rollout", "stop", "1", "--ending", "force"]);
    let (code, watched, _) = all(&server.updraft(&["rollout", "show", "1", "--watch"]));
    assert_eq!(code, Some(1), "{watched}");
    let last = watched.lines().last().unwrap().to_owned();
    assert!(
        last.starts_with("rollout 1, spring: stopped (") && last.ends_with("1 cancelled of 1"),
        "{watched}"
    );
    let bad = firmware(&server, "bad.json", b"{\"colour\": 1}");
    let (code, _, said) = all(&server.updraft(&["rollout", "create", "--file", &bad]));
    assert!(code == Some(2) && said.contains("is no rollout: unknown field `colour`"), "{said}");
    let refused =
        server.updraft(&["rollout", "create", "x", "--image", "1", "--product", "lamp", "--percent", "0"]);
    let text = "updraft: the rollout cannot be made: percent: is nothing: no device would be selected\n";
    assert_eq!(all(&refused), (Some(1), String::new(), text.into()));
}

/// The sums are the HTTP door's to test; here only whether they are there.
fn sums_as_flags(mut image: Value) -> Value {
    for file in image["artifacts"].as_array_mut().into_iter().flatten() {
        for sum in ["sha256", "sha1", "md5"] {
            file[sum] = json!(file[sum].is_string());
        }
    }
    image
}

#[test]
fn lists_are_aligned_and_follow_every_page() {
    let server = Server::start();
    let client = server.client();
    for number in 0..601 {
        client.add_device(&format!("lamp-{number:04}"), "lamp");
    }
    client.add_device("a-much-longer-name", "kettle");
    let text = server.prints(&["device", "list"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 602);
    assert_eq!(lines[0], "DEVICE              PRODUCT  ONLINE  VERSIONS  UNDER WAY  LAST SEEN");
    assert_eq!(lines[1], "a-much-longer-name  kettle   no                           never");
    assert_eq!(lines[602], "lamp-0600           lamp     no                           never");
    let kettles = server.json(&["device", "list", "--product", "kettle"]);
    assert_eq!(kettles["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn devices_of_a_deployment_come_from_a_file_or_from_the_standard_input() {
    let server = Server::start();
    let client = server.client();
    for id in ["lamp-1", "lamp-2", "lamp-3"] {
        client.add_device(id, "lamp");
    }
    assert_eq!(client.upload("lamp", "1.0.1", b"new").status, 201);
    let list = firmware(&server, "list.txt", b"lamp-1\n# not this one\nlamp-2\n");
    let from_file = server.json(&["deploy", "--image", "1", "--devices-from", &list, "lamp-3"]);
    assert_eq!(from_file["counters"]["total"], json!(3));

    let mut command = updraft();
    command.args(["deploy", "--image", "1", "--devices-from", "-", "--json", "--data"]).arg(server.data());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"lamp-2\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&made["id"], &made["counters"]["total"]), (&json!(2), &json!(1)));
}

#[test]
fn refusals_say_what_to_do_and_have_their_own_exit_codes() {
    let server = Server::start();
    let data = server.data().display().to_string();
    let nobody = server.home().join("nobody").display().to_string();
    let refused = server.updraft(&["device", "show", "lamp-1"]);
    assert_eq!(all(&refused), (Some(1), String::new(), "updraft: there is no device lamp-1\n".into()));

    let usage = server.updraft(&["device", "add", "lamp-1"]);
    assert_eq!(usage.status.code(), Some(2));
    let missing = server.updraft(&["image", "push", "/nowhere", "--product", "p", "--version", "1"]);
    let text = "updraft: cannot read /nowhere: No such file or directory (os error 2)\n";
    assert_eq!(all(&missing), (Some(2), String::new(), text.into()));

    let unreachable = updraft().args(["status", "--data", &nobody]).output().unwrap();
    let text = format!(
        "updraft: no server is serving the folder {nobody}. Start one with `updraft serve --data {nobody}`, or \
         name another with --data DIR or --server URL\n"
    );
    assert_eq!(all(&unreachable), (Some(3), String::new(), text));

    let bare = updraft().args(["status", "--data", &data, "--server", "127.0.0.1:8080"]).output().unwrap();
    let text = "updraft: the server 127.0.0.1:8080 needs http:// or https:// in front, such as \
                http://127.0.0.1:8080\n";
    assert_eq!(all(&bare), (Some(2), String::new(), text.into()));

    let torn = updraft().args(["status", "--data", &data]).env("UPDRAFT_TOKEN", "a\nb").output().unwrap();
    let text = "updraft: the token from UPDRAFT_TOKEN has blanks, control or other characters that no token has; \
                was it copied whole?\n";
    assert_eq!(all(&torn), (Some(2), String::new(), text.into()));
    for words in [&["--bogus"][..], &["bogus"]] {
        assert_eq!(ends(updraft().args(words)).status.code(), Some(2), "{words:?}");
    }

    let wrong = updraft().args(["status", "--data", &data]).env("UPDRAFT_TOKEN", "wrong").output().unwrap();
    let text = "updraft: the server does not know this token, which came from UPDRAFT_TOKEN. Set UPDRAFT_TOKEN to \
                one that it knows\n";
    assert_eq!(all(&wrong), (Some(1), String::new(), text.into()));
}

#[test]
fn an_upload_that_is_too_large_is_refused_before_it_is_sent() {
    let server = Server::with(&[], &[("UPDRAFT_HTTP_UPLOAD_BYTES", "1000")]);
    let file = firmware(&server, "large.bin", &[0; 2000]);
    let refused = server.updraft(&["image", "push", &file, "--product", "lamp", "--version", "1"]);
    let (code, out, error) = all(&refused);
    assert_eq!((code, out), (Some(2), String::new()));
    assert!(
        error.ends_with("is more than the server takes, 1000 bytes (upload_bytes in [http])\n"),
        "{error}"
    );
    assert_eq!(server.json(&["image", "list"]), json!({"items": []}));
}

#[test]
fn watching_ends_with_1_when_something_failed() {
    let server = Server::start();
    let file = firmware(&server, "lamp.bin", b"for another board");
    server.client().add_device("lamp-1", "lamp");
    server.prints(&["image", "push", &file, "--product", "lamp", "--version", "1", "--hardware", "esp32"]);
    server.prints(&["deploy", "--image", "1", "lamp-1"]);
    let watched = server.updraft(&["watch", "1"]);
    assert_eq!(all(&watched), (Some(1), "deployment 1 (image 1): 1 failed of 1\n".into(), String::new()));
}

#[test]
fn the_help_names_what_the_environment_says() {
    let help = ends(updraft().arg("--help"));
    let text = String::from_utf8(help.stdout).unwrap();
    for name in ["UPDRAFT_SERVER", "UPDRAFT_TOKEN"] {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn watching_nothing_says_so_in_text_and_in_json() {
    let server = Server::start();
    assert_eq!(server.prints(&["watch"]), "no deployment is under way\n");
    assert_eq!(server.json(&["watch"]), json!({"items": []}));
}

#[test]
fn watching_outlives_a_restart_of_the_server() {
    let mut server = Server::start();
    server.client().add_device("lamp-1", "lamp");
    assert_eq!(server.client().upload("lamp", "1.0.1", b"new").status, 201);
    server.prints(&["deploy", "--image", "1", "lamp-1"]);
    let mut command = updraft();
    command.args(["watch", "1", "--data"]).arg(server.data());
    let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut error) =
        (BufReader::new(watch.stdout.take().unwrap()), BufReader::new(watch.stderr.take().unwrap()));
    let mut said = String::new();
    out.read_line(&mut said).unwrap();
    let address = server.http();
    server.kill9();
    let mut lost = String::new();
    error.read_line(&mut lost).unwrap();
    let start = format!("updraft: cannot reach http://{address}: ");
    assert!(lost.starts_with(&start) && lost.ends_with("; trying for 30 s\n"), "{lost}");
    let mut command = server.command("127.0.0.1:0", &address.to_string());
    let mut again = command.stderr(Stdio::null()).spawn().unwrap();
    BufReader::new(again.stdout.take().unwrap()).read_line(&mut lost).unwrap();
    server.prints(&["action", "cancel", "1", "--force"]);
    out.read_to_string(&mut said).unwrap();
    let expected = "deployment 1 (image 1): 1 active of 1\ndeployment 1 (image 1): 1 cancelled of 1\n";
    assert_eq!((watch.wait().unwrap().code(), said.as_str()), (Some(0), expected));
    let mut rest = String::new();
    error.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn a_reader_that_has_read_enough_ends_a_command_in_silence() {
    let server = Server::start();
    let mut command = updraft();
    command.args(["device", "list", "--data"]).arg(server.data());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(all(&output), (Some(0), String::new(), String::new()));
}

#[test]
fn the_local_token_is_not_sent_to_another_server() {
    let (own, other) = (Server::start(), Server::start());
    let url = format!("http://{}", other.http());
    let output = own.updraft(&["status", "--server", &url]);
    let text = format!(
        "updraft: no token for {url}: set UPDRAFT_TOKEN to the token of an operator of that server\n"
    );
    assert_eq!(all(&output), (Some(1), String::new(), text));
}

#[test]
fn an_observer_reads_and_changes_nothing() {
    let server = Server::start();
    let made = server.json(&["operator", "add", "eve", "--for-tenant", "acme"]);
    assert_eq!(
        steady(made.clone()),
        json!({"operator": {"name": "eve", "tenant": "acme", "role": "observer"}})
    );
    let eve = support::Client::new(server.http(), made["token"].as_str().unwrap());
    assert_eq!(eve.get("devices"), Answer { status: 200, body: json!({"items": []}) });
    assert_eq!(eve.post("devices", &json!({"id": "a", "product": "b"})).status, 403);
    server.prints(&["operator", "rm", "eve"]);
    assert_eq!(eve.get("devices").status, 401);
}

#[test]
fn an_operator_gets_a_password_from_the_standard_input_and_loses_it_again() {
    let server = Server::start();
    server.json(&["operator", "add", "eve"]);
    let set = |password: &[u8]| {
        let mut command = updraft();
        command.args(["operator", "password", "eve", "--data"]).arg(server.data());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(password).unwrap();
        all(&child.wait_with_output().unwrap())
    };
    let short = "updraft: a password has 8 to 256 bytes (password)\n";
    assert_eq!(set(b"short\n"), (Some(1), String::new(), short.into()));
    assert_eq!(set(b"correct horse\n"), (Some(0), "operator eve has a new password\n".into(), String::new()));
    let asks = |password: &str| {
        let url = format!("http://{}/api/v1/status", server.http());
        let header = format!("Basic {}", STANDARD.encode(format!("eve:{password}")));
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.get(&url).header("authorization", header).call().unwrap().status().as_u16()
    };
    assert_eq!((asks("correct horse"), asks("correct horse\n")), (200, 401));
    let removed = server.prints(&["operator", "password", "eve", "--remove"]);
    assert_eq!((removed.as_str(), asks("correct horse")), ("operator eve has no password any more\n", 401));
}

#[test]
fn tenants_are_made_set_and_shown() {
    let server = Server::start();
    assert_eq!(server.prints(&["tenant", "add", "acme"]), "tenant acme is made\n");
    let listed = server.json(&["tenant", "list"]);
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|tenant| &tenant["id"]).collect();
    assert_eq!(names, [&json!("acme"), &json!("default")]);
    let set = ["tenant", "set", "acme", "pollingTime=00:01:00", "authentication.header.authority=a=b"];
    assert_eq!(server.prints(&set), "tenant acme is set\n");
    let shown = server.json(&["tenant", "show", "acme"])["settings"].clone();
    let values = ["pollingTime", "authentication.header.authority"].map(|key| shown[key]["value"].clone());
    assert_eq!(values, [json!("00:01:00"), json!("a=b")]);
    server.prints(&["tenant", "set", "acme", "--reset", "pollingTime"]);
    let shown = server.prints(&["tenant", "show", "acme"]);
    assert!(shown.contains("implicit.lock.enabled") && !shown.contains("00:01:00"), "{shown}");
    let refused = server.updraft(&["tenant", "set", "acme", "pollingTime=soon"]);
    let text = "updraft: setting pollingTime does not take \"soon\"\n";
    assert_eq!(all(&refused), (Some(1), String::new(), text.into()));
}

#[test]
fn a_second_server_on_the_folder_is_refused_by_name() {
    let server = Server::start();
    let second = ends(&mut server.command("127.0.0.1:0", "127.0.0.1:0"));
    let (code, out, error) = all(&second);
    let last = format!(
        "updraft: the folder {} is in use by another updraft (process {}, mqtt {}, http {}); stop it, or serve \
         another folder with --data DIR (exit code 73)",
        server.data().display(),
        server.pid(),
        server.mqtt(),
        server.http()
    );
    assert_eq!((code, out, error.lines().last()), (Some(73), String::new(), Some(last.as_str())));
}

#[test]
fn an_address_that_is_taken_and_a_wrong_configuration_have_their_own_exit_codes() {
    let (taken, other) = (Server::start(), Server::start());
    let mut second = updraft();
    let folder = other.home().join("second");
    second.arg("serve").arg("--data").arg(&folder).args(["--mqtt", &taken.mqtt().to_string()]);
    assert_eq!(ends(second.args(["--http", "127.0.0.1:0"])).status.code(), Some(69));
    // A token that nobody was shown was not made either.
    assert!(!folder.join("admin-token").exists());

    let output = ends(updraft().args(["serve", "--mqtt", "0.0.0.0:0"]));
    let (code, _, error) = all(&output);
    assert_eq!(code, Some(64));
    assert!(
        error.starts_with("updraft: mqtt.listen = 0.0.0.0:0 (flag --mqtt) is reachable from outside"),
        "{error}"
    );
    assert_eq!(ends(updraft().args(["serve", "--nonsense"])).status.code(), Some(64));
}

#[test]
fn the_token_is_private_printed_once_and_made_anew_when_its_file_is_gone() {
    let mut server = Server::start();
    let mode = |name: &str| std::fs::metadata(server.data().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("admin-token")), (0o700, 0o600));
    let first = server.token();
    // The log comes through another pipe than `ready`, and perhaps after it.
    support::eventually("the token in the log", || server.log().contains(&first).then_some(()));
    assert!(server.log().contains("This folder is new."), "{}", server.log());
    server.client().add_device("lamp-1", "lamp");

    server.restart();
    assert_eq!(server.token(), first);
    assert!(!server.log().contains(&first), "{}", server.log());

    std::fs::remove_file(server.data().join("admin-token")).unwrap();
    server.restart();
    let second = server.token();
    assert_ne!(second, first);
    support::eventually("the second token in the log", || server.log().contains(&second).then_some(()));
    assert!(!server.log().contains("This folder is new."), "{}", server.log());
    assert_eq!(support::Client::new(server.http(), &first).get("status").status, 401);
    assert_eq!(server.client().get("status").body["operator"], json!("admin"));
}

#[test]
fn sigterm_ends_the_server_well_and_what_it_acknowledged_is_there_after_any_end() {
    let mut server = Server::start();
    server.client().add_device("before-the-end", "lamp");
    assert_eq!(server.terminate().code(), Some(0));
    assert!(!server.data().join("server.json").exists());
    server.resume();
    server.client().add_device("before-the-crash", "lamp");
    assert_eq!(server.kill9().code(), None);
    server.resume();
    let page = server.client().get("devices").body;
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|device| device["id"].clone()).collect();
    assert_eq!(ids, [json!("before-the-crash"), json!("before-the-end")]);
}
