//! Where sliding windows lie and how much each of their voxels counts.
//!
//! Plain geometry, exactly as `monai.inferers.sliding_window_inference` has it.
//! Running a network over the windows is in `inference`.

use serde::{Deserialize, Serialize};

use super::swin_unetr::check_input_dims;

/// How the windows' results are weighted where they overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blend {
    /// Less toward a window's border, with a standard deviation of an eighth of it.
    Gaussian,
    /// All voxels alike.
    Constant,
}

/// How a network is run over an image larger than its window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inference {
    /// Window size in model voxels, x y z.
    pub window: [usize; 3],
    /// Share of a window that overlaps the next, in 0 to 0.95.
    pub overlap: f64,
    pub blend: Blend,
}

impl Inference {
    /// What is wrong with these settings, if anything, in words.
    pub fn problem(&self) -> Option<String> {
        if check_input_dims(self.window).is_err() || self.window.iter().any(|&n| n > 1024) {
            Some(format!(
                "window is {:?}, each size must be a multiple of 32 up to 1024 and one at least 64",
                self.window
            ))
        } else if !(0.0..=0.95).contains(&self.overlap) {
            Some(format!("overlap is {}, it must be 0 to 0.95", self.overlap))
        } else {
            None
        }
    }
}

/// The windows over one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPlan {
    pub window: [usize; 3],
    /// Image size before padding.
    pub image: [usize; 3],
    /// Image size after padding to at least one window.
    pub padded: [usize; 3],
    /// Zero voxels added before the image along each axis; the rest comes after it.
    pub pad_before: [usize; 3],
    /// First voxel of each window in the padded image, last axis fastest.
    pub starts: Vec<[usize; 3]>,
}

impl WindowPlan {
    /// The number of windows over an image.
    pub fn count(image: [usize; 3], inference: &Inference) -> usize {
        (0..3)
            .map(|a| {
                let (window, padded) = (inference.window[a], image[a].max(inference.window[a]));
                let step = interval(padded, window, inference.overlap);
                (padded - window).div_ceil(step) + 1
            })
            .fold(1, usize::saturating_mul)
    }

    /// Windows at steps of `window · (1 − overlap)`, rounded down; the last one along
    /// an axis is moved back to end with the image.
    pub fn new(image: [usize; 3], inference: &Inference) -> Self {
        let window = inference.window;
        let padded: [usize; 3] = std::array::from_fn(|a| image[a].max(window[a]));
        let along: [Vec<usize>; 3] = std::array::from_fn(|a| {
            axis_starts(
                padded[a],
                window[a],
                interval(padded[a], window[a], inference.overlap),
            )
        });
        let mut starts = Vec::with_capacity(along.iter().map(Vec::len).product());
        for &x in &along[0] {
            for &y in &along[1] {
                starts.extend(along[2].iter().map(|&z| [x, y, z]));
            }
        }
        let pad_before = std::array::from_fn(|a| (padded[a] - image[a]) / 2);
        Self {
            window,
            image,
            padded,
            pad_before,
            starts,
        }
    }

    /// First voxel of a window in the padded image.
    pub fn start(&self, window: usize) -> [usize; 3] {
        self.starts.get(window).copied().unwrap_or_default()
    }

    /// The part of the image that a window covers, without the padding.
    pub fn image_part(&self, window: usize) -> [std::ops::Range<usize>; 3] {
        let start = self.start(window);
        std::array::from_fn(|a| {
            let before = self.pad_before[a];
            let end = (start[a] + self.window[a]).saturating_sub(before);
            start[a].saturating_sub(before).min(self.image[a])..end.min(self.image[a])
        })
    }

    /// The windows that reach into a part of the image.
    pub fn reaching(&self, part: &[std::ops::Range<usize>; 3]) -> Vec<usize> {
        (0..self.starts.len())
            .filter(|&window| {
                let own = self.image_part(window);
                own.iter()
                    .zip(part)
                    .all(|(own, part)| own.start < part.end && part.start < own.end)
            })
            .collect()
    }

    /// Voxels of a window.
    pub fn window_voxels(&self) -> usize {
        self.window.iter().product()
    }
}

/// Distance between windows along an axis.
fn interval(image: usize, window: usize, overlap: f64) -> usize {
    if window == image {
        window
    } else {
        // Truncated in double precision, as Python's int() does.
        ((window as f64 * (1.0 - overlap)) as usize).max(1)
    }
}

fn axis_starts(image: usize, window: usize, interval: usize) -> Vec<usize> {
    let last = image - window;
    let count = last.div_ceil(interval) + 1;
    (0..count).map(|k| (k * interval).min(last)).collect()
}

/// Weight of each voxel of a window, z fastest.
///
/// Gaussian: the outer product of `exp(−x² / 2σ²)` with σ an eighth of the size, in
/// single precision, and nowhere less than 0.001 (MONAI's `compute_importance_map`).
pub fn importance(window: [usize; 3], blend: Blend) -> Vec<f32> {
    let count = window.iter().product();
    if blend == Blend::Constant {
        return vec![1.0; count];
    }
    let profile = |n: usize| -> Vec<f32> {
        let sigma = 0.125 * n as f32;
        let centre = (n as f32 - 1.0) / 2.0;
        (0..n)
            .map(|i| {
                let x = i as f32 - centre;
                (x * x / (-2.0 * sigma * sigma)).exp()
            })
            .collect()
    };
    let [gx, gy, gz] = window.map(profile);
    let mut map = Vec::with_capacity(count);
    for x in &gx {
        for y in &gy {
            map.extend(gz.iter().map(|z| x * y * z));
        }
    }
    let smallest = map.iter().copied().fold(f32::INFINITY, f32::min).max(1e-3);
    for weight in &mut map {
        *weight = weight.max(smallest);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_are_padded_on_both_sides() {
        let inference = Inference {
            window: [64, 64, 32],
            overlap: 0.5,
            blend: Blend::Constant,
        };
        let plan = WindowPlan::new([51, 64, 40], &inference);
        assert_eq!(plan.padded, [64, 64, 40]);
        assert_eq!(plan.pad_before, [6, 0, 0]);
        assert_eq!(plan.starts, [[0, 0, 0], [0, 0, 8]]);
    }

    #[test]
    fn unusable_settings_are_named() {
        let good = Inference {
            window: [32, 64, 32],
            overlap: 0.5,
            blend: Blend::Gaussian,
        };
        assert_eq!(good.problem(), None);
        assert!(
            Inference {
                window: [32, 32, 32],
                ..good
            }
            .problem()
            .is_some()
        );
        assert!(
            Inference {
                window: [32, 65, 32],
                ..good
            }
            .problem()
            .is_some()
        );
        assert!(
            Inference {
                overlap: 0.96,
                ..good
            }
            .problem()
            .is_some()
        );
        assert!(
            Inference {
                overlap: f64::NAN,
                ..good
            }
            .problem()
            .is_some()
        );
    }
}
