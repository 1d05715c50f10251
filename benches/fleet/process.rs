//! Child processes that never outlive this one's interest in them, read with a deadline, and what Linux says of them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a process gets to end when asked to.
const GRACE: Duration = Duration::from_secs(10);

/// A process that is ended when dropped: asked first, killed after [`GRACE`].
pub struct Process(Child);

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> Result<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.spawn().map(Process).with_context(|| format!("start {program}"))
    }

    /// The running child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Fails when it has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the process ended by itself: {status}"),
        }
    }

    /// Resident memory in KiB (VmRSS).
    pub fn resident_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).ok_or_else(|| anyhow!("no VmRSS"))
    }

    /// Processor time used so far.
    pub fn cpu(&self) -> Result<Duration> {
        cpu(&self.id().to_string())
    }

    /// What the system calls it.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    fn end(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended already, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
        }
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // As above.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Processor time that a process (`self` or an id) used so far, of its own and in the kernel for it.
pub fn cpu(process: &str) -> Result<Duration> {
    // Fields 14 and 15 (proc_pid_stat(5)).
    times(process, 11)
}

/// The sum of two neighbouring times that Linux keeps of a process, the first so many fields behind its name.
pub fn times(process: &str, skipped: usize) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold anything, also blanks and brackets. The times are in hundredths of a second.
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ')).context("a stat without a name")?;
    let ticks: Vec<u64> = fields.skip(skipped).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(Duration::from_millis(10 * ticks.iter().sum::<u64>()))
}

/// Processor time that all processes of the machine used so far, and what the host took from it. With interrupts: a
/// process is charged for those that come while it runs, and the loopback's work is done in them.
pub fn machine_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().context("an empty /proc/stat")?.split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, irq, softirq and steal (proc_stat(5)).
    let used = [0, 1, 2, 5, 6, 7].into_iter().filter_map(|at| ticks.get(at)).sum::<u64>();
    Ok(Duration::from_millis(10 * used))
}

/// The lines that a child writes, with a deadline on each.
pub struct Lines(Receiver<String>);

impl Lines {
    /// Reads until the pipe ends, also what nobody asks for.
    pub fn of(pipe: impl Read + Send + 'static) -> Lines {
        // More lines than anything here writes; beyond them the writer waits.
        let (sender, receiver) = sync_channel(1024);
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Lines(receiver)
    }

    /// The next line.
    pub fn next(&self, limit: Duration) -> Result<String> {
        match self.0.recv_timeout(limit) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("no answer within {limit:?}"),
            Err(RecvTimeoutError::Disconnected) => bail!("the process ended"),
        }
    }
}
