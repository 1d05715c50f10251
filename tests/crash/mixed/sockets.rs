//! Devices that speak MQTT, many on a thread: nobody waits for a socket but while it connects. What was not acknowledged
//! when the server died is said again.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use serde_json::{Value, json};
use updraft::mqtt::packet::{Packet, PubAck, Publish, QoS, ReasonCode, Version};

use super::{NEW, OLD};
use crate::mqtt::{Mqtt, login, topic};

/// What a device knows of an action.
#[derive(Debug, Default)]
struct Life {
    /// It has said that it goes on with it.
    told: bool,
    /// It is asked to let go.
    cancel: bool,
    /// There is nothing more to say about it.
    over: bool,
    /// The connection in which its end was acknowledged.
    ended: Option<u32>,
}

#[derive(Clone)]
enum Effect {
    /// It said what it runs, and with it how an action ended.
    Runs(Option<u64>),
    Word(u64, &'static str),
}

/// A message, until all of it is acknowledged.
struct Said {
    leaf: String,
    payload: String,
    effect: Effect,
    id: Option<u16>,
    received: bool,
    stored: Option<bool>,
}

pub struct Socket {
    pub id: String,
    pub violations: Vec<String>,
    /// It runs the new version.
    pub new: bool,
    /// How many updates it is going to fail.
    pub failures: u32,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    token: String,
    version: Version,
    /// It speaks of nothing but its attributes, as Afero's devices do.
    afero: bool,
    line: Option<Mqtt>,
    connections: u32,
    boot: u32,
    seq: u32,
    wanted: Option<u64>,
    lives: BTreeMap<u64, Life>,
    queue: VecDeque<Said>,
}

impl Socket {
    pub fn new(id: String, token: String, afero: bool, failures: u32) -> Socket {
        let version = if afero || failures > 0 { Version::V4 } else { Version::V5 };
        Socket {
            id,
            violations: Vec::new(),
            new: false,
            failures,
            acknowledged: 0,
            token,
            version,
            afero,
            line: None,
            connections: 0,
            boot: 1,
            seq: 0,
            wanted: None,
            lives: BTreeMap::new(),
            queue: VecDeque::new(),
        }
    }

    /// Takes in what has come and says what there is to say. Without a server nothing happens.
    pub fn step(&mut self, address: SocketAddr) {
        let stepped = match self.line.take() {
            None => self.connect(address),
            Some(mut line) => self.hear(&mut line).and_then(|()| self.speak(&mut line)).map(|()| line),
        };
        // A connection that breaks is what the test is about.
        self.line = stepped.ok();
    }

    fn connect(&mut self, address: SocketAddr) -> io::Result<Mqtt> {
        let (mut line, connack) = Mqtt::meet(address, login(self.version, &self.id, &self.token))?;
        if connack.code != ReasonCode::Success {
            self.violations.push(format!("{} is not let in: {:?}", self.id, connack.code));
            return Err(io::Error::other("not let in"));
        }
        self.connections += 1;
        let topics = ["ack", "desired", "cmd"].map(|leaf| topic(&self.id, leaf));
        line.subscribe(&topics.each_ref().map(String::as_str))?;
        line.socket.set_nonblocking(true)?;
        for message in line.kept() {
            self.listen(&message);
        }
        self.queue.iter_mut().for_each(|said| (said.id, said.received) = (None, false));
        self.say_what_runs(None);
        Ok(line)
    }

    fn hear(&mut self, line: &mut Mqtt) -> io::Result<()> {
        loop {
            match line.next() {
                Ok(Packet::Publish(message)) => {
                    if message.qos == QoS::AtLeastOnce {
                        line.send(&Packet::PubAck(PubAck::new(message.packet_id, ReasonCode::Success)))?;
                    }
                    self.listen(&message);
                }
                Ok(Packet::PubAck(ack)) => {
                    if let Some(front) = self.queue.front_mut().filter(|said| said.id == Some(ack.packet_id))
                    {
                        front.received = true;
                    }
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn listen(&mut self, message: &Publish) {
        let told: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
        match message.topic.rsplit('/').next() {
            Some("desired") => {
                self.wanted = None;
                let components = told["comps"].as_array().into_iter().flatten();
                for action in components.filter_map(|component| component["action"].as_u64()) {
                    self.order(action, &told);
                }
            }
            Some("cmd") if told["cmd"] == "deploy" => {
                told["action"].as_u64().into_iter().for_each(|action| self.order(action, &told));
            }
            Some("cmd") if told["cmd"] == "cancel" => {
                let life = told["action"].as_u64().map(|action| self.lives.entry(action).or_default());
                life.into_iter().for_each(|life| life.cancel = true);
            }
            Some("ack") => {
                if let Some(front) = self.queue.front_mut().filter(|said| told["topic"] == said.leaf.as_str())
                {
                    front.stored = Some(told["status"] == "stored");
                }
            }
            _ => {}
        }
    }

    fn order(&mut self, action: u64, told: &Value) {
        let life = self.lives.entry(action).or_default();
        if life.ended.is_some_and(|ended| ended < self.connections) {
            self.violations.push(format!("{}: action {action} is ordered again: {told}", self.id));
        }
        self.wanted = Some(action);
    }

    /// Says the next thing, once what came before is acknowledged.
    fn speak(&mut self, line: &mut Mqtt) -> io::Result<()> {
        let done = |said: &mut Said| {
            said.received && (said.stored.is_some() || !matches!(said.effect, Effect::Word(..)))
        };
        if let Some(said) = self.queue.pop_front_if(done) {
            self.acknowledged += 1;
            self.acknowledge(said.effect, said.stored != Some(false));
        }
        if self.queue.is_empty() {
            self.think();
        }
        if let Some(front) = self.queue.front_mut().filter(|said| said.id.is_none()) {
            front.id = Some(line.publish(&topic(&self.id, &front.leaf), front.payload.as_bytes())?);
        }
        Ok(())
    }

    fn acknowledge(&mut self, effect: Effect, stored: bool) {
        let (connection, fails) = (Some(self.connections), self.failures > 0);
        match effect {
            Effect::Runs(None) => {}
            Effect::Runs(Some(action)) => {
                let life = self.lives.entry(action).or_default();
                life.ended = life.ended.or(connection);
            }
            Effect::Word(action, word) => {
                let life = self.lives.entry(action).or_default();
                (life.told, life.over) = (true, life.over || word != "proceeding" || !stored);
                match word {
                    "closed: success" if stored => self.boot_new(action),
                    "closed: failure" | "canceled" if stored => {
                        life.ended = connection;
                        self.failures -= u32::from(fails && word == "closed: failure");
                    }
                    _ => {}
                }
            }
        }
    }

    /// The next word about the action that is wanted.
    fn think(&mut self) {
        let Some(action) = self.wanted else { return };
        let life = self.lives.entry(action).or_default();
        if life.over {
            return;
        }
        if self.afero {
            life.over = true;
            return self.boot_new(action);
        }
        let word = match life.told {
            _ if life.cancel => "canceled",
            false => "proceeding",
            true if self.failures > 0 => "closed: failure",
            true => "closed: success",
        };
        let (execution, finished) = word.split_once(": ").unwrap_or((word, "none"));
        let status = json!({"execution": execution, "result": {"finished": finished}});
        self.say(format!("fb/{action}"), json!({"status": status}).to_string(), Effect::Word(action, word));
    }

    fn boot_new(&mut self, action: u64) {
        self.new = true;
        self.boot += 1;
        self.seq = 0;
        self.say_what_runs(Some(action));
    }

    fn say_what_runs(&mut self, ended: Option<u64>) {
        let effect = Effect::Runs(ended);
        if self.afero {
            return self.say("attr/2003".into(), if self.new { "2" } else { "1" }.into(), effect);
        }
        self.seq += 1;
        let runs = if self.new { NEW } else { OLD };
        let hello = json!({"seq": self.seq, "boot": format!("b{}", self.boot), "attrs": {"2003": runs}});
        self.say("hello".into(), hello.to_string(), effect);
    }

    fn say(&mut self, leaf: String, payload: String, effect: Effect) {
        self.queue.push_back(Said { leaf, payload, effect, id: None, received: false, stored: None });
    }
}
