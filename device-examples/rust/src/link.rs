//! The connection of one boot. A thread drives it and connects again when it breaks; what the server says waits in
//! a channel, parsed.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rumqttc::{
    Client, Connection, ConnectionError, Event, LastWill, MqttOptions, Outgoing, Packet, QoS, SubscribeFilter,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Obstacle;

/// How long a message may wait for its acknowledgement.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(2);

/// What the server says, and what the connection does.
pub enum Word {
    /// The device is connected and subscribed: time for `hello`.
    Connected,
    Refused(String),
    Desired(Desired),
    Cancel(u64),
    Report,
}

#[derive(Deserialize)]
pub struct Desired {
    pub seq: u64,
    pub comps: Vec<Component>,
}

/// One file to install.
#[derive(Deserialize)]
pub struct Component {
    #[serde(rename = "type")]
    pub kind: u8,
    pub number: String,
    pub version: String,
    pub size: u64,
    pub sha256: String,
    pub url: String,
    pub action: u64,
}

#[derive(Deserialize)]
struct Order {
    cmd: String,
    action: Option<u64>,
}

pub struct Link {
    client: Client,
    root: String,
    words: Receiver<Word>,
    acks: Receiver<()>,
    /// The server is to be told or asked again once an image has been dealt with.
    hello_due: bool,
}

impl Link {
    pub fn open(server: &str, tenant: &str, device: &str, token: &str) -> Link {
        let (host, port) = server.rsplit_once(':').unwrap_or((server, "1883"));
        let root = format!("ota/v1/{tenant}/d/{device}/");
        let mut options = MqttOptions::new(device, host, port.parse().unwrap_or(1883));
        options.set_credentials(format!("{tenant}/{device}"), token).set_max_packet_size(64 << 10, 64 << 10);
        options.set_last_will(LastWill::new(format!("{root}state"), "offline", QoS::AtLeastOnce, false));
        let (client, connection) = Client::new(options, 16);
        let ((say_word, words), (say_ack, acks)) = (mpsc::channel(), mpsc::channel());
        let (own_client, own_root) = (client.clone(), root.clone());
        thread::spawn(move || drive(connection, &own_client, &own_root, &say_word, &say_ack));
        Link { client, root, words, acks, hello_due: false }
    }

    /// Waits for the next word.
    pub fn next(&mut self) -> Word {
        if std::mem::take(&mut self.hello_due) {
            return Word::Connected;
        }
        self.words.recv().unwrap_or_else(|_| Word::Refused("the connection's thread has ended".into()))
    }

    /// Looks, while an image is fetched, whether the action is called off.
    pub fn attend(&mut self, action: u64) -> Result<(), Obstacle> {
        while let Ok(word) = self.words.try_recv() {
            match word {
                Word::Cancel(cancelled) if cancelled == action => return Err(Obstacle::Cancelled),
                // The answer to `hello` brings open orders again.
                Word::Connected | Word::Report | Word::Cancel(_) => self.hello_due = true,
                // The end of this action brings a newer one.
                Word::Desired(_) => {}
                Word::Refused(why) => return Err(Obstacle::Failed(why)),
            }
        }
        Ok(())
    }

    /// Publishes; returns when the server has the message on disk, or has refused it, or does not answer.
    pub fn say(&mut self, leaf: &str, message: &Value) {
        let topic = format!("{}{leaf}", self.root);
        while self.acks.try_recv().is_ok() {}
        if self.client.publish(topic, QoS::AtLeastOnce, false, message.to_string()).is_ok() {
            // Without an answer the device goes on: `hello` makes good what got lost.
            let _ = self.acks.recv_timeout(ACK_WAIT);
        }
    }

    /// Tells how an action goes. The time tells one message from a repeat of another.
    pub fn feedback(&mut self, action: u64, execution: &str, finished: &str, detail: &str) {
        println!("action {action}: {execution} {finished} {detail}");
        let details: Vec<&str> = Some(detail).filter(|text| !text.is_empty()).into_iter().collect();
        let status = json!({"execution": execution, "result": {"finished": finished}, "details": details});
        let message = json!({"id": action.to_string(), "time": now_ms(), "status": status});
        self.say(&format!("fb/{action}"), &message);
    }
}

pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Drop for Link {
    fn drop(&mut self) {
        // A connection that has ended already needs no goodbye.
        let _ = self.client.disconnect();
    }
}

fn drive(mut connection: Connection, client: &Client, root: &str, words: &Sender<Word>, acks: &Sender<()>) {
    for event in connection.iter() {
        let word = match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let filter = |leaf| SubscribeFilter::new(format!("{root}{leaf}"), QoS::AtLeastOnce);
                let asked = client.try_subscribe_many(["ack", "cmd", "desired"].map(filter));
                asked.err().map(|error| Word::Refused(error.to_string()))
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => Some(Word::Connected),
            Ok(Event::Incoming(Packet::PubAck(_))) => acks.send(()).ok().and(None),
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                word(publish.topic.trim_start_matches(root), &publish.payload)
            }
            Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
            Ok(_) => None,
            Err(ConnectionError::ConnectionRefused(code)) => Some(Word::Refused(format!("{code:?}"))),
            Err(error) => {
                println!("not connected: {error}");
                thread::sleep(PAUSE);
                None
            }
        };
        if word.is_some_and(|word| words.send(word).is_err()) {
            return;
        }
    }
}

/// Reads what came on a leaf; what this device does not know it ignores.
fn word(leaf: &str, payload: &[u8]) -> Option<Word> {
    match leaf {
        "desired" => serde_json::from_slice(payload).ok().map(Word::Desired),
        "cmd" => {
            let order: Order = serde_json::from_slice(payload).ok()?;
            match (order.cmd.as_str(), order.action) {
                ("cancel", Some(action)) => Some(Word::Cancel(action)),
                ("report", _) => Some(Word::Report),
                _ => None,
            }
        }
        "ack" => {
            let ack: Value = serde_json::from_slice(payload).ok()?;
            if ack["status"] == "rejected" {
                println!("not taken: {ack}");
            }
            None
        }
        _ => None,
    }
}
