//! Which blocks of a file answer a request. Pure: it sees a size and limits, never the file.
//!
//! The receiver drives: it asks for the blocks that it lacks, in a bitmap, and what gets lost it asks for again
//! (the shape of AWS IoT's MQTT-based file delivery).

use super::payload::Cid;

/// A device's request for blocks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkRequest {
    /// The device's token, handed back in the answer (`c`).
    pub cid: Option<Cid>,
    /// A firmware type (1..=200) or an artifact id (`f`).
    pub file: u32,
    /// The length of a block in bytes (`l`).
    pub length: u32,
    /// The first block that is wanted; bit 0 of the bitmap stands for it (`o`).
    pub offset: u32,
    /// The most blocks that are wanted (`n`); none for as many as the server sends at once.
    pub count: Option<u32>,
    /// The wanted blocks, lowest bit first; empty for all from the offset (`b`).
    pub bitmap: Vec<u8>,
}

/// What one answer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLimits {
    /// The longest block in bytes.
    pub max_block: u32,
    /// The most blocks for one request.
    pub max_blocks_per_request: u32,
    /// The most bytes for one request.
    pub max_bytes: u32,
}

/// The blocks that will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The length of a block in bytes; the last block of a file may be shorter.
    pub length: u32,
    /// The numbers of the blocks, at least one, ascending.
    pub blocks: Vec<u32>,
}

/// Why no block will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkRefusal {
    /// Blocks of no length.
    #[error("a block has at least 1 byte")]
    NoLength,
    /// Longer blocks than the server sends or the device takes.
    #[error("a block may have at most {max} bytes")]
    BlockTooLong {
        /// The longest that would be sent, in bytes.
        max: u32,
    },
    /// The file ends before the offset.
    #[error("the file has {blocks} blocks of this length")]
    BeyondEnd {
        /// How many blocks the file has.
        blocks: u64,
    },
    /// The count is 0, or no bit within the file is set.
    #[error("no block within the file is asked for")]
    NothingWanted,
}

impl ChunkRefusal {
    /// A stable code for machines.
    pub fn code(self) -> &'static str {
        match self {
            ChunkRefusal::NoLength => "no-block-length",
            ChunkRefusal::BlockTooLong { .. } => "block-too-long",
            ChunkRefusal::BeyondEnd { .. } => "beyond-end",
            ChunkRefusal::NothingWanted => "nothing-wanted",
        }
    }
}

impl ChunkLimits {
    /// The limits for a device that takes payloads of at most `mtu` bytes.
    #[must_use]
    pub fn within_mtu(self, mtu: Option<u32>) -> Self {
        ChunkLimits { max_block: mtu.map_or(self.max_block, |mtu| self.max_block.min(mtu)), ..self }
    }
}

/// Chooses the blocks that answer `request` for a file of `file_size` bytes.
///
/// # Errors
/// [`ChunkRefusal`] when there is nothing to send; too long a block is answered with the longest.
pub fn plan(request: &ChunkRequest, file_size: u64, limits: ChunkLimits) -> Result<Plan, ChunkRefusal> {
    let max = limits.max_block.min(limits.max_bytes);
    match request.length {
        0 => return Err(ChunkRefusal::NoLength),
        length if length > max => return Err(ChunkRefusal::BlockTooLong { max }),
        _ => {}
    }
    let in_file = file_size.div_ceil(u64::from(request.length));
    if u64::from(request.offset) >= in_file {
        return Err(ChunkRefusal::BeyondEnd { blocks: in_file });
    }
    let budget = limits.max_blocks_per_request.min(limits.max_bytes / request.length);
    let count = request.count.map_or(budget, |count| count.min(budget)) as usize;
    let end = u32::try_from(in_file).unwrap_or(u32::MAX);
    let blocks: Vec<u32> = if request.bitmap.is_empty() {
        (request.offset..end).take(count).collect()
    } else {
        marked(request).take_while(|block| *block < end).take(count).collect()
    };
    if blocks.is_empty() {
        return Err(ChunkRefusal::NothingWanted);
    }
    Ok(Plan { length: request.length, blocks })
}

/// The blocks whose bits are set, ascending.
fn marked(request: &ChunkRequest) -> impl Iterator<Item = u32> + '_ {
    let bits = request.bitmap.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    (request.offset..=u32::MAX).zip(bits).filter_map(|(block, set)| set.then_some(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ChunkLimits =
        ChunkLimits { max_block: 16_384, max_blocks_per_request: 8, max_bytes: 65_536 };

    fn request(length: u32, offset: u32, count: Option<u32>, bitmap: &[u8]) -> ChunkRequest {
        ChunkRequest { cid: None, file: 3, length, offset, count, bitmap: bitmap.to_vec() }
    }

    #[test]
    #[allow(clippy::type_complexity)]
    fn blocks_are_chosen_within_the_file_and_the_limits() {
        use ChunkRefusal::*;
        let size = 387_808; // 95 blocks of 4096
        let table: &[(ChunkRequest, u64, Result<&[u32], ChunkRefusal>)] = &[
            (request(4096, 20, Some(16), &[0x13, 0x00, 0x80]), size, Ok(&[20, 21, 24, 43])),
            (request(4096, 20, Some(2), &[0x13, 0x00, 0x80]), size, Ok(&[20, 21])),
            (request(4096, 0, Some(3), &[]), size, Ok(&[0, 1, 2])),
            (request(4096, 0, None, &[]), size, Ok(&[0, 1, 2, 3, 4, 5, 6, 7])),
            (request(4096, 0, None, &[0xFF, 0xFF]), size, Ok(&[0, 1, 2, 3, 4, 5, 6, 7])),
            (request(16_384, 0, None, &[]), size, Ok(&[0, 1, 2, 3])),
            (request(4096, 93, None, &[]), size, Ok(&[93, 94])),
            (request(4096, 94, None, &[0xFF]), size, Ok(&[94])),
            (request(4096, 95, None, &[]), size, Err(BeyondEnd { blocks: 95 })),
            (request(4096, u32::MAX, Some(1), &[1]), size, Err(BeyondEnd { blocks: 95 })),
            (request(1, u32::MAX, Some(1), &[0xFF]), u64::MAX, Err(NothingWanted)),
            (request(4096, 0, Some(0), &[]), size, Err(NothingWanted)),
            (request(4096, 0, None, &[0, 0]), size, Err(NothingWanted)),
            (request(4096, 94, None, &[0xFE]), size, Err(NothingWanted)),
            (request(0, 0, None, &[]), size, Err(NoLength)),
            (request(16_385, 0, None, &[]), size, Err(BlockTooLong { max: 16_384 })),
            (request(u32::MAX, 0, None, &[]), size, Err(BlockTooLong { max: 16_384 })),
            (request(4096, 0, None, &[]), 0, Err(BeyondEnd { blocks: 0 })),
        ];
        for (request, size, expected) in table {
            let expected = expected.map(|b| Plan { length: request.length, blocks: b.to_vec() });
            assert_eq!(plan(request, *size, LIMITS), expected, "{request:?}");
        }
    }

    #[test]
    fn a_block_fits_what_the_device_takes() {
        let table: &[(Option<u32>, Result<usize, ChunkRefusal>)] = &[
            (None, Ok(8)),
            (Some(4096), Ok(8)),
            (Some(4095), Err(ChunkRefusal::BlockTooLong { max: 4095 })),
            (Some(0), Err(ChunkRefusal::BlockTooLong { max: 0 })),
        ];
        for (mtu, expected) in table {
            let found = plan(&request(4096, 0, None, &[]), 1 << 20, LIMITS.within_mtu(*mtu));
            assert_eq!(found.map(|plan| plan.blocks.len()), *expected, "{mtu:?}");
        }
    }
}
