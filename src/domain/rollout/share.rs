//! Parts of a fleet: stable, so that the same devices are in a part every time it is asked for.

use std::fmt;

use crate::domain::ids::DeviceId;

/// A part of a whole in hundredths of a percent, 0 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

impl Share {
    /// Nothing.
    pub const NONE: Share = Share(0);
    /// The whole.
    pub const ALL: Share = Share(10_000);

    /// The part, if it is not more than the whole.
    pub fn new(hundredths: u64) -> Option<Share> {
        u16::try_from(hundredths).ok().filter(|n| *n <= 10_000).map(Share)
    }

    /// The part of a whole percentage, if it is not more than 100.
    pub fn percent(percent: u64) -> Option<Share> {
        percent.checked_mul(100).and_then(Share::new)
    }

    /// In hundredths of a percent.
    pub fn hundredths(self) -> u16 {
        self.0
    }

    /// Whether `part` of `whole` is at least this. Of nothing, every part is enough.
    pub fn reached_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 10_000 >= u128::from(self.0) * u128::from(whole)
    }

    /// Whether `part` of `whole` is strictly more than this.
    pub fn exceeded_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 10_000 > u128::from(self.0) * u128::from(whole)
    }

    /// How many of `whole` it is, rounded up: a part that is more than nothing has at least one device.
    pub fn of(self, whole: usize) -> usize {
        let part = (whole as u128 * u128::from(self.0)).div_ceil(10_000);
        usize::try_from(part).unwrap_or(whole)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (percent, 0) => write!(f, "{percent}%"),
            (percent, rest) if rest % 10 == 0 => write!(f, "{percent}.{}%", rest / 10),
            (percent, rest) => write!(f, "{percent}.{rest:02}%"),
        }
    }
}

/// Where a device stands among 10,000 buckets: the same for the same seed, on every machine and in every version.
pub fn bucket(device: &DeviceId, seed: u64) -> u16 {
    u16::try_from(mix(device, seed) % 10_000).expect("a remainder of 10,000 fits")
}

/// Where a device stands in the order in which waves are filled: neither its name nor its age decides.
pub fn places(device: &DeviceId, seed: u64) -> u64 {
    mix(device, seed.rotate_left(32))
}

/// FNV-1a (64 bits) over the seed and the name, then the finisher of SplitMix64, because the low bits of the former
/// alone are not even.
fn mix(device: &DeviceId, seed: u64) -> u64 {
    let bytes = seed.to_be_bytes();
    let all = bytes.iter().chain(device.as_str().as_bytes());
    let fnv = all.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let once = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}
