//! Every bound of the gate, and the budget of failed logins.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The bounds of the gate. The defaults are the ones of the design; `broker.toml` may change them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time: at 2 KiB each they stay below 256 MiB.
    pub connections: usize,
    /// Connections that have not been let in yet. Half a TLS handshake holds up to 40 KiB, so 4,096 hold 160 MiB.
    pub handshakes: usize,
    /// Time for the TLS handshake, and again for CONNECT.
    pub handshake_timeout: Duration,
    /// Bytes of a CONNECT: two ids, a token and a will of ordinary size.
    pub connect_bytes: usize,
    /// Bytes of any later packet of a device or an operator.
    pub packet_bytes: usize,
    /// Filters of a session: a device has thirteen topics that it can read.
    pub filters: usize,
    /// Un-acknowledged uplinks of a session; beyond them the gate stops reading. Half of what the engine's
    /// window of sequence numbers can tell apart.
    pub uplinks: u16,
    /// Un-acknowledged uplinks of a worker. What the channel to the engine does not hold stays in the
    /// router's log.
    pub worker_uplinks: usize,
    /// Bytes of un-acknowledged uplinks of all workers together: a quarter of the bus's log.
    pub uplink_bytes: usize,
    /// Bytes that wait for a connection to take them; beyond them it is cut.
    pub outbox_bytes: usize,
    /// The same for an operator, who may watch a whole fleet.
    pub observer_outbox_bytes: usize,
    /// How long a connection may take nothing at all while bytes wait for it.
    pub write_stall: Duration,
    /// How long an uplink may wait for its receipt before the connection is cut, so that the device resends.
    pub receipt_timeout: Duration,
    /// The longest keep-alive: beyond it routers on the way have forgotten the connection anyhow.
    pub keep_alive_s: u16,
    /// The longest time that a session outlives its connection.
    pub session_expiry_s: u32,
    /// Sessions without a connection, over all workers.
    pub retained_sessions: usize,
    /// Downlinks that wait for a session beyond those in flight. They are hints: the oldest goes first.
    pub queued_downlinks: usize,
    /// Messages that wait for an operator beyond those in flight; beyond them it is cut.
    pub queued_for_observer: usize,
    /// Downlinks in flight, where the client would take more.
    pub inflight_downlinks: u16,
    /// Topic aliases that a client may set.
    pub topic_aliases: u16,
    /// The longest block of a chunk in bytes.
    pub chunk_bytes: u32,
    /// Blocks of one chunk request.
    pub chunk_blocks: u32,
    /// Bytes of chunks on their way to devices, over all of them.
    pub chunk_budget_bytes: usize,
    /// When a device that was refused for the budget should ask again.
    pub chunk_retry_ms: u64,
    /// Failed logins of one address in a minute, over all names, until more of them are told to slow down. A valid
    /// token is let in all the same: a whole fleet may be behind one address, or one proxy.
    pub failures_by_address: u32,
    /// Failed logins of one address for one name in a minute.
    pub failures_by_name: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 120_000,
            handshakes: 4_096,
            handshake_timeout: Duration::from_secs(5),
            connect_bytes: 4 << 10,
            packet_bytes: 64 << 10,
            filters: 16,
            uplinks: 32,
            worker_uplinks: 16_384,
            uplink_bytes: super::super::bus::LOG_BYTES / 4,
            outbox_bytes: 256 << 10,
            observer_outbox_bytes: 8 << 20,
            write_stall: Duration::from_secs(30),
            receipt_timeout: Duration::from_secs(30),
            keep_alive_s: 1_200,
            session_expiry_s: 24 * 3_600,
            retained_sessions: 120_000,
            queued_downlinks: 64,
            queued_for_observer: 16_384,
            inflight_downlinks: 32,
            topic_aliases: 8,
            chunk_bytes: 32 << 10,
            chunk_blocks: 256,
            chunk_budget_bytes: 64 << 20,
            chunk_retry_ms: 2_000,
            failures_by_address: 600,
            failures_by_name: 10,
        }
    }
}

/// How long a failed login counts.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses and names that are remembered; beyond them the map starts anew, which costs an attacker who can use so
/// many addresses nothing and saves the memory.
const REMEMBERED: usize = 65_536;

/// Failed logins of the last minute, by address, and by name together with the address.
#[derive(Debug, Default)]
pub(super) struct Failures {
    by_address: HashMap<IpAddr, Count>,
    by_name: HashMap<(IpAddr, Box<str>), Count>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    failures: u32,
}

impl Failures {
    /// Whether a failed login is one of the ordinary ones.
    pub(super) fn allows(&self, limits: &Limits, address: IpAddr, name: &str, now: Instant) -> bool {
        let spent = |count: Option<&Count>| {
            count.filter(|c| now.duration_since(c.since) < WINDOW).map_or(0, |c| c.failures)
        };
        spent(self.by_address.get(&address)) < limits.failures_by_address
            && spent(self.by_name.get(&(address, name.into()))) < limits.failures_by_name
    }

    /// Notes a failed login.
    pub(super) fn note(&mut self, address: IpAddr, name: &str, now: Instant) {
        note(&mut self.by_address, address, now);
        note(&mut self.by_name, (address, name.into()), now);
    }
}

fn note<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Count>, key: K, now: Instant) {
    if map.len() >= REMEMBERED {
        map.retain(|_, count| now.duration_since(count.since) < WINDOW);
        if map.len() >= REMEMBERED {
            map.clear();
        }
    }
    let count = map.entry(key).or_insert(Count { since: now, failures: 0 });
    if now.duration_since(count.since) >= WINDOW {
        *count = Count { since: now, failures: 0 };
    }
    count.failures += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_only_where_it_failed_and_only_for_a_minute() {
        let (limits, start) = (Limits::default(), Instant::now());
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let mut failures = Failures::default();
        for _ in 0..limits.failures_by_name {
            assert!(failures.allows(&limits, here, "lamp-1", start));
            failures.note(here, "lamp-1", start);
        }
        assert!(!failures.allows(&limits, here, "lamp-1", start));
        assert!(failures.allows(&limits, here, "lamp-2", start));
        assert!(failures.allows(&limits, there, "lamp-1", start));
        assert!(failures.allows(&limits, here, "lamp-1", start + WINDOW));
    }
}
