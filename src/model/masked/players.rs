//! Which player shows or hides a label in each channel.

use crate::model::ModelError;

/// Most players of a game: explanations number them in 16 bits.
const MAX_PLAYERS: usize = u16::MAX as usize;

/// The players of a masked network. The image is divided by labels (supervoxels), 0 for
/// voxels of none; a label's voxels belong to one player in all channels, or to another
/// in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerTable {
    labels: usize,
    players: usize,
    /// One row for all channels, or one for each. A row has the player of each label from
    /// label 0 on: a number from 1, or 0 where the scan is always shown.
    rows: Vec<Vec<usize>>,
}

impl PlayerTable {
    /// Each label from 1 to `labels` is the player of its number, in all channels.
    pub fn supervoxels(labels: usize) -> Self {
        Self {
            labels,
            players: labels,
            rows: vec![(0..=labels).collect()],
        }
    }

    /// Each channel is one player, the first player 1, with every voxel of it, those of
    /// label 0 too.
    pub fn channels(labels: usize, channels: usize) -> Self {
        Self {
            labels,
            players: channels,
            rows: (1..=channels)
                .map(|player| vec![player; labels + 1])
                .collect(),
        }
    }

    /// The labels of `split` are one player for each channel, all others one in all. Players
    /// are numbered label by label, and channel by channel where a label is split.
    ///
    /// Errors: a label that there is not, too many players.
    pub fn supervoxels_by_channel(
        split: &[usize],
        labels: usize,
        channels: usize,
    ) -> Result<Self, ModelError> {
        let mut is_split = vec![false; labels + 1];
        for &label in split {
            match is_split.get_mut(label) {
                Some(is_split) if label > 0 => *is_split = true,
                _ => return Err(ModelError::UnknownLabel { label, labels }),
            }
        }
        let mut rows = vec![vec![0]; channels];
        let mut players = 0;
        for is_split in is_split.into_iter().skip(1) {
            for (channel, row) in rows.iter_mut().enumerate() {
                row.push(players + 1 + if is_split { channel } else { 0 });
            }
            players += if is_split { channels } else { 1 };
        }
        if players > MAX_PLAYERS {
            return Err(ModelError::TooManyPlayers {
                players,
                most: MAX_PLAYERS,
            });
        }
        Ok(Self {
            labels,
            players,
            rows,
        })
    }

    /// The largest label.
    pub fn labels(&self) -> usize {
        self.labels
    }

    pub fn players(&self) -> usize {
        self.players
    }

    /// The place in a coalition of the player of a label in a channel, from 0; `None` where
    /// the scan is always shown.
    pub fn player(&self, channel: usize, label: usize) -> Option<usize> {
        let row = if self.rows.len() == 1 { 0 } else { channel };
        self.rows.get(row)?.get(label)?.checked_sub(1)
    }

    /// The number of channels that it is for; `None` if for any.
    pub(in crate::model) fn channels_told_apart(&self) -> Option<usize> {
        (self.rows.len() != 1).then_some(self.rows.len())
    }

    /// Whether each label from 0 on shows the scan, in one row for all channels or in one for
    /// each.
    pub(in crate::model) fn shown(&self, present: &[bool]) -> Vec<Vec<bool>> {
        let is_shown = |&player: &usize| match player.checked_sub(1) {
            None => true,
            Some(index) => present.get(index).copied().unwrap_or(true),
        };
        let rows = self.rows.iter();
        rows.map(|row| row.iter().map(is_shown).collect()).collect()
    }
}

/// A number of supervoxels, each of which is a player.
impl From<usize> for PlayerTable {
    fn from(labels: usize) -> Self {
        Self::supervoxels(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_are_found_by_channel_and_label() {
        let table = PlayerTable::supervoxels(3);
        assert_eq!((table.labels(), table.players()), (3, 3));
        assert_eq!(table.player(7, 0), None);
        assert_eq!(table.player(7, 3), Some(2));
        assert_eq!(table.channels_told_apart(), None);

        let table = PlayerTable::channels(3, 2);
        assert_eq!((table.labels(), table.players()), (3, 2));
        assert_eq!([table.player(0, 0), table.player(1, 3)], [Some(0), Some(1)]);

        let table = PlayerTable::supervoxels_by_channel(&[2, 4], 4, 3).unwrap();
        assert_eq!(table.players(), 8);
        let of_label = |label| [0, 1, 2].map(|channel| table.player(channel, label));
        assert_eq!(of_label(0), [None; 3]);
        assert_eq!(of_label(1), [Some(0); 3]);
        assert_eq!(of_label(2), [Some(1), Some(2), Some(3)]);
        assert_eq!(of_label(3), [Some(4); 3]);
        assert_eq!(of_label(4), [Some(5), Some(6), Some(7)]);
        assert_eq!(table.channels_told_apart(), Some(3));
    }

    #[test]
    fn labels_and_players_that_cannot_be_are_named() {
        for label in [0, 5] {
            let found = PlayerTable::supervoxels_by_channel(&[label], 4, 2);
            assert!(matches!(found, Err(ModelError::UnknownLabel { .. })));
        }
        let all: Vec<usize> = (1..=40_000).collect();
        assert!(matches!(
            PlayerTable::supervoxels_by_channel(&all, 40_000, 2),
            Err(ModelError::TooManyPlayers {
                players: 80_000,
                ..
            })
        ));
    }
}
