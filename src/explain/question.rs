//! What is asked of a run: a target, and one number made of the sums over it.

use std::fmt;
use std::str::FromStr;

use super::outcome::{Outcome, PartSums, Sizes};
use super::{ClassSums, ExplainError};

/// What is explained.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// All that the network gave to a class.
    Class(usize),
    /// One connected part of a class, by its number in [`Sizes::components`].
    Component(usize),
    /// The voxels of some players, as a part of a class that may or may not be there.
    Places { class: usize, players: Vec<usize> },
}

/// The number that is shared among the players. `p`: probability of the class, `z`: its
/// logit, `T`: its target, `Ω`: the explained region, `ŷ`: 1 where the class is chosen.
/// A quotient 0/0 counts as 0.
///
/// For a connected part, Ω is the region without the other parts of the class; for
/// places T and Ω are their voxels.
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
    /// `Σ_T (z − largest other z) / |T|`: how clearly the class wins inside the target.
    Margin,
    /// `Σ_T z / |T|`: mean logit inside the target.
    MeanLogit,
    /// `Σ_T p / |T|`: mean probability inside the target.
    MeanProbability,
    /// `|Ŷ∩T|` in millilitres: what is kept of the target.
    TruePositiveMl,
    /// `|Ŷ∖T|` in millilitres: what appears outside the target.
    FalsePositiveMl,
    /// `|Ŷ|` in millilitres.
    VolumeMl,
}

/// What is asked: a target, and what is measured of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Question {
    pub target: Target,
    pub value_function: ValueFunction,
}

impl Question {
    /// The answer that one outcome gives, see [`ValueFunction::evaluate`].
    pub fn evaluate(&self, outcome: &Outcome, sizes: &Sizes) -> Result<f64, ExplainError> {
        self.value_function.evaluate(outcome, &self.target, sizes)
    }
}

impl ValueFunction {
    pub const ALL: [Self; 8] = [
        Self::SoftDice,
        Self::HardDice,
        Self::Margin,
        Self::MeanLogit,
        Self::MeanProbability,
        Self::TruePositiveMl,
        Self::FalsePositiveMl,
        Self::VolumeMl,
    ];

    /// The value in words for a legend, in sentence case.
    pub fn label(self) -> &'static str {
        match self {
            Self::SoftDice => "Soft Dice with the target",
            Self::HardDice => "Dice with the target",
            Self::Margin => "Mean margin in the target",
            Self::MeanLogit => "Mean logit in the target",
            Self::MeanProbability => "Mean probability in the target",
            Self::TruePositiveMl => "Volume kept of the target (mL)",
            Self::FalsePositiveMl => "Volume outside the target (mL)",
            Self::VolumeMl => "Segmented volume (mL)",
        }
    }

    /// The value within a sentence, of a structure: "the overlap of the tumour with …".
    pub fn in_sentence(self, structure: &str) -> String {
        match self {
            Self::SoftDice | Self::HardDice => {
                format!("the overlap of {structure} with its own segmentation")
            }
            Self::Margin => format!("the mean margin of {structure}"),
            Self::MeanLogit => format!("the mean logit of {structure}"),
            Self::MeanProbability => format!("the mean probability of {structure}"),
            Self::TruePositiveMl => format!("the volume kept of {structure} (mL)"),
            Self::FalsePositiveMl => format!("the volume outside {structure} (mL)"),
            Self::VolumeMl => format!("the volume of {structure} (mL)"),
        }
    }

    /// The unit of SHAP values.
    pub fn unit(self) -> &'static str {
        match self {
            Self::SoftDice => "change of soft Dice",
            Self::HardDice => "change of Dice",
            Self::Margin => "change of mean margin",
            Self::MeanLogit => "change of mean logit",
            Self::MeanProbability => "change of mean probability",
            Self::TruePositiveMl => "change of volume in the target, mL",
            Self::FalsePositiveMl => "change of volume outside the target, mL",
            Self::VolumeMl => "change of volume, mL",
        }
    }

    /// The name for the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftDice => "soft-dice",
            Self::HardDice => "hard-dice",
            Self::Margin => "margin",
            Self::MeanLogit => "mean-logit",
            Self::MeanProbability => "mean-probability",
            Self::TruePositiveMl => "true-positive-ml",
            Self::FalsePositiveMl => "false-positive-ml",
            Self::VolumeMl => "volume-ml",
        }
    }

    /// Whether places, of which nobody knows whether the class belongs there, have such
    /// a value.
    pub fn suits_places(self) -> bool {
        matches!(
            self,
            Self::Margin | Self::MeanLogit | Self::MeanProbability | Self::VolumeMl
        )
    }

    /// The value of one outcome for one target.
    ///
    /// Errors: a target that the outcome has no sums of, a value that is not finite.
    pub fn evaluate(
        self,
        outcome: &Outcome,
        target: &Target,
        sizes: &Sizes,
    ) -> Result<f64, ExplainError> {
        let (sums, voxels) = target_sums(outcome, target, sizes)?;
        if matches!(target, Target::Places { .. }) && !self.suits_places() {
            return Err(ExplainError::NotForPlaces {
                value_function: self.label(),
            });
        }
        let millilitres = |voxels: f64| voxels * sizes.voxel_volume_mm3 / 1000.0;
        let value = match self {
            Self::SoftDice => ratio(
                2.0 * sums.probability_in_target,
                sums.probability_total + voxels,
            ),
            Self::HardDice => ratio(2.0 * sums.hard_in_target, sums.hard_total + voxels),
            Self::Margin => ratio(sums.margin_in_target, voxels),
            Self::MeanLogit => ratio(sums.logit_in_target, voxels),
            Self::MeanProbability => ratio(sums.probability_in_target, voxels),
            Self::TruePositiveMl => millilitres(sums.hard_in_target),
            Self::FalsePositiveMl => millilitres(sums.hard_total - sums.hard_in_target),
            Self::VolumeMl => millilitres(sums.hard_total),
        };
        if value.is_finite() {
            Ok(value)
        } else {
            Err(ExplainError::NotFinite)
        }
    }
}

impl fmt::Display for ValueFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ValueFunction {
    type Err = ExplainError;

    fn from_str(text: &str) -> Result<Self, ExplainError> {
        let known = Self::ALL.into_iter().find(|value| value.name() == text);
        known.ok_or_else(|| ExplainError::UnknownValueFunction {
            got: text.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl Target {
    /// The class that the target is a part of.
    pub fn class(&self, sizes: &Sizes) -> Option<usize> {
        match self {
            Self::Class(class) | Self::Places { class, .. } => Some(*class),
            Self::Component(index) => sizes.components.get(*index).map(|part| part.class),
        }
    }

    /// Voxels of the target, 0 if there is none.
    pub fn voxels(&self, sizes: &Sizes) -> u64 {
        match self {
            Self::Class(class) => sizes.classes.get(*class).copied().unwrap_or(0),
            Self::Component(index) => sizes.components.get(*index).map_or(0, |part| part.voxels),
            Self::Places { players, .. } => players
                .iter()
                .filter_map(|player| sizes.place_voxels.get(player + 1))
                .sum(),
        }
    }
}

/// The sums of a target in the form of a class's, and its voxels.
fn target_sums(
    outcome: &Outcome,
    target: &Target,
    sizes: &Sizes,
) -> Result<(ClassSums, f64), ExplainError> {
    let class = target.class(sizes).ok_or(ExplainError::NoSuchTarget)?;
    let class_sums = *outcome
        .classes
        .get(class)
        .ok_or(ExplainError::NoSuchClass {
            class,
            classes: outcome.classes.len(),
        })?;
    let voxels = target.voxels(sizes) as f64;
    let sums = match target {
        Target::Class(_) => class_sums,
        Target::Component(index) => component_sums(outcome, sizes, class_sums, class, *index)?,
        Target::Places { class, players } => {
            let sums = place_sums(outcome, sizes, *class, players)?;
            ClassSums {
                probability_in_target: sums.probability,
                probability_total: sums.probability,
                logit_in_target: sums.logit,
                margin_in_target: sums.margin,
                hard_in_target: sums.hard,
                hard_total: sums.hard,
            }
        }
    };
    Ok((sums, voxels))
}

/// The sums of a part; its totals leave out the other parts of the class.
fn component_sums(
    outcome: &Outcome,
    sizes: &Sizes,
    class_sums: ClassSums,
    class: usize,
    index: usize,
) -> Result<ClassSums, ExplainError> {
    let own = *outcome
        .components
        .get(index)
        .ok_or(ExplainError::NoSuchTarget)?;
    let mut others = PartSums::default();
    for other in sizes.components_of(class).filter(|other| *other != index) {
        others += *outcome
            .components
            .get(other)
            .ok_or(ExplainError::NoSuchTarget)?;
    }
    Ok(ClassSums {
        probability_in_target: own.probability,
        probability_total: class_sums.probability_total - others.probability,
        logit_in_target: own.logit,
        margin_in_target: own.margin,
        hard_in_target: own.hard,
        hard_total: class_sums.hard_total - others.hard,
    })
}

fn place_sums(
    outcome: &Outcome,
    sizes: &Sizes,
    class: usize,
    players: &[usize],
) -> Result<PartSums, ExplainError> {
    let row = sizes.place_classes.iter().position(|&kept| kept == class);
    let row = row.ok_or(ExplainError::PlacesNotKept)? * sizes.place_voxels.len();
    let mut sums = PartSums::default();
    for player in players {
        let place = player + 1;
        let own = outcome.places.get(row + place);
        let own = own.filter(|_| place < sizes.place_voxels.len());
        sums += PartSums::from_array(own.ok_or(ExplainError::NoSuchTarget)?.map(f64::from));
    }
    Ok(sums)
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
    use crate::explain::outcome::ComponentSize;

    /// Class 1 has 40 voxels in parts of 30 and 10; there are two players.
    fn sizes() -> Sizes {
        let part = |voxels| ComponentSize { class: 1, voxels };
        Sizes {
            classes: vec![0, 40],
            components: vec![part(30), part(10)],
            place_classes: vec![1],
            place_voxels: vec![100, 20, 80],
            voxel_volume_mm3: 2.0,
        }
    }

    fn outcome() -> Outcome {
        let part = |sums| PartSums::from_array(sums);
        Outcome {
            classes: vec![
                ClassSums::default(),
                ClassSums::from_array([30.0, 50.0, -8.0, 6.0, 25.0, 35.0]),
            ],
            components: vec![part([22.0, -6.0, 3.0, 20.0]), part([8.0, -2.0, 3.0, 5.0])],
            places: vec![
                [10.0, 0.0, 0.0, 5.0],
                [16.0, -4.0, 2.0, 12.0],
                [24.0, 0.0, 0.0, 18.0],
            ],
        }
    }

    fn value(function: ValueFunction, target: &Target) -> f64 {
        function.evaluate(&outcome(), target, &sizes()).unwrap()
    }

    #[test]
    fn formulas_of_a_class() {
        let class = Target::Class(1);
        for (function, expected) in [
            (ValueFunction::SoftDice, 60.0 / 90.0),
            (ValueFunction::HardDice, 50.0 / 75.0),
            (ValueFunction::Margin, 0.15),
            (ValueFunction::MeanLogit, -0.2),
            (ValueFunction::MeanProbability, 0.75),
            (ValueFunction::TruePositiveMl, 0.05),
            (ValueFunction::FalsePositiveMl, 0.02),
            (ValueFunction::VolumeMl, 0.07),
        ] {
            assert_eq!(value(function, &class), expected, "{function}");
            assert_eq!(function.name().parse::<ValueFunction>().unwrap(), function);
        }
    }

    #[test]
    fn a_part_is_held_against_the_region_without_the_other_parts() {
        let part = Target::Component(0);
        // 50 − 8 of the probability lie outside the other part.
        assert_eq!(value(ValueFunction::SoftDice, &part), 44.0 / 72.0);
        assert_eq!(value(ValueFunction::HardDice, &part), 40.0 / 60.0);
        assert_eq!(value(ValueFunction::Margin, &part), 0.1);
        assert_eq!(value(ValueFunction::FalsePositiveMl, &part), 0.02);
        assert_eq!(part.voxels(&sizes()), 30);
        assert_eq!(part.class(&sizes()), Some(1));
    }

    #[test]
    fn places_are_their_own_region() {
        let place = |players: &[usize]| Target::Places {
            class: 1,
            players: players.to_vec(),
        };
        assert_eq!(value(ValueFunction::MeanProbability, &place(&[0])), 0.8);
        assert_eq!(value(ValueFunction::MeanProbability, &place(&[0, 1])), 0.4);
        assert_eq!(value(ValueFunction::VolumeMl, &place(&[1])), 0.036);
        let refused = |function: ValueFunction, target: &Target| {
            function.evaluate(&outcome(), target, &sizes()).unwrap_err()
        };
        assert!(matches!(
            refused(ValueFunction::SoftDice, &place(&[0])),
            ExplainError::NotForPlaces { .. }
        ));
        assert!(matches!(
            refused(ValueFunction::Margin, &place(&[2])),
            ExplainError::NoSuchTarget
        ));
        let background = Target::Places {
            class: 0,
            players: vec![0],
        };
        assert!(matches!(
            refused(ValueFunction::Margin, &background),
            ExplainError::PlacesNotKept
        ));
    }

    #[test]
    fn nothing_of_nothing_is_zero_and_what_is_not_a_number_is_refused() {
        let empty = Outcome {
            classes: vec![ClassSums::default()],
            ..Default::default()
        };
        let sizes = Sizes {
            classes: vec![0],
            ..Default::default()
        };
        for function in ValueFunction::ALL {
            let value = function.evaluate(&empty, &Target::Class(0), &sizes);
            assert_eq!(value.unwrap(), 0.0);
        }
        let sums = ClassSums {
            probability_in_target: f64::NAN,
            ..Default::default()
        };
        let broken = Outcome {
            classes: vec![sums],
            ..Default::default()
        };
        let refused = ValueFunction::SoftDice.evaluate(&broken, &Target::Class(0), &sizes);
        assert!(matches!(refused, Err(ExplainError::NotFinite)));
        let missing =
            ValueFunction::SoftDice.evaluate(&Outcome::default(), &Target::Class(0), &sizes);
        assert!(matches!(
            missing,
            Err(ExplainError::NoSuchClass {
                class: 0,
                classes: 0
            })
        ));
    }
}
