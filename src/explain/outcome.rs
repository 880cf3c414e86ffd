//! What one run of the network gave, as sums, and the numbers made of them.
//!
//! Shapley values are linear in the game, so the sums are kept for every class and
//! any value function can be computed from them later without running again.

use super::ExplainError;

/// Sums over the explained region for one class.
///
/// "Target" T is the class's frozen mask: the voxels that the network gave to the
/// class on the unmasked image (or a loaded reference).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClassSums {
    /// Sum of the class's probability over T.
    pub probability_in_target: f64,
    /// Sum of the class's probability over the whole region.
    pub probability_total: f64,
    /// Sum of the class's logit over T.
    pub logit_in_target: f64,
    /// Number of voxels of T given to the class.
    pub hard_in_target: f64,
    /// Number of voxels of the region given to the class.
    pub hard_total: f64,
}

impl ClassSums {
    /// Number of sums, as stored in the log.
    pub const LEN: usize = 5;

    pub fn to_array(self) -> [f64; Self::LEN] {
        [
            self.probability_in_target,
            self.probability_total,
            self.logit_in_target,
            self.hard_in_target,
            self.hard_total,
        ]
    }

    pub fn from_array(sums: [f64; Self::LEN]) -> Self {
        let [
            probability_in_target,
            probability_total,
            logit_in_target,
            hard_in_target,
            hard_total,
        ] = sums;
        Self {
            probability_in_target,
            probability_total,
            logit_in_target,
            hard_in_target,
            hard_total,
        }
    }
}

/// What the network gave for one coalition: one entry a class.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    pub classes: Vec<ClassSums>,
}

/// Sizes that turn sums into values.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TargetSize {
    /// |T| in voxels, one entry a class.
    pub voxels: Vec<u64>,
    pub voxel_volume_mm3: f64,
}

/// The number that is shared among the players. `p`: probability of the class,
/// `T`: its target, `Ω`: the explained region, `ŷ`: 1 where the class is chosen.
/// A quotient 0/0 counts as 0.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ValueFunction {
    /// `2 Σ_T p / (Σ_Ω p + |T|)`: smooth, and punishes what appears outside T.
    #[default]
    SoftDice,
    /// `2 |Ŷ∩T| / (|Ŷ| + |T|)`: a step function, so it needs more evaluations.
    HardDice,
    /// `Σ_T z / |T|`: mean logit inside the target.
    MeanLogit,
    /// `Σ_T p / |T|`: mean probability inside the target (soft true positives).
    MeanProbability,
    /// `|Ŷ|` in millilitres.
    VolumeMl,
}

impl ValueFunction {
    pub const ALL: [Self; 5] = [
        Self::SoftDice,
        Self::HardDice,
        Self::MeanLogit,
        Self::MeanProbability,
        Self::VolumeMl,
    ];

    /// The value in words for a legend, in sentence case.
    pub fn label(self) -> &'static str {
        match self {
            Self::SoftDice => "Soft Dice with the segmentation",
            Self::HardDice => "Dice with the segmentation",
            Self::MeanLogit => "Mean logit in the segmentation",
            Self::MeanProbability => "Mean probability in the segmentation",
            Self::VolumeMl => "Segmented volume (mL)",
        }
    }

    /// The value of one outcome for one class.
    pub fn evaluate(
        self,
        outcome: &Outcome,
        class: usize,
        target: &TargetSize,
    ) -> Result<f64, ExplainError> {
        let missing = |classes| ExplainError::NoSuchClass { class, classes };
        let sums = outcome
            .classes
            .get(class)
            .ok_or(missing(outcome.classes.len()))?;
        let size = *target
            .voxels
            .get(class)
            .ok_or(missing(target.voxels.len()))? as f64;
        let value = match self {
            Self::SoftDice => ratio(
                2.0 * sums.probability_in_target,
                sums.probability_total + size,
            ),
            Self::HardDice => ratio(2.0 * sums.hard_in_target, sums.hard_total + size),
            Self::MeanLogit => ratio(sums.logit_in_target, size),
            Self::MeanProbability => ratio(sums.probability_in_target, size),
            Self::VolumeMl => sums.hard_total * target.voxel_volume_mm3 / 1000.0,
        };
        if value.is_finite() {
            Ok(value)
        } else {
            Err(ExplainError::NotFinite)
        }
    }
}

/// A quotient in which 0/0 is 0 (an empty target that stays empty has lost nothing).
fn ratio(numerator: f64, denominator: f64) -> f64 {
    if numerator == 0.0 && denominator == 0.0 {
        0.0
    } else {
        numerator / denominator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(function: ValueFunction, sums: ClassSums, size: u64) -> Result<f64, ExplainError> {
        let outcome = Outcome {
            classes: vec![ClassSums::default(), sums],
        };
        let target = TargetSize {
            voxels: vec![0, size],
            voxel_volume_mm3: 2.0,
        };
        function.evaluate(&outcome, 1, &target)
    }

    #[test]
    fn formulas() {
        let sums = ClassSums::from_array([30.0, 50.0, -8.0, 25.0, 35.0]);
        assert_eq!(sums.to_array(), [30.0, 50.0, -8.0, 25.0, 35.0]);
        assert_eq!(
            value(ValueFunction::SoftDice, sums, 40).unwrap(),
            60.0 / 90.0
        );
        assert_eq!(
            value(ValueFunction::HardDice, sums, 40).unwrap(),
            50.0 / 75.0
        );
        assert_eq!(value(ValueFunction::MeanLogit, sums, 40).unwrap(), -0.2);
        assert_eq!(
            value(ValueFunction::MeanProbability, sums, 40).unwrap(),
            0.75
        );
        assert_eq!(value(ValueFunction::VolumeMl, sums, 40).unwrap(), 0.07);
    }

    #[test]
    fn nothing_of_nothing_is_zero_and_what_is_not_a_number_is_refused() {
        for function in ValueFunction::ALL {
            assert_eq!(value(function, ClassSums::default(), 0).unwrap(), 0.0);
        }
        let sums = ClassSums {
            probability_in_target: f64::NAN,
            ..Default::default()
        };
        assert!(matches!(
            value(ValueFunction::SoftDice, sums, 3),
            Err(ExplainError::NotFinite)
        ));
        let missing =
            ValueFunction::SoftDice.evaluate(&Outcome::default(), 0, &TargetSize::default());
        assert!(matches!(
            missing,
            Err(ExplainError::NoSuchClass {
                class: 0,
                classes: 0
            })
        ));
    }
}
