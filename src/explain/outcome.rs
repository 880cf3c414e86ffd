//! What one run of the network gave, as sums.
//!
//! Shapley values are linear in the game, so the sums are kept for every class, every
//! connected part of a class and every place, and what is asked of them (see `question`)
//! can be answered later without running again.

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
    /// Sum over T of the class's logit less the largest logit of another class.
    pub margin_in_target: f64,
    /// Number of voxels of T given to the class.
    pub hard_in_target: f64,
    /// Number of voxels of the region given to the class.
    pub hard_total: f64,
}

impl ClassSums {
    /// Number of sums, as stored in the log.
    pub const LEN: usize = 6;

    pub fn to_array(self) -> [f64; Self::LEN] {
        [
            self.probability_in_target,
            self.probability_total,
            self.logit_in_target,
            self.margin_in_target,
            self.hard_in_target,
            self.hard_total,
        ]
    }

    pub fn from_array(sums: [f64; Self::LEN]) -> Self {
        let [
            probability_in_target,
            probability_total,
            logit_in_target,
            margin_in_target,
            hard_in_target,
            hard_total,
        ] = sums;
        Self {
            probability_in_target,
            probability_total,
            logit_in_target,
            margin_in_target,
            hard_in_target,
            hard_total,
        }
    }
}

/// Sums over a set of voxels for one class.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PartSums {
    pub probability: f64,
    pub logit: f64,
    /// Of the class's logit less the largest logit of another class.
    pub margin: f64,
    /// Number of voxels given to the class.
    pub hard: f64,
}

impl PartSums {
    /// Number of sums, as stored in the log.
    pub const LEN: usize = 4;

    pub fn to_array(self) -> [f64; Self::LEN] {
        [self.probability, self.logit, self.margin, self.hard]
    }

    pub fn from_array([probability, logit, margin, hard]: [f64; Self::LEN]) -> Self {
        Self {
            probability,
            logit,
            margin,
            hard,
        }
    }
}

impl std::ops::AddAssign for PartSums {
    fn add_assign(&mut self, other: Self) {
        self.probability += other.probability;
        self.logit += other.logit;
        self.margin += other.margin;
        self.hard += other.hard;
    }
}

/// What the network gave for one coalition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// One entry a class.
    pub classes: Vec<ClassSums>,
    /// One entry for each connected part of the targets, see [`Sizes::components`].
    pub components: Vec<PartSums>,
    /// For each class of [`Sizes::place_classes`] one entry a place, see
    /// [`Sizes::place_voxels`]. In single precision: millions of them are kept.
    pub places: Vec<[f32; PartSums::LEN]>,
}

/// A connected part of a class's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ComponentSize {
    pub class: usize,
    pub voxels: u64,
}

/// Sizes that turn sums into values, and the layout of an [`Outcome`].
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sizes {
    /// |T| in voxels, one entry a class.
    pub classes: Vec<u64>,
    /// The connected parts of the targets, class by class, the largest first.
    #[serde(default)]
    pub components: Vec<ComponentSize>,
    /// The classes whose sums over places are kept; none if places are not kept.
    #[serde(default)]
    pub place_classes: Vec<usize>,
    /// Measured voxels of each place: first those of no player, then player by player.
    #[serde(default)]
    pub place_voxels: Vec<u64>,
    pub voxel_volume_mm3: f64,
}

impl Sizes {
    /// The numbers of the parts of a class, the largest first.
    pub fn components_of(&self, class: usize) -> impl Iterator<Item = usize> + '_ {
        let all = self.components.iter().enumerate();
        all.filter(move |(_, part)| part.class == class)
            .map(|(index, _)| index)
    }

    /// Number of entries of [`Outcome::places`].
    pub fn place_count(&self) -> usize {
        self.place_classes.len() * self.place_voxels.len()
    }

    /// An error unless an outcome has this layout.
    pub fn check(&self, outcome: &Outcome) -> Result<(), ExplainError> {
        let expected = [
            self.classes.len(),
            self.components.len(),
            self.place_count(),
        ];
        let found = [
            outcome.classes.len(),
            outcome.components.len(),
            outcome.places.len(),
        ];
        if found == expected {
            Ok(())
        } else {
            Err(ExplainError::OutcomeLayout { found, expected })
        }
    }
}
