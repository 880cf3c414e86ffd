//! What can go wrong while an explanation is set up, read back or computed.

use crate::base::Cancelled;

/// Why an explanation, or a part of it, could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),

    #[error("supervoxels need at least one image channel; none was given")]
    NoChannels,
    #[error(
        "{what} has {found} voxels but the image has {expected}; all channels and masks must lie on one grid"
    )]
    SizeMismatch {
        what: &'static str,
        found: usize,
        expected: usize,
    },
    #[error("the image has {0} voxels, more than supervoxels can number; choose a smaller region")]
    TooManyVoxels(usize),
    #[error("the voxel spacing {0:?} mm is not positive; check the scan's header")]
    BadSpacing([f64; 3]),
    #[error(
        "supervoxels by organs need a segmentation on the image's grid; segment first, or choose another method"
    )]
    NoClasses,
    #[error("{0:?} is not a kind of supervoxels; write slic, cubes, fcc, organs or organ-hybrid")]
    BadMethod(String),
    #[error("the region to explain contains no voxels; draw it over the image")]
    EmptyRegion,
    #[error("{what} is {value}, which is not {allowed}")]
    BadSetting {
        what: &'static str,
        value: f64,
        allowed: &'static str,
    },

    #[error("a game needs 1 to 65535 players, not {0}")]
    BadPlayerCount(usize),
    #[error("{0} players are too many to enumerate; exact values are computed for at most {1}")]
    TooManyToEnumerate(usize, usize),
    #[error(
        "{0} players are too many for this method, which takes at most {1}; choose automatic or permutation"
    )]
    TooManyToRegress(usize, usize),
    #[error("a table of {0} values is not a game; its length must be a power of two, at least 2")]
    BadTable(usize),
    #[error("supervoxel {supervoxel} was asked for, but there are {supervoxels}, numbered from 0")]
    NoSuchSupervoxel {
        supervoxel: usize,
        supervoxels: usize,
    },
    #[error("supervoxel {0} is one player in all channels, so its value has no parts")]
    NotSplit(usize),
    #[error("a coalition of {found} players was used in a game of {expected}")]
    WrongPlayers { found: usize, expected: usize },
    #[error("the value of a coalition is not a finite number, so it cannot be explained")]
    NotFinite,
    #[error("class {class} was asked for, but outcomes hold {classes} classes")]
    NoSuchClass { class: usize, classes: usize },
    #[error("what was asked for is not a part of this explanation")]
    NoSuchTarget,
    #[error(
        "sums over places were not kept in this run; explain again with fewer supervoxels or one class"
    )]
    PlacesNotKept,
    #[error(
        "{value_function} needs a structure; for a place choose the mean probability, the margin, the mean logit or the volume"
    )]
    NotForPlaces { value_function: &'static str },
    #[error("{got:?} is not a value function; write one of {known}")]
    UnknownValueFunction { got: String, known: String },
    #[error(
        "evaluation {record} of the log is not the coalition that seed {seed} gives; the log was made with another seed or method"
    )]
    LogOrder { record: usize, seed: u64 },
    #[error(
        "{observations} observations cannot determine {players} SHAP values; give a larger budget"
    )]
    TooFewObservations { observations: usize, players: usize },
    #[error("an order of players must name each of the {0} players once")]
    NotAnOrder(usize),
    #[error("{missing} coalitions of the curve have no value yet; evaluate them first")]
    Unanswered { missing: usize },
    #[error(
        "{0:?} is not a method; write automatic, permutation, odd-kernel, least-squares, kernel-shap or exact"
    )]
    BadEstimator(String),
    #[error("a budget of {budget} evaluations is too small; give at least {needed}")]
    BudgetTooSmall { budget: usize, needed: usize },
    #[error("{values} values were given for {coalitions} coalitions; give one for each")]
    ValueCount { values: usize, coalitions: usize },
    #[error("supervoxels could not be found on the graphics device ({0}); use --device cpu")]
    Rounds(String),
    #[error("{0}")]
    Evaluation(String),

    #[error("this is not a voxplain coalition log (it does not start with its signature)")]
    NotALog,
    #[error("the coalition log has format version {0}; this program reads version {1}")]
    LogVersion(u32, u32),
    #[error("the header of the coalition log is damaged ({0}); the file cannot be read")]
    LogHeader(String),
    #[error(
        "the outcome has sums of {found:?} classes, parts and places but the log was opened for {expected:?}"
    )]
    OutcomeLayout {
        found: [usize; 3],
        expected: [usize; 3],
    },
    #[error("the coalition log could not be read or written: {0}")]
    LogIo(#[from] std::io::Error),

    #[error(
        "{0:?} is not a baseline; write blur, blur:4mm (its sigma), harmonic, mean, supervoxel-mean, zero, air, noise or mirror"
    )]
    BadBaseline(String),
    #[error(
        "{percent} % of the region has no other side across x = {plane_x_mm:.0} mm; choose a region that holds both sides, or another baseline than mirror"
    )]
    NoOtherSide { percent: u32, plane_x_mm: f64 },
    #[error(
        "{0:?} is not a mask rule; write top:10%, players:12, positive:80%, largest:50%, interval or otsu, and :negative or :absolute after it if wanted"
    )]
    BadMaskRule(String),
}

/// An error unless something has as many voxels as the image.
pub(super) fn check_voxels(
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), ExplainError> {
    if found == expected {
        Ok(())
    } else {
        Err(ExplainError::SizeMismatch {
            what,
            found,
            expected,
        })
    }
}
