//! Devices that speak DDI, and do exactly what the story says.

use serde_json::{Value, json};

use crate::support::eventually;
use crate::world::World;

impl World {
    /// Registers devices: `devices lamp-1..3 product lamp runs 1.0.0 region=eu`.
    pub fn add_devices(&mut self, ids: &[String], rest: &[&str]) -> Vec<String> {
        let mut product = "lamp";
        let mut data = json!({});
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            match (*word, word.split_once('=')) {
                ("product", _) => product = words.next().expect("a product"),
                ("runs", _) => data["2003"] = json!(words.next().expect("a version")),
                (_, Some((name, value))) => data[name] = json!(value),
                _ => panic!("no such word: {word}"),
            }
        }
        for id in ids {
            let (status, made) = self.api("POST", "devices", Some(json!({"id": id, "product": product})));
            assert_eq!(status, 201, "{made}");
            self.tokens.insert(id.clone(), made["token"].as_str().unwrap().to_owned());
            if data != json!({}) {
                self.configure(id, &data);
            }
        }
        Vec::new()
    }

    fn configure(&mut self, id: &str, data: &Value) {
        let (status, said) =
            self.ddi(id, "PUT", "/configData", Some(&json!({"mode": "merge", "data": data})));
        assert_eq!(status, 200, "{said}");
    }

    /// What devices do: `lamp-1..3 succeed`.
    pub fn act(&mut self, ids: &[String], what: &[&str]) -> Vec<String> {
        let mut said = Vec::new();
        for id in ids {
            said.extend(self.act_one(id, what));
        }
        said
    }

    fn act_one(&mut self, id: &str, what: &[&str]) -> Option<String> {
        let plain: Vec<&str> = what.iter().map(|word| word.strip_suffix('s').unwrap_or(word)).collect();
        // Words of a device that has a connection keep their own endings.
        let verb = plain.first().expect("a verb");
        if let Some(said) = self.act_over_mqtt(id, &[&[*verb], &what[1..]].concat()) {
            return said;
        }
        match plain.as_slice() {
            ["succeed"] => self.succeed(id),
            ["claim", "succes"] => self.say(id, "closed", "success"),
            ["fail"] => self.say(id, "closed", "failure"),
            ["begin"] => self.say(id, "proceeding", "none"),
            ["fetche"] => self.say(id, "download", "none"),
            ["ha", "fetched"] | ["have", "fetched"] => self.say(id, "downloaded", "none"),
            ["let", "go"] => self.answer(id, "closed", "success"),
            ["hold", "on"] => self.answer(id, "rejected", "none"),
            ["agree"] => self.consent(id, "confirmed"),
            ["disagree"] => self.consent(id, "denied"),
            ["agree", "alway"] => self.post(id, "/confirmationBase/activateAutoConfirm", &json!({})),
            ["run", version] => {
                self.configure(id, &json!({"2003": version}));
                None
            }
            ["move", "to", region] => {
                self.configure(id, &json!({"region": region}));
                None
            }
            ["ask"] => Some(format!("{id}: {}", self.task(id))),
            ["leave"] => {
                let (status, said) = self.api("DELETE", &format!("devices/{id}"), None);
                assert_eq!(status, 204, "{said}");
                None
            }
            _ => panic!("devices cannot {what:?}"),
        }
    }

    /// Says something about the action that it is to carry out, once there is one.
    fn say(&mut self, id: &str, execution: &str, finished: &str) -> Option<String> {
        let path = self.place(id, "deploymentBase");
        let status = json!({"status": {"execution": execution, "result": {"finished": finished}}});
        self.post(id, &format!("/{path}/feedback"), &status)
    }

    /// Says that it is done, and reports what it runs now.
    fn succeed(&mut self, id: &str) -> Option<String> {
        let path = self.place(id, "deploymentBase");
        let (_, action) = self.api("GET", &path.replace("deploymentBase", "actions"), None);
        self.say(id, "closed", "success");
        let components = action["components"].as_array().unwrap().iter();
        let attribute =
            |own: &Value| (format!("{}", 2000 + own["type"].as_u64().unwrap()), own["version"].clone());
        self.configure(id, &components.map(attribute).collect::<Value>());
        None
    }

    fn answer(&mut self, id: &str, execution: &str, finished: &str) -> Option<String> {
        let path = self.place(id, "cancelAction");
        let status = json!({"status": {"execution": execution, "result": {"finished": finished}}});
        self.post(id, &format!("/{path}/feedback"), &status)
    }

    fn consent(&mut self, id: &str, word: &str) -> Option<String> {
        let path = self.place(id, "confirmationBase");
        self.post(id, &format!("/{path}/feedback"), &json!({"confirmation": word}))
    }

    fn post(&mut self, id: &str, path: &str, body: &Value) -> Option<String> {
        let (status, said) = self.ddi(id, "POST", path, Some(body));
        assert_eq!(status, 200, "{id} {path} {body}: {said}");
        None
    }

    /// The path behind a link of the next poll that has it, such as `deploymentBase/7`.
    fn place(&mut self, id: &str, name: &str) -> String {
        let what = format!("{name} for {id}");
        eventually(&what, || self.poll(id).into_iter().find(|path| path.starts_with(name)))
    }

    /// The paths that a poll leads to, below the device's own.
    fn poll(&mut self, id: &str) -> Vec<String> {
        let (status, polled) = self.ddi(id, "GET", "", None);
        assert_eq!(status, 200, "{polled}");
        let links = polled["_links"].as_object().into_iter().flatten();
        let hrefs = links.filter_map(|(_, link)| link["href"].as_str());
        let tail = |href: &str| {
            let path = href.split('?').next().unwrap_or_default();
            path.split_once(&format!("/controller/v1/{id}/")).unwrap().1.to_owned()
        };
        hrefs.map(tail).collect()
    }

    /// What the device is to do, in a line.
    fn task(&mut self, id: &str) -> String {
        let paths = self.poll(id);
        let own = |name: &str| paths.iter().find(|path| path.starts_with(name));
        if own("cancelAction").is_some() {
            return "is to let go".into();
        }
        let Some(path) = own("deploymentBase").or(own("confirmationBase/")) else {
            return "has nothing to do".into();
        };
        let (status, shown) = self.ddi(id, "GET", &format!("/{path}"), None);
        if status == 404 {
            // It was called off in between; the next poll says so.
            return self.task(id);
        }
        assert_eq!(status, 200, "{shown}");
        let asks = shown.get("confirmation").is_some();
        let duty = if asks { &shown["confirmation"] } else { &shown["deployment"] };
        let word = |name: &str| duty[name].as_str().unwrap_or("none").to_owned();
        let chunk =
            |own: &Value| format!("{} {}", own["part"].as_str().unwrap(), own["version"].as_str().unwrap());
        let chunks: Vec<_> = duty["chunks"].as_array().unwrap().iter().map(chunk).collect();
        let window =
            duty["maintenanceWindow"].as_str().map_or(String::new(), |own| format!(", window {own}"));
        let asks = if asks { "is asked whether to take " } else { "" };
        let (download, update) = (word("download"), word("update"));
        format!("{asks}{}: download {download}, update {update}{window}", chunks.join(" + "))
    }
}
