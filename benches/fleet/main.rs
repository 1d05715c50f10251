//! A whole fleet against updraft and against mosquitto, side by side in one run.
//!
//! ```text
//! cargo bench --bench fleet                                        # 5,000 and 19,000 devices, three runs each
//! cargo bench --bench fleet -- --devices 1000 --runs 1 --seconds 3 # a quick look
//! cargo bench --bench fleet -- --only mosquitto                    # one of the two
//! cargo bench --bench fleet -- --json fleet.json                   # everything, for machines
//! ```
//!
//! It needs `mosquitto` on the path, and three processes share the machine: the server under test, one client
//! process with all devices (this executable again, one thread, one descriptor a device), and this one, which is
//! the operator: it orders the deployment from updraft, and publishes the same bytes through mosquitto. For N devices
//! it needs a little over N descriptors a process (`ulimit -n`).
//!
//! What is measured, in turns of updraft and mosquitto, each figure on a freshly started server:
//!
//! - *connect+subscribe*: devices connected, authenticated (mosquitto: anonymous) and subscribed, per second.
//! - *memory*: VmRSS after all are connected and subscribed, less VmRSS before, for each device; and once more after
//!   each has said its `hello`, which updraft stores and mosquitto forgets.
//! - *fan-out*: from the start of the deploy call to the last device's receipt of its `cmd`, QoS 1, each on its own
//!   topic, decided and committed; at mosquitto from the first byte of a publisher that sends the same bytes to the
//!   same topics without waiting. Nothing was ever published to these topics before.
//! - *reports*: QoS 1 publishes acknowledged per second, each device keeping 1 or 4 un-acked, in a closed loop.
//!   updraft acknowledges what is committed; mosquitto what it has read, with nobody subscribed ("bare"), and with
//!   one subscriber that takes them all ("observed"), as whoever wants to use them would need.
//!
//! A server and its client fill two cores: whatever else runs takes from one side or the other and moves every ratio.
//! The bench measures that too, and says so under the table when it was more than a tenth of a core.
//!
//! Registering the devices and uploading the image are not measured. Devices speak MQTT 3.1.1 unless `--mqtt5`.

mod client;
mod figures;
mod machine;
mod operator;
mod process;
mod publisher;
mod server;
mod session;
mod wire;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use figures::Figures;
use server::Kind;

/// The command line.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Sizes of the fleet.
    #[arg(long, value_delimiter = ',', default_values_t = [5_000, 19_000])]
    devices: Vec<usize>,
    /// Rounds for each size; the table shows medians.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Seconds of each storm of reports, after one second that is not counted.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Handshakes at once.
    #[arg(long, default_value_t = 64)]
    window: usize,
    /// Only one of the two.
    #[arg(long)]
    only: Option<Only>,
    /// Let the devices speak MQTT 5.
    #[arg(long)]
    mqtt5: bool,
    /// Write every run's figures here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The program to measure mosquitto with.
    #[arg(long, default_value = "mosquitto")]
    mosquitto: PathBuf,
    /// Be the client process.
    #[arg(long, hide = true)]
    client: bool,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// `--only`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// updraft
    Updraft,
    /// mosquitto
    Mosquitto,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.client {
        return client::run();
    }
    let machine = machine::conditions();
    println!("{machine}");
    let mut figures = Figures::default();
    for &devices in &options.devices {
        measure(&options, devices, &mut figures)?;
        println!("{}", figures.table(devices));
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&figures.json(&machine))?;
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// All rounds of one size, updraft and mosquitto in turns.
fn measure(options: &Options, devices: usize, figures: &mut Figures) -> Result<()> {
    let kinds: &[Kind] = match options.only {
        None => &[Kind::Updraft, Kind::Mosquitto],
        Some(Only::Updraft) => &[Kind::Updraft],
        Some(Only::Mosquitto) => &[Kind::Mosquitto],
    };
    let seed = session::seed(devices, kinds.contains(&Kind::Updraft)).context("register the devices")?;
    let mut command = wire::sample_command();
    for run in 1..=options.runs {
        for &kind in kinds {
            let round = session::round(options, kind, &seed, &mut command);
            let round = round.with_context(|| format!("{kind:?}, {devices} devices, run {run}"))?;
            eprintln!("{kind:?} {devices} run {run}: {}", figures::line(&round));
            figures.add(kind, devices, round);
        }
    }
    Ok(())
}
