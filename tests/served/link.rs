//! Devices that speak MQTT.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use updraft::mqtt::packet::{ReasonCode, Version};

use crate::mqtt::{Mqtt, topic};
use crate::support::eventually;
use crate::world::World;

/// The connection of a device.
pub struct Link {
    mqtt: Mqtt,
    /// What it numbered last.
    seq: u64,
}

/// The connections of devices by their ids.
pub type Links = BTreeMap<String, Link>;

impl Link {
    fn say(&mut self, id: &str, leaf: &str, payload: &Value) {
        let said = self.mqtt.say(&topic(id, leaf), payload.to_string()).unwrap();
        assert_eq!(said, ReasonCode::Success, "{id} {leaf} {payload}");
    }
}

impl World {
    /// What a device does that speaks MQTT; none where the words are no such thing.
    pub fn act_over_mqtt(&mut self, id: &str, what: &[&str]) -> Option<Option<String>> {
        match what {
            ["connect"] => self.connect(id),
            ["disconnect"] => self.disconnect(id),
            ["hear"] => {
                let order = self.link(id).mqtt.told("/cmd");
                return Some(Some(format!("{id}: {}", order["cmd"].as_str().unwrap())));
            }
            ["look"] => return Some(Some(self.look(id))),
            ["say", word] => self.say_over_mqtt(id, word),
            ["report", version] => {
                let link = self.link(id);
                link.seq += 1;
                let report = json!({"seq": link.seq, "v": {"3": version}});
                link.say(id, "report", &report);
            }
            _ => return None,
        }
        Some(None)
    }

    fn link(&mut self, id: &str) -> &mut Link {
        self.links.get_mut(id).unwrap_or_else(|| panic!("{id} is not connected"))
    }

    fn connect(&mut self, id: &str) {
        let address = self.server.as_ref().expect("a server").mqtt();
        let mqtt = Mqtt::device(address, Version::V5, id, &self.tokens[id]);
        let mut link = Link { mqtt, seq: 1 };
        link.say(id, "hello", &json!({"seq": 1, "boot": "b1"}));
        self.links.insert(id.to_owned(), link);
    }

    fn disconnect(&mut self, id: &str) {
        self.links.remove(id);
        eventually("a device that is away", || {
            let (_, device) = self.api("GET", &format!("devices/{id}"), None);
            (device["online"] == false).then_some(())
        });
    }

    /// What it is to run, asked for anew.
    fn look(&mut self, id: &str) -> String {
        let link = self.link(id);
        // What was said before is of no account.
        link.mqtt.all().unwrap();
        link.say(id, "get", &json!({"cid": "1"}));
        link.mqtt.told("/resp");
        let desired = link.mqtt.told("/desired");
        let mode = |own: &Value| own["mode"].as_str().map_or(String::new(), |mode| format!(" ({mode})"));
        let own =
            |own: &Value| format!("type {} {}{}", own["type"], own["version"].as_str().unwrap(), mode(own));
        let wanted: Vec<_> = desired["comps"].as_array().unwrap().iter().map(own).collect();
        let wanted = if wanted.is_empty() { "nothing".into() } else { wanted.join(", ") };
        format!("{id}: is to run {wanted}")
    }

    /// Says something about its action.
    fn say_over_mqtt(&mut self, id: &str, word: &str) {
        let (_, device) = self.api("GET", &format!("devices/{id}"), None);
        let action = device["active"]["3"].as_u64().expect("an action under way");
        let (execution, finished) = match word {
            "success" | "failure" => ("closed", word),
            word => (word, "none"),
        };
        let status = json!({"status": {"execution": execution, "result": {"finished": finished}}});
        self.link(id).say(id, &format!("fb/{action}"), &status);
    }
}
