//! The ways to estimate SHAP values, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ExplainError;

/// Which coalitions are evaluated, and how SHAP values are made of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A permutation pass, then pairs without replacement; the values by whichever of
    /// the estimators below predicts left-out pairs best.
    #[default]
    Automatic,
    /// Antithetic permutation sampling.
    Permutation,
    /// Kernel regression on the odd part of the game.
    OddKernel,
    /// Paired least squares, sizes by leverage, without replacement.
    LeastSquares,
    /// Paired least squares, sizes by the Shapley kernel, with replacement: the
    /// classic KernelSHAP, for comparison.
    KernelShap,
    /// All 2^M coalitions of up to 16 players.
    Exact,
}

/// Most players for which regressions are solved: their matrices have a row a player.
pub(super) const MOST_REGRESSED: usize = 1024;

impl Method {
    pub const ALL: [Self; 6] = [
        Self::Automatic,
        Self::Permutation,
        Self::OddKernel,
        Self::LeastSquares,
        Self::KernelShap,
        Self::Exact,
    ];

    /// Whether this method ends in a regression with so many players; else it makes
    /// permutation passes, whose cost does not grow faster than the players.
    pub(super) fn regresses(self, players: usize) -> bool {
        match self {
            Self::Permutation => false,
            Self::Automatic => players <= MOST_REGRESSED,
            _ => true,
        }
    }

    /// What to call it in a window.
    pub fn label(self) -> &'static str {
        match self {
            Self::Automatic => "Automatic (best on left-out runs)",
            Self::Permutation => "Random orders",
            Self::OddKernel => "Kernel regression",
            Self::LeastSquares => "Paired least squares",
            Self::KernelShap => "Classic KernelSHAP",
            Self::Exact => "All coalitions (16 supervoxels at most)",
        }
    }

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Permutation => "permutation",
            Self::OddKernel => "odd-kernel",
            Self::LeastSquares => "least-squares",
            Self::KernelShap => "kernel-shap",
            Self::Exact => "exact",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = ExplainError;

    fn from_str(text: &str) -> Result<Self, ExplainError> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| ExplainError::BadEstimator(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_in_text_and_files() {
        for method in Method::ALL {
            assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
            let json = serde_json::to_string(&method).unwrap();
            assert_eq!(json, format!("{:?}", method.name()));
            assert_eq!(serde_json::from_str::<Method>(&json).unwrap(), method);
        }
        let error = "kernelshap".parse::<Method>().unwrap_err().to_string();
        assert!(error.contains("kernel-shap"), "{error}");
    }
}
