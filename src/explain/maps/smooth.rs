//! A map smoothed along the scan's edges, for the eye.

use rayon::prelude::*;

use super::{box_sums, check_spacing};
use crate::explain::ExplainError;
use crate::explain::error::check_voxels;

/// How a map is smoothed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothSettings {
    /// Half the side of the boxes over which the map is fitted.
    pub radius_mm: f64,
    /// What counts as an edge, as a share of the scan's standard deviation: local contrast
    /// well below it is smoothed over, well above it is kept.
    pub edge: f64,
}

impl Default for SmoothSettings {
    fn default() -> Self {
        Self {
            radius_mm: 6.0,
            edge: 0.2,
        }
    }
}

/// A map that is not what was computed, but a smoothed picture of it. It has its own type
/// so that it is never taken for a map of values.
#[derive(Debug, Clone, PartialEq)]
pub struct SmoothedMap {
    /// On the grid of the map; the sum is that of the map, 0 outside the region.
    pub values: Vec<f32>,
    pub settings: SmoothSettings,
    /// What was spread over the map to keep its sum, as a share of Σ|value|.
    pub sum_correction: f64,
}

/// Smooths a map by the guided filter (He, Sun and Tang 2013) with the scan as its guide:
/// in each box the map is fitted as a line of the scan's brightness. Only voxels of
/// `include` take part. Time is linear in the voxels whatever the radius.
pub fn smooth(
    map: &[f32],
    scan: &[f32],
    include: &[bool],
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    settings: SmoothSettings,
) -> Result<SmoothedMap, ExplainError> {
    let expected = dims.iter().product();
    for (what, found) in [
        ("the map", map.len()),
        ("the scan", scan.len()),
        ("the region", include.len()),
    ] {
        check_voxels(what, found, expected)?;
    }
    let mut inside = map.iter().zip(include).filter(|&(_, &inside)| inside);
    if inside.any(|(value, _)| !value.is_finite()) {
        return Err(ExplainError::NotFinite);
    }
    let radius = radius_voxels(spacing_mm, settings)?;
    let weights: Vec<f32> = include.iter().map(|&i| f32::from(u8::from(i))).collect();
    let filter = Filter {
        dims,
        radius,
        counts: boxed(weights, dims, radius),
        include,
    };
    let guide = standardised(scan, include);
    let epsilon = (settings.edge * settings.edge) as f32;

    let mean_guide = filter.mean(&|at| guide[at]);
    let mean_map = filter.mean(&|at| map[at]);
    let mean_square = filter.mean(&|at| guide[at] * guide[at]);
    let mean_product = filter.mean(&|at| guide[at] * map[at]);
    let slopes: Vec<f32> = (0..expected)
        .into_par_iter()
        .map(|at| {
            let variance = (mean_square[at] - mean_guide[at] * mean_guide[at]).max(0.0);
            (mean_product[at] - mean_guide[at] * mean_map[at]) / (variance + epsilon)
        })
        .collect();
    let mean_slope = filter.mean(&|at| slopes[at]);
    let mean_offset = filter.mean(&|at| mean_map[at] - slopes[at] * mean_guide[at]);
    let mut values: Vec<f32> = (0..expected)
        .into_par_iter()
        .map(|at| {
            let smoothed = mean_slope[at] * guide[at] + mean_offset[at];
            if include[at] && smoothed.is_finite() {
                smoothed
            } else {
                0.0
            }
        })
        .collect();
    let sum_correction = keep_sum(&mut values, map, include);
    Ok(SmoothedMap {
        values,
        settings,
        sum_correction,
    })
}

/// Box means over the included voxels.
struct Filter<'a> {
    dims: [usize; 3],
    radius: [usize; 3],
    counts: Vec<f32>,
    include: &'a [bool],
}

impl Filter<'_> {
    fn mean(&self, value: &(dyn Fn(usize) -> f32 + Sync)) -> Vec<f32> {
        let values = self.include.par_iter().enumerate();
        let values = values.map(|(at, &inside)| if inside { value(at) } else { 0.0 });
        let mut sums = boxed(values.collect(), self.dims, self.radius);
        sums.par_iter_mut()
            .zip(&self.counts)
            .for_each(|(sum, count)| *sum = if *count > 0.5 { *sum / count } else { 0.0 });
        sums
    }
}

fn boxed(mut values: Vec<f32>, dims: [usize; 3], radius: [usize; 3]) -> Vec<f32> {
    box_sums(&mut values, dims, radius);
    values
}

fn radius_voxels(
    spacing_mm: [f64; 3],
    settings: SmoothSettings,
) -> Result<[usize; 3], ExplainError> {
    check_spacing(spacing_mm)?;
    for (what, value) in [
        ("the radius of smoothing", settings.radius_mm),
        ("the edge contrast of smoothing", settings.edge),
    ] {
        if !(value.is_finite() && value > 0.0) {
            return Err(ExplainError::BadSetting {
                what,
                value,
                allowed: "above 0",
            });
        }
    }
    // `as` saturates; a box larger than the image is the image.
    Ok(spacing_mm.map(|spacing| (settings.radius_mm / spacing).round().min(1e6) as usize))
}

/// The scan with mean 0 and standard deviation 1 over the region, 0 where it is not finite
/// or flat. Without this the squares of a CT's values would cancel in single precision.
fn standardised(scan: &[f32], include: &[bool]) -> Vec<f32> {
    let region = || {
        let voxels = scan.iter().zip(include);
        voxels
            .filter(|&(value, &inside)| inside && value.is_finite())
            .map(|(&value, _)| f64::from(value))
    };
    let count = region().count().max(1) as f64;
    let mean = region().sum::<f64>() / count;
    let deviation = (region().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    let scale = if deviation > 1e-9 * mean.abs() {
        1.0 / deviation
    } else {
        0.0
    };
    let standard = |&value: &f32| {
        let standard = ((f64::from(value) - mean) * scale) as f32;
        if standard.is_finite() { standard } else { 0.0 }
    };
    scan.iter().map(standard).collect()
}

/// Adds to each value a part of its size so that the sum is again that of the map: zeros
/// stay zero. Returns the sum of what was added over Σ|value|.
fn keep_sum(values: &mut [f32], map: &[f32], include: &[bool]) -> f64 {
    let wanted: f64 = map
        .iter()
        .zip(include)
        .filter(|&(_, &inside)| inside)
        .map(|(&value, _)| f64::from(value))
        .sum();
    let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
    let size: f64 = values.iter().map(|&value| f64::from(value.abs())).sum();
    if !(wanted.is_finite() && size > 0.0) {
        return 0.0;
    }
    let share = (wanted - sum) / size;
    for value in values.iter_mut() {
        *value += (share * f64::from(value.abs())) as f32;
    }
    share.abs()
}
