//! The rules of the relevance mask as the window offers them: their names, and how one
//! becomes another.

use crate::explain::relevance_mask::{MaskRule, MaskSign, SignedMaskRule};

/// The mask at first: a tenth of the largest value, about what holds most of the positive
/// evidence.
pub const FIRST: SignedMaskRule = SignedMaskRule {
    rule: MaskRule::ShareOfLargest(0.1),
    sign: MaskSign::Positive,
};

/// A rule without its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    ShareOfLargest,
    ShareOfVolume,
    Count,
    ShareOfEvidence,
    Certain,
    Automatic,
}

/// All signs in the order in which they are offered.
pub const SIGNS: [MaskSign; 3] = [MaskSign::Positive, MaskSign::Negative, MaskSign::Absolute];

impl RuleKind {
    pub const ALL: [Self; 6] = [
        Self::ShareOfLargest,
        Self::ShareOfVolume,
        Self::Count,
        Self::ShareOfEvidence,
        Self::Certain,
        Self::Automatic,
    ];

    pub fn of(rule: MaskRule) -> Self {
        match rule {
            MaskRule::ShareOfLargest(_) => Self::ShareOfLargest,
            MaskRule::TopVolume(_) => Self::ShareOfVolume,
            MaskRule::TopPlayers(_) => Self::Count,
            MaskRule::CumulativePositive(_) => Self::ShareOfEvidence,
            MaskRule::IntervalAboveZero => Self::Certain,
            MaskRule::Otsu => Self::Automatic,
        }
    }

    /// The rule with the number it has at first.
    pub fn rule(self) -> MaskRule {
        match self {
            Self::ShareOfLargest => FIRST.rule,
            Self::ShareOfVolume => MaskRule::TopVolume(0.1),
            Self::Count => MaskRule::TopPlayers(10),
            Self::ShareOfEvidence => MaskRule::CumulativePositive(0.8),
            Self::Certain => MaskRule::IntervalAboveZero,
            Self::Automatic => MaskRule::Otsu,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::ShareOfLargest => "Share of the largest value",
            Self::ShareOfVolume => "Share of the volume",
            Self::Count => "Number of supervoxels",
            Self::ShareOfEvidence => "Share of the evidence",
            Self::Certain => "Decided values only",
            Self::Automatic => "Automatic cut",
        }
    }

    pub fn explanation(self) -> &'static str {
        match self {
            Self::ShareOfLargest => "All supervoxels with at least this share of the largest value",
            Self::ShareOfVolume => {
                "The strongest supervoxels that together fill at most this share of the region"
            }
            Self::Count => "This many of the strongest supervoxels",
            Self::ShareOfEvidence => {
                "The fewest supervoxels that together carry this share of the evidence"
            }
            Self::Certain => "All supervoxels whose 95 % interval does not reach zero",
            Self::Automatic => "The cut that parts low from high values best (Otsu)",
        }
    }
}

pub fn sign_label(sign: MaskSign) -> &'static str {
    match sign {
        MaskSign::Positive => "What speaks for it",
        MaskSign::Negative => "What speaks against it",
        MaskSign::Absolute => "Both",
    }
}

/// The entry after the current one; after the last comes the first.
pub fn next<T: Copy + PartialEq>(entries: &[T], current: T) -> T {
    let place = entries.iter().position(|&entry| entry == current);
    let following = place.map_or(0, |place| (place + 1) % entries.len().max(1));
    entries.get(following).copied().unwrap_or(current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_offered_once() {
        let mut kind = RuleKind::ALL[0];
        for expected in RuleKind::ALL {
            assert_eq!(kind, expected);
            assert_eq!(RuleKind::of(kind.rule()), kind);
            kind = next(&RuleKind::ALL, kind);
        }
        assert_eq!(kind, RuleKind::ALL[0]);
        assert_eq!(next(&SIGNS, MaskSign::Absolute), MaskSign::Positive);
    }
}
