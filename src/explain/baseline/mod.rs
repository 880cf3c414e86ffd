//! What an absent player looks like: the image that is blended in where a coalition
//! leaves voxels out.
//!
//! Every baseline is one fixed image `b`, computed once: a coalition S shows the scan
//! where a voxel's player is in S and `b` elsewhere. Shapley values with a fixed `b` are
//! those of the baseline game (Sundararajan & Najmi, ICML 2020). No baseline is neutral;
//! [`Baseline::pitfall`] says what to keep in mind of each.

mod blur;
mod flat;
mod harmonic;
mod kind;
mod mirror;
mod regions;
mod surroundings;

use std::borrow::Cow;

use ndarray::{Array4, ArrayView3, ArrayView4, Axis};

use super::ExplainError;
use crate::base::Grid;
use regions::Regions;

pub use kind::Baseline;

/// What a baseline is made from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The preprocessed image, `[[channel, x, y, z]]`.
    pub image: ArrayView4<'a, f32>,
    /// `[[x, y, z]]`: the player of each voxel from 1 on, or 0 for none.
    pub player_of_voxel: ArrayView3<'a, u16>,
    /// Where the voxels lie in the body.
    pub grid: &'a Grid,
    /// World x of the plane between left and right in mm, where it is known. Otherwise it
    /// is taken through the middle of what is bright (see [`Baseline::Mirror`]).
    pub mid_sagittal_x_mm: Option<f64>,
    /// Fixes the noise.
    pub seed: u64,
}

/// The baseline of an image, `[[channel, x, y, z]]`.
///
/// Values of the image that are not finite count as the mean of their channel, and all
/// of the result is finite.
///
/// Errors: sizes that disagree, a blur wider than can be computed, a mirror image that
/// lies outside the image for most voxels.
pub fn fill(source: &Source<'_>, baseline: Baseline) -> Result<Array4<f32>, ExplainError> {
    source.check()?;
    let statistics = flat::Statistics::of_channels(source.image);
    let image = finite(source.image, &statistics);
    match baseline {
        Baseline::Zero => Ok(Array4::zeros(image.raw_dim())),
        Baseline::Mean => Ok(flat::of_channel(&image, |c| statistics[c].mean)),
        Baseline::Air => Ok(flat::of_channel(&image, |c| statistics[c].minimum)),
        Baseline::Noise => Ok(flat::noise(&image, &statistics, source.seed)),
        Baseline::Blur { sigma_mm } => {
            blur::blurred(image.view(), source.grid.spacing_mm(), sigma_mm)
        }
        Baseline::Mirror => mirror::mirrored(image.view(), source, &statistics),
        Baseline::SupervoxelMean => by_player(source, &image, |channels, regions| {
            Ok(flat::player_means(channels, regions))
        }),
        Baseline::Harmonic { sigma_mm } => by_player(source, &image, |channels, regions| {
            let spacing_mm = source.grid.spacing_mm();
            let means: Vec<f64> = statistics.iter().map(|s| s.mean).collect();
            harmonic::fill(channels, regions, spacing_mm, sigma_mm, &means)
        }),
    }
}

impl Source<'_> {
    fn check(&self) -> Result<(), ExplainError> {
        let (channels, x, y, z) = self.image.dim();
        if channels == 0 {
            return Err(ExplainError::NoChannels);
        }
        let same = |what, dims: [usize; 3]| {
            if dims == [x, y, z] {
                return Ok(());
            }
            Err(ExplainError::SizeMismatch {
                what,
                found: dims.iter().product(),
                expected: x * y * z,
            })
        };
        same("the grid", self.grid.dims())?;
        same("the supervoxel map", self.player_of_voxel.dim().into())
    }
}

/// The image with the mean of the channel where a value is not finite.
fn finite(image: ArrayView4<'_, f32>, statistics: &[flat::Statistics]) -> Array4<f32> {
    let mut image = image.as_standard_layout().into_owned();
    for (mut channel, statistics) in image.outer_iter_mut().zip(statistics) {
        if !statistics.all_finite {
            channel.mapv_inplace(|v| {
                if v.is_finite() {
                    v
                } else {
                    statistics.mean as f32
                }
            });
        }
    }
    image
}

/// A baseline that is made channel by channel from each player's voxels.
fn by_player(
    source: &Source<'_>,
    image: &Array4<f32>,
    fill: impl FnOnce(&[&[f32]], &Regions) -> Result<Vec<Vec<f32>>, ExplainError>,
) -> Result<Array4<f32>, ExplainError> {
    let regions = Regions::new(source.player_of_voxel);
    let channels: Vec<Cow<'_, [f32]>> = (0..image.len_of(Axis(0)))
        .map(|channel| {
            let values = image.index_axis(Axis(0), channel);
            match values.to_slice() {
                Some(values) => Cow::Borrowed(values),
                None => Cow::Owned(values.iter().copied().collect()),
            }
        })
        .collect();
    let channels: Vec<&[f32]> = channels.iter().map(AsRef::as_ref).collect();
    let filled = fill(&channels, &regions)?.concat();
    let (found, expected) = (filled.len(), image.len());
    Array4::from_shape_vec(image.raw_dim(), filled).map_err(|_| ExplainError::SizeMismatch {
        what: "the baseline",
        found,
        expected,
    })
}

#[cfg(test)]
mod tests;
