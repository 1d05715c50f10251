//! The servers under test, on loopback.

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

/// The updraft of this repository.
pub struct Updraft {
    /// Its process.
    pub process: Process,
    /// Where its door is.
    pub http: SocketAddr,
    /// The administrator's token.
    pub token: String,
    /// Drained as long as the server lives.
    _lines: Lines,
}

/// Starts updraft on a data folder.
pub fn updraft(data: &Path) -> Result<Updraft> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft"));
    command.arg("serve").arg("--data").arg(data).args(["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).env("UPDRAFT_LOG", "error");
    let mut process = Process::start(&mut command)?;
    let lines = Lines::of(process.child().stdout.take().context("updraft's output")?);
    let http = loop {
        let line = lines.next(START).context("waiting for updraft's ready line")?;
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http=")?.parse().ok());
        if let Some(http) = address.filter(|_| line.starts_with("ready ")) {
            break http;
        }
    };
    let token = fs::read_to_string(data.join("admin-token")).context("read the admin token")?;
    Ok(Updraft { process, http, token: token.trim().to_owned(), _lines: lines })
}

/// A running nginx.
pub struct Nginx {
    /// Its first process, which ends the others.
    pub process: Process,
    /// Where it listens.
    pub http: SocketAddr,
}

/// Debian's defaults for what matters here (two workers on two cores, sendfile, tcp_nopush), and nothing that would
/// slow it down: no log, no end to a connection after a thousand requests.
fn nginx_conf(folder: &Path, root: &Path, port: u16) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("    {what}_temp_path {folder}/{what};\n"))
        .concat();
    format!(
        "user root;\nworker_processes auto;\ndaemon off;\npid {folder}/pid;\nerror_log stderr crit;\n\
         events {{ worker_connections 768; }}\n\
         http {{\n{temporary}    sendfile on;\n    tcp_nopush on;\n    access_log off;\n    \
         keepalive_timeout 65;\n    keepalive_requests 1000000000;\n    default_type application/octet-stream;\n    \
         server {{ listen 127.0.0.1:{port}; root {}; }}\n}}\n",
        root.display()
    )
}

/// Starts nginx over the files in `root`, with all that it writes in `folder`. None when there is no such program.
pub fn nginx(program: &Path, folder: &Path, root: &Path) -> Result<Option<Nginx>> {
    if Command::new(program).arg("-v").stderr(Stdio::null()).status().is_err() {
        return Ok(None);
    }
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let conf = folder.join("nginx.conf");
    fs::write(&conf, nginx_conf(folder, root, port))?;
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(&conf).args(["-e", "stderr"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::start(&mut command)?;
    let http = SocketAddr::from(([127, 0, 0, 1], port));
    let start = Instant::now();
    while TcpStream::connect(http).is_err() {
        process.check()?;
        if start.elapsed() > START {
            bail!("nginx does not listen");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Some(Nginx { process, http }))
}
