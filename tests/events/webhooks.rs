//! Webhooks against a receiver of their own, which checks signatures by its own computation.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{PATIENCE, Server, eventually};

/// A request as it came.
struct Received {
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

/// A receiver that answers with these statuses in turn, and with 204 after them.
fn receiver(statuses: Vec<u16>) -> (SocketAddr, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        let mut statuses = statuses.into_iter();
        for socket in listener.incoming() {
            let mut socket = BufReader::new(socket.unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if socket.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                lines.push(line.trim_end().to_owned());
            }
            let pairs = lines.iter().filter_map(|line| line.split_once(": "));
            let headers: HashMap<_, _> =
                pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
            let Some(length) = headers.get("content-length") else { continue };
            let mut body = vec![0; length.parse().unwrap()];
            socket.read_exact(&mut body).unwrap();
            let status = statuses.next().unwrap_or(204);
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = socket.get_mut().write_all(answer.as_bytes());
            if sender.send(Received { headers, body }).is_err() {
                return;
            }
        }
    });
    (address, received)
}

/// HMAC-SHA256 (RFC 2104), written out here so that it is not the server's.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36)[..], text].concat());
    Sha256::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat()).to_vec()
}

impl Received {
    /// The events, after the signature was checked.
    fn events(&self, secret: &str) -> Vec<Value> {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let (id, moment) = (&self.headers["webhook-id"], &self.headers["webhook-timestamp"]);
        let signed = [format!("{id}.{moment}.").as_bytes(), &self.body].concat();
        let expected = format!("v1,{}", STANDARD.encode(hmac(&key, &signed)));
        assert_eq!(self.headers["webhook-signature"], expected);
        assert_eq!(self.headers["content-type"], "application/json");
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["events"].as_array().unwrap().clone()
    }

    fn ids(&self, secret: &str) -> Vec<u64> {
        let events = self.events(secret);
        events.iter().map(|event| event["id"].as_str().unwrap().parse().unwrap()).collect()
    }
}

fn add(server: &Server, address: SocketAddr, types: &[&str]) -> (Value, String) {
    let new = json!({"url": format!("http://{address}/in"), "types": types});
    let made = server.client().post("webhooks", &new);
    assert_eq!(made.status, 201, "{made:?}");
    (made.body["webhook"]["id"].clone(), made.body["secret"].as_str().unwrap().to_owned())
}

#[test]
fn a_receiver_that_fails_twice_gets_the_same_again_and_then_what_follows() {
    let server = Server::start();
    let (address, received) = receiver(vec![500, 503, 200]);
    let (id, secret) = add(&server, address, &["device"]);
    assert_eq!(server.client().upload("lamp", "1.0.0", b"x").status, 201);
    server.client().add_device("lamp-1", "lamp");
    let [first, second, third] = [(); 3].map(|()| received.recv_timeout(PATIENCE).unwrap());
    assert_eq!(first.ids(&secret), [2]);
    for again in [&second, &third] {
        assert_eq!(again.body, first.body);
        assert_eq!(again.headers["webhook-id"], first.headers["webhook-id"]);
        assert_eq!(again.ids(&secret), [2]);
    }
    server.client().add_device("lamp-2", "lamp");
    assert_eq!(received.recv_timeout(PATIENCE).unwrap().ids(&secret), [3]);
    let shown = eventually("the note of the last success", || {
        let shown = server.client().get(&format!("webhooks/{id}")).body;
        (shown["cursor"] == "3").then_some(shown)
    });
    assert_eq!((&shown["failures"], &shown["last"]["ok"]), (&json!(0), &json!(true)));
    assert_eq!(shown.get("secret"), None);
}

#[test]
fn nothing_is_lost_when_the_server_is_killed_and_the_order_stays() {
    let mut server = Server::start();
    let (address, received) = receiver(vec![]);
    let (_, secret) = add(&server, address, &[]);
    let client = server.client();
    (0..150).for_each(|n| drop(client.add_device(&format!("lamp-{n}"), "lamp")));
    server.restart();
    let client = server.client();
    (150..300).for_each(|n| drop(client.add_device(&format!("lamp-{n}"), "lamp")));
    let mut newest = 0;
    while newest < 300 {
        let ids = received.recv_timeout(PATIENCE).unwrap().ids(&secret);
        assert!(ids.len() <= 100 && ids.windows(2).all(|two| two[0] + 1 == two[1]), "{ids:?}");
        // A kill may repeat what had arrived, and never leaves anything out.
        assert!(ids[0] <= newest + 1, "{ids:?} behind {newest}");
        newest = newest.max(*ids.last().unwrap());
    }
}

#[test]
fn a_receiver_that_is_gone_is_given_up_and_another_does_not_wait_for_it() {
    let server = Server::start();
    let (gone, _requests) = receiver(vec![410]);
    let (address, received) = receiver(vec![]);
    let (id, _) = add(&server, gone, &[]);
    let (_, secret) = add(&server, address, &[]);
    server.client().add_device("lamp-1", "lamp");
    assert_eq!(received.recv_timeout(PATIENCE).unwrap().ids(&secret), [1]);
    let shown = eventually("the end of the webhook", || {
        let shown = server.client().get(&format!("webhooks/{id}")).body;
        (shown["enabled"] == false).then_some(shown)
    });
    assert_eq!(shown["given_up"], "it answered 410 Gone");
}

#[test]
fn webhooks_are_made_tried_and_removed_by_administrators_only() {
    let server = Server::start();
    let client = server.client();
    let (address, received) = receiver(vec![]);
    let url = format!("http://{address}/in");
    let made = server.json(&["webhook", "add", &url, "--type", "action.failed"]);
    let secret = made["secret"].as_str().unwrap();
    let test = server.json(&["webhook", "test", "1"]);
    assert_eq!((&test["ok"], &test["status"]), (&json!(true), &json!(204)));
    let events = received.recv_timeout(PATIENCE).unwrap().events(secret);
    assert_eq!((events.len(), &events[0]["type"]), (1, &json!("test")));
    assert!(server.prints(&["webhook", "list"]).contains("action.failed"));
    let check = |body: Value, code: &str, field: &str| {
        let refused = client.post("webhooks", &body);
        let error = &refused.body["error"];
        assert_eq!((refused.status, &error["code"], &error["field"]), (400, &json!(code), &json!(field)));
    };
    check(json!({"url": "ftp://x/"}), "bad-url", "url");
    check(json!({"url": "http://a:b@x/"}), "bad-url", "url");
    check(json!({"url": "/x"}), "bad-url", "url");
    check(json!({"url": format!("http://x/{}", "y".repeat(2048))}), "bad-url", "url");
    check(json!({"url": "http://x/", "types": ["nothing"]}), "bad-event-type", "types");
    for _ in 1..32 {
        assert_eq!(client.post("webhooks", &json!({"url": url})).status, 201);
    }
    assert_eq!(client.post("webhooks", &json!({"url": url})).status, 422);
    let eye = client.post("operators", &json!({"name": "eye", "role": "observer"}));
    let eye = crate::support::Client::new(server.http(), eye.body["token"].as_str().unwrap());
    assert_eq!(eye.get("webhooks").status, 403);
    server.prints(&["webhook", "remove", "1"]);
    assert_eq!(client.get("webhooks/1").body["error"]["code"], "no-such-webhook");
}

#[test]
fn a_server_that_is_told_so_sends_nothing_into_its_own_network() {
    let server = Server::with(&[], &[("UPDRAFT_WEBHOOKS_ALLOW_PRIVATE", "false")]);
    let (address, received) = receiver(vec![]);
    add(&server, address, &[]);
    let refused = server.updraft(&["webhook", "test", "1", "--json"]);
    assert_eq!(refused.status.code(), Some(1));
    let attempt: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((&attempt["ok"], &attempt["error"]), (&json!(false), &json!("host not found")));
    assert!(received.try_recv().is_err());
}
