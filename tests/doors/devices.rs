//! A device for each door, which does what its kind does in the field and nothing else.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use updraft::mqtt::packet::{ReasonCode, Version};

use crate::mqtt::{Mqtt, topic};
use crate::world::{NEW, OLD, PRODUCT, World, content, parsed};

/// Fetches a file with a device's token, as it is named in `desired` and in records.
fn fetch(world: &World, url: &str, token: &str) -> String {
    let path = url.find("/artifacts/").map(|at| &url[at..]).unwrap_or_else(|| panic!("no artifact: {url}"));
    assert_eq!(world.send("GET", path, &[], b"").status(), 401, "{path}");
    let answer = world.send("GET", path, &[("Authorization", &format!("Bearer {token}"))], b"");
    assert_eq!(answer.status(), 200, "{path}");
    String::from_utf8(answer.body).unwrap()
}

/// A device of the contract in `topics.md`.
pub struct Native {
    id: &'static str,
    token: String,
    line: Mqtt,
}

impl Native {
    /// Registers a device, which connects and says what it runs.
    pub fn born(world: &World, id: &'static str) -> Native {
        let token = world.server.client().add_device(id, PRODUCT);
        Native::with(world, id, token)
    }

    /// A device that has a token already.
    pub fn with(world: &World, id: &'static str, token: String) -> Native {
        let mut line = Mqtt::device(world.server.mqtt(), Version::V5, id, &token);
        let hello = json!({"seq": 1, "boot": "b1", "product": PRODUCT, "attrs": {"2003": OLD}}).to_string();
        assert_eq!(line.say(&topic(id, "hello"), hello).unwrap(), ReasonCode::Success);
        Native { id, token, line }
    }

    /// Feedback about an action.
    pub fn says(&mut self, action: u64, execution: &str) -> ReasonCode {
        let body = json!({"status": {"execution": execution, "result": {"finished": "none"}}}).to_string();
        self.line.say(&topic(self.id, &format!("fb/{action}")), body).unwrap()
    }

    /// Waits for what it is to run, fetches it and reports it; the action that it was told.
    pub fn update(&mut self, world: &World) -> u64 {
        let part = loop {
            let desired = self.line.told("/desired");
            if let Some(part) = desired["comps"].get(0) {
                break part.clone();
            }
        };
        assert_eq!((&part["version"], &part["number"]), (&json!(NEW), &json!("2")));
        assert_eq!(self.line.told("/cmd")["action"], part["action"]);
        let file = fetch(world, part["url"].as_str().unwrap(), &self.token);
        assert_eq!(file, content(NEW, part["name"].as_str().unwrap()));
        let report = json!({"seq": 2, "v": {"3": NEW}}).to_string();
        assert_eq!(self.line.say(&topic(self.id, "report"), report).unwrap(), ReasonCode::Success);
        part["action"].as_u64().unwrap()
    }
}

/// A client of hawkBit's DDI.
pub struct Ddi {
    pub id: &'static str,
    pub token: String,
}

impl Ddi {
    pub fn born(world: &World, id: &'static str) -> Ddi {
        let ddi = Ddi { id, token: world.server.client().add_device(id, PRODUCT) };
        ddi.configure(world, json!({"2003": OLD, "site": "b12"}));
        assert_eq!(ddi.ask(world, "GET", "", Value::Null).1["_links"]["deploymentBase"], Value::Null);
        ddi
    }

    pub fn ask(&self, world: &World, method: &str, tail: &str, body: Value) -> (u16, Value) {
        let path = format!("/default/controller/v1/{}{tail}", self.id);
        let token = format!("TargetToken {}", self.token);
        let headers = [("Authorization", &*token), ("Content-Type", "application/json")];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        parsed(&world.send(method, &path, &headers, &body))
    }

    fn configure(&self, world: &World, data: Value) {
        assert_eq!(self.ask(world, "PUT", "/configData", json!({"data": data})), (200, Value::Null));
    }

    /// The path of a link behind that of the device.
    fn follow<'l>(&self, link: &'l Value) -> &'l str {
        let href = link["href"].as_str().unwrap_or_else(|| panic!("no link: {link}"));
        href.split_once(self.id).unwrap().1
    }

    /// Polls, fetches, installs, says so and reports it; the action that it was told.
    pub fn update(&self, world: &World) -> u64 {
        let poll = self.ask(world, "GET", "", Value::Null).1;
        let (status, base) =
            self.ask(world, "GET", self.follow(&poll["_links"]["deploymentBase"]), Value::Null);
        assert_eq!((status, &base["deployment"]["chunks"][0]["version"]), (200, &json!(NEW)));
        for artifact in base["deployment"]["chunks"][0]["artifacts"].as_array().unwrap() {
            let tail = self.follow(&artifact["_links"]["download-http"]);
            let path = format!("/default/controller/v1/{}{tail}", self.id);
            let token = format!("TargetToken {}", self.token);
            let file = world.send("GET", &path, &[("Authorization", &token)], b"");
            let expected = content(NEW, artifact["filename"].as_str().unwrap());
            assert_eq!((file.status(), file.body), (200, expected.into_bytes()));
        }
        let id = base["id"].as_str().unwrap();
        let closed = json!({"status": {"execution": "closed", "result": {"finished": "success"}}});
        let feedback = format!("/deploymentBase/{id}/feedback");
        assert_eq!(self.ask(world, "POST", &feedback, closed), (200, Value::Null));
        // It says what it runs, so that its word is not enough.
        world.await_state(self.id, "verifying");
        self.configure(world, json!({"2003": NEW}));
        id.parse().unwrap()
    }
}

/// An Afero device: its version is attribute 2003, and Afero's tools speak for it too.
pub struct Afero {
    id: &'static str,
    token: String,
    line: Mqtt,
}

impl Afero {
    pub fn born(world: &World, id: &'static str) -> Afero {
        let token = world.server.client().add_device(id, PRODUCT);
        let mut line = Mqtt::device(world.server.mqtt(), Version::V4, id, &token);
        assert_eq!(line.say(&topic(id, "attr/2003"), "1").unwrap(), ReasonCode::Success);
        Afero { id, token, line }
    }

    /// Hears the command, fetches, and has its attribute written over REST; the action that it was told.
    pub fn update(&mut self, world: &World) -> u64 {
        let action = self.line.told("/cmd")["action"].as_u64().unwrap();
        let device = format!("/v1/accounts/default/devices/{}", self.id);
        assert_eq!(world.sees(&format!("{device}?expansions=state"))["updating"], json!(true));
        let component = &world.sees("/api/v1/images/2")["artifacts"][0];
        let url = format!("/artifacts/{}", component["sha256"].as_str().unwrap());
        assert_eq!(fetch(world, &url, &self.token), content(NEW, "user1.bin"));
        let write = json!({"type": "attribute_write", "attrId": 2003, "data": "0200000000000000"});
        let media = ("Content-Type", "application/json");
        let (status, said) =
            world.admin("POST", &format!("{device}/actions"), &[media], write.to_string().as_bytes());
        assert_eq!((status, &said["type"]), (200, &json!("attribute_write")), "{said}");
        action
    }
}

/// A client of arkors.
pub struct Arkors {
    pub id: &'static str,
    /// Its type.
    pub kind: &'static str,
    pub token: String,
}

impl Arkors {
    /// A client that an operator has registered: with its token it fetches files.
    pub fn born(world: &World, id: &'static str) -> Arkors {
        let token = world.server.client().add_device(id, PRODUCT);
        let arkors = Arkors { id, kind: "ANDROID", token };
        // What it runs is known here, and nothing is on offer.
        assert_eq!(arkors.ask(world, 1), (404, json!({"error": "the version is newst!"})));
        arkors
    }

    pub fn ask(&self, world: &World, version: u32) -> (u16, Value) {
        self.ask_with(world, version, &[])
    }

    /// The same with further headers.
    pub fn ask_with(&self, world: &World, version: u32, more: &[(&str, &str)]) -> (u16, Value) {
        let client = format!("{},{}", self.id, self.kind);
        let headers = [
            ("X-Arkors-Application-Id", "demo"),
            ("X-Arkors-Application-Token", "cb21df532c6647383af7efa0fd8405f2,1389085779854"),
            ("X-Arkors-Application-Log", "5024442115e7bd738354c1fac662aed5"),
            ("X-Arkors-Application-Client", &*client),
            ("Host", "ota.example:8080"),
        ];
        let headers = [&headers, more].concat();
        parsed(&world.send("GET", &format!("/v1/updates/{PRODUCT}/{version}"), &headers, b""))
    }

    /// Asks, fetches, installs and asks again.
    pub fn update(&self, world: &World) {
        let image = world.sees("/api/v1/images/2");
        let sum = image["artifacts"][0]["sha256"].as_str().unwrap();
        let mut found = self.ask(world, 1);
        let moment: jiff::Timestamp = found.1["update"].take().as_str().unwrap().parse().unwrap();
        assert_eq!(moment, image["created"].as_str().unwrap().parse().unwrap());
        let url = format!("http://ota.example:8080/artifacts/{sum}");
        let expected = json!({
            "app": 232, "version": 2, "name": NEW, "update": null, "changed": "", "url": url,
            "client": "ANDROID", "compatible": "*",
        });
        assert_eq!(found, (200, expected));
        world.await_state(self.id, "offered");
        assert_eq!(fetch(world, &url, &self.token), content(NEW, "user1.bin"));
        assert_eq!(self.ask(world, 2), (404, json!({"error": "The application version is newest!"})));
    }
}

/// An ESP8266 as it is in the field.
pub struct Esp {
    id: &'static str,
}

impl Esp {
    /// One that has not asked for anything.
    pub fn named(id: &'static str) -> Esp {
        Esp { id }
    }

    pub fn born(world: &World, id: &'static str) -> Esp {
        let esp = Esp::named(id);
        assert_eq!(esp.poll(world, OLD, ""), (200, OLD.into()));
        esp
    }

    /// Sends a head as it is and reads to the end.
    fn raw(world: &World, head: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(world.server.http()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// The status and the last version.
    pub fn poll(&self, world: &World, version: &str, token: &str) -> (u16, String) {
        let token = if token.is_empty() { String::new() } else { format!("Token: {token}\r\n") };
        let (status, body) = Esp::raw(
            world,
            &format!(
                "GET /firmware/{PRODUCT}/versions HTTP/1.0\r\nHost: ota.example\r\nConnection: keep-alive\r\n\
                 UUID: {}\r\nVersion: {version}\r\n{token}\r\n",
                self.id
            ),
        );
        assert!(body.len() < 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        (status, body["last"]["version"].as_str().unwrap_or_default().into())
    }

    /// Polls, fetches the image for the other half of its memory, and polls as what it is then.
    pub fn update(&self, world: &World) {
        assert_eq!(self.poll(world, OLD, ""), (200, NEW.into()));
        world.await_state(self.id, "offered");
        let path = format!("/firmware/{PRODUCT}/versions/{NEW}/user1.bin");
        let head = format!("GET {path} HTTP/1.0\r\nHost: ota.example\r\nUUID: {}\r\n\r\n", self.id);
        assert_eq!(Esp::raw(world, &head), (200, content(NEW, "user1.bin")));
        world.await_state(self.id, "accepted");
        assert_eq!(self.poll(world, NEW, ""), (200, NEW.into()));
    }
}
