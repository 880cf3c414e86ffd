//! The names of the baselines, and what to keep in mind of each.

use std::fmt;
use std::str::FromStr;

use crate::explain::ExplainError;

/// How voxels of absent players are filled. Each is one fixed image: what takes the
/// place of a supervoxel does not depend on which others are absent.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Each supervoxel as a membrane spanned over its own border: Laplace's equation
    /// inside, the scan's values just outside (see `harmonic`).
    Harmonic,
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

/// The blur that plain `blur` means: about the size of a usual supervoxel, so that
/// nothing of what a supervoxel holds is left.
const DEFAULT_SIGMA_MM: f64 = 8.0;

impl Default for Baseline {
    fn default() -> Self {
        Self::Blur {
            sigma_mm: DEFAULT_SIGMA_MM,
        }
    }
}

impl Baseline {
    /// One of each kind, in the order in which to offer them.
    pub const ALL: [Self; 8] = [
        Self::Blur {
            sigma_mm: DEFAULT_SIGMA_MM,
        },
        Self::Harmonic,
        Self::Mean,
        Self::SupervoxelMean,
        Self::Zero,
        Self::Air,
        Self::Noise,
        Self::Mirror,
    ];

    /// What to call it in a window or report.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Harmonic => "Smooth fill from the surroundings",
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
            Self::Harmonic => {
                "Removes what lies inside a supervoxel but keeps the brightness around it, so a \
                 structure larger than a supervoxel can still be seen when all of it is removed."
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
        match text {
            "harmonic" => return Ok(Self::Harmonic),
            "mean" => return Ok(Self::Mean),
            "supervoxel-mean" => return Ok(Self::SupervoxelMean),
            "blur" => {
                return Ok(Self::Blur {
                    sigma_mm: DEFAULT_SIGMA_MM,
                });
            }
            "zero" => return Ok(Self::Zero),
            "air" => return Ok(Self::Air),
            "noise" => return Ok(Self::Noise),
            "mirror" => return Ok(Self::Mirror),
            _ => {}
        }
        text.strip_prefix("blur:")
            .and_then(|sigma| {
                sigma
                    .trim()
                    .trim_end_matches("mm")
                    .trim()
                    .parse::<f64>()
                    .ok()
            })
            .filter(|sigma_mm| sigma_mm.is_finite() && *sigma_mm > 0.0)
            .map(|sigma_mm| Self::Blur { sigma_mm })
            .ok_or_else(|| ExplainError::BadBaseline(text.to_owned()))
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Harmonic => "harmonic",
            Self::Mean => "mean",
            Self::SupervoxelMean => "supervoxel-mean",
            Self::Blur { sigma_mm } => return write!(f, "blur:{sigma_mm}mm"),
            Self::Zero => "zero",
            Self::Air => "air",
            Self::Noise => "noise",
            Self::Mirror => "mirror",
        })
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
        assert_eq!("blur".parse::<Baseline>().unwrap(), Baseline::default());
        for text in ["", "grey", "blur:", "blur:-1", "blur:inf", "blur:0mm"] {
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
