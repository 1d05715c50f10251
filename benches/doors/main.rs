//! The doors of HTTP: how many devices can poll, and how fast files leave, beside Debian's nginx in the same run.
//!
//! ```text
//! cargo bench --bench doors                   # 10,000 devices, a file of 50 MiB, five rounds
//! cargo bench --bench doors -- --quick        # a look that takes half a minute
//! cargo bench --bench doors -- --only polls   # or `files`
//! cargo bench --bench doors -- --json d.json  # everything, for machines
//! ```
//!
//! Two processes share the machine: the server under test, and this one, whose one thread is the whole load: raw
//! sockets on one epoll, requests that were written beforehand. For files there is a third, `nginx` from the path,
//! serving the very file that updraft keeps; only one of the two is ever busy, in turns. Without nginx only ours is
//! measured. The server is a child with a temporary folder, on loopback.
//!
//! What is measured, each the median of the rounds:
//!
//! - *polls*: `GET /default/controller/v1/{id}` with the device's token, 10,000 devices in turn over 512 connections
//!   that are kept open, one request under way on each. An answer comes after the commit that records the device as
//!   seen; afterwards a sample of devices is looked up, and the server must have seen each after its last poll was
//!   sent. *Polls, each on its own connection* is the same with a new connection for each.
//! - *whole*: 8 downloads at once of the whole file, again and again, as DDI devices with an action each.
//! - *ranges*: 1 KiB somewhere in the file, 64 connections that are kept open, compared byte by byte.
//!
//! A server and the load fill two cores: whatever else runs moves every figure. The bench measures that too, and says
//! so when it was more than a tenth of a core. Registering the devices and uploading the file are not measured.

mod figures;
mod files;
mod load;
#[path = "../fleet/machine.rs"]
mod machine;
mod operator;
mod polls;
#[allow(dead_code)] // The bench of the fleet asks more of it.
#[path = "../fleet/process.rs"]
mod process;
mod server;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use figures::Figures;

/// The command line.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Devices that poll.
    #[arg(long, default_value_t = 10_000)]
    devices: usize,
    /// Connections that they share.
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// Size of the file, in MiB.
    #[arg(long, default_value_t = 50)]
    mib: usize,
    /// Rounds; the table shows medians.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds of each measurement, after one second that is not counted.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Only one part.
    #[arg(long)]
    only: Option<Part>,
    /// Write every figure here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The program to measure nginx with.
    #[arg(long, default_value = "nginx")]
    nginx: PathBuf,
    /// A small run, to see that everything works: its figures decide nothing.
    #[arg(long)]
    quick: bool,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// `--only`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Polls of devices.
    Polls,
    /// Files, whole and in parts.
    Files,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    fn lasting(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if options.quick {
        options = Options { devices: 500, connections: 128, mib: 8, runs: 1, seconds: 1, ..options };
    }
    let machine = machine::conditions();
    println!("{machine}");
    let mut figures = Figures::default();
    let mut others = Others::start()?;
    if options.wants(Part::Polls) {
        polls::measure(&options, &mut figures).context("polls")?;
    }
    if options.wants(Part::Files) {
        files::measure(&options, &mut figures).context("files")?;
    }
    others.stop()?;
    println!("{}", figures.table());
    println!("{}", others.verdict());
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&figures.json(&machine))?;
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Processor time that is none of this bench's.
struct Others {
    start: Instant,
    before: f64,
    cores: f64,
}

/// More than this and the table is marked: a twentieth of two cores, above what a resting system takes.
const OTHERS_MAX: f64 = 0.1;

impl Others {
    fn start() -> Result<Others> {
        Ok(Others { start: Instant::now(), before: foreign_cpu()?, cores: 0.0 })
    }

    /// To be called when all children have ended: only then do they count as this process's.
    fn stop(&mut self) -> Result<()> {
        self.cores = (foreign_cpu()? - self.before) / self.start.elapsed().as_secs_f64();
        Ok(())
    }

    fn verdict(&self) -> String {
        let cores = self.cores;
        match cores > OTHERS_MAX {
            true => format!("NOT QUIET: others took {cores:.2} cores. These figures decide nothing."),
            false => format!("Others took {cores:.2} cores."),
        }
    }
}

/// Seconds of processor time of everything that is neither this process nor one of its ended children.
fn foreign_cpu() -> Result<f64> {
    // Fields 16 and 17 (proc_pid_stat(5)) are those of children that have ended and been waited for.
    let own = process::cpu("self")? + process::times("self", 13)?;
    Ok(process::machine_cpu()?.as_secs_f64() - own.as_secs_f64())
}
