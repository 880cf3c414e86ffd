//! Ready-made transfer functions.
//!
//! Those for CT are in Hounsfield units; those for other scans are in shares of the
//! window that holds the scan's tissue, as such scans have no unit.

use std::fmt;
use std::str::FromStr;

use crate::base::colour::Rgb;

use super::function::{Compositing, ControlPoint, TransferFunction};
use super::values::ScanValues;

/// A ready-made look of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    BrainMr,
    HeadMr,
    CtBone,
    CtSkin,
    Lung,
    Vessels,
    SoftTissue,
    Maximum,
    Minimum,
}

impl Preset {
    pub const ALL: [Self; 9] = [
        Self::BrainMr,
        Self::HeadMr,
        Self::CtBone,
        Self::CtSkin,
        Self::Lung,
        Self::Vessels,
        Self::SoftTissue,
        Self::Maximum,
        Self::Minimum,
    ];

    /// What suits a scan at first.
    pub fn for_scan(values: &ScanValues) -> Self {
        if values.is_hounsfield {
            Self::CtBone
        } else {
            Self::BrainMr
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::BrainMr => "Brain MR",
            Self::HeadMr => "Head MR",
            Self::CtBone => "CT bone",
            Self::CtSkin => "CT skin",
            Self::Lung => "Lung",
            Self::Vessels => "Vessels",
            Self::SoftTissue => "Soft tissue",
            Self::Maximum => "Maximum intensity",
            Self::Minimum => "Minimum intensity",
        }
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::BrainMr => "brain-mr",
            Self::HeadMr => "head-mr",
            Self::CtBone => "ct-bone",
            Self::CtSkin => "ct-skin",
            Self::Lung => "lung",
            Self::Vessels => "vessels",
            Self::SoftTissue => "soft-tissue",
            Self::Maximum => "mip",
            Self::Minimum => "minip",
        }
    }

    /// What is seen, for a hint.
    pub fn hint(self) -> &'static str {
        match self {
            Self::BrainMr => "Brain through a translucent skin",
            Self::HeadMr => "Head or body as a solid surface",
            Self::CtBone => "Bone, without soft tissue",
            Self::CtSkin => "The surface of the body",
            Self::Lung => "Lung and airways inside a faint body",
            Self::Vessels => "Vessels with contrast agent, and bone",
            Self::SoftTissue => "Organs and muscle, translucent",
            Self::Maximum => "The brightest value along each line of sight (MIP)",
            Self::Minimum => "The darkest value inside the body along each line of sight (minIP)",
        }
    }

    /// Whether the preset's values have a meaning in a scan: those of CT presets are
    /// Hounsfield units.
    pub fn applies_to(self, values: &ScanValues) -> bool {
        match self {
            Self::CtBone | Self::CtSkin | Self::Lung => values.is_hounsfield,
            Self::BrainMr | Self::HeadMr => !values.is_hounsfield,
            Self::Vessels | Self::SoftTissue | Self::Maximum | Self::Minimum => true,
        }
    }

    /// The transfer function in the units of a scan.
    pub fn function(self, values: &ScanValues) -> TransferFunction {
        if self == Self::Maximum || self == Self::Minimum {
            return self.projection(values);
        }
        let points = self.points(values.is_hounsfield);
        let points = points
            .iter()
            .map(|&(at, rgb, opacity_per_mm)| ControlPoint {
                value: if values.is_hounsfield {
                    at
                } else {
                    values.tissue.at(at)
                },
                colour: Rgb(rgb),
                opacity_per_mm,
            });
        TransferFunction::new(points)
    }

    /// Grey over the values that are looked at.
    fn projection(self, values: &ScanValues) -> TransferFunction {
        let (low, high) = match (values.is_hounsfield, self) {
            (true, Self::Maximum) => (-100.0, 900.0),
            (true, _) => (-1000.0, 100.0),
            (false, _) => (values.tissue.low, values.tissue.high),
        };
        let point = |value, grey, opacity_per_mm| ControlPoint {
            value,
            colour: Rgb([grey; 3]),
            opacity_per_mm,
        };
        let mut function = TransferFunction::new([point(low, 0, 0.0), point(high, 255, 0.9)]);
        function.lit = false;
        function.compositing = if self == Self::Maximum {
            Compositing::Maximum
        } else {
            Compositing::Minimum
        };
        function
    }

    /// Value, colour and opacity per mm: values in Hounsfield units or in shares of the
    /// tissue's window.
    fn points(self, is_hounsfield: bool) -> &'static [(f64, [u8; 3], f32)] {
        match (self, is_hounsfield) {
            (Self::BrainMr, _) => &[
                (0.02, [60, 44, 40], 0.0),
                (0.18, [150, 104, 88], 0.015),
                (0.34, [172, 128, 112], 0.03),
                (0.46, [196, 158, 142], 0.35),
                (0.66, [226, 204, 188], 0.75),
                (0.90, [250, 240, 226], 0.85),
                (1.00, [255, 250, 240], 0.85),
            ],
            (Self::HeadMr, _) => &[
                (0.12, [120, 84, 70], 0.0),
                (0.22, [188, 146, 124], 0.45),
                (0.45, [222, 190, 168], 0.7),
                (1.00, [255, 244, 230], 0.85),
            ],
            (Self::CtBone, _) => &[
                (120.0, [150, 78, 52], 0.0),
                (200.0, [190, 116, 82], 0.06),
                (320.0, [224, 190, 150], 0.35),
                (600.0, [244, 228, 200], 0.8),
                (1500.0, [255, 252, 244], 0.95),
            ],
            (Self::CtSkin, _) => &[
                (-600.0, [150, 100, 80], 0.0),
                (-300.0, [206, 150, 122], 0.5),
                (-100.0, [226, 176, 146], 0.8),
                (250.0, [236, 196, 168], 0.9),
                (1000.0, [255, 250, 240], 0.95),
            ],
            (Self::Lung, _) => &[
                (-960.0, [40, 60, 90], 0.0),
                (-900.0, [88, 120, 160], 0.01),
                (-780.0, [150, 176, 206], 0.02),
                (-600.0, [226, 180, 170], 0.05),
                (-400.0, [224, 150, 136], 0.05),
                (-250.0, [206, 120, 108], 0.0),
                (150.0, [200, 180, 160], 0.0),
                (400.0, [240, 230, 210], 0.04),
                (1200.0, [255, 250, 240], 0.10),
            ],
            (Self::Vessels, true) => &[
                (110.0, [110, 16, 14], 0.0),
                (170.0, [176, 34, 28], 0.12),
                (280.0, [214, 66, 46], 0.4),
                (420.0, [230, 150, 112], 0.4),
                (700.0, [242, 226, 200], 0.6),
                (1500.0, [255, 252, 244], 0.8),
            ],
            (Self::Vessels, false) => &[
                (0.72, [110, 16, 14], 0.0),
                (0.86, [190, 40, 32], 0.12),
                (1.00, [226, 84, 58], 0.45),
                (1.40, [255, 214, 170], 0.7),
            ],
            (Self::SoftTissue, true) => &[
                (-200.0, [90, 70, 40], 0.0),
                (-100.0, [214, 178, 110], 0.008),
                (-20.0, [190, 110, 84], 0.012),
                (40.0, [178, 104, 86], 0.03),
                (120.0, [208, 132, 108], 0.09),
                (240.0, [236, 196, 160], 0.3),
                (600.0, [250, 240, 220], 0.7),
                (1500.0, [255, 252, 244], 0.9),
            ],
            (Self::SoftTissue, false) => &[
                (0.10, [80, 50, 44], 0.0),
                (0.30, [176, 92, 78], 0.012),
                (0.55, [214, 140, 116], 0.05),
                (0.80, [240, 204, 176], 0.12),
                (1.00, [255, 244, 226], 0.2),
            ],
            (Self::Maximum | Self::Minimum, _) => &[],
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == text)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("there is no preset {text}; choose one of {names}")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::view::Window;

    fn values(is_hounsfield: bool) -> ScanValues {
        ScanValues {
            is_hounsfield,
            tissue: Window {
                low: 200.0,
                high: 1200.0,
            },
            range: Window {
                low: 0.0,
                high: 1500.0,
            },
            histogram: Vec::new(),
        }
    }

    #[test]
    fn presets_show_what_they_say() {
        let ct = values(true);
        let opacity = |preset: Preset, value| preset.function(&ct).at(value)[3];
        // Bone shows bone and no muscle, skin hides all under it, lung shows lung.
        assert_eq!(opacity(Preset::CtBone, 60.0), 0.0);
        assert!(opacity(Preset::CtBone, 700.0) > 0.7);
        assert_eq!(opacity(Preset::CtSkin, -1000.0), 0.0);
        assert!(opacity(Preset::CtSkin, 40.0) > 0.7);
        assert!(opacity(Preset::Lung, -800.0) > 0.01);
        assert_eq!(opacity(Preset::Lung, 40.0), 0.0);
        assert_eq!(opacity(Preset::Lung, -1000.0), 0.0);
        // In MR the share of the tissue's window decides.
        let mr = values(false);
        let brain = Preset::BrainMr.function(&mr);
        assert!(brain.at(1000.0)[3] > 0.5 && brain.at(400.0)[3] < 0.05);
    }

    #[test]
    fn names_are_unique_and_read_back() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            assert!(!preset.hint().ends_with('.'));
        }
        let error = "x".parse::<Preset>().unwrap_err();
        assert!(
            error.contains("ct-bone") && error.contains("mip"),
            "{error}"
        );
    }

    #[test]
    fn what_suits_a_scan_applies_to_it() {
        for is_hounsfield in [false, true] {
            let values = values(is_hounsfield);
            assert!(Preset::for_scan(&values).applies_to(&values));
            for preset in Preset::ALL {
                let function = preset.function(&values);
                assert!(function.points().len() >= 2, "{preset}");
                let projects = function.compositing != Compositing::Composite;
                let said = matches!(preset, Preset::Maximum | Preset::Minimum);
                assert_eq!(projects, said);
            }
        }
    }
}
