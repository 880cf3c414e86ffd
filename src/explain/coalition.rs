//! A set of players, as bits.

/// A coalition: which of `players` players are present (keep their own voxels).
///
/// Bit `i % 64` of word `i / 64` is player `i`; bits past the last player are zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coalition {
    players: usize,
    words: Vec<u64>,
}

impl Coalition {
    /// Nobody is present: every player's voxels show the baseline.
    pub fn empty(players: usize) -> Self {
        Self {
            players,
            words: vec![0; players.div_ceil(64)],
        }
    }

    /// Everybody is present: the image as it is.
    pub fn full(players: usize) -> Self {
        Self::empty(players).complement()
    }

    /// The coalition whose bytes [`Coalition::to_bytes`] gave. `None` if the number
    /// of bytes is not that of `players` or a bit past the last player is set.
    pub fn from_bytes(players: usize, bytes: &[u8]) -> Option<Self> {
        let mut coalition = Self::empty(players);
        if bytes.len() != coalition.words.len() * 8 {
            return None;
        }
        for (word, chunk) in coalition.words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().ok()?);
        }
        let stray = coalition
            .words
            .last()
            .is_some_and(|&last| last & !coalition.last_mask() != 0);
        (!stray).then_some(coalition)
    }

    /// The coalition of the players whose entry is true.
    pub fn from_bools(present: &[bool]) -> Self {
        let mut coalition = Self::empty(present.len());
        for (player, _) in present.iter().enumerate().filter(|&(_, &p)| p) {
            coalition.insert(player);
        }
        coalition
    }

    /// Number of players in the game, present or not.
    pub fn players(&self) -> usize {
        self.players
    }

    /// Adds a player; a number past the last player changes nothing.
    pub fn insert(&mut self, player: usize) {
        if player < self.players
            && let Some(word) = self.words.get_mut(player / 64)
        {
            *word |= 1 << (player % 64);
        }
    }

    /// Takes a player out; a number past the last player changes nothing.
    pub fn remove(&mut self, player: usize) {
        if let Some(word) = self.words.get_mut(player / 64) {
            *word &= !(1 << (player % 64));
        }
    }

    pub fn contains(&self, player: usize) -> bool {
        self.words
            .get(player / 64)
            .is_some_and(|word| word >> (player % 64) & 1 == 1)
    }

    /// The coalition of exactly the players that are absent from this one.
    pub fn complement(&self) -> Self {
        let mut words: Vec<u64> = self.words.iter().map(|word| !word).collect();
        if let Some(last) = words.last_mut() {
            *last &= self.last_mask();
        }
        Self {
            players: self.players,
            words,
        }
    }

    /// Number of players present.
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// The players present, in increasing order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }

    /// One entry a player: whether it is present.
    pub fn to_bools(&self) -> Vec<bool> {
        (0..self.players)
            .map(|player| self.contains(player))
            .collect()
    }

    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words as little-endian bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    fn last_mask(&self) -> u64 {
        match self.players % 64 {
            0 => u64::MAX,
            bits => (1 << bits) - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complement_has_no_stray_bits_at_any_size() {
        for players in [1, 5, 63, 64, 65, 128, 200] {
            let full = Coalition::full(players);
            assert_eq!(full.count(), players);
            assert_eq!(full.complement(), Coalition::empty(players));
            assert!(!full.contains(players));
        }
    }

    #[test]
    fn insert_remove_iterate() {
        let mut coalition = Coalition::empty(130);
        for player in [0, 63, 64, 129, 130, 1000] {
            coalition.insert(player);
        }
        assert_eq!(coalition.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
        coalition.remove(63);
        coalition.remove(5000);
        assert_eq!(coalition.count(), 3);
        assert_eq!(Coalition::from_bools(&coalition.to_bools()), coalition);
    }

    #[test]
    fn bytes_round_trip_and_refuse_stray_bits() {
        let mut coalition = Coalition::empty(70);
        coalition.insert(69);
        let mut bytes = coalition.to_bytes();
        assert_eq!(Coalition::from_bytes(70, &bytes), Some(coalition));
        assert_eq!(Coalition::from_bytes(129, &bytes), None);
        bytes[15] = 0x80;
        assert_eq!(Coalition::from_bytes(70, &bytes), None);
    }
}
