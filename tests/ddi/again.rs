//! A device that fetches a file in parts over one connection: what it was granted a moment ago is worth nothing once
//! its token, its action or what it asks for is another.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::support::Server;

/// One connection that stays open.
struct Line(BufReader<TcpStream>);

impl Line {
    fn to(server: &Server) -> Line {
        let stream = TcpStream::connect(server.http()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Line(BufReader::new(stream))
    }

    /// Asks for a part of a file; status and body.
    fn part(&mut self, token: &str, name: &str, range: &str) -> (u16, String) {
        let path = format!("/default/controller/v1/lamp-1/softwaremodules/1/artifacts/{name}");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: TargetToken {token}\r\nRange: bytes={range}\r\n\r\n"
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            match line.trim_end() {
                "" => break,
                text => head.push(text.to_lowercase()),
            }
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (head[0][9..12].parse().unwrap(), String::from_utf8(body).unwrap())
    }

    /// The status alone, for refusals.
    fn status(&mut self, token: &str, name: &str) -> u16 {
        self.part(token, name, "0-0").0
    }
}

#[test]
fn parts_over_one_connection_are_granted_only_as_long_as_they_may_be() {
    let server = Server::start();
    let (token, client) = (crate::lamp(&server), server.client());
    let mut line = Line::to(&server);
    let (own, other) = ("firmware.bin", "other.bin");
    for (range, expected) in [("0-1", "im"), ("2-2", "a"), ("-2", "ge"), ("0-", "image"), ("3-9", "ge")] {
        assert_eq!(line.part(&token, own, range), (206, expected.to_owned()), "{range}");
    }
    assert_eq!(line.status(&token, other), 404);
    assert_eq!(line.status(&token, own), 206);
    assert_eq!(line.part(&token, own, "5-6").0, 416);
    assert_eq!(line.status("0123456789abcdef0123456789abcdef", own), 401);
    assert_eq!(line.status(&token, own), 206);
    // A commit that has nothing to do with it, then one that ends the token.
    client.add_device("lamp-2", "lamp");
    assert_eq!(line.status(&token, own), 206);
    assert_eq!(line.status(&token, own), 206);
    let renewed = client.post("devices/lamp-1/token", &json!({}));
    let renewed = renewed.body["token"].as_str().unwrap().to_owned();
    assert_eq!(line.status(&token, own), 401);
    assert_eq!(line.status(&renewed, own), 206);
    assert_eq!(client.post("actions/1/cancel", &json!({})).status, 200);
    assert_eq!(line.status(&renewed, own), 404);
}
