//! The operator's side: registering devices, uploading a file, ordering it to devices, looking devices up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use ureq::Agent;

use super::server::Updraft;

/// Registrations at once: the server commits them in groups.
const THREADS: usize = 32;
/// The longest any single call may take.
const LIMIT: Duration = Duration::from_secs(120);
/// The product of all devices.
const PRODUCT: &str = "bench";

/// An administrator at one server.
pub struct Operator {
    agent: Agent,
    base: String,
    authorization: String,
}

/// An uploaded file.
pub struct Uploaded {
    /// The image's id.
    pub image: u64,
    /// The file's SHA-256 sum.
    pub sha256: String,
}

impl Operator {
    /// The administrator of a server.
    pub fn of(server: &Updraft) -> Operator {
        let config = Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .max_idle_connections(THREADS)
            .max_idle_connections_per_host(THREADS)
            .build();
        let base = format!("http://{}/api/v1", server.http);
        Operator { agent: config.new_agent(), base, authorization: format!("Bearer {}", server.token) }
    }

    fn post(&self, path: &str, body: &[u8], kind: &str) -> Result<Value> {
        let request = self.agent.post(format!("{}/{path}", self.base));
        let request = request.header("authorization", &self.authorization).header("content-type", kind);
        let mut response = request.send(body).with_context(|| format!("POST {path}"))?;
        let text = response.body_mut().read_to_string()?;
        ensure!(response.status().is_success(), "POST {path}: {} {text}", response.status());
        Ok(serde_json::from_str(&text)?)
    }

    /// Registers devices, many at once, and gives their tokens in the same order.
    pub fn register(&self, ids: &[String]) -> Result<Vec<String>> {
        let next = AtomicUsize::new(0);
        let tokens = Mutex::new(vec![String::new(); ids.len()]);
        let work = || -> Result<()> {
            while let Some((at, id)) = take(&next, ids) {
                let body = json!({"id": id, "product": PRODUCT}).to_string();
                let answer = self.post("devices", body.as_bytes(), "application/json")?;
                let token = answer["token"].as_str().context("a registered device without a token")?;
                tokens.lock().expect("no thread panics while it holds the tokens")[at] = token.to_owned();
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("registering does not panic"))
        })?;
        Ok(tokens.into_inner().expect("no thread panics while it holds the tokens"))
    }

    /// When the server has last seen a device, in RFC 3339.
    pub fn last_seen(&self, id: &str) -> Result<Option<String>> {
        let request = self.agent.get(format!("{}/devices/{id}", self.base));
        let mut response = request.header("authorization", &self.authorization).call()?;
        ensure!(response.status().is_success(), "GET device {id}: {}", response.status());
        let device: Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
        Ok(device["lastSeen"].as_str().or(device["last_seen"].as_str()).map(str::to_owned))
    }

    /// Uploads a file as an image.
    pub fn upload(&self, name: &str, file: &[u8]) -> Result<Uploaded> {
        let path = format!("images?product={PRODUCT}&type=3&version=2.0.0&name={name}");
        let answer = self.post(&path, file, "application/octet-stream")?;
        let image = answer["id"].as_u64().context("an image without an id")?;
        let sha256 = answer["artifacts"][0]["sha256"].as_str().context("an image without a sum")?;
        Ok(Uploaded { image, sha256: sha256.to_owned() })
    }

    /// Orders the image to devices.
    pub fn deploy(&self, image: u64, ids: &[String]) -> Result<()> {
        let body = json!({"image": image, "devices": ids}).to_string();
        self.post("deployments", body.as_bytes(), "application/json").map(|_| ())
    }
}

fn take<'a>(next: &AtomicUsize, ids: &'a [String]) -> Option<(usize, &'a String)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    ids.get(at).map(|id| (at, id))
}
