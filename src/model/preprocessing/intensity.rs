//! Scales intensities the way a network was trained with.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

/// An intensity rule, applied to each channel on its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Intensity {
    /// Mean 0 and population standard deviation 1 over all voxels of the crop.
    ZScore {},
    /// The same over the voxels that are not zero; zero stays zero (MONAI's
    /// `NormalizeIntensity(nonzero=True, channel_wise=True)`, used for BraTS).
    ZScoreNonzero {},
    /// A linear map of `from` to `to`, cut off at `to` if `clip` (MONAI's
    /// `ScaleIntensityRange`, used for CT).
    Range {
        from: [f64; 2],
        to: [f64; 2],
        clip: bool,
    },
}

impl Intensity {
    /// What is wrong with this rule, if anything, in words.
    pub fn problem(&self) -> Option<String> {
        let Self::Range { from, to, .. } = self else {
            return None;
        };
        let sound = |[low, high]: [f64; 2]| low.is_finite() && high.is_finite() && low < high;
        (!sound(*from) || !sound(*to))
            .then(|| format!("intensity maps {from:?} to {to:?}; both must be two growing numbers"))
    }

    /// Scales one channel in place.
    pub(super) fn apply(&self, values: &mut Array3<f32>) {
        match *self {
            Self::ZScore {} => {
                let (mean, deviation) = mean_and_deviation(values.iter().copied());
                let deviation = deviation.max(1e-6);
                values.mapv_inplace(|v| ((f64::from(v) - mean) / deviation) as f32);
            }
            Self::ZScoreNonzero {} => {
                let (mean, deviation) =
                    mean_and_deviation(values.iter().copied().filter(|&v| v != 0.0));
                // A constant channel; the bound is above the rounding of its mean.
                let constant = deviation <= 1e-9 * mean.abs();
                let deviation = if constant { 1.0 } else { deviation };
                values.mapv_inplace(|v| {
                    if v == 0.0 {
                        v
                    } else {
                        ((f64::from(v) - mean) / deviation) as f32
                    }
                });
            }
            Self::Range { from, to, clip } => {
                let slope = (to[1] - to[0]) / (from[1] - from[0]);
                values.mapv_inplace(|v| {
                    let scaled = (f64::from(v) - from[0]) * slope + to[0];
                    (if clip {
                        scaled.clamp(to[0], to[1])
                    } else {
                        scaled
                    }) as f32
                });
            }
        }
    }
}

/// Mean and population standard deviation; 0 and 0 of nothing.
fn mean_and_deviation(values: impl Iterator<Item = f32> + Clone) -> (f64, f64) {
    let (count, sum) = values.clone().fold((0_usize, 0.0), |(count, sum), v| {
        (count + 1, sum + f64::from(v))
    });
    if count == 0 {
        return (0.0, 0.0);
    }
    let mean = sum / count as f64;
    let squares: f64 = values.map(|v| (f64::from(v) - mean).powi(2)).sum();
    (mean, (squares / count as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(intensity: Intensity, values: &[f32]) -> Vec<f32> {
        let mut array = Array3::from_shape_vec((values.len(), 1, 1), values.to_vec()).unwrap();
        intensity.apply(&mut array);
        array.into_iter().collect()
    }

    #[test]
    fn constant_and_empty_channels_stay_finite() {
        assert_eq!(apply(Intensity::ZScore {}, &[7.0, 7.0]), [0.0, 0.0]);
        assert_eq!(apply(Intensity::ZScoreNonzero {}, &[0.0, 0.0]), [0.0, 0.0]);
        assert_eq!(
            apply(Intensity::ZScoreNonzero {}, &[0.0, 7.0, 7.0]),
            [0.0, 0.0, 0.0]
        );
    }

    #[test]
    fn rules() {
        assert_eq!(apply(Intensity::ZScore {}, &[1.0, 3.0]), [-1.0, 1.0]);
        assert_eq!(
            apply(Intensity::ZScoreNonzero {}, &[0.0, 1.0, 3.0]),
            [0.0, -1.0, 1.0]
        );
        let range = Intensity::Range {
            from: [-100.0, 100.0],
            to: [0.0, 1.0],
            clip: true,
        };
        assert_eq!(
            apply(range, &[-500.0, 0.0, 50.0, 101.0]),
            [0.0, 0.5, 0.75, 1.0]
        );
    }

    #[test]
    fn json_names() {
        let text = r#"{"kind":"range","from":[-175,250],"to":[0,1],"clip":true}"#;
        let range: Intensity = serde_json::from_str(text).unwrap();
        assert_eq!(
            range,
            Intensity::Range {
                from: [-175.0, 250.0],
                to: [0.0, 1.0],
                clip: true
            }
        );
        assert!(range.problem().is_none());
        let z: Intensity = serde_json::from_str(r#"{"kind":"z_score"}"#).unwrap();
        assert_eq!(z, Intensity::ZScore {});
        assert!(serde_json::from_str::<Intensity>(r#"{"kind":"z_score","clip":true}"#).is_err());
        let swapped = Intensity::Range {
            from: [1.0, 0.0],
            to: [0.0, 1.0],
            clip: true,
        };
        assert!(swapped.problem().is_some());
    }
}
