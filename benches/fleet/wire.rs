//! What the operator's process and the client process say to each other, a line of JSON each, and the payloads that
//! the devices send.

use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The tenant of all devices.
pub const TENANT: &str = "default";

/// The product of all devices.
pub const PRODUCT: &str = "bench";

/// What the client process is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Order {
    /// Connect a device for each login; subscribe each to its `cmd`.
    Connect { addr: SocketAddr, logins: PathBuf, window: usize, mqtt5: bool },
    /// Let each device say hello.
    Hello,
    /// Say the sequence number of each device's latest publish.
    Sequences,
    /// Answer what arrives.
    Idle { ms: u64 },
    /// Answer [`Answer::Armed`], then wait for each device's `cmd`.
    Await { limit_ms: u64 },
    /// Report in a closed loop.
    Storm { in_flight: u32, seconds: u64 },
}

/// What the client process answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Answer {
    /// Connected and subscribed.
    Connected { count: usize, elapsed_ns: u64 },
    /// Publishes that were acknowledged, and how much processor time the client took for them.
    Acked { count: u64, bad: u64, elapsed_ns: u64, cores: f64 },
    /// In the order of the logins.
    Sequences(Vec<u64>),
    /// Done.
    Idled,
    /// Whatever arrives from now on is seen.
    Armed,
    /// Moments of [`now_ns`]; `command` is the payload of the first.
    Arrived { count: usize, missing: usize, median_ns: u64, last_ns: u64, command: String },
    /// It cannot go on.
    Failed { message: String },
}

/// Nanoseconds since the machine started: a clock that is the same in every process.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The hello of a device that runs number 0 of firmware type 3: the server numbers images from 1, so that any image
/// is an update.
pub fn hello(seq: u64) -> Vec<u8> {
    format!(
        "{{\"seq\":{seq},\"boot\":\"b1\",\"product\":\"{PRODUCT}\",\"hw\":{{\"model\":\"sim\",\"rev\":\"A\"}},\
         \"caps\":{{\"types\":[3],\"mtu\":4096,\"formats\":[\"json\"],\"verify\":[\"sha256\"]}},\
         \"attrs\":{{\"2003\":\"0\"}}}}"
    )
    .into_bytes()
}

/// A report of a version that the device did not have before, so that each changes what is stored.
pub fn report(seq: u64) -> Vec<u8> {
    format!("{{\"seq\":{seq},\"v\":{{\"3\":\"{seq}\"}}}}").into_bytes()
}

/// A command as updraft sends it, for mosquitto until updraft has shown its own.
pub fn sample_command() -> String {
    "{\"id\":\"101\",\"cmd\":\"deploy\",\"action\":101,\"attempt\":1,\"deadline\":1731600000,\"mode\":\"forced\"}"
        .to_owned()
}
