//! What surrounds a supervoxel: means over the voxels near its border that are not its
//! own.

use ndarray::{Array3, Axis};

use super::blur::{Beyond, convolve, half_gaussians};
use super::regions::Regions;
use crate::explain::ExplainError;

/// Gaussian-weighted sums over the whole image, from which those over one supervoxel
/// are taken away: normalised convolution (Knutsson & Westin, CVPR 1993) with the
/// certainty 0 in the supervoxel and beyond the image.
pub(super) struct Surroundings {
    kernels: [Vec<f64>; 3],
    /// Σ of the weights at each voxel, then Σ of weight times value of each channel.
    sums: Vec<Array3<f64>>,
}

impl Surroundings {
    /// Errors: a sigma that is not between 0 and 1000 voxels.
    pub fn new(
        channels: &[&[f32]],
        dims: [usize; 3],
        spacing_mm: [f64; 3],
        sigma_mm: f64,
    ) -> Result<Self, ExplainError> {
        let kernels = half_gaussians(spacing_mm, sigma_mm)?;
        let [x, y, z] = dims;
        let image = |value: &dyn Fn(usize) -> f64| {
            let values = Array3::from_shape_fn((x, y, z), |(i, j, k)| value((i * y + j) * z + k));
            weighted_sums(values, &kernels)
        };
        let mut sums = vec![image(&|_| 1.0)];
        for values in channels {
            sums.push(image(&|voxel| f64::from(values[voxel])));
        }
        Ok(Self { kernels, sums })
    }

    /// For each channel the means at voxels outside a supervoxel that touch it.
    pub fn means(
        &self,
        channels: &[&[f32]],
        regions: &Regions,
        player: usize,
        at: &[usize],
    ) -> Vec<Vec<f64>> {
        if self.kernels.iter().all(|kernel| kernel.len() < 2) {
            let value = |values: &&[f32]| at.iter().map(|&v| f64::from(values[v])).collect();
            return channels.iter().map(value).collect();
        }
        let voxels = regions.voxels_of(player);
        let near = Near::around(regions, voxels);
        let weights = self.without(&near, 0, voxels, |_| 1.0, at);
        (1..)
            .zip(channels)
            .map(|(sum, values)| {
                let sums = self.without(&near, sum, voxels, |v| f64::from(values[v]), at);
                // The voxel itself is outside, so that no weight is 0.
                sums.iter().zip(&weights).map(|(s, w)| s / w).collect()
            })
            .collect()
    }

    /// A sum over all but a supervoxel, at some voxels near it.
    fn without(
        &self,
        near: &Near<'_>,
        sum: usize,
        voxels: &[usize],
        value: impl Fn(usize) -> f64,
        at: &[usize],
    ) -> Vec<f64> {
        let mut own = Array3::zeros(near.dims);
        for &voxel in voxels {
            own[near.place(voxel)] = value(voxel);
        }
        let own = weighted_sums(own, &self.kernels);
        at.iter()
            .map(|&voxel| self.sums[sum][near.regions.position(voxel)] - own[near.place(voxel)])
            .collect()
    }
}

/// A box of voxels around a supervoxel and its neighbours.
struct Near<'a> {
    regions: &'a Regions,
    start: [usize; 3],
    dims: [usize; 3],
}

impl<'a> Near<'a> {
    fn around(regions: &'a Regions, voxels: &[usize]) -> Self {
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        for &voxel in voxels {
            for (axis, at) in regions.position(voxel).into_iter().enumerate() {
                low[axis] = low[axis].min(at);
                high[axis] = high[axis].max(at);
            }
        }
        let start = low.map(|at| at.saturating_sub(1));
        let end = |axis: usize| (high[axis] + 2).min(regions.dims[axis]);
        Self {
            regions,
            start,
            dims: std::array::from_fn(|axis| end(axis).saturating_sub(start[axis])),
        }
    }

    fn place(&self, voxel: usize) -> [usize; 3] {
        let at = self.regions.position(voxel);
        std::array::from_fn(|axis| at[axis] - self.start[axis])
    }
}

/// Sums weighted by a Gaussian around each voxel, of what lies in the array.
fn weighted_sums(mut values: Array3<f64>, kernels: &[Vec<f64>; 3]) -> Array3<f64> {
    let mut from = values.clone();
    for (axis, kernel) in kernels.iter().enumerate() {
        convolve(&from, &mut values, Axis(axis), kernel, Beyond::Nothing);
        if axis < 2 {
            from.assign(&values);
        }
    }
    values
}
