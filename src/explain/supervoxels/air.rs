//! The air around the body, which is no part of a scan that anyone wants explained.

use super::NONE;
use super::pieces::Pieces;

/// Less air than this share of the image is not worth leaving out.
const LEAST_SHARE: f64 = 0.05;
/// Hounsfield units: air has -1000, the darkest lung about -900.
const AIR_HU: f32 = -900.0;
/// A CT holds values below this, an MR does not.
const CT_BELOW: f32 = -500.0;

/// The voxels of air around the body; `None` if there is little of it. One slice of
/// `dims[0]·dims[1]·dims[2]` values a channel, x fastest.
///
/// Air is dark in all channels: it has the constant background, or in CT less than
/// -900 HU, or else less than a fifth of Otsu's threshold (Otsu 1979). Of what is dark
/// only connected parts count that touch at least three faces of the image (in a slice two), so that
/// neither dark organs inside the body nor a windpipe or a muscle cut by the edge of
/// the image are taken.
pub fn background_air(channels: &[&[f32]], dims: [usize; 3]) -> Option<Vec<bool>> {
    let size = dims.iter().product::<usize>();
    if size == 0 || channels.iter().any(|values| values.len() != size) {
        return None;
    }
    let mut dark: Option<Vec<u32>> = None;
    for values in channels {
        // A constant channel tells nothing.
        if let Some(threshold) = threshold(values) {
            let dark = dark.get_or_insert_with(|| vec![0; size]);
            for (dark, &value) in dark.iter_mut().zip(*values) {
                *dark = if value <= threshold { *dark } else { NONE };
            }
        }
    }
    let dark = without_grains(&dark?, dims);
    let pieces = Pieces::of(dims, &dark);
    let around = around(&pieces, &dark, dims);

    let mut air = vec![false; size];
    let mut count = 0;
    for (run, root) in pieces.runs() {
        if around[root as usize] {
            count += run.len();
            air[run].fill(true);
        }
    }
    let enough = count as f64 >= LEAST_SHARE * size as f64 && count < size;
    enough.then_some(air)
}

/// Values up to this are dark.
fn threshold(values: &[f32]) -> Option<f32> {
    const SAMPLE: usize = 1 << 17;
    let step = (values.len() / SAMPLE).max(1) | 1;
    let sampled = values.iter().copied().step_by(step);
    let mut sample: Vec<f32> = sampled.filter(|value| value.is_finite()).collect();
    sample.sort_unstable_by(f32::total_cmp);
    let lowest = *sample.first()?;
    // A few glaring voxels must not stretch the histogram.
    let highest = *sample.get((sample.len() - 1) * 99 / 100)?;
    if highest <= lowest {
        return None;
    }
    if lowest < CT_BELOW {
        return Some(AIR_HU);
    }
    let plateau = sample.partition_point(|&value| value <= lowest);
    let above = otsu(&sample, lowest, highest) - lowest;
    let constant = plateau as f64 >= LEAST_SHARE * sample.len() as f64;
    Some(lowest + above * if constant { 0.02 } else { 0.2 })
}

/// The value that parts a sample in two classes with the least variance within.
fn otsu(sample: &[f32], lowest: f32, highest: f32) -> f32 {
    const BINS: usize = 256;
    let width = (highest - lowest) / BINS as f32;
    let mut counts = [0.0_f64; BINS];
    for &value in sample {
        // `as` saturates, and what is above the highest is in the last bin.
        counts[(((value - lowest) / width) as usize).min(BINS - 1)] += 1.0;
    }
    let total = sample.len() as f64;
    let moments = counts.iter().enumerate().map(|(bin, n)| bin as f64 * n);
    let sum: f64 = moments.sum();
    // Between two separate classes all values part them alike: the middle is taken.
    let (mut below, mut sum_below, mut best) = (0.0, 0.0, (0.0, 0, 0));
    for (bin, n) in counts.iter().enumerate() {
        below += n;
        sum_below += bin as f64 * n;
        let above = total - below;
        if below > 0.0 && above > 0.0 {
            let apart = sum_below / below - (sum - sum_below) / above;
            let between = below * above * apart * apart;
            if between > best.0 * (1.0 + 1e-9) {
                best = (between, bin, bin);
            } else if between >= best.0 * (1.0 - 1e-9) {
                best.2 = bin;
            }
        }
    }
    lowest + width * ((best.1 + best.2) as f32 / 2.0 + 1.0)
}

/// Single bright voxels between dark ones are noise of the air.
fn without_grains(dark: &[u32], dims: [usize; 3]) -> Vec<u32> {
    let mut filled = dark.to_vec();
    for (voxel, filled) in filled.iter_mut().enumerate() {
        if dark[voxel] == NONE {
            let (mut beside, mut dark_beside) = (0, 0);
            for neighbour in super::domain::neighbours(dims, voxel) {
                beside += 1;
                dark_beside += usize::from(dark[neighbour] != NONE);
            }
            if dark_beside > 1 && dark_beside + 1 >= beside {
                *filled = 0;
            }
        }
    }
    filled
}

/// For each run whether it is the root of a dark piece that touches enough faces of
/// the image. Axes with a single slice have no faces.
fn around(pieces: &Pieces, dark: &[u32], dims: [usize; 3]) -> Vec<bool> {
    let [nx, ny, _] = dims;
    let mut faces = vec![0_u8; pieces.count()];
    for (run, root) in pieces.runs() {
        if dark[run.start] == NONE {
            continue;
        }
        let row = run.start / nx;
        let ends = [
            [run.start % nx, (run.end - 1) % nx],
            [row % ny; 2],
            [row / ny; 2],
        ];
        for (axis, ([first, last], n)) in ends.into_iter().zip(dims).enumerate() {
            if n > 1 {
                faces[root as usize] |= u8::from(first == 0) << (2 * axis);
                faces[root as usize] |= u8::from(last == n - 1) << (2 * axis + 1);
            }
        }
    }
    let needed = dims.into_iter().filter(|&n| n > 1).count() as u32;
    faces
        .into_iter()
        .map(|faces| faces.count_ones() >= needed)
        .collect()
}
