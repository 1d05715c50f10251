//! The walk with mosquitto's command-line clients: the device's every word is a process of its own, and an operator
//! looks on with a wildcard.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

use super::support::{PATIENCE, Server};
use super::{action, entry, firmware, offer};

/// A device that knows nothing but mosquitto's clients.
struct Device<'a> {
    server: &'a Server,
    version: &'static str,
    id: &'a str,
    token: String,
}

impl Device<'_> {
    fn command(&self, program: &str, leaf: &str, payload: &str) -> Command {
        let mut command = Command::new(program);
        let port = self.server.mqtt().port().to_string();
        command.args(["-h", "127.0.0.1", "-p", &port, "-V", self.version, "-q", "1"]);
        command.args(["-i", self.id, "-u", self.id, "-P", &self.token]);
        command.args(["-t", &format!("ota/v1/default/d/{}/{leaf}", self.id), "-m", payload]);
        command
    }

    /// Publishes with QoS 1: the client ends when it has its PUBACK.
    fn say(&self, leaf: &str, payload: &str) {
        let output = self.command("mosquitto_pub", leaf, payload).output().unwrap();
        assert!(output.status.success(), "{leaf}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Subscribes, publishes, and returns the first thing that is said on `answer`.
    fn ask(&self, leaf: &str, payload: &str, answer: &str) -> Value {
        let mut command = self.command("mosquitto_rr", leaf, payload);
        command.args(["-W", "20", "-e", &format!("ota/v1/default/d/{}/{answer}", self.id)]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{leaf}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// An operator's `mosquitto_sub`, ended when dropped.
struct Observer {
    child: Child,
    lines: Receiver<String>,
}

impl Observer {
    fn start(server: &Server, version: &str, filter: &str) -> Observer {
        let made = server.client().post("operators", &json!({"name": "eye", "role": "observer"}));
        let token = made.body["token"].as_str().unwrap();
        let port = server.mqtt().port().to_string();
        // Its output is read while it runs, so it must not wait for a full buffer.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "mosquitto_sub"]);
        command.args(["-h", "127.0.0.1", "-p", &port, "-V", version, "-q", "1", "-i", "eye-1", "-d"]);
        command.args(["-u", "eye", "-P", token, "-t", filter, "-F", "=%t %p"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
        });
        let observer = Observer { child, lines };
        observer.wait(|line| line.starts_with("Subscribed").then_some(()));
        observer
    }

    fn wait<T>(&self, found: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("mosquitto_sub is still to say something");
            if let Some(found) = found(&line) {
                return found;
            }
        }
    }

    /// The next message: the topic after the device's name, and the payload.
    fn next(&self) -> (String, Value) {
        self.wait(|line| {
            let (topic, payload) = line.strip_prefix("=ota/v1/default/d/lamp/")?.split_once(' ')?;
            Some((topic.to_owned(), serde_json::from_str(payload).unwrap_or_else(|_| payload.into())))
        })
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check(version: &'static str) {
    let server = Server::start();
    offer(&server, "lamp", "1.0.1", &firmware(2, 9_999));
    let token = server.client().add_device("lamp", "lamp");
    let device = Device { server: &server, version, id: "lamp", token };
    let observer = Observer::start(&server, version, "ota/v1/default/d/lamp/#");
    // What the device says and what the operator sees of it, in order; `cmd` and `desired` among them.
    let mut said = Vec::new();
    let mut say = |leaf: &str, payload: &str| {
        device.say(leaf, payload);
        let value = serde_json::from_str(payload).unwrap_or_else(|_| payload.into());
        said.push((leaf.to_owned(), value));
    };
    say("attr/300", "bench 4");
    say("report", r#"{"seq":1,"v":{"3":"1.0.0"}}"#);
    let explained = device.ask("explain", r#"{"cid":"w"}"#, "resp");
    let verdict = &explained["accepted"][0];
    assert_eq!((&verdict["verdict"], &verdict["active"]["action"]), (&json!("action-active"), &json!(1)));
    let cid = device.ask("get", r#"{"cid":7}"#, "resp");
    assert_eq!(cid, json!({"cid": "7", "accepted": {}}));
    for (second, word, finished) in [(1, "proceeding", "none"), (2, "closed", "success")] {
        let status = json!({"execution": word, "result": {"finished": finished}});
        say("fb/1", &json!({"time": format!("20240511T12000{second}"), "status": status}).to_string());
    }
    say("attr/2003", "1.0.1");
    said.insert(2, ("get".into(), json!({"cid": 7})));
    let history = [
        entry("offered", "created", &[]),
        entry("accepted", "proceeding", &[]),
        entry("verifying", "closed: success", &[]),
        entry("succeeded", "reported", &[]),
    ];
    assert_eq!(action(&server, 1)["history"], json!(history), "MQTT {version}");
    check_observed(&observer, &said, version);
}

/// The operator sees each word of the device in its order, and what the server says to it besides.
fn check_observed(observer: &Observer, said: &[(String, Value)], version: &str) {
    let mut seen = Vec::new();
    let mut from_server = Vec::new();
    while seen.len() < said.len() || !from_server.contains(&"cmd deploy".to_owned()) {
        let (leaf, payload) = observer.next();
        match leaf.as_str() {
            "cmd" => from_server.push(format!("cmd {}", payload["cmd"].as_str().unwrap())),
            "desired" => from_server.push(format!("desired {}", payload["comps"].as_array().unwrap().len())),
            _ => seen.push((leaf, payload)),
        }
    }
    assert_eq!(seen, said, "MQTT {version}");
    from_server.dedup();
    assert!(from_server.contains(&"desired 1".to_owned()), "{from_server:?}");
}

#[test]
fn a_device_of_mosquitto_commands_is_updated_and_an_operator_sees_all_of_it() {
    check("mqttv311");
    check("mqttv5");
}
