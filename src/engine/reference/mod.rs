//! A label map that someone drew or another program made: to hold a segmentation
//! against, or to be the target of an explanation.
//!
//! It meets the scan by place in the world alone: a map on another grid is brought onto
//! the scan's by the nearest label.

mod classes;

use std::collections::BTreeSet;
use std::path::Path;

use ndarray::{Array4, Axis};

use self::classes::ClassValues;
use super::scan::file_name;
use crate::base::{CancelToken, Grid, Orientation, Progress};
use crate::engine::{EngineError, InputFile, Segmentation, Study};
use crate::io;
use crate::model::{Activation, Prepared, TargetMasks};
use crate::volume::{self, Agreement, LabelMap};

pub use self::classes::ReferenceClasses;

/// A label map as its file has it, before it meets a study.
#[derive(Debug, Clone)]
pub struct ReferenceFile {
    pub map: LabelMap,
    pub input: InputFile,
    /// What is odd about the file, in plain words.
    pub warnings: Vec<String>,
}

impl ReferenceFile {
    /// Opens a scan of any voxel type whose values are whole numbers from 0 to 65535.
    ///
    /// Errors: a file that cannot be read; a value that is no label.
    pub fn open(
        path: &Path,
        progress: &mut dyn FnMut(Progress),
        cancel: &CancelToken,
    ) -> Result<Self, EngineError> {
        let opened = io::open_volume(path, progress, cancel)?;
        let name = file_name(path);
        let warnings = opened.warnings.iter();
        Ok(Self {
            map: LabelMap::from_volume(&opened.volume)?,
            warnings: warnings.map(|w| format!("{name}: {w}")).collect(),
            input: InputFile {
                file_name: name,
                hash: io::file_hash(path)?,
                acquisition: Vec::new(),
            },
        })
    }
}

/// A label map on the region of a study, whose values stand for the model's classes.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The file's values on the study's region grid; 0 beyond the file's image.
    pub labels: LabelMap,
    pub input: InputFile,
    /// What a user should know of how it came here, in plain words.
    pub notes: Vec<String>,
    values_of_class: Vec<Vec<u16>>,
    is_foreground: Vec<bool>,
}

/// How one class of a segmentation agrees with the reference.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ClassAgreement {
    /// Index of the class.
    pub class: usize,
    /// The reference's values that stand for it.
    pub reference_labels: Vec<u16>,
    /// `None` if no value of the reference stands for the class.
    pub agreement: Option<Agreement>,
}

impl ClassAgreement {
    /// Why a number is missing, if one is.
    pub fn reason(&self) -> Option<String> {
        match &self.agreement {
            Some(agreement) => agreement.undefined.map(|why| why.to_string()),
            None => Some("no value of the reference stands for it".to_owned()),
        }
    }
}

impl Reference {
    /// Brings a label map onto the region of a study and finds the values of its classes.
    ///
    /// Errors: a map that lies elsewhere than the scan or the region; values that stand
    /// for no class, see [`ReferenceClasses`].
    pub fn new(
        file: &ReferenceFile,
        study: &Study,
        said: &ReferenceClasses,
    ) -> Result<Self, EngineError> {
        let scan_grid = study.first_channel().grid();
        let (from, region) = (file.map.grid(), &study.region_grid);
        let covered = volume::coverage(from, region);
        if covered == 0.0 {
            // Turned boxes may meet around images that do not, so centres decide.
            let (what, to) = match volume::coverage(from, scan_grid) {
                0.0 => ("scan", scan_grid),
                _ => ("region", region),
            };
            return Err(EngineError::ReferenceApart {
                name: file.input.file_name.clone(),
                what,
                places: Box::new((from.world_bounds(), to.world_bounds())),
            });
        }
        let present = (0..).zip(file.map.counts());
        let present: BTreeSet<u16> = present
            .filter(|&(value, count)| value > 0 && count > 0)
            .map(|(value, _)| value)
            .collect();
        let ClassValues {
            values: values_of_class,
            notes: class_notes,
        } = ClassValues::new(study, said, &present)?;

        let mut notes = file.warnings.clone();
        notes.extend(place_notes(from, scan_grid, covered));
        notes.extend(class_notes);
        let classes = 0..values_of_class.len();
        let mut reference = Self {
            labels: LabelMap::empty(*region),
            input: file.input.clone(),
            notes,
            values_of_class,
            is_foreground: classes.map(|c| study.bundle.is_foreground(c)).collect(),
        };
        let on_scan = volume::resample_labels_nearest(&file.map, scan_grid);
        if let Some(labels) = on_scan.crop(&study.part) {
            reference
                .notes
                .extend(reference.outside_note(&on_scan, &labels));
            reference.labels = labels;
        }
        Ok(reference)
    }

    /// The reference's values that stand for a class; none for the background and for
    /// classes it does not know.
    pub fn values_of_class(&self, class: usize) -> &[u16] {
        self.values_of_class.get(class).map_or(&[], Vec::as_slice)
    }

    pub fn class_count(&self) -> usize {
        self.values_of_class.len()
    }

    /// Whether a value of the reference stands for a structure of the model.
    fn is_structure(&self, value: u16) -> bool {
        self.values_of_class
            .iter()
            .any(|values| values.contains(&value))
    }

    /// Whether a voxel with a value belongs to a class: to the background if it belongs
    /// to no structure.
    fn belongs(&self, value: u16, class: usize) -> bool {
        match self.is_foreground.get(class) {
            Some(true) => self.values_of_class(class).contains(&value),
            Some(false) => !self.is_structure(value),
            None => false,
        }
    }

    /// Whether each voxel of the region, x fastest, belongs to a class. Classes overlap
    /// where a value stands for several.
    pub fn class_voxels(&self, class: usize) -> Vec<bool> {
        let labels = self.labels.labels().iter();
        labels.map(|&value| self.belongs(value, class)).collect()
    }

    /// The reference as the target of an explanation: for each output channel its voxels
    /// on the model's grid, each from the nearest voxel of the region, in connected parts
    /// numbered as those of [`TargetMasks::from_logits`].
    ///
    /// Errors: a network's input that was prepared for another region.
    pub fn targets(&self, prepared: &Prepared) -> Result<TargetMasks, EngineError> {
        let labels = prepared.values_from_region(self.labels.labels())?;
        let (x, y, z) = labels.dim();
        let mut masks = Array4::from_elem((self.is_foreground.len(), x, y, z), false);
        for (class, mut mask) in masks.axis_iter_mut(Axis(0)).enumerate() {
            mask.zip_mut_with(&labels, |voxel, &value| *voxel = self.belongs(value, class));
        }
        Ok(TargetMasks::from_masks(&masks))
    }

    /// How a segmentation of the same region agrees with the reference: one entry for
    /// each structure of the model.
    ///
    /// Errors: a segmentation of another region.
    pub fn agreement(
        &self,
        study: &Study,
        segmentation: &Segmentation,
    ) -> Result<Vec<ClassAgreement>, EngineError> {
        study
            .foreground()
            .map(|class| {
                let values = self.values_of_class(class);
                let agreement = match values {
                    [] => None,
                    _ => Some(self.class_agreement(study, segmentation, class)?),
                };
                Ok(ClassAgreement {
                    class,
                    reference_labels: values.to_vec(),
                    agreement,
                })
            })
            .collect()
    }

    fn class_agreement(
        &self,
        study: &Study,
        segmentation: &Segmentation,
        class: usize,
    ) -> Result<Agreement, EngineError> {
        let description = study.bundle.description();
        // Classes that overlap cover each other in the label map.
        let covered = match description.activation {
            Activation::Softmax => None,
            Activation::Sigmoid => {
                let voxels = description.class_voxels(segmentation.logits.view(), class);
                Some(segmentation.prepared.labels_to_region(&voxels)?)
            }
        };
        let (map, label) = match &covered {
            Some(map) => (map, 1),
            None => (&segmentation.labels, description.label_of_class(class)),
        };
        if map.grid().dims() != self.labels.grid().dims() {
            return Err(EngineError::Grid(crate::base::GridError::OutsideScan));
        }
        let (found, reference) = (map.labels(), self.labels.labels());
        let wanted = self.values_of_class(class);
        Ok(Agreement::of(
            self.labels.grid(),
            |index| found.get(index).is_some_and(|&l| usize::from(l) == label),
            |index| reference.get(index).is_some_and(|l| wanted.contains(l)),
        ))
    }

    /// What of the reference's structures lies in the scan and outside the region.
    fn outside_note(&self, on_scan: &LabelMap, in_region: &LabelMap) -> Option<String> {
        let count = |map: &LabelMap| -> usize {
            (0..)
                .zip(map.counts())
                .filter(|&(value, _)| self.is_structure(value))
                .map(|(_, count)| count)
                .sum()
        };
        let outside = count(on_scan).saturating_sub(count(in_region));
        let volume_ml = outside as f64 * on_scan.grid().voxel_volume_mm3() / 1000.0;
        (outside > 0).then(|| {
            format!(
                "{volume_ml:.2} mL of the reference's structures lie outside the region and are \
                 not looked at"
            )
        })
    }
}

/// Whether the reference had to be brought onto the scan's grid, and what it leaves out.
fn place_notes(from: &Grid, scan: &Grid, covered: f64) -> Vec<String> {
    let mut notes = Vec::new();
    if !from.same_place(scan) {
        notes.push(format!(
            "the reference lies on another grid ({}; the scan has {}) and was brought onto the \
             scan's by the nearest label, by place in the body",
            in_words(from),
            in_words(scan)
        ));
    }
    if covered < 1.0 {
        notes.push(format!(
            "the reference covers {:.1} % of the region; what it does not cover counts as \
             background",
            // So that what is not whole never reads as 100.
            (covered * 1000.0).floor() / 10.0
        ));
    }
    notes
}

fn in_words(grid: &Grid) -> String {
    let [nx, ny, nz] = grid.dims();
    let [sx, sy, sz] = grid.spacing_mm();
    let letters = Orientation::of(grid).letters();
    format!("{nx} × {ny} × {nz} voxels of {sx:.3} × {sy:.3} × {sz:.3} mm, {letters}")
}

/// Numbers as a text such as `1, 2, 4`; of many the first.
fn listed(values: &[u16]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = values.iter().take(SHOWN).map(u16::to_string).collect();
    let more = values.len().saturating_sub(SHOWN);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
