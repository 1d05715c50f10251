//! The load: connections on one epoll of one thread, each with one request under way, in a closed loop.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Time not counted at the start.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long nothing at all may happen.
const SILENCE: Duration = Duration::from_secs(30);
/// How much is read at once; a download tool reads no more.
const BLOCK: usize = 128 * 1024;
/// The longest head of an answer.
const HEAD_MAX: usize = 8 * 1024;

/// What is to be asked, and how.
pub struct Plan<'a> {
    /// The server.
    pub addr: SocketAddr,
    /// How many connections.
    pub connections: usize,
    /// Whole requests. Connection `c` of `n` sends number `c`, then `c + n`, and so on, round and round.
    pub requests: &'a [Vec<u8>],
    /// The status of each answer.
    pub status: u16,
    /// What the body of each answer must be, where that is to be compared.
    pub bodies: Option<&'a [&'a [u8]]>,
    /// Whether each request gets a connection of its own.
    pub reconnect: bool,
    /// How long is counted.
    pub lasting: Duration,
}

/// What came of it.
pub struct Outcome {
    /// Answers in the time that is counted.
    pub answers: u64,
    /// Bytes of bodies in that time, those of unfinished answers too.
    pub bytes: u64,
    /// The time that is counted.
    pub elapsed: Duration,
    /// How long each answer took, rising.
    pub latencies: Vec<Duration>,
    /// When each request that was answered was last sent.
    pub sent: Vec<Option<Instant>>,
}

impl Outcome {
    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.elapsed.as_secs_f64()
    }

    /// Bytes per second.
    pub fn throughput(&self) -> f64 {
        self.bytes as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that so many hundredths of the answers stay below.
    pub fn percentile(&self, hundredths: usize) -> Result<Duration> {
        let at = (self.latencies.len() * hundredths / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().context("nothing was answered")
    }
}

/// Runs a plan.
pub fn run(plan: &Plan<'_>) -> Result<Outcome> {
    Load::start(plan)?.run()
}

/// A connection with its request under way.
struct Connection {
    stream: TcpStream,
    /// Which request.
    request: usize,
    sent: Instant,
    /// The head of the answer, until it is whole.
    head: Vec<u8>,
    /// What is missing of the body, once the head is whole.
    left: Option<u64>,
    /// The body so far, where it is compared.
    body: Vec<u8>,
}

struct Load<'a> {
    plan: &'a Plan<'a>,
    poll: Poll,
    connections: Vec<Connection>,
    block: Vec<u8>,
    counting: bool,
    outcome: Outcome,
}

impl<'a> Load<'a> {
    fn start(plan: &'a Plan<'a>) -> Result<Self> {
        let outcome = Outcome {
            answers: 0,
            bytes: 0,
            elapsed: Duration::ZERO,
            latencies: Vec::with_capacity(1 << 20),
            sent: vec![None; plan.requests.len()],
        };
        let poll = Poll::new()?;
        let block = vec![0; BLOCK];
        let mut load = Load {
            plan,
            poll,
            connections: Vec::with_capacity(plan.connections),
            block,
            counting: false,
            outcome,
        };
        for number in 0..plan.connections {
            let stream = load.connect(number)?;
            let request = number % plan.requests.len();
            let (head, body) = (Vec::with_capacity(1024), Vec::new());
            load.connections.push(Connection {
                stream,
                request,
                sent: Instant::now(),
                head,
                left: None,
                body,
            });
        }
        Ok(load)
    }

    fn connect(&self, number: usize) -> Result<TcpStream> {
        // On loopback a connection is made while one waits for it.
        let stream = std::net::TcpStream::connect(self.plan.addr).context("connect")?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        self.poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
        Ok(stream)
    }

    fn run(mut self) -> Result<Outcome> {
        for number in 0..self.connections.len() {
            self.send(number)?;
        }
        let mut events = Events::with_capacity(1024);
        let mut began = Instant::now();
        loop {
            self.poll.poll(&mut events, Some(SILENCE))?;
            ensure!(!events.is_empty(), "the server says nothing for {SILENCE:?}");
            for event in &events {
                self.read(event.token().0)?;
            }
            let elapsed = began.elapsed();
            if !self.counting && elapsed >= WARM_UP {
                (self.counting, began) = (true, Instant::now());
            } else if self.counting && elapsed >= self.plan.lasting {
                self.outcome.elapsed = elapsed;
                self.outcome.latencies.sort_unstable();
                return Ok(self.outcome);
            }
        }
    }

    fn send(&mut self, number: usize) -> Result<()> {
        let connection = &mut self.connections[number];
        connection.sent = Instant::now();
        let request = &self.plan.requests[connection.request];
        let written = connection.stream.write(request).context("send")?;
        ensure!(written == request.len(), "a request does not fit into an empty socket");
        Ok(())
    }

    /// Takes what has arrived.
    fn read(&mut self, number: usize) -> Result<()> {
        loop {
            let connection = &mut self.connections[number];
            let count = match connection.stream.read(&mut self.block) {
                Ok(0) => bail!("the server closed a connection with a request under way"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("receive"),
            };
            if self.take(number, count)? {
                return self.next(number);
            }
            if count < self.block.len() {
                // Whatever comes now is a new event.
                return Ok(());
            }
        }
    }

    /// Takes so many bytes of the block; whether they end the answer.
    fn take(&mut self, number: usize, count: usize) -> Result<bool> {
        let connection = &mut self.connections[number];
        let mut bytes = &self.block[..count];
        if connection.left.is_none() {
            let before = connection.head.len();
            connection.head.extend_from_slice(&bytes[..count.min(HEAD_MAX)]);
            let Some(end) = end_of_head(&connection.head) else {
                ensure!(connection.head.len() < HEAD_MAX, "a head without an end");
                return Ok(false);
            };
            let (status, length) = read_head(&connection.head[..end])?;
            ensure!(status == self.plan.status, "{}", String::from_utf8_lossy(&connection.head));
            connection.left = Some(length);
            bytes = &bytes[end - before..];
        }
        let left = connection.left.get_or_insert(0);
        let rest = left.checked_sub(bytes.len() as u64).context("an answer longer than it says")?;
        *left = rest;
        if self.counting {
            self.outcome.bytes += bytes.len() as u64;
        }
        if self.plan.bodies.is_some() {
            connection.body.extend_from_slice(bytes);
        }
        Ok(rest == 0)
    }

    /// Closes the books on an answer, and sends the next request.
    fn next(&mut self, number: usize) -> Result<()> {
        let connection = &mut self.connections[number];
        if let Some(bodies) = self.plan.bodies {
            ensure!(connection.body == bodies[connection.request], "a body with other bytes");
            connection.body.clear();
        }
        if self.counting {
            self.outcome.answers += 1;
            self.outcome.latencies.push(connection.sent.elapsed());
        }
        self.outcome.sent[connection.request] = Some(connection.sent);
        connection.request = (connection.request + self.plan.connections) % self.plan.requests.len();
        connection.head.clear();
        connection.left = None;
        if self.plan.reconnect {
            self.connections[number].stream = self.connect(number)?;
        }
        self.send(number)
    }
}

fn end_of_head(head: &[u8]) -> Option<usize> {
    head.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Status and length of the body.
fn read_head(head: &[u8]) -> Result<(u16, u64)> {
    let text = std::str::from_utf8(head).context("a head that is no text")?;
    let status =
        text.get(9..12).and_then(|status| status.parse().ok()).context("an answer without a status")?;
    let mut lines = text.split("\r\n").filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, length)| length.parse().ok()).context("an answer without a length")?;
    Ok((status, length))
}
