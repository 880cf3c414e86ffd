//! Which blocks of the scan are empty by a transfer function, and how far it is from
//! each to the next that is not.

use rayon::prelude::*;

use super::uniform::{Composite, MatterUniform};
use crate::gpu::texels::Bricks;
use crate::gpu::transfer::ENTRIES;

/// The largest distance that is stored.
pub const FARTHEST: u8 = 254;

/// Mark of a block with matter that hardly changes within it: rays may take longer
/// steps there.
pub const CALM: u8 = 255;

/// Extinctions per mm this much apart count as the same.
const CALM_EXTINCTION: f32 = 0.004;
/// Entries of the transfer function that a calm block may span.
const CALM_ENTRIES: f32 = 6.0;

/// One byte pair a block: where the first is 0 there is matter; [`CALM`] is calm matter;
/// else all blocks fewer than this many steps away, along axes and diagonals, are empty
/// (Chebyshev distance, after Deakin & Knackstedt 2020). The second is the block's
/// largest value, rounded up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellMap {
    pub dims: [usize; 3],
    pub cells: Vec<[u8; 2]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Empty,
    Calm,
    Matter,
}

impl CellMap {
    pub fn new(bricks: &Bricks, matter: &MatterUniform) -> Self {
        let table = Table::new(matter);
        let kinds: Vec<Kind> = bricks
            .ranges
            .par_iter()
            .map(|&[smallest, largest]| table.kind(smallest, largest))
            .collect();
        let mut distances: Vec<u8> = kinds
            .iter()
            .map(|&kind| if kind == Kind::Empty { FARTHEST } else { 0 })
            .collect();
        spread(&mut distances, bricks.dims);
        let cells = distances
            .into_iter()
            .zip(kinds)
            .zip(&bricks.ranges)
            .map(|((distance, kind), &[_, largest])| {
                let first = if kind == Kind::Calm { CALM } else { distance };
                let rounded_up = u32::from(largest).div_ceil(257);
                [first, u8::try_from(rounded_up).unwrap_or(u8::MAX)]
            })
            .collect();
        Self {
            dims: bricks.dims,
            cells,
        }
    }

    /// The share of blocks without matter.
    pub fn empty_share(&self) -> f64 {
        let empty = |cell: &&[u8; 2]| (1..=FARTHEST).contains(&cell[0]);
        self.cells.iter().filter(empty).count() as f64 / self.cells.len().max(1) as f64
    }
}

/// What decides a block's kind, by ranges of entries.
struct Table<'a> {
    matter: &'a MatterUniform,
    /// Entries with any opacity before each entry.
    opaque_before: [u16; ENTRIES + 1],
}

impl<'a> Table<'a> {
    fn new(matter: &'a MatterUniform) -> Self {
        let mut opaque_before = [0; ENTRIES + 1];
        let mut count = 0;
        for (slot, entry) in opaque_before.iter_mut().skip(1).zip(&matter.entries) {
            count += u16::from(entry[3] > 0.0);
            *slot = count;
        }
        Self {
            matter,
            opaque_before,
        }
    }

    fn kind(&self, smallest: u16, largest: u16) -> Kind {
        let position = |value: u16| {
            let last = (ENTRIES - 1) as f32;
            self.matter
                .position(f32::from(value) / 65535.0)
                .clamp(0.0, last)
        };
        // A hair of room for the rounding of interpolated values.
        let (low, high) = (
            (position(smallest) - 0.01).max(0.0),
            position(largest) + 0.01,
        );
        let first = low.floor() as usize;
        let end = (high.ceil() as usize + 1).min(ENTRIES);
        if self.opaque_before[end] == self.opaque_before[first] {
            return Kind::Empty;
        }
        if self.matter.compositing != Composite::FrontToBack as u32 || high - low > CALM_ENTRIES {
            return Kind::Matter;
        }
        let extinctions = self.matter.entries.get(first..end).into_iter().flatten();
        let (least, most) = extinctions.fold((f32::INFINITY, 0.0_f32), |(least, most), entry| {
            (least.min(entry[3]), most.max(entry[3]))
        });
        if most - least < CALM_EXTINCTION && most < 0.2 {
            Kind::Calm
        } else {
            Kind::Matter
        }
    }
}

/// Turns zeros among [`FARTHEST`]s into distances from the nearest zero: once forward
/// and once backward over all neighbours, which is exact for this distance.
fn spread(distances: &mut [u8], [nx, ny, nz]: [usize; 3]) {
    let index = |x: usize, y: usize, z: usize| x + nx * (y + ny * z);
    let all = |x: usize, y: usize, z: usize, backward: bool, distances: &mut [u8]| {
        let here = index(x, y, z);
        let mut least = distances.get(here).copied().unwrap_or(0);
        if least == 0 {
            return;
        }
        for dz in -1..=1_isize {
            for dy in -1..=1_isize {
                for dx in -1..=1_isize {
                    let order = dx + 3 * dy + 9 * dz;
                    if order == 0 || (order > 0) != backward {
                        continue;
                    }
                    let neighbour = x
                        .checked_add_signed(dx)
                        .filter(|&x| x < nx)
                        .zip(y.checked_add_signed(dy).filter(|&y| y < ny))
                        .zip(z.checked_add_signed(dz).filter(|&z| z < nz))
                        .and_then(|((x, y), z)| distances.get(index(x, y, z)).copied());
                    if let Some(distance) = neighbour {
                        least = least.min(distance.saturating_add(1));
                    }
                }
            }
        }
        if let Some(slot) = distances.get_mut(here) {
            *slot = least.min(FARTHEST);
        }
    };
    for z in 0..nz {
        for y in 0..ny {
            for x in 0..nx {
                all(x, y, z, false, distances);
            }
        }
    }
    for z in (0..nz).rev() {
        for y in (0..ny).rev() {
            for x in (0..nx).rev() {
                all(x, y, z, true, distances);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{ScanStyle, Window};

    fn matter(low: f64, high: f64) -> MatterUniform {
        let window = Window {
            low: 0.0,
            high: 1.0,
        };
        let style = ScanStyle {
            window,
            empty_below: low,
            full_above: high,
            density_per_mm: 1.0,
            edge_emphasis: 0.0,
            lit: false,
        };
        MatterUniform::new(&style.table(), None)
    }

    #[test]
    fn distances_are_those_to_the_nearest_block_with_matter() {
        let dims = [9, 7, 5];
        let mut ranges = vec![[0, 0]; dims.iter().product()];
        let full = [[4, 3, 2], [8, 0, 0]];
        for [x, y, z] in full {
            ranges[x + 9 * (y + 7 * z)] = [0, u16::MAX];
        }
        let map = CellMap::new(&Bricks { dims, ranges }, &matter(0.3, 0.9));
        for z in 0..5_usize {
            for y in 0..7_usize {
                for x in 0..9_usize {
                    let to =
                        |[a, b, c]: [usize; 3]| x.abs_diff(a).max(y.abs_diff(b)).max(z.abs_diff(c));
                    let expected = full.map(to).into_iter().min().unwrap();
                    let found = map.cells[x + 9 * (y + 7 * z)][0];
                    assert_eq!(usize::from(found), expected, "{x} {y} {z}");
                }
            }
        }
        assert!((map.empty_share() - 313.0 / 315.0).abs() < 1e-9);
    }

    #[test]
    fn a_block_is_empty_only_if_all_of_its_values_are_clear() {
        let matter = matter(0.5, 0.6);
        let table = Table::new(&matter);
        assert!(table.kind(0, 32_000) == Kind::Empty);
        assert!(table.kind(0, 34_000) == Kind::Matter);
        assert!(table.kind(60_000, 60_001) == Kind::Matter);
        assert!(
            Table::new(&self::matter(0.5, 30.0)).kind(0, 33_000) != Kind::Empty,
            "a slow rise starts at its foot"
        );
    }

    #[test]
    fn even_thin_fog_is_calm() {
        let mut matter = matter(0.0, 1.0);
        matter.entries = [[1.0, 1.0, 1.0, 0.03]; ENTRIES];
        assert!(Table::new(&matter).kind(30_000, 30_100) == Kind::Calm);
        assert!(Table::new(&matter).kind(0, 65_000) == Kind::Matter);
    }
}
