//! HTTP exactly as written: no client that corrects or adds anything.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// A request.
pub struct Request {
    method: String,
    head: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// An answer.
pub struct Answer {
    /// The status line.
    pub first: String,
    /// The header, in order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Request {
        let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        Request { method: method.to_owned(), head, body: Vec::new() }
    }

    pub fn header(&mut self, name: &str, value: &str) {
        self.head += &format!("{name}: {value}\r\n");
    }

    pub fn send(mut self, address: SocketAddr) -> Answer {
        if !self.head.contains("\r\nHost: ") {
            self.header("Host", "localhost");
        }
        if !self.body.is_empty() && !self.head.contains("Content-Length") {
            self.header("Content-Length", &self.body.len().to_string());
        }
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // A server that refuses a body may stop reading it.
        let _ = stream.write_all(&[self.head.as_bytes(), b"\r\n", &self.body].concat());
        let mut bytes = Vec::new();
        // Whoever has sent more than was read gets a reset behind the answer.
        let _ = stream.read_to_end(&mut bytes);
        Answer::read(&bytes, &self.method)
    }
}

impl Answer {
    fn read(bytes: &[u8], method: &str) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer with a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap().to_owned();
        let pairs = lines.map(|line| line.split_once(": ").unwrap());
        let headers: Vec<_> = pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let body = bytes[end + 4..].to_vec();
        let answer = Answer { first, headers, body };
        // No answer is chunked: clients in the field cannot read that.
        assert_eq!(answer.header("transfer-encoding"), None, "{head}");
        if method != "HEAD" && answer.status() != 304 && answer.status() != 204 {
            let length = answer.header("content-length").map(str::to_owned);
            assert_eq!(length, Some(answer.body.len().to_string()), "{head}");
        }
        answer
    }

    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}
