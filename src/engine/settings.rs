//! What a user chooses, as plain values that read and write as short texts.

use std::fmt;
use std::str::FromStr;

use crate::base::WorldBox;
use crate::engine::{Ask, Part};
use crate::explain::baseline::Baseline;
use crate::explain::relevance_mask::{MaskRule, SignedMaskRule};
use crate::explain::{Method, ValueFunction};

/// A text that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be {got:?}; write {expected}")]
pub struct SettingError {
    what: &'static str,
    got: String,
    expected: &'static str,
}

impl SettingError {
    /// `what` cannot be `got`; `expected` says what to write.
    pub(crate) fn new(what: &'static str, got: &str, expected: &'static str) -> Self {
        Self {
            what,
            got: got.to_owned(),
            expected,
        }
    }
}

/// Supervoxels of the first look: few enough for a complete map within minutes on a
/// CPU, small enough to tell the parts of a hippocampus from what lies around it.
pub const FIRST_SUPERVOXELS: usize = 60;

/// How many coalitions may be evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    Evaluations(usize),
    /// A multiple of the number of players, written `4M`.
    PerPlayer(f64),
    /// Until another run would rank the players alike, written `auto`. It ends undecided
    /// after 48 evaluations a player, or earlier where there are many: the kernel
    /// regression takes 2,048 pairs, and what comes after it needs 8 a player.
    UntilDecided,
}

/// Evaluations of the pairs that a kernel regression takes, and of the two ends.
const KERNEL_EVALUATIONS: usize = 2 * 2048 + 2;

impl Budget {
    /// Evaluations for a game of `players` players; never fewer than v(∅) and v(N).
    pub fn evaluations(self, players: usize) -> usize {
        match self {
            Self::Evaluations(count) => count.max(2),
            Self::PerPlayer(factor) => ((factor * players as f64).round() as usize).max(2),
            Self::UntilDecided => {
                let per_player = |factor| Self::PerPlayer(factor).evaluations(players);
                per_player(48.0).min(per_player(8.0).max(KERNEL_EVALUATIONS))
            }
        }
    }
}

impl FromStr for Budget {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        const MOST: f64 = 1e9;
        if text == "auto" {
            return Ok(Self::UntilDecided);
        }
        let parsed = match text.strip_suffix(['M', 'm']) {
            Some(factor) => factor
                .parse::<f64>()
                .ok()
                .filter(|f| *f > 0.0 && *f <= 1e6)
                .map(Self::PerPlayer),
            None => text
                .parse::<usize>()
                .ok()
                .filter(|&n| n > 0 && n as f64 <= MOST)
                .map(Self::Evaluations),
        };
        parsed.ok_or_else(|| SettingError {
            what: "the budget",
            got: text.to_owned(),
            expected: "auto, a number of evaluations such as 500, or a multiple of the supervoxels such as 4M",
        })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evaluations(count) => write!(f, "{count}"),
            Self::PerPlayer(factor) => write!(f, "{factor}M"),
            Self::UntilDecided => f.write_str("auto"),
        }
    }
}

/// Where the network looks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum RegionChoice {
    /// The model's suggested box if the scan is much larger than it, else the whole scan.
    #[default]
    Automatic,
    Whole,
    Box(WorldBox),
}

impl FromStr for RegionChoice {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        match text {
            "auto" => return Ok(Self::Automatic),
            "whole" => return Ok(Self::Whole),
            _ => {}
        }
        let numbers: Option<Vec<f64>> = text
            .split(',')
            .map(|part| part.trim().parse::<f64>().ok().filter(|v| v.is_finite()))
            .collect();
        if let Some([x0, y0, z0, x1, y1, z1]) = numbers.as_deref()
            && x0 < x1
            && y0 < y1
            && z0 < z1
        {
            return Ok(Self::Box(WorldBox {
                min: [*x0, *y0, *z0],
                max: [*x1, *y1, *z1],
            }));
        }
        Err(SettingError {
            what: "the region",
            got: text.to_owned(),
            expected: "auto, whole, or a box in world millimetres: x0,y0,z0,x1,y1,z1 with each lower corner first",
        })
    }
}

/// Which processor runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A graphics card if there is one, else the CPU.
    #[default]
    Automatic,
    Gpu,
    Cpu,
}

/// Where the network's output is measured while parts of the scan are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeasuredPart {
    /// In all of the region: what appears far from the structure counts too.
    #[default]
    Region,
    /// In a box around the explained structures. Windows that do not reach it are not run.
    Target,
}

impl FromStr for MeasuredPart {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        match text {
            "region" => Ok(Self::Region),
            "target" => Ok(Self::Target),
            _ => Err(SettingError {
                what: "the measured part",
                got: text.to_owned(),
                expected: "region or target",
            }),
        }
    }
}

impl fmt::Display for MeasuredPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Region => "region",
            Self::Target => "target",
        })
    }
}

/// Everything that decides the result of an explanation, besides scan, model and
/// supervoxels.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainSettings {
    /// Index of the class to explain; `None` explains every foreground class.
    pub class: Option<usize>,
    /// Which part of the class.
    pub part: Part,
    pub baseline: Baseline,
    pub value_function: ValueFunction,
    pub method: Method,
    pub measured: MeasuredPart,
    pub budget: Budget,
    pub seed: u64,
    pub mask: SignedMaskRule,
}

impl ExplainSettings {
    /// What is asked for.
    pub fn ask(&self) -> Ask {
        Ask {
            class: self.class,
            part: self.part.clone(),
            value_function: self.value_function,
        }
    }
}

impl Default for ExplainSettings {
    fn default() -> Self {
        Self {
            class: None,
            part: Part::default(),
            baseline: Baseline::default(),
            value_function: ValueFunction::default(),
            method: Method::default(),
            measured: MeasuredPart::default(),
            budget: Budget::PerPlayer(6.0),
            seed: 0,
            mask: MaskRule::CumulativePositive(0.8).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_read_and_write() {
        assert_eq!("4M".parse(), Ok(Budget::PerPlayer(4.0)));
        assert_eq!("500".parse(), Ok(Budget::Evaluations(500)));
        assert_eq!(Budget::PerPlayer(2.5).evaluations(100), 250);
        assert_eq!(Budget::PerPlayer(2.0).to_string(), "2M");
        assert_eq!("auto".parse(), Ok(Budget::UntilDecided));
        assert_eq!(Budget::UntilDecided.to_string(), "auto");
        let most = [20, 200, 1000].map(|players| Budget::UntilDecided.evaluations(players));
        assert_eq!(most, [960, 4098, 8000]);
        for bad in ["", "M", "-1", "0", "nanM", "infM", "4X", "0M"] {
            assert!(bad.parse::<Budget>().is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_read() {
        assert_eq!("whole".parse(), Ok(RegionChoice::Whole));
        let region = WorldBox {
            min: [-43.0, -46.0, -30.0],
            max: [-8.0, 6.0, 8.5],
        };
        assert_eq!(
            "-43,-46,-30, -8,6,8.5".parse(),
            Ok(RegionChoice::Box(region))
        );
        for bad in ["", "1,2,3", "0,0,0,0,1,1", "a,b,c,d,e,f", "0,0,0,nan,1,1"] {
            assert!(bad.parse::<RegionChoice>().is_err(), "{bad}");
        }
    }
}
