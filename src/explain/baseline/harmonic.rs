//! The harmonic fill: each supervoxel as a membrane spanned over what surrounds it.
//!
//! Inside a supervoxel Laplace's equation ∇²b = 0 holds (Dirichlet border at the face
//! neighbours outside, no flow through the edge of the image), so b is as smooth as can
//! be. A value on the border is the mean of the scan around it, weighted by a Gaussian,
//! of all voxels but the supervoxel's own: nothing that the supervoxel holds is in its
//! fill. With a Gaussian of 0 mm the border is the scan just outside, and b meets it
//! without a step; but then b draws the outline of every supervoxel, and where all are
//! absent a network still finds what it looks for.
//!
//! Strict harmonic inpainting fills everything absent at once from what is present.
//! That is another image for each coalition. Here each supervoxel is filled as if it
//! alone were absent, which is one image for all of them: the two agree (at 0 mm) where
//! no two neighbours are absent together. Where neighbours are, each shows of the other
//! what the Gaussian leaves of it.

use rayon::prelude::*;

use super::regions::Regions;
use super::surroundings::Surroundings;
use crate::explain::ExplainError;

/// The solution is this close to the exact one, relative to the range of the border.
const TOLERANCE: f64 = 1e-5;

/// The fill of each channel (values in C order): `channels[c][voxel]` again. Voxels of
/// no player keep their value. A player without a border, which is all of the image,
/// gets `fallback` of the channel. All values are finite.
///
/// Errors: a sigma that is not between 0 and 1000 voxels.
pub(super) fn fill(
    channels: &[&[f32]],
    regions: &Regions,
    spacing_mm: [f64; 3],
    sigma_mm: f64,
    fallback: &[f64],
) -> Result<Vec<Vec<f32>>, ExplainError> {
    let surroundings = Surroundings::new(channels, regions.dims, spacing_mm, sigma_mm)?;
    // The largest first, so that no thread is left with one at the end.
    let mut players: Vec<usize> = (1..=regions.players()).collect();
    players.sort_by_key(|&player| std::cmp::Reverse(regions.voxels_of(player).len()));
    let membranes: Vec<(usize, Vec<Vec<f32>>)> = players
        .into_par_iter()
        .with_max_len(1)
        .map(|player| {
            let membrane = Membrane::new(regions, player, spacing_mm);
            let borders = surroundings.means(channels, regions, player, &membrane.outside);
            let solved = borders.iter().zip(fallback);
            let solved = solved.map(|(border, &fallback)| membrane.solve(border, fallback));
            (player, solved.collect())
        })
        .collect();
    let mut filled: Vec<Vec<f32>> = channels.iter().map(|values| values.to_vec()).collect();
    for (player, solved) in membranes {
        for (filled, solved) in filled.iter_mut().zip(solved) {
            for (&voxel, value) in regions.voxels_of(player).iter().zip(solved) {
                filled[voxel] = value;
            }
        }
    }
    Ok(filled)
}

/// Laplace's equation on the voxels of a player: `A b = border`, with A positive
/// definite.
struct Membrane {
    /// Inner neighbours of each voxel, as places; its own place where there is none.
    inner: Vec<[u32; 6]>,
    /// Weight of each neighbour: 1/h² inside, 0 elsewhere.
    weights: Vec<[f32; 6]>,
    /// Sum of the weights of all neighbours in the image, inside or not.
    diagonal: Vec<f64>,
    /// The voxels outside that touch the player's, ascending.
    outside: Vec<usize>,
    /// Where a voxel touches one outside: its place, the weight, and which of `outside`.
    border: Vec<(usize, f64, usize)>,
}

impl Membrane {
    fn new(regions: &Regions, player: usize, spacing_mm: [f64; 3]) -> Self {
        let smallest = spacing_mm.into_iter().fold(f64::INFINITY, f64::min);
        let voxels = regions.voxels_of(player);
        let mut membrane = Self {
            inner: Vec::with_capacity(voxels.len()),
            weights: Vec::with_capacity(voxels.len()),
            diagonal: Vec::with_capacity(voxels.len()),
            outside: Vec::new(),
            border: Vec::new(),
        };
        for (place, &voxel) in voxels.iter().enumerate() {
            let mut inner = [place as u32; 6];
            let mut weights = [0.0; 6];
            let mut diagonal = 0.0;
            for (side, neighbour) in regions.neighbours(voxel).into_iter().enumerate() {
                let Some(neighbour) = neighbour else {
                    continue;
                };
                let weight = (smallest / spacing_mm[side / 2]).powi(2);
                diagonal += weight;
                if usize::from(regions.player_of_voxel[neighbour]) == player {
                    inner[side] = regions.place[neighbour] as u32;
                    weights[side] = weight as f32;
                } else {
                    membrane.border.push((place, weight, neighbour));
                }
            }
            membrane.inner.push(inner);
            membrane.weights.push(weights);
            membrane.diagonal.push(diagonal);
        }
        let touched = membrane.border.iter().map(|&(_, _, voxel)| voxel);
        membrane.outside = touched.collect();
        membrane.outside.sort_unstable();
        membrane.outside.dedup();
        for (_, _, voxel) in &mut membrane.border {
            *voxel = membrane.outside.partition_point(|outside| outside < voxel);
        }
        membrane
    }

    /// The membrane over values at the voxels `outside`, by conjugate gradients scaled by
    /// the diagonal; `fallback` where there are none.
    fn solve(&self, outside: &[f64], fallback: f64) -> Vec<f32> {
        if outside.is_empty() {
            return vec![fallback as f32; self.inner.len()];
        }
        let low = outside.iter().copied().fold(f64::INFINITY, f64::min);
        let high = outside.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Relative to the middle of the border, so that a flat one is solved at once.
        let middle = 0.5 * (low + high);
        let mut residual = vec![0.0; self.inner.len()];
        for &(place, weight, number) in &self.border {
            residual[place] += weight * (outside[number] - middle);
        }
        let mut solution = vec![0.0; self.inner.len()];
        self.conjugate_gradients(&mut solution, &mut residual, TOLERANCE * (high - low));
        // No membrane lies above or below its border.
        let within = |value: f64| (middle + value).clamp(low, high) as f32;
        solution.into_iter().map(within).collect()
    }

    /// Improves the solution until no voxel's residual is above `tolerance` times its
    /// diagonal. In exact arithmetic as many steps as voxels suffice.
    fn conjugate_gradients(&self, solution: &mut [f64], residual: &mut [f64], tolerance: f64) {
        let mut direction: Vec<f64> = self.scaled(residual).collect();
        let mut image = vec![0.0; residual.len()];
        let mut energy: f64 = residual.iter().zip(&direction).map(|(r, z)| r * z).sum();
        for _ in 0..2 * residual.len() {
            if self.scaled(residual).all(|z| z.abs() <= tolerance) {
                return;
            }
            self.apply(&direction, &mut image);
            let curvature: f64 = direction.iter().zip(&image).map(|(d, i)| d * i).sum();
            if curvature <= 0.0 {
                return;
            }
            let step = energy / curvature;
            for (((x, r), d), i) in solution
                .iter_mut()
                .zip(residual.iter_mut())
                .zip(&direction)
                .zip(&image)
            {
                *x += step * d;
                *r -= step * i;
            }
            let before = energy;
            energy = residual
                .iter()
                .zip(&self.diagonal)
                .map(|(r, d)| r * r / d)
                .sum();
            let keep = energy / before;
            for ((d, r), diagonal) in direction
                .iter_mut()
                .zip(residual.iter())
                .zip(&self.diagonal)
            {
                *d = r / diagonal + keep * *d;
            }
        }
    }

    fn scaled<'a>(&'a self, residual: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        residual.iter().zip(&self.diagonal).map(|(r, d)| r / d)
    }

    /// A times `values`.
    fn apply(&self, values: &[f64], result: &mut [f64]) {
        for ((((result, inner), weights), diagonal), own) in result
            .iter_mut()
            .zip(&self.inner)
            .zip(&self.weights)
            .zip(&self.diagonal)
            .zip(values)
        {
            let mut sum = diagonal * own;
            for (&place, &weight) in inner.iter().zip(weights) {
                sum -= f64::from(weight) * values[place as usize];
            }
            *result = sum;
        }
    }
}
