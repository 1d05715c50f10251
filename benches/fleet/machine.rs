//! The machine that figures come from.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Instant;

/// The conditions that the figures hold for.
pub fn conditions() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_else(|_| "unknown".to_owned());
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let folder = std::env::temp_dir();
    format!(
        "{cores} cores ({model}), Linux {}, load {}, data under {} (write of 4 KiB to disk: {})",
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or("unknown"),
        folder.display(),
        sync_time().map_or("unknown".to_owned(), |us| format!("{us} us, median of 50")),
    )
}

/// Microseconds of a write and its fdatasync where the servers keep their data.
fn sync_time() -> Option<u128> {
    let folder = tempfile::tempdir().ok()?;
    let mut file = File::create(folder.path().join("probe")).ok()?;
    let mut times = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        file.write_all(&[0x5A; 4096]).ok()?;
        file.sync_data().ok()?;
        times.push(start.elapsed().as_micros());
    }
    times.sort_unstable();
    times.get(25).copied()
}
