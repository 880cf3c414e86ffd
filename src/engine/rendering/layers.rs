//! What is drawn: a scan with its structures and its evidence.

use std::path::Path;
use std::sync::Arc;

use glam::DVec3;

use super::super::{EngineError, Study, evidence_sign, folder};
use crate::base::colour::{Rgb, class_colour};
use crate::base::{CancelToken, WorldBox};
use crate::explain::relevance_mask::{MaskRule, SignedMaskRule};
use crate::gpu::{ClassStyle, MaskCut, OverlayStyle, PlayerSample};
use crate::io;
use crate::model::BundleDescription;
use crate::report::{self, PlayerRow};
use crate::volume::{LabelMap, Volume};

/// Half the width of a 95 % interval in standard errors, where runs are many.
const INTERVAL_FACTOR: f64 = 1.96;

/// A scan and what lies over it.
#[derive(Debug, Clone)]
pub struct Layers {
    pub scan: Arc<Volume>,
    pub segmentation: Option<LabelMap>,
    /// Styles by label of the segmentation.
    pub classes: Vec<ClassStyle>,
    pub evidence: Option<EvidenceLayers>,
    /// The region that was segmented or explained.
    pub region: Option<WorldBox>,
}

/// Supervoxels with what is known of them for one class.
#[derive(Debug, Clone)]
pub struct EvidenceLayers {
    pub class: String,
    /// What a SHAP value is a share of, for example `Dice`.
    pub unit: String,
    pub supervoxels: LabelMap,
    /// By supervoxel id minus one.
    pub players: Vec<PlayerSample>,
    /// The |SHAP value| drawn at full strength.
    pub heat_scale: f64,
    /// Which players the relevance mask holds.
    pub mask: Option<MaskCut>,
    /// The middle of the most relevant supervoxel.
    pub focus_mm: DVec3,
}

impl Layers {
    /// A scan alone.
    pub fn of_scan(scan: Arc<Volume>) -> Self {
        Self {
            scan,
            segmentation: None,
            classes: Vec::new(),
            evidence: None,
            region: None,
        }
    }

    /// Adds a label map that was read from a file; each label gets a colour of its own.
    pub fn add_labels(&mut self, path: &Path, cancel: &CancelToken) -> Result<(), EngineError> {
        let labels = open_labels(path, cancel)?;
        let largest = labels.labels().iter().copied().max().unwrap_or(0);
        self.classes = (0..=usize::from(largest))
            .map(|label| style(label.checked_sub(1).map(class_colour)))
            .collect();
        self.segmentation = Some(labels);
        Ok(())
    }

    /// Adds what the network found in a study.
    pub fn add_segmentation(&mut self, study: &Study, labels: &LabelMap) {
        self.classes = study.label_colours().into_iter().map(style).collect();
        self.segmentation = Some(labels.clone());
        self.region = Some(study.region);
    }

    /// Adds an explanation that was written into a folder: of one class by its name, or of
    /// the first.
    pub fn add_explanation(
        &mut self,
        folder: &Path,
        class: Option<&str>,
        cancel: &CancelToken,
    ) -> Result<(), EngineError> {
        let provenance = report::Explanation::read(&folder.join(folder::PROVENANCE))?;
        let known = || {
            let names = provenance.classes.iter().map(|class| class.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let found = match class {
            Some(name) => provenance
                .classes
                .iter()
                .position(|class| class.name.eq_ignore_ascii_case(name)),
            None => (!provenance.classes.is_empty()).then_some(0),
        };
        let no_such_class = || EngineError::NoSuchClass {
            name: class.unwrap_or_default().to_owned(),
            known: known(),
        };
        let class = found
            .and_then(|index| provenance.classes.get(index))
            .ok_or_else(no_such_class)?
            .name
            .clone();
        if let Ok(description) =
            serde_json::from_value::<BundleDescription>(provenance.bundle.description.clone())
        {
            self.classes = class_styles(&description);
        }
        let open = |name: &str| open_labels(&folder.join(name), cancel);
        self.segmentation = Some(open(folder::SEGMENTATION)?);
        let supervoxels = open(folder::SUPERVOXELS)?;
        let rows: Vec<PlayerRow> = report::read_players(&folder.join(folder::PLAYERS))?
            .into_iter()
            .filter(|row| row.class == class)
            .collect();
        let strongest = rows
            .iter()
            .max_by(|a, b| a.shap_value.total_cmp(&b.shap_value))
            .ok_or_else(no_such_class)?;
        let mask = provenance
            .classes
            .iter()
            .find(|result| result.name == class)
            .and_then(|result| result.mask.as_ref())
            .and_then(|mask| mask_of(&rows, mask.rule.parse().ok()?, mask.supervoxels));
        self.region = Some(provenance.region_mm);
        self.evidence = Some(EvidenceLayers {
            unit: provenance.parameters.value_unit,
            focus_mm: strongest.centroid_mm.into(),
            heat_scale: rows
                .iter()
                .map(|row| row.shap_value.abs())
                .fold(1e-9, f64::max),
            mask,
            players: samples(&rows),
            supervoxels,
            class,
        });
        Ok(())
    }

    /// How the layers are drawn at first.
    pub fn overlay(&self) -> OverlayStyle {
        let evidence = self.evidence.as_ref();
        OverlayStyle {
            segmentation_fill: if evidence.is_some() { 0.35 } else { 0.85 },
            heat_scale: evidence.map_or(1.0, |evidence| evidence.heat_scale as f32),
            mask: evidence.and_then(|evidence| evidence.mask),
            ..OverlayStyle::default()
        }
    }
}

fn open_labels(path: &Path, cancel: &CancelToken) -> Result<LabelMap, EngineError> {
    let opened = io::open_volume(path, &mut |_| {}, cancel)?;
    Ok(LabelMap::from_volume(&opened.volume)?)
}

fn style(colour: Option<Rgb>) -> ClassStyle {
    ClassStyle {
        colour: colour.unwrap_or(Rgb([0; 3])),
        opacity: 1.0,
        visible: colour.is_some(),
    }
}

/// Styles by label of what a bundle's network finds.
fn class_styles(description: &BundleDescription) -> Vec<ClassStyle> {
    let mut styles = Vec::new();
    for (class, described) in description.classes.iter().enumerate() {
        let label = description.label_of_class(class);
        styles.resize(styles.len().max(label + 1), style(None));
        if let Some(slot) = styles.get_mut(label).filter(|_| label > 0) {
            *slot = style(Some(described.colour));
        }
    }
    styles
}

/// Samples by supervoxel id minus one; ids without a row are unknown.
fn samples(rows: &[PlayerRow]) -> Vec<PlayerSample> {
    let count = rows.iter().map(|row| row.id as usize).max().unwrap_or(0);
    let mut samples = vec![PlayerSample::default(); count.min(usize::from(u16::MAX))];
    for row in rows {
        let slot = (row.id as usize)
            .checked_sub(1)
            .and_then(|player| samples.get_mut(player));
        if let Some(slot) = slot {
            *slot = PlayerSample {
                value: Some(row.shap_value as f32),
                interval_half_width: row
                    .standard_error
                    .map(|error| (error * INTERVAL_FACTOR) as f32),
            };
        }
    }
    samples
}

/// The mask of a number of the most relevant supervoxels, by what its rule counts as
/// relevant.
fn mask_of(rows: &[PlayerRow], rule: SignedMaskRule, supervoxels: u32) -> Option<MaskCut> {
    let mut strengths: Vec<f64> = rows
        .iter()
        .map(|row| rule.sign.strength(row.shap_value))
        .collect();
    strengths.sort_by(|a, b| b.total_cmp(a));
    let last = strengths.get((supervoxels as usize).checked_sub(1)?)?;
    let certain = rule.rule == MaskRule::IntervalAboveZero;
    Some(MaskCut {
        sign: evidence_sign(rule.sign),
        threshold: if certain { 0.0 } else { *last as f32 },
        certain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u32, shap_value: f64) -> PlayerRow {
        PlayerRow {
            id,
            class: "one".to_owned(),
            volume_mm3: 1.0,
            centroid_mm: [0.0; 3],
            shap_value,
            standard_error: Some(0.1),
            share: 0.0,
        }
    }

    #[test]
    fn samples_stand_at_their_ids() {
        let rows = [row(4, 0.5), row(1, -0.25)];
        let samples = samples(&rows);
        assert_eq!(samples.len(), 4);
        assert_eq!(samples[3].value, Some(0.5));
        assert_eq!(samples[0].value, Some(-0.25));
        assert_eq!(samples[1], PlayerSample::default());
        assert!((samples[3].interval_half_width.unwrap() - 0.196).abs() < 1e-6);
    }

    #[test]
    fn the_mask_holds_as_many_as_it_did() {
        let rows = [row(1, 0.1), row(2, 0.9), row(3, -0.4), row(4, 0.3)];
        let held = |rule: &str, supervoxels| {
            let mask = mask_of(&rows, rule.parse().unwrap(), supervoxels);
            let samples = samples(&rows);
            samples
                .iter()
                .filter(|s| mask.is_some_and(|mask| mask.holds(s)))
                .count()
        };
        assert_eq!(held("players:2", 2), 2);
        assert_eq!(held("players:1:negative", 1), 1);
        assert_eq!(held("largest:30%:absolute", 3), 3);
        assert_eq!(held("top:10%", 0), 0);
        assert_eq!(held("top:10%", 9), 0);
    }
}
