use std::{env, time::Duration};

use uuid::Uuid;

/// Chance that a seed repeats.
pub struct Dice(u64);

impl Dice {
    pub fn from_environment() -> Self {
        let given = env::var("LEADWARD_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let dice = Self(given.unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1));
        println!("LEADWARD_SEED={} repeats the choices", dice.0);
        dice
    }

    /// Dice of another's own, which fall as the seed says whatever the others do.
    pub fn fork(&mut self) -> Self {
        Self(self.roll())
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit as u64) as usize
    }

    pub fn milliseconds(&mut self, limit: usize) -> Duration {
        Duration::from_millis(self.below(limit) as u64)
    }

    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// SplitMix64.
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
