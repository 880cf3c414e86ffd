//! How a mask rule is written, on the command line and in an explanation's record.

use std::fmt;
use std::str::FromStr;

use super::{MaskRule, MaskSign, SignedMaskRule};
use crate::explain::ExplainError;

impl FromStr for MaskRule {
    type Err = ExplainError;

    fn from_str(text: &str) -> Result<Self, ExplainError> {
        let bad = || ExplainError::BadMaskRule(text.to_owned());
        let share = |number: &str| {
            let percent: Option<f64> = number.strip_suffix('%').and_then(|n| n.trim().parse().ok());
            let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
            percent.map(|percent| percent / 100.0).ok_or_else(bad)
        };
        match text.trim().split_once(':') {
            None if text.trim() == "interval" => Ok(Self::IntervalAboveZero),
            None if text.trim() == "otsu" => Ok(Self::Otsu),
            Some(("top", rest)) => share(rest).map(Self::TopVolume),
            Some(("largest", rest)) => share(rest).map(Self::ShareOfLargest),
            Some(("positive", rest)) => share(rest).map(Self::CumulativePositive),
            Some(("players", rest)) => match rest.trim().parse() {
                Ok(count) if count > 0 => Ok(Self::TopPlayers(count)),
                _ => Err(bad()),
            },
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for MaskRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Percentages to a millionth, so that 0.07 is written 7 and not 7.000000000000001.
        let percent = |share: f64| (share * 1e8).round() / 1e6;
        match self {
            Self::TopVolume(share) => write!(f, "top:{}%", percent(*share)),
            Self::TopPlayers(count) => write!(f, "players:{count}"),
            Self::CumulativePositive(share) => write!(f, "positive:{}%", percent(*share)),
            Self::ShareOfLargest(share) => write!(f, "largest:{}%", percent(*share)),
            Self::IntervalAboveZero => write!(f, "interval"),
            Self::Otsu => write!(f, "otsu"),
        }
    }
}

impl FromStr for SignedMaskRule {
    type Err = ExplainError;

    /// A rule, and after it `:positive`, `:negative` or `:absolute`; positive if nothing
    /// is said.
    fn from_str(text: &str) -> Result<Self, ExplainError> {
        let signs = [MaskSign::Positive, MaskSign::Negative, MaskSign::Absolute];
        let named = text.trim().rsplit_once(':').and_then(|(rule, word)| {
            let sign = signs.into_iter().find(|sign| sign.word() == word.trim())?;
            Some((rule, sign))
        });
        let (rule, sign) = named.unwrap_or((text, MaskSign::Positive));
        let rule = rule
            .parse()
            .map_err(|_| ExplainError::BadMaskRule(text.to_owned()))?;
        Ok(Self { rule, sign })
    }
}

impl fmt::Display for SignedMaskRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sign {
            MaskSign::Positive => write!(f, "{}", self.rule),
            sign => write!(f, "{}:{}", self.rule, sign.word()),
        }
    }
}

impl MaskSign {
    pub fn word(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
            Self::Absolute => "absolute",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        for text in [
            "top:10%",
            "top:7%",
            "top:0.5%",
            "players:12",
            "positive:80%",
            "largest:50%",
            "interval",
            "otsu",
        ] {
            assert_eq!(text.parse::<MaskRule>().unwrap().to_string(), text);
            assert_eq!(text.parse::<SignedMaskRule>().unwrap().to_string(), text);
            for sign in ["negative", "absolute"] {
                let text = format!("{text}:{sign}");
                assert_eq!(text.parse::<SignedMaskRule>().unwrap().to_string(), text);
            }
        }
        for text in [
            "",
            "top",
            "top:10",
            "top:0%",
            "top:101%",
            "top:NaN%",
            "players:0",
            "players:-1",
            "all:5%",
            "top:negative",
            "otsu:down",
        ] {
            let error = text.parse::<SignedMaskRule>().unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("positive:80%"),
                "{error}"
            );
        }
    }
}
