//! The servers under test, each started fresh on loopback.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::process::{Lines, Process};

/// How long a server gets to start.
const START: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The one of this repository.
    Updraft,
    /// The one to be held against.
    Mosquitto,
}

/// A running server.
pub struct Server {
    /// Its process.
    pub process: Process,
    /// Where devices connect.
    pub mqtt: SocketAddr,
    /// Where operators connect, and the administrator's token; only updraft has them.
    pub http: Option<(SocketAddr, String)>,
    /// Drained as long as the server lives.
    _lines: Option<Lines>,
}

/// Starts updraft on a data folder.
pub fn updraft(data: &Path) -> Result<Server> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft"));
    command.arg("serve").arg("--data").arg(data).args(["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).env("UPDRAFT_LOG", "warn");
    let mut process = Process::start(&mut command)?;
    let lines = Lines::of(process.child().stdout.take().context("updraft's output")?);
    let (mqtt, http) = loop {
        let line = lines.next(START).context("waiting for updraft's ready line")?;
        if let Some(ready) = ready(&line) {
            break ready;
        }
    };
    let token = fs::read_to_string(data.join("admin-token")).context("read the admin token")?;
    Ok(Server { process, mqtt, http: Some((http, token.trim().to_owned())), _lines: Some(lines) })
}

/// The addresses in `ready mqtt=ADDR http=ADDR`.
fn ready(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let mut words = line.strip_prefix("ready ")?.split_whitespace();
    let mqtt = words.next()?.strip_prefix("mqtt=")?.parse().ok()?;
    let http = words.next()?.strip_prefix("http=")?.parse().ok()?;
    Some((mqtt, http))
}

/// What mosquitto is told: nothing that would slow it down, no bound that would lose a message.
fn mosquitto_conf(port: u16) -> String {
    format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n\
         max_inflight_messages 0\nmax_queued_messages 0\nmax_connections -1\nsys_interval 0\n\
         log_dest none\nconnection_messages false\nuser root\n"
    )
}

/// Starts mosquitto with a configuration of its own, written to `folder`.
pub fn mosquitto(program: &Path, folder: &Path) -> Result<Server> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let conf = folder.join("mosquitto.conf");
    fs::write(&conf, mosquitto_conf(port))?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&conf).stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(&mut command)?;
    let mqtt = SocketAddr::from(([127, 0, 0, 1], port));
    let start = Instant::now();
    while TcpStream::connect(mqtt).is_err() {
        process.check()?;
        if start.elapsed() > START {
            bail!("mosquitto does not listen");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Server { process, mqtt, http: None, _lines: None })
}
