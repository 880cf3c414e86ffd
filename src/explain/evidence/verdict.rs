//! How a check ends: a number, what it is held against, and a sentence.

use serde::Serialize;

/// What a check says of the explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The evidence is for it.
    Supported,
    /// The evidence is weak: look before you rely on it.
    Doubtful,
    /// The evidence is against it.
    Refuted,
    /// Not computed, or not defined for this explanation.
    NotComputed,
}

/// One check of an explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Short and fixed, such as `keep only the mask`.
    pub name: &'static str,
    pub value: Option<f64>,
    /// The value from which on (or down to which) the check supports the explanation.
    pub threshold: f64,
    pub verdict: Verdict,
    /// What was found, in plain words with its numbers.
    pub sentence: String,
}

/// Where a number supports and where it refutes. The limits are conventions: no study
/// says at which correlation a map is true.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    pub supported: f64,
    /// Beyond this, on the other side of `supported`, the check refutes.
    pub refuted: f64,
}

impl Limits {
    /// Higher is better if `supported` is the larger limit, lower if it is the smaller.
    pub fn verdict(self, value: f64) -> Verdict {
        let sign = if self.supported >= self.refuted {
            1.0
        } else {
            -1.0
        };
        if sign * value >= sign * self.supported {
            Verdict::Supported
        } else if sign * value > sign * self.refuted {
            Verdict::Doubtful
        } else {
            Verdict::Refuted
        }
    }
}

impl Check {
    /// A check of a number, with what is said if it is supported, doubtful or refuted; the
    /// sentences are complete but for their reading.
    pub(super) fn of(
        name: &'static str,
        value: Option<f64>,
        limits: Limits,
        sentence: impl FnOnce(f64, Verdict) -> String,
    ) -> Self {
        match value.filter(|value| value.is_finite()) {
            Some(value) => {
                let verdict = limits.verdict(value);
                Self {
                    name,
                    value: Some(value),
                    threshold: limits.supported,
                    verdict,
                    sentence: sentence(value, verdict),
                }
            }
            None => Self {
                name,
                value: None,
                threshold: limits.supported,
                verdict: Verdict::NotComputed,
                sentence: "Not computed.".to_owned(),
            },
        }
    }
}

impl Verdict {
    /// The verdict in one word, in sentence case.
    pub fn label(self) -> &'static str {
        match self {
            Self::Supported => "Supported",
            Self::Doubtful => "Doubtful",
            Self::Refuted => "Refuted",
            Self::NotComputed => "Not computed",
        }
    }

    /// One of three texts; the third also for what was not computed.
    pub(super) fn pick(self, texts: [&'static str; 3]) -> &'static str {
        let [supported, doubtful, refuted] = texts;
        match self {
            Self::Supported => supported,
            Self::Doubtful => doubtful,
            Self::Refuted | Self::NotComputed => refuted,
        }
    }
}
