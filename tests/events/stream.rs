//! The stream over a socket of its own, read as bytes come.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Client, PATIENCE, Server, updraft};

/// A client of the stream that takes the chunks of HTTP/1.1 apart itself.
pub struct Stream {
    socket: BufReader<TcpStream>,
    text: String,
}

/// One event: its id, its type and its data.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub id: Option<u64>,
    pub kind: String,
    pub data: Value,
}

impl Stream {
    pub fn open(http: SocketAddr, token: &str, query: &str, headers: &str) -> Stream {
        let mut socket = TcpStream::connect(http).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut socket = BufReader::new(socket);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            socket.read_line(&mut line).unwrap();
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_lowercase());
        }
        assert_eq!(lines[0], "http/1.1 200 ok", "{lines:?}");
        assert!(lines.contains(&"content-type: text/event-stream; charset=utf-8".into()), "{lines:?}");
        let mut stream = Stream { socket, text: String::new() };
        assert_eq!(stream.block().unwrap(), ": updraft\nretry: 2000");
        stream
    }

    /// The next block of lines; none at the end of the stream.
    fn block(&mut self) -> Option<String> {
        while !self.text.contains("\n\n") {
            let mut size = String::new();
            self.socket.read_line(&mut size).unwrap();
            let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            self.socket.read_exact(&mut chunk).unwrap();
            if size == 0 {
                return None;
            }
            self.text += std::str::from_utf8(&chunk[..size]).unwrap();
        }
        let (block, rest) = self.text.split_once("\n\n").unwrap();
        let block = block.to_owned();
        self.text = rest.to_owned();
        Some(block)
    }

    /// The next event; none at the end of the stream.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block()?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            if let Some(data) = field("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                let kind = field("event: ").unwrap().to_owned();
                assert_eq!(data["type"], kind);
                return Some(Event { id: field("id: ").map(|id| id.parse().unwrap()), kind, data });
            }
        }
    }

    fn kinds(&mut self, count: usize) -> Vec<(u64, String)> {
        (0..count).map(|_| self.next().unwrap()).map(|event| (event.id.unwrap(), event.kind)).collect()
    }
}

fn listed(events: &[(u64, &str)]) -> Vec<(u64, String)> {
    events.iter().map(|(id, kind)| (*id, (*kind).to_owned())).collect()
}

#[test]
fn a_stream_brings_every_change_in_order_and_goes_on_where_it_broke_off() {
    let mut server = Server::start();
    let client = server.client();
    let mut live = Stream::open(server.http(), &server.token(), "", "");
    client.add_device("lamp-1", "lamp");
    assert_eq!(client.upload("lamp", "1.0.0", b"x").status, 201);
    assert_eq!(client.post("deployments", &json!({"image": 1, "devices": ["lamp-1"]})).status, 201);
    let all = [(1, "device.added"), (2, "image.added"), (3, "deployment.created"), (4, "action.queued")];
    assert_eq!(live.kinds(4), listed(&all));
    let from_two = Stream::open(server.http(), &server.token(), "?after=2", "").kinds(2);
    assert_eq!(from_two, listed(&all[2..]));
    // The header of a browser that comes again wins over the address that it came with.
    let again = Stream::open(server.http(), &server.token(), "?after=0", "Last-Event-ID: 3\r\n").kinds(1);
    assert_eq!(again, listed(&all[3..]));
    server.restart();
    let mut kept = Stream::open(server.http(), &server.token(), "?after=0&type=action,image.added", "");
    assert_eq!(kept.kinds(2), listed(&[all[1], all[3]]));
    assert_eq!(server.client().delete("devices/lamp-1").status, 204);
    let cancelled = kept.next().unwrap();
    assert_eq!((cancelled.id, cancelled.kind.as_str()), (Some(5), "action.cancelled"));
    let Value::Object(members) = &cancelled.data else { panic!("{cancelled:?}") };
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    assert_eq!(names, ["action", "deployment", "device", "id", "state", "time", "type"]);
    assert_eq!((&members["action"], &members["device"]), (&json!(1), &json!("lamp-1")));
    server.terminate();
    assert_eq!(kept.next(), None);
}

#[test]
fn a_cursor_that_the_log_does_not_reach_is_answered_with_a_gap() {
    let server = Server::start();
    server.client().add_device("lamp-1", "lamp");
    let mut stream = Stream::open(server.http(), &server.token(), "?after=900", "");
    let gap = stream.next().unwrap();
    assert_eq!((gap.id, gap.kind.as_str()), (None, "gap"));
    assert_eq!((&gap.data["after"], &gap.data["next"]), (&json!("900"), &json!("2")));
    server.client().add_device("lamp-2", "lamp");
    assert_eq!(stream.kinds(1), listed(&[(2, "device.added")]));
}

#[test]
fn a_stream_is_for_operators_of_the_tenant_and_says_what_is_wrong_with_a_question() {
    let server = Server::start();
    let client = server.client();
    let device = client.add_device("lamp-1", "lamp");
    let eye = client.post("operators", &json!({"name": "eye", "role": "observer", "tenant": "acme"}));
    let eye = eye.body["token"].as_str().unwrap().to_owned();
    let check = |token: &str, query: &str, status: u16, code: &str| {
        let answer = Client::new(server.http(), token).get(&format!("events{query}"));
        assert_eq!((answer.status, &answer.body["error"]["code"]), (status, &json!(code)), "{query}");
    };
    let admin = server.token();
    check("nobody", "", 401, "unauthenticated");
    check(&device, "", 403, "not-an-operator");
    check(&eye, "?tenant=default", 404, "no-such-tenant");
    check(&admin, "?after=x", 400, "bad-cursor");
    check(&admin, "?after=-1", 400, "bad-cursor");
    check(&admin, "?after=99999999999999999999", 400, "bad-cursor");
    check(&admin, "?type=actions", 400, "bad-event-type");
    check(&admin, "?limit=3", 400, "unknown-parameter");
    // An observer hears its own tenant and nothing of the other.
    let mut own = Stream::open(server.http(), &eye, "?after=0", "");
    let made = client.post("devices?tenant=acme", &json!({"id": "lamp-9", "product": "lamp"}));
    assert_eq!(made.status, 201);
    let first = own.next().unwrap();
    assert_eq!((first.id, &first.data["device"]), (Some(1), &json!("lamp-9")));
}

#[test]
fn the_command_line_prints_events_as_they_come_and_finds_the_server_again() {
    let mut server = Server::start();
    server.client().add_device("lamp-1", "lamp");
    let mut command = updraft();
    command.args(["events", "--after", "0", "--type", "device", "--json", "--data"]).arg(server.data());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["device"], "lamp-1");
    server.restart();
    server.client().add_device("lamp-2", "lamp");
    let second = next();
    assert_eq!((&second["id"], &second["device"]), (&json!("2"), &json!("lamp-2")));
    child.kill().unwrap();
    child.wait().unwrap();
}
