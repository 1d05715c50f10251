//! One round: each figure of one server, measured in order on freshly started processes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::Options;
use super::client::Client;
use super::figures::{OTHERS, Round};
use super::operator::Operator;
use super::process::{cpu, machine_cpu};
use super::publisher::{Subscriber, fan_out};
use super::server::{self, Kind, Server};
use super::wire::{Answer, Order};

/// Milliseconds in which a server comes to rest after its devices were loud.
const SETTLE_MS: u64 = 2_000;

/// Milliseconds for a fan-out.
const FAN_OUT_MS: u64 = 60_000;

/// Devices whose stored version is compared after a storm, spread over the fleet.
const VERIFIED: usize = 200;

/// Devices that are registered once, and the data folder of the updraft that knows them.
pub struct Seed {
    folder: TempDir,
    ids: Vec<String>,
    /// Whether there is a data folder.
    registered: bool,
}

impl Seed {
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn logins(&self) -> PathBuf {
        self.folder.path().join("logins")
    }
}

/// Makes the devices, and registers them when `register`.
pub fn seed(devices: usize, register: bool) -> Result<Seed> {
    let folder = tempfile::tempdir()?;
    let ids: Vec<String> = (0..devices).map(|n| format!("d{n:05}")).collect();
    let seed = Seed { folder, ids, registered: register };
    let tokens = if register {
        fs::create_dir(seed.data())?;
        let server = server::updraft(&seed.data())?;
        Operator::of(&server)?.register_all(&seed.ids)?
    } else {
        vec!["0".repeat(32); devices]
    };
    let mut file = fs::File::create(seed.logins())?;
    let lines: String = seed.ids.iter().zip(&tokens).map(|(id, token)| format!("{id} {token}\n")).collect();
    file.write_all(lines.as_bytes())?;
    Ok(seed)
}

/// Measures everything once. `command` is what mosquitto fans out; updraft's own takes its place.
pub fn round(options: &Options, kind: Kind, seed: &Seed, command: &mut String) -> Result<Round> {
    let mut round = Round::default();
    Session::start(options, kind, seed)?.fan_out(seed, command, &mut round).context("fan-out")?;
    Session::start(options, kind, seed)?.reports(options, seed, &mut round).context("reports")?;
    Ok(round)
}

/// A fresh server with a fresh client. Dropped in this order: first the devices go, then the server, then its files.
struct Session {
    client: Client,
    server: Server,
    kind: Kind,
    resident_kib: u64,
    /// When it began, and what [`Session::foreign_cpu`] was then.
    began: (Instant, f64),
    connect_per_s: f64,
    _folder: TempDir,
}

impl Session {
    /// Starts both and connects all devices.
    fn start(options: &Options, kind: Kind, seed: &Seed) -> Result<Session> {
        let folder = tempfile::tempdir()?;
        let server = match kind {
            Kind::Updraft => {
                ensure!(seed.registered, "the devices are not registered");
                let data = folder.path().join("data");
                copy(&seed.data(), &data).context("copy the data folder")?;
                server::updraft(&data)?
            }
            Kind::Mosquitto => server::mosquitto(&options.mosquitto, folder.path())?,
        };
        let mut client = Client::start()?;
        let resident_kib = server.process.resident_kib()?;
        let connect = Order::Connect {
            addr: server.mqtt,
            logins: seed.logins(),
            window: options.window,
            mqtt5: options.mqtt5,
        };
        let connect_per_s = match client.ask(&connect).context("connect")? {
            Answer::Connected { count, elapsed_ns } if count == seed.ids.len() => {
                per_s(count as u64, elapsed_ns)
            }
            other => bail!("connecting: {other:?}"),
        };
        let began = (Instant::now(), 0.0);
        let mut session =
            Session { client, server, kind, resident_kib, began, connect_per_s, _folder: folder };
        session.began.1 = session.foreign_cpu()?;
        Ok(session)
    }

    /// Connections, memory and fan-out.
    fn fan_out(mut self, seed: &Seed, command: &mut String, round: &mut Round) -> Result<()> {
        let devices = seed.ids.len() as f64;
        round.set("connect+subscribe /s", self.connect_per_s);
        self.settle()?;
        round.set("RSS before, KiB", self.resident_kib as f64);
        round.set("bytes per idle connection", self.grown()? / devices);
        round.set("hello acked /s", self.hello()?);
        self.settle()?;
        round.set("bytes per connection after hello", self.grown()? / devices);

        let order = match self.kind {
            Kind::Updraft => {
                let operator = Operator::of(&self.server)?;
                Some((operator.upload("2.0.0").context("upload")?, operator))
            }
            Kind::Mosquitto => None,
        };
        let used = self.server.process.cpu()?;
        self.client.order(&Order::Await { limit_ms: FAN_OUT_MS })?;
        ensure!(matches!(self.client.answer()?, Answer::Armed), "the client is not armed");
        let start = match order {
            Some((image, operator)) => {
                let (start, took) = operator.deploy(image, &seed.ids)?;
                round.set("deploy call answered, ms", took.as_secs_f64() * 1e3);
                start
            }
            None => fan_out(self.server.mqtt, &seed.ids, command).context("publish")?,
        };
        match self.client.answer()? {
            Answer::Arrived { missing: 0, median_ns, last_ns, command: sample, .. } => {
                let ms = |at: u64| at.saturating_sub(start) as f64 / 1e6;
                round.set("fan-out to the median device, ms", ms(median_ns));
                round.set("fan-out to the last device, ms", ms(last_ns));
                round.set("command, bytes", sample.len() as f64);
                *command = sample;
            }
            other => bail!("the command did not reach everyone: {other:?}"),
        }
        let cpu = self.server.process.cpu()? - used;
        round.set("server CPU of the fan-out, ms", cpu.as_secs_f64() * 1e3);
        round.set(&format!("{OTHERS}, fan-out"), self.others()?);
        Ok(())
    }

    /// Reports in closed loops.
    fn reports(mut self, options: &Options, seed: &Seed, round: &mut Round) -> Result<()> {
        self.hello()?;
        for in_flight in [1, 4] {
            self.storm(options, in_flight, "", round)?;
            if self.kind == Kind::Updraft {
                self.verify(seed).context("what was acknowledged")?;
            }
        }
        if self.kind == Kind::Mosquitto {
            let subscriber = Subscriber::start(self.server.mqtt)?;
            for in_flight in [1, 4] {
                let before = subscriber.taken();
                self.storm(options, in_flight, ", observed", round)?;
                let taken = (subscriber.taken() - before) as f64 / (options.seconds + 1) as f64;
                round.set(&format!("reports taken /s, {in_flight} in flight, observed"), taken);
            }
            subscriber.finish().context("the subscriber")?;
        }
        round.set(&format!("{OTHERS}, reports"), self.others()?);
        Ok(())
    }

    /// Holds what the server stored against what the devices were acknowledged. MQTT 3.1.1 acknowledges a refused
    /// report like a stored one, so a count of PUBACKs alone proves nothing.
    fn verify(&mut self, seed: &Seed) -> Result<()> {
        let Answer::Sequences(sequences) = self.client.ask(&Order::Sequences)? else { bail!("no sequences") };
        let operator = Operator::of(&self.server)?;
        let step = (seed.ids.len() / VERIFIED).max(1);
        for (id, seq) in seed.ids.iter().zip(sequences).step_by(step) {
            let stored = operator.stored(id)?;
            ensure!(stored == Some(seq), "device {id} reported {seq}, and the server has {stored:?}");
        }
        Ok(())
    }

    fn storm(&mut self, options: &Options, in_flight: u32, suffix: &str, round: &mut Round) -> Result<()> {
        let start = Instant::now();
        let used = self.server.process.cpu()?;
        let answer = self.client.ask(&Order::Storm { in_flight, seconds: options.seconds })?;
        let Answer::Acked { count, bad: 0, elapsed_ns, cores } = answer else {
            bail!("reports: {answer:?}");
        };
        let busy = (self.server.process.cpu()? - used).as_secs_f64() / start.elapsed().as_secs_f64();
        let key = |what: &str| format!("{what}, {in_flight} in flight{suffix}");
        round.set(&key("reports acked /s"), per_s(count, elapsed_ns));
        round.set(&key("server cores"), busy);
        round.set(&key("client cores"), cores);
        Ok(())
    }

    /// Seconds of processor time so far of everything that is not part of the bench.
    fn foreign_cpu(&self) -> Result<f64> {
        let own = self.server.process.cpu()? + self.client.cpu()? + cpu("self")?;
        Ok(machine_cpu()?.as_secs_f64() - own.as_secs_f64())
    }

    /// Cores that something else took since the devices are connected.
    fn others(&self) -> Result<f64> {
        let (start, before) = self.began;
        Ok((self.foreign_cpu()? - before) / start.elapsed().as_secs_f64())
    }

    fn hello(&mut self) -> Result<f64> {
        match self.client.ask(&Order::Hello).context("hello")? {
            Answer::Acked { count, bad: 0, elapsed_ns, .. } => Ok(per_s(count, elapsed_ns)),
            other => bail!("hello: {other:?}"),
        }
    }

    fn settle(&mut self) -> Result<()> {
        let answer = self.client.ask(&Order::Idle { ms: SETTLE_MS })?;
        ensure!(matches!(answer, Answer::Idled), "idling: {answer:?}");
        self.server.process.check()
    }

    /// Bytes that the server is larger than before its first connection.
    fn grown(&self) -> Result<f64> {
        let now = self.server.process.resident_kib()?;
        Ok((now as f64 - self.resident_kib as f64) * 1024.0)
    }
}

fn per_s(count: u64, elapsed_ns: u64) -> f64 {
    count as f64 / Duration::from_nanos(elapsed_ns).as_secs_f64()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
