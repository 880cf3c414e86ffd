//! Even cells over the region: seeds for SLIC, and the cubes themselves.

use super::domain::Domain;

/// A box of cells over the bounds of the region, equal along each axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lattice {
    /// First voxel of the bounds.
    start: [usize; 3],
    /// Voxels of the bounds.
    size: [usize; 3],
    /// Cells along each axis.
    pub cells: [usize; 3],
    /// Nominal side of a cell in mm. A region thinner than a cell has one cell there.
    pub step_mm: f64,
}

impl Lattice {
    /// The lattice with sides of `step_mm`, rounded so that whole cells fill the bounds.
    fn with_step(domain: &Domain, bounds: [[usize; 2]; 3], step_mm: f64) -> Self {
        let start = bounds.map(|[first, _]| first);
        let size = bounds.map(|[first, last]| last + 1 - first);
        let cells = std::array::from_fn(|axis| {
            let extent_mm = size[axis] as f64 * domain.spacing_mm[axis];
            ((extent_mm / step_mm).round() as usize).clamp(1, size[axis])
        });
        Self {
            start,
            size,
            cells,
            step_mm,
        }
    }

    /// The lattice for which `tally` comes closest to the number of supervoxels
    /// wanted. `tally` falls with the step, but not evenly: the closest of all tried.
    pub fn fit(domain: &Domain, tally: impl Fn(&Self) -> usize) -> Self {
        let bounds = domain.bounds();
        let extent_mm = (0..3)
            .map(|axis| (bounds[axis][1] + 1 - bounds[axis][0]) as f64 * domain.spacing_mm[axis])
            .fold(0.0, f64::max);
        let smallest = domain
            .spacing_mm
            .iter()
            .fold(f64::INFINITY, |a, &b| a.min(b));
        let guess = (domain.volume_mm3() / domain.count as f64).cbrt();
        // In a thin or sparse region the right step is larger than the cube root says.
        let between = [(0.5 * guess).min(smallest), 2.0 * extent_mm];
        closest(guess, between, domain.count, 0, |step_mm| {
            let lattice = Self::with_step(domain, bounds, step_mm);
            let found = tally(&lattice);
            (lattice, found)
        })
    }

    /// The cell of every voxel inside the region, numbered x fastest; calls `visit`
    /// with voxel and cell.
    pub fn for_each_cell(&self, domain: &Domain, mut visit: impl FnMut(usize, usize)) {
        let [nx, ny, _] = domain.dims;
        let along = |axis: usize, voxel: usize| {
            let cell = voxel.saturating_sub(self.start[axis]) * self.cells[axis] / self.size[axis];
            cell.min(self.cells[axis] - 1)
        };
        let x_cells: Vec<usize> = (0..nx).map(|x| along(0, x)).collect();
        for (row, inside) in domain.inside.chunks(nx).enumerate() {
            let yz = along(1, row % ny) + self.cells[1] * along(2, row / ny);
            for (x, (&inside, &x_cell)) in inside.iter().zip(&x_cells).enumerate() {
                if inside {
                    visit(row * nx + x, x_cell + self.cells[0] * yz);
                }
            }
        }
    }

    /// Number of cells with a voxel of the region.
    pub fn used_cells(&self, domain: &Domain) -> usize {
        let cells: usize = self.cells.iter().product();
        if self.size.iter().product::<usize>() == domain.voxels {
            return cells;
        }
        let mut used = vec![false; cells];
        self.for_each_cell(domain, |_, cell| used[cell] = true);
        used.into_iter().filter(|&used| used).count()
    }

    /// Voxels at the cells' centres that lie inside the region, in rows shifted by a
    /// quarter cell this way and that, so that neighbouring rows interlock.
    pub fn seeds(&self, domain: &Domain) -> Vec<usize> {
        let [nx, ny, _] = domain.dims;
        let [cx, cy, cz] = self.cells;
        let at = |axis: usize, cell: f64| {
            let offset = (cell * self.size[axis] as f64 / self.cells[axis] as f64) as usize;
            self.start[axis] + offset.min(self.size[axis] - 1)
        };
        let mut seeds = Vec::new();
        for k in 0..cz {
            for j in 0..cy {
                let shift = if (j + k) % 2 == 0 { 0.25 } else { 0.75 };
                for i in 0..cx {
                    let x = at(0, i as f64 + if cx > 1 { shift } else { 0.5 });
                    let seed = x + nx * (at(1, j as f64 + 0.5) + ny * at(2, k as f64 + 0.5));
                    if domain.inside.get(seed) == Some(&true) {
                        seeds.push(seed);
                    }
                }
            }
        }
        seeds.dedup();
        seeds
    }
}

/// Of what `make` gives for steps between two bounds, with its number of cells, that
/// with the number closest to the wanted one. The number falls with the step, but not
/// evenly, so all that were tried count. One that misses by no more than is allowed is
/// good enough.
pub(super) fn closest<T>(
    guess: f64,
    between: [f64; 2],
    wanted: usize,
    allowed_miss: usize,
    make: impl Fn(f64) -> (T, usize),
) -> T {
    let [mut low, mut high] = between;
    let (mut best, found) = make(guess);
    let mut best_miss = found.abs_diff(wanted);
    for _ in 0..48 {
        if best_miss <= allowed_miss || high / low < 1.000_1 {
            break;
        }
        let middle = (low * high).sqrt();
        let (tried, found) = make(middle);
        if found.abs_diff(wanted) < best_miss {
            (best, best_miss) = (tried, found.abs_diff(wanted));
        }
        if found > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    best
}
