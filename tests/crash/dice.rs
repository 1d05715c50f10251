//! Chance from a seed, so that a run can be asked for again.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Dice of somebody else's, which do not depend on how often these are thrown.
    pub fn other(&self, number: u64) -> Dice {
        Dice(self.0 ^ number.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.throw() % end
    }

    /// Whether a chance of `percent` comes true.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
