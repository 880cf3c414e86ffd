//! The voxels of each player.

use ndarray::ArrayView3;

/// Voxels by player. A voxel is its number in C order, `(x · ny + y) · nz + z`.
pub(super) struct Regions {
    pub dims: [usize; 3],
    pub player_of_voxel: Vec<u16>,
    /// All voxels, those of player 0 (nobody) first.
    voxels: Vec<usize>,
    /// Where each player's begin, and one past the last.
    starts: Vec<usize>,
    /// Place of each voxel among those of its player.
    pub place: Vec<usize>,
}

impl Regions {
    pub fn new(player_of_voxel: ArrayView3<'_, u16>) -> Self {
        let (x, y, z) = player_of_voxel.dim();
        let player_of_voxel: Vec<u16> = player_of_voxel.iter().copied().collect();
        let players = player_of_voxel.iter().max().map_or(0, |&p| usize::from(p));
        let mut counts = vec![0_usize; players + 1];
        let mut place = Vec::with_capacity(player_of_voxel.len());
        for &player in &player_of_voxel {
            let count = &mut counts[usize::from(player)];
            place.push(*count);
            *count += 1;
        }
        let starts: Vec<usize> = std::iter::once(0)
            .chain(counts.iter().scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            }))
            .collect();
        let mut voxels = vec![0; player_of_voxel.len()];
        for (voxel, (&player, place)) in player_of_voxel.iter().zip(&place).enumerate() {
            voxels[starts[usize::from(player)] + place] = voxel;
        }
        Self {
            dims: [x, y, z],
            player_of_voxel,
            voxels,
            starts,
            place,
        }
    }

    /// The largest player number in use.
    pub fn players(&self) -> usize {
        self.starts.len().saturating_sub(2)
    }

    /// The voxels of a player in ascending order; of 0, those of nobody.
    pub fn voxels_of(&self, player: usize) -> &[usize] {
        match (self.starts.get(player), self.starts.get(player + 1)) {
            (Some(&first), Some(&end)) => self.voxels.get(first..end).unwrap_or_default(),
            _ => &[],
        }
    }

    pub fn position(&self, voxel: usize) -> [usize; 3] {
        let [_, ny, nz] = self.dims;
        [voxel / (ny * nz), voxel / nz % ny, voxel % nz]
    }

    /// The face neighbours of a voxel, two along each axis; `None` beyond the image.
    pub fn neighbours(&self, voxel: usize) -> [Option<usize>; 6] {
        let [nx, ny, nz] = self.dims;
        let [x, y, z] = self.position(voxel);
        [
            (x > 0).then(|| voxel - ny * nz),
            (x + 1 < nx).then_some(voxel + ny * nz),
            (y > 0).then(|| voxel - nz),
            (y + 1 < ny).then_some(voxel + nz),
            (z > 0).then(|| voxel - 1),
            (z + 1 < nz).then_some(voxel + 1),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn every_voxel_is_where_its_player_says() {
        let labels = Array3::from_shape_fn((3, 4, 5), |(x, y, z)| [0, 2, 5][(x + y * z) % 3]);
        let regions = Regions::new(labels.view());
        assert_eq!(regions.players(), 5);
        let mut seen = 0;
        for player in 0..=6 {
            for (place, &voxel) in regions.voxels_of(player).iter().enumerate() {
                assert_eq!(usize::from(regions.player_of_voxel[voxel]), player);
                assert_eq!(regions.place[voxel], place);
                seen += 1;
            }
        }
        assert_eq!(seen, 60);
        assert!(regions.voxels_of(1).is_empty());
        let corner = regions.neighbours(0);
        assert_eq!(corner, [None, Some(20), None, Some(5), None, Some(1)]);
    }
}
