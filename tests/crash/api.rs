//! The operator's API as somebody uses it who expects the server to die at any moment.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest page that the server gives.
const PAGE: usize = 500;

pub struct Api {
    agent: ureq::Agent,
    root: String,
    bearer: String,
}

/// A status, and the JSON behind it.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Api {
    pub fn new(http: SocketAddr, token: &str) -> Api {
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent = config.timeout_global(Some(PATIENCE)).build().into();
        Api { agent, root: format!("http://{http}"), bearer: format!("Bearer {token}") }
    }

    pub fn get(&self, path: &str) -> io::Result<Answer> {
        let request = self.agent.get(self.url(path)).header("authorization", &self.bearer);
        answer(request.call())
    }

    pub fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        let request = self.agent.post(self.url(path)).header("authorization", &self.bearer);
        answer(request.send_json(body))
    }

    pub fn delete(&self, path: &str) -> io::Result<Answer> {
        let request = self.agent.delete(self.url(path)).header("authorization", &self.bearer);
        answer(request.call())
    }

    /// Uploads an image of type 3 for lamps.
    pub fn upload(&self, version: &str, bytes: &[u8]) -> io::Result<Answer> {
        self.upload_for("lamp", version, &[("lamp.bin", bytes)])
    }

    /// Uploads an image of type 3.
    pub fn upload_for(&self, product: &str, version: &str, files: &[(&str, &[u8])]) -> io::Result<Answer> {
        let mut body = Vec::new();
        for (name, value) in [("product", product), ("type", "3"), ("version", version)] {
            let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        for (name, bytes) in files {
            let part = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
            let part = [b"--b\r\n", part.as_bytes(), b"\r\n\r\n", bytes, b"\r\n"].concat();
            body.extend_from_slice(&part);
        }
        body.extend_from_slice(b"--b--\r\n");
        let request = self.agent.post(self.url("images")).header("authorization", &self.bearer);
        answer(request.content_type("multipart/form-data; boundary=b").send(&body))
    }

    /// The bytes of an artifact; none when there is no such thing.
    pub fn download(&self, sha256: &str) -> io::Result<Option<Vec<u8>>> {
        let url = format!("{}/artifacts/{sha256}", self.root);
        let request = self.agent.get(url).header("authorization", &self.bearer);
        let mut response = request.call().map_err(io::Error::other)?;
        if response.status() != 200 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// All items of a list. `turn` is the parameter that asks for the next page.
    pub fn list(&self, path: &str, turn: &str) -> io::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut mark = String::new();
        loop {
            let mut answer = self.get(&format!("{path}?limit={PAGE}{mark}"))?;
            match answer.body["items"].take() {
                Value::Array(page) if answer.status == 200 => items.extend(page),
                _ => return Err(io::Error::other(format!("{path} is answered with {answer:?}"))),
            }
            match answer.body["next"].as_str() {
                Some(next) => mark = format!("&{turn}={next}"),
                None => return Ok(items),
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.root)
    }
}

fn answer(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> io::Result<Answer> {
    let mut response = sent.map_err(io::Error::other)?;
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().map_err(io::Error::other)?;
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
    Ok(Answer { status, body })
}
