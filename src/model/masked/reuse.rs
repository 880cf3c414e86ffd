//! Which windows of a masked run have been computed before.
//!
//! What the network gives for a window depends on nothing but the window's input, and
//! that on which of the players seen in it are present. Two coalitions that agree on
//! those share the window's logits, bit for bit. Along a chain of coalitions that
//! differ in one player each, only the windows that see it are run again.

use std::collections::VecDeque;

use ndarray::{Array3, s};

use super::PlayerTable;
use crate::model::WindowPlan;

/// The players present among those a window sees, as bits.
pub type Signature = Vec<u64>;

/// For each window the players it sees, in whichever channel.
#[derive(Debug, Clone)]
pub struct WindowPlayers {
    seen: Vec<Signature>,
}

impl WindowPlayers {
    /// From the label of each voxel of the image and their players.
    pub fn new(plan: &WindowPlan, label_of_voxel: &Array3<u16>, players: &PlayerTable) -> Self {
        let channels = 0..players.channels_told_apart().unwrap_or(1);
        let seen = (0..plan.starts.len())
            .map(|window| {
                let mut labels = vec![false; players.labels() + 1];
                let [x, y, z] = plan.image_part(window);
                for &label in label_of_voxel.slice(s![x, y, z]) {
                    if let Some(seen) = labels.get_mut(usize::from(label)) {
                        *seen = true;
                    }
                }
                let mut bits = vec![0; players.players().div_ceil(64)];
                for (label, _) in labels.iter().enumerate().filter(|(_, seen)| **seen) {
                    for channel in channels.clone() {
                        if let Some(player) = players.player(channel, label) {
                            set(&mut bits, player);
                        }
                    }
                }
                bits
            })
            .collect();
        Self { seen }
    }

    /// What a window shows of a coalition.
    pub fn signature(&self, window: usize, present: &[bool]) -> Signature {
        let mut bits = self.seen.get(window).cloned().unwrap_or_default();
        for (word, present) in bits.iter_mut().zip(present.chunks(64)) {
            for (bit, _) in present.iter().enumerate().filter(|(_, p)| !**p) {
                *word &= !(1 << bit);
            }
        }
        bits
    }
}

/// Sets the bit of a player, numbered from 0.
fn set(bits: &mut [u64], player: usize) {
    if let Some(word) = bits.get_mut(player / 64) {
        *word |= 1 << (player % 64);
    }
}

/// The latest logits of each window.
#[derive(Debug)]
pub struct WindowCache<L> {
    /// For each window, the newest first.
    known: Vec<VecDeque<(Signature, L)>>,
    /// Entries kept for each window.
    capacity: usize,
    statistics: WindowStatistics,
}

/// How many windows were run and how many were known already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowStatistics {
    pub run: u64,
    pub reused: u64,
}

impl WindowStatistics {
    /// Share of the windows that did not have to be run, in 0..=1.
    pub fn reused_share(&self) -> f64 {
        self.reused as f64 / (self.run + self.reused).max(1) as f64
    }
}

impl<L: Clone> WindowCache<L> {
    pub fn new(windows: usize, capacity: usize) -> Self {
        Self {
            known: (0..windows).map(|_| VecDeque::new()).collect(),
            capacity,
            statistics: WindowStatistics::default(),
        }
    }

    /// The logits of a window with a signature, if they are still known.
    pub fn find(&mut self, window: usize, signature: &Signature) -> Option<L> {
        let known = self.known.get_mut(window)?;
        let at = known.iter().position(|(own, _)| own == signature)?;
        let entry = known.remove(at)?;
        let logits = entry.1.clone();
        known.push_front(entry);
        self.statistics.reused += 1;
        Some(logits)
    }

    /// Keeps a window's logits in place of those not asked for the longest.
    pub fn insert(&mut self, window: usize, signature: Signature, logits: L) {
        self.statistics.run += 1;
        if let Some(known) = self.known.get_mut(window) {
            known.push_front((signature, logits));
            known.truncate(self.capacity);
        }
    }

    /// Counts a window that shared the run of another coalition of the same call.
    pub fn count_shared(&mut self) {
        self.statistics.reused += 1;
    }

    pub fn statistics(&self) -> WindowStatistics {
        self.statistics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Blend, Inference};

    #[test]
    fn signatures_tell_apart_only_what_a_window_sees() {
        let inference = Inference {
            window: [64, 32, 32],
            overlap: 0.0,
            blend: Blend::Constant,
        };
        let plan = WindowPlan::new([64, 32, 60], &inference);
        assert_eq!(plan.starts, [[0, 0, 0], [0, 0, 28]]);
        // Player 1 + z: the first window sees 1 to 32, the second 29 to 60.
        let players = Array3::from_shape_fn((64, 32, 60), |(_, _, z)| 1 + z as u16);
        let windows = WindowPlayers::new(&plan, &players, &PlayerTable::supervoxels(70));
        let without = |absent: usize| {
            let mut present = vec![true; 70];
            present[absent] = false;
            present
        };
        for (player, seen) in [(0, [true, false]), (29, [true, true]), (59, [false, true])] {
            for (window, seen) in seen.into_iter().enumerate() {
                let changed = windows.signature(window, &without(player))
                    != windows.signature(window, &[true; 70]);
                assert_eq!(changed, seen, "{player} {window}");
            }
        }
        // Label 60 is two players: only the second window sees them, each in a channel.
        let table = PlayerTable::supervoxels_by_channel(&[60], 70, 2).unwrap();
        let windows = WindowPlayers::new(&plan, &players, &table);
        for player in [59, 60] {
            let mut present = vec![true; 71];
            let full = [0, 1].map(|window| windows.signature(window, &present));
            present[player] = false;
            let without = [0, 1].map(|window| windows.signature(window, &present));
            assert_eq!([0, 1].map(|w| full[w] != without[w]), [false, true]);
        }
        // Each window sees every channel.
        let windows = WindowPlayers::new(&plan, &players, &PlayerTable::channels(70, 3));
        let signatures = [0, 1].map(|window| windows.signature(window, &[true, false, true]));
        assert_eq!(signatures, [vec![0b101], vec![0b101]]);
    }

    #[test]
    fn the_cache_forgets_what_was_not_asked_for_the_longest() {
        let mut cache = WindowCache::new(1, 2);
        cache.insert(0, vec![1], 'a');
        cache.insert(0, vec![2], 'b');
        assert_eq!(cache.find(0, &vec![1]), Some('a'));
        cache.insert(0, vec![3], 'c');
        assert_eq!(cache.find(0, &vec![2]), None);
        assert_eq!(cache.find(0, &vec![1]), Some('a'));
        let expected = WindowStatistics { run: 3, reused: 2 };
        assert_eq!(cache.statistics(), expected);
        assert_eq!(expected.reused_share(), 0.4);
    }
}
