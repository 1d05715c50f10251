//! A device that goes on where it was cut off: what was not acknowledged it says again, in its order. It keeps a
//! journal of what it said and of what was acknowledged, and takes down every order that it must not get.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};
use updraft::mqtt::packet::{ReasonCode, Version};

use super::dice::Dice;
use super::mqtt::{Mqtt, login, topic};

/// A number that only grows.
#[derive(Debug, Default, Clone, Copy)]
pub struct Growing {
    pub said: u64,
    pub acked: u64,
}

impl Growing {
    /// Whether `found` is at least as new as what was acknowledged, and not newer than what was said.
    pub fn allows(self, found: Option<u64>) -> bool {
        (self.acked..=self.said).contains(&found.unwrap_or(0))
    }
}

/// What a device knows of one of its actions.
#[derive(Debug, Default, Clone)]
pub struct Life {
    /// The target, as it will be reported.
    pub version: String,
    /// Words that were said.
    pub said: Vec<&'static str>,
    /// Words whose `ack` was `stored`.
    pub acked: Vec<&'static str>,
    /// The connection in which the end was acknowledged.
    pub ended: Option<u32>,
    /// How many acknowledged words its history was held against, once it had ended.
    pub read: Option<usize>,
    /// A word was refused: the action had ended without the device.
    pub refused: bool,
    /// The server has asked to stop it.
    pub cancel: bool,
}

/// A message on its way.
struct Said {
    leaf: String,
    payload: String,
    effect: Effect,
}

/// What a message does, once it is acknowledged.
#[derive(Clone)]
enum Effect {
    Attribute(u64),
    Counter(u64),
    Hello { boot: u64, attribute: u64, counter: u64, installed: Option<u32> },
    Word { action: u32, word: &'static str },
}

pub struct Device {
    pub id: String,
    pub token: String,
    /// Attribute 300.
    pub attribute: Growing,
    /// The version of firmware type 7, `0.0.n`.
    pub counter: Growing,
    /// Which boot it is.
    pub boot: Growing,
    pub actions: BTreeMap<u32, Life>,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// What the server must not have said.
    pub violations: Vec<String>,
    version: Version,
    running: String,
    installed: Option<u32>,
    seq: u64,
    stamp: u64,
    connections: u32,
    pending: VecDeque<Said>,
    dice: Dice,
}

impl Device {
    pub fn new(number: u64, id: String, token: String, dice: Dice) -> Device {
        Device {
            id,
            token,
            attribute: Growing::default(),
            counter: Growing::default(),
            boot: Growing { said: 1, acked: 0 },
            actions: BTreeMap::new(),
            acknowledged: 0,
            violations: Vec::new(),
            version: if number.is_multiple_of(2) { Version::V4 } else { Version::V5 },
            running: "1.0.0".into(),
            installed: None,
            seq: 0,
            stamp: 0,
            connections: 0,
            pending: VecDeque::new(),
            dice,
        }
    }

    /// Connects, says again what was not acknowledged, and goes on until the connection ends.
    pub fn live(&mut self, address: SocketAddr) -> io::Result<()> {
        let (mut mqtt, connack) = Mqtt::meet(address, login(self.version, &self.id, &self.token))?;
        if connack.code != ReasonCode::Success {
            self.violations.push(format!("{} is not let in: {:?}", self.id, connack.code));
            return Err(io::Error::other("not let in"));
        }
        self.connections += 1;
        let topics = ["ack", "desired", "cmd"].map(|leaf| topic(&self.id, leaf));
        mqtt.subscribe(&topics.each_ref().map(String::as_str))?;
        self.deliver(&mut mqtt)?;
        self.hello();
        loop {
            self.deliver(&mut mqtt)?;
            self.listen(mqtt.kept());
            self.go_on();
        }
    }

    /// Sends all that is pending and waits until all of it is acknowledged.
    fn deliver(&mut self, mqtt: &mut Mqtt) -> io::Result<()> {
        let mut ids = VecDeque::new();
        for said in &self.pending {
            ids.push_back(mqtt.publish(&topic(&self.id, &said.leaf), said.payload.as_bytes())?);
        }
        while let Some(id) = ids.pop_front() {
            let code = mqtt.puback(id)?;
            let front = self.pending.front().expect("as many are pending as there are ids");
            let stored = match &front.effect {
                Effect::Word { .. } => stored(mqtt, &front.leaf)?,
                _ => true,
            };
            if code != ReasonCode::Success && !matches!(front.effect, Effect::Word { .. }) {
                self.violations.push(format!("{}: {} is answered {code:?}", self.id, front.payload));
            }
            let said = self.pending.pop_front().expect("it has just been looked at");
            self.acknowledged += 1;
            match said.effect {
                Effect::Word { action, .. } if !stored => {
                    self.actions.entry(action).or_default().refused = true;
                }
                effect => self.acknowledge(effect),
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, effect: Effect) {
        match effect {
            Effect::Attribute(value) => self.attribute.acked = value,
            Effect::Counter(value) => self.counter.acked = value,
            Effect::Hello { boot, attribute, counter, installed } => {
                (self.boot.acked, self.attribute.acked, self.counter.acked) = (boot, attribute, counter);
                if let Some(life) = installed.and_then(|action| self.actions.get_mut(&action)) {
                    life.acked.push("installed");
                    life.ended.get_or_insert(self.connections);
                }
            }
            Effect::Word { action, word } => {
                let Some(life) = self.actions.get_mut(&action) else { return };
                life.acked.push(word);
                if word == "closed: failure" {
                    life.ended.get_or_insert(self.connections);
                }
            }
        }
    }

    /// Takes in what the server wants. An action whose end was acknowledged in an earlier connection is over.
    fn listen(&mut self, heard: Vec<updraft::mqtt::packet::Publish>) {
        for message in heard {
            let told: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
            let wanted: Vec<(u64, String)> = match message.topic.rsplit('/').next() {
                Some("desired") => orders(&told),
                Some("cmd") if told["cmd"] == "deploy" => {
                    told["action"].as_u64().map(|action| (action, String::new())).into_iter().collect()
                }
                Some("cmd") if told["cmd"] == "cancel" => {
                    let life = told["action"].as_u64().and_then(|id| self.actions.get_mut(&(id as u32)));
                    life.into_iter().for_each(|life| life.cancel = true);
                    continue;
                }
                _ => continue,
            };
            for (action, version) in wanted {
                let life = self.actions.entry(action as u32).or_default();
                if life.ended.is_some_and(|ended| ended < self.connections) {
                    self.violations.push(format!("{}: action {action} is ordered again: {told}", self.id));
                }
                if !version.is_empty() {
                    life.version = version;
                }
            }
        }
    }

    /// Thinks of the next things to say: at most four, so that some are on their way when the server dies.
    fn go_on(&mut self) {
        if self.installed.is_some() {
            return self.reboot();
        }
        let count = 1 + self.dice.below(4);
        let mut spoken = false;
        for _ in 0..count {
            match self.dice.below(5) {
                0 | 1 => self.tell_attribute(),
                2 | 3 => self.tell_counter(),
                _ if !spoken => {
                    spoken = true;
                    self.tell_progress();
                }
                _ => {}
            }
        }
    }

    fn tell_attribute(&mut self) {
        self.attribute.said += 1;
        let value = self.attribute.said;
        self.say("attr/300".into(), format!("n{value}"), Effect::Attribute(value));
    }

    fn tell_counter(&mut self) {
        self.counter.said += 1;
        self.seq += 1;
        let value = self.counter.said;
        let payload = json!({"seq": self.seq, "v": {"7": format!("0.0.{value}")}}).to_string();
        self.say("report".into(), payload, Effect::Counter(value));
    }

    /// The next word about the newest action that is under way.
    fn tell_progress(&mut self) {
        let open = |life: &Life| life.ended.is_none() && !life.version.is_empty();
        let Some((action, life)) = self.actions.iter_mut().rev().find(|(_, life)| open(life)) else { return };
        let action = *action;
        let words = ["proceeding", "download", "downloaded"];
        let next = words.into_iter().find(|word| !life.said.contains(word));
        let word = match next {
            _ if life.cancel && !life.said.contains(&"canceled") => "canceled",
            Some(word) => word,
            None if self.dice.chance(25) => "closed: failure",
            None => "closed: success",
        };
        // Nothing that was closed or canceled is spoken of again, whatever the answer is.
        if life.said.iter().any(|said| said.starts_with("closed") || *said == "canceled") {
            return;
        }
        life.said.push(word);
        if word == "closed: success" {
            self.installed = Some(action);
            self.running = life.version.clone();
        }
        self.stamp += 1;
        let (execution, finished) = word.split_once(": ").unwrap_or((word, "none"));
        let status = json!({"execution": execution, "result": {"finished": finished}});
        let payload = json!({"id": action.to_string(), "time": 1_700_000_000 + self.stamp, "status": status});
        self.say(format!("fb/{action}"), payload.to_string(), Effect::Word { action, word });
    }

    /// Starts the image that was installed. Nothing is pending now, so nothing is forgotten.
    fn reboot(&mut self) {
        self.boot.said += 1;
        self.seq = 0;
        self.hello();
    }

    fn hello(&mut self) {
        self.seq += 1;
        let (attribute, counter) = (self.attribute.said, self.counter.said);
        let attributes = json!({
            "300": format!("n{attribute}"), "2007": format!("0.0.{counter}"), "2003": self.running,
        });
        let boot = self.boot.said;
        let payload = json!({"seq": self.seq, "boot": format!("b{boot}"), "attrs": attributes}).to_string();
        let installed = self.installed.take();
        self.say("hello".into(), payload, Effect::Hello { boot, attribute, counter, installed });
    }

    fn say(&mut self, leaf: String, payload: String, effect: Effect) {
        self.pending.push_back(Said { leaf, payload, effect });
    }
}

/// Waits for the `ack` of feedback; whether it says `stored`.
fn stored(mqtt: &mut Mqtt, leaf: &str) -> io::Result<bool> {
    loop {
        let ack: Value = serde_json::from_slice(&mqtt.hear("/ack")?.payload)?;
        if ack["topic"] == leaf {
            return Ok(ack["status"] == "stored");
        }
    }
}

/// The actions of a desired document, each with its version.
fn orders(desired: &Value) -> Vec<(u64, String)> {
    let components = desired["comps"].as_array().into_iter().flatten();
    let order = |c: &Value| Some((c["action"].as_u64()?, c["version"].as_str()?.to_owned()));
    components.filter_map(order).collect()
}
