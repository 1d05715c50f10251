//! Devices of two tenants against all topics and all verbs, over the real gate, held against thirty lines.
//!
//! Two devices have the same name in both tenants. Nothing that a device says or hears may cross to another one;
//! an operator of all tenants and the sockets of all devices are the witnesses.

use std::net::SocketAddr;

use serde_json::json;
use updraft::mqtt::packet::{Disconnect, Packet, Publish, PublishProperties, QoS, ReasonCode, Version, Will};

use super::mqtt::{Mqtt, login};
use super::support::{Server, eventually};

const TENANTS: [&str; 2] = ["default", "acme"];
const DEVICES: [&str; 2] = ["lamp", "door"];
/// What follows `ota/v1/<tenant>/d/<device>/`: every leaf of `topics.md`, and what is none.
const LEAVES: [&str; 21] = [
    "hello",
    "report",
    "attr/2003",
    "attr/300",
    "fb/1",
    "get",
    "explain",
    "chunk/get",
    "state",
    "ack",
    "desired",
    "cmd",
    "resp",
    "chunk/3/0",
    "chunk/1201/7",
    "",
    "attr/0",
    "attr/70000",
    "state/online",
    "+",
    "#",
];
/// What follows `ota/v1/<tenant>/`.
const SHARED: [&str; 7] =
    ["server", "g/all/announce", "a/0123456789abcdef/4096/0", "a/x/1/1", "d", "+/lamp/ack", "#"];
const ELSEWHERE: [&str; 8] = [
    "$SYS/broker/uptime",
    "$share/g/ota/v1/default/d/lamp/ack",
    "ota/v2/default/d/lamp/ack",
    "ota/v1",
    "/",
    "#",
    "+/+/+/+/+/ack",
    "OTA/v1/default/d/lamp/ack",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Publish,
    Subscribe,
    Will,
    Respond,
}

/// The reference: what `topics.md` says under "Who may do what", for a device.
fn may(tenant: &str, device: &str, verb: Verb, topic: &str) -> bool {
    let Some(rest) = topic.strip_prefix(&format!("ota/v1/{tenant}/")) else { return false };
    let parts: Vec<&str> = rest.split('/').collect();
    match (verb, &parts[..]) {
        (Verb::Subscribe, ["server"] | ["g", "all", "announce"] | ["a", "0123456789abcdef", _, _]) => true,
        (verb, ["d", owner, leaf @ ..]) if *owner == device => match (verb, leaf) {
            (Verb::Publish, ["hello" | "report" | "get" | "explain" | "state"]) => true,
            (Verb::Publish, ["attr", "2003" | "300"] | ["fb", "1"] | ["chunk", "get"]) => true,
            (Verb::Subscribe, ["ack" | "desired" | "cmd" | "resp"]) => true,
            (Verb::Subscribe, ["chunk", file, _]) => *file != "get",
            (Verb::Will, ["state"]) | (Verb::Respond, ["resp"]) => true,
            _ => false,
        },
        _ => false,
    }
}

/// Every topic that anybody tries.
fn topics() -> Vec<String> {
    let mut topics: Vec<String> = ELSEWHERE.map(String::from).into();
    for tenant in TENANTS {
        topics.extend(SHARED.map(|rest| format!("ota/v1/{tenant}/{rest}")));
        for device in DEVICES {
            topics.extend(LEAVES.map(|leaf| format!("ota/v1/{tenant}/d/{device}/{leaf}")));
        }
    }
    topics
}

/// A device with what it needs to connect.
struct Actor {
    tenant: &'static str,
    device: &'static str,
    name: String,
    token: String,
}

impl Actor {
    fn register(server: &Server, tenant: &'static str, device: &'static str) -> Actor {
        let body = json!({"id": device, "product": "lamp"});
        let made = server.client().post(&format!("devices?tenant={tenant}"), &body);
        let token = made.body["token"].as_str().unwrap().to_owned();
        Actor { tenant, device, name: format!("{tenant}/{device}"), token }
    }

    fn topic(&self, leaf: &str) -> String {
        format!("ota/v1/{}/d/{}/{leaf}", self.tenant, self.device)
    }

    fn connect(&self, address: SocketAddr, version: Version) -> Mqtt {
        Mqtt::connect(address, login(version, &self.name, &self.token))
    }

    /// Connects and listens to all that is its own, blocks of two files among it.
    fn listen(&self, address: SocketAddr, version: Version) -> Mqtt {
        let mut client = self.connect(address, version);
        let own = ["ack", "desired", "cmd", "resp", "chunk/3/0"].map(|leaf| self.topic(leaf));
        let codes = client.subscribe(&own.each_ref().map(String::as_str)).unwrap();
        assert_eq!(codes, [ReasonCode::GrantedQos1; 5]);
        client
    }

    /// What this device says; nobody else says it.
    fn mark(&self) -> String {
        format!("said by {}", self.name)
    }
}

/// The word of MQTT 5 for a SUBSCRIBE that is denied: shared subscriptions have one of their own (3.9.3).
fn denial(filter: &str) -> ReasonCode {
    match filter.starts_with("$share/") {
        true => ReasonCode::SharedSubscriptionsNotSupported,
        false => ReasonCode::NotAuthorized,
    }
}

/// One device trying one verb on every topic, in a session of its own for each topic that ends it.
struct Trial<'a> {
    address: SocketAddr,
    version: Version,
    actor: &'a Actor,
    client: Mqtt,
}

impl Trial<'_> {
    /// Whether the server lets the device do it.
    fn tries(&mut self, verb: Verb, topic: &str) -> bool {
        match verb {
            Verb::Publish => self.publishes(topic, None),
            Verb::Respond => {
                let properties =
                    PublishProperties { response_topic: Some(topic.into()), ..Default::default() };
                self.publishes(&self.actor.topic("get"), Some(properties))
            }
            Verb::Subscribe => self.subscribes(topic),
            Verb::Will => self.wills(topic),
        }
    }

    /// A denied PUBLISH is answered in MQTT 5, and ends the connection in 3.1.1; a topic that no PUBLISH may name
    /// ends it in both.
    fn publishes(&mut self, topic: &str, properties: Option<PublishProperties>) -> bool {
        let asks = properties.is_some();
        let payload = if asks { String::new() } else { self.actor.mark() };
        let id = self.client.publish_with(topic, payload.as_bytes(), properties).unwrap();
        match self.client.puback(id) {
            // The mark is not what these topics take, so what is let through is refused for what it says.
            Ok(ReasonCode::Success | ReasonCode::PayloadFormatInvalid) => true,
            Ok(ReasonCode::NotAuthorized) => false,
            Ok(other) => panic!("{topic}: {other:?}"),
            Err(_) => {
                let named = topic.contains(['+', '#']) || asks;
                assert!(self.version == Version::V4 || named, "{topic} ends the connection");
                self.client = self.actor.listen(self.address, self.version);
                false
            }
        }
    }

    fn subscribes(&mut self, topic: &str) -> bool {
        match self.client.subscribe(&[topic]).unwrap()[..] {
            [ReasonCode::GrantedQos1 | ReasonCode::GRANTED_QOS_0] => true,
            [code] if self.version == Version::V5 && code == denial(topic) => false,
            [ReasonCode::UnspecifiedError] if self.version == Version::V4 => false,
            ref other => panic!("{topic}: {other:?}"),
        }
    }

    /// A will that is let in fires, because its connection is cut.
    fn wills(&mut self, topic: &str) -> bool {
        let will = Will { topic: topic.into(), payload: self.actor.mark().into(), ..Will::default() };
        let connect = login(self.version, &self.actor.name, &self.actor.token);
        let met = Mqtt::meet(self.address, updraft::mqtt::packet::Connect { will: Some(will), ..connect });
        match met.map(|(_, connack)| connack.code) {
            Ok(ReasonCode::Success) => true,
            Ok(ReasonCode::NotAuthorized) => false,
            Ok(other) => panic!("{topic}: {other:?}"),
            Err(_) => {
                assert!(topic.contains(['+', '#']), "{topic} is not answered");
                false
            }
        }
    }
}

/// What an operator of all tenants sees: only what a device said on a topic of its own.
fn check_observed(observer: &mut Mqtt, actors: &[Actor]) -> usize {
    let seen = observer.all().unwrap();
    for message in &seen {
        let text = String::from_utf8_lossy(&message.payload);
        let owner = actors.iter().find(|actor| message.topic.starts_with(&actor.topic("")));
        let marked = actors.iter().find(|actor| text.contains(&actor.mark()));
        if let Some(marked) = marked {
            let own = owner.is_some_and(|owner| owner.name == marked.name);
            let may = own && (may(marked.tenant, marked.device, Verb::Publish, &message.topic));
            assert!(may, "{} on {}", text, message.topic);
        }
        let own_leaf = ["/ack", "/resp"].iter().any(|leaf| message.topic.ends_with(leaf));
        assert!(!own_leaf && !message.topic.contains("/chunk/"), "{} reached an operator", message.topic);
    }
    seen.len()
}

/// What a device hears: only what the server says to it.
fn check_heard(actor: &Actor, heard: &[Publish]) {
    for message in heard {
        let text = String::from_utf8_lossy(&message.payload);
        let own = message.topic.starts_with(&actor.topic(""));
        let shared = [format!("ota/v1/{}/server", actor.tenant)].iter().any(|t| message.topic == t.as_str());
        assert!(
            (own || shared) && !text.contains("said by"),
            "{} hears {text} on {}",
            actor.name,
            message.topic
        );
    }
}

/// Every device tries `verb` on every topic while all others listen. Returns how many were tried and allowed.
fn check(server: &Server, actors: &[Actor], version: Version, verb: Verb) -> (usize, usize) {
    let address = server.mqtt();
    let token = server.token();
    let mut observer = Mqtt::connect(address, login(Version::V5, "admin", &token));
    assert_eq!(observer.subscribe(&["ota/v1/+/#"]).unwrap(), [ReasonCode::GrantedQos1]);
    let mut listeners: Vec<Mqtt> = actors.iter().map(|actor| actor.listen(address, Version::V5)).collect();
    let (mut tried, mut allowed) = (0, 0);
    for (n, actor) in actors.iter().enumerate() {
        let mut trial = Trial { address, version, actor, client: actor.listen(address, version) };
        for topic in topics() {
            let let_in = trial.tries(verb, &topic);
            let expected = may(actor.tenant, actor.device, verb, &topic);
            assert_eq!(let_in, expected, "{version:?} {verb:?} of {} on {topic}", actor.name);
            (tried, allowed) = (tried + 1, allowed + usize::from(let_in));
        }
        if verb != Verb::Will {
            speak(actor, &mut trial.client);
            // Parting with DISCONNECT, so that the next device starts on a quiet floor.
            trial.client.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success))).unwrap();
        }
        listeners[n] = actor.listen(address, Version::V5);
        for (other, listener) in actors.iter().zip(&mut listeners) {
            check_heard(other, &listener.all().unwrap());
        }
    }
    let reports = if verb == Verb::Subscribe || verb == Verb::Respond { 1 } else { allowed };
    let mut seen = 0;
    eventually("all that was said", || {
        seen += check_observed(&mut observer, actors);
        (seen >= reports).then_some(())
    });
    (tried, allowed)
}

/// Ordinary words after all the trials: whatever a forbidden subscription would bring comes now.
fn speak(actor: &Actor, client: &mut Mqtt) {
    let hello = br#"{"seq":1,"boot":"b","attrs":{"2003":"1"}}"#;
    assert_eq!(client.say(&actor.topic("hello"), hello).unwrap(), ReasonCode::Success);
    client.heard("/ack");
    client.heard("/desired");
    check_heard(actor, &client.all().unwrap());
}

#[test]
fn no_device_says_or_hears_what_is_not_its_own() {
    let server = Server::start();
    let pairs = TENANTS.iter().flat_map(|tenant| DEVICES.map(|device| (*tenant, device)));
    let actors: Vec<_> = pairs.map(|(tenant, device)| Actor::register(&server, tenant, device)).collect();
    let count = actors.len() * topics().len();
    for (version, verb, allowed) in [
        (Version::V5, Verb::Publish, 9),
        (Version::V5, Verb::Subscribe, 9),
        (Version::V5, Verb::Will, 1),
        (Version::V5, Verb::Respond, 1),
        (Version::V4, Verb::Publish, 9),
        (Version::V4, Verb::Subscribe, 9),
        (Version::V4, Verb::Will, 1),
    ] {
        let found = check(&server, &actors, version, verb);
        assert_eq!(found, (count, allowed * actors.len()), "{version:?} {verb:?}");
    }
}

/// Operators listen within their tenant, and do nothing else.
#[test]
fn an_operator_of_a_tenant_hears_that_tenant_alone() {
    let server = Server::start();
    let pairs = TENANTS.iter().flat_map(|tenant| DEVICES.map(|device| (*tenant, device)));
    let actors: Vec<_> = pairs.map(|(tenant, device)| Actor::register(&server, tenant, device)).collect();
    let body = json!({"name": "eye", "role": "observer", "tenant": "acme"});
    let made = server.client().post("operators", &body);
    let token = made.body["token"].as_str().unwrap();
    let mut eye = Mqtt::connect(server.mqtt(), login(Version::V5, "eye", token));
    let filters = [
        ("ota/v1/acme/#", true),
        ("ota/v1/acme/d/+/state", true),
        ("ota/v1/+/#", false),
        ("ota/v1/default/#", false),
        ("#", false),
        ("+/v1/acme/#", false),
        ("$share/g/ota/v1/acme/#", false),
        ("$SYS/#", false),
        ("ota/v1", false),
    ];
    for (filter, granted) in filters {
        let code = if granted { ReasonCode::GrantedQos1 } else { denial(filter) };
        assert_eq!(eye.subscribe(&[filter]).unwrap(), [code], "{filter}");
    }
    for actor in &actors {
        let mut client = actor.listen(server.mqtt(), Version::V4);
        speak(actor, &mut client);
        assert_eq!(client.say(&actor.topic("state"), "online").unwrap(), ReasonCode::Success);
    }
    let mut heard = Vec::new();
    eventually("the last state of the tenant", || {
        heard.extend(eye.all().unwrap().iter().map(|message| message.topic.to_string()));
        heard.contains(&actors[3].topic("state")).then_some(())
    });
    assert!(heard.iter().all(|topic| topic.starts_with("ota/v1/acme/")), "{heard:?}");
    let denied = eye.send(&Packet::Publish(Publish::new("ota/v1/acme/d/lamp/cmd", QoS::AtLeastOnce, 7, "x")));
    denied.unwrap();
    assert_eq!(eye.puback(7).unwrap(), ReasonCode::NotAuthorized);
}
