//! The names of the baselines, and what to keep in mind of each.

use std::fmt;
use std::str::FromStr;

use crate::explain::ExplainError;

/// How voxels of absent players are filled. Each is one fixed image: what takes the
/// place of a supervoxel does not depend on which others are absent.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Each supervoxel as a membrane spanned over what surrounds it: Laplace's equation
    /// inside, and at its border the mean of the scan around it, without its own voxels,
    /// weighted by a Gaussian. Of 0 mm it is the scan just outside.
    Harmonic { sigma_mm: f64 },
    /// The mean of each channel: grey everywhere, without any structure.
    Mean,
    /// The mean of each supervoxel's own voxels, for each channel.
    SupervoxelMean,
    /// The image blurred by a Gaussian: keeps the large-scale brightness and takes
    /// away what is smaller than about two sigma.
    Blur { sigma_mm: f64 },
    /// Zero after preprocessing: air for a CT scaled from air, the mean for a channel
    /// normalised to zero mean.
    Zero,
    /// The smallest value of each channel, which is air's in most scans.
    Air,
    /// Gaussian noise with the mean and deviation of each channel, from the seed.
    Noise,
    /// The other side of the head or body, across a plane of constant x in the world.
    Mirror,
}

/// What plain `blur` and `harmonic` mean: about the size of a usual supervoxel, so that
/// nothing of what a supervoxel holds is left, nor its outline.
const DEFAULT_SIGMA_MM: f64 = 8.0;

impl Default for Baseline {
    fn default() -> Self {
        Self::Harmonic {
            sigma_mm: DEFAULT_SIGMA_MM,
        }
    }
}

impl Baseline {
    /// One of each kind, in the order in which to offer them.
    pub const ALL: [Self; 8] = [
        Self::Harmonic {
            sigma_mm: DEFAULT_SIGMA_MM,
        },
        Self::Blur {
            sigma_mm: DEFAULT_SIGMA_MM,
        },
        Self::Mean,
        Self::SupervoxelMean,
        Self::Zero,
        Self::Air,
        Self::Noise,
        Self::Mirror,
    ];

    /// The word for it on the command line.
    fn name(&self) -> &'static str {
        match self {
            Self::Harmonic { .. } => "harmonic",
            Self::Mean => "mean",
            Self::SupervoxelMean => "supervoxel-mean",
            Self::Blur { .. } => "blur",
            Self::Zero => "zero",
            Self::Air => "air",
            Self::Noise => "noise",
            Self::Mirror => "mirror",
        }
    }

    /// What to call it in a window or report.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Harmonic { .. } => "Smooth fill from the surroundings",
            Self::Mean => "Mean of the image",
            Self::SupervoxelMean => "Mean of each supervoxel",
            Self::Blur { .. } => "Blur",
            Self::Zero => "Zero",
            Self::Air => "Air",
            Self::Noise => "Noise",
            Self::Mirror => "Other side",
        }
    }

    /// What can mislead where this baseline is used, in one sentence.
    pub fn pitfall(&self) -> &'static str {
        match self {
            Self::Harmonic { .. } => {
                "A removed supervoxel takes on the brightness around it, so a structure much larger \
                 than a supervoxel fills its own gaps."
            }
            Self::Mean => {
                "Grey patches have edges that no scan has, and the mean can look like tissue."
            }
            Self::SupervoxelMean => {
                "Removes texture and edges inside a supervoxel only; its brightness stays, and \
                 so do the edges between supervoxels."
            }
            Self::Blur { .. } => {
                "A bright or dark lesion leaks into its surroundings, and can still be guessed \
                 from the blur."
            }
            Self::Zero => {
                "Zero is air in one scan and average tissue in another, and the edges of zero \
                 patches can look like lesions."
            }
            Self::Air => {
                "Holes of air inside the body are nothing the network was trained on, and where \
                 the scan holds no air the darkest tissue stands in for it."
            }
            Self::Noise => {
                "Noise has no anatomy at all, which the network was not trained on, and another \
                 seed gives slightly other values."
            }
            Self::Mirror => {
                "Shows the other side instead, so a lesion there is shown here; it misleads for \
                 disease on both sides or on the midline, and for organs that are not paired."
            }
        }
    }
}

impl FromStr for Baseline {
    type Err = ExplainError;

    fn from_str(text: &str) -> Result<Self, ExplainError> {
        let text = text.trim();
        let sigma = |text: &str| {
            let millimetres = text.trim().trim_end_matches("mm").trim_end().parse::<f64>();
            millimetres.ok().filter(|sigma_mm| sigma_mm.is_finite())
        };
        let found = match text.split_once(':') {
            None => Self::ALL.into_iter().find(|b| b.name() == text),
            Some(("blur", text)) => sigma(text)
                .filter(|&sigma_mm| sigma_mm > 0.0)
                .map(|sigma_mm| Self::Blur { sigma_mm }),
            Some(("harmonic", text)) => sigma(text)
                .filter(|&sigma_mm| sigma_mm >= 0.0)
                .map(|sigma_mm| Self::Harmonic { sigma_mm }),
            Some(_) => None,
        };
        found.ok_or_else(|| ExplainError::BadBaseline(text.to_owned()))
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Harmonic { sigma_mm } | Self::Blur { sigma_mm } => {
                write!(f, "{}:{sigma_mm}mm", self.name())
            }
            _ => f.write_str(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        for baseline in Baseline::ALL
            .into_iter()
            .chain(["blur:2.5mm".parse().unwrap()])
        {
            assert_eq!(baseline.to_string().parse::<Baseline>().unwrap(), baseline);
            let json = serde_json::to_string(&baseline).unwrap();
            assert_eq!(serde_json::from_str::<Baseline>(&json).unwrap(), baseline);
        }
        assert_eq!("harmonic".parse::<Baseline>().unwrap(), Baseline::default());
        for text in [
            "",
            "grey",
            "blur:",
            "blur:-1",
            "blur:inf",
            "blur:0mm",
            "harmonic:-1",
            "mean:1",
        ] {
            assert!(
                matches!(text.parse::<Baseline>(), Err(ExplainError::BadBaseline(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn each_has_a_name_and_one_sentence_of_warning() {
        for baseline in Baseline::ALL {
            let pitfall = baseline.pitfall();
            assert_eq!(pitfall.matches('.').count(), 1, "{pitfall}");
            assert!(pitfall.ends_with('.') && !baseline.label().is_empty());
        }
    }
}
