//! What an operator asks, and the answers in a few lines.

use serde_json::{Value, json};

use crate::support::eventually;
use crate::text::masked;
use crate::world::World;

/// The places of a member, in the order in which they are shown.
const PLACES: [&str; 9] = [
    "waiting",
    "deferred",
    "active",
    "succeeded",
    "failed",
    "rejected",
    "timed_out",
    "not_compatible",
    "cancelled",
];

impl World {
    /// What is sent with JSON: `rollout`, `plan`, `deploy`.
    pub fn send(&mut self, verb: &str, body: &Value) -> Vec<String> {
        match verb {
            "rollout" => {
                let answer = self.api("POST", "rollouts", Some(body.clone()));
                self.made(answer)
            }
            "plan" => {
                let (status, plan) = self.api("POST", "rollouts/plan", Some(json!({"rollout": body})));
                let cause = plan["cause"]["text"].as_str().map_or(String::new(), |text| format!(": {text}"));
                vec![
                    refused(status, &plan)
                        .unwrap_or_else(|| format!("{status} {}{cause}", word(&plan["status"]))),
                ]
            }
            "deploy" => {
                let (status, made) = self.api("POST", "deployments", Some(body.clone()));
                vec![refused(status, &made).unwrap_or_else(|| format!("{status} deployment {}", made["id"]))]
            }
            verb => panic!("nothing is sent with {verb}"),
        }
    }

    /// What is asked without JSON.
    pub fn ask(&mut self, words: &[&str]) -> Vec<String> {
        match words {
            ["image", product, kind, version, rules @ ..] => {
                let (status, made) = self.upload(product, kind, version, rules);
                vec![refused(status, &made).unwrap_or_else(|| format!("{status} image {}", made["id"]))]
            }
            ["release", name, version, images @ ..] => {
                let images: Vec<u32> = images.iter().map(|id| id.parse().unwrap()).collect();
                let body = json!({"name": name, "version": version, "images": images});
                let (status, made) = self.api("POST", "releases", Some(body));
                vec![refused(status, &made).unwrap_or_else(|| format!("{status} release {}", made["id"]))]
            }
            ["setting", key, value] => {
                let path = "tenants/default/settings";
                let (status, said) = self.api("PATCH", path, Some(json!({*key: value})));
                assert_eq!(status, 200, "{said}");
                Vec::new()
            }
            ["crash"] => {
                self.crash();
                Vec::new()
            }
            ["list"] => self.list(),
            ["images"] => self.images(),
            ["show", id] => self.show(id),
            ["members", id] => self.members(id),
            ["explain", id, device] => {
                let (status, why) = self.api("GET", &format!("rollouts/{id}/explain?device={device}"), None);
                let own = &why["device"];
                let found = || format!("{}: {}", word(&own["code"]), word(&own["message"]));
                vec![masked(&refused(status, &why).unwrap_or_else(found))]
            }
            ["why", id] => self.why(id),
            ["remove", id] => {
                let (status, said) = self.api("DELETE", &format!("rollouts/{id}"), None);
                vec![refused(status, &said).unwrap_or_else(|| status.to_string())]
            }
            ["rename", id, name] => {
                let answer = self.api("PATCH", &format!("rollouts/{id}"), Some(json!({"name": name})));
                vec![refused(answer.0, &answer.1).unwrap_or_else(|| word(&answer.1["name"]).to_owned())]
            }
            ["retry", id, rest @ ..] => {
                let body = json!({"start": rest == ["start"]});
                let answer = self.api("POST", &format!("rollouts/{id}/retry"), Some(body));
                self.made(answer)
            }
            [verb, id, rest @ ..] => self.command(verb, id, rest),
            words => panic!("no such line: {words:?}"),
        }
    }

    /// A rollout that was asked for, once its devices are written down.
    fn made(&mut self, (status, made): (u16, Value)) -> Vec<String> {
        if let Some(refusal) = refused(status, &made) {
            return vec![refusal];
        }
        let path = format!("rollouts/{}", made["id"]);
        eventually("a rollout that is made", || {
            (self.api("GET", &path, None).1["status"] != "creating").then_some(())
        });
        let waves = made["waves"].as_array().unwrap();
        let sizes: Vec<_> = waves.iter().map(|wave| wave["devices"]["total"].to_string()).collect();
        let (id, name) = (&made["id"], word(&made["name"]));
        vec![format!("{status} rollout {id}, {name}: {}", sizes.join(" + "))]
    }

    fn command(&mut self, verb: &str, id: &str, rest: &[&str]) -> Vec<String> {
        let body = match (verb, rest) {
            ("start" | "pause" | "resume" | "next", []) => json!({}),
            ("stop", []) | ("approve" | "deny", []) => json!({}),
            ("stop", [ending]) => json!({"ending": ending}),
            ("approve" | "deny", [remark]) => json!({"remark": remark}),
            _ => panic!("no such line: {verb} {id} {rest:?}"),
        };
        let (status, said) = self.api("POST", &format!("rollouts/{id}/{verb}"), Some(body));
        vec![refused(status, &said).unwrap_or_else(|| format!("{status} {}", word(&said["status"])))]
    }

    fn list(&mut self) -> Vec<String> {
        let (_, page) = self.api("GET", "rollouts", None);
        let line = |own: &Value| format!("{} {}: {}", own["id"], word(&own["name"]), word(&own["status"]));
        page["items"].as_array().unwrap().iter().map(line).collect()
    }

    fn images(&mut self) -> Vec<String> {
        let (_, page) = self.api("GET", "images", None);
        let line =
            |own: &Value| format!("image {}: {} #{}", own["id"], word(&own["version"]), word(&own["number"]));
        page["items"].as_array().unwrap().iter().map(line).collect()
    }

    /// Where a rollout stands, a line for each wave.
    fn show(&mut self, id: &str) -> Vec<String> {
        let (status, shown) = self.api("GET", &format!("rollouts/{id}"), None);
        if let Some(refusal) = refused(status, &shown) {
            return vec![refusal];
        }
        let cause = shown["cause"]["text"].as_str().map_or(String::new(), |text| format!(": {text}"));
        let decision = &shown["decision"];
        let said = |by: &str| format!(" (decided by {by}: {})", word(&decision["remark"]));
        let said = decision["by"].as_str().map_or(String::new(), said);
        let mut lines = vec![masked(&format!("{}{cause}{said}", word(&shown["status"])))];
        for wave in shown["waves"].as_array().unwrap() {
            let tally = |name: &&&str| wave["devices"][**name].as_u64() != Some(0);
            let places = PLACES.iter().filter(tally);
            let places: Vec<_> = places.map(|name| format!("{} {name}", wave["devices"][*name])).collect();
            let places = if places.is_empty() { "nobody".into() } else { places.join(", ") };
            lines.push(format!("{} {}: {places}", word(&wave["name"]), word(&wave["status"])));
        }
        lines
    }

    /// Who is in which wave, and where.
    fn members(&mut self, id: &str) -> Vec<String> {
        let (_, shown) = self.api("GET", &format!("rollouts/{id}"), None);
        let mut lines = Vec::new();
        for wave in shown["waves"].as_array().unwrap() {
            let path = format!("rollouts/{id}/waves/{}/devices?limit=500", wave["number"]);
            let (_, page) = self.api("GET", &path, None);
            let mut items: Vec<_> = page["items"].as_array().unwrap().iter().collect();
            items.sort_by_key(|own| (word(&own["device"]).len(), word(&own["device"]).to_owned()));
            let tries = |own: &Value| own["tries"].as_u64().filter(|tries| *tries > 1);
            let tries = |own: &Value| tries(own).map_or(String::new(), |tries| format!(" (try {tries})"));
            let one =
                |own: &&Value| format!("{} {}{}", word(&own["device"]), word(&own["place"]), tries(own));
            let items: Vec<_> = items.iter().map(one).collect();
            lines.push(format!("{}: {}", word(&wave["name"]), items.join(", ")));
        }
        lines
    }

    /// Why a rollout stands where it stands, with everything that was reckoned.
    fn why(&mut self, id: &str) -> Vec<String> {
        let (status, why) = self.api("GET", &format!("rollouts/{id}/explain"), None);
        if let Some(refusal) = refused(status, &why) {
            return vec![refusal];
        }
        let mut lines = vec![word(&why["message"]).to_owned()];
        let texts = |own: &Value| own["text"].as_str().map(str::to_owned);
        for part in ["waves", "stop_rules"] {
            lines.extend(why[part].as_array().into_iter().flatten().filter_map(texts));
        }
        lines.extend([&why["canary"], &why["throttle"]].into_iter().filter_map(texts));
        lines.iter().map(|line| masked(line)).collect()
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// A refusal in a line: status, code, the field that is meant, and why.
fn refused(status: u16, answer: &Value) -> Option<String> {
    let error = answer.get("error")?;
    let field = error["field"].as_str().map_or(String::new(), |field| format!(" {field}"));
    Some(format!("{status} {}{field}: {}", word(&error["code"]), word(&error["message"])))
}
