//! What an absent player looks like: the image that is blended in where a coalition
//! leaves voxels out.

use std::fmt;
use std::str::FromStr;

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array4, ArrayView1, Axis};

use super::ExplainError;

/// How voxels of absent players are filled.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// The mean of each channel: grey everywhere, without any structure.
    Mean,
    /// Zero after preprocessing: air for a CT scaled from air, the mean for a channel
    /// normalised to zero mean. Edges of the absent region stay sharp.
    Zero,
    /// The image blurred by a Gaussian: keeps the large-scale brightness and takes
    /// away what is smaller than about two sigma.
    Blur { sigma_mm: f64 },
}

/// Widest Gaussian in voxels: more is the mean in all but name, and slow.
const MAX_SIGMA_VOXELS: f64 = 1000.0;
/// The Gaussian is cut off at this many sigma.
const TRUNCATE: f64 = 4.0;

/// The blur that plain `blur` means: about the size of a usual supervoxel, so that
/// nothing of what a supervoxel holds is left.
const DEFAULT_SIGMA_MM: f64 = 8.0;

impl Default for Baseline {
    fn default() -> Self {
        Self::Blur {
            sigma_mm: DEFAULT_SIGMA_MM,
        }
    }
}

/// The baseline of a preprocessed image `[[channel, x, y, z]]` with voxels of
/// `spacing_mm` along x, y and z.
pub fn fill(
    image: &Array4<f32>,
    spacing_mm: [f64; 3],
    baseline: Baseline,
) -> Result<Array4<f32>, ExplainError> {
    match baseline {
        Baseline::Zero => Ok(Array4::zeros(image.raw_dim())),
        Baseline::Mean => Ok(channel_means(image)),
        Baseline::Blur { sigma_mm } => blurred(image, spacing_mm, sigma_mm),
    }
}

impl FromStr for Baseline {
    type Err = ExplainError;

    fn from_str(text: &str) -> Result<Self, ExplainError> {
        match text.trim() {
            "mean" => return Ok(Self::Mean),
            "zero" => return Ok(Self::Zero),
            "blur" => return Ok(Self::default()),
            _ => {}
        }
        text.trim()
            .strip_prefix("blur:")
            .and_then(|sigma| {
                sigma
                    .trim()
                    .trim_end_matches("mm")
                    .trim()
                    .parse::<f64>()
                    .ok()
            })
            .filter(|sigma_mm| sigma_mm.is_finite() && *sigma_mm > 0.0)
            .map(|sigma_mm| Self::Blur { sigma_mm })
            .ok_or_else(|| ExplainError::BadBaseline(text.to_owned()))
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => write!(f, "mean"),
            Self::Zero => write!(f, "zero"),
            Self::Blur { sigma_mm } => write!(f, "blur:{sigma_mm}mm"),
        }
    }
}

/// Each channel's mean over its finite values.
fn channel_means(image: &Array4<f32>) -> Array4<f32> {
    let mut means = Array4::zeros(image.raw_dim());
    for (channel, mut filled) in image.outer_iter().zip(means.outer_iter_mut()) {
        let (sum, count) = channel
            .iter()
            .filter(|value| value.is_finite())
            .fold((0.0, 0_usize), |(sum, count), &value| {
                (sum + f64::from(value), count + 1)
            });
        filled.fill((sum / count.max(1) as f64) as f32);
    }
    means
}

/// Separable Gaussian; beyond its border the image continues with its border voxel,
/// so that the edges are neither darkened nor mirrored.
fn blurred(
    image: &Array4<f32>,
    spacing_mm: [f64; 3],
    sigma_mm: f64,
) -> Result<Array4<f32>, ExplainError> {
    if spacing_mm.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
        return Err(ExplainError::BadSpacing(spacing_mm));
    }
    let mut out = image.clone();
    for (axis, spacing) in spacing_mm.into_iter().enumerate() {
        let sigma = sigma_mm / spacing;
        if !(0.0..=MAX_SIGMA_VOXELS).contains(&sigma) {
            return Err(ExplainError::BadSetting {
                what: "the blur's sigma in voxels",
                value: sigma,
                allowed: "between 0 and 1000",
            });
        }
        let half_kernel = half_gaussian(sigma);
        if half_kernel.len() > 1 {
            let from = out.clone();
            let axis = Axis(axis + 1);
            let lanes = ndarray::Zip::from(out.lanes_mut(axis)).and(from.lanes(axis));
            lanes.into_par_iter().for_each(|(mut to, from)| {
                for (to, value) in to.iter_mut().zip(convolved(from, &half_kernel)) {
                    *to = value;
                }
            });
        }
    }
    Ok(out)
}

/// The kernel from its centre outward, normalised over both sides.
fn half_gaussian(sigma: f64) -> Vec<f64> {
    if sigma == 0.0 {
        return vec![1.0];
    }
    let radius = (TRUNCATE * sigma).ceil() as usize;
    let mut half: Vec<f64> = (0..=radius)
        .map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp())
        .collect();
    let sum = 2.0 * half.iter().sum::<f64>() - 1.0;
    half.iter_mut().for_each(|weight| *weight /= sum);
    half
}

fn convolved(line: ArrayView1<f32>, half_kernel: &[f64]) -> Array1<f32> {
    let last = line.len().saturating_sub(1);
    let at = |index: usize| {
        line.get(index.min(last))
            .map_or(0.0, |&value| f64::from(value))
    };
    Array1::from_shape_fn(line.len(), |centre| {
        let pairs = half_kernel
            .iter()
            .enumerate()
            .map(|(offset, weight)| match offset {
                0 => weight * at(centre),
                _ => weight * (at(centre.saturating_sub(offset)) + at(centre + offset)),
            });
        pairs.sum::<f64>() as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    #[test]
    fn means_and_zero() {
        let image = Array4::from_shape_fn((2, 2, 2, 2), |(c, x, ..)| match (c, x) {
            (0, x) => x as f32,
            _ => f32::NAN,
        });
        let mean = fill(&image, [1.0; 3], Baseline::Mean).unwrap();
        assert!(
            mean.outer_iter()
                .zip([0.5, 0.0])
                .all(|(c, m)| c.iter().all(|&v| v == m))
        );
        let zero = fill(&image, [1.0; 3], Baseline::Zero).unwrap();
        assert!(zero.iter().all(|&v| v == 0.0));
    }

    /// A Gaussian blurred by a Gaussian is a wider, lower Gaussian.
    #[test]
    fn blur_of_a_gaussian_is_analytic() {
        let spacing_mm = [1.0, 0.5, 2.0];
        let (own, blur): (f64, f64) = (4.0, 3.0);
        let wide = own.hypot(blur);
        let bell = |sigma: f64, x: usize, y: usize, z: usize| {
            let r2 = (x as f64 - 20.0).powi(2)
                + (0.5 * (y as f64 - 40.0)).powi(2)
                + (2.0 * (z as f64 - 10.0)).powi(2);
            (own / sigma).powi(3) * (-0.5 * r2 / sigma.powi(2)).exp()
        };
        let image =
            Array4::from_shape_fn((1, 41, 81, 21), |(_, x, y, z)| bell(own, x, y, z) as f32);
        let found = fill(&image, spacing_mm, Baseline::Blur { sigma_mm: blur }).unwrap();
        for ([_, x, y, z], value) in found
            .indexed_iter()
            .map(|((c, x, y, z), v)| ([c, x, y, z], v))
        {
            let inner = (8..33).contains(&x) && (16..65).contains(&y) && (4..17).contains(&z);
            let expected = bell(wide, x, y, z);
            assert!(
                !inner || (f64::from(*value) - expected).abs() < 2e-3,
                "{x} {y} {z}"
            );
        }
    }

    #[test]
    fn borders_are_not_darkened_and_zero_sigma_changes_nothing() {
        let flat = Array4::from_elem((1, 7, 1, 3), 5.0);
        let found = fill(&flat, [1.0; 3], Baseline::Blur { sigma_mm: 30.0 }).unwrap();
        assert!(found.iter().all(|v| (v - 5.0).abs() < 1e-5));
        let image = Array4::from_shape_fn((1, 5, 4, 3), |(_, x, y, z)| (x * y + z) as f32);
        let same = fill(&image, [1.0; 3], Baseline::Blur { sigma_mm: 0.0 }).unwrap();
        assert_eq!(same, image);
    }

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        for text in ["mean", "zero", "blur:4mm", "blur:2.5mm"] {
            assert_eq!(text.parse::<Baseline>().unwrap().to_string(), text);
        }
        assert_eq!("blur".parse::<Baseline>().unwrap(), Baseline::default());
        for text in ["", "grey", "blur:", "blur:-1", "blur:inf", "blur:0mm"] {
            assert!(
                matches!(text.parse::<Baseline>(), Err(ExplainError::BadBaseline(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn bad_sigmas_are_named() {
        let image = Array4::zeros((1, 2, 2, 2));
        for sigma_mm in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
            let found = fill(&image, [1.0; 3], Baseline::Blur { sigma_mm });
            assert!(
                matches!(found, Err(ExplainError::BadSetting { .. })),
                "{sigma_mm}"
            );
        }
    }
}
