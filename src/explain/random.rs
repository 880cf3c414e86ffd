//! Random numbers that a seed fixes for good.
//!
//! ChaCha8 with an explicit key and our own reduction to a range, rather than a
//! library's sampling functions, so that a log replays under any later version.

use rand::SeedableRng as _;
use rand::rand_core::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::Coalition;

/// The stream of a seed and a part of the work (a pass, a design).
pub(super) fn keyed(seed: u64, part: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    let bytes = seed.to_le_bytes().into_iter().chain(part.to_le_bytes());
    for (key, byte) in key.iter_mut().zip(bytes) {
        *key = byte;
    }
    ChaCha8Rng::from_seed(key)
}

/// A uniform number below `bound > 0`: draws from the incomplete last span are repeated.
pub(super) fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    let bound = bound as u64;
    let whole_spans = u64::MAX - u64::MAX % bound;
    loop {
        let draw = random.next_u64();
        if draw < whole_spans {
            return (draw % bound) as usize;
        }
    }
}

/// A uniform number in 0..1, of 53 bits.
pub(super) fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A standard normal number (Box and Muller 1958).
pub(super) fn standard_normal(random: &mut ChaCha8Rng) -> f64 {
    // 1 − unit is in 0..=1 without 0, whose logarithm is not finite.
    let radius = (-2.0 * (1.0 - unit(random)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(random)).cos()
}

/// A uniform coalition of `size` of the players (Floyd's algorithm).
pub(super) fn coalition_of_size(random: &mut ChaCha8Rng, players: usize, size: usize) -> Coalition {
    let mut coalition = Coalition::empty(players);
    for last in players.saturating_sub(size)..players {
        let player = below(random, last + 1);
        coalition.insert(if coalition.contains(player) {
            last
        } else {
            player
        });
    }
    coalition
}
