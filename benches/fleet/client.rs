//! The client process: a fleet that does what it is told on standard input and answers on standard output; and the
//! operator's hold on it.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use updraft::mqtt::packet::Version;
use updraft::sim::{Acks, Arrivals, Fleet, Login, Plan, Storm};

use super::process::{Lines, Process, cpu};
use super::wire::{Answer, Order, TENANT, hello, now_ns, report};

/// For connecting everyone, or for everyone's hello: far more than any server should need.
const LIMIT: Duration = Duration::from_secs(180);

/// Hellos that are un-acked at once: enough for a server that commits in groups.
const HELLO_WINDOW: u64 = 512;

/// Time not counted at the start of a storm.
const WARM_UP: Duration = Duration::from_secs(1);

/// Obeys until standard input ends.
pub fn run() -> Result<()> {
    let mut fleet = None;
    for line in std::io::stdin().lock().lines() {
        let order = serde_json::from_str(&line?)?;
        let answer = obey(&mut fleet, order);
        say(&answer.unwrap_or_else(|error| Answer::Failed { message: format!("{error:#}") }))?;
    }
    Ok(())
}

fn say(answer: &Answer) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}

fn obey(slot: &mut Option<Fleet>, order: Order) -> Result<Answer> {
    if let Order::Connect { addr, logins, window, mqtt5 } = &order {
        let version = if *mqtt5 { Version::V5 } else { Version::V4 };
        return connect(slot.insert(Fleet::new(plan(version))?), *addr, logins, *window);
    }
    let fleet = slot.as_mut().context("not connected")?;
    let (wall, used) = (Instant::now(), cpu("self")?);
    let acked = |acks: Acks| -> Result<Answer> {
        let cores = (cpu("self")? - used).as_secs_f64() / wall.elapsed().as_secs_f64();
        let (count, bad) = (acks.count, acks.refused + acks.unanswered);
        Ok(Answer::Acked { count, bad, elapsed_ns: acks.elapsed.as_nanos() as u64, cores })
    };
    match order {
        Order::Connect { .. } => bail!("connected already"),
        Order::Hello => acked(fleet.publish_on_all("hello", &hello, HELLO_WINDOW, LIMIT)?),
        Order::Storm { in_flight, seconds } => {
            let lasting = Duration::from_secs(seconds);
            let storm = Storm { leaf: "report", in_flight, warm_up: WARM_UP, lasting, payload: &report };
            let acks = fleet.storm(&storm)?;
            intact(fleet)?;
            acked(acks)
        }
        Order::Sequences => Ok(Answer::Sequences(fleet.sequences().collect())),
        Order::Idle { ms } => {
            fleet.idle(Duration::from_millis(ms))?;
            intact(fleet)?;
            Ok(Answer::Idled)
        }
        Order::Await { limit_ms } => {
            say(&Answer::Armed)?;
            let (clock, started) = (now_ns(), Instant::now());
            let arrivals = fleet.await_on_all("cmd", Duration::from_millis(limit_ms))?;
            Ok(arrived(&arrivals, clock, started))
        }
    }
}

fn plan(version: Version) -> Plan {
    // Half an hour of silence: longer than any run.
    Plan { version, tenant: TENANT.to_owned(), leaves: vec!["cmd".to_owned()], keep_alive_s: 1800 }
}

fn connect(fleet: &mut Fleet, addr: SocketAddr, logins: &Path, window: usize) -> Result<Answer> {
    let text = std::fs::read_to_string(logins).context("read the logins")?;
    let login = |line: &str| {
        line.split_once(' ').map(|(id, token)| Login { id: id.to_owned(), token: token.to_owned() })
    };
    let logins: Vec<Login> = text.lines().filter_map(login).collect();
    let connected = fleet.connect(addr, logins.into_iter(), window, LIMIT)?;
    intact(fleet)?;
    Ok(Answer::Connected { count: connected.count, elapsed_ns: connected.elapsed.as_nanos() as u64 })
}

/// A figure from a fleet that lost devices is none.
fn intact(fleet: &Fleet) -> Result<()> {
    match fleet.faults().total() {
        0 => Ok(()),
        _ => bail!("connections were lost: {:?}", fleet.faults()),
    }
}

fn arrived(arrivals: &Arrivals, clock: u64, started: Instant) -> Answer {
    let moment = |at: Option<&Instant>| {
        at.map_or(0, |at| clock + at.saturating_duration_since(started).as_nanos() as u64)
    };
    Answer::Arrived {
        count: arrivals.at.len(),
        missing: arrivals.missing,
        median_ns: moment(arrivals.at.get(arrivals.at.len() / 2)),
        last_ns: moment(arrivals.at.last()),
        command: String::from_utf8_lossy(&arrivals.sample).into_owned(),
    }
}

/// The operator's hold on the client process.
pub struct Client {
    // Closed before the process is ended, which is how it is told to end.
    orders: ChildStdin,
    answers: Lines,
    process: Process,
}

impl Client {
    /// Starts this executable again, as the client.
    pub fn start() -> Result<Client> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--client").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let orders = process.child().stdin.take().context("the client's input")?;
        let answers = Lines::of(process.child().stdout.take().context("the client's output")?);
        Ok(Client { orders, answers, process })
    }

    /// Processor time used so far.
    pub fn cpu(&self) -> Result<Duration> {
        self.process.cpu()
    }

    /// Gives an order without waiting for the answer.
    pub fn order(&mut self, order: &Order) -> Result<()> {
        Ok(writeln!(self.orders, "{}", serde_json::to_string(order)?)?)
    }

    /// The next answer.
    pub fn answer(&mut self) -> Result<Answer> {
        // Everything the client does is bounded by less.
        let line = self.answers.next(LIMIT + Duration::from_secs(60))?;
        match serde_json::from_str(&line)? {
            Answer::Failed { message } => bail!("the client: {message}"),
            answer => Ok(answer),
        }
    }

    /// Gives an order and waits for the answer.
    pub fn ask(&mut self, order: &Order) -> Result<Answer> {
        self.order(order)?;
        self.answer()
    }
}
