//! What was added to a study: a label map, a second scan, and what the network segments
//! with the relevance mask alone and without it.

use std::sync::Arc;

use crate::base::colour::{Rgb, class_colour};
use crate::engine::{Comparison, LabelOverlay, ScanOverlay, Study};
use crate::gpu::ClassStyle;
use crate::ui::layers::Layer;
use crate::volume::LabelMap;

/// Overlays of the open study.
#[derive(Debug, Default)]
pub struct Overlays {
    pub reference: Option<Arc<LabelOverlay>>,
    /// How the reference meets the study and its segmentation, once that is known.
    pub comparison: Option<Arc<Comparison>>,
    pub second_scan: Option<Arc<ScanOverlay>>,
    pub kept: Option<Arc<LabelMap>>,
    pub removed: Option<Arc<LabelMap>>,
    /// Name of the file that is being opened.
    pub opening: Option<String>,
}

impl Overlays {
    /// Where the labels of a layer are.
    pub fn labels(&self, layer: Layer) -> Option<&LabelMap> {
        match layer {
            Layer::Reference => self.reference.as_ref().map(|overlay| &overlay.file.map),
            Layer::Kept => self.kept.as_deref(),
            Layer::Removed => self.removed.as_deref(),
            _ => None,
        }
    }

    /// What a reference's value is called.
    pub fn reference_name(&self, study: &Study, value: u16) -> String {
        if let Some(name) = self
            .reference
            .as_ref()
            .and_then(|overlay| overlay.names.get(&value))
        {
            return name.clone();
        }
        self.class_of_value(value).map_or_else(
            || format!("label {value}"),
            |class| study.class_name(class).to_owned(),
        )
    }

    /// The class with the fewest values that a value of the reference stands for.
    fn class_of_value(&self, value: u16) -> Option<usize> {
        let reference = self.comparison.as_ref()?.reference.as_ref().ok()?;
        (0..reference.class_count())
            .filter(|&class| reference.values_of_class(class).contains(&value))
            .min_by_key(|&class| reference.values_of_class(class).len())
    }

    /// Colours of the reference's values: those of the classes they stand for.
    pub fn reference_styles(&self, study: &Study) -> Vec<ClassStyle> {
        let largest = self.reference.as_ref().map_or(0, |overlay| overlay.largest);
        let colour = |value: u16| {
            let class = self.class_of_value(value);
            class
                .and_then(|class| study.classes().get(class))
                .map_or_else(|| class_colour(usize::from(value)), |class| class.colour)
        };
        (0..=largest)
            .map(|value| ClassStyle {
                colour: if value == 0 {
                    Rgb([0; 3])
                } else {
                    colour(value)
                },
                opacity: 1.0,
                visible: value > 0,
            })
            .collect()
    }
}
