//! The server as a process that is killed and started again on the same folder.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::api::Api;

/// A server that is not ready by then never will be.
const READY: Duration = Duration::from_secs(30);

/// A folder and the program that serves it.
pub struct Home {
    program: PathBuf,
    folder: TempDir,
    environment: &'static [(&'static str, &'static str)],
}

/// The server while it runs. Dropping it kills it.
pub struct Running {
    child: Child,
    pub mqtt: SocketAddr,
    pub http: SocketAddr,
}

impl Home {
    pub fn new(program: &Path) -> Home {
        Home::with(program, &[])
    }

    /// A folder whose server has these variables in its environment.
    pub fn with(program: &Path, environment: &'static [(&'static str, &'static str)]) -> Home {
        Home { program: program.to_owned(), folder: tempfile::tempdir().unwrap(), environment }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// All that the servers of this folder have said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let names = std::env::vars_os().map(|(name, _)| name);
        names.filter(|name| name.to_string_lossy().starts_with("UPDRAFT_")).for_each(|name| {
            command.env_remove(name);
        });
        command.envs(self.environment.iter().copied());
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        command.args(["serve", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"]).arg(self.data());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command
    }

    /// Starts the server and waits until it serves: until it has answered a question over HTTP.
    ///
    /// # Errors
    /// What the server says when it ends instead.
    pub fn start(&self) -> Result<Running, String> {
        let mut child = self.command().spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((mqtt, http)) = parse_ready(&line) else {
            let status = child.wait().unwrap();
            return Err(format!("the server is not ready but ends with {status}: {}", self.log()));
        };
        let running = Running { child, mqtt, http };
        let deadline = Instant::now() + READY;
        while !self.api(&running).get("status").is_ok_and(|answer| answer.status == 200) {
            if Instant::now() > deadline {
                return Err("the server is ready but does not answer its administrator".into());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(running)
    }

    /// Starts the server and kills it while it starts.
    pub fn start_and_kill(&self, after: Duration) {
        let mut child = self.command().spawn().unwrap();
        thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts a server that may have to end by itself, and waits for its end; none when it is ready, and killed.
    pub fn try_start(&self) -> Option<ExitStatus> {
        let mut child = self.command().spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = !line.is_empty();
        if ready {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        (!ready).then_some(status)
    }

    /// The administrator, whose token the folder has.
    pub fn api(&self, running: &Running) -> Api {
        let token = std::fs::read_to_string(self.data().join("admin-token")).unwrap_or_default();
        Api::new(running.http, token.trim())
    }
}

impl Running {
    /// Kills the server as a crash does. Tells how it ended, if it had ended before.
    pub fn kill(mut self) -> Option<ExitStatus> {
        let ended = self.child.try_wait().unwrap();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        ended
    }

    /// Waits for the server to end by itself.
    pub fn ended(mut self) -> ExitStatus {
        let deadline = Instant::now() + READY;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads `ready mqtt=ADDR http=ADDR`.
fn parse_ready(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let rest = line.trim_end().strip_prefix("ready mqtt=")?;
    let (mqtt, http) = rest.split_once(" http=")?;
    Some((mqtt.parse().ok()?, http.parse().ok()?))
}
