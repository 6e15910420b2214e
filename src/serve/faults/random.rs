//! Reproducible random numbers: every number follows from the seed, the fault, the call and the message.

/// A splitmix64 generator (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The generator for one place: other places draw other numbers, whatever is drawn in between.
    pub(super) fn at(seed: u64, place: &[u64]) -> Self {
        let mut random = Self(seed);
        for &part in place {
            let mixed = random.next();
            random = Self(mixed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A random number below `end`; 0 when there is none.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits: what a double holds.
        ((self.next() >> 11) as f64) / ((1_u64 << 53) as f64) < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut random = Random(1_234_567);
        let drawn = [random.next(), random.next(), random.next()];
        // The reference values of the algorithm's public test vectors.
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn places_draw_apart_and_each_the_same_again() {
        let first = |place: &[u64]| Random::at(7, place).next();
        assert_eq!(first(&[1, 2, 3]), first(&[1, 2, 3]));
        assert_ne!(first(&[1, 2, 3]), first(&[1, 2, 4]));
        assert_ne!(first(&[1, 2, 3]), first(&[2, 1, 3]));
        assert_ne!(Random::at(8, &[1]).next(), Random::at(7, &[1]).next());
    }

    #[test]
    fn chance_keeps_to_its_probability_and_numbers_to_their_end() {
        let hits = (0..10_000).filter(|at| Random::at(1, &[*at]).chance(0.1)).count();
        assert!((900..1100).contains(&hits), "{hits}");
        assert!(!Random::at(1, &[1]).chance(0.0) && Random::at(1, &[1]).chance(1.0));
        let mut seen = [false; 5];
        (0..100).for_each(|at| seen[Random::at(1, &[at]).below(5) as usize] = true);
        assert_eq!(seen, [true; 5]);
        assert_eq!(Random::at(1, &[]).below(0), 0);
    }
}
