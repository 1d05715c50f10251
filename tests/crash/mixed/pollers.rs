//! Devices that ask over HTTP: hawkBit's DDI, arkors and the ESP8266.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{NEW, OLD, PRODUCT};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Ddi,
    Arkors,
    Esp,
}

pub struct Poller {
    pub id: String,
    pub violations: Vec<String>,
    /// It runs the new version.
    pub new: bool,
    /// How many updates it is going to fail.
    pub failures: u32,
    /// Polls that were answered, with all that came of them.
    pub answered: u64,
    dialect: Dialect,
    token: String,
    /// The server knows what it runs.
    reported: bool,
    /// Actions that it goes on with, that it has no more to say about, and whose end was acknowledged.
    told: BTreeSet<u64>,
    over: BTreeSet<u64>,
    ended: BTreeSet<u64>,
}

impl Poller {
    pub fn new(id: String, token: String, dialect: Dialect, failures: u32) -> Poller {
        let (told, over, ended) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Poller {
            id,
            violations: Vec::new(),
            new: false,
            failures,
            answered: 0,
            dialect,
            token,
            reported: false,
            told,
            over,
            ended,
        }
    }

    /// Polls once and does what it is told.
    ///
    /// # Errors
    /// When there is no server, or none any more: what was under way is done again.
    pub fn step(&mut self, agent: &ureq::Agent, http: SocketAddr) -> io::Result<()> {
        match self.dialect {
            Dialect::Ddi => self.poll_ddi(agent, http)?,
            Dialect::Arkors => self.poll_arkors(agent, http)?,
            Dialect::Esp => self.poll_esp(agent, http)?,
        }
        self.answered += 1;
        Ok(())
    }

    fn poll_ddi(&mut self, agent: &ureq::Agent, http: SocketAddr) -> io::Result<()> {
        let root = format!("http://{http}/default/controller/v1/{}", self.id);
        let token = format!("TargetToken {}", self.token);
        if !self.reported {
            let runs = json!({"data": {"2003": if self.new { NEW } else { OLD }}});
            let request = agent.put(format!("{root}/configData")).header("authorization", &token);
            let (status, answer) = answer(request.send_json(runs))?;
            self.expect(status == 200, || format!("configData is answered {status} {answer}"));
            self.reported = status == 200;
            if self.new {
                self.ended.append(&mut self.over);
            }
        }
        let (status, base) = answer(agent.get(&root).header("authorization", &token).call())?;
        self.expect(status == 200, || format!("a poll is answered {status} {base}"));
        let say = |tail: String, body: Value| {
            let request = agent.post(format!("{root}/{tail}/feedback")).header("authorization", &token);
            answer(request.send_json(body)).map(|(status, _)| status == 200)
        };
        if let Some(action) = number(&base["_links"]["cancelAction"]) {
            say(format!("cancelAction/{action}"), word("closed", "success"))?;
        }
        let Some(action) = number(&base["_links"]["deploymentBase"]) else { return Ok(()) };
        let again = self.ended.contains(&action);
        self.expect(!again, || format!("action {action} is ordered again: {base}"));
        if self.over.contains(&action) {
            return Ok(());
        }
        let tail = format!("deploymentBase/{action}");
        if self.told.insert(action) {
            return say(tail, word("proceeding", "none")).map(drop);
        }
        let fails = self.failures > 0;
        let stored = say(tail, word("closed", if fails { "failure" } else { "success" }))?;
        self.over.insert(action);
        // It has installed before it says so, and may have said it before: whether it is told so changes nothing.
        match fails {
            true => self.failures -= 1,
            false => (self.new, self.reported) = (true, false),
        }
        if fails && stored {
            self.ended.insert(action);
        }
        Ok(())
    }

    fn poll_arkors(&mut self, agent: &ureq::Agent, http: SocketAddr) -> io::Result<()> {
        let runs = if self.new { 2 } else { 1 };
        let client = format!("{},ANDROID", self.id);
        let request = agent.get(format!("http://{http}/v1/updates/{PRODUCT}/{runs}"));
        let headers = [
            ("X-Arkors-Application-Id", "demo"),
            ("X-Arkors-Application-Token", "cb21df532c6647383af7efa0fd8405f2,1389085779854"),
            ("X-Arkors-Application-Log", "5024442115e7bd738354c1fac662aed5"),
            ("X-Arkors-Application-Client", &*client),
        ];
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (status, answer) = answer(request.call())?;
        match status {
            200 if self.new => self.expect(!self.reported, || format!("it is ordered again: {answer}")),
            200 => self.new = true,
            404 => self.reported = self.new,
            _ => self.expect(false, || format!("a poll is answered {status} {answer}")),
        }
        Ok(())
    }

    fn poll_esp(&mut self, agent: &ureq::Agent, http: SocketAddr) -> io::Result<()> {
        let url = format!("http://{http}/firmware/{PRODUCT}/versions");
        let runs = if self.new { NEW } else { OLD };
        let request = agent.get(&url).header("uuid", &self.id).header("version", runs);
        let (status, found) = answer(request.header("token", &self.token).call())?;
        self.expect(status == 200, || format!("a poll is answered {status} {found}"));
        if self.new || found["last"]["version"] != NEW {
            return Ok(());
        }
        let request = agent.get(format!("{url}/{NEW}/user1.bin")).header("uuid", &self.id);
        let fetched = request.header("token", &self.token).call().map_err(io::Error::other)?;
        // What is called off between the two is not there any more.
        self.new = fetched.status() == 200;
        Ok(())
    }

    fn expect(&mut self, right: bool, what: impl Fn() -> String) {
        if !right {
            self.violations.push(format!("{}: {}", self.id, what()));
        }
    }
}

fn word(execution: &str, finished: &str) -> Value {
    json!({"status": {"execution": execution, "result": {"finished": finished}}})
}

/// The action of a link.
fn number(link: &Value) -> Option<u64> {
    link["href"].as_str()?.rsplit('/').next()?.split('?').next()?.parse().ok()
}

fn answer(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> io::Result<(u16, Value)> {
    let mut response = sent.map_err(io::Error::other)?;
    let text = response.body_mut().read_to_string().map_err(io::Error::other)?;
    Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or_default()))
}
