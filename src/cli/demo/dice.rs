//! Chance that falls the same way every time.

/// Throws that follow from a seed and what they are for (SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    /// For one thing among many: its throws don't depend on how many were made for the others.
    pub(super) fn of(seed: u64, thing: u64) -> Self {
        let mut dice = Self(seed);
        dice.0 = dice.throw() ^ thing;
        dice.throw();
        dice
    }

    /// All 64 bits.
    pub(super) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Zero and up, below an end.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.throw()) * u128::from(end)) >> 64) as u64
    }

    /// True so often in a hundred.
    pub(super) fn percent(&mut self, often: u64) -> bool {
        self.below(100) < often
    }

    /// One of several, each as likely.
    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Who has how much, where few have much: the share of a rank is as 1 / (rank + flat).
pub(super) struct Skew {
    /// The shares up to and with each rank.
    sums: Vec<u64>,
}

impl Skew {
    pub(super) fn new(ranks: usize, flat: u64) -> Self {
        let share = |rank| 1_000_000_000_000 / (rank as u64 + flat);
        let sums = (0..ranks).scan(0, |sum, rank| {
            *sum += share(rank);
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    /// A rank, the more likely the larger its share.
    pub(super) fn rank(&self, dice: &mut Dice) -> usize {
        let at = dice.below(self.sums.last().copied().unwrap_or_default());
        self.sums.partition_point(|sum| *sum <= at)
    }
}

/// A part of many things: every so manieth of them, up to an end.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) every: u64,
    pub(super) at: u64,
    pub(super) end: u64,
}

impl Part {
    pub(super) fn has(&self, thing: u64) -> bool {
        thing < self.end && thing % self.every == self.at % self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_thrown_for_a_thing_follows_from_the_seed() {
        let throws = |seed, thing| {
            let mut dice = Dice::of(seed, thing);
            [dice.throw(), dice.throw()]
        };
        assert_eq!(throws(1, 7), throws(1, 7));
        assert_ne!(throws(1, 7), throws(1, 8));
        assert_ne!(throws(1, 7), throws(2, 7));
    }

    #[test]
    fn the_first_ranks_have_the_most() {
        let (skew, mut dice) = (Skew::new(100, 4), Dice::of(1, 1));
        let mut counts = [0; 100];
        for _ in 0..100_000 {
            counts[skew.rank(&mut dice)] += 1;
        }
        // 1/4 and 1/103 of 3.1.
        assert!((7_000..9_000).contains(&counts[0]), "{counts:?}");
        assert!((150..500).contains(&counts[99]), "{counts:?}");
    }

    #[test]
    fn a_part_is_every_so_manieth_up_to_its_end() {
        let part = Part { every: 20, at: 23, end: 50 };
        assert_eq!((0..100).filter(|thing| part.has(*thing)).collect::<Vec<_>>(), [3, 23, 43]);
    }
}
