//! Values of a segmentation that have a derivative, and that derivative with respect to
//! each logit.

use ndarray::{Array3, Array4, ArrayView1, ArrayView4, Axis, Zip};

use super::super::inference::check_shape;
use crate::model::{Activation, ModelError};

/// The number that is differentiated. `p`: probability of the class, `z`: its logit, `T`:
/// its target, `Ω`: the region. A quotient 0/0 counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmoothValue {
    /// `2 Σ_T p / (Σ_Ω p + |T|)`.
    SoftDice,
    /// `Σ_T (z − largest other z) / |T|`; with sigmoid the mean logit.
    Margin,
    /// `Σ_T z / |T|`.
    MeanLogit,
    /// `Σ_T p / |T|`.
    MeanProbability,
}

/// A value of one class over fixed sets of voxels.
#[derive(Debug, Clone)]
pub struct TargetValue {
    pub value: SmoothValue,
    pub class: usize,
    pub activation: Activation,
    /// T, `[[x, y, z]]`.
    pub target: Array3<bool>,
    /// Ω, `[[x, y, z]]`.
    pub region: Array3<bool>,
}

impl TargetValue {
    /// The value for logits `[[class, x, y, z]]`, and its derivative with respect to each.
    ///
    /// Errors: arrays of different sizes, a class that there is not.
    pub fn evaluate(&self, logits: ArrayView4<'_, f32>) -> Result<(f64, Array4<f32>), ModelError> {
        let (classes, x, y, z) = logits.dim();
        for (what, mask) in [("target", &self.target), ("region", &self.region)] {
            check_shape(what, &[x, y, z], mask.shape())?;
        }
        if self.class >= classes {
            return Err(ModelError::Shape {
                what: "class",
                expected: vec![classes],
                actual: vec![self.class],
            });
        }
        let voxels = self.target.iter().filter(|&&inside| inside).count() as f64;
        let slopes = self.slopes(logits, voxels);
        let mut derivative = Array4::zeros(logits.dim());
        let lanes = derivative.lanes_mut(Axis(0));
        Zip::from(lanes)
            .and(logits.lanes(Axis(0)))
            .and(&self.target)
            .and(&self.region)
            .for_each(|mut derivative, logits, &in_target, &in_region| {
                let mut slope = 0.0;
                if in_target {
                    slope += slopes.in_target;
                }
                if in_region {
                    slope += slopes.in_region;
                }
                if slope == 0.0 {
                    return;
                }
                self.chain(logits, slope, &mut |class, share| {
                    if let Some(own) = derivative.get_mut(class) {
                        *own += share as f32;
                    }
                });
            });
        Ok((slopes.value, derivative))
    }

    /// The value, and how it changes with the quantity q of a voxel: p, z or the margin.
    fn slopes(&self, logits: ArrayView4<'_, f32>, voxels: f64) -> Slopes {
        let (mut in_target, mut in_region) = (0.0, 0.0);
        Zip::from(logits.lanes(Axis(0)))
            .and(&self.target)
            .and(&self.region)
            .for_each(|logits, &is_target, &is_region| {
                if is_target || is_region {
                    let quantity = self.quantity(logits);
                    in_target += if is_target { quantity } else { 0.0 };
                    in_region += if is_region { quantity } else { 0.0 };
                }
            });
        let quotient = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
        match self.value {
            SmoothValue::SoftDice => {
                let whole = in_region + voxels;
                let value = quotient(2.0 * in_target, whole);
                Slopes {
                    value,
                    in_target: quotient(2.0, whole),
                    in_region: -quotient(value, whole),
                }
            }
            SmoothValue::Margin | SmoothValue::MeanLogit | SmoothValue::MeanProbability => Slopes {
                value: quotient(in_target, voxels),
                in_target: quotient(1.0, voxels),
                in_region: 0.0,
            },
        }
    }

    /// What is summed up of a voxel.
    fn quantity(&self, logits: ArrayView1<'_, f32>) -> f64 {
        let own = logits.get(self.class).copied().map_or(0.0, f64::from);
        match self.value {
            SmoothValue::MeanLogit => own,
            SmoothValue::Margin => own - self.rival(logits).map_or(0.0, |(_, rival)| rival),
            SmoothValue::SoftDice | SmoothValue::MeanProbability => self.probability(logits, own),
        }
    }

    /// Hands over what a slope of the voxel's quantity is for each of its logits.
    fn chain(&self, logits: ArrayView1<'_, f32>, slope: f64, add: &mut dyn FnMut(usize, f64)) {
        match self.value {
            SmoothValue::MeanLogit => add(self.class, slope),
            SmoothValue::Margin => {
                add(self.class, slope);
                if let Some((rival, _)) = self.rival(logits) {
                    add(rival, -slope);
                }
            }
            SmoothValue::SoftDice | SmoothValue::MeanProbability => {
                let own = logits.get(self.class).copied().map_or(0.0, f64::from);
                let p = self.probability(logits, own);
                if self.activation == Activation::Sigmoid {
                    add(self.class, slope * p * (1.0 - p));
                    return;
                }
                for (class, &logit) in logits.iter().enumerate() {
                    let same = if class == self.class { 1.0 } else { 0.0 };
                    let other = self.probability(logits, f64::from(logit));
                    add(class, slope * p * (same - other));
                }
            }
        }
    }

    /// The probability of a channel with the logit `own` among those of a voxel.
    fn probability(&self, logits: ArrayView1<'_, f32>, own: f64) -> f64 {
        match self.activation {
            Activation::Sigmoid => 1.0 / (1.0 + (-own).exp()),
            Activation::Softmax => {
                let sum: f64 = logits.iter().map(|&l| (f64::from(l) - own).exp()).sum();
                1.0 / sum
            }
        }
    }

    /// The strongest other class of a voxel and its logit, with softmax.
    fn rival(&self, logits: ArrayView1<'_, f32>) -> Option<(usize, f64)> {
        if self.activation == Activation::Sigmoid {
            return None;
        }
        let others = logits.iter().enumerate().filter(|(c, _)| *c != self.class);
        let strongest = others.fold(
            None,
            |best: Option<(usize, f32)>, (class, &logit)| match best {
                Some((_, largest)) if largest >= logit => best,
                _ => Some((class, logit)),
            },
        );
        strongest.map(|(class, logit)| (class, f64::from(logit)))
    }
}

struct Slopes {
    value: f64,
    in_target: f64,
    in_region: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recipe;

    /// The derivative is that of finite differences, for every value and activation.
    #[test]
    fn derivatives_are_those_of_finite_differences() {
        let logits = recipe::input(&[3, 3, 2, 2], 9) * 3.0;
        let logits = logits.into_dimensionality::<ndarray::Ix4>().unwrap();
        let target = Array3::from_shape_fn((3, 2, 2), |(x, y, _)| x < 2 && y == 0);
        let region = Array3::from_shape_fn((3, 2, 2), |(x, _, z)| x > 0 || z == 0);
        for value in [
            SmoothValue::SoftDice,
            SmoothValue::Margin,
            SmoothValue::MeanLogit,
            SmoothValue::MeanProbability,
        ] {
            for activation in [Activation::Softmax, Activation::Sigmoid] {
                let value = TargetValue {
                    value,
                    class: 1,
                    activation,
                    target: target.clone(),
                    region: region.clone(),
                };
                let (_, derivative) = value.evaluate(logits.view()).unwrap();
                for (at, &found) in derivative.indexed_iter() {
                    let shifted = |by: f32| {
                        let mut logits = logits.clone();
                        logits[at] += by;
                        value.evaluate(logits.view()).unwrap().0
                    };
                    let step = 1.0 / 1024.0;
                    let expected = (shifted(step) - shifted(-step)) / (2.0 * f64::from(step));
                    let error = (f64::from(found) - expected).abs();
                    assert!(error < 1e-6, "{value:?} {at:?} {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_class_that_there_is_not_is_an_error() {
        let value = TargetValue {
            value: SmoothValue::MeanLogit,
            class: 3,
            activation: Activation::Softmax,
            target: Array3::from_elem((2, 2, 2), true),
            region: Array3::from_elem((2, 2, 2), true),
        };
        assert!(value.evaluate(Array4::zeros((3, 2, 2, 2)).view()).is_err());
        assert!(value.evaluate(Array4::zeros((4, 2, 2, 3)).view()).is_err());
    }
}
