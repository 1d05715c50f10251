//! The operator's side of updraft: registering devices, uploading an image, ordering a deployment.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use ureq::Agent;

use super::server::Server;
use super::wire::{PRODUCT, now_ns};

/// Registrations at once: the server commits them in groups.
const THREADS: usize = 32;

/// The longest any single call may take.
const LIMIT: Duration = Duration::from_secs(120);

/// An administrator at one server.
pub struct Operator {
    agent: Agent,
    base: String,
    authorization: String,
}

impl Operator {
    /// The administrator of a server that has one.
    pub fn of(server: &Server) -> Result<Operator> {
        let (addr, token) = server.http.as_ref().context("this server has no operators")?;
        let config = Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .max_idle_connections(THREADS)
            .max_idle_connections_per_host(THREADS)
            .build();
        Ok(Operator {
            agent: config.new_agent(),
            base: format!("http://{addr}/api/v1"),
            authorization: format!("Bearer {token}"),
        })
    }

    fn post(&self, path: &str, body: &[u8], kind: &str) -> Result<Value> {
        let request = self.agent.post(format!("{}/{path}", self.base));
        let request = request.header("authorization", &self.authorization).header("content-type", kind);
        let mut response = request.send(body).with_context(|| format!("POST {path}"))?;
        // A deployment of 19,000 devices must not be cut, whatever the answer repeats of it.
        let text = response.body_mut().with_config().limit(64 * 1024 * 1024).read_to_string()?;
        if !response.status().is_success() {
            bail!("POST {path}: {} {}", response.status(), text.chars().take(400).collect::<String>());
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Registers a device and gives its token.
    fn register(&self, id: &str) -> Result<String> {
        let body = json!({"id": id, "product": PRODUCT}).to_string();
        let answer = self.post("devices", body.as_bytes(), "application/json")?;
        Ok(answer["token"].as_str().context("a registered device without a token")?.to_owned())
    }

    /// Registers all devices, many at once, and gives their tokens in the same order.
    pub fn register_all(&self, ids: &[String]) -> Result<Vec<String>> {
        let next = AtomicUsize::new(0);
        let tokens = Mutex::new(vec![String::new(); ids.len()]);
        let work = || -> Result<()> {
            while let Some((at, id)) = take(&next, ids) {
                let token = self.register(id)?;
                tokens.lock().expect("no thread panics while it holds the tokens")[at] = token;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("registering does not panic"))
        })?;
        Ok(tokens.into_inner().expect("no thread panics while it holds the tokens"))
    }

    /// The number of firmware type 3 that the server has stored for a device.
    pub fn stored(&self, id: &str) -> Result<Option<u64>> {
        let request = self.agent.get(format!("{}/devices/{id}", self.base));
        let mut response = request.header("authorization", &self.authorization).call()?;
        ensure!(response.status().is_success(), "GET device {id}: {}", response.status());
        let device: Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
        Ok(device["versions"]["3"]["number"].as_str().and_then(|number| number.parse().ok()))
    }

    /// Uploads a small image and gives its id.
    pub fn upload(&self, version: &str) -> Result<u64> {
        let path = format!("images?product={PRODUCT}&type=3&version={version}&name=fw.bin");
        let answer = self.post(&path, &[0x5A; 4096], "application/octet-stream")?;
        // The answer is the image, alone or as a member.
        let id = answer["id"].as_u64().or_else(|| answer["image"]["id"].as_u64());
        id.with_context(|| format!("an image without an id: {answer}"))
    }

    /// Orders the image to all devices: when the call began, and how long it took to be answered.
    pub fn deploy(&self, image: u64, ids: &[String]) -> Result<(u64, Duration)> {
        let body = json!({"image": image, "devices": ids}).to_string();
        let start = now_ns();
        let answer = self.post("deployments", body.as_bytes(), "application/json")?;
        let took = Duration::from_nanos(now_ns() - start);
        ensure!(answer.is_object(), "a deployment that is no object: {answer}");
        Ok((start, took))
    }
}

fn take<'a>(next: &AtomicUsize, ids: &'a [String]) -> Option<(usize, &'a String)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    ids.get(at).map(|id| (at, id))
}
