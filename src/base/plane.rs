//! The three planes of the body, and which side of a picture is the patient's left.

use glam::DVec3;

use super::AnatomicalAxis;

/// One of the three planes of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plane {
    Axial,
    Coronal,
    Sagittal,
}

impl Plane {
    pub const ALL: [Self; 3] = [Self::Axial, Self::Coronal, Self::Sagittal];

    pub fn label(self) -> &'static str {
        match self {
            Self::Axial => "Axial",
            Self::Coronal => "Coronal",
            Self::Sagittal => "Sagittal",
        }
    }

    /// The world axis that scrubbing moves along.
    pub fn normal(self) -> AnatomicalAxis {
        match self {
            Self::Axial => AnatomicalAxis::InferiorSuperior,
            Self::Coronal => AnatomicalAxis::PosteriorAnterior,
            Self::Sagittal => AnatomicalAxis::LeftRight,
        }
    }

    /// World directions of screen right and screen up. In the radiological
    /// convention the patient's left is on the right of axial and coronal views;
    /// in the neurological one it is on the left. Sagittal views face left.
    pub fn screen_axes(self, convention: Convention) -> (DVec3, DVec3) {
        let right = match convention {
            Convention::Radiological => DVec3::NEG_X,
            Convention::Neurological => DVec3::X,
        };
        match self {
            Self::Axial => (right, DVec3::Y),
            Self::Coronal => (right, DVec3::Z),
            Self::Sagittal => (DVec3::NEG_Y, DVec3::Z),
        }
    }
}

/// Which side of the screen shows the patient's left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Convention {
    #[default]
    Radiological,
    Neurological,
}

impl Convention {
    pub fn label(self) -> &'static str {
        match self {
            Self::Radiological => "Patient left on screen right (radiological)",
            Self::Neurological => "Patient left on screen left (neurological)",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::Radiological => Self::Neurological,
            Self::Neurological => Self::Radiological,
        }
    }
}

/// The letter of the body side that a world direction points to.
pub fn side_letter(direction: DVec3) -> char {
    let size = direction.abs().to_array();
    let axis = (0..3).fold(0, |best, i| if size[i] > size[best] { i } else { best });
    let positive = direction.to_array()[axis] > 0.0;
    AnatomicalAxis::ALL[axis].letters()[usize::from(positive)]
}
