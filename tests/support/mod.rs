//! A running server and those who talk to it, for tests of the whole program.
//!
//! [`Server`] starts the binary that cargo has just built, on free ports and a folder of its own, and ends exactly
//! that process when it is dropped. [`Client`] speaks `/api/v1` as an operator; [`Server::prints`] and
//! [`Server::json`] run the command line as one. Nothing here sleeps for a result: [`eventually`] asks until a
//! deadline.

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions of [`eventually`].
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
///
/// # Panics
/// After [`PATIENCE`], naming what was waited for.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(PAUSE);
    }
}

/// The program, in an environment in which no variable of the caller's changes what it does.
pub fn updraft() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft"));
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("UPDRAFT_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command that has to end by itself, such as a server that must not start; kills it after [`PATIENCE`].
/// For commands that print little: nothing reads until the end.
pub fn ends(command: &mut Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
    // Where it has ended there is nothing to kill, and its status is kept.
    let _ = child.kill();
    child.wait_with_output().unwrap()
}

/// A server in a folder of its own. Dropping it kills its process and removes the folder.
pub struct Server {
    home: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    mqtt: SocketAddr,
    http: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts a server on free ports; returns once it is ready.
    pub fn start() -> Server {
        Server::with(&[], &[])
    }

    /// Starts a server with further arguments and variables.
    pub fn with(arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        Server::at_home(tempfile::tempdir().unwrap(), arguments, environment)
    }

    /// Starts a server whose folder is in memory, where the machine has a place for that: for tests that are not about
    /// the disk and would wait for it most of the time.
    pub fn in_memory(environment: &[(&str, &str)]) -> Server {
        let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Server::at_home(home.unwrap(), &[], environment)
    }

    fn at_home(home: TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut server = Server {
            home,
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            running: None,
        };
        server.launch("127.0.0.1:0", "127.0.0.1:0");
        server
    }

    /// The command that starts this server on these addresses.
    pub fn command(&self, mqtt: &str, http: &str) -> Command {
        let mut command = updraft();
        command.arg("serve").arg("--data").arg(self.data()).args(["--mqtt", mqtt, "--http", http]);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn launch(&mut self, mqtt: &str, http: &str) {
        let mut child = self.command(mqtt, http).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let reader = collect(child.stderr.take().unwrap(), Arc::clone(&log));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((mqtt, http)) = parse_ready(&line) else {
            let status = child.wait();
            reader.join().unwrap();
            panic!("the server is not ready: {line:?}, {status:?}, it said: {}", log.lock().unwrap());
        };
        self.running = Some(Running { child, mqtt, http, log, reader: Some(reader) });
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A folder for the test's own files, beside the data folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where devices connect.
    pub fn mqtt(&self) -> SocketAddr {
        self.now().mqtt
    }

    /// Where HTTP is served.
    pub fn http(&self) -> SocketAddr {
        self.now().http
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.now().child.id()
    }

    /// What the server has written to its standard error since it was started.
    pub fn log(&self) -> String {
        self.now().log.lock().unwrap().clone()
    }

    /// The administrator's token.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.data().join("admin-token")).unwrap().trim().to_owned()
    }

    /// The administrator, talking to the API.
    pub fn client(&self) -> Client {
        Client::new(self.http(), &self.token())
    }

    /// Runs the command line as the administrator of this server; the command has ended when this returns.
    pub fn updraft(&self, arguments: &[&str]) -> Output {
        updraft().args(arguments).arg("--data").arg(self.data()).output().unwrap()
    }

    /// Runs the command line, which has to succeed; returns what it prints.
    pub fn prints(&self, arguments: &[&str]) -> String {
        let output = self.updraft(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} ends with {}: {error}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the command line with `--json`, which has to succeed; returns what it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.prints(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Sends SIGTERM and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.wait()
    }

    /// Kills the process as a crash does: without a chance to write anything.
    pub fn kill9(&mut self) -> ExitStatus {
        self.running.as_mut().expect("the server runs").child.kill().unwrap();
        self.wait()
    }

    /// Waits until the process ends.
    pub fn wait(&mut self) -> ExitStatus {
        let running = self.running.as_mut().expect("the server runs");
        let status = eventually("the server's end", || running.child.try_wait().unwrap());
        running.reader.take().unwrap().join().unwrap();
        self.running = None;
        status
    }

    /// Kills the server and starts it again on the same addresses, so that its clients find it.
    pub fn restart(&mut self) {
        let (mqtt, http) = (self.mqtt().to_string(), self.http().to_string());
        self.kill9();
        self.launch(&mqtt, &http);
    }

    /// Starts the server again, on free ports, after it has ended.
    pub fn resume(&mut self) {
        assert!(self.running.is_none(), "the server runs");
        self.launch("127.0.0.1:0", "127.0.0.1:0");
    }

    fn now(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(running) = &mut self.running else { return };
        // The process may have ended by itself; then there is nothing to kill.
        let _ = running.child.kill();
        let _ = running.child.wait();
        if thread::panicking() {
            eprintln!("the server said:\n{}", running.log.lock().unwrap());
        }
    }
}

/// Keeps what comes through a pipe, so that the process never waits for a reader.
fn collect(mut pipe: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0u8; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    })
}

/// Reads `ready mqtt=ADDR http=ADDR`.
fn parse_ready(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let rest = line.trim_end().strip_prefix("ready mqtt=")?;
    let (mqtt, http) = rest.split_once(" http=")?;
    Some((mqtt.parse().ok()?, http.parse().ok()?))
}

/// An operator, talking to `/api/v1`.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: String,
}

/// An answer of the API: the status and its JSON (null where there is none).
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Client {
    /// Talks to a server with a token.
    pub fn new(http: SocketAddr, token: &str) -> Client {
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent = config.timeout_global(Some(PATIENCE)).build().into();
        Client { agent, base: format!("http://{http}/api/v1"), token: token.into() }
    }

    /// `GET /api/v1/{path}`
    pub fn get(&self, path: &str) -> Answer {
        let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
        answer(request.call().unwrap())
    }

    /// `POST /api/v1/{path}` with JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(self.url(path)).header("authorization", self.bearer());
        answer(request.send_json(body).unwrap())
    }

    /// `DELETE /api/v1/{path}`
    pub fn delete(&self, path: &str) -> Answer {
        let request = self.agent.delete(self.url(path)).header("authorization", self.bearer());
        answer(request.call().unwrap())
    }

    /// `POST /api/v1/images` with one file called `firmware.bin`, of type 3.
    pub fn upload(&self, product: &str, version: &str, bytes: &[u8]) -> Answer {
        let mut body = String::new();
        for (name, value) in [("product", product), ("type", "3"), ("version", version)] {
            body += &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"firmware.bin\"\r\n\r\n";
        let body = [body.as_bytes(), bytes, b"\r\n--b--\r\n"].concat();
        let request = self.agent.post(self.url("images")).header("authorization", self.bearer());
        answer(request.content_type("multipart/form-data; boundary=b").send(&body).unwrap())
    }

    /// Registers a device and returns its token.
    pub fn add_device(&self, id: &str, product: &str) -> String {
        let made = self.post("devices", &json!({"id": id, "product": product}));
        made.body["token"].as_str().unwrap_or_else(|| panic!("no token in {made:?}")).to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    Answer { status, body }
}
