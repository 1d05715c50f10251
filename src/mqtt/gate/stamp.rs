//! The mark on an uplink: which worker, which connection, which of its messages. It travels the bus, passes the
//! engine untouched and comes back with the receipt.

use crate::engine::call::Stamp;

/// Where a receipt belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The worker that holds the connection.
    pub(super) worker: u16,
    /// The session's place, or [`Mark::PROBE`].
    pub(super) slot: u32,
    /// The connection in that place: a receipt for an earlier one is nobody's.
    pub(super) generation: u32,
    /// The uplink within the connection. Packet identifiers would not do: QoS 0 has none.
    pub(super) serial: u32,
}

impl Mark {
    /// The slot of a worker's own probe.
    pub(super) const PROBE: u32 = u32::MAX;

    /// As the engine carries it.
    pub(super) fn stamp(self) -> Stamp {
        Stamp(
            u128::from(self.worker) << 96
                | u128::from(self.slot) << 64
                | u128::from(self.generation) << 32
                | u128::from(self.serial),
        )
    }
}

impl From<Stamp> for Mark {
    fn from(Stamp(bits): Stamp) -> Mark {
        Mark {
            worker: (bits >> 96) as u16,
            slot: (bits >> 64) as u32,
            generation: (bits >> 32) as u32,
            serial: bits as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_the_way_to_the_engine_and_back() {
        for mark in [
            Mark { worker: 0, slot: 0, generation: 0, serial: 0 },
            Mark { worker: 1, slot: 2, generation: 3, serial: 4 },
            Mark { worker: u16::MAX, slot: Mark::PROBE, generation: u32::MAX, serial: u32::MAX },
        ] {
            assert_eq!(Mark::from(mark.stamp()), mark);
        }
    }
}
